//! Who waits for whom, as trees: at each root a session that waits for nobody, below it those that wait for it.

use std::collections::{BTreeMap, BTreeSet};

use super::sessions::Session;

/// A session that waits for a lock, or that holds one that somebody waits for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Party {
    pub(super) session: Session,
    /// Whom it waits for: process ids; 0 is a prepared transaction.
    pub(super) waits_for: Vec<i32>,
    pub(super) waited_s: Option<f64>,
}

impl Party {
    pub(super) fn waits(&self) -> bool {
        !self.waits_for.is_empty()
    }
}

/// One line of the trees.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line<'a> {
    pub(super) depth: usize,
    pub(super) pid: i32,
    /// `None` of a blocker of which nothing is known: a prepared transaction, or a session that has ended since.
    pub(super) party: Option<&'a Party>,
    /// Whom it waits for; `None` at a root.
    pub(super) waits_for: Option<i32>,
    /// How many wait because of it, directly or not.
    pub(super) blocks: usize,
}

/// The trees line by line, that which blocks most first. A session that waits for several stands below the first of
/// them. In a deadlock nobody is a root: then the one that has waited longest begins.
pub(super) fn lines(parties: &[Party]) -> Vec<Line<'_>> {
    let known: BTreeMap<i32, &Party> =
        parties.iter().filter_map(|party| Some((party.session.pid?, party))).collect();
    let mut below: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for (pid, party) in &known {
        for blocker in party.waits_for.iter().filter(|blocker| *blocker != pid) {
            below.entry(*blocker).or_default().push(*pid);
        }
    }
    let waited = |pid: &i32| known.get(pid).and_then(|party| party.waited_s).unwrap_or_default();
    for waiting in below.values_mut() {
        waiting.sort_by(|a, b| waited(b).total_cmp(&waited(a)).then(a.cmp(b)));
        waiting.dedup();
    }
    let mut roots: Vec<(i32, usize)> = below
        .keys()
        .filter(|pid| known.get(pid).is_none_or(|party| !party.waits()))
        .map(|pid| (*pid, reach(*pid, &below)))
        .collect();
    roots.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));

    let mut seen = BTreeSet::new();
    let mut lines = Vec::new();
    for (root, _) in &roots {
        walk(*root, &known, &below, &mut seen, &mut lines);
    }
    let mut left: Vec<i32> = known
        .iter()
        .filter(|(pid, party)| party.waits() && !seen.contains(*pid))
        .map(|(pid, _)| *pid)
        .collect();
    left.sort_by(|a, b| waited(b).total_cmp(&waited(a)).then(a.cmp(b)));
    for pid in left {
        walk(pid, &known, &below, &mut seen, &mut lines);
    }
    lines
}

fn walk<'a>(
    root: i32,
    known: &BTreeMap<i32, &'a Party>,
    below: &BTreeMap<i32, Vec<i32>>,
    seen: &mut BTreeSet<i32>,
    lines: &mut Vec<Line<'a>>,
) {
    // Depth first without recursion: a chain may be as long as the server says.
    let mut due = vec![(root, 0, None)];
    while let Some((pid, depth, waits_for)) = due.pop() {
        if !seen.insert(pid) {
            continue;
        }
        lines.push(Line {
            depth,
            pid,
            party: known.get(&pid).copied(),
            waits_for,
            blocks: reach(pid, below),
        });
        for waiting in below.get(&pid).into_iter().flatten().rev() {
            due.push((*waiting, depth + 1, Some(pid)));
        }
    }
}

/// How many wait because of `pid`.
fn reach(pid: i32, below: &BTreeMap<i32, Vec<i32>>) -> usize {
    let mut reached = BTreeSet::from([pid]);
    let mut due = vec![pid];
    while let Some(pid) = due.pop() {
        due.extend(below.get(&pid).into_iter().flatten().filter(|waiting| reached.insert(**waiting)));
    }
    reached.len() - 1
}

#[cfg(test)]
mod tests {
    use super::{super::sessions::tests::session, *};

    fn party(pid: i32, waits_for: &[i32], waited_s: f64) -> Party {
        let waited_s = (!waits_for.is_empty()).then_some(waited_s);
        Party { session: session(pid, 1.0), waits_for: waits_for.to_vec(), waited_s }
    }

    fn shape(parties: &[Party]) -> Vec<(usize, i32, usize)> {
        lines(parties).iter().map(|line| (line.depth, line.pid, line.blocks)).collect()
    }

    #[test]
    fn the_root_comes_first_and_below_it_those_that_wait() {
        let parties = [party(1, &[], 0.0), party(2, &[1], 5.0), party(3, &[2], 4.0), party(4, &[1], 9.0)];
        assert_eq!(shape(&parties), [(0, 1, 3), (1, 4, 0), (1, 2, 1), (2, 3, 0)]);
    }

    #[test]
    fn of_two_trees_the_larger_is_first() {
        let parties = [
            party(1, &[], 0.0),
            party(2, &[1], 5.0),
            party(8, &[], 0.0),
            party(9, &[8], 1.0),
            party(7, &[8], 1.0),
        ];
        assert_eq!(shape(&parties), [(0, 8, 2), (1, 7, 0), (1, 9, 0), (0, 1, 1), (1, 2, 0)]);
    }

    #[test]
    fn a_blocker_that_is_no_session_is_a_root_of_which_nothing_is_known() {
        let parties = [party(2, &[0], 5.0)];
        let lines = lines(&parties);
        assert_eq!((lines[0].pid, lines[0].party, lines[0].blocks), (0, None, 1));
        assert_eq!(lines[1].waits_for, Some(0));
    }

    #[test]
    fn a_circle_ends_and_begins_with_the_one_that_waits_longest() {
        let parties = [party(1, &[2], 3.0), party(2, &[1], 4.0), party(3, &[3], 1.0)];
        assert_eq!(shape(&parties), [(0, 2, 1), (1, 1, 1), (0, 3, 0)]);
    }
}
