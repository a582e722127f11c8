//! What the numbers mean: one small file for each check, with its limits, its reason and its way out.

mod bloat;
mod check;
mod context;
mod for_server;
mod interval;
mod lock_tree;
mod relation;
mod sessions;
mod thresholds;
mod work;
mod wraparound;

mod archiver;
mod autovacuum_behind;
mod cache_hit_ratio;
mod certificate_expiry;
mod checkpoints;
mod connections_by;
mod connections_used;
mod dashboard_cost;
mod deadlocks;
mod duplicate_indexes;
mod extension_updates;
mod foreign_keys_without_index;
mod idle_in_transaction;
mod index_bloat;
mod invalid_indexes;
mod io;
mod lock_waits;
mod login_privileges;
mod long_statements;
mod long_transactions;
mod md5_passwords;
mod missing_index_suspects;
mod multixact_wraparound;
mod never_analysed;
mod password_age;
mod pooler_waiting;
mod prepared_transactions;
mod replication_lag;
mod replication_slots;
mod rollbacks;
mod sequences;
mod settings_worth_a_look;
mod sizes;
mod standby_conflicts;
mod statement_statistics;
mod table_bloat;
mod temporary_files;
mod transaction_wraparound;
mod unused_indexes;
mod version_end_of_life;
mod wal_rate;
mod wal_receiver;
mod wraparound_tables;

use common::health::{self, CheckStatus, HealthStatus};

pub(crate) use check::{Ask, Check, Verdict};
pub(crate) use context::{Context, Growth};
pub(crate) use for_server::{for_server, reason_for_server};
pub use thresholds::Thresholds;

/// Asked at every reading: no work that grows with the number of relations.
pub(crate) const FAST: &[&Check] = &[
    &connections_used::CHECK,
    &connections_by::CHECK,
    &pooler_waiting::CHECK,
    &cache_hit_ratio::CHECK,
    &idle_in_transaction::CHECK,
    &long_statements::CHECK,
    &long_transactions::CHECK,
    &prepared_transactions::CHECK,
    &lock_waits::CHECK,
    &deadlocks::CHECK,
    &temporary_files::CHECK,
    &rollbacks::CHECK,
    &checkpoints::CHECK,
    &wal_rate::CHECK,
    &io::CHECK,
    &archiver::CHECK,
    &replication_lag::CHECK,
    &replication_slots::CHECK,
    &standby_conflicts::CHECK,
    &wal_receiver::CHECK,
    &transaction_wraparound::CHECK,
    &multixact_wraparound::CHECK,
    // configuration and security
    &settings_worth_a_look::CHECK,
    &version_end_of_life::CHECK,
    &statement_statistics::CHECK,
    &certificate_expiry::CHECK,
    &login_privileges::CHECK,
    &md5_passwords::CHECK,
    &password_age::CHECK,
    // Last: it tells what all the other checks took.
    &dashboard_cost::CHECK,
];

/// Asked once an hour, within a budget; what comes first is measured first.
pub(crate) const SLOW: &[&Check] = &[
    &sizes::CHECK,
    &extension_updates::CHECK,
    &sequences::CHECK,
    &invalid_indexes::CHECK,
    &autovacuum_behind::CHECK,
    &never_analysed::CHECK,
    &table_bloat::CHECK,
    &index_bloat::CHECK,
    &unused_indexes::CHECK,
    &duplicate_indexes::CHECK,
    &foreign_keys_without_index::CHECK,
    &missing_index_suspects::CHECK,
    &wraparound_tables::CHECK,
];

/// The check of the slow tier whose value is the database's size.
pub(crate) const SIZES: &str = sizes::CHECK.id;

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
            assert!(
                check.id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
                "{}",
                check.id
            );
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
