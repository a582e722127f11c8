//! Whether a standby is connected to its primary. Without, it falls behind from now on, and nobody notices until a
//! failover.

use common::{Reason, text};

use super::{Ask, Check, Context, Verdict};
use crate::rows::{Answer, Row};

pub(super) const CHECK: Check = Check {
    id: "wal-receiver",
    title: "Connection to the primary",
    unit: "count",
    threshold: None,
    why: "A standby without its primary gets no changes any more: its readers see the past, and a failover loses data.",
    docs_url: "https://www.postgresql.org/docs/current/warm-standby.html#STREAMING-REPLICATION",
    ask: |known| match known.reads_all_settings {
        _ if !known.is_standby() => Ask::Skip("Only a standby has a primary."),
        Some(true) => Ask::sql(SQL),
        _ => Ask::sql(SQL_UNPRIVILEGED),
    },
    judge,
};

/// `primary_conninfo` may hold a password: only whether there is one is asked.
const SQL: &str = "\
select (select count(*) from pg_stat_wal_receiver) as receivers,
       (select status from pg_stat_wal_receiver) as status,
       current_setting('primary_conninfo') <> '' as streams";

/// Who may not read that setting.
const SQL_UNPRIVILEGED: &str = "\
select (select count(*) from pg_stat_wal_receiver) as receivers,
       (select status from pg_stat_wal_receiver) as status,
       null::bool as streams";

const WARNING_POINTS: u8 = 15;
const CRITICAL_POINTS: u8 = 30;

#[derive(Debug, Clone, Default)]
struct Receiver {
    receivers: Option<i64>,
    status: Option<String>,
    /// Whether it is meant to have one.
    streams: Option<bool>,
}

impl Receiver {
    fn from_row(row: Row<'_>) -> Self {
        Self {
            receivers: row.number("receivers"),
            status: row.text("status").map(|status| text::shorten(&status, 40)),
            streams: row.flag("streams"),
        }
    }
}

fn judge(answer: &Answer, context: &mut Context<'_>) -> Result<Verdict, Reason> {
    let receiver = Receiver::from_row(answer.one()?);
    // It was missing at the reading before if that has counted it.
    let before = receiver.receivers == Some(0) && context.growth("wal_receiver.missing", 0, None).is_ok();
    verdict(&receiver, before).map_err(|()| context.known.no_privilege())
}

/// `missing_before`: at the reading before it was missing already. The error is that it cannot be told.
fn verdict(receiver: &Receiver, missing_before: bool) -> Result<Verdict, ()> {
    match (receiver.receivers, receiver.streams) {
        (Some(1..), _) => {
            let status = receiver.status.as_deref().map(|status| format!(" ({status})")).unwrap_or_default();
            Ok(Verdict::ok(1.0, format!("This standby is connected to its primary{status}.")))
        }
        (Some(0), Some(true)) => {
            let detail = "This standby is not connected to its primary: no WAL receiver runs, though primary_conninfo is \
                          set. Its log says why: the primary is away, refuses the login, or has removed what is needed.";
            Ok(if missing_before {
                Verdict::critical(CRITICAL_POINTS, 0.0, detail)
            } else {
                Verdict::warning(WARNING_POINTS, 0.0, detail)
            }
            .with_fix("SELECT pg_is_in_recovery(), pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn(), pg_last_xact_replay_timestamp();"))
        }
        (Some(0), Some(false)) => {
            Ok(Verdict::skipped("This standby takes the log from an archive (primary_conninfo is empty)."))
        }
        _ => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    fn of(receivers: i64, streams: Option<bool>, before: bool) -> Result<CheckStatus, ()> {
        let receiver = Receiver { receivers: Some(receivers), status: Some("streaming".to_owned()), streams };
        verdict(&receiver, before).map(|verdict| verdict.status)
    }

    #[test]
    fn one_that_is_missing_is_a_warning_and_if_it_lasts_critical() {
        assert_eq!(of(1, None, false), Ok(CheckStatus::Ok));
        assert_eq!(of(0, Some(true), false), Ok(CheckStatus::Warning));
        assert_eq!(of(0, Some(true), true), Ok(CheckStatus::Critical));
        assert_eq!(of(0, Some(false), true), Ok(CheckStatus::Skipped));
    }

    #[test]
    fn who_may_not_see_whether_there_should_be_one_cannot_tell() {
        assert_eq!(of(0, None, false), Err(()));
        assert_eq!(of(-1, Some(true), false), Err(()));
        assert!(verdict(&Receiver::default(), false).is_err());
    }
}
