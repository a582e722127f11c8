//! What is noticed between two readings, provoked on real servers.

use std::{fs, time::Duration};

use common::{
    SslMode,
    health::{Change, ChangeKind},
};
use probe::{HealthReading, Memory, Prober, Target};
use testkit::{
    Cluster, Version,
    certs::Authority,
    pgbouncer::{Bouncer, PoolMode},
};
use tokio_postgres::Client;

use crate::target;

/// Readings one after the other, each with the memory of the one before, through its JSON.
struct Watch {
    target: Target,
    memory: Option<Memory>,
}

impl Watch {
    async fn begin(target: Target) -> Self {
        let mut watch = Self { target, memory: None };
        assert_eq!(watch.read().await, [], "a first reading has nothing to compare with");
        watch
    }

    async fn read(&mut self) -> Vec<Change> {
        let HealthReading { health, memory, .. } =
            Prober::new().health(&self.target, self.memory.as_ref(), false).await;
        assert_eq!(health.error, None);
        let json = serde_json::to_string(&memory.unwrap()).unwrap();
        self.memory = Some(serde_json::from_str(&json).unwrap());
        health.changes
    }

    /// Reads until something of this subject is noticed: a server takes a moment to reload its settings.
    async fn until(&mut self, subject: &str) -> Vec<Change> {
        let until = std::time::Instant::now() + Duration::from_secs(20);
        let mut all = Vec::new();
        loop {
            all.extend(self.read().await);
            if all.iter().any(|change| change.subject.as_deref() == Some(subject)) {
                return all;
            }
            assert!(std::time::Instant::now() < until, "{subject} was not noticed: {all:#?}");
        }
    }

    /// As if the reading before had seen something else.
    fn remembering(&mut self, edit: impl Fn(&mut serde_json::Value)) {
        let mut json = serde_json::to_value(self.memory.take().unwrap()).unwrap();
        edit(&mut json);
        self.memory = Some(serde_json::from_value(json).unwrap());
    }
}

/// `(kind, subject, before, after)`
fn said(changes: &[Change]) -> Vec<(ChangeKind, &str, &str, &str)> {
    fn text(text: &Option<String>) -> &str {
        text.as_deref().unwrap_or("-")
    }
    changes.iter().map(|it| (it.kind, text(&it.subject), text(&it.before), text(&it.after))).collect()
}

/// Logins with all, some and no rights.
async fn logins(cluster: &Cluster, admin: &Client) -> [Target; 3] {
    admin
        .batch_execute(
            "create role watcher login password 'x' in role pg_monitor; create role bare login password 'x'",
        )
        .await
        .unwrap();
    let login =
        |user: &str| Target { username: user.to_owned(), password: Some("x".into()), ..target(cluster) };
    [target(cluster), login("watcher"), login("bare")]
}

async fn what_happens_is_noticed(admin: &Client, mut watch: Watch) {
    let who = watch.target.username.clone();
    for reading in 0..3 {
        assert_eq!(watch.read().await, [], "{who}: nothing happened before reading {reading}");
    }
    for sql in [
        "alter system set work_mem = '64MB'",
        "alter system set archive_command = 'send --password hunter2'",
        "alter system set max_connections = 77",
        "select pg_reload_conf()",
    ] {
        admin.batch_execute(sql).await.unwrap();
    }
    let mut changes = watch.until("work_mem").await;
    if !changes.iter().any(|change| change.subject.as_deref() == Some("max_connections")) {
        changes.extend(watch.until("max_connections").await);
    }
    assert!(!format!("{changes:?}").contains("hunter2"));
    changes.sort_by(|a, b| a.subject.cmp(&b.subject));
    let expected = [
        (ChangeKind::Setting, "archive_command", "the default", "changed; the text is not shown"),
        (ChangeKind::Setting, "max_connections", "100", "100 (another value waits for a restart)"),
        (ChangeKind::Setting, "work_mem", "the default", "64MB"),
    ];
    assert_eq!(said(&changes), expected, "{who}");

    admin
        .batch_execute(
            "create extension pg_stat_statements version '1.8'; create role app login; create role old login",
        )
        .await
        .unwrap();
    assert_eq!(
        said(&watch.read().await),
        [
            (ChangeKind::Extension, "pg_stat_statements", "-", "1.8"),
            (ChangeKind::User, "app", "-", "login"),
            (ChangeKind::User, "old", "-", "login"),
        ]
    );
    admin
        .batch_execute(
            "alter role app superuser bypassrls valid until '2030-01-01 00:00:00+00'; drop role old;
             create role file_reader login in role pg_read_server_files; drop extension pg_stat_statements",
        )
        .await
        .unwrap();
    let rights = "login, superuser, bypasses row security, valid until 2030-01-01 00:00 UTC";
    assert_eq!(
        said(&watch.read().await),
        [
            (ChangeKind::Extension, "pg_stat_statements", "1.8", "-"),
            (ChangeKind::User, "app", "login", rights),
            (ChangeKind::User, "file_reader", "-", "login, member of pg_read_server_files"),
            (ChangeKind::User, "old", "login", "-"),
        ]
    );
    for sql in ["alter system reset all", "select pg_reload_conf()", "drop role app, file_reader"] {
        admin.batch_execute(sql).await.unwrap();
    }
    let changes = watch.until("work_mem").await;
    assert!(
        said(&changes).contains(&(ChangeKind::Setting, "work_mem", "64MB", "the default")),
        "{changes:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_extensions_and_logins_are_noticed_by_every_login() {
    for version in Version::OLDEST_AND_NEWEST {
        let cluster = Cluster::start(version).await;
        let admin = cluster.client("postgres").await;
        for login in logins(&cluster, &admin).await {
            what_happens_is_noticed(&admin, Watch::begin(login).await).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_is_noticed_through_pgbouncer_and_what_others_left_in_its_sessions_is_not() {
    if !Bouncer::is_installed() {
        return;
    }
    for version in Version::OLDEST_AND_NEWEST {
        let cluster = Cluster::start(version).await;
        let bouncer =
            Bouncer::builder(&cluster, PoolMode::Transaction).setting("default_pool_size", "1").start().await;
        let pooled = Target { port: bouncer.port(), ..target(&cluster) };
        let admin = cluster.client("postgres").await;
        admin.batch_execute("alter system set maintenance_work_mem = '70MB'; ").await.unwrap();
        admin.batch_execute("select pg_reload_conf()").await.unwrap();
        let mut watch = Watch { target: pooled.clone(), memory: None };
        watch.read().await;
        watch.read().await;
        let other = testkit_client(&bouncer, &cluster).await;
        other.batch_execute("set maintenance_work_mem = '1MB'; set statement_timeout = 0").await.unwrap();
        let changes = watch.read().await;
        assert!(!format!("{changes:?}").contains("1MB"), "{changes:?}");
        drop(other);
        what_happens_is_noticed(&admin, Watch::begin(pooled).await).await;
    }
}

/// Another client of the pooler, in the same server session.
async fn testkit_client(bouncer: &Bouncer, cluster: &Cluster) -> Client {
    let mut config = tokio_postgres::Config::new();
    config
        .host("127.0.0.1")
        .port(bouncer.port())
        .user(cluster.user())
        .password(cluster.password())
        .dbname("postgres");
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(async move {
        // the test that holds the client sees what goes wrong
        let _ = connection.await;
    });
    client
}

#[tokio::test]
async fn a_restart_a_promotion_an_update_and_another_database_are_noticed() {
    let cluster = Cluster::start(Version::V18).await;
    let mut watch = Watch::begin(target(&cluster)).await;
    watch.remembering(|memory| {
        let server = &mut memory["facts"]["servers"][0]["server"];
        server["version"] = "18.0".into();
        server["standby"] = true.into();
        server["started_at_s"] = 1000.0.into();
    });
    let changes = watch.read().await;
    let kinds: Vec<ChangeKind> = changes.iter().map(|change| change.kind).collect();
    assert_eq!(kinds, [ChangeKind::Version, ChangeKind::Restart, ChangeKind::Role]);
    assert!(changes[0].after.as_ref().unwrap().starts_with("18."));
    assert_eq!(changes[1].before.as_deref(), Some("1970-01-01 00:16:40 UTC"));
    assert_eq!(
        (changes[2].before.as_deref(), changes[2].after.as_deref()),
        (Some("standby"), Some("primary"))
    );
    assert_eq!(watch.read().await, [], "once");

    // Another cluster took the place of this one, at the same address.
    let other = Cluster::start(Version::V18).await;
    other.client("postgres").await.batch_execute("create role stranger login").await.unwrap();
    watch.target = target(&other);
    let changes = watch.read().await;
    let kinds: Vec<ChangeKind> = changes.iter().map(|change| change.kind).collect();
    assert_eq!(kinds[0], ChangeKind::Address);
}

#[tokio::test]
async fn another_address_and_a_new_certificate_are_noticed() {
    let ca = Authority::new();
    let cluster = Cluster::builder(Version::V18).tls(&ca.issue(&["127.0.0.1", "localhost"])).start().await;
    let mut watch = Watch::begin(Target { ssl_mode: SslMode::Require, ..target(&cluster) }).await;
    assert_eq!(watch.read().await, []);
    let renewed = ca.issue(&["127.0.0.1"]);
    for (name, pem) in [("server.crt", &renewed.cert_pem), ("server.key", &renewed.key_pem)] {
        fs::write(cluster.socket_folder().join("data").join(name), pem).unwrap();
    }
    cluster.client("postgres").await.batch_execute("select pg_reload_conf()").await.unwrap();
    let until = std::time::Instant::now() + Duration::from_secs(20);
    let changes = loop {
        let changes = watch.read().await;
        if !changes.is_empty() {
            break changes;
        }
        assert!(std::time::Instant::now() < until, "the certificate was not noticed");
    };
    let [(ChangeKind::Certificate, "-", before, after)] = said(&changes)[..] else { panic!("{changes:?}") };
    assert!(before.starts_with("SHA-256 ") && after.contains(", valid until ") && before != after);

    watch.target.ssl_mode = SslMode::Disable;
    let changes = watch.read().await;
    assert_eq!(said(&changes)[0].3, "none: not encrypted");

    watch.target.host = cluster.socket_folder().display().to_string();
    let changes = watch.read().await;
    let port = cluster.port();
    assert_eq!(
        said(&changes),
        [(
            ChangeKind::Address,
            "-",
            format!("127.0.0.1:{port}").as_str(),
            format!("{}/.s.PGSQL.{port}", watch.target.host).as_str()
        )]
    );
}

#[tokio::test]
async fn a_database_that_jumps_is_noticed() {
    let cluster = Cluster::start(Version::V18).await;
    let admin = cluster.client("postgres").await;
    let mut watch = Watch::begin(target(&cluster)).await;
    admin
        .batch_execute("create unlogged table big as select * from generate_series(1, 3300000) n")
        .await
        .unwrap();
    // As if an hour had passed: sizes are measured hourly.
    watch.remembering(|memory| memory["slow"] = serde_json::json!({}));
    let changes = watch.read().await;
    let [(ChangeKind::Size, "postgres", before, after)] = said(&changes)[..] else { panic!("{changes:?}") };
    assert!(before.contains(" MB on 20") && after.ends_with(" MB"), "{before} {after}");
    assert_eq!(watch.read().await, []);
}

#[tokio::test]
async fn in_a_crowd_of_logins_a_new_superuser_is_noticed_and_names_are_only_text() {
    let cluster = Cluster::start(Version::V18).await;
    let admin = cluster.client("postgres").await;
    admin
        .batch_execute("do $$ begin for n in 1000..1999 loop execute format('create role r%s login', n); end loop; end $$")
        .await
        .unwrap();
    let mut watch = Watch::begin(target(&cluster)).await;
    assert_eq!(watch.read().await, []);
    admin.batch_execute("alter role r1900 superuser").await.unwrap();
    assert_eq!(
        said(&watch.read().await),
        [(ChangeKind::User, "r1900", "no special rights", "login, superuser")]
    );
    admin.batch_execute("alter role r1800 nologin").await.unwrap();
    assert_eq!(
        said(&watch.read().await),
        [(ChangeKind::User, "-", "-", "one or more of the 799 roles that are not listed changed")]
    );
    admin.batch_execute("create role \"a\u{202E}b; drop\" superuser").await.unwrap();
    assert_eq!(said(&watch.read().await)[0].1, "a\u{FFFD}b; drop");
}
