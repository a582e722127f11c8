//! Large tables that are read from end to end more often than through an index. A suspicion: only the statements
//! tell whether an index would help.

use common::{Reason, health::Evidence, units};

use super::{
    Ask, Check, Context, Verdict,
    relation::{Relation, WORTH_A_LOOK_BYTES, counted, part_of, read_all},
};
use crate::rows::{Answer, Row};

pub(super) const CHECK: Check = Check {
    id: "missing-index-suspects",
    title: "Missing indexes (suspected)",
    unit: "count",
    threshold: None,
    why: "A statement that reads a whole large table for a few rows is slower by orders than with an index.",
    docs_url: "https://www.postgresql.org/docs/current/indexes-examine.html",
    ask: |_| Ask::sql(SQL),
    judge,
};

/// Backups and reports read whole tables too, but not often.
const SUSPICIOUS_SCANS: i64 = 50;
const SUSPICIOUS_ROWS: i64 = 10_000;
/// So much that somebody waits for it.
const MANY_SCANS: i64 = 1000;
const MANY_ROWS: i64 = 100_000;
const POINTS: u8 = 5;

const SQL: &str = "\
with tables as (
  select c.oid, c.relname, n.nspname, c.relpages,
         pg_stat_get_live_tuples(c.oid) as live,
         pg_stat_get_numscans(c.oid) as seq_scans,
         pg_stat_get_tuples_returned(c.oid) as seq_rows
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
   where c.relkind in ('r', 'm')
     and c.relpersistence <> 't'
     and n.nspname !~ '^pg_'
     and n.nspname <> 'information_schema'
), suspects as (
  select t.*, s.index_scans
    from tables t
   cross join lateral (
     select coalesce(sum(pg_stat_get_numscans(i.indexrelid)), 0) as index_scans
       from pg_index i
      where i.indrelid = t.oid
   ) s
   where t.live >= 10000
     and t.seq_scans >= 50
     and t.seq_rows / t.seq_scans >= 10000
     and t.seq_scans > s.index_scans
), counted as (
  select s.*, count(*) over () as tables from suspects s order by s.seq_rows desc limit 20
)
select t.nspname as schema_name, t.relname as name, pn.nspname as parent_schema, p.relname as parent_name,
       t.live, t.seq_scans, t.seq_rows, t.index_scans, t.tables,
       case when not exists (select from pg_locks l
                              where l.relation = t.oid and l.mode = 'AccessExclusiveLock'
                                and l.database = d.oid)
            then pg_relation_size(t.oid) end as bytes
  from counted t
  join pg_database d on d.datname = current_database()
  left join pg_inherits h on h.inhrelid = t.oid and h.inhseqno = 1
  left join pg_class p on p.oid = h.inhparent
  left join pg_namespace pn on pn.oid = p.relnamespace
 order by t.seq_rows desc";

/// What reads the tables.
const FIX: &str = "\
SELECT relname, seq_scan, seq_tup_read, idx_scan, n_live_tup
  FROM pg_stat_user_tables
 ORDER BY seq_tup_read DESC
 LIMIT 10;";

fn judge(answer: &Answer, _: &mut Context<'_>) -> Result<Verdict, Reason> {
    Ok(verdict(&read_all(answer, Table::from_row)?))
}

struct Table {
    relation: Relation,
    part_of: String,
    live: i64,
    seq_scans: i64,
    seq_rows: i64,
    index_scans: i64,
    /// `None` where somebody has locked it.
    bytes: Option<i64>,
}

impl Table {
    fn from_row(row: Row<'_>) -> Option<Self> {
        Some(Self {
            relation: Relation::read(row, "schema_name", "name")?,
            part_of: part_of(row),
            live: row.number("live")?,
            seq_scans: row.number("seq_scans")?,
            seq_rows: row.number("seq_rows")?,
            index_scans: row.number("index_scans")?,
            bytes: row.number("bytes"),
        })
    }

    /// Rows that a scan reads on average.
    fn rows(&self) -> i64 {
        self.seq_rows / self.seq_scans.max(1)
    }

    fn is_suspect(&self) -> bool {
        self.bytes.is_some_and(|bytes| bytes >= WORTH_A_LOOK_BYTES)
            && self.live >= SUSPICIOUS_ROWS
            && self.seq_scans >= SUSPICIOUS_SCANS
            && self.rows() >= SUSPICIOUS_ROWS
            && self.seq_scans > self.index_scans
    }

    fn is_costly(&self) -> bool {
        self.seq_scans >= MANY_SCANS && self.rows() >= MANY_ROWS
    }

    fn evidence(&self) -> Evidence {
        let detail = format!(
            "read from end to end {} times, {} rows each; {} through an index; {} rows, {}{}",
            units::thousands(self.seq_scans),
            units::thousands(self.rows()),
            match self.index_scans {
                0 => "never".to_owned(),
                scans => format!("{} times", units::thousands(scans)),
            },
            units::thousands(self.live),
            units::bytes(self.bytes.unwrap_or(0)),
            self.part_of
        );
        Evidence { subject: self.relation.shown(), detail, fix_sql: None }
    }
}

fn verdict(tables: &[Table]) -> Verdict {
    let suspects: Vec<&Table> = tables.iter().filter(|table| table.is_suspect()).collect();
    if suspects.is_empty() {
        return Verdict::ok(0.0, "No large table is read from end to end more often than through an index.");
    }
    let count = suspects.len() as i64;
    let costly = suspects.iter().any(|table| table.is_costly());
    let detail = format!(
        "{} read from end to end more often than through an index. Look for the statements that do so: a condition \
         that few rows meet wants an index.",
        counted(count, "large table is", "large tables are")
    );
    let evidence = suspects.iter().map(|table| table.evidence()).collect();
    match costly {
        true => Verdict::warning(POINTS, count as f64, detail).with_fix(FIX),
        false => Verdict::info(count as f64, detail),
    }
    .with_evidence(evidence)
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    fn table() -> Table {
        Table {
            relation: Relation::public("orders"),
            part_of: String::new(),
            live: 200_000,
            seq_scans: 1000,
            seq_rows: 200_000_000,
            index_scans: 10,
            bytes: Some(20 << 20),
        }
    }

    fn status(table: Table) -> CheckStatus {
        verdict(&[table]).status
    }

    #[test]
    fn often_and_large_is_a_warning_and_less_is_for_information() {
        let found = verdict(&[table()]);
        assert_eq!((found.status, found.value, found.points), (CheckStatus::Warning, Some(1.0), 5));
        assert_eq!(status(Table { seq_scans: 999, ..table() }), CheckStatus::Info);
        assert_eq!(status(Table { seq_rows: 99_999_999, ..table() }), CheckStatus::Info);
        assert_eq!(verdict(&[]).status, CheckStatus::Ok);
    }

    #[test]
    fn small_seldom_or_mostly_by_index_is_nothing() {
        for nothing in [
            Table { bytes: Some(9 << 20), ..table() },
            Table { bytes: None, ..table() },
            Table { live: 9999, ..table() },
            Table { seq_scans: 49, ..table() },
            Table { seq_rows: 9_999_999, ..table() },
            Table { index_scans: 1000, ..table() },
        ] {
            assert_eq!(status(nothing), CheckStatus::Ok);
        }
    }

    #[test]
    fn numbers_that_make_no_sense_make_no_alarm_and_no_panic() {
        assert_eq!(status(Table { seq_scans: 0, seq_rows: i64::MIN, ..table() }), CheckStatus::Ok);
        assert_eq!(status(Table { seq_scans: i64::MIN, ..table() }), CheckStatus::Ok);
        let most = Table { seq_scans: i64::MAX, seq_rows: i64::MAX, index_scans: i64::MIN, ..table() };
        assert_eq!(status(most), CheckStatus::Ok);
    }
}
