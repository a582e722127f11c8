//! The shape of a plan: which nodes, over which relations, by which indexes, in which order. Costs, estimates and
//! conditions are left out: they differ from day to day where the plan is the same.

use std::collections::HashSet;

/// Bytes of a shape: a plan over a thousand partitions is told by its beginning.
const MOST: usize = 16 * 1024;

struct Node {
    name: String,
    indent: usize,
    children: Vec<Node>,
}

/// The shape of a plan as `EXPLAIN` writes it in text, on one line: `Nested Loop [Seq Scan on a, Index Scan using i on
/// b]`. Equal for equal plans, also where a partition was added.
pub fn plan_shape(plan: &str) -> String {
    let mut lines = plan.lines();
    let root = Node { name: name(lines.next().unwrap_or_default()), indent: 0, children: Vec::new() };
    let mut open = vec![root];
    for line in lines {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        // Whatever stands as far left as a node ends it. The first one only ends with the plan.
        while open.len() > 1 && open.last().is_some_and(|node| node.indent >= indent) {
            close(&mut open);
        }
        if let Some(text) = text.strip_prefix("->") {
            open.push(Node { name: name(text), indent, children: Vec::new() });
        }
    }
    while open.len() > 1 {
        close(&mut open);
    }
    let mut shape = String::new();
    if let Some(root) = open.pop() {
        root.write(&mut shape);
    }
    if shape.len() > MOST {
        shape.truncate(shape.floor_char_boundary(MOST));
        shape.push('…');
    }
    shape
}

/// The node that was begun last is complete.
fn close(open: &mut Vec<Node>) {
    if let Some(node) = open.pop()
        && let Some(parent) = open.last_mut()
    {
        parent.children.push(node);
    }
}

/// What a line says of its node without the numbers. A name may hold what looks like them: the last ones are meant.
fn name(line: &str) -> String {
    line.rfind("  (cost=").map_or(line, |at| &line[..at]).trim().to_owned()
}

impl Node {
    fn write(&self, shape: &mut String) {
        shape.push_str(&self.name);
        if self.children.is_empty() || shape.len() > MOST {
            return;
        }
        shape.push_str(" [");
        for (at, child) in self.shapes_of_children().iter().enumerate() {
            if at > 0 {
                shape.push_str(", ");
            }
            shape.push_str(child);
        }
        shape.push(']');
    }

    /// Partitions that are scanned alike count once, whatever their numbers.
    fn shapes_of_children(&self) -> Vec<String> {
        let of = |child: &Self| {
            let mut shape = String::new();
            child.write(&mut shape);
            shape
        };
        let all = self.children.iter().map(of);
        if !self.name.contains("Append") {
            return all.collect();
        }
        let mut seen = HashSet::new();
        all.map(|shape| without_numbers(&shape)).filter(|shape| seen.insert(shape.clone())).collect()
    }
}

/// `#` for each run of digits.
fn without_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_ascii_digit() {
            true if out.ends_with('#') => {}
            true => out.push('#'),
            false => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_conditions_are_left_out_and_the_order_of_joins_stays() {
        let plan = "\
Hash Join  (cost=27.50..62.10 rows=7 width=36)
  Hash Cond: (b.a_id = a.id)
  ->  Seq Scan on b  (cost=0.00..30.40 rows=2040 width=8)
  ->  Hash  (cost=27.00..27.00 rows=7 width=36)
        ->  Bitmap Heap Scan on a  (cost=4.00..27.00 rows=7 width=36)
              Recheck Cond: (name = $1)
              ->  Bitmap Index Scan on a_name  (cost=0.00..4.20 rows=7 width=0)
                    Index Cond: (name = $1)
JIT:
  Functions: 12";
        let shape = "Hash Join [Seq Scan on b, Hash [Bitmap Heap Scan on a [Bitmap Index Scan on a_name]]]";
        assert_eq!(plan_shape(plan), shape);
        assert_eq!(plan_shape(&plan.replace("27.00", "31.00").replace("rows=7", "rows=9")), shape);
    }

    #[test]
    fn what_is_asked_apart_belongs_to_the_node_that_asks() {
        let plan = "\
Sort  (cost=1..2 rows=1 width=4)
  InitPlan 1
    ->  Result  (cost=0..1 rows=1 width=4)
  ->  Nested Loop  (cost=1..2 rows=1 width=4)
        ->  Seq Scan on a  (cost=1..2 rows=1 width=4)
        SubPlan 2
          ->  Seq Scan on b  (cost=1..2 rows=1 width=4)
  CTE x";
        assert_eq!(plan_shape(plan), "Sort [Result, Nested Loop [Seq Scan on a, Seq Scan on b]]");
    }

    #[test]
    fn another_partition_is_no_other_plan() {
        let of = |days: &[u32]| {
            let scans: Vec<String> = days
                .iter()
                .map(|day| format!("  ->  Seq Scan on p_2026_{day} p_{day}  (cost=1..2 rows=1 width=4)"))
                .collect();
            plan_shape(&format!("Append  (cost=1..2 rows=1 width=4)\n{}", scans.join("\n")))
        };
        assert_eq!(of(&[1, 2]), "Append [Seq Scan on p_#_# p_#]");
        assert_eq!(of(&[1, 2]), of(&[1, 2, 33]));
    }

    #[test]
    fn names_that_look_like_numbers_and_plans_that_are_none_do_no_harm() {
        assert_eq!(
            plan_shape("Seq Scan on \"x  (cost=1\"  (cost=0.00..1.00 rows=1 width=4)"),
            "Seq Scan on \"x  (cost=1\""
        );
        assert_eq!(plan_shape(""), "");
        assert_eq!(plan_shape("x\n->  a\n  ->  b\n->  c"), "x [a [b], c]");
        let deep: String = (0..400).map(|at| format!("{}-> é\n", " ".repeat(at))).collect();
        assert!(plan_shape(&deep).len() < 4000);
        let wide = format!("x{}", "\n  ->  éléphant".repeat(5000));
        assert!(plan_shape(&wide).len() <= MOST + 3);
    }
}
