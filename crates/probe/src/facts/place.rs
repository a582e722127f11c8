//! Where the server was reached and what it showed for itself: the address behind the name, and the certificate.
//!
//! One name may lead to several servers by turns (a reader endpoint, round-robin DNS). What was met within the last day is
//! no news.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use common::{TestResult, test_result::TestKind};
use serde::{Deserialize, Serialize};

const NEWS_AFTER: TimeDelta = TimeDelta::days(1);
/// How many are remembered.
const MOST: usize = 16;

/// What was met, and when last.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Recent {
    last: Option<String>,
    met: BTreeMap<String, DateTime<Utc>>,
}

impl Recent {
    /// Remembers that `now` was met; answers what was met before where it is news.
    pub(super) fn meet(&mut self, now: &str, at: DateTime<Utc>) -> Option<String> {
        let known = self.met.insert(now.to_owned(), at);
        let before = self.last.replace(now.to_owned());
        while self.met.len() > MOST {
            let oldest = self.met.iter().min_by_key(|(_, at)| **at).map(|(oldest, _)| oldest.clone())?;
            self.met.remove(&oldest);
        }
        let is_news = known.is_none_or(|known| at - known >= NEWS_AFTER);
        before.filter(|before| is_news && before != now)
    }
}

/// The certificate in a line. `None`: a session that was kept open shows none.
pub(super) fn certificate(test: &TestResult) -> Option<String> {
    match &test.tls {
        Some(tls) => {
            let until = tls.not_after.map(|time| format!(", valid until {}", time.format("%Y-%m-%d")));
            Some(format!("SHA-256 {}{}", tls.fingerprint_sha256, until.unwrap_or_default()))
        }
        None if test.ok && test.kind == TestKind::Full => Some("none: not encrypted".to_owned()),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use common::ConnectionId;

    use super::*;

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_763_971_200 + hours * 3600, 0).unwrap()
    }

    #[test]
    fn addresses_that_take_turns_are_news_once() {
        let mut recent = Recent::default();
        assert_eq!(recent.meet("a", at(0)), None);
        assert_eq!(recent.meet("b", at(1)), Some("a".to_owned()));
        assert_eq!(
            (recent.meet("a", at(2)), recent.meet("b", at(3)), recent.meet("b", at(4))),
            (None, None, None)
        );
        assert_eq!(recent.meet("a", at(26)), Some("b".to_owned()), "after a day it is");
        assert_eq!(recent.meet("a", at(99)), None, "what it was all the time is none");
    }

    #[test]
    fn not_everything_that_was_ever_met_is_remembered() {
        let mut recent = Recent::default();
        for hour in 0..100 {
            recent.meet(&hour.to_string(), at(hour));
        }
        assert_eq!(recent.met.len(), MOST);
        assert!(recent.met.contains_key("99") && !recent.met.contains_key("0"));
    }

    #[test]
    fn a_session_that_was_kept_open_shows_no_certificate_and_a_plain_one_has_none() {
        let mut test = TestResult::unfinished(ConnectionId(1), at(0));
        test.ok = true;
        assert_eq!(certificate(&test).as_deref(), Some("none: not encrypted"));
        test.kind = TestKind::Held;
        assert_eq!(certificate(&test), None);
    }
}
