//! Transactions prepared for two-phase commit that nobody commits: their coordinator is gone. They belong to no session,
//! outlive a restart, and hold their locks until somebody decides.

use common::{
    Reason,
    health::{Evidence, Threshold},
    text, units,
};

use super::{Ask, Check, Context, Verdict, sessions};
use crate::{
    rows::{Answer, Row},
    sql::{is_plain, literal},
};

pub(super) const LIMITS: Threshold = Threshold { warning: 3600.0, critical: 12.0 * 3600.0 };
const POINTS: (u8, u8) = (10, 25);

pub(super) const CHECK: Check = Check {
    id: "prepared-transactions",
    title: "Prepared transactions",
    unit: "s",
    threshold: Some(LIMITS),
    why: "A prepared transaction that nobody commits keeps its locks, even over a restart, and keeps vacuum from cleaning up.",
    docs_url: "https://www.postgresql.org/docs/current/sql-prepare-transaction.html",
    ask: |known| {
        if known.is_standby() {
            Ask::Skip("A standby's prepared transactions are seen on its primary.")
        } else {
            Ask::sql(SQL)
        }
    },
    judge,
};

const SQL: &str = "\
select gid, owner, database,
       extract(epoch from clock_timestamp() - prepared)::float8 as age_s
  from pg_prepared_xacts
 order by prepared
 limit 50";

#[derive(Debug, Clone)]
struct Prepared {
    /// As the server sent it: only for [`crate::sql`].
    gid: Option<String>,
    owner: Option<String>,
    database: Option<String>,
    age_s: Option<f64>,
}

impl Prepared {
    fn from_row(row: Row<'_>) -> Self {
        Self {
            gid: row.text("gid"),
            owner: row.shown("owner"),
            database: row.text("database"),
            age_s: row.finite("age_s").map(|age| age.max(0.0)),
        }
    }

    fn evidence(&self, database: &str) -> Evidence {
        let shown = |name: &Option<String>| {
            name.as_deref().map_or_else(|| "?".to_owned(), |name| text::shorten(name, 80))
        };
        let mut detail = format!(
            "{} in {}, prepared {} ago",
            shown(&self.owner),
            shown(&self.database),
            units::span(self.age_s.unwrap_or_default())
        );
        // It can only be ended where it was made.
        let here = self.database.as_deref() == Some(database);
        if !here {
            detail.push_str("; it can only be ended in that database");
        }
        let gid = self.gid.as_deref().filter(|gid| here && is_plain(gid));
        Evidence {
            subject: shown(&self.gid),
            detail,
            fix_sql: gid.map(|gid| format!("ROLLBACK PREPARED {};", literal(gid))),
        }
    }
}

fn judge(answer: &Answer, context: &mut Context<'_>) -> Result<Verdict, Reason> {
    let prepared = answer.rows().map(Prepared::from_row).collect();
    Ok(verdict(prepared, context.thresholds.prepared_transaction_s, &context.target.database_name))
}

fn verdict(mut prepared: Vec<Prepared>, limits: Threshold, database: &str) -> Verdict {
    let age = |prepared: &Prepared| prepared.age_s.unwrap_or_default();
    prepared.sort_by(|a, b| age(b).total_cmp(&age(a)));
    let Some(oldest) = prepared.first() else {
        return Verdict { threshold: Some(limits), ..Verdict::ok(0.0, "No transaction is prepared.") };
    };
    let count = sessions::how_many(prepared.len(), "transaction is", "transactions are");
    let mut detail = format!("{count} prepared, the oldest for {}.", units::span(age(oldest)));
    if age(oldest) >= limits.warning {
        detail.push_str(
            " Ask its coordinator, usually a transaction manager, whether to commit or to roll back (ROLLBACK PREPARED).",
        );
    }
    let evidence = prepared.iter().map(|prepared| prepared.evidence(database)).collect();
    Verdict::by(limits, POINTS, age(oldest), detail).with_evidence(evidence)
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    fn prepared(gid: &str, age_s: f64) -> Prepared {
        let (owner, database) = (Some("app".to_owned()), Some("shop".to_owned()));
        Prepared { gid: Some(gid.to_owned()), owner, database, age_s: Some(age_s) }
    }

    #[test]
    fn the_limits_are_one_and_twelve_hours() {
        let of = |age_s| verdict(vec![prepared("a", 1.0), prepared("b", age_s)], LIMITS, "shop");
        assert_eq!(verdict(Vec::new(), LIMITS, "shop").status, CheckStatus::Ok);
        assert_eq!(of(3599.0).status, CheckStatus::Ok);
        assert_eq!(of(3600.0).status, CheckStatus::Warning);
        assert_eq!((of(43_200.0).status, of(43_200.0).points), (CheckStatus::Critical, 25));
        assert_eq!(of(43_200.0).evidence[0].subject, "b", "the oldest first");
    }

    #[test]
    fn what_rolls_it_back_is_quoted_and_only_for_this_database() {
        let fix = |gid: &str, database: &str| prepared(gid, 1.0).evidence(database).fix_sql;
        assert_eq!(fix("it's", "shop").as_deref(), Some("ROLLBACK PREPARED 'it''s';"));
        assert_eq!(fix("a", "postgres"), None);
        assert_eq!(fix("a\u{202E}b", "shop"), None);
    }
}
