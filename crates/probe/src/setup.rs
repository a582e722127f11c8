//! The set-up doctor: what keeps values from being read, told apart by cause, and the statements that mend it.
//!
//! A pure function of the last health reading: every value that was missing says why, and the reasons are sorted here.
//! What no set-up changes (a first reading, a primary that has no lag) is left out.

use std::collections::BTreeMap;

use common::{
    Health, Reason, Unavailable,
    health::{CheckStatus, HealthStatus},
    setup::{Setup, SetupCause, SetupItem},
};

use crate::sql;

/// How many sessions the proposed login may have: two of the dashboard's, two that are just ending, one for a person.
const CONNECTION_LIMIT: u8 = 5;
/// What the proposed login is called; `_2` where the present one has that name. Names that begin with `pg_` are
/// PostgreSQL's own.
const LOGIN: &str = "dashboard";

/// Where the connection at hand leads to.
#[derive(Debug, Clone, Copy)]
pub struct Login<'a> {
    pub username: &'a str,
    pub database_name: &'a str,
}

/// What keeps values of this reading from being read.
pub fn advise(health: &Health, login: Login<'_>) -> Setup {
    let mut items: BTreeMap<(SetupCause, Option<String>, String), Vec<String>> = BTreeMap::new();
    for (value, reason) in missing(health) {
        let Some(cause) = cause(&reason, health) else { continue };
        let detail = detail(cause, &reason, health);
        let fix_sql = reason.fix_sql.filter(|_| cause != SetupCause::ManagedService);
        let values = items.entry((cause, fix_sql, detail)).or_default();
        if !values.contains(&value) {
            values.push(value);
        }
    }
    let items: Vec<SetupItem> = items
        .into_iter()
        .map(|((cause, fix_sql, detail), values)| SetupItem {
            fix_as: fix_sql.as_ref().and_then(|_| runs_as(cause, health)).map(str::to_owned),
            values,
            cause,
            detail,
            fix_sql,
        })
        .collect();
    let role_sql = needs_login(health, &items).then(|| watching_login(health, login)).flatten();
    let mut unavailable = Unavailable::new();
    if matches!(health.status, HealthStatus::Down | HealthStatus::Unknown) {
        let why = health.error.as_ref().map_or("it was not asked yet", |error| error.kind.as_str());
        unavailable.insert("items".to_owned(), Reason::new(why));
    }
    Setup { connection_id: health.connection_id, items, role_sql, unavailable }
}

/// Every value that is missing, as a person calls it, with its reason.
fn missing(health: &Health) -> Vec<(String, Reason)> {
    let fields = health.unavailable.iter().map(|(field, reason)| (field_words(field), reason.clone()));
    let checks = health.checks.iter().filter(|check| check.status == CheckStatus::Unavailable);
    let checks =
        checks.filter_map(|check| Some((check.title.clone(), check.unavailable.get("value")?.clone())));
    // Statements have a place of their own in a reading.
    let statements = health.statements.reason.as_ref().filter(|_| !health.statements.available);
    let statements = statements.map(|reason| {
        let reason = Reason { reason: reason.clone(), fix_sql: health.statements.fix_sql.clone() };
        ("Statement statistics".to_owned(), reason)
    });
    let mut missing: Vec<(String, Reason)> = fields.chain(checks).chain(statements).collect();
    missing.sort_by(|(a, _), (b, _)| a.cmp(b));
    missing
}

/// `database_size_bytes` as a person says it.
fn field_words(field: &str) -> String {
    let field = field.rsplit('.').next().unwrap_or(field);
    let bare = ["_bytes_per_s", "_per_s", "_bytes", "_s"]
        .iter()
        .find_map(|unit| field.strip_suffix(unit))
        .unwrap_or(field)
        .replace('_', " ");
    let mut letters = bare.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What a set-up could change about it; `None` where nothing has to be set up.
fn cause(reason: &Reason, health: &Health) -> Option<SetupCause> {
    let managed = health.server.managed_by.is_some();
    Some(match reason.reason.as_str() {
        "not_preloaded" => SetupCause::NotPreloaded,
        // The two have one name in the API; what mends it tells them apart.
        "not_installed" if reason.fix_sql.as_deref().is_some_and(|fix| fix.contains("preload")) => {
            SetupCause::NotPreloaded
        }
        "not_installed" => SetupCause::NotCreated,
        "not_available" => SetupCause::NotAvailable,
        "outdated" => SetupCause::Outdated,
        // A managed server has no superuser that anybody could be.
        Reason::NEEDS_SUPERUSER if managed => SetupCause::ManagedService,
        "no_privilege" | Reason::NEEDS_SUPERUSER => SetupCause::Privilege,
        "version_too_old" => SetupCause::Version,
        "behind_a_pooler" => SetupCause::Pooler,
        other if reason.fix_sql.is_some() && other.contains(" is off") => SetupCause::Setting,
        _ if reason.fix_sql.is_some() => SetupCause::Other,
        _ => return None,
    })
}

fn detail(cause: SetupCause, reason: &Reason, health: &Health) -> String {
    let provider = health.server.managed_by.as_deref().unwrap_or("The provider");
    match cause {
        SetupCause::NotPreloaded => {
            "The library is not loaded when the server starts (shared_preload_libraries), and only a restart can load it."
                .to_owned()
        }
        SetupCause::NotCreated => {
            "The extension is on the server, but not created in this database.".to_owned()
        }
        SetupCause::NotAvailable => "The extension's files are not on the server.".to_owned(),
        SetupCause::Outdated => "The extension was never updated after the server was.".to_owned(),
        SetupCause::Privilege if reason.reason == Reason::NEEDS_SUPERUSER => {
            "Only a superuser may see it. It is not worth a superuser's login: run the check by hand now and then."
                .to_owned()
        }
        SetupCause::Privilege => "The login may not see it.".to_owned(),
        SetupCause::ManagedService => format!("{provider} lets nobody read it."),
        SetupCause::Version => "This version of PostgreSQL does not have it.".to_owned(),
        SetupCause::Pooler => "A pooler stands between, and it would take a session of one's own.".to_owned(),
        SetupCause::Setting | SetupCause::Other => {
            let mut sentence = reason.reason.trim_end_matches('.').to_owned();
            sentence.push('.');
            sentence
        }
    }
}

fn runs_as(cause: SetupCause, health: &Health) -> Option<&'static str> {
    let managed = health.server.managed_by.is_some();
    match cause {
        SetupCause::NotPreloaded if managed => {
            Some("in the provider's settings, then as the administrator's role")
        }
        SetupCause::NotPreloaded => Some("as a superuser, with a restart in between"),
        SetupCause::NotCreated | SetupCause::Outdated | SetupCause::Privilege | SetupCause::Setting
            if managed =>
        {
            Some("as the administrator's role")
        }
        SetupCause::NotCreated | SetupCause::Outdated => Some("as a superuser, in this database"),
        SetupCause::NotAvailable => Some("on the server's machine, then as a superuser"),
        SetupCause::Privilege | SetupCause::Setting => Some("as a superuser"),
        _ => None,
    }
}

/// A login of its own is proposed where the present one sees too little, or may do too much.
fn needs_login(health: &Health, items: &[SetupItem]) -> bool {
    let sees_too_little = items.iter().any(|item| {
        item.cause == SetupCause::Privilege
            && item.fix_sql.as_deref().is_some_and(|fix| fix.contains("pg_monitor"))
    });
    let may_too_much = health.checks.iter().any(|check| {
        check.id == "login-privileges"
            && matches!(check.status, CheckStatus::Info | CheckStatus::Warning | CheckStatus::Critical)
    });
    sees_too_little || may_too_much
}

/// A login that may watch and nothing else. `None` where the database's name cannot be shown as it is.
fn watching_login(health: &Health, login: Login<'_>) -> Option<String> {
    if !sql::is_plain(login.database_name) {
        return None;
    }
    let name = if login.username == LOGIN { "dashboard_2" } else { LOGIN };
    let (role, database) = (sql::identifier(name), sql::identifier(login.database_name));
    let mut steps = format!(
        "CREATE ROLE {role} LOGIN CONNECTION LIMIT {CONNECTION_LIMIT};\n\
         GRANT pg_monitor TO {role};\n\
         GRANT CONNECT ON DATABASE {database} TO {role};\n\
         -- then choose its password, in psql: \\password {name}"
    );
    if health.server.pooler.is_some() {
        steps.push_str("\n-- and let the pooler know it (PgBouncer: auth_file or auth_query)");
    }
    Some(steps)
}

#[cfg(test)]
mod tests {
    use common::{
        ConnectionId,
        health::{Check, Server, Statements},
    };

    use super::*;

    fn reading(unavailable: &[(&str, Reason)]) -> Health {
        Health {
            connection_id: ConnectionId(7),
            status: HealthStatus::Ok,
            score: Some(100),
            checked_at: chrono::DateTime::UNIX_EPOCH,
            duration_ms: 1.0,
            server: Server::default(),
            metrics: Default::default(),
            checks: Vec::new(),
            statements: Default::default(),
            changes: Vec::new(),
            error: None,
            unavailable: unavailable.iter().map(|(field, why)| ((*field).to_owned(), why.clone())).collect(),
        }
    }

    fn unread(id: &str, title: &str, reason: Reason) -> Check {
        Check {
            id: id.to_owned(),
            title: title.to_owned(),
            status: CheckStatus::Unavailable,
            value: None,
            unit: "count".to_owned(),
            threshold: None,
            points: 0,
            detail: String::new(),
            why: String::new(),
            evidence: Vec::new(),
            fix_sql: None,
            docs_url: None,
            measured_at: chrono::DateTime::UNIX_EPOCH,
            unavailable: Unavailable::from([("value".to_owned(), reason)]),
        }
    }

    const LOGIN_AT_HAND: Login<'_> = Login { username: "app", database_name: "orders" };

    fn grant() -> Reason {
        Reason::with_fix("no_privilege", "GRANT pg_monitor TO \"app\";")
    }

    #[test]
    fn one_cause_is_one_item_whatever_it_hides() {
        let mut health = reading(&[
            ("idle_connections", grant()),
            ("longest_transaction_s", grant()),
            ("transactions_per_s", Reason::new(Reason::FIRST_READING)),
            ("replication_lag_s", Reason::new("not_a_standby")),
        ]);
        health.checks.push(unread("lock-waits", "Lock waits", grant()));
        let setup = advise(&health, LOGIN_AT_HAND);
        assert_eq!(setup.items.len(), 1, "{setup:#?}");
        assert_eq!(setup.items[0].cause, SetupCause::Privilege);
        assert_eq!(setup.items[0].values, ["Idle connections", "Lock waits", "Longest transaction"]);
        let role = setup.role_sql.unwrap();
        assert!(role.starts_with("CREATE ROLE \"dashboard\" LOGIN CONNECTION LIMIT 5;"), "{role}");
        assert!(role.contains("GRANT CONNECT ON DATABASE \"orders\""), "{role}");
    }

    #[test]
    fn the_steps_of_an_extension_are_told_apart() {
        let of = |reason: Reason| {
            let mut health = reading(&[]);
            let Reason { reason, fix_sql } = reason;
            health.statements = Statements { reason: Some(reason), fix_sql, ..Statements::default() };
            let item = advise(&health, LOGIN_AT_HAND).items.into_iter().next()?;
            assert_eq!(item.values, ["Statement statistics"]);
            Some(item.cause)
        };
        let create = "CREATE EXTENSION pg_stat_statements;";
        let preload = format!("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements';\n{create}");
        assert_eq!(of(Reason::with_fix("not_installed", create)), Some(SetupCause::NotCreated));
        assert_eq!(of(Reason::with_fix("not_installed", preload)), Some(SetupCause::NotPreloaded));
        assert_eq!(of(Reason::with_fix("not_available", create)), Some(SetupCause::NotAvailable));
        assert_eq!(of(Reason::new("not_preloaded")), Some(SetupCause::NotPreloaded));
        assert_eq!(of(Reason::new("timeout")), None);
    }

    #[test]
    fn what_a_managed_server_forbids_is_said_to_be_that() {
        let mut health = reading(&[]);
        health.checks.push(unread("md5-passwords", "Passwords", Reason::new(Reason::NEEDS_SUPERUSER)));
        assert_eq!(advise(&health, LOGIN_AT_HAND).items[0].cause, SetupCause::Privilege);
        health.server.managed_by = Some("Amazon RDS".to_owned());
        let setup = advise(&health, LOGIN_AT_HAND);
        assert_eq!(setup.items[0].cause, SetupCause::ManagedService);
        assert_eq!(setup.items[0].detail, "Amazon RDS lets nobody read it.");
        assert_eq!(setup.role_sql, None);
    }

    #[test]
    fn of_a_database_that_was_not_asked_nothing_is_known() {
        let mut health = reading(&[]);
        assert!(advise(&health, LOGIN_AT_HAND).unavailable.is_empty());
        health.status = HealthStatus::Down;
        assert!(advise(&health, LOGIN_AT_HAND).unavailable.contains_key("items"));
    }

    #[test]
    fn a_login_that_only_watches_needs_no_other() {
        assert_eq!(advise(&reading(&[]), LOGIN_AT_HAND).role_sql, None);
        let hostile = Login { username: "app", database_name: "a\u{202E}b" };
        assert_eq!(advise(&reading(&[("idle_connections", grant())]), hostile).role_sql, None);
        let same = Login { username: LOGIN, database_name: "orders" };
        let role = advise(&reading(&[("idle_connections", grant())]), same).role_sql.unwrap();
        assert!(role.contains("\"dashboard_2\""), "{role}");
    }
}
