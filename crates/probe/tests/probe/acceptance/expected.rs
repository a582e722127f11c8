//! What each check says of the sick servers, login by login. Every check of the registries is here, also the few that
//! cannot be provoked, with the reason.

use common::health::{Check, CheckStatus};
use testkit::Version;

use super::Login;

/// Where a check is provoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// On the primary, from the first reading on.
    Primary,
    /// On the primary, by what happens between two readings.
    Interval,
    /// On the primary's pooler: nobody sees it who comes in directly.
    Pooler,
    /// On a standby.
    Standby,
    /// On a standby whose primary is gone.
    Orphan,
    /// On versions that are no longer corrected; it is so there on healthy servers, too.
    OldVersion,
}

/// What a login is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// A warning, or a critical one, which takes points.
    Found,
    /// That it is so, without points.
    Noted,
    /// Nothing: with this login there is nothing wrong.
    Fine,
    /// That it may not see it (a part of the reason), and the SQL that lets it or that a superuser would run.
    Hidden(&'static str),
}

use Place::{Interval, OldVersion, Orphan, Pooler, Primary, Standby};
use Says::{Fine, Found, Hidden, Noted};

pub(super) struct Case {
    pub(super) id: &'static str,
    /// Nowhere: why not.
    pub(super) on: Result<&'static [Place], &'static str>,
    pub(super) superuser: Says,
    pub(super) monitor: Says,
    pub(super) bare: Says,
    /// The same on a standby, which hides less of it.
    pub(super) bare_on_standby: Option<Says>,
}

impl Case {
    pub(super) fn says(&self, login: Login, place: Place) -> Says {
        match login {
            Login::Superuser => self.superuser,
            Login::Monitor => self.monitor,
            Login::Bare if place == Standby => self.bare_on_standby.unwrap_or(self.bare),
            Login::Bare => self.bare,
        }
    }

    pub(super) fn is_on(&self, place: Place) -> bool {
        self.on.is_ok_and(|places| places.contains(&place))
    }
}

const fn case(id: &'static str, on: &'static [Place], says: [Says; 3]) -> Case {
    let [superuser, monitor, bare] = says;
    Case { id, on: Ok(on), superuser, monitor, bare, bare_on_standby: None }
}

const fn not_provoked(id: &'static str, why: &'static str, bare: Says) -> Case {
    Case { id, on: Err(why), superuser: Fine, monitor: Fine, bare, bare_on_standby: None }
}

const EVERYBODY: [Says; 3] = [Found, Found, Found];
/// What others do is hidden from who has no rights.
const WHO_MAY_WATCH: [Says; 3] = [Found, Found, Hidden("no_privilege")];

pub(super) const TABLE: &[Case] = &[
    case("connections-used", &[Primary], EVERYBODY),
    not_provoked("connections-by", "it tells who holds them, and is never a finding", Hidden("no_privilege")),
    case("pooler-waiting", &[Pooler], [Found, Found, Hidden("console")]),
    case("cache-hit-ratio", &[Interval], EVERYBODY),
    case("idle-in-transaction", &[Primary], WHO_MAY_WATCH),
    case("long-statements", &[Primary], WHO_MAY_WATCH),
    case("long-transactions", &[Primary], WHO_MAY_WATCH),
    case("prepared-transactions", &[Primary], EVERYBODY),
    case("lock-waits", &[Primary], WHO_MAY_WATCH),
    case("deadlocks", &[Interval], EVERYBODY),
    case("temporary-files", &[Interval], EVERYBODY),
    case("rollbacks", &[Interval], EVERYBODY),
    case("checkpoints", &[Primary], EVERYBODY),
    not_provoked("wal-rate", "it tells a rate, and is never a finding", Fine),
    not_provoked(
        "io",
        "a finding takes reads of 20 ms each on average, which no disk here is slow enough for",
        Fine,
    ),
    case("archiver", &[Primary], EVERYBODY),
    // How far it is behind, a standby tells everybody; how far others are, a primary does not.
    Case { bare_on_standby: Some(Found), ..case("replication-lag", &[Primary, Standby], WHO_MAY_WATCH) },
    case("replication-slots", &[Primary], EVERYBODY),
    case("standby-conflicts", &[Standby], EVERYBODY),
    case("wal-receiver", &[Orphan], WHO_MAY_WATCH),
    case("transaction-wraparound", &[Primary], EVERYBODY),
    case("multixact-wraparound", &[Primary], EVERYBODY),
    case("settings-worth-a-look", &[Primary, Standby], EVERYBODY),
    case("version-end-of-life", &[OldVersion], EVERYBODY),
    case("statement-statistics", &[Interval], EVERYBODY),
    // The one of whatever the dashboard talks to: a pooler has its own.
    case("certificate-expiry", &[Primary, Standby], EVERYBODY),
    // On loopback the superuser is what everybody begins with; the other two may only watch.
    case("login-privileges", &[Primary], [Noted, Fine, Fine]),
    case("md5-passwords", &[Primary], [Found, Hidden("needs_superuser"), Hidden("needs_superuser")]),
    case("password-age", &[Primary, Standby], EVERYBODY),
    not_provoked(
        "dashboard-cost",
        "a finding takes readings of 600 ms of the server's time; that they cost less is what is promised",
        Fine,
    ),
    not_provoked("sizes", "it tells sizes, and is never a finding", Fine),
    case("extension-updates", &[Primary], [Noted, Noted, Noted]),
    case("sequences", &[Primary], [Found, Hidden("sequences"), Hidden("sequences")]),
    case("invalid-indexes", &[Primary], EVERYBODY),
    case("autovacuum-behind", &[Primary], EVERYBODY),
    case("never-analysed", &[Primary], EVERYBODY),
    case("table-bloat", &[Primary], [Found, Hidden("pg_stats"), Hidden("pg_stats")]),
    case("index-bloat", &[Primary], [Found, Hidden("pg_stats"), Hidden("pg_stats")]),
    // A finding once the counters are a week old, which no test can wait for.
    case("unused-indexes", &[Primary], [Noted, Noted, Noted]),
    case("duplicate-indexes", &[Primary], EVERYBODY),
    case("foreign-keys-without-index", &[Primary], EVERYBODY),
    // A finding after a thousand scans.
    case("missing-index-suspects", &[Primary], [Noted, Noted, Noted]),
    case("wraparound-tables", &[Primary], EVERYBODY),
];

/// Versions whose last correction is out; the check itself knows the days.
pub(super) fn is_old(version: Version) -> bool {
    version <= Version::V14
}

/// What is wrong with what a check says, if anything.
pub(super) fn objection(check: &Check, says: Says) -> Option<String> {
    let reason = check.unavailable.get("value");
    let is_hidden = |why: &str| {
        check.status == CheckStatus::Unavailable && reason.is_some_and(|reason| reason.reason.contains(why))
    };
    let fits = match says {
        Found => {
            matches!(check.status, CheckStatus::Warning | CheckStatus::Critical)
                && check.points > 0
                && check.docs_url.is_some()
                && !check.why.is_empty()
        }
        Noted => check.status == CheckStatus::Info && check.points == 0,
        Fine => matches!(check.status, CheckStatus::Ok | CheckStatus::Info | CheckStatus::Skipped),
        Hidden(why) => is_hidden(why) && reason.is_some_and(|reason| reason.fix_sql.is_some()),
    };
    (!fits).then(|| {
        format!(
            "{} should be {says:?} and is {:?} ({} points): {} {reason:?}",
            check.id, check.status, check.points, check.detail
        )
    })
}
