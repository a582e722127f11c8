//! Foreign keys whose columns have no index: each row that is deleted where they point to makes PostgreSQL read the
//! whole table that points.

use common::{Reason, health::Evidence, text, units};

use super::{
    Ask, Check, Context, Verdict,
    relation::{ASK_THE_PRIMARY, Relation, WORTH_A_LOOK_BYTES, all_fixes, counted, read_all, total},
};
use crate::{
    rows::{Answer, Row},
    sql,
};

pub(super) const CHECK: Check = Check {
    id: "foreign-keys-without-index",
    title: "Foreign keys without an index",
    unit: "count",
    threshold: None,
    why: "To delete a row that others may point to, PostgreSQL looks for them: without an index in the whole table.",
    docs_url: "https://www.postgresql.org/docs/current/ddl-constraints.html#DDL-CONSTRAINTS-FK",
    ask: |known| if known.is_standby() { Ask::Skip(ASK_THE_PRIMARY) } else { Ask::sql(SQL) },
    judge,
};

const POINTS: u8 = 3;

/// Between the names of columns; a name that holds it is not plain.
const SEPARATOR: char = '\u{1F}';

/// Keys of tables of 10 MB and more that point to a table with deleted or updated rows. An index serves whose first
/// columns are those of the key in any order; one that leaves out nulls of the key's own columns does, because null points
/// nowhere.
const SQL: &str = "\
with changed as materialized (
  select f.confrelid as oid, sum(pg_stat_get_tuples_deleted(r.oid)) as deleted, sum(pg_stat_get_tuples_updated(r.oid)) as updated
    from (select distinct confrelid from pg_constraint where contype = 'f' and conparentid = 0) f
   cross join lateral (
     select f.confrelid as oid
      union
     select p.relid from pg_class c, pg_partition_tree(f.confrelid) p where c.oid = f.confrelid and c.relkind = 'p'
   ) r
   group by f.confrelid
  having sum(pg_stat_get_tuples_deleted(r.oid)) > 0 or sum(pg_stat_get_tuples_updated(r.oid)) > 0
), keys as (
  select f.oid, f.conname, f.conrelid, f.confrelid, f.conkey, t.relname, t.relkind, n.nspname, g.deleted, g.updated,
         case when t.relkind = 'p'
              then (select sum(greatest(c.relpages, pg_stat_get_live_tuples(c.oid) / 100))
                      from pg_partition_tree(t.oid) p join pg_class c on c.oid = p.relid and p.isleaf)
              else greatest(t.relpages, pg_stat_get_live_tuples(t.oid) / 100)
         end as pages
    from pg_constraint f
    join changed g on g.oid = f.confrelid
    join pg_class t on t.oid = f.conrelid and t.relpersistence <> 't'
    join pg_namespace n on n.oid = t.relnamespace
   where f.contype = 'f'
     and f.conparentid = 0
     and n.nspname !~ '^pg_'
     and n.nspname not in ('information_schema', '_timescaledb_internal')
)
select k.nspname as schema_name, k.relname as name, k.conname as constraint_name, k.relkind = 'p' as partitioned,
       rn.nspname as referenced_schema, r.relname as referenced_name,
       (select string_agg(a.attname, chr(31) order by x.at)
          from unnest(k.conkey) with ordinality x (attnum, at)
          join pg_attribute a on a.attrelid = k.conrelid and a.attnum = x.attnum) as columns,
       cardinality(k.conkey) as column_count, k.deleted, k.updated, (k.pages * current_setting('block_size')::int8)::int8 as bytes,
       count(*) over () as keys
  from keys k
  join pg_class r on r.oid = k.confrelid
  join pg_namespace rn on rn.oid = r.relnamespace
 where k.pages * current_setting('block_size')::int8 >= 10485760
   and not exists (
     select from pg_index i
       join pg_class c on c.oid = i.indexrelid
       join pg_am m on m.oid = c.relam and m.amname in ('btree', 'hash')
      where i.indrelid = k.conrelid
        and i.indisvalid
        and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
        and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] <@ k.conkey
        and (i.indpred is null or not exists (
          select from regexp_split_to_table(pg_get_expr(i.indpred, i.indrelid), ' AND ') p (term)
           where btrim(p.term, '()') not in (
             select quote_ident(a.attname) || ' IS NOT NULL'
               from pg_attribute a
              where a.attrelid = k.conrelid and a.attnum = any (k.conkey)))))
 order by k.deleted > 0 desc, k.pages desc
 limit 10";

fn judge(answer: &Answer, _: &mut Context<'_>) -> Result<Verdict, Reason> {
    let keys = read_all(answer, Key::from_row)?;
    Ok(verdict(total(answer, "keys", keys.len()), &keys))
}

struct Key {
    table: Relation,
    constraint: String,
    referenced: Relation,
    columns: Vec<String>,
    partitioned: bool,
    deleted: i64,
    updated: i64,
    bytes: i64,
}

impl Key {
    fn from_row(row: Row<'_>) -> Option<Self> {
        let columns: Vec<String> = row.text("columns")?.split(SEPARATOR).map(str::to_owned).collect();
        // A name with a separator in it makes more of them: then there is no SQL.
        let whole = row.number::<usize>("column_count")? == columns.len();
        Some(Self {
            table: Relation::read(row, "schema_name", "name")?,
            constraint: row.shown("constraint_name")?,
            referenced: Relation::read(row, "referenced_schema", "referenced_name")?,
            columns: if whole { columns } else { Vec::new() },
            partitioned: row.flag("partitioned")?,
            deleted: row.number("deleted")?,
            updated: row.number("updated")?,
            bytes: row.number("bytes").filter(|bytes| *bytes >= WORTH_A_LOOK_BYTES)?,
        })
    }

    fn create_index(&self) -> Option<String> {
        let plain = !self.columns.is_empty() && self.columns.iter().all(|name| sql::is_plain(name));
        let table = self.table.in_sql().filter(|_| plain)?;
        let columns: Vec<String> = self.columns.iter().map(|name| sql::identifier(name)).collect();
        // On a partitioned table an index cannot be built concurrently.
        let how = if self.partitioned { "" } else { " CONCURRENTLY" };
        Some(format!("CREATE INDEX{how} ON {table} ({});", columns.join(", ")))
    }

    fn evidence(&self) -> Evidence {
        let changes = match self.deleted {
            1.. => format!("{} deleted there", counted(self.deleted, "row was", "rows were")),
            _ => format!("{} updated there, none deleted", counted(self.updated, "row was", "rows were")),
        };
        Evidence {
            subject: self.table.shown(),
            detail: format!(
                "{} ({}), about {}, points to {}; {changes}",
                self.constraint,
                text::clean_server_text(&self.columns.join(", ")),
                units::bytes(self.bytes),
                self.referenced.shown()
            ),
            fix_sql: self.create_index(),
        }
    }
}

fn verdict(all: i64, keys: &[Key]) -> Verdict {
    if keys.is_empty() {
        return Verdict::ok(0.0, "Every foreign key of a large table that needs an index has one.");
    }
    let mut detail = format!("{} no index.", counted(all, "foreign key has", "foreign keys have"));
    let evidence: Vec<Evidence> = keys.iter().map(Key::evidence).collect();
    if keys.iter().all(|key| key.deleted <= 0) {
        detail.push_str(
            " That matters when rows are deleted where they point to, or their keys change; no row was deleted yet.",
        );
        return Verdict::info(all as f64, detail).with_evidence(evidence);
    }
    detail.push_str(" Each row that is deleted where they point to costs a scan of the whole table.");
    let fix = all_fixes(&evidence);
    let mut verdict = Verdict::warning(POINTS, all as f64, detail).with_evidence(evidence);
    verdict.fix_sql = fix;
    verdict
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    fn key(deleted: i64) -> Key {
        Key {
            table: Relation::public("items"),
            constraint: "items_order_fkey".to_owned(),
            referenced: Relation::public("orders"),
            columns: vec!["order_id".to_owned(), "o\"dd".to_owned()],
            partitioned: false,
            deleted,
            updated: 3,
            bytes: 20 << 20,
        }
    }

    #[test]
    fn deletes_make_it_a_warning_and_updates_alone_do_not() {
        let found = verdict(1, &[key(1)]);
        assert_eq!((found.status, found.value, found.points), (CheckStatus::Warning, Some(1.0), 3));
        let fix = "CREATE INDEX CONCURRENTLY ON \"public\".\"items\" (\"order_id\", \"o\"\"dd\");";
        assert_eq!(found.fix_sql.as_deref(), Some(fix));
        assert!(found.evidence[0].detail.ends_with("points to public.orders; 1 row was deleted there"));
        let found = verdict(1, &[key(0)]);
        assert_eq!((found.status, found.points), (CheckStatus::Info, 0));
        assert_eq!(verdict(0, &[]).status, CheckStatus::Ok);
    }

    #[test]
    fn names_that_deceive_are_in_no_sql_and_are_cleaned() {
        let found = verdict(1, &[Key { columns: vec!["a\u{202E}b".to_owned()], ..key(1) }]);
        assert_eq!((found.fix_sql, found.evidence[0].fix_sql.clone()), (None, None));
        assert!(found.evidence[0].detail.contains("(a\u{FFFD}b)"));
        assert_eq!(Key { columns: Vec::new(), ..key(1) }.create_index(), None);
        let partitioned = Key { partitioned: true, ..key(1) }.create_index().unwrap();
        assert!(partitioned.starts_with("CREATE INDEX ON"), "{partitioned}");
    }

    #[test]
    fn numbers_that_make_no_sense_make_no_panic() {
        let odd = Key { updated: i64::MIN, bytes: i64::MAX, ..key(i64::MIN) };
        assert_eq!(verdict(i64::MAX, &[odd]).status, CheckStatus::Info);
    }
}
