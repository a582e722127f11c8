//! Indexes that nothing has read: every write pays for them, and nobody gains.

use common::{Reason, health::Evidence, units};

use super::{
    Ask, Check, Context, Verdict,
    relation::{Relation, WORTH_A_LOOK_BYTES, all_fixes, counted},
};
use crate::rows::{Answer, Row};

pub(super) const CHECK: Check = Check {
    id: "unused-indexes",
    title: "Unused indexes",
    unit: "count",
    threshold: None,
    why: "Every insert and most updates write to each index of a table; one that is never read only costs.",
    docs_url: "https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ALL-INDEXES-VIEW",
    ask: |known| Ask::sql(if known.major() >= 16 { SQL_16 } else { SQL_13 }),
    judge,
};

/// A person who looked at it a few times is no use.
const FEW_SCANS: i64 = 50;
/// What runs once a week has had its turn.
const LONG_ENOUGH_S: f64 = 7.0 * 86_400.0;
const POINTS: u8 = 3;

/// An index of partitions is one index: its scans and sizes are added up. Indexes of TimescaleDB's chunks are not
/// looked at: old chunks are rarely read, and the index is the hypertable's.
///
/// Where the counters were never reset, the server says so with a null: then they are at least as old as the server's
/// start, and as the oldest time that is among them.
macro_rules! unused {
    (last_scan: $last_scan:literal) => {
        concat!(
            "\
with locked as materialized (
  select l.relation
    from pg_locks l
   where l.mode = 'AccessExclusiveLock'
     and l.database = (select d.oid from pg_database d where d.datname = current_database())
), indexes as (
  select case when c.relispartition then pg_partition_root(c.oid)::oid else c.oid end as root,
         c.oid, c.relpages, pg_stat_get_numscans(c.oid) as scans,
         extract(epoch from ",
            $last_scan,
            ")::float8 as last_scan_s
    from pg_index i
    join pg_class c on c.oid = i.indexrelid and c.relkind = 'i' and c.relpersistence <> 't'
    join pg_namespace n on n.oid = c.relnamespace
   where i.indisvalid
     and not i.indisunique
     and not i.indisexclusion
     and not i.indisreplident
     and not i.indisclustered
     and n.nspname !~ '^pg_'
     and n.nspname not in ('information_schema', '_timescaledb_internal')
), roots as materialized (
  select root, count(*) as parts, array_agg(oid) as oids,
         sum(scans) as scans, max(last_scan_s) as last_scan_s
    from indexes
   group by root
  having sum(scans) <= 50
   order by sum(relpages) desc
   limit 50
), measured as materialized (
  select r.*,
         (select sum(pg_relation_size(x.oid)) from unnest(r.oids) x (oid)
           where not exists (select from locked l where l.relation = x.oid)) as bytes
    from roots r
), age as (
  select extract(epoch from now() - coalesce(
           pg_stat_get_db_stat_reset_time(d.oid),
           least(pg_postmaster_start_time(),
                 (select min(least(pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_autovacuum_time(c.oid),
                                   pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid)))
                    from pg_class c where c.relkind in ('r', 'm', 't')))))::float8 as counted_s
    from pg_database d
   where d.datname = current_database()
)
select n.nspname as schema_name, c.relname as name, tn.nspname as table_schema, t.relname as table_name,
       r.parts, r.scans, r.last_scan_s, r.bytes, c.relkind = 'I' as partitioned,
       exists (select from pg_constraint f
                where f.conrelid = i.indrelid and f.contype = 'f' and f.conkey[1] = i.indkey[0]) as serves_foreign_key,
       count(*) over () as indexes, sum(r.bytes) over ()::int8 as all_bytes,
       g.counted_s,
       (select count(*) from pg_stat_replication)
         + (select count(*) from pg_replication_slots s where s.slot_type = 'physical' and not s.active) as standbys
  from age g
  left join measured r on r.bytes >= 10485760
  left join pg_index i on i.indexrelid = r.root
  left join pg_class c on c.oid = r.root
  left join pg_namespace n on n.oid = c.relnamespace
  left join pg_class t on t.oid = i.indrelid
  left join pg_namespace tn on tn.oid = t.relnamespace
 order by r.bytes desc nulls last
 limit 10"
        )
    };
}

const SQL_13: &str = unused!(last_scan: "null::timestamptz");
/// From 16 on the server knows when an index was read last.
const SQL_16: &str = unused!(last_scan: "pg_stat_get_lastscan(c.oid)");

fn judge(answer: &Answer, context: &mut Context<'_>) -> Result<Verdict, Reason> {
    let first = answer.one()?;
    let counters = Counters {
        age_s: first.finite("counted_s"),
        now_s: context.known.now_s,
        standbys: first.number("standbys").unwrap_or(0),
        is_standby: context.known.is_standby(),
    };
    let indexes: Vec<Index> = answer.rows().filter_map(Index::from_row).collect();
    let all = first.number("indexes").unwrap_or(0);
    let bytes = first.number("all_bytes").unwrap_or(0);
    Ok(verdict(&counters, all, bytes, &indexes))
}

/// What the numbers of scans are worth.
struct Counters {
    age_s: Option<f64>,
    now_s: Option<f64>,
    standbys: i64,
    is_standby: bool,
}

impl Counters {
    fn are_young(&self) -> bool {
        self.age_s.is_none_or(|age| age < LONG_ENOUGH_S)
    }
}

struct Index {
    relation: Relation,
    table: Relation,
    parts: i64,
    scans: i64,
    last_scan_s: Option<f64>,
    bytes: i64,
    partitioned: bool,
    serves_foreign_key: bool,
}

impl Index {
    fn from_row(row: Row<'_>) -> Option<Self> {
        let index = Self {
            relation: Relation::read(row, "schema_name", "name")?,
            table: Relation::read(row, "table_schema", "table_name")?,
            parts: row.number("parts")?,
            scans: row.number("scans")?,
            last_scan_s: row.finite("last_scan_s"),
            bytes: row.number("bytes")?,
            partitioned: row.flag("partitioned")?,
            serves_foreign_key: row.flag("serves_foreign_key")?,
        };
        ((0..=FEW_SCANS).contains(&index.scans) && index.bytes >= WORTH_A_LOOK_BYTES).then_some(index)
    }

    fn evidence(&self, now_s: Option<f64>) -> Evidence {
        let mut detail = format!(
            "{} on {}, {}",
            units::bytes(self.bytes),
            self.table.shown(),
            match self.scans {
                0 => "never read".to_owned(),
                scans => counted(scans, "scan", "scans"),
            }
        );
        if let Some(ago) = self.last_scan_s.zip(now_s).map(|(then, now)| now - then) {
            detail.push_str(&format!(", the last {} ago", units::ago(ago)));
        }
        if self.partitioned {
            detail.push_str(&format!(", on {}", counted(self.parts, "partition", "partitions")));
        }
        if self.serves_foreign_key {
            detail.push_str("; it finds the rows of a foreign key: keep it if rows are ever deleted there");
        }
        // An index of a partitioned table cannot be dropped concurrently.
        let droppable = !self.partitioned && !self.serves_foreign_key;
        let index = self.relation.in_sql().filter(|_| droppable);
        let fix_sql = index.map(|index| format!("DROP INDEX CONCURRENTLY {index};"));
        Evidence { subject: self.relation.shown(), detail, fix_sql }
    }
}

fn verdict(counters: &Counters, all: i64, bytes: i64, indexes: &[Index]) -> Verdict {
    let since = match counters.age_s {
        Some(age) => format!("in the {} or more that were counted", units::span(age)),
        None => "since the counters began, which nobody knows".to_owned(),
    };
    if indexes.is_empty() {
        return Verdict::ok(0.0, format!("No index of 10 MB or more went unread {since}."));
    }
    let all = all.max(indexes.len() as i64);
    let seen: i64 = indexes.iter().fold(0, |sum, index| sum.saturating_add(index.bytes));
    let mut detail = format!(
        "{} ({}) {} read at most {FEW_SCANS} times {since}.",
        counted(all, "index", "indexes"),
        units::bytes(bytes.max(seen)),
        if all == 1 { "was" } else { "were" }
    );
    let evidence: Vec<Evidence> = indexes.iter().map(|index| index.evidence(counters.now_s)).collect();
    let mut certain = true;
    if counters.are_young() {
        detail.push_str(" The counters are young: look again after a week or two before dropping one.");
        certain = false;
    }
    if counters.is_standby {
        detail
            .push_str(" This is a standby: scans on the primary and on other standbys are not counted here.");
        certain = false;
    } else if counters.standbys > 0 {
        detail.push_str(&format!(
            " This server has {}: scans there are not counted here, so look there as well.",
            counted(counters.standbys, "replica", "replicas")
        ));
        certain = false;
    }
    if !certain {
        return Verdict::info(all as f64, detail).with_evidence(evidence);
    }
    let fix = all_fixes(&evidence);
    let mut verdict = Verdict::warning(POINTS, all as f64, detail).with_evidence(evidence);
    verdict.fix_sql = fix;
    verdict
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    const OLD: Counters =
        Counters { age_s: Some(30.0 * 86_400.0), now_s: Some(1e9), standbys: 0, is_standby: false };

    fn index() -> Index {
        Index {
            relation: Relation::public("orders_note"),
            table: Relation::public("orders"),
            parts: 1,
            scans: 0,
            last_scan_s: None,
            bytes: 20 << 20,
            partitioned: false,
            serves_foreign_key: false,
        }
    }

    #[test]
    fn an_unread_index_is_a_warning_with_the_statement_that_drops_it() {
        let found = verdict(&OLD, 1, 20 << 20, &[index()]);
        assert_eq!((found.status, found.value, found.points), (CheckStatus::Warning, Some(1.0), 3));
        assert_eq!(found.fix_sql.as_deref(), Some("DROP INDEX CONCURRENTLY \"public\".\"orders_note\";"));
        assert!(found.detail.starts_with("1 index (20.0 MB) was read at most 50 times in the 30 d"));
        assert_eq!(verdict(&OLD, 0, 0, &[]).status, CheckStatus::Ok);
    }

    #[test]
    fn what_may_be_read_elsewhere_or_was_counted_for_days_only_is_no_finding() {
        for (counters, why) in [
            (Counters { age_s: Some(6.9 * 86_400.0), ..OLD }, "young"),
            (Counters { age_s: None, ..OLD }, "young"),
            (Counters { standbys: 2, ..OLD }, "2 replicas"),
            (Counters { is_standby: true, ..OLD }, "primary"),
        ] {
            let found = verdict(&counters, 1, 20 << 20, &[index()]);
            assert_eq!((found.status, found.points), (CheckStatus::Info, 0));
            assert!(found.detail.contains(why), "{}", found.detail);
        }
    }

    #[test]
    fn what_cannot_or_should_not_be_dropped_comes_without_sql() {
        let foreign_key =
            Index { serves_foreign_key: true, scans: 7, last_scan_s: Some(1e9 - 60.0), ..index() };
        let partitioned = Index { partitioned: true, parts: 12, ..index() };
        let found = verdict(&OLD, 2, 0, &[foreign_key, partitioned]);
        assert_eq!(found.fix_sql, None);
        assert!(found.evidence[0].detail.contains("7 scans, the last 1 min ago; it finds the rows"));
        assert!(found.evidence[1].detail.contains("on 12 partitions"));
    }

    #[test]
    fn numbers_that_make_no_sense_make_no_panic() {
        let odd = Index { bytes: i64::MAX, parts: i64::MIN, last_scan_s: Some(-1e300), ..index() };
        let found = verdict(&Counters { age_s: Some(1e300), ..OLD }, i64::MIN, i64::MIN, &[odd, index()]);
        assert_eq!(found.value, Some(2.0));
    }
}
