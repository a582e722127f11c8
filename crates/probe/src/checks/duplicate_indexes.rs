//! Indexes that another one of the same table makes superfluous.

use common::{Reason, health::Evidence, units};

use super::{
    Ask, Check, Context, Verdict,
    relation::{Relation, all_fixes, counted, read_all},
};
use crate::rows::{Answer, Row};

pub(super) const CHECK: Check = Check {
    id: "duplicate-indexes",
    title: "Duplicate indexes",
    unit: "count",
    threshold: None,
    why: "Each write maintains both, and reads need only one.",
    docs_url: "https://www.postgresql.org/docs/current/indexes-intro.html",
    ask: |known| Ask::sql(if known.major() >= 15 { SQL_15 } else { SQL_13 }),
    judge,
};

const POINTS: u8 = 3;

/// Equal in table, method, columns, operator classes, collations, order, predicate and expressions; and, apart, those
/// whose columns are the first ones of another (`same` is false). One that is unique at once is never replaced by one that
/// is unique only in the end (DEFERRABLE): ON CONFLICT and foreign keys need the former. Kept is what a constraint or replication needs, then
/// what is unique, then what a partitioned index needs, then the older one. Indexes of partitions that belong to a
/// partitioned index are never named: their parent is. Expressions are compared as text, and only where all else is
/// equal.
macro_rules! duplicates {
    (nulls_equal: $nulls_equal:literal) => {
        concat!(
            "\
with indexes as materialized (
  select i.indexrelid, i.indrelid, c.relam, c.relname, c.relnamespace, c.relpages, c.relispartition, n.nspname,
         i.indkey::text || ' ' as keys, i.indclass::text || ' ' as classes, i.indcollation::text || ' ' as collations,
         i.indoption::text || ' ' as options, i.indnkeyatts, i.indnatts,
         i.indpred is null and i.indexprs is null as plain,
         i.indisunique, i.indimmediate, ",
            $nulls_equal,
            " as nulls_equal, i.indisprimary, i.indisreplident, i.indisclustered,
         exists (select from pg_constraint k where k.conindid = i.indexrelid) as constrained
    from pg_index i
    join pg_class c on c.oid = i.indexrelid and c.relpersistence <> 't'
    join pg_namespace n on n.oid = c.relnamespace
   where i.indisvalid
     and n.nspname !~ '^pg_'
     and n.nspname not in ('information_schema', '_timescaledb_internal')
     and i.indrelid in (select x.indrelid from pg_index x group by x.indrelid having count(*) > 1)
), pairs as (
  select a.*, b.indexrelid as kept, true as same
    from indexes a
    join indexes b
      on b.indrelid = a.indrelid and b.indexrelid <> a.indexrelid and b.relam = a.relam
     and b.keys = a.keys and b.classes = a.classes and b.collations = a.collations and b.options = a.options
     and b.indnkeyatts = a.indnkeyatts and b.plain = a.plain
     and (b.constrained, b.indisprimary, b.indisreplident, b.indisunique, b.relispartition, -b.indexrelid::int8)
       > (a.constrained, a.indisprimary, a.indisreplident, a.indisunique, a.relispartition, -a.indexrelid::int8)
   where (not a.indisunique or (b.indisunique and b.indimmediate >= a.indimmediate and b.nulls_equal = a.nulls_equal))
  union all
  select a.*, b.indexrelid, false
    from indexes a
    join indexes b
      on b.indrelid = a.indrelid and b.relam = a.relam and b.indnkeyatts > a.indnkeyatts
     and starts_with(b.keys, a.keys) and starts_with(b.classes, a.classes)
     and starts_with(b.collations, a.collations) and starts_with(b.options, a.options)
    join pg_am m on m.oid = a.relam and m.amname = 'btree'
   where a.plain and b.plain and not a.indisunique and a.indnatts = a.indnkeyatts
), redundant as (
  select distinct on (p.indexrelid) p.*
    from pairs p
   where not p.constrained and not p.indisreplident and not p.indisclustered and not p.relispartition
     and (p.plain or exists (
       select from pg_index a, pg_index b
        where a.indexrelid = p.indexrelid and b.indexrelid = p.kept
          and pg_get_expr(a.indexprs, a.indrelid) is not distinct from pg_get_expr(b.indexprs, b.indrelid)
          and pg_get_expr(a.indpred, a.indrelid) is not distinct from pg_get_expr(b.indpred, b.indrelid)))
   order by p.indexrelid, p.same desc
)
select r.nspname as schema_name, r.relname as name, tn.nspname as table_schema, t.relname as table_name,
       kn.nspname as kept_schema, k.relname as kept_name, r.same, t.relkind = 'p' as partitioned,
       r.relpages * current_setting('block_size')::int8 as bytes,
       count(*) filter (where r.same) over () as duplicates, count(*) filter (where not r.same) over () as prefixes
  from redundant r
  join pg_class t on t.oid = r.indrelid
  join pg_namespace tn on tn.oid = t.relnamespace
  join pg_class k on k.oid = r.kept
  join pg_namespace kn on kn.oid = k.relnamespace
 order by r.same desc, r.relpages desc, r.indexrelid
 limit 10"
        )
    };
}

const SQL_13: &str = duplicates!(nulls_equal: "false");
/// From 15 on a unique index may take nulls as equal.
const SQL_15: &str = duplicates!(nulls_equal: "i.indnullsnotdistinct");

fn judge(answer: &Answer, _: &mut Context<'_>) -> Result<Verdict, Reason> {
    let indexes = read_all(answer, Index::from_row)?;
    let count = |column| answer.first().and_then(|row| row.number(column)).unwrap_or(0);
    Ok(verdict(count("duplicates"), count("prefixes"), &indexes))
}

struct Index {
    relation: Relation,
    table: Relation,
    kept: Relation,
    /// Equal to the one that is kept, not only the beginning of it.
    same: bool,
    partitioned: bool,
    bytes: i64,
}

impl Index {
    fn from_row(row: Row<'_>) -> Option<Self> {
        Some(Self {
            relation: Relation::read(row, "schema_name", "name")?,
            table: Relation::read(row, "table_schema", "table_name")?,
            kept: Relation::read(row, "kept_schema", "kept_name")?,
            same: row.flag("same")?,
            partitioned: row.flag("partitioned")?,
            bytes: row.number("bytes")?,
        })
    }

    fn evidence(&self) -> Evidence {
        let kept = self.kept.shown();
        let how = match self.same {
            true => format!("the same as {kept}"),
            false => format!("its columns are the first ones of {kept}"),
        };
        let size =
            if self.bytes > 0 { format!(", about {}", units::bytes(self.bytes)) } else { String::new() };
        let index = self.relation.in_sql().filter(|_| self.same);
        // An index of a partitioned table cannot be dropped concurrently.
        let how_to_drop = if self.partitioned { "DROP INDEX" } else { "DROP INDEX CONCURRENTLY" };
        Evidence {
            subject: self.relation.shown(),
            detail: format!("on {}{size}: {how}", self.table.shown()),
            fix_sql: index.map(|index| format!("{how_to_drop} {index};")),
        }
    }
}

fn verdict(duplicates: i64, prefixes: i64, indexes: &[Index]) -> Verdict {
    let seen = indexes.iter().filter(|index| index.same).count() as i64;
    let duplicates = duplicates.max(seen);
    let prefixes = prefixes.max(indexes.len() as i64 - seen);
    let evidence: Vec<Evidence> = indexes.iter().map(Index::evidence).collect();
    let beginnings = match prefixes {
        0 => String::new(),
        _ => format!(
            " {} the beginning of another: mostly superfluous too, unless the larger one is slower to read.",
            counted(prefixes, "index is", "indexes are")
        ),
    };
    if duplicates == 0 {
        let detail = format!("No index is the same as another.{beginnings}");
        return match prefixes {
            0 => Verdict::ok(0.0, detail),
            _ => Verdict::info(0.0, detail).with_evidence(evidence),
        };
    }
    let detail =
        format!("{} the same as another.{beginnings}", counted(duplicates, "index is", "indexes are"));
    let fix = all_fixes(&evidence);
    let mut verdict = Verdict::warning(POINTS, duplicates as f64, detail).with_evidence(evidence);
    verdict.fix_sql = fix;
    verdict
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    fn index(same: bool) -> Index {
        Index {
            relation: Relation::public("b"),
            table: Relation::public("t"),
            kept: Relation::public("a"),
            same,
            partitioned: false,
            bytes: 16_384,
        }
    }

    #[test]
    fn the_same_twice_is_a_warning_and_a_beginning_is_for_information() {
        let found = verdict(1, 0, &[index(true)]);
        assert_eq!((found.status, found.value, found.points), (CheckStatus::Warning, Some(1.0), 3));
        assert_eq!(found.fix_sql.as_deref(), Some("DROP INDEX CONCURRENTLY \"public\".\"b\";"));
        assert_eq!(found.evidence[0].detail, "on public.t, about 16.0 kB: the same as public.a");
        let found = verdict(0, 1, &[index(false)]);
        assert_eq!((found.status, found.points), (CheckStatus::Info, 0));
        assert_eq!((found.fix_sql, found.evidence[0].fix_sql.clone()), (None, None));
        assert_eq!(verdict(0, 0, &[]).status, CheckStatus::Ok);
    }

    #[test]
    fn an_index_of_a_partitioned_table_is_dropped_as_that_can_be() {
        let found = verdict(1, 0, &[Index { partitioned: true, ..index(true) }]);
        assert_eq!(found.fix_sql.as_deref(), Some("DROP INDEX \"public\".\"b\";"));
    }

    #[test]
    fn counts_that_make_no_sense_are_at_least_what_was_seen() {
        let found = verdict(i64::MIN, i64::MIN, &[Index { bytes: i64::MIN, ..index(true) }]);
        assert_eq!((found.status, found.value), (CheckStatus::Warning, Some(1.0)));
    }
}
