//! What changed since the reading before: version, restart, role, address, certificate, settings, extensions, logins,
//! jumps of size, and whether it is the same database at all.
//!
//! Each reading sees some of it ([`Seen`]); what is remembered ([`Facts`]) is compared with that and brought up to date.
//! What cannot be seen now (a right is gone, a time limit, a session that was kept open) is neither gone nor new: it
//! stays as it was known.

mod extensions;
mod listed;
mod place;
mod roles;
mod server;
mod settings;
mod size;

use chrono::{DateTime, Utc};
use common::{
    Reason, TestResult,
    health::{Change, ChangeKind},
};
use serde::{Deserialize, Serialize};

use self::{
    listed::Listed, place::Recent, roles::Roles, server::Servers, settings::Settings, size::Baseline,
};
use crate::{health::Known, rows::Answer};

/// What is asked for it, beside the checks of the fast tier. [`Seen::of`] takes the answers in this order.
pub(crate) const QUERIES: [&str; 3] = [settings::QUERY, extensions::QUERY, roles::QUERY];

/// A server that makes a role an hour would fill the timeline with them.
const MOST_OF_A_KIND: usize = 20;

/// What one reading saw. `None` is what it could not see.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    identity: Option<String>,
    address: Option<String>,
    certificate: Option<String>,
    server: server::Server,
    extensions: Option<Listed<String>>,
    roles: Option<Roles>,
    size: Option<size::Size>,
}

impl Seen {
    /// `identity` is the cluster's identifier with the database's oid.
    pub(crate) fn of(
        known: &Known,
        test: &TestResult,
        identity: Option<String>,
        answers: Vec<Result<Answer, Reason>>,
    ) -> Self {
        let mut answers = answers.into_iter().map(Result::ok);
        let mut next = || answers.next().flatten();
        let settings = next().map(|answer| Settings::from_answer(&answer, known));
        Self {
            identity,
            address: test.address.as_deref().map(common::text::clean_server_text),
            certificate: place::certificate(test),
            server: server::Server::of(known, settings),
            extensions: next().map(|answer| extensions::from_answer(&answer)),
            roles: next().map(|answer| Roles::from_answer(&answer)),
            size: None,
        }
    }

    /// The database's size, which some readings do not measure.
    pub(crate) fn with_size(mut self, database: &str, bytes: Option<i64>) -> Self {
        self.size = bytes.map(|bytes| size::Size { database: database.to_owned(), bytes });
        self
    }

    /// Settings whose new value waits for a restart.
    pub(crate) fn pending_restart(&self) -> Vec<String> {
        self.server.settings.as_ref().map(Settings::pending_restart).unwrap_or_default()
    }
}

/// What is remembered from one reading to the next. Its JSON may come from another release.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Facts {
    identity: Option<String>,
    addresses: Recent,
    certificates: Recent,
    servers: Servers,
    extensions: Option<Listed<String>>,
    roles: Option<Roles>,
    size: Option<Baseline>,
}

impl Facts {
    /// Compares what a reading saw `at` this time with what is known, and remembers it.
    pub(crate) fn notice(&mut self, seen: Seen, at: DateTime<Utc>) -> Vec<Change> {
        let mut changes = Noticed { at, changes: Vec::new() };
        if self.is_another_database(seen.identity.as_deref()) {
            changes.add(ChangeKind::Identity, None, self.identity.take(), seen.identity.clone());
            // What these were belongs to the other one.
            (self.extensions, self.roles, self.size) = (None, None, None);
            self.servers.forget_settings();
        }
        self.identity = seen.identity.or(self.identity.take());

        let moved = seen.address.as_deref().and_then(|address| self.addresses.meet(address, at));
        if let Some(before) = moved {
            changes.add(ChangeKind::Address, None, Some(before), seen.address.clone());
        }
        let replaced = seen.certificate.as_deref().and_then(|shown| self.certificates.meet(shown, at));
        if let Some(before) = replaced {
            changes.add(ChangeKind::Certificate, None, Some(before), seen.certificate.clone());
        }
        let address = seen.address.unwrap_or_default();
        self.servers.notice(&address, seen.server, &mut changes);
        if let Some(now) = seen.extensions {
            extensions::notice(&mut self.extensions, now, &mut changes);
        }
        if let Some(now) = seen.roles {
            roles::notice(&mut self.roles, now, &mut changes);
        }
        if let Some(now) = seen.size {
            size::notice(&mut self.size, now, &mut changes);
        }
        changes.bounded()
    }

    fn is_another_database(&self, now: Option<&str>) -> bool {
        matches!((self.identity.as_deref(), now), (Some(before), Some(now)) if before != now)
    }
}

/// The changes of one reading, as they are found.
struct Noticed {
    at: DateTime<Utc>,
    changes: Vec<Change>,
}

impl Noticed {
    fn add(
        &mut self,
        kind: ChangeKind,
        subject: Option<&str>,
        before: Option<String>,
        after: Option<String>,
    ) {
        let subject = subject.map(common::text::clean_server_text);
        self.changes.push(Change { at: self.at, kind, subject, before, after });
    }

    /// Of each kind the first few, and how many more there were.
    fn bounded(self) -> Vec<Change> {
        let mut kept = Vec::new();
        for kind in ChangeKind::ALL {
            let of_kind = self.changes.iter().filter(|change| change.kind == kind);
            let count = of_kind.clone().count();
            kept.extend(of_kind.take(MOST_OF_A_KIND).cloned());
            if count > MOST_OF_A_KIND {
                let more = format!("{} more changed at the same time", count - MOST_OF_A_KIND);
                kept.push(Change { at: self.at, kind, subject: None, before: None, after: Some(more) });
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_763_971_200 + seconds, 0).unwrap()
    }

    fn seen(version: &str) -> Seen {
        Seen {
            identity: Some("7123/5".to_owned()),
            address: Some("203.0.113.7:5432".to_owned()),
            certificate: Some("SHA-256 ab".to_owned()),
            server: server::Server {
                version: Some(version.to_owned()),
                standby: Some(false),
                started_at_s: Some(1000.0),
                settings: None,
            },
            ..Seen::default()
        }
    }

    fn said(changes: &[Change]) -> Vec<(ChangeKind, Option<&str>, Option<&str>)> {
        changes
            .iter()
            .map(|change| (change.kind, change.before.as_deref(), change.after.as_deref()))
            .collect()
    }

    #[test]
    fn a_first_reading_and_one_without_a_change_notice_nothing() {
        let mut facts = Facts::default();
        for step in 0..3 {
            assert_eq!(facts.notice(seen("17.1"), at(step * 60)), []);
        }
        assert_eq!(facts.notice(Seen::default(), at(300)), [], "nothing could be seen");
        assert_eq!(facts.notice(seen("17.1"), at(360)), [], "and nothing was forgotten");
    }

    #[test]
    fn memory_outlives_its_json() {
        let mut facts = Facts::default();
        facts.notice(seen("17.1"), at(0));
        let json = serde_json::to_string(&facts).unwrap();
        let mut facts: Facts = serde_json::from_str(&json).unwrap();
        let changes = facts.notice(seen("17.2"), at(60));
        assert_eq!(said(&changes), [(ChangeKind::Version, Some("17.1"), Some("17.2"))]);
        assert_eq!(changes[0].at, at(60));
        assert_eq!(serde_json::from_str::<Facts>("{}").unwrap(), Facts::default());
    }

    #[test]
    fn another_database_is_said_so_and_its_version_and_place_are_compared() {
        let mut facts = Facts::default();
        facts.notice(seen("16.9").with_size("shop", Some(1 << 40)), at(0));
        let mut other = seen("17.2").with_size("shop", Some(1 << 20));
        other.identity = Some("9999/5".to_owned());
        other.server.started_at_s = Some(2000.0);
        let changes = facts.notice(other, at(60));
        assert_eq!(
            said(&changes),
            [
                (ChangeKind::Version, Some("16.9"), Some("17.2")),
                (ChangeKind::Restart, Some("1970-01-01 00:16:40 UTC"), Some("1970-01-01 00:33:20 UTC")),
                (ChangeKind::Identity, Some("7123/5"), Some("9999/5")),
            ]
        );
        let unseen = Seen { identity: None, ..seen("17.2") };
        assert_eq!(facts.notice(unseen, at(120)), []);
        assert_eq!(facts.identity.as_deref(), Some("9999/5"));
    }

    #[test]
    fn another_address_and_another_certificate_are_changes() {
        let mut facts = Facts::default();
        facts.notice(seen("17.1"), at(0));
        let mut other = seen("17.1");
        other.address = Some("203.0.113.8:5432".to_owned());
        other.certificate = Some("SHA-256 cd".to_owned());
        // Another server, which was started at another time and is no restart of the first.
        other.server.started_at_s = Some(5000.0);
        assert_eq!(
            said(&facts.notice(other, at(60))),
            [
                (ChangeKind::Address, Some("203.0.113.7:5432"), Some("203.0.113.8:5432")),
                (ChangeKind::Certificate, Some("SHA-256 ab"), Some("SHA-256 cd")),
            ]
        );
    }

    #[test]
    fn a_hundred_new_logins_are_not_a_hundred_lines() {
        let mut changes = Noticed { at: at(0), changes: Vec::new() };
        for number in 0..100 {
            changes.add(ChangeKind::User, Some(&format!("r{number}")), None, Some("login".to_owned()));
        }
        changes.add(ChangeKind::Setting, Some("work_mem"), None, None);
        let kept = changes.bounded();
        assert_eq!(kept.len(), MOST_OF_A_KIND + 2);
        assert_eq!(kept[0].kind, ChangeKind::Setting);
        assert_eq!(kept.last().unwrap().after.as_deref(), Some("80 more changed at the same time"));
    }
}
