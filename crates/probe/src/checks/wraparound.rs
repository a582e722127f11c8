//! What transaction ids and multixact ids have in common: both are numbers of 32 bits that are used again, and at 2^31
//! the server stops writing rather than lose what is old.

use common::{
    Reason,
    health::{Evidence, Threshold},
    text, units,
};

use super::{Context, Verdict, check::not_an_answer};
use crate::rows::{Answer, Row};

const ALL: f64 = 2_147_483_648.0;
/// With fewer left a busy server has hours, and a vacuum of a large table takes longer.
const LEFT: f64 = 40_000_000.0;

pub(super) const LIMITS: Threshold = Threshold { warning: ALL / 2.0, critical: ALL - LEFT };
pub(super) const POINTS: (u8, u8) = (15, 40);

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ids {
    /// `transaction ids`
    pub(super) name: &'static str,
    /// The setting from which on autovacuum vacuums against it.
    pub(super) setting: &'static str,
}

/// A database with the age of its oldest id.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Old {
    pub(super) name: String,
    pub(super) age: i64,
    pub(super) connectable: bool,
}

impl Old {
    fn from_row(row: Row<'_>) -> Option<Self> {
        Some(Self {
            name: row.text("name")?,
            age: row.number::<i64>("age")?.max(0),
            connectable: row.flag("connectable").unwrap_or(true),
        })
    }
}

pub(super) fn judge(ids: Ids, answer: &Answer, context: &Context<'_>) -> Result<Verdict, Reason> {
    let databases: Vec<Old> = answer.rows().filter_map(Old::from_row).collect();
    let freeze_at = answer.first().and_then(|row| row.number("freeze_at"));
    let (here, standby) = (&context.target.database_name, context.known.is_standby());
    verdict(ids, databases, freeze_at, here, standby)
}

fn verdict(
    ids: Ids,
    mut databases: Vec<Old>,
    freeze_at: Option<i64>,
    here: &str,
    standby: bool,
) -> Result<Verdict, Reason> {
    databases.sort_by_key(|database| std::cmp::Reverse(database.age));
    let worst = databases.first().ok_or_else(not_an_answer)?;
    let age = worst.age as f64;
    let mut detail = format!(
        "{} % of the {} are used: the oldest that is not frozen, in {}, is {} ago; the server stops writing at 2.1 G.",
        units::percent(age / ALL),
        ids.name,
        text::shorten(&worst.name, 80),
        units::count(worst.age)
    );
    let is_finding = age >= LIMITS.warning;
    if is_finding {
        let setting =
            freeze_at.map(|at| format!(" ({} is {})", ids.setting, units::count(at))).unwrap_or_default();
        detail.push_str(&format!(
            " Autovacuum should have frozen them long before{setting}: see wraparound-tables for the tables, and \
             long-transactions, prepared-transactions and replication-slots for what holds it back."
        ));
        if standby {
            detail.push_str(" Vacuum runs on the primary.");
        }
    }
    let evidence = databases.iter().map(|database| {
        let left = (ALL as i64).saturating_sub(database.age).max(0);
        let mut detail = format!("{} old, {} left", units::thousands(database.age), units::thousands(left));
        if !database.connectable {
            detail.push_str("; takes no connections: autovacuum alone gets there");
        }
        let mends = !standby && database.name == here && database.age as f64 >= LIMITS.warning;
        Evidence {
            subject: text::shorten(&database.name, 80),
            detail,
            fix_sql: mends.then(|| "VACUUM (FREEZE, VERBOSE);".to_owned()),
        }
    });
    let verdict = Verdict::by(LIMITS, POINTS, age, detail).with_evidence(evidence.collect());
    if is_finding && !standby {
        let here = worst.name == here;
        let note = if here { "" } else { "-- In the oldest database:\n" };
        return Ok(verdict.with_fix(format!("{note}VACUUM (FREEZE, VERBOSE);")));
    }
    Ok(verdict)
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    const IDS: Ids = Ids { name: "transaction ids", setting: "autovacuum_freeze_max_age" };

    fn old(name: &str, age: i64) -> Old {
        Old { name: name.to_owned(), age, connectable: name != "template0" }
    }

    fn of(age: i64) -> Verdict {
        verdict(IDS, vec![old("small", 5), old("shop", age)], Some(200_000_000), "shop", false).unwrap()
    }

    #[test]
    fn half_of_2_to_the_31_is_a_warning_and_40_million_left_are_critical() {
        assert_eq!(of(1_073_741_823).status, CheckStatus::Ok);
        assert_eq!((of(1_073_741_824).status, of(1_073_741_824).points), (CheckStatus::Warning, 15));
        assert_eq!(of(2_107_483_647).status, CheckStatus::Warning);
        assert_eq!((of(2_107_483_648).status, of(2_107_483_648).points), (CheckStatus::Critical, 40));
        assert!(of(1_073_741_824).detail.starts_with("50.0 % of the transaction ids are used"));
    }

    #[test]
    fn the_oldest_database_is_first_and_only_this_one_gets_sql_of_its_own() {
        let found = of(1_500_000_000);
        assert_eq!(
            (found.evidence[0].subject.as_str(), found.evidence[1].subject.as_str()),
            ("shop", "small")
        );
        assert_eq!(found.evidence[0].fix_sql.as_deref(), Some("VACUUM (FREEZE, VERBOSE);"));
        let elsewhere = verdict(IDS, vec![old("template0", 1_500_000_000)], None, "shop", false).unwrap();
        assert!(elsewhere.fix_sql.unwrap().starts_with("-- In the oldest database"));
        assert!(elsewhere.evidence[0].detail.contains("autovacuum alone"), "{:?}", elsewhere.evidence);
        let standby = verdict(IDS, vec![old("shop", 1_500_000_000)], None, "shop", true).unwrap();
        assert_eq!((standby.fix_sql, &standby.evidence[0].fix_sql), (None, &None));
    }

    #[test]
    fn no_age_is_no_answer_and_one_beyond_all_is_no_accident() {
        assert!(verdict(IDS, Vec::new(), None, "shop", false).is_err());
        let found = of(i64::MAX);
        assert_eq!(found.status, CheckStatus::Critical);
        assert!(found.evidence[0].detail.ends_with("0 left"), "{:?}", found.evidence);
    }
}
