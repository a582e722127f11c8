//! How far standbys are behind: on a standby itself, on a primary each of those that are connected.
//!
//! The age of the last replayed transaction is no lag: on an idle primary it grows for ever. A standby that has replayed
//! all that its primary has is not behind; and one that by now has replayed what was there at the reading before is
//! behind by no more than the time since.

use common::{
    Reason,
    health::{Evidence, Threshold},
    text, units,
};

use super::{Ask, Check, Context, Growth, Verdict, check::not_an_answer};
use crate::rows::{Answer, Row};

pub(super) const LIMITS: Threshold = Threshold { warning: 60.0, critical: 300.0 };
const GB: f64 = 1024.0 * 1024.0 * 1024.0;
pub(super) const LIMITS_BYTES: Threshold = Threshold { warning: GB, critical: 10.0 * GB };
const POINTS: (u8, u8) = (10, 25);

pub(super) const CHECK: Check = Check {
    id: "replication-lag",
    title: "Replication lag",
    unit: "s",
    threshold: Some(LIMITS),
    why: "What a standby has not received is lost with its primary, and what it has not replayed its readers do not see.",
    docs_url: "https://www.postgresql.org/docs/current/warm-standby.html#STREAMING-REPLICATION-MONITORING",
    ask: |known| match known.standby {
        Some(true) => Ask::sql(STANDBY),
        _ if known.sees_only_itself() => Ask::Unavailable(known.no_privilege()),
        _ => Ask::sql(PRIMARY),
    },
    judge: |answer, context| {
        if context.known.is_standby() {
            judge_standby(answer, context)
        } else {
            judge_primary(answer, context)
        }
    },
};

/// `latest_end_lsn` is the primary's last word on how far its log goes; who may not see it has to do without.
const STANDBY: &str = "\
select pg_wal_lsn_diff(pg_last_wal_receive_lsn(), '0/0') as received_bytes,
       pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0') as replayed_bytes,
       (select pg_wal_lsn_diff(latest_end_lsn, '0/0') from pg_stat_wal_receiver) as primary_bytes,
       extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())::float8 as since_replay_s,
       pg_is_wal_replay_paused() as paused";

/// Backups stream, too, and are none. `replay_lag` is null of a standby that is idle because it has everything. What only
/// receives the log (pg_receivewal, Barman) replays none of it: it tells no `replay_lsn`, and flushes at the end of a segment.
const PRIMARY: &str = "\
select application_name, host(client_addr) as address, state, sync_state,
       extract(epoch from write_lag)::float8 as write_lag_s,
       extract(epoch from flush_lag)::float8 as flush_lag_s,
       extract(epoch from replay_lag)::float8 as replay_lag_s,
       pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') as written_bytes,
       pg_wal_lsn_diff(pg_current_wal_lsn(), sent_lsn) as unsent_bytes,
       replay_lsn is not null as replays,
       pg_wal_lsn_diff(pg_current_wal_lsn(), coalesce(replay_lsn, write_lsn, flush_lsn)) as behind_bytes
  from pg_stat_replication
 where state is distinct from 'backup'
 order by behind_bytes desc nulls last
 limit 50";

#[derive(Debug, Clone, Copy, Default)]
struct Standby {
    received: Option<i64>,
    replayed: Option<i64>,
    primary: Option<i64>,
    since_replay_s: Option<f64>,
    paused: bool,
}

impl Standby {
    fn from_row(row: Row<'_>) -> Self {
        let place = |column: &str| row.number::<i64>(column).filter(|place| *place >= 0);
        Self {
            received: place("received_bytes"),
            replayed: place("replayed_bytes"),
            primary: place("primary_bytes"),
            since_replay_s: row.finite("since_replay_s").map(|seconds| seconds.max(0.0)),
            paused: row.flag("paused").unwrap_or(false),
        }
    }

    /// How far the primary's log went when it last said so.
    fn end(&self) -> Option<i64> {
        self.received.max(self.primary)
    }

    fn behind_bytes(&self) -> Option<i64> {
        Some(self.end()?.saturating_sub(self.replayed?).max(0))
    }

    /// `end_growth`: how far the primary's log has grown since the reading before.
    fn lag_s(&self, end_growth: Option<Growth>) -> Option<f64> {
        let behind = self.behind_bytes()?;
        if behind == 0 {
            return Some(0.0);
        }
        let caught_up = end_growth.filter(|growth| behind <= growth.count).map(|growth| growth.seconds);
        match (self.since_replay_s, caught_up) {
            (Some(since), Some(at_most)) => Some(since.min(at_most)),
            (since, at_most) => since.or(at_most),
        }
    }
}

fn judge_standby(answer: &Answer, context: &mut Context<'_>) -> Result<Verdict, Reason> {
    let standby = Standby::from_row(answer.one()?);
    let growth = standby.end().and_then(|end| context.growth("replication.end", end, None).ok());
    let (limits, limits_bytes) =
        (context.thresholds.replication_lag_s, context.thresholds.replication_lag_bytes);
    verdict_standby(standby, growth, limits, limits_bytes)
}

fn verdict_standby(
    standby: Standby,
    growth: Option<Growth>,
    limits: Threshold,
    limits_bytes: Threshold,
) -> Result<Verdict, Reason> {
    let replayed = standby.replayed.ok_or_else(not_an_answer)?;
    let Some(behind) = standby.behind_bytes() else {
        let since = standby
            .since_replay_s
            .map(|seconds| format!("; its last transaction is {} old", units::span(seconds)));
        let detail = format!(
            "This standby takes the log from an archive and has replayed {} of it{}: how far its primary is, it cannot tell.",
            units::bytes(replayed),
            since.unwrap_or_default()
        );
        let reason =
            Reason::new("a standby that takes the log from an archive does not know how far its primary is");
        return Ok(Verdict { no_value: Some(reason), ..Verdict::skipped(detail) });
    };
    let lag_s = standby.lag_s(growth);
    let mut detail = match lag_s {
        _ if behind == 0 => "This standby has replayed everything that its primary has sent.".to_owned(),
        Some(lag_s) => {
            format!("This standby is {} and {} behind its primary.", units::span(lag_s), units::bytes(behind))
        }
        None => format!("This standby is {} behind its primary.", units::bytes(behind)),
    };
    if standby.paused {
        detail.push_str(
            " Replay is paused: somebody called pg_wal_replay_pause, or a recovery target or a setting that \
                         is smaller than the primary's was reached.",
        );
    }
    let why = "no transaction has been replayed since this standby started";
    let mut verdict = by_both(lag_s.ok_or(why), behind, limits, limits_bytes, detail);
    if verdict.is_finding() && standby.paused {
        verdict = verdict.with_fix("SELECT pg_wal_replay_resume();");
    } else if verdict.is_finding() {
        verdict.detail.push_str(
            " Look for statements on it that replay waits for (max_standby_streaming_delay), and \
                                 for its disk.",
        );
    }
    Ok(verdict)
}

/// Whichever is worse decides. A lag that is not known has a reason.
fn by_both(
    lag_s: Result<f64, &str>,
    behind: i64,
    limits: Threshold,
    limits_bytes: Threshold,
    detail: String,
) -> Verdict {
    let bytes = behind as f64;
    let counts = match lag_s.unwrap_or_default() {
        lag_s if lag_s >= limits.critical || bytes >= limits_bytes.critical => limits.critical.max(lag_s),
        lag_s if bytes >= limits_bytes.warning => limits.warning.max(lag_s),
        lag_s => lag_s,
    };
    let no_value = lag_s.err().map(Reason::new);
    Verdict { value: lag_s.ok(), no_value, ..Verdict::by(limits, POINTS, counts, detail) }
}

/// A standby as its primary sees it.
#[derive(Debug, Clone, Default)]
struct Follower {
    name: String,
    address: Option<String>,
    state: Option<String>,
    sync_state: Option<String>,
    /// A standby; what only receives the log has nothing to replay.
    replays: bool,
    write_lag_s: Option<f64>,
    flush_lag_s: Option<f64>,
    replay_lag_s: Option<f64>,
    unsent_bytes: Option<i64>,
    behind_bytes: Option<i64>,
}

impl Follower {
    fn from_row(row: Row<'_>) -> Self {
        let short = |column: &str| {
            row.text(column).map(|text| text::shorten(&text, 80)).filter(|text| !text.is_empty())
        };
        let seconds = |column: &str| row.finite(column).map(|seconds| seconds.max(0.0));
        let bytes = |column: &str| row.number::<i64>(column).map(|bytes| bytes.max(0));
        Self {
            name: short("application_name").unwrap_or_else(|| "a standby".to_owned()),
            address: short("address"),
            state: short("state"),
            sync_state: short("sync_state"),
            replays: row.flag("replays").unwrap_or(true),
            write_lag_s: seconds("write_lag_s"),
            flush_lag_s: seconds("flush_lag_s"),
            replay_lag_s: seconds("replay_lag_s"),
            unsent_bytes: bytes("unsent_bytes"),
            behind_bytes: bytes("behind_bytes"),
        }
    }

    /// Its own word; nothing of one that has everything. Where it has not yet replayed what was written at the reading
    /// before, it is at least that long behind, whatever it says: one that stands still measures nothing.
    fn lag_s(&self, written: Option<Growth>) -> Result<f64, &'static str> {
        if !self.replays {
            return Err("it receives the log and replays none of it");
        }
        let at_least = written.filter(|growth| self.behind_bytes.is_some_and(|behind| behind > growth.count));
        Ok(self.replay_lag_s.unwrap_or_default().max(at_least.map_or(0.0, |growth| growth.seconds)))
    }

    fn evidence(&self, lag_s: f64) -> Evidence {
        let mut parts = Vec::new();
        parts.extend(self.state.clone());
        parts.extend(self.sync_state.clone());
        if !self.replays {
            parts.push("receives the log and replays none of it".to_owned());
        }
        if let Some(behind) = self.behind_bytes {
            parts.push(format!("{} behind", units::bytes(behind)));
        }
        if let Some(unsent) = self.unsent_bytes.filter(|unsent| *unsent > 0) {
            parts.push(format!("{} not sent yet", units::bytes(unsent)));
        }
        for (name, lag_s) in [
            ("write", self.write_lag_s),
            ("flush", self.flush_lag_s),
            ("replay", Some(lag_s).filter(|lag| *lag > 0.0)),
        ] {
            parts.extend(lag_s.map(|lag_s| format!("{name} lag {}", units::millis(lag_s * 1000.0))));
        }
        let subject = match &self.address {
            Some(address) => format!("{} ({address})", self.name),
            None => self.name.clone(),
        };
        Evidence { subject, detail: parts.join(", "), fix_sql: None }
    }
}

fn judge_primary(answer: &Answer, context: &mut Context<'_>) -> Result<Verdict, Reason> {
    let followers: Vec<Follower> = answer.rows().map(Follower::from_row).collect();
    let written = answer.first().and_then(|row| row.number::<i64>("written_bytes"));
    let growth = written.and_then(|written| context.growth("replication.written", written, None).ok());
    let (limits, limits_bytes) =
        (context.thresholds.replication_lag_s, context.thresholds.replication_lag_bytes);
    Ok(verdict_primary(&followers, growth, limits, limits_bytes))
}

fn verdict_primary(
    followers: &[Follower],
    written: Option<Growth>,
    limits: Threshold,
    limits_bytes: Threshold,
) -> Verdict {
    let mut judged: Vec<(&Follower, Verdict)> = followers
        .iter()
        .map(|follower| {
            let behind = follower.behind_bytes.unwrap_or_default();
            (follower, by_both(follower.lag_s(written), behind, limits, limits_bytes, String::new()))
        })
        .collect();
    judged.sort_by(|(a, of_a), (b, of_b)| {
        let rank = |follower: &Follower, verdict: &Verdict| {
            // What is as bad as the others and is no standby has no lag to show.
            let value = verdict.value.unwrap_or_default() as i64;
            (verdict.points, follower.replays, value, follower.behind_bytes)
        };
        rank(b, of_b).cmp(&rank(a, of_a))
    });
    let evidence = judged
        .iter()
        .map(|(follower, verdict)| follower.evidence(verdict.value.unwrap_or_default()))
        .collect();
    let Some((worst, verdict)) = judged.into_iter().next() else {
        return Verdict::nothing_there("No standby is connected.", "no standby is connected");
    };
    let standbys = followers.iter().filter(|follower| follower.replays).count();
    let receivers = match followers.len() - standbys {
        0 => String::new(),
        1 => "1 receiver of the log".to_owned(),
        count => format!("{count} receivers of the log"),
    };
    let mut connected = match (standbys, receivers.is_empty()) {
        (0, _) => String::new(),
        (1, _) => "1 standby".to_owned(),
        (count, _) => format!("{count} standbys"),
    };
    if !connected.is_empty() && !receivers.is_empty() {
        connected.push_str(" and ");
    }
    let are = if followers.len() == 1 { "is" } else { "are" };
    let lag = verdict.value.map(|lag_s| format!("{} and ", units::span(lag_s))).unwrap_or_default();
    let mut detail = format!(
        "{connected}{receivers} {are} connected; {} is {lag}{} behind.",
        worst.name,
        units::bytes(worst.behind_bytes.unwrap_or_default())
    );
    if verdict.is_finding() && !worst.replays {
        detail.push_str(" Look at its network and its disk.");
    } else if verdict.is_finding() {
        detail.push_str(" Look at its network, its disk, and statements on it that replay waits for.");
    }
    Verdict { detail, ..verdict }.with_evidence(evidence)
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    fn standby(end: i64, replayed: i64, since_replay_s: f64) -> Standby {
        Standby {
            received: Some(end),
            replayed: Some(replayed),
            primary: None,
            since_replay_s: Some(since_replay_s),
            paused: false,
        }
    }

    fn of(standby: Standby, growth: Option<Growth>) -> Verdict {
        verdict_standby(standby, growth, LIMITS, LIMITS_BYTES).unwrap()
    }

    #[test]
    fn on_an_idle_primary_nobody_is_behind() {
        let idle = of(standby(1000, 1000, 86_400.0), None);
        assert_eq!((idle.status, idle.value), (CheckStatus::Ok, Some(0.0)));
    }

    #[test]
    fn after_an_idle_night_the_first_transaction_is_not_a_night_behind() {
        let first = standby(1100, 1000, 30_000.0);
        let caught_up = Growth { count: 100, seconds: 10.0 };
        assert_eq!(of(first, Some(caught_up)).value, Some(10.0));
        // What was there at the reading before is not replayed either.
        assert_eq!(of(first, Some(Growth { count: 99, seconds: 10.0 })).value, Some(30_000.0));
    }

    #[test]
    fn what_the_primary_says_it_has_counts_as_much_as_what_was_received() {
        let unreceived = Standby { primary: Some(5000), ..standby(1000, 1000, 90.0) };
        assert_eq!(of(unreceived, None).status, CheckStatus::Warning);
    }

    #[test]
    fn the_limits_are_60_and_300_seconds_or_1_and_10_gb() {
        let by_time = |seconds| of(standby(2, 1, seconds), None);
        assert_eq!(by_time(59.0).status, CheckStatus::Ok);
        assert_eq!((by_time(60.0).status, by_time(60.0).points), (CheckStatus::Warning, 10));
        assert_eq!((by_time(300.0).status, by_time(300.0).points), (CheckStatus::Critical, 25));
        let by_bytes = |gb: i64| of(standby(gb << 30, 0, 1.0), None);
        assert_eq!((by_bytes(1).status, by_bytes(1).value), (CheckStatus::Warning, Some(1.0)));
        assert_eq!(by_bytes(10).status, CheckStatus::Critical);
    }

    #[test]
    fn a_paused_replay_says_so_with_what_resumes_it() {
        let found = of(Standby { paused: true, ..standby(2, 1, 400.0) }, None);
        assert_eq!(found.fix_sql.as_deref(), Some("SELECT pg_wal_replay_resume();"));
    }

    #[test]
    fn a_standby_fed_from_an_archive_cannot_tell() {
        let archive = Standby { received: None, ..standby(0, 1000, 400.0) };
        assert_eq!((of(archive, None).status, of(archive, None).value), (CheckStatus::Skipped, None));
        assert!(verdict_standby(Standby::default(), None, LIMITS, LIMITS_BYTES).is_err());
        let most = Standby { primary: Some(i64::MAX), ..standby(0, 0, f64::MAX) };
        assert_eq!(of(most, None).status, CheckStatus::Critical);
    }

    fn follower(name: &str, replay_lag_s: Option<f64>, behind: i64) -> Follower {
        let state = Some("streaming".to_owned());
        Follower {
            name: name.to_owned(),
            state,
            replays: true,
            replay_lag_s,
            behind_bytes: Some(behind),
            ..Follower::default()
        }
    }

    fn seen(followers: &[Follower], written: Option<Growth>) -> Verdict {
        verdict_primary(followers, written, LIMITS, LIMITS_BYTES)
    }

    #[test]
    fn the_worst_standby_decides_and_all_are_shown() {
        let found = seen(&[follower("near", None, 0), follower("far", Some(400.0), 5_000_000)], None);
        assert_eq!((found.status, found.value), (CheckStatus::Critical, Some(400.0)));
        assert!(
            found.detail.starts_with("2 standbys are connected; far is 6 min and 4.77 MB behind."),
            "{}",
            found.detail
        );
        assert_eq!(found.evidence[0].detail, "streaming, 4.77 MB behind, replay lag 400 s");
        assert_eq!(found.evidence.len(), 2);
        let none = seen(&[], None);
        assert_eq!((none.status, none.value), (CheckStatus::Ok, None));
    }

    #[test]
    fn a_standby_that_stands_still_is_behind_at_least_since_the_reading_before() {
        let stuck = follower("stuck", None, 500);
        assert_eq!(
            seen(std::slice::from_ref(&stuck), Some(Growth { count: 499, seconds: 90.0 })).value,
            Some(90.0)
        );
        assert_eq!(seen(&[stuck], Some(Growth { count: 500, seconds: 90.0 })).value, Some(0.0));
    }

    #[test]
    fn what_only_receives_the_log_is_behind_by_bytes_and_by_no_time() {
        let receiver = Follower { replays: false, ..follower("pg_receivewal", None, 9 << 20) };
        let quiet = Growth { count: 100, seconds: 3000.0 };
        let alone = seen(std::slice::from_ref(&receiver), Some(quiet));
        assert_eq!((alone.status, alone.value), (CheckStatus::Ok, None));
        assert!(alone.no_value.is_some());
        assert_eq!(alone.detail, "1 receiver of the log is connected; pg_receivewal is 9.00 MB behind.");
        let both = seen(&[receiver.clone(), follower("near", None, 0)], Some(quiet));
        assert_eq!((both.status, both.value), (CheckStatus::Ok, Some(0.0)));
        assert!(
            both.detail.starts_with("1 standby and 1 receiver of the log are connected; near is"),
            "{}",
            both.detail
        );
        let stuck = Follower { behind_bytes: Some(11 << 30), ..receiver };
        assert_eq!(seen(&[stuck], None).status, CheckStatus::Critical, "the disk fills all the same");
    }
}
