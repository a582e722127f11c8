//! Extensions of this database that are older than what is installed on the server: an upgrade of PostgreSQL brings new
//! files, and leaves the database as it was.

use common::{Reason, health::Evidence};

use super::{Ask, Check, Context, Verdict};
use crate::{rows::Answer, sql};

/// Reads the control file of every extension that is installed on the server: a matter of the disk, so once an hour.
pub(super) const CHECK: Check = Check {
    id: "extension-updates",
    title: "Extension updates",
    unit: "count",
    threshold: None,
    why: "An extension that was not updated after an upgrade lacks what the new version brings and mends.",
    docs_url: "https://www.postgresql.org/docs/current/sql-alterextension.html",
    ask: |_| Ask::sql(QUERY),
    judge,
};

const QUERY: &str = "\
select e.name, e.installed_version, e.default_version, count(*) over () as behind
  from pg_available_extensions e
 where e.installed_version is not null
   and e.installed_version <> e.default_version
 order by e.name
 limit 10";

fn judge(answer: &Answer, _: &mut Context<'_>) -> Result<Verdict, Reason> {
    let behind: Vec<Behind> = answer
        .rows()
        .filter_map(|row| {
            let name = row.text("name")?;
            Some(Behind {
                name,
                installed: row.shown("installed_version")?,
                offered: row.shown("default_version")?,
            })
        })
        .collect();
    let count = answer.first().and_then(|row| row.number("behind")).unwrap_or(0);
    Ok(verdict(count, &behind))
}

struct Behind {
    /// As the server sent it.
    name: String,
    installed: String,
    offered: String,
}

fn verdict(count: i64, behind: &[Behind]) -> Verdict {
    if behind.is_empty() {
        return Verdict::ok(0.0, "Every extension has the version that its files bring.");
    }
    let evidence: Vec<Evidence> = behind
        .iter()
        .map(|extension| Evidence {
            subject: common::text::clean_server_text(&extension.name),
            detail: format!("{} here, {} on the server", extension.installed, extension.offered),
            fix_sql: sql::is_plain(&extension.name)
                .then(|| format!("ALTER EXTENSION {} UPDATE;", sql::identifier(&extension.name))),
        })
        .collect();
    let fix: Vec<&str> = evidence.iter().filter_map(|one| one.fix_sql.as_deref()).collect();
    let fix = fix.join("\n");
    let detail = match count {
        1 => "1 extension has another version here than its files on the server.".to_owned(),
        _ => format!("{count} extensions have other versions here than their files on the server."),
    };
    let verdict = Verdict::info(count as f64, detail).with_evidence(evidence);
    if fix.is_empty() { verdict } else { verdict.with_fix(fix) }
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    fn behind(name: &str) -> Behind {
        Behind { name: name.to_owned(), installed: "1.8".to_owned(), offered: "1.12".to_owned() }
    }

    #[test]
    fn each_has_the_statement_that_updates_it() {
        assert_eq!(verdict(0, &[]).status, CheckStatus::Ok);
        let found = verdict(2, &[behind("hstore"), behind("Odd \"one")]);
        assert_eq!((found.status, found.value, found.points), (CheckStatus::Info, Some(2.0), 0));
        assert_eq!(found.evidence[0].detail, "1.8 here, 1.12 on the server");
        assert_eq!(
            found.fix_sql.as_deref(),
            Some("ALTER EXTENSION \"hstore\" UPDATE;\nALTER EXTENSION \"Odd \"\"one\" UPDATE;")
        );
    }

    #[test]
    fn a_name_that_cannot_be_shown_as_it_is_is_in_no_sql() {
        let found = verdict(1, &[behind("a\u{202E}b")]);
        assert_eq!((found.fix_sql, found.evidence[0].fix_sql.clone()), (None, None));
    }
}
