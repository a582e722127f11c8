//! Who reads and writes how much, from `pg_stat_io` (version 16). A session that has to write its own changes through to
//! the disk (fsync) has a checkpointer that does not keep up; reads that take long have a disk that does not.

use common::{Reason, health::Evidence, units};

use super::{Ask, Check, Context, Growth, Verdict, check::not_an_answer};
use crate::rows::{Answer, Row};

pub(super) const CHECK: Check = Check {
    id: "io",
    title: "Reads and writes",
    unit: "bytes_per_s",
    threshold: None,
    why: "What is not in shared buffers is read from the operating system; where that comes from a busy disk, everything waits.",
    docs_url: "https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-IO-VIEW",
    ask: |known| match known.major() {
        ..16 => Ask::Skip("pg_stat_io is there from PostgreSQL 16 on."),
        16 | 17 => Ask::sql(SQL_16),
        _ => Ask::sql(SQL),
    },
    judge,
};

/// One row for each of four kinds of processes.
const SQL: &str = "\
select case when backend_type = 'client backend' then 'sessions'
            when backend_type in ('checkpointer', 'background writer') then 'writers'
            when backend_type like 'autovacuum%' then 'autovacuum'
            else 'others'
       end as by_whom,
       sum(reads) as reads, sum(read_bytes) as read_bytes, (sum(read_time) * 1000)::int8 as read_us,
       sum(write_bytes) as write_bytes, sum(extend_bytes) as extend_bytes, sum(fsyncs) as fsyncs,
       extract(epoch from max(stats_reset))::float8 as reset_s,
       current_setting('track_io_timing')::bool as timed
  from pg_stat_io
 where object in ('relation', 'temp relation')
 group by 1";

/// Versions 16 and 17 count operations of one size.
const SQL_16: &str = "\
select case when backend_type = 'client backend' then 'sessions'
            when backend_type in ('checkpointer', 'background writer') then 'writers'
            when backend_type like 'autovacuum%' then 'autovacuum'
            else 'others'
       end as by_whom,
       sum(reads) as reads, sum(reads * op_bytes) as read_bytes, (sum(read_time) * 1000)::int8 as read_us,
       sum(writes * op_bytes) as write_bytes, sum(extends * op_bytes) as extend_bytes, sum(fsyncs) as fsyncs,
       extract(epoch from max(stats_reset))::float8 as reset_s,
       current_setting('track_io_timing')::bool as timed
  from pg_stat_io
 where object in ('relation', 'temp relation')
 group by 1";

const POINTS: u8 = 5;

/// A read from a disk that is not overloaded takes less, spinning ones included.
const SLOW_READ_MS: f64 = 20.0;
/// Fewer reads say nothing.
const ENOUGH_READS: i64 = 1000;

/// The same numbers in full.
const FIX: &str = "\
SELECT backend_type, object, context, reads, read_time / nullif(reads, 0) AS ms_a_read, writes, extends, fsyncs
  FROM pg_stat_io
 WHERE reads > 0 OR writes > 0 OR extends > 0 OR fsyncs > 0
 ORDER BY reads DESC NULLS LAST;";

const KINDS: [(&str, &str); 4] = [
    ("sessions", "sessions"),
    ("writers", "checkpointer and background writer"),
    ("autovacuum", "autovacuum"),
    ("others", "other processes"),
];

/// What one kind of processes did.
#[derive(Debug, Clone, Copy, Default)]
struct Did {
    reads: i64,
    read_bytes: i64,
    read_us: i64,
    write_bytes: i64,
    extend_bytes: i64,
    fsyncs: i64,
}

impl Did {
    /// What was never done is null, and 0 here.
    fn from_row(row: Row<'_>) -> Option<Self> {
        let count = |column: &str| match row.text(column) {
            None => Some(0),
            Some(_) => row.number::<i64>(column).filter(|count| *count >= 0),
        };
        Some(Self {
            reads: count("reads")?,
            read_bytes: count("read_bytes")?,
            read_us: count("read_us")?,
            write_bytes: count("write_bytes")?,
            extend_bytes: count("extend_bytes")?,
            fsyncs: count("fsyncs")?,
        })
    }
}

fn judge(answer: &Answer, context: &mut Context<'_>) -> Result<Verdict, Reason> {
    let timed = answer.one()?.flag("timed").unwrap_or(false);
    let mut grown = Vec::new();
    let mut seconds = Err(not_an_answer());
    for row in answer.rows() {
        let by_whom = row.text("by_whom").unwrap_or_default();
        let Some((kind, title)) = KINDS.iter().find(|(kind, _)| *kind == by_whom) else { continue };
        let did = Did::from_row(row).ok_or_else(not_an_answer)?;
        match growth(kind, did, row.finite("reset_s"), context) {
            Ok((did, over)) => {
                seconds = Ok(over);
                grown.push((*title, did));
            }
            Err(reason) => seconds = Err(reason),
        }
    }
    Ok(match seconds {
        Ok(seconds) => verdict(&grown, seconds, timed),
        Err(reason) => Verdict::no_interval(reason),
    })
}

/// All of them are kept for the next reading, also where one has no interval.
fn growth(
    kind: &str,
    did: Did,
    reset_s: Option<f64>,
    context: &mut Context<'_>,
) -> Result<(Did, f64), Reason> {
    let mut of = |name: &str, counter: i64| context.growth(&format!("io.{kind}.{name}"), counter, reset_s);
    let grown: [Result<Growth, Reason>; 6] = [
        of("reads", did.reads),
        of("read_bytes", did.read_bytes),
        of("read_us", did.read_us),
        of("write_bytes", did.write_bytes),
        of("extend_bytes", did.extend_bytes),
        of("fsyncs", did.fsyncs),
    ];
    let [reads, read_bytes, read_us, write_bytes, extend_bytes, fsyncs] = grown;
    let reads = reads?;
    let did = Did {
        reads: reads.count,
        read_bytes: read_bytes?.count,
        read_us: read_us?.count,
        write_bytes: write_bytes?.count,
        extend_bytes: extend_bytes?.count,
        fsyncs: fsyncs?.count,
    };
    Ok((did, reads.seconds))
}

fn verdict(grown: &[(&str, Did)], seconds: f64, timed: bool) -> Verdict {
    let all =
        |count: fn(&Did) -> i64| grown.iter().fold(0_i64, |sum, (_, did)| sum.saturating_add(count(did)));
    let rate = |bytes: i64| format!("{}/s", units::bytes((bytes as f64 / seconds) as i64));
    let (read, reads, read_us) = (all(|did| did.read_bytes), all(|did| did.reads), all(|did| did.read_us));
    let written = all(|did| did.write_bytes.saturating_add(did.extend_bytes));
    let read_ms = (timed && reads > 0).then(|| read_us as f64 / 1000.0 / reads as f64);
    let fsyncs = grown
        .iter()
        .filter(|(title, _)| *title == "sessions")
        .fold(0_i64, |sum, (_, did)| sum.saturating_add(did.fsyncs));

    let over = units::span(seconds);
    let mut detail = format!("{} read and {} written in the last {over}", rate(read), rate(written));
    if let Some(read_ms) = read_ms {
        detail.push_str(&format!(", {} a read", units::millis(read_ms)));
    }
    detail.push('.');
    let slow = read_ms.is_some_and(|read_ms| read_ms >= SLOW_READ_MS) && reads >= ENOUGH_READS;
    if fsyncs > 0 {
        detail.push_str(&format!(
            " Sessions wrote through to the disk themselves ({} times): the checkpointer does not keep up.",
            units::thousands(fsyncs)
        ));
    }
    if slow {
        detail.push_str(&format!(" {} ms and more a read is a disk that does not keep up.", SLOW_READ_MS));
    }
    let evidence = grown.iter().map(|(title, did)| Evidence {
        subject: (*title).to_owned(),
        detail: format!(
            "{} read, {} written, {} added, {} fsyncs",
            units::bytes(did.read_bytes),
            units::bytes(did.write_bytes),
            units::bytes(did.extend_bytes),
            units::thousands(did.fsyncs)
        ),
        fix_sql: None,
    });
    let value = read.saturating_add(written) as f64 / seconds;
    let verdict = if fsyncs > 0 || slow {
        Verdict::warning(POINTS, value, detail).with_fix(FIX)
    } else {
        Verdict::ok(value, detail)
    };
    verdict.with_evidence(evidence.collect())
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    fn of(did: Did, timed: bool) -> Verdict {
        verdict(&[("sessions", did), ("autovacuum", Did::default())], 10.0, timed)
    }

    #[test]
    fn what_is_read_and_written_is_shown_and_is_no_finding() {
        let shown =
            of(Did { reads: 1280, read_bytes: 10 * 1024 * 1024, write_bytes: 1024, ..Did::default() }, false);
        assert_eq!((shown.status, shown.value), (CheckStatus::Ok, Some(1_048_678.4)));
        assert_eq!(shown.detail, "1.00 MB/s read and 102 B/s written in the last 10 s.");
        assert_eq!(shown.evidence.len(), 2);
    }

    #[test]
    fn sessions_that_write_through_to_the_disk_are_a_warning() {
        let found = of(Did { fsyncs: 3, ..Did::default() }, false);
        assert_eq!((found.status, found.points), (CheckStatus::Warning, 5));
        let checkpointer = verdict(&[("writers", Did { fsyncs: 3, ..Did::default() })], 10.0, false);
        assert_eq!(checkpointer.status, CheckStatus::Ok, "that is its work");
    }

    #[test]
    fn slow_reads_are_a_warning_where_they_are_timed_and_many() {
        let slow = Did { reads: 1000, read_us: 20_000_000, ..Did::default() };
        assert_eq!(of(slow, true).status, CheckStatus::Warning);
        assert_eq!(of(slow, false).status, CheckStatus::Ok, "not timed is not slow");
        assert_eq!(of(Did { reads: 999, ..slow }, true).status, CheckStatus::Ok);
    }

    #[test]
    fn numbers_at_the_end_of_their_range_are_no_accident() {
        let most = i64::MAX;
        let did = Did {
            reads: most,
            read_bytes: most,
            read_us: most,
            write_bytes: most,
            extend_bytes: most,
            fsyncs: most,
        };
        assert!(verdict(&[("sessions", did), ("others", did)], 0.1, true).value.is_some());
    }
}
