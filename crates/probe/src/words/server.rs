//! Words for what PostgreSQL or a pooler itself answers, by SQLSTATE and, where one code has several meanings, by
//! message.
//!
//! Messages are matched in English. A server may speak another language (`lc_messages`); then the code alone
//! decides, and the server's words are shown anyway.

use common::{Phase, TestError, TestErrorKind, text};

use super::{Scene, error};

/// `message` is the server's own, as it came.
pub(crate) fn server_error(
    sqlstate: Option<&str>,
    message: &str,
    phase: Phase,
    scene: &Scene<'_>,
) -> TestError {
    cleaned_error(sqlstate, &text::clean_server_text(message), phase, scene)
}

/// `said` is the server's own message, cleaned and cut already.
pub(super) fn cleaned_error(
    sqlstate: Option<&str>,
    said: &str,
    phase: Phase,
    scene: &Scene<'_>,
) -> TestError {
    let code = sqlstate.map(|code| text::clean(code, 5));
    let (kind, what, hint) = meaning(code.as_deref().unwrap_or_default(), said, scene);
    let message = if said.is_empty() { what } else { format!("{what} It says: {said}") };
    TestError { sqlstate: code, ..error(kind, phase, message, hint) }
}

fn meaning(code: &str, said: &str, scene: &Scene<'_>) -> (TestErrorKind, String, String) {
    let Scene { user, database, .. } = scene;
    let lower = said.to_ascii_lowercase();
    let says = |part: &str| lower.contains(part);
    match code {
        "28P01" => wrong_password(scene),
        // PgBouncer before 1.24 says these without a code of their own (08P01).
        "08P01" if says("password authentication failed") || says("sasl authentication failed") || says("auth failed") => {
            wrong_password(scene)
        }
        "28000" if says("no pg_hba.conf entry") || says("pg_hba.conf rejects") => hba(said, scene),
        "28000" if says("role") && says("does not exist") => no_user(scene),
        "08P01" if says("no such user") => no_user(scene),
        "28000" if says("not permitted to log in") => (
            TestErrorKind::Auth,
            format!("The role {user} may not log in."),
            format!("Run: ALTER ROLE {} LOGIN;", crate::sql::identifier(user)),
        ),
        "28000" if says("valid client certificate") => (
            TestErrorKind::Auth,
            "The server wants a certificate of ours.".to_owned(),
            "Client certificates are not supported yet. Let this user in by scram-sha-256 without clientcert in the \
             server's pg_hba.conf."
                .to_owned(),
        ),
        "28000" => (
            TestErrorKind::Auth,
            format!("The server does not let {user} in."),
            "Look at the line of pg_hba.conf that fits this user, database and address.".to_owned(),
        ),
        "3D000" => no_database(scene),
        // PgBouncer, in its own words or passing on the server's.
        "08P01" | "" if says("no such database") || (says("database") && says("does not exist")) => no_database(scene),
        "53300" => too_many(),
        "08P01" | "" if says("no more connections allowed") || says("too many") => too_many(),
        "08P01" | "" if says("query_wait_timeout") || says("pool is full") => (
            TestErrorKind::TooManyConnections,
            "The pooler had no free server session in time.".to_owned(),
            "Raise default_pool_size there, or find the sessions that stay in a transaction.".to_owned(),
        ),
        "57P03" if says("shutting down") => shutting_down(),
        "57P03" if says("not accepting connections") || says("recovery") || says("consistent") => (
            TestErrorKind::StartingUp,
            "The server is recovering and takes no connections yet.".to_owned(),
            "Wait and test again. A standby needs hot_standby = on to answer while it follows.".to_owned(),
        ),
        "57P03" => (
            TestErrorKind::StartingUp,
            "The server is starting and takes no connections yet.".to_owned(),
            "Wait a moment and test again.".to_owned(),
        ),
        "57P01" | "57P02" => shutting_down(),
        "08P01" | "08006" | "08001" | "58000" | ""
            if says("server login has been failing") || says("cannot connect to server") || says("server conn crashed") =>
        {
            (
                TestErrorKind::Unreachable,
                "The pooler answers, but cannot reach its PostgreSQL server.".to_owned(),
                "Check the server behind the pooler, and the pooler's own log.".to_owned(),
            )
        }
        "08P01" if says("unsupported startup parameter") => (
            TestErrorKind::Protocol,
            "The pooler refuses a setting of the connection.".to_owned(),
            "Add the name that it gives to ignore_startup_parameters of the pooler.".to_owned(),
        ),
        "08P01" if says("ssl required") || says("tls required") || says("ssl connection") => needs_tls(),
        "42501" => (
            TestErrorKind::Permission,
            format!("{user} may not do this on {database}."),
            format!(
                "To connect: GRANT CONNECT ON DATABASE {} TO {};",
                crate::sql::identifier(database),
                crate::sql::identifier(user)
            ),
        ),
        "55000" if says("not currently accepting connections") => (
            TestErrorKind::Database,
            format!("The database {database} takes no connections."),
            format!("Run: ALTER DATABASE {} ALLOW_CONNECTIONS true;", crate::sql::identifier(database)),
        ),
        "57014" => (
            TestErrorKind::Timeout,
            "The server stopped the query at its time limit.".to_owned(),
            "The server is overloaded, or waits for a lock.".to_owned(),
        ),
        "0A000" if says("protocol") => (
            TestErrorKind::Protocol,
            "The server does not know this version of the protocol.".to_owned(),
            "PostgreSQL 13 to 18 are supported.".to_owned(),
        ),
        _ if says("insecure connection") || says("ssl required") || says("tls required") => needs_tls(),
        _ if code.starts_with("53") => (
            TestErrorKind::Other,
            "The server has run out of memory, disk or slots.".to_owned(),
            "Look into the server's log and at its disk.".to_owned(),
        ),
        _ if code.starts_with("28") => (
            TestErrorKind::Auth,
            format!("The server does not let {user} in."),
            "Check user and password, and the server's pg_hba.conf.".to_owned(),
        ),
        _ if code.starts_with("08") => (
            TestErrorKind::Protocol,
            "The server or a pooler before it ended the connection.".to_owned(),
            "Look into its log for the reason.".to_owned(),
        ),
        _ => (
            TestErrorKind::Other,
            "The server refused.".to_owned(),
            "Look up what it says in the server's log.".to_owned(),
        ),
    }
}

fn wrong_password(scene: &Scene<'_>) -> (TestErrorKind, String, String) {
    let hint = if scene.has_password {
        "Enter the password again. A user without a password on the server, or one whose password has expired, gets the same \
         answer."
    } else {
        "Enter the password of this user: none is stored."
    };
    (TestErrorKind::Auth, format!("Wrong password, or no such user: {}.", scene.user), hint.to_owned())
}

fn no_user(scene: &Scene<'_>) -> (TestErrorKind, String, String) {
    (
        TestErrorKind::Auth,
        format!("The server knows no user {}.", scene.user),
        "Check the user's spelling: names are case-sensitive here. A pooler has a list of its own (auth_file).".to_owned(),
    )
}

fn no_database(scene: &Scene<'_>) -> (TestErrorKind, String, String) {
    (
        TestErrorKind::Database,
        format!("There is no database {} on this server.", scene.database),
        "Check its spelling: names are case-sensitive here. psql -l lists them; a pooler has a list of its own.".to_owned(),
    )
}

fn too_many() -> (TestErrorKind, String, String) {
    (
        TestErrorKind::TooManyConnections,
        "The server answers, but every connection slot is taken.".to_owned(),
        "Close idle sessions, put a pooler before it, or raise max_connections (needs a restart).".to_owned(),
    )
}

fn shutting_down() -> (TestErrorKind, String, String) {
    (
        TestErrorKind::ShuttingDown,
        "The server is shutting down.".to_owned(),
        "Wait until it has started again and test anew.".to_owned(),
    )
}

fn needs_tls() -> (TestErrorKind, String, String) {
    (
        TestErrorKind::Hba,
        "The server takes no connection without encryption.".to_owned(),
        "Set encryption to require or verify-full.".to_owned(),
    )
}

/// No line of pg_hba.conf fits. The message names the address that the server saw, which may be a gateway's.
fn hba(said: &str, scene: &Scene<'_>) -> (TestErrorKind, String, String) {
    let Scene { user, database, .. } = scene;
    let quoted = |name: &str| {
        if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            name.to_owned()
        } else {
            crate::sql::identifier(name)
        }
    };
    let address =
        said.split_once("host \"").and_then(|(_, rest)| rest.split_once('"')).map(|(address, _)| address);
    let range = match address.and_then(|address| address.parse::<std::net::IpAddr>().ok()) {
        Some(ip @ std::net::IpAddr::V4(_)) => format!(" {ip}/32"),
        Some(ip @ std::net::IpAddr::V6(_)) => format!(" {ip}/128"),
        None => " samehost".to_owned(),
    };
    let (kind, range) = match address {
        Some("[local]") => ("local", String::new()),
        // The line must help as it stands: a plain connection is let in by `host` only.
        _ if scene.encrypted => ("hostssl", range),
        _ => ("host", range),
    };
    let line = format!("{kind} {} {}{range} scram-sha-256", quoted(database), quoted(user));
    let from = match address {
        Some("[local]") => "over the socket".to_owned(),
        Some(address) => format!("from {address}"),
        None => "from this address".to_owned(),
    };
    if !scene.encrypted && kind != "local" {
        (
            TestErrorKind::Hba,
            format!("The server has no rule that lets {user} into {database} {from} without encryption."),
            format!(
                "Set encryption to require or verify-full (Automatic encrypts by itself, but not on loopback). Or let this \
                 address in, in the server's pg_hba.conf, and reload it:\n{line}"
            ),
        )
    } else {
        (
            TestErrorKind::Hba,
            format!("The server has no rule that lets {user} into {database} {from}."),
            format!(
                "Let it in, in the server's pg_hba.conf, and reload it (SELECT pg_reload_conf();):\n{line}"
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use common::{ConnectionId, SslMode};

    use super::*;
    use crate::{Limits, Target};

    /// The last line of the hint for a pg_hba.conf message: the line that would help.
    fn line(user: &str, encrypted: bool, message: &str) -> String {
        let target = Target {
            connection_id: ConnectionId(1),
            host: "db.test".to_owned(),
            port: 5432,
            database_name: "ledger".to_owned(),
            username: user.to_owned(),
            password: None,
            password_since: None,
            ssl_mode: SslMode::Disable,
            ssl_root_cert: None,
        };
        let limits = Limits::default();
        let error =
            server_error(Some("28000"), message, Phase::Auth, &Scene::new(&target, &limits, encrypted));
        assert_eq!(error.kind, TestErrorKind::Hba);
        error.hint.lines().last().unwrap_or_default().to_owned()
    }

    #[test]
    fn the_line_for_pg_hba_conf_is_ready_to_paste() {
        let from = |address: &str| {
            format!("no pg_hba.conf entry for host \"{address}\", user \"app\", database \"ledger\"")
        };
        assert_eq!(
            line("app", true, &from("198.51.100.7")),
            "hostssl ledger app 198.51.100.7/32 scram-sha-256"
        );
        assert_eq!(line("app", false, &from("2001:db8::7")), "host ledger app 2001:db8::7/128 scram-sha-256");
        assert_eq!(
            line("odd user", true, &from("10.0.0.1")),
            "hostssl ledger \"odd user\" 10.0.0.1/32 scram-sha-256"
        );
        assert_eq!(line("app", false, &from("[local]")), "local ledger app scram-sha-256");
    }
}
