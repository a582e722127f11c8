//! Passwords that are kept as MD5 hashes. Whoever reads one may log in with it as it is, and PostgreSQL 18 calls the method
//! deprecated.

use common::{Reason, health::Evidence};

use super::{Ask, Check, Context, Verdict};
use crate::{health::Known, rows::Answer, sql};

pub(super) const CHECK: Check = Check {
    id: "md5-passwords",
    title: "MD5 passwords",
    unit: "count",
    threshold: None,
    why: "Whoever reads an MD5 hash may log in with it as it is; PostgreSQL is about to drop the method.",
    docs_url: "https://www.postgresql.org/docs/current/auth-password.html",
    ask,
    judge,
};

/// Only superusers see how passwords are kept. The method for new ones is told also where nobody has such a password.
const STORED: &str = "\
select current_setting('password_encryption') as method, stored.name, stored.stored
  from (select 1) one
  left join (select rolname as name, count(*) over () as stored
               from pg_authid
              where rolcanlogin
                and rolpassword like 'md5%'
              order by rolname
              limit 10) stored on true";
/// How new ones are.
const METHOD: &str = "select current_setting('password_encryption') as method";

const POINTS: u8 = 5;

/// A new hash is made when a password is set anew.
const FIX_METHOD: &str = "\
ALTER SYSTEM SET password_encryption = 'scram-sha-256';
SELECT pg_reload_conf();";

fn ask(known: &Known) -> Ask {
    if known.is_superuser() { Ask::sql(STORED) } else { Ask::sql(METHOD) }
}

fn judge(answer: &Answer, context: &mut Context<'_>) -> Result<Verdict, Reason> {
    let first = answer.one()?;
    let new_ones = matches!(first.text("method").as_deref(), Some("md5" | "on"));
    if !context.known.is_superuser() {
        return hidden(new_ones);
    }
    let names: Vec<String> = answer.rows().filter_map(|row| row.text("name")).collect();
    Ok(verdict(first.number("stored").unwrap_or(0), &names, new_ones))
}

fn hidden(new_ones: bool) -> Result<Verdict, Reason> {
    if new_ones {
        let detail = "New passwords are kept as MD5 hashes (password_encryption = md5). How many there are, only a \
                      superuser sees.";
        return Ok(Verdict {
            value: None,
            no_value: Some(Reason::new(Reason::NEEDS_SUPERUSER)),
            ..Verdict::warning(POINTS, 0.0, detail).with_fix(FIX_METHOD)
        });
    }
    Err(Reason::with_fix(
        Reason::NEEDS_SUPERUSER,
        "SELECT rolname FROM pg_authid WHERE rolcanlogin AND rolpassword LIKE 'md5%';",
    ))
}

fn verdict(stored: i64, names: &[String], new_ones: bool) -> Verdict {
    if stored == 0 && !new_ones {
        return Verdict::ok(0.0, "No password is kept as an MD5 hash.");
    }
    let mut detail = match stored {
        0 => "No password is kept as an MD5 hash yet, but the next one will be".to_owned(),
        1 => "The password of 1 login is kept as an MD5 hash".to_owned(),
        _ => format!("The passwords of {stored} logins are kept as MD5 hashes"),
    };
    detail.push_str(if new_ones && stored > 0 { ", and new ones are, too." } else { "." });
    let mut fix = String::new();
    if new_ones {
        fix.push_str(FIX_METHOD);
        fix.push('\n');
    }
    let mut evidence = Vec::new();
    for name in names {
        // Nobody but its owner should know it: no statement with a password in it.
        let fix_sql =
            sql::is_plain(name).then(|| format!("-- in psql: \\password {}", sql::identifier(name)));
        fix.extend(fix_sql.iter().map(|line| format!("{line}\n")));
        let subject = common::text::clean_server_text(name);
        evidence.push(Evidence { subject, detail: "its password has to be set anew".to_owned(), fix_sql });
    }
    Verdict::warning(POINTS, stored as f64, detail).with_fix(fix.trim_end()).with_evidence(evidence)
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    #[test]
    fn each_login_is_named_and_no_statement_holds_a_password() {
        assert_eq!(verdict(0, &[], false).status, CheckStatus::Ok);
        let found = verdict(2, &["app".to_owned(), "x\u{202E}y".to_owned()], true);
        assert_eq!((found.status, found.points, found.value), (CheckStatus::Warning, 5, Some(2.0)));
        assert_eq!(found.evidence[0].fix_sql.as_deref(), Some("-- in psql: \\password \"app\""));
        assert_eq!(found.evidence[1].fix_sql, None);
        assert!(found.fix_sql.unwrap().starts_with("ALTER SYSTEM SET password_encryption"));
    }

    #[test]
    fn who_is_no_superuser_sees_only_how_new_ones_are_kept() {
        assert_eq!(hidden(false).unwrap_err().reason, Reason::NEEDS_SUPERUSER);
        let found = hidden(true).unwrap();
        assert_eq!((found.status, found.value), (CheckStatus::Warning, None));
    }
}
