//! What the numbers mean: one small file for each check, with its limits, its reason and its way out.

mod check;
mod context;

mod cache_hit_ratio;
mod connections_used;
mod pooler_waiting;

use common::health::{self, CheckStatus, HealthStatus};

pub(crate) use check::{Ask, Check, Verdict};
pub(crate) use context::{Context, Growth};

/// Asked at every reading: no work that grows with the number of relations.
pub(crate) const FAST: &[&Check] =
    &[&connections_used::CHECK, &cache_hit_ratio::CHECK, &pooler_waiting::CHECK];

/// Asked once an hour, within a budget.
pub(crate) const SLOW: &[&Check] = &[];

/// The worst check decides; what could not be read decides nothing. With nothing read, nothing is known.
pub(crate) fn verdict(checks: &[health::Check]) -> (HealthStatus, Option<u8>) {
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

    const CHECK: Check = Check {
        id: "x",
        title: "X",
        unit: "ratio",
        threshold: None,
        why: "It is a test.",
        docs_url: "https://www.postgresql.org/docs/current/",
        ask: |_| Ask::Nothing,
        judge: |_, _| Ok(Verdict::skipped("")),
    };

    fn with(status: CheckStatus, points: u8) -> health::Check {
        let verdict = Verdict { status, points, ..Verdict::skipped("") };
        CHECK.found(Ok(verdict), chrono::Utc::now())
    }

    #[test]
    fn every_check_has_a_slug_of_its_own_and_a_page_of_the_manual() {
        let mut ids = std::collections::BTreeSet::new();
        for check in FAST.iter().chain(SLOW) {
            assert!(ids.insert(check.id), "{} twice", check.id);
            assert!(check.id.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", check.id);
            let manuals = ["https://www.postgresql.org/", "https://www.pgbouncer.org/"];
            assert!(manuals.iter().any(|manual| check.docs_url.starts_with(manual)), "{}", check.id);
            assert!(check.why.ends_with('.') && !check.title.ends_with('.'), "{}", check.id);
        }
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
