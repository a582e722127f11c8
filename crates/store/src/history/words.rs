//! The few words on health in a list row.

use common::{
    Health,
    health::{CheckStatus, HealthStatus},
};

/// The most characters of a headline.
const MAX: usize = 120;

/// What is worst, or that nothing is.
pub(super) fn headline(health: &Health) -> String {
    if health.status == HealthStatus::Down {
        return match &health.error {
            Some(error) => error.kind.headline().to_owned(),
            None => "Could not be asked".to_owned(),
        };
    }
    if let Some(worst) = health.worst_check() {
        return common::text::shorten(&format!("{}: {}", worst.title, worst.detail), MAX);
    }
    let unread = health.checks.iter().filter(|check| check.status == CheckStatus::Unavailable).count();
    match (health.checks.len(), unread) {
        (0, _) => "Nothing was checked".to_owned(),
        (_, 0) => "All checks pass".to_owned(),
        (all, unread) if all == unread => "No check could be read".to_owned(),
        (_, 1) => "Checks pass; 1 could not be read".to_owned(),
        (_, unread) => format!("Checks pass; {unread} could not be read"),
    }
}
