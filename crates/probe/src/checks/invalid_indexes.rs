//! Indexes that a failed CREATE INDEX CONCURRENTLY or REINDEX CONCURRENTLY left behind.

use common::{Reason, health::Evidence, units};

use super::{
    Ask, Check, Context, Verdict,
    relation::{Relation, all_fixes, counted, read_all, total},
};
use crate::rows::{Answer, Row};

pub(super) const CHECK: Check = Check {
    id: "invalid-indexes",
    title: "Invalid indexes",
    unit: "count",
    threshold: None,
    why: "No query uses an invalid index, yet every write may have to maintain it; a unique one guards nothing.",
    docs_url: "https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY",
    ask: |_| Ask::sql(SQL),
    judge,
};

const POINTS: u8 = 5;

/// While an index is built, its builder is in `pg_stat_progress_create_index`. What it works on is hidden there from
/// who may not see others' activity, but its process id is not, nor is the lock that it holds on the table. An index
/// that is being dropped or built anew is locked itself.
const SQL: &str = "\
select n.nspname as schema_name, c.relname as name, tn.nspname as table_schema, t.relname as table_name,
       c.relkind = 'I' as partitioned, i.indisunique as is_unique,
       c.relpages * current_setting('block_size')::int8 as bytes,
       exists (select from pg_stat_progress_create_index p
                 left join pg_locks l on l.pid = p.pid and l.relation = i.indrelid and l.mode = 'ShareUpdateExclusiveLock'
                where p.datname = current_database() and (p.index_relid = i.indexrelid or l.pid is not null))
         or exists (select from pg_locks l
                     where l.relation = i.indexrelid
                       and l.database = d.oid
                       and l.mode in ('ShareUpdateExclusiveLock', 'AccessExclusiveLock')) as in_progress,
       count(*) over () as indexes
  from pg_index i
  join pg_class c on c.oid = i.indexrelid and c.relpersistence <> 't'
  join pg_namespace n on n.oid = c.relnamespace
  join pg_class t on t.oid = i.indrelid
  join pg_namespace tn on tn.oid = t.relnamespace
  join pg_database d on d.datname = current_database()
 where not i.indisvalid
   and n.nspname !~ '^pg_'
   and n.nspname <> 'information_schema'
 order by c.relpages desc
 limit 100";

fn judge(answer: &Answer, _: &mut Context<'_>) -> Result<Verdict, Reason> {
    let indexes = read_all(answer, Index::from_row)?;
    let unseen = total(answer, "indexes", indexes.len()).saturating_sub(indexes.len() as i64);
    Ok(verdict(unseen, &indexes))
}

struct Index {
    relation: Relation,
    table: Relation,
    partitioned: bool,
    unique: bool,
    in_progress: bool,
    bytes: i64,
}

impl Index {
    fn from_row(row: Row<'_>) -> Option<Self> {
        Some(Self {
            relation: Relation::read(row, "schema_name", "name")?,
            table: Relation::read(row, "table_schema", "table_name")?,
            partitioned: row.flag("partitioned")?,
            unique: row.flag("is_unique")?,
            in_progress: row.flag("in_progress")?,
            bytes: row.number("bytes")?,
        })
    }

    /// What REINDEX CONCURRENTLY makes beside the index that it rebuilds, and did not get to remove.
    fn is_left_by_reindex(&self) -> bool {
        let name = self.relation.name().trim_end_matches(|c: char| c.is_ascii_digit());
        name.ends_with("_ccnew") || name.ends_with("_ccold")
    }

    fn is_finding(&self) -> bool {
        !self.in_progress && !self.partitioned
    }

    fn evidence(&self) -> Evidence {
        let mut detail = format!("on {}", self.table.shown());
        if self.bytes > 0 {
            detail.push_str(&format!(", about {}", units::bytes(self.bytes)));
        }
        detail.push_str(match () {
            () if self.in_progress => ": being built, rebuilt or dropped now",
            () if self.partitioned => ": some of the partitions have no such index yet",
            () if self.is_left_by_reindex() => {
                ": left by a REINDEX CONCURRENTLY that failed; the index itself is there"
            }
            () if self.unique => {
                ": its build failed, perhaps on values that are there twice; they are not kept out"
            }
            () => ": its build failed",
        });
        let fix_sql = self.relation.in_sql().filter(|_| self.is_finding()).map(|index| {
            match self.is_left_by_reindex() {
                true => format!("DROP INDEX CONCURRENTLY {index};"),
                false => format!("REINDEX INDEX CONCURRENTLY {index};"),
            }
        });
        Evidence { subject: self.relation.shown(), detail, fix_sql }
    }
}

/// `unseen`: how many more there are.
fn verdict(unseen: i64, indexes: &[Index]) -> Verdict {
    let found = indexes.iter().filter(|index| index.is_finding()).count() as i64;
    let mut sorted: Vec<&Index> = indexes.iter().collect();
    sorted.sort_by_key(|index| !index.is_finding());
    let evidence: Vec<Evidence> = sorted.iter().map(|index| index.evidence()).collect();
    if found == 0 {
        return match indexes.len() as i64 {
            0 => Verdict::ok(0.0, "Every index is valid."),
            all => Verdict::info(0.0, format!("{} not valid yet.", counted(all, "index is", "indexes are")))
                .with_evidence(evidence),
        };
    }
    let all = found.saturating_add(unseen.max(0));
    let detail = format!(
        "{} invalid. REINDEX builds it anew; where nobody needs it, drop it.",
        counted(all, "index is", "indexes are")
    );
    let fix = all_fixes(&evidence);
    let mut verdict = Verdict::warning(POINTS, all as f64, detail).with_evidence(evidence);
    verdict.fix_sql = fix;
    verdict
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    fn index(name: &str) -> Index {
        Index {
            relation: Relation::public(name),
            table: Relation::public("t"),
            partitioned: false,
            unique: true,
            in_progress: false,
            bytes: 0,
        }
    }

    #[test]
    fn a_failed_build_is_built_anew_and_a_left_over_is_dropped() {
        let found = verdict(0, &[index("t_key"), index("t_pkey_ccnew1")]);
        assert_eq!((found.status, found.value, found.points), (CheckStatus::Warning, Some(2.0), 5));
        assert_eq!(
            found.fix_sql.as_deref(),
            Some(
                "REINDEX INDEX CONCURRENTLY \"public\".\"t_key\";\n\
                 DROP INDEX CONCURRENTLY \"public\".\"t_pkey_ccnew1\";"
            )
        );
    }

    #[test]
    fn what_is_being_built_is_no_finding() {
        let building = Index { in_progress: true, ..index("t_key") };
        let partitioned = Index { partitioned: true, ..index("t_key") };
        let found = verdict(0, &[building, partitioned]);
        assert_eq!((found.status, found.points, &found.fix_sql), (CheckStatus::Info, 0, &None));
        assert!(found.evidence.iter().all(|one| one.fix_sql.is_none()));
        assert_eq!(verdict(0, &[]).status, CheckStatus::Ok);
    }

    #[test]
    fn counts_that_make_no_sense_make_no_panic() {
        assert_eq!(verdict(i64::MIN, &[index("a")]).value, Some(1.0));
        assert!(verdict(i64::MAX, &[Index { bytes: i64::MIN, ..index("a") }]).value.unwrap() > 1e18);
    }
}
