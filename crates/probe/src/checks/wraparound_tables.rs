//! The tables of this database whose transaction or multixact ids are oldest: where a vacuum against wraparound has to
//! begin.

use common::{
    Reason,
    health::{Evidence, Threshold},
    text, units,
};

use super::{Ask, Check, Context, Verdict, check::not_an_answer, wraparound};
use crate::{
    rows::{Answer, Row},
    sql::{identifier, is_plain},
};

/// Points for the same thing are taken by `transaction-wraparound` and `multixact-wraparound`.
const POINTS: (u8, u8) = (5, 5);
const LIMITS: Threshold = wraparound::LIMITS;

pub(super) const CHECK: Check = Check {
    id: "wraparound-tables",
    title: "Tables with the oldest ids",
    unit: "count",
    threshold: Some(LIMITS),
    why: "A database is as old as its oldest table: one that vacuum cannot finish brings the whole server to a stop.",
    docs_url: "https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-WRAPAROUND",
    ask: |_| Ask::sql(SQL),
    judge,
};

/// What is kept out of line (TOAST) is vacuumed with its table, and has an age of its own. Temporary tables are their
/// session's to vacuum.
const SQL: &str = "\
select n.nspname as schema_name, c.relname as table_name, c.relpersistence = 't' as temporary,
       greatest(age(c.relfrozenxid), age(t.relfrozenxid)) as xid_age,
       greatest(mxid_age(c.relminmxid), mxid_age(t.relminmxid)) as multixact_age
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  left join pg_class t on t.oid = c.reltoastrelid and t.relkind = 't'
 where c.relkind in ('r', 'm')
 order by greatest(age(c.relfrozenxid), age(t.relfrozenxid), mxid_age(c.relminmxid), mxid_age(t.relminmxid)) desc
 limit 10";

#[derive(Debug, Clone)]
struct Table {
    /// As the server sent them: only for [`crate::sql`].
    schema: String,
    name: String,
    temporary: bool,
    xid_age: i64,
    multixact_age: i64,
}

impl Table {
    fn from_row(row: Row<'_>) -> Option<Self> {
        Some(Self {
            schema: row.text("schema_name")?,
            name: row.text("table_name")?,
            temporary: row.flag("temporary").unwrap_or(false),
            xid_age: row.number::<i64>("xid_age")?.max(0),
            multixact_age: row.number::<i64>("multixact_age").unwrap_or(0).max(0),
        })
    }

    fn age(&self) -> i64 {
        self.xid_age.max(self.multixact_age)
    }

    fn shown(&self) -> String {
        format!("{}.{}", text::shorten(&self.schema, 80), text::shorten(&self.name, 80))
    }

    fn evidence(&self, standby: bool) -> Evidence {
        let mut detail = format!(
            "{} transactions and {} multixacts old",
            units::thousands(self.xid_age),
            units::thousands(self.multixact_age)
        );
        if self.temporary {
            detail.push_str("; temporary: only its session can vacuum it, and it goes when that ends");
        }
        let mends = self.age() as f64 >= LIMITS.warning && !self.temporary && !standby;
        let plain = is_plain(&self.schema) && is_plain(&self.name);
        Evidence {
            subject: self.shown(),
            detail,
            fix_sql: (mends && plain).then(|| {
                format!("VACUUM (FREEZE, VERBOSE) {}.{};", identifier(&self.schema), identifier(&self.name))
            }),
        }
    }
}

fn judge(answer: &Answer, context: &mut Context<'_>) -> Result<Verdict, Reason> {
    verdict(answer.rows().filter_map(Table::from_row).collect(), context.known.is_standby())
}

fn verdict(mut tables: Vec<Table>, standby: bool) -> Result<Verdict, Reason> {
    tables.sort_by_key(|table| std::cmp::Reverse(table.age()));
    let worst = tables.first().ok_or_else(not_an_answer)?;
    let detail = format!(
        "The oldest table, {}, has ids of {} ago; at 2.1 G the server stops writing.",
        worst.shown(),
        units::count(worst.age())
    );
    let evidence: Vec<Evidence> = tables.iter().map(|table| table.evidence(standby)).collect();
    let fix = evidence.iter().find_map(|evidence| evidence.fix_sql.clone());
    let verdict = Verdict::by(LIMITS, POINTS, worst.age() as f64, detail).with_evidence(evidence);
    Ok(match fix {
        Some(fix) if verdict.is_finding() => verdict.with_fix(fix),
        _ => verdict,
    })
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    fn table(name: &str, xid_age: i64, multixact_age: i64) -> Table {
        Table { schema: "public".to_owned(), name: name.to_owned(), temporary: false, xid_age, multixact_age }
    }

    #[test]
    fn the_older_of_both_ids_decides() {
        let found = verdict(vec![table("a", 10, 1_073_741_824), table("b", 20, 0)], false).unwrap();
        assert_eq!((found.status, found.points), (CheckStatus::Warning, 5));
        assert_eq!(found.fix_sql.as_deref(), Some("VACUUM (FREEZE, VERBOSE) \"public\".\"a\";"));
        assert_eq!(found.evidence[1].fix_sql, None, "the young one needs nothing");
        assert_eq!(verdict(vec![table("a", 10, 10)], false).unwrap().status, CheckStatus::Ok);
        assert!(verdict(Vec::new(), false).is_err());
    }

    #[test]
    fn no_sql_for_what_cannot_be_vacuumed_or_shown() {
        let old = |name: &str| table(name, i64::MAX, 0);
        let temporary = Table { temporary: true, ..old("t") };
        assert_eq!(temporary.evidence(false).fix_sql, None);
        assert_eq!(old("t").evidence(true).fix_sql, None, "a standby cannot");
        assert_eq!(old("t\u{202E}").evidence(false).fix_sql, None);
        assert_eq!(
            old("t\"; drop table x; --").evidence(false).fix_sql.as_deref(),
            Some("VACUUM (FREEZE, VERBOSE) \"public\".\"t\"\"; drop table x; --\";")
        );
    }
}
