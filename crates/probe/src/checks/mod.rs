//! What the numbers mean: one small file for each check, with its limits, its reason and its way out.

mod cache_hit_ratio;
mod connections_used;

use chrono::{DateTime, Utc};
use common::{
    Unavailable,
    health::{Check, CheckStatus, HealthStatus, Threshold},
};

use crate::measured::Measured;

/// What a check is, whatever it finds.
pub(crate) struct About {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) threshold: Threshold,
    pub(crate) docs_url: &'static str,
}

impl About {
    fn check(&self, status: CheckStatus, value: Option<f64>, detail: String, now: DateTime<Utc>) -> Check {
        Check {
            id: self.id.to_owned(),
            title: self.title.to_owned(),
            status,
            value,
            unit: self.unit.to_owned(),
            threshold: Some(self.threshold),
            points: 0,
            detail,
            fix_sql: None,
            docs_url: Some(self.docs_url.to_owned()),
            measured_at: now,
            unavailable: Unavailable::new(),
        }
    }

    /// The value could not be read: said so, with the way to read it.
    fn unavailable(&self, reason: &common::Reason, now: DateTime<Utc>) -> Check {
        let detail = format!("It could not be read: {}.", plain(&reason.reason));
        let mut check = self.check(CheckStatus::Unavailable, None, detail, now);
        check.fix_sql = reason.fix_sql.clone();
        check.unavailable.insert("value".to_owned(), reason.clone());
        check
    }
}

/// A reason's slug as words.
fn plain(reason: &str) -> &str {
    match reason {
        "no_privilege" => "the user may not see it",
        "timeout" => "the server did not answer in time",
        other => other,
    }
}

pub(crate) fn all(measured: &Measured, now: DateTime<Utc>) -> Vec<Check> {
    vec![connections_used::check(measured, now), cache_hit_ratio::check(measured, now)]
}

/// The worst check decides; what could not be read decides nothing. With nothing read, nothing is known.
pub(crate) fn verdict(checks: &[Check]) -> (HealthStatus, Option<u8>) {
    let worst = checks.iter().filter_map(|check| match check.status {
        CheckStatus::Critical => Some(2),
        CheckStatus::Warning => Some(1),
        CheckStatus::Ok | CheckStatus::Info => Some(0),
        CheckStatus::Unavailable | CheckStatus::Skipped => None,
    });
    let status = match worst.max() {
        Some(2) => HealthStatus::Critical,
        Some(1) => HealthStatus::Warning,
        Some(_) => HealthStatus::Ok,
        None => return (HealthStatus::Unknown, None),
    };
    let points: u32 = checks.iter().map(|check| u32::from(check.points)).sum();
    (status, Some(100_u32.saturating_sub(points) as u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABOUT: About = About {
        id: "x",
        title: "X",
        unit: "ratio",
        threshold: Threshold { warning: 0.8, critical: 0.9 },
        docs_url: "https://www.postgresql.org/docs/current/",
    };

    fn with(status: CheckStatus, points: u8) -> Check {
        Check { points, ..ABOUT.check(status, None, String::new(), Utc::now()) }
    }

    #[test]
    fn the_worst_check_decides_and_points_come_off_the_score() {
        let checks =
            [with(CheckStatus::Ok, 0), with(CheckStatus::Critical, 40), with(CheckStatus::Warning, 10)];
        assert_eq!(verdict(&checks), (HealthStatus::Critical, Some(50)));
        assert_eq!(verdict(&checks[..1]), (HealthStatus::Ok, Some(100)));
        assert_eq!(verdict(&[with(CheckStatus::Critical, 90), with(CheckStatus::Critical, 90)]).1, Some(0));
    }

    #[test]
    fn what_could_not_be_read_never_reads_as_fine() {
        assert_eq!(
            verdict(&[with(CheckStatus::Unavailable, 0), with(CheckStatus::Skipped, 0)]),
            (HealthStatus::Unknown, None)
        );
    }
}
