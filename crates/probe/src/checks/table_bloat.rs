//! Space in tables that holds no rows: what updates and deletes left, and VACUUM could not give back.

use common::Reason;

use super::{
    Ask, Check, Context, Verdict,
    bloat::{
        self, CRITICAL, Estimate, Looked, PAGE_HEADER, ROW_POINTER, WARNING, Words, align_up, any_null,
        columns, row_width,
    },
    check::limits,
    relation::{Relation, part_of, read_all},
};
use crate::rows::{Answer, Row};

pub(super) const CHECK: Check = Check {
    id: "table-bloat",
    title: "Table bloat (estimate)",
    unit: "ratio",
    threshold: limits(WARNING, CRITICAL),
    why: "Every scan reads the empty space with the rest, and it crowds out of the cache what is needed.",
    docs_url: "https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-SPACE-RECOVERY",
    ask: |_| Ask::sql(SQL),
    judge,
};

/// The largest 200 by the last VACUUM or ANALYZE, of those the ones of 10 MB and more, and only their columns: the
/// condition by name goes through the index of `pg_class`, and the rest of `pg_stats` is not read. None that somebody
/// has locked: that would wait.
const SQL: &str = "\
with locked as materialized (
  select l.relation
    from pg_locks l
   where l.mode = 'AccessExclusiveLock'
     and l.relation is not null
     and l.database = (select d.oid from pg_database d where d.datname = current_database())
), largest as materialized (
  select c.oid, c.relname, n.nspname, c.reltuples, c.reloptions
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join pg_am m on m.oid = c.relam and m.amname = 'heap'
   where c.relkind in ('r', 'm')
     and c.relpersistence <> 't'
     and c.relpages > 0
     and n.nspname !~ '^pg_'
     and n.nspname <> 'information_schema'
     and c.oid not in (select l.relation from locked l)
   order by c.relpages desc
   limit 200
), measured as materialized (
  select t.*, pg_relation_size(t.oid) as bytes from largest t
)
select t.nspname as schema_name, t.relname as name, pn.nspname as parent_schema, p.relname as parent_name,
       t.bytes,
       greatest(t.reltuples, pg_stat_get_live_tuples(t.oid))::float8 as rows,
       (select x.option_value::float8 from pg_options_to_table(t.reloptions) x
         where x.option_name = 'fillfactor') as fillfactor,
       has_table_privilege(t.oid, 'select') as readable,
       a.columns, a.all_columns
  from measured t
 cross join lateral (
   select string_agg(concat_ws(':', a.attlen, a.attalign, s.null_frac, s.avg_width), ' ' order by a.attnum)
            filter (where not a.attisdropped) as columns,
          count(*) as all_columns
     from pg_attribute a
     left join lateral (
       select x.null_frac, x.avg_width
         from pg_stats x
        where x.schemaname = t.nspname
          and x.tablename = t.relname
          and x.attname = a.attname
          and not x.inherited
     ) s on true
    where a.attrelid = t.oid
      and a.attnum > 0
 ) a
  left join pg_inherits h on h.inhrelid = t.oid and h.inhseqno = 1
  left join pg_class p on p.oid = h.inhparent
  left join pg_namespace pn on pn.oid = p.relnamespace
 where t.bytes >= 10485760";

const WORDS: Words = Words {
    one: "table",
    many: "tables",
    advice: "VACUUM makes the space free for new rows. Only VACUUM FULL gives it back, and locks the table while it \
             writes it anew; the extension pg_repack does so without that lock.",
};

/// Of a row on a page (`HeapTupleHeaderData`), without its map of nulls.
const ROW_HEADER: f64 = 23.0;

fn judge(answer: &Answer, context: &mut Context<'_>) -> Result<Verdict, Reason> {
    let block = context.known.block_size.unwrap_or(8192) as f64;
    let tables = read_all(answer, |row| looked(row, block))?;
    bloat::verdict(&WORDS, &tables, context.known)
}

fn looked(row: Row<'_>, block: f64) -> Option<Looked> {
    let relation = Relation::read(row, "schema_name", "name")?;
    let list = row.text("columns");
    let estimate = match list.as_deref().and_then(columns) {
        Some(columns) => estimate(
            row.finite("rows").unwrap_or(-1.0),
            row.number::<u16>("all_columns").unwrap_or(0),
            &columns,
            row.finite("fillfactor").unwrap_or(100.0),
            block,
        ),
        None if row.flag("readable") == Some(false) => Estimate::Hidden,
        None => Estimate::Unknown,
    };
    Some(Looked {
        fix_sql: relation.in_sql().map(|table| format!("VACUUM (ANALYZE) {table};")),
        relation,
        belongs: part_of(row),
        bytes: row.number("bytes")?,
        estimate,
    })
}

/// `all_columns` also counts those that were dropped: a row's map of nulls has a bit for each.
fn estimate(rows: f64, all_columns: u16, columns: &[bloat::Column], fillfactor: f64, block: f64) -> Estimate {
    if rows < 0.0 || block <= PAGE_HEADER {
        return Estimate::Unknown;
    }
    let nulls = if any_null(columns) { (f64::from(all_columns) / 8.0).ceil() } else { 0.0 };
    let row = row_width(align_up(ROW_HEADER + nulls), columns) + ROW_POINTER;
    let usable = block - PAGE_HEADER - block * (1.0 - fillfactor.clamp(10.0, 100.0) / 100.0);
    let a_page = (usable / row).floor().max(1.0);
    bloat::pages(rows / a_page, block)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(rows: f64, fillfactor: f64) -> f64 {
        let two = columns("4:i:0:4 4:i:0:4").unwrap();
        match estimate(rows, 2, &two, fillfactor, 8192.0) {
            Estimate::Bytes(bytes) => bytes,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn rows_of_two_integers_fit_226_to_a_page() {
        // (8192 − 24) / (24 + 8 + 4) = 226
        assert_eq!(bytes(226.0, 100.0), 8192.0);
        assert_eq!(bytes(227.0, 100.0), 2.0 * 8192.0);
        assert_eq!(bytes(22_600.0, 50.0), 200.0 * 8192.0, "half of each page is left free");
        assert_eq!(bytes(0.0, 100.0), 8192.0);
    }

    #[test]
    fn numbers_that_make_no_sense_are_no_estimate_and_no_panic() {
        let two = columns("4:i:0.5:4 -1:i:0:1000000000").unwrap();
        assert_eq!(estimate(-1.0, 2, &two, 100.0, 8192.0), Estimate::Unknown);
        assert_eq!(estimate(1.0, 2, &two, 100.0, 0.0), Estimate::Unknown);
        assert_eq!(estimate(f64::MAX, u16::MAX, &two, 100.0, 8192.0), Estimate::Unknown);
        assert_eq!(estimate(3.0, u16::MAX, &two, -5.0, 8192.0), Estimate::Bytes(3.0 * 8192.0));
    }

    #[test]
    fn the_sql_looks_at_what_is_worth_a_look() {
        assert!(SQL.ends_with(&super::super::relation::WORTH_A_LOOK_BYTES.to_string()));
    }
}
