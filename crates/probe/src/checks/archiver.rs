//! Whether the write-ahead log gets into its archive. While it does not, the server keeps all of it, until the disk is
//! full; and nothing since the last success can be restored.

use common::{Reason, health::Evidence, text, units};

use super::{Ask, Check, Context, Verdict, check::not_an_answer};
use crate::rows::{Answer, Row};

pub(super) const CHECK: Check = Check {
    id: "archiver",
    title: "Archiving",
    unit: "bytes",
    threshold: None,
    why: "What is not archived cannot be restored, and the server keeps all of it until its disk is full.",
    docs_url: "https://www.postgresql.org/docs/current/continuous-archiving.html",
    ask: |known| if known.is_standby() { Ask::sql(SQL_STANDBY) } else { Ask::sql(SQL) },
    judge,
};

/// The command itself may hold a password: only whether there is one is asked.
const SQL: &str = "\
select current_setting('archive_mode') as mode,
       current_setting('archive_command') = '' and coalesce(current_setting('archive_library', true), '') = '' as nowhere,
       archived_count, failed_count, last_archived_wal, last_failed_wal,
       extract(epoch from clock_timestamp() - coalesce(last_archived_time, stats_reset))::float8 as since_success_s,
       extract(epoch from clock_timestamp() - last_failed_time)::float8 as since_failure_s,
       last_failed_time is not null and last_failed_time > coalesce(last_archived_time, '-infinity') as fails,
       pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') as written_bytes,
       pg_size_bytes(current_setting('wal_segment_size')) as segment_bytes
  from pg_stat_archiver";

/// A standby archives what it receives, with `archive_mode = always`.
const SQL_STANDBY: &str = "\
select current_setting('archive_mode') as mode,
       current_setting('archive_command') = '' and coalesce(current_setting('archive_library', true), '') = '' as nowhere,
       archived_count, failed_count, last_archived_wal, last_failed_wal,
       extract(epoch from clock_timestamp() - coalesce(last_archived_time, stats_reset))::float8 as since_success_s,
       extract(epoch from clock_timestamp() - last_failed_time)::float8 as since_failure_s,
       last_failed_time is not null and last_failed_time > coalesce(last_archived_time, '-infinity') as fails,
       pg_wal_lsn_diff(pg_last_wal_receive_lsn(), '0/0') as written_bytes,
       pg_size_bytes(current_setting('wal_segment_size')) as segment_bytes
  from pg_stat_archiver";

const WARNING_POINTS: u8 = 15;
const CRITICAL_POINTS: u8 = 35;

/// One failed attempt may be a moment's. What has failed so often, without a success for so long, does not work.
const MANY_FAILURES: i64 = 10;
const LONG_S: f64 = 3600.0;
/// So much waiting is a disk on its way to being full.
const MUCH_BYTES: i64 = 1024 * 1024 * 1024;

#[derive(Debug, Clone, Default)]
struct Archiver {
    mode: String,
    /// Neither a command nor a library is set.
    nowhere: bool,
    failed: i64,
    /// The last attempt was a failure.
    fails: bool,
    last_failed_wal: Option<String>,
    since_success_s: Option<f64>,
    since_failure_s: Option<f64>,
    /// Written and not archived.
    waiting_bytes: Option<i64>,
}

impl Archiver {
    fn from_row(row: Row<'_>) -> Option<Self> {
        let count = |column: &str| row.number::<i64>(column).filter(|count| *count >= 0);
        let archived = row.text("last_archived_wal");
        let waiting = |written: i64, segment: i64| {
            Some(written.saturating_sub(end_of_segment(archived.as_deref()?, segment)?).max(0))
        };
        Some(Self {
            mode: row.text("mode")?,
            nowhere: row.flag("nowhere")?,
            failed: count("failed_count")?,
            fails: row.flag("fails")?,
            last_failed_wal: row.text("last_failed_wal").map(|name| text::shorten(&name, 60)),
            since_success_s: row.finite("since_success_s").map(|seconds| seconds.max(0.0)),
            since_failure_s: row.finite("since_failure_s").map(|seconds| seconds.max(0.0)),
            waiting_bytes: count("written_bytes")
                .zip(count("segment_bytes"))
                .and_then(|(written, segment)| waiting(written, segment)),
        })
    }
}

/// Where in the log a file of it ends: its name is timeline, high and low part, 8 hexadecimal digits each, and of a
/// backup's label that of its segment with more behind a dot. History files and what is none have no place.
fn end_of_segment(name: &str, segment_bytes: i64) -> Option<i64> {
    let name = name.split('.').next()?;
    if name.len() != 24 || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) || segment_bytes <= 0 {
        return None;
    }
    let high = i64::from_str_radix(&name[8..16], 16).ok()?;
    let low = i64::from_str_radix(&name[16..24], 16).ok()?;
    high.checked_mul(1 << 32)?.checked_add(low.checked_add(1)?.checked_mul(segment_bytes)?)
}

fn judge(answer: &Answer, context: &mut Context<'_>) -> Result<Verdict, Reason> {
    let archiver = Archiver::from_row(answer.one()?).ok_or_else(not_an_answer)?;
    if archiver.mode == "off" {
        return Ok(Verdict::skipped("The log is not archived (archive_mode is off)."));
    }
    if archiver.mode != "always" && context.known.is_standby() {
        return Ok(Verdict::skipped("The primary archives the log (archive_mode is on, not always)."));
    }
    Ok(verdict(&archiver))
}

fn verdict(archiver: &Archiver) -> Verdict {
    let waiting = archiver.waiting_bytes;
    let with = |verdict: Verdict| Verdict {
        value: waiting.map(|bytes| bytes as f64),
        no_value: waiting.is_none().then(|| Reason::new("no segment of the log is known to be archived")),
        ..verdict
    };
    if archiver.nowhere {
        let detail = "The log is to be archived (archive_mode), but neither archive_command nor archive_library says \
                      where to: the server keeps all of it. Set one of them, or archive_mode to off.";
        return with(Verdict::warning(WARNING_POINTS, 0.0, detail));
    }
    let ago = |seconds: Option<f64>| seconds.map(units::span);
    if !archiver.fails {
        let detail = match (waiting, ago(archiver.since_success_s)) {
            (Some(bytes), Some(success)) => {
                format!(
                    "The last segment was archived {success} ago; {} are not archived yet.",
                    units::bytes(bytes)
                )
            }
            _ => "Nothing was archived yet, and nothing failed.".to_owned(),
        };
        return with(Verdict::ok(0.0, detail));
    }
    let for_long =
        archiver.since_success_s.is_some_and(|seconds| seconds >= LONG_S) && archiver.failed >= MANY_FAILURES;
    let much = waiting.is_some_and(|bytes| bytes >= MUCH_BYTES);
    let mut detail = match &archiver.last_failed_wal {
        Some(wal) => format!("Archiving {wal} failed"),
        None => "Archiving failed".to_owned(),
    };
    if let Some(failure) = ago(archiver.since_failure_s) {
        detail.push_str(&format!(" {failure} ago"));
    }
    detail.push_str(&match (waiting, ago(archiver.since_success_s)) {
        (Some(bytes), Some(success)) => {
            format!("; the last success was {success} ago, and {} wait", units::bytes(bytes))
        }
        (None, Some(begun)) => format!("; nothing has been archived for {begun}"),
        (_, None) => String::new(),
    });
    detail.push_str(". The server's log has what the command said.");
    let evidence = Evidence {
        subject: archiver.last_failed_wal.clone().unwrap_or_else(|| "archiver".to_owned()),
        detail: format!(
            "{} failed attempts since the counters were reset",
            units::thousands(archiver.failed)
        ),
        fix_sql: None,
    };
    let verdict = if for_long || much {
        Verdict::critical(CRITICAL_POINTS, 0.0, detail)
    } else {
        Verdict::warning(WARNING_POINTS, 0.0, detail)
    };
    with(verdict.with_evidence(vec![evidence]).with_fix("SELECT * FROM pg_stat_archiver;"))
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    fn failing() -> Archiver {
        Archiver {
            mode: "on".to_owned(),
            failed: 3,
            fails: true,
            last_failed_wal: Some("00000001000000000000000A".to_owned()),
            since_success_s: Some(120.0),
            since_failure_s: Some(2.0),
            waiting_bytes: Some(32 * 1024 * 1024),
            ..Archiver::default()
        }
    }

    #[test]
    fn a_failure_is_a_warning_until_it_lasts_or_much_waits() {
        let found = verdict(&failing());
        assert_eq!((found.status, found.points), (CheckStatus::Warning, 15));
        assert_eq!(
            found.detail,
            "Archiving 00000001000000000000000A failed 2 s ago; the last success was 2 min ago, and 32.0 MB wait. \
             The server's log has what the command said."
        );
        let for_long = Archiver { since_success_s: Some(3600.0), failed: 10, ..failing() };
        assert_eq!((verdict(&for_long).status, verdict(&for_long).points), (CheckStatus::Critical, 35));
        let once = Archiver { failed: 9, ..for_long };
        assert_eq!(
            verdict(&once).status,
            CheckStatus::Warning,
            "on a quiet server the last success may be long ago"
        );
        let much = Archiver { waiting_bytes: Some(MUCH_BYTES), ..failing() };
        assert_eq!(verdict(&much).status, CheckStatus::Critical);
    }

    #[test]
    fn success_and_a_start_are_fine() {
        assert_eq!(verdict(&Archiver { fails: false, ..failing() }).status, CheckStatus::Ok);
        let begun = Archiver { waiting_bytes: None, fails: false, ..failing() };
        assert_eq!((verdict(&begun).status, verdict(&begun).value), (CheckStatus::Ok, None));
        assert!(verdict(&begun).no_value.is_some());
    }

    #[test]
    fn an_archive_without_a_place_is_a_warning() {
        assert_eq!(
            verdict(&Archiver { nowhere: true, fails: false, ..failing() }).status,
            CheckStatus::Warning
        );
    }

    #[test]
    fn a_file_of_the_log_ends_where_its_name_says() {
        const MB: i64 = 1024 * 1024;
        assert_eq!(end_of_segment("000000010000000000000001", 16 * MB), Some(32 * MB));
        assert_eq!(end_of_segment("000000030000000200000000", MB), Some(2 * (1 << 32) + MB));
        assert_eq!(end_of_segment("000000010000000000000001.00000028.backup", MB), Some(2 * MB));
        for name in ["00000002.history", "", "0000000100000000000000ZZ", "00000001000000000000000\u{e9}"] {
            assert_eq!(end_of_segment(name, MB), None, "{name}");
        }
        assert_eq!(end_of_segment("FFFFFFFFFFFFFFFFFFFFFFFF", i64::MAX), None);
        assert_eq!(end_of_segment("000000010000000000000001", 0), None);
    }
}
