//! How large the database is, and what in it is largest. Nothing to worry about by itself: other findings are read
//! against it.

use common::{Reason, health::Evidence, units};

use super::{
    Ask, Check, Context, Verdict,
    relation::{Relation, part_of},
};
use crate::rows::{Answer, Row};

pub(super) const CHECK: Check = Check {
    id: "sizes",
    title: "Size",
    unit: "bytes",
    threshold: None,
    why: "What grows unnoticed fills a disk, and a full disk stops the server.",
    docs_url: "https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-DBSIZE",
    ask: |_| Ask::sql(SQL),
    judge,
};

/// Ranked by what the last VACUUM or ANALYZE wrote down; only the largest are looked at on disk, and none that
/// somebody has locked: that would wait. A table that was never vacuumed is ranked by its rows.
const SQL: &str = "\
with locked as materialized (
  select l.relation
    from pg_locks l
   where l.mode = 'AccessExclusiveLock'
     and l.database = (select d.oid from pg_database d where d.datname = current_database())
), subjects as materialized (
  select c.oid, c.relname, c.relkind, c.relpages, c.reltoastrelid, n.nspname
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
   where c.relkind in ('r', 'm', 'i')
     and c.relpersistence <> 't'
     and n.nspname !~ '^pg_'
     and n.nspname <> 'information_schema'
), largest as (
  (select s.*
     from subjects s
     left join pg_class t on t.oid = s.reltoastrelid
    where s.relkind <> 'i'
    order by case when s.relpages > 0 then s.relpages + coalesce(t.relpages, 0)
                  else pg_stat_get_live_tuples(s.oid) / 100
             end desc
    limit 6)
  union all
  (select s.*
     from subjects s
    where s.relkind = 'i'
    order by s.relpages desc
    limit 4)
)
select null as kind, null as schema_name, null as name, null as parent_schema, null as parent_name,
       pg_database_size(current_database()) as bytes, null::int8 as heap_bytes
union all
select s.relkind, s.nspname, s.relname, pn.nspname, p.relname,
       case when not l.locked then pg_total_relation_size(s.oid) end,
       case when not l.locked and s.relkind <> 'i' then pg_table_size(s.oid) end
  from largest s
 cross join lateral (
   select exists (select from locked x
                   where x.relation in (s.oid, s.reltoastrelid)
                      or x.relation in (select i.indexrelid from pg_index i
                                         where i.indrelid in (s.oid, s.reltoastrelid))) as locked
 ) l
  left join pg_inherits h on h.inhrelid = s.oid and h.inhseqno = 1
  left join pg_class p on p.oid = h.inhparent
  left join pg_namespace pn on pn.oid = p.relnamespace";

fn judge(answer: &Answer, _: &mut Context<'_>) -> Result<Verdict, Reason> {
    let bytes: i64 = answer
        .one()?
        .number("bytes")
        .filter(|bytes| *bytes >= 0)
        .ok_or_else(|| Reason::new("the server's answer is not what was asked for"))?;
    let mut largest: Vec<Sized> = answer.rows().skip(1).filter_map(Sized::from_row).collect();
    largest.sort_by_key(|one| std::cmp::Reverse(one.bytes));
    Ok(verdict(bytes, &largest))
}

struct Sized {
    relation: Relation,
    index: bool,
    /// With its indexes and what is stored apart (TOAST).
    bytes: i64,
    heap_bytes: Option<i64>,
    part_of: String,
}

impl Sized {
    fn from_row(row: Row<'_>) -> Option<Self> {
        Some(Self {
            relation: Relation::read(row, "schema_name", "name")?,
            index: row.text("kind")? == "i",
            bytes: row.number("bytes").filter(|bytes| *bytes > 0)?,
            heap_bytes: row.number("heap_bytes"),
            part_of: part_of(row),
        })
    }
}

fn verdict(bytes: i64, largest: &[Sized]) -> Verdict {
    let evidence = largest.iter().map(|one| {
        let kind = if one.index { "index" } else { "table" };
        let indexes = match one.heap_bytes.map(|heap| one.bytes.saturating_sub(heap)) {
            Some(indexes) if !one.index && indexes > 0 => {
                format!(", {} of it in indexes", units::bytes(indexes))
            }
            _ => String::new(),
        };
        let detail = format!("{kind}, {}{indexes}{}", units::bytes(one.bytes), one.part_of);
        Evidence { subject: one.relation.shown(), detail, fix_sql: None }
    });
    Verdict::ok(bytes as f64, format!("The database takes {}.", units::bytes(bytes)))
        .with_evidence(evidence.collect())
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    #[test]
    fn a_size_is_never_a_finding_and_names_what_is_largest() {
        let large = |bytes, heap_bytes| Sized {
            relation: Relation::public("orders"),
            index: false,
            bytes,
            heap_bytes,
            part_of: "; part of public.all_orders".to_owned(),
        };
        let all = verdict(i64::MAX, &[large(3 << 20, Some(1 << 20)), large(i64::MAX, Some(i64::MIN))]);
        assert_eq!((all.status, all.points), (CheckStatus::Ok, 0));
        assert_eq!(
            all.evidence[0].detail,
            "table, 3.00 MB, 2.00 MB of it in indexes; part of public.all_orders"
        );
    }
}
