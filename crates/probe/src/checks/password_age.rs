//! How old the password is that the dashboard signs in with, and when it ends.
//!
//! PostgreSQL does not keep when a password was set. Its age here is that of the one that is stored with the connection,
//! which may be older on the server.

use chrono::{DateTime, Utc};
use common::{Reason, units};

use super::{Ask, Check, Context, Verdict};
use crate::rows::Answer;

pub(super) const CHECK: Check = Check {
    id: "password-age",
    title: "Password of this login",
    unit: "s",
    threshold: None,
    why: "A password that many have seen over the years is no secret; one that ends locks the dashboard out.",
    docs_url: "https://www.postgresql.org/docs/current/sql-alterrole.html",
    ask: |_| Ask::sql(QUERY),
    judge,
};

const QUERY: &str = "\
select case when isfinite(rolvaliduntil) then extract(epoch from rolvaliduntil)::float8 end as valid_until_s
  from pg_roles
 where rolname = current_user";

const DAY_S: f64 = 86_400.0;
const OLD_DAYS: f64 = 365.0;
const ENDING_DAYS: f64 = 14.0;
const ENDED_DAYS: f64 = 3.0;
const OLD_POINTS: u8 = 3;
const ENDING_POINTS: u8 = 10;
const ENDED_POINTS: u8 = 30;

fn judge(answer: &Answer, context: &mut Context<'_>) -> Result<Verdict, Reason> {
    let until_s = answer.one()?.finite("valid_until_s");
    let has_password = context.target.password.is_some();
    // By the server's clock, which decides.
    let now_s = context.known.now_s.unwrap_or(context.now.timestamp() as f64);
    let left_s = until_s.map(|until_s| until_s - now_s);
    let age_s = context.target.password_since.map(|since| (context.now - since).as_seconds_f64().max(0.0));
    Ok(verdict(has_password, age_s, left_s, until_s))
}

fn verdict(has_password: bool, age_s: Option<f64>, left_s: Option<f64>, until_s: Option<f64>) -> Verdict {
    let with = |mut verdict: Verdict| {
        verdict.value = age_s;
        if age_s.is_none() {
            verdict.no_value = Some(Reason::new(match has_password {
                true => "nobody knows when it was set",
                false => "no password is stored",
            }));
        }
        verdict
    };
    if let Some(left_s) = left_s.filter(|left| *left < ENDING_DAYS * DAY_S) {
        let detail = ending(left_s, until_s);
        return with(if left_s < ENDED_DAYS * DAY_S {
            Verdict::critical(ENDED_POINTS, 0.0, detail)
        } else {
            Verdict::warning(ENDING_POINTS, 0.0, detail)
        });
    }
    let Some(age_s) = age_s else {
        let detail = match has_password {
            true => "Nobody knows when the stored password was set.",
            false => "No password is stored: there is none to grow old.",
        };
        return with(Verdict::skipped(detail));
    };
    let detail = format!("The stored password has been the same for {}.", units::span(age_s));
    with(if age_s > OLD_DAYS * DAY_S {
        let detail = format!(
            "{detail} Choose a new one on the server (in psql: \\password), then edit the connection."
        );
        Verdict::warning(OLD_POINTS, age_s, detail)
    } else {
        Verdict::ok(age_s, detail)
    })
}

fn ending(left_s: f64, until_s: Option<f64>) -> String {
    let time = until_s.and_then(|until| DateTime::<Utc>::from_timestamp(until as i64, 0));
    let day = time.map(|time| time.format(" (%Y-%m-%d %H:%M UTC)").to_string()).unwrap_or_default();
    if left_s <= 0.0 {
        return format!(
            "The password of this login has ended{day}: the next sign-in by password is refused."
        );
    }
    format!(
        "The password of this login ends in {}{day}. Then the dashboard cannot sign in.",
        units::span(left_s)
    )
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    fn of(age_days: Option<f64>, left_days: Option<f64>) -> Verdict {
        let left_s = left_days.map(|days| days * DAY_S);
        verdict(true, age_days.map(|days| days * DAY_S), left_s, left_s)
    }

    #[test]
    fn a_year_is_old() {
        assert_eq!(of(Some(365.0), None).status, CheckStatus::Ok);
        let old = of(Some(366.0), None);
        assert_eq!((old.status, old.points, old.value), (CheckStatus::Warning, 3, Some(366.0 * DAY_S)));
        assert_eq!(of(None, None).status, CheckStatus::Skipped);
        let none = verdict(false, None, None, None);
        assert_eq!(
            (none.status, none.no_value.unwrap().reason.as_str()),
            (CheckStatus::Skipped, "no password is stored")
        );
    }

    #[test]
    fn a_password_that_ends_is_told_two_weeks_before_and_three_days_before_is_critical() {
        assert_eq!(of(Some(1.0), Some(14.0)).status, CheckStatus::Ok);
        assert_eq!(of(Some(1.0), Some(13.9)).status, CheckStatus::Warning);
        assert_eq!(of(None, Some(2.9)).status, CheckStatus::Critical);
        let ended = of(Some(1.0), Some(-1.0));
        assert_eq!(ended.status, CheckStatus::Critical);
        assert!(ended.detail.contains("has ended"), "{}", ended.detail);
    }
}
