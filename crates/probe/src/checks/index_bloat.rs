//! Space in B-tree indexes that holds no entries. Pages that are half empty are never joined again: only a rebuild
//! makes such an index small.

use common::Reason;

use super::{
    Ask, Check, Context, Verdict,
    bloat::{
        self, CRITICAL, Estimate, Looked, PAGE_HEADER, ROW_POINTER, WARNING, Words, any_null, columns,
        row_width,
    },
    check::limits,
    relation::{Relation, read_all},
};
use crate::rows::{Answer, Row};

pub(super) const CHECK: Check = Check {
    id: "index-bloat",
    title: "Index bloat (estimate)",
    unit: "ratio",
    threshold: limits(WARNING, CRITICAL),
    why: "A bloated index takes more reads for each look-up, and more of the cache.",
    docs_url: "https://www.postgresql.org/docs/current/routine-reindex.html",
    ask: |_| Ask::sql(SQL),
    judge,
};

/// As for tables: the largest 200, of those the ones of 10 MB and more. What an index holds of a column is as wide as
/// the column; what it holds of an expression has statistics under the index's own name.
const SQL: &str = "\
with locked as materialized (
  select l.relation
    from pg_locks l
   where l.mode = 'AccessExclusiveLock'
     and l.database = (select d.oid from pg_database d where d.datname = current_database())
), largest as materialized (
  select c.oid, c.relname, c.reltuples, c.reloptions, n.nspname, i.indrelid, i.indkey::int2[] as indkey,
         i.indpred is not null as partial
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join pg_am m on m.oid = c.relam and m.amname = 'btree'
    join pg_index i on i.indexrelid = c.oid and i.indisvalid
   where c.relkind = 'i'
     and c.relpersistence <> 't'
     and c.relpages > 0
     and n.nspname !~ '^pg_'
     and n.nspname <> 'information_schema'
     and not exists (select from locked l where l.relation in (c.oid, i.indrelid))
   order by c.relpages desc
   limit 200
), measured as materialized (
  select i.*, pg_relation_size(i.oid) as bytes from largest i
)
select i.nspname as schema_name, i.relname as name, i.bytes,
       tn.nspname as table_schema, t.relname as table_name,
       case when i.partial then i.reltuples
            else greatest(i.reltuples, t.reltuples, pg_stat_get_live_tuples(i.indrelid))
       end::float8 as rows,
       (select x.option_value::float8 from pg_options_to_table(i.reloptions) x
         where x.option_name = 'fillfactor') as fillfactor,
       has_table_privilege(i.indrelid, 'select') as readable,
       a.columns
  from measured i
  join pg_class t on t.oid = i.indrelid
  join pg_namespace tn on tn.oid = t.relnamespace
 cross join lateral (
   select string_agg(concat_ws(':', a.attlen, a.attalign, s.null_frac, s.avg_width), ' ' order by a.attnum) as columns
     from pg_attribute a
     left join pg_attribute o on o.attrelid = i.indrelid and o.attnum = i.indkey[a.attnum - 1] and o.attnum > 0
     left join lateral (
       select x.null_frac, x.avg_width
         from pg_stats x
        where x.schemaname = tn.nspname
          and x.tablename = t.relname
          and x.attname = o.attname
          and not x.inherited
        union all
       select x.null_frac, x.avg_width
         from pg_stats x
        where o.attname is null
          and x.schemaname = i.nspname
          and x.tablename = i.relname
          and x.attname = a.attname
          and not x.inherited
     ) s on true
    where a.attrelid = i.oid
      and a.attnum > 0
 ) a
 where i.bytes >= 10485760";

const WORDS: Words = Words {
    one: "index",
    many: "indexes",
    advice: "REINDEX CONCURRENTLY builds it anew beside the old one, without a lock that readers or writers wait for.",
};

/// Of an entry (`IndexTupleData`), without and with a map of nulls.
const ENTRY_HEADER: f64 = 8.0;
const ENTRY_HEADER_WITH_NULLS: f64 = 16.0;
/// At the end of each page (`BTPageOpaqueData`).
const PAGE_SPECIAL: f64 = 16.0;
const USUAL_FILLFACTOR: f64 = 90.0;
/// The pages above the leaves, as a part of those: one entry there for each page below.
const INNER_PAGES: f64 = 0.01;

fn judge(answer: &Answer, context: &mut Context<'_>) -> Result<Verdict, Reason> {
    let block = context.known.block_size.unwrap_or(8192) as f64;
    let indexes = read_all(answer, |row| looked(row, block))?;
    bloat::verdict(&WORDS, &indexes, context.known)
}

fn looked(row: Row<'_>, block: f64) -> Option<Looked> {
    let relation = Relation::read(row, "schema_name", "name")?;
    let list = row.text("columns");
    let estimate = match list.as_deref().and_then(columns) {
        Some(columns) => estimate(
            row.finite("rows").unwrap_or(-1.0),
            &columns,
            row.finite("fillfactor").unwrap_or(USUAL_FILLFACTOR),
            block,
        ),
        None if row.flag("readable") == Some(false) => Estimate::Hidden,
        None => Estimate::Unknown,
    };
    let table = Relation::read(row, "table_schema", "table_name");
    Some(Looked {
        fix_sql: relation.in_sql().map(|index| format!("REINDEX INDEX CONCURRENTLY {index};")),
        relation,
        belongs: table.map(|table| format!("; on {}", table.shown())).unwrap_or_default(),
        bytes: row.number("bytes")?,
        estimate,
    })
}

/// Equal keys that PostgreSQL has put together (deduplication, from 13 on) take less than this says: then bloat is
/// underestimated, never seen where there is none.
fn estimate(rows: f64, columns: &[bloat::Column], fillfactor: f64, block: f64) -> Estimate {
    if rows < 0.0 || block <= PAGE_HEADER + PAGE_SPECIAL {
        return Estimate::Unknown;
    }
    let header = if any_null(columns) { ENTRY_HEADER_WITH_NULLS } else { ENTRY_HEADER };
    let entry = row_width(header, columns) + ROW_POINTER;
    let usable = (block - PAGE_HEADER - PAGE_SPECIAL) * fillfactor.clamp(10.0, 100.0) / 100.0;
    let leaves = rows / (usable / entry).floor().max(1.0);
    bloat::pages(1.0 + leaves * (1.0 + INNER_PAGES), block)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_a_bigint_fit_366_to_a_page() {
        // As PostgreSQL builds it: 8152 × 0.9 / (8 + 8 + 4) = 366
        let key = columns("8:d:0:8").unwrap();
        assert_eq!(estimate(366_000.0, &key, 90.0, 8192.0), Estimate::Bytes(1011.0 * 8192.0));
        let nullable = columns("8:d:0.5:8").unwrap();
        // 8 + 8 + 4 on average, aligned, and the pointer: 7336 / 28 = 262
        assert_eq!(estimate(262.0, &nullable, 90.0, 8192.0), Estimate::Bytes(3.0 * 8192.0));
    }

    #[test]
    fn numbers_that_make_no_sense_are_no_estimate_and_no_panic() {
        let key = columns("8:d:0:8").unwrap();
        assert_eq!(estimate(-1.0, &key, 90.0, 8192.0), Estimate::Unknown);
        assert_eq!(estimate(5.0, &key, 90.0, -8192.0), Estimate::Unknown);
        assert_eq!(estimate(f64::MAX, &key, f64::NAN, 8192.0), Estimate::Unknown);
    }

    #[test]
    fn the_sql_looks_at_what_is_worth_a_look() {
        assert!(SQL.ends_with(&super::super::relation::WORTH_A_LOOK_BYTES.to_string()));
    }
}
