//! What is asked of the server at every health reading, each query beside its row type: two round trips (one, where an
//! earlier reading on the same session has told who the server is).
//!
//! Only catalog views whose cost does not grow with the number of relations.

use common::{
    Reason, TestResult, Unavailable,
    health::{Server, ServerRole},
    text,
    time::whole_micros_of_s,
};
use tokio::time::Instant;

use super::{
    Known, counters,
    counters::Counters,
    ended::{Ended, reason},
    known, time, transaction,
};
use crate::{
    Target,
    rows::{Answer, Row},
    session::{AskError, Session},
    statements,
};

/// The fields of [`Server`] that can be missing.
pub(super) const SERVER_KEYS: [&str; 8] = [
    "version",
    "version_num",
    "role",
    "started_at",
    "uptime_s",
    "system_identifier",
    "managed_by",
    "timezone",
];

const IDENTITY: &str = "select system_identifier::text as system_identifier from pg_control_system()";

/// Who has no right to read others' activity sees their rows with nothing in them but database and user.
const ACTIVITY: &str = "\
select count(*) as total,
       count(*) filter (where state in ('active', 'fastpath function call')) as active,
       count(*) filter (where state = 'idle') as idle,
       count(*) filter (where state in ('idle in transaction', 'idle in transaction (aborted)')) as in_transaction,
       count(*) filter (where backend_type is null) as hidden,
       count(*) filter (where state = 'disabled') as untracked,
       coalesce(max(extract(epoch from clock_timestamp() - xact_start)::float8)
                filter (where pid <> pg_backend_pid()), 0) as longest_transaction_s
  from pg_stat_activity
 where datid is not null
   and usesysid is not null
   and coalesce(backend_type, 'client backend') = 'client backend'";

#[derive(Debug, Clone)]
pub(crate) struct Activity {
    pub(super) total: Option<i64>,
    pub(super) active: Option<i64>,
    pub(super) idle: Option<i64>,
    pub(super) in_transaction: Option<i64>,
    pub(super) longest_transaction_s: Option<f64>,
    pub(super) hidden: i64,
    pub(super) untracked: i64,
}

impl Activity {
    fn from_row(row: Row<'_>) -> Self {
        Self {
            total: row.number("total"),
            active: row.number("active"),
            idle: row.number("idle"),
            in_transaction: row.number("in_transaction"),
            longest_transaction_s: row.number("longest_transaction_s").map(whole_micros_of_s),
            hidden: row.number("hidden").unwrap_or(0),
            untracked: row.number("untracked").unwrap_or(0),
        }
    }
}

const LOCKS: &str = "select count(*) as waiting from pg_locks where not granted";

/// The oldest transaction id that any database still needs, as far from wraparound at 2^31 as it is.
const OLDEST_XID: &str = "select max(age(datfrozenxid)) as age from pg_database";

/// How far a standby is behind. A standby that has replayed all it received is not behind, however long ago the
/// last transaction was; one that takes the log from an archive has received nothing, and cannot tell.
const REPLICATION: &str = "\
select pg_is_in_recovery() as standby,
       case when not pg_is_in_recovery() or pg_last_wal_receive_lsn() is null then null
            when pg_last_wal_replay_lsn() >= pg_last_wal_receive_lsn() then 0
            else extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())::float8
       end as lag_s,
       case when not pg_is_in_recovery() then null
            when pg_last_wal_replay_lsn() >= pg_last_wal_receive_lsn() then 0
            else pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
       end as lag_bytes";

#[derive(Debug, Clone, Copy)]
pub(super) struct Replication {
    pub(super) standby: bool,
    pub(super) lag_s: Option<f64>,
    pub(super) lag_bytes: Option<i64>,
}

/// Everything that one reading found, or why not.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(super) known: Result<Known, Reason>,
    identity: Result<Option<String>, Reason>,
    pub(super) activity: Result<Activity, Reason>,
    pub(super) counters: Result<Counters, Reason>,
    pub(super) wal: Result<(), Reason>,
    pub(super) waiting_locks: Result<Option<i64>, Reason>,
    pub(super) oldest_xid_age: Result<Option<i64>, Reason>,
    pub(super) replication: Result<Replication, Reason>,
    pub(super) extension: Result<statements::Extension, Reason>,
}

/// What the first round trip found.
pub(super) struct First {
    pub(super) known: Result<Known, Reason>,
    identity: Result<Option<String>, Reason>,
    extension: Result<statements::Extension, Reason>,
    pub(super) ended: Option<Ended>,
}

impl First {
    const QUERIES: [&str; 4] = [known::ABOUT, IDENTITY, statements::PRELOADED, statements::EXTENSION];

    /// Who the server is and who we are there: what the rest of the reading depends on.
    pub(super) async fn take(session: &Session, target: &Target, deadline: Instant) -> Self {
        let answers = transaction::read(session, &Self::QUERIES, deadline).await;
        let mut sorter = Sorter { answers: answers.into_iter(), user: target.username.clone(), ended: None };
        Self::sort(&mut sorter, target)
    }

    fn sort(sorter: &mut Sorter, target: &Target) -> Self {
        let known = sorter.row(|row| Some(Known::from_row(row).with_login(&target.username)));
        if let Ok(known) = &known {
            sorter.user = known.user().to_owned();
        }
        let identity = sorter
            .row(|row| Some(row.text("system_identifier").map(|shown| text::clean_server_text(&shown))));
        let preloaded = sorter.next().ok();
        let known = known.map(|known| known.with_preloaded(preloaded.as_ref()));
        let extension = sorter.next().map(|answer| statements::Extension::from_answer(&answer));
        let known = known.map(|known| known.with_extension(extension.as_ref().ok().cloned()));
        Self { known, identity, extension, ended: sorter.ended.take() }
    }

    /// What is known, or next to nothing.
    pub(super) fn known(&self, target: &Target) -> Known {
        self.known.clone().unwrap_or_else(|_| Known::of(&target.username))
    }
}

impl Reading {
    /// Everything else of the fast tier, with the answers to `more` (the checks' own queries) beside it.
    /// Without a `first`, that is asked in the same round trip.
    pub(super) async fn take(
        session: &Session,
        first: Option<First>,
        known: &Known,
        more: &[&str],
        deadline: Instant,
    ) -> (Self, Vec<Result<Answer, Reason>>, Option<Ended>) {
        let mut queries = Vec::new();
        if first.is_none() {
            queries.extend(First::QUERIES);
        }
        queries.extend([ACTIVITY, counters::DATABASE, counters::WAL, LOCKS, OLDEST_XID, REPLICATION]);
        queries.extend(more);
        let answers = transaction::read(session, &queries, deadline).await;
        let mut sorter = Sorter { answers: answers.into_iter(), user: known.user().to_owned(), ended: None };
        let first = match first {
            Some(first) => first,
            None => First::sort(&mut sorter, session.target()),
        };
        sorter.ended = first.ended;
        let activity = sorter.row(|row| Some(Activity::from_row(row)));
        let mut counters = sorter.row(Counters::from_row);
        let wal = sorter.next().map(|answer| counters::wal_bytes(&answer));
        let waiting_locks = sorter.row(|row| Some(row.number("waiting")));
        let oldest_xid_age = sorter.row(|row| Some(row.number("age")));
        let replication = sorter.row(|row| {
            Some(Replication {
                standby: row.flag("standby")?,
                lag_s: row.number("lag_s").map(whole_micros_of_s),
                lag_bytes: row.number("lag_bytes"),
            })
        });
        let more = more.iter().map(|_| sorter.next()).collect();
        let ended = sorter.ended;

        if let (Ok(counters), Ok(bytes)) = (&mut counters, &wal) {
            counters.wal_bytes = *bytes;
        }
        let reading = Self {
            known: first.known,
            identity: first.identity,
            activity,
            counters,
            wal: wal.map(|_| ()),
            waiting_locks,
            oldest_xid_age,
            replication,
            extension: first.extension,
        };
        (reading, more, ended)
    }

    /// What is known of the server, or next to nothing.
    pub(super) fn known(&self, target: &Target) -> Known {
        self.known.clone().unwrap_or_else(|_| Known::of(&target.username))
    }

    /// Which database this is: the cluster's identifier and the database's oid.
    pub(super) fn database_identity(&self) -> Option<String> {
        let cluster = self.identity.as_ref().ok()?.as_ref()?;
        let database = self.counters.as_ref().ok()?.database_oid;
        Some(format!("{cluster}/{database}"))
    }

    /// Whether nothing at all was answered.
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_err() && self.activity.is_err() && self.counters.is_err()
    }

    /// The server's part of a health, with what is missing of it.
    pub(super) fn server(&self, test: &TestResult) -> (Server, Unavailable) {
        let about = self.known.as_ref().ok();
        let server = Server {
            version: about.and_then(|about| about.version.clone()).or_else(|| test.server_version.clone()),
            version_num: about.and_then(|about| about.version_num).or(test.server_version_num),
            role: about
                .and_then(|about| about.standby)
                .map(|standby| if standby { ServerRole::Standby } else { ServerRole::Primary }),
            started_at: time(about.and_then(|about| about.started_at_s)),
            // By the server's own clock: ours may differ.
            uptime_s: about
                .and_then(|about| about.now_s.zip(about.started_at_s))
                .map(|(now, then)| whole_micros_of_s(now - then)),
            system_identifier: self.identity.as_ref().ok().cloned().flatten(),
            pooler: test.pooler.clone(),
            managed_by: about.and_then(|about| about.provider).map(str::to_owned),
            timezone: about.and_then(|about| about.timezone.clone()),
        };
        let mut unavailable = Unavailable::new();
        let why = self.known.as_ref().err().cloned().unwrap_or_else(|| Reason::new("the server did not say"));
        for (missing, key) in [
            (server.version.is_none(), "version"),
            (server.version_num.is_none(), "version_num"),
            (server.role.is_none(), "role"),
            (server.started_at.is_none(), "started_at"),
            (server.uptime_s.is_none(), "uptime_s"),
            (server.timezone.is_none(), "timezone"),
        ] {
            if missing {
                unavailable.insert(key.to_owned(), why.clone());
            }
        }
        if server.system_identifier.is_none() {
            let why = self.identity.as_ref().err().cloned();
            let why = why.unwrap_or_else(|| Reason::new("the server did not say"));
            unavailable.insert("system_identifier".to_owned(), why);
        }
        if server.managed_by.is_none() {
            unavailable.insert("managed_by".to_owned(), Reason::new("no managed service was recognised"));
        }
        (server, unavailable)
    }
}

/// Hands out the answers in order and remembers when they ended.
struct Sorter {
    answers: std::vec::IntoIter<Result<Answer, AskError>>,
    user: String,
    ended: Option<Ended>,
}

impl Sorter {
    fn next(&mut self) -> Result<Answer, Reason> {
        match self.answers.next() {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(error)) => Err(reason(error, &self.user, &mut self.ended)),
            None => Err(Reason::new(Reason::NOT_COLLECTED)),
        }
    }

    fn row<T>(&mut self, read: impl Fn(Row<'_>) -> Option<T>) -> Result<T, Reason> {
        let answer = self.next()?;
        answer
            .first()
            .and_then(read)
            .ok_or_else(|| Reason::new("the server's answer is not what was asked for"))
    }
}
