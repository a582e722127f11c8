//! Whether the login that the dashboard watches with may do more than watch. Whoever gets hold of its password may do
//! the same.

use common::{Reason, TestResult, health::Evidence};

use super::{Ask, Check, Context, Verdict};
use crate::{rights, rows::Answer, sql};

pub(super) const CHECK: Check = Check {
    id: "login-privileges",
    title: "Rights of this login",
    unit: "count",
    threshold: None,
    why: "Watching takes pg_monitor and nothing else; whoever gets hold of this login's password may do what it may.",
    docs_url: "https://www.postgresql.org/docs/current/predefined-roles.html",
    ask: |_| Ask::Sql(query().into()),
    judge,
};

/// `pg_shdepend` has an index by owner; `pg_class` has none, and would be read as a whole.
fn query() -> String {
    format!("{RIGHTS}, {} {HERE}", rights::COLUMNS)
}

const RIGHTS: &str = "\
select r.rolsuper, r.rolcreaterole, r.rolcreatedb, r.rolreplication, r.rolbypassrls,
       exists (select from pg_roles g
                where g.rolname = 'pg_write_all_data'
                  and not r.rolsuper
                  and pg_has_role(r.oid, g.oid, 'member')) as writes_all_data,
       d.datdba = r.oid as owns_database,
       exists (select from pg_shdepend s
                where s.refclassid = 'pg_authid'::regclass
                  and s.refobjid = r.oid
                  and s.deptype = 'o'
                  and s.dbid = d.oid
                  and s.classid = 'pg_class'::regclass) as owns_tables";

const HERE: &str = "\
  from pg_roles r, pg_database d
 where r.rolname = current_user
   and d.datname = current_database()";

const POINTS: u8 = 5;

/// How much harm a right can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Harm {
    /// To this database's data.
    Data,
    /// To everything on the server.
    Server,
}

struct Right {
    name: String,
    means: &'static str,
    harm: Harm,
}

fn judge(answer: &Answer, context: &mut Context<'_>) -> Result<Verdict, Reason> {
    let row = answer.one()?;
    let mut rights = Vec::new();
    for (column, name, means, harm) in [
        ("rolsuper", "superuser", "it may do everything, also on the server's machine", Harm::Server),
        ("rolcreaterole", "CREATEROLE", "it may make logins and give them rights", Harm::Server),
        ("rolreplication", "REPLICATION", "it may copy the whole server", Harm::Server),
        ("rolbypassrls", "BYPASSRLS", "no row security holds for it", Harm::Server),
        ("rolcreatedb", "CREATEDB", "it may make databases", Harm::Data),
        ("writes_all_data", "pg_write_all_data", "it may change every table", Harm::Data),
        ("owns_database", "owner of the database", "it may drop it", Harm::Data),
        ("owns_tables", "owner of tables", "it may change and drop them", Harm::Data),
    ] {
        if row.flag(column) == Some(true) {
            rights.push(Right { name: name.to_owned(), means, harm });
        }
    }
    let is_superuser = row.flag("rolsuper") == Some(true);
    if !is_superuser && row.flag("reaches_superuser") != Some(false) {
        let means = "it may become one, and then do everything";
        rights.push(Right { name: "member of a superuser".to_owned(), means, harm: Harm::Server });
    }
    let reaches_by = row.shown("reaches_server_by").filter(|_| !is_superuser).unwrap_or_default();
    for role in reaches_by.split(", ").filter(|role| !role.is_empty()) {
        let (means, harm) = match role {
            "pg_execute_server_program" => ("it may run programs on the server's machine", Harm::Server),
            "pg_read_server_files" => ("it may read every file of the server", Harm::Server),
            _ => ("it may write every file of the server", Harm::Server),
        };
        rights.push(Right { name: role.to_owned(), means, harm });
    }
    Ok(verdict(&rights, context.known.user(), &context.target.database_name, is_local(context.test)))
}

/// On one's own machine the superuser is what everybody begins with.
fn is_local(test: &TestResult) -> bool {
    let Some(address) = &test.address else { return false };
    let on_loopback = address.parse::<std::net::SocketAddr>().is_ok_and(|address| address.ip().is_loopback());
    address.starts_with('/') || on_loopback
}

fn verdict(rights: &[Right], user: &str, database: &str, is_local: bool) -> Verdict {
    let user_shown = common::text::clean_server_text(user);
    let Some(worst) = rights.iter().map(|right| right.harm).max() else {
        return Verdict::ok(0.0, format!("{user_shown} has no rights that watching does not take."));
    };
    let names: Vec<&str> = rights.iter().map(|right| right.name.as_str()).collect();
    let detail = format!(
        "{user_shown} may do more than watch: {}. Give the dashboard a login of its own.",
        names.join(", ")
    );
    let evidence = rights
        .iter()
        .map(|right| Evidence { subject: right.name.clone(), detail: right.means.to_owned(), fix_sql: None })
        .collect();
    let count = rights.len() as f64;
    let verdict = if worst == Harm::Server && !is_local {
        Verdict::warning(POINTS, count, detail)
    } else {
        Verdict::info(count, detail)
    };
    let verdict = verdict.with_evidence(evidence);
    match own_login(user, database) {
        Some(fix) => verdict.with_fix(fix),
        None => verdict,
    }
}

/// A login that may watch and nothing else.
fn own_login(user: &str, database: &str) -> Option<String> {
    // `pg_…` is reserved for PostgreSQL's own.
    let name = if user == "dashboard" { "dashboard_2" } else { "dashboard" };
    sql::is_plain(database).then(|| {
        format!(
            "CREATE ROLE {name} LOGIN CONNECTION LIMIT 5;\n\
             GRANT pg_monitor TO {name};\n\
             GRANT CONNECT ON DATABASE {} TO {name};\n\
             -- then choose its password, in psql: \\password {name}",
            sql::identifier(database)
        )
    })
}

#[cfg(test)]
mod tests {
    use common::{ConnectionId, health::CheckStatus};

    use super::*;

    fn right(name: &str, harm: Harm) -> Right {
        Right { name: name.to_owned(), means: "it may", harm }
    }

    #[test]
    fn a_superuser_is_a_warning_unless_it_is_ones_own_machine() {
        let superuser = [right("superuser", Harm::Server), right("owner of tables", Harm::Data)];
        let far = verdict(&superuser, "postgres", "shop", false);
        assert_eq!((far.status, far.points, far.value), (CheckStatus::Warning, 5, Some(2.0)));
        assert!(far.fix_sql.unwrap().contains("GRANT CONNECT ON DATABASE \"shop\" TO dashboard;"));
        let near = verdict(&superuser, "postgres", "shop", true);
        assert_eq!((near.status, near.points), (CheckStatus::Info, 0));
    }

    #[test]
    fn the_applications_own_login_is_worth_knowing_and_no_more() {
        let owner = verdict(&[right("owner of tables", Harm::Data)], "app", "shop", false);
        assert_eq!((owner.status, owner.points), (CheckStatus::Info, 0));
        assert_eq!(verdict(&[], "watcher", "shop", false).status, CheckStatus::Ok);
    }

    #[test]
    fn a_database_that_cannot_be_shown_as_it_is_is_in_no_sql() {
        assert_eq!(verdict(&[right("superuser", Harm::Server)], "a", "x\u{202E}y", false).fix_sql, None);
        let again = verdict(&[right("superuser", Harm::Server)], "dashboard", "shop", false);
        assert!(again.fix_sql.unwrap().starts_with("CREATE ROLE dashboard_2 "));
    }

    #[test]
    fn a_socket_and_loopback_are_ones_own_machine() {
        let at = |address: &str| {
            let mut test = TestResult::unfinished(ConnectionId(1), chrono::DateTime::UNIX_EPOCH);
            test.address = Some(address.to_owned());
            is_local(&test)
        };
        assert!(at("127.0.0.1:5432") && at("[::1]:5432") && at("/run/postgresql/.s.PGSQL.5432"));
        assert!(!at("10.0.0.1:5432") && !at("[2001:db8::1]:5432") && !at(""));
    }
}
