//! Opening: migrations, the key check, and addresses that do not work.

use std::time::Duration;

use secrecy::SecretString;
use store::{ConnectError, KeyRing, Store, StoreError, UrlError};
use testkit::{
    Cluster, Timescale, Version,
    certs::Authority,
    pgbouncer::{Bouncer, PoolMode},
};

use crate::support::{Fixture, OwnServer, config, migrations, named, now, passed};

#[tokio::test]
async fn a_second_start_migrates_nothing_and_finds_its_rows() {
    let fixture = Fixture::new().await;
    let id = fixture.add("one").await;
    let again = Store::open(fixture.config.clone()).await.unwrap();
    assert_eq!(again.get(id, now()).await.unwrap().name, "one");
    let info = again.migrations().await.unwrap();
    let (count, latest) = migrations();
    assert_eq!((info.applied, info.latest), (latest, latest));
    assert_eq!(fixture.count("schema_migrations").await, count);
    assert_eq!(store::migrate(&fixture.config).await.unwrap(), info);
}

#[tokio::test]
async fn two_starts_at_once_migrate_once() {
    let cluster = Cluster::start(Version::V18).await;
    let config = config(&cluster.url("postgres"));
    let starts = (0..4).map(|_| Store::open(config.clone()));
    for opened in futures::future::join_all(starts).await {
        opened.unwrap();
    }
    let sql = cluster.client("postgres").await;
    let applied: i64 =
        sql.query_one("select count(*) from dashboard.schema_migrations", &[]).await.unwrap().get(0);
    assert_eq!(applied, migrations().0);
}

#[tokio::test]
async fn an_older_replica_keeps_running_after_newer_migrations() {
    let fixture = Fixture::new().await;
    let sql = fixture.sql().await;
    sql.batch_execute(
        "insert into dashboard.schema_migrations (version, name, applied_on, checksum)
         values (99, 'later', '2027-01-01T00:00:00Z', '1')",
    )
    .await
    .unwrap();
    let again = Store::open(fixture.config.clone()).await.unwrap();
    let info = again.migrations().await.unwrap();
    assert_eq!((info.applied, info.latest), (99, migrations().1));
}

#[tokio::test]
async fn a_user_who_may_not_create_schemas_uses_one_made_for_them() {
    let cluster = Cluster::start(Version::V18).await;
    let sql = cluster.client("postgres").await;
    sql.batch_execute("create role app login password 'p'; create schema dashboard authorization app")
        .await
        .unwrap();
    let url = format!("postgresql://app:p@{}:{}/postgres", cluster.host(), cluster.port());
    Store::open(config(&url)).await.unwrap();
}

#[tokio::test]
async fn a_wrong_key_stops_the_start_and_changes_nothing() {
    let fixture = Fixture::new().await;
    let sql = fixture.sql().await;
    // As if this release brought a migration: it must not run.
    sql.batch_execute("delete from dashboard.schema_migrations where version > 1").await.unwrap();
    let before = everything(&sql).await;
    let mut wrong = fixture.config.clone();
    wrong.keys = KeyRing::parse(&KeyRing::generate_key()).unwrap();
    let error = Store::open(wrong.clone()).await.unwrap_err();
    assert!(matches!(error, StoreError::WrongKey), "{error}");
    assert!(matches!(store::migrate(&wrong).await, Err(StoreError::WrongKey)));
    assert_eq!(everything(&sql).await, before);
}

#[tokio::test]
async fn a_wrong_key_is_found_by_the_secrets_when_the_check_is_lost() {
    let fixture = Fixture::new().await;
    let mut draft = crate::support::draft("one");
    draft.password = common::RequestSecret::new("x");
    fixture.store.insert(&draft.parse().unwrap(), None, now()).await.unwrap();
    fixture.sql().await.batch_execute("delete from dashboard.settings").await.unwrap();
    let mut wrong = fixture.config.clone();
    wrong.keys = KeyRing::parse(&KeyRing::generate_key()).unwrap();
    assert!(matches!(Store::open(wrong).await, Err(StoreError::WrongKey)));
    assert_eq!(fixture.count("settings").await, 0);
    Store::open(fixture.config.clone()).await.unwrap();
}

async fn everything(sql: &tokio_postgres::Client) -> String {
    let dump = "select string_agg(t::text, '|') from (
        select s::text as t from dashboard.settings s
        union all select m::text from dashboard.schema_migrations m) x";
    sql.query_one(dump, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn what_cannot_be_reached_is_said_without_the_password() {
    let port = testkit::faulty::refused_port();
    let url = format!("postgresql://app:hunter2@127.0.0.1:{}/d", port.port());
    let error = Store::open(config(&url)).await.unwrap_err();
    assert!(error.is_unavailable());
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("Connection refused") && !shown.contains("hunter2"), "{shown}");

    let fixture = Fixture::new().await;
    let url = format!("postgresql://postgres:hunter2@127.0.0.1:{}/postgres", fixture.cluster().port());
    let error = Store::open(config(&url)).await.unwrap_err();
    assert!(matches!(error, StoreError::Connect(ConnectError::SignIn { .. })), "{error}");
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("password authentication failed") && !shown.contains("hunter2"), "{shown}");

    let error = Store::open(config("postgresql://app:hunter2@h/d?sslmode=prefer")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "DATABASE_URL: sslmode=prefer is not offered; use auto, verify-full, require or disable"
    );
}

#[tokio::test]
async fn both_urls_are_read_before_anything_is_changed() {
    let cluster = Cluster::start(Version::V18).await;
    let mut config = config("nonsense");
    config.direct_url = Some(SecretString::from(cluster.url("postgres")));
    let error = Store::open(config).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Url { setting: "DATABASE_URL", source: UrlError::Scheme }),
        "{error}"
    );
}

#[tokio::test]
async fn a_direct_url_to_another_database_is_refused() {
    let cluster = Cluster::start(Version::V18).await;
    cluster.create_database("other").await;
    let mut config = config(&cluster.url("postgres"));
    config.direct_url = Some(SecretString::from(cluster.url("other")));
    assert!(matches!(Store::open(config).await, Err(StoreError::DifferentDatabases)));
}

#[tokio::test]
async fn a_server_that_is_too_old_is_named() {
    if !Version::V13.is_installed() {
        return;
    }
    let cluster = Cluster::start(Version::V13).await;
    let error = Store::open(config(&cluster.url("postgres"))).await.unwrap_err();
    assert!(matches!(&error, StoreError::ServerTooOld { version } if version.starts_with("13.")), "{error}");
}

#[tokio::test]
async fn tls_is_verified_as_the_url_says() {
    let authority = Authority::new();
    let cluster = Cluster::builder(Version::V18)
        .tls(&authority.issue(&["localhost", "127.0.0.1"]))
        .hba("hostssl all all all scram-sha-256")
        .start()
        .await;
    let pem = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(pem.path(), authority.pem()).unwrap();
    let url = cluster.url("postgres");
    let verified = format!("{url}?sslmode=verify-full&sslrootcert={}", pem.path().display());
    let store = Store::open(config(&verified)).await.unwrap();
    store.ping().await.unwrap();
    let unknown = Store::open(config(&format!("{url}?sslmode=verify-full"))).await.unwrap_err();
    assert!(matches!(unknown, StoreError::Connect(ConnectError::Reach { .. })), "{unknown}");
}

#[tokio::test]
async fn the_store_works_again_after_its_server_was_restarted() {
    let fixture = Fixture::new().await;
    let id = fixture.add("one").await;
    let others = "select count(pg_terminate_backend(pid)) from pg_stat_activity
        where application_name = 'pg-dashboard' and pid <> pg_backend_pid()";
    fixture.sql().await.query_one(others, &[]).await.unwrap();
    assert_eq!(fixture.store.get(id, now()).await.unwrap().name, "one");
    let store = fixture.store.clone();
    let OwnServer::Postgres(cluster) = fixture.server else { panic!("it is no TimescaleDB") };
    cluster.stop().await;
    let error = store.get(id, now()).await.unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
    assert!(store.ping().await.is_err());
}

#[tokio::test]
async fn a_migration_that_another_holds_up_is_waited_for() {
    let cluster = Cluster::start(Version::V18).await;
    let config = config(&cluster.url("postgres"));
    let holder = cluster.client("postgres").await;
    holder.batch_execute("select pg_advisory_lock(123589368050536)").await.unwrap();
    let waiting = tokio::spawn(Store::open(config));
    // Until the start is seen waiting for the lock.
    let blocked = "select count(*) from pg_locks where locktype = 'advisory' and not granted";
    tokio::time::timeout(Duration::from_secs(10), async {
        while holder.query_one(blocked, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    assert!(!waiting.is_finished());
    holder.batch_execute("select pg_advisory_unlock_all()").await.unwrap();
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn all_of_it_works_on_the_oldest_server_that_is_supported() {
    if !Version::V15.is_installed() {
        return;
    }
    let fixture = Fixture::on(Version::V15).await;
    let id = fixture.store.insert(&named(""), None, now()).await.unwrap();
    fixture.store.record_test(&crate::support::passed(id, now(), 1.5), 1).await.unwrap();
    let reading = crate::support::health(id, now(), common::health::HealthStatus::Ok, 90);
    fixture.store.record_health(&reading, None, 1).await.unwrap();
    for sort in common::connection::Sort::ALL {
        let query = common::connection::ListQuery { sort, ..Default::default() };
        assert_eq!(fixture.store.list(&query, now()).await.unwrap().total, 1);
    }
    let info = fixture.store.database_info().await.unwrap();
    assert!(info.server_version.starts_with("15."), "{}", info.server_version);
}

#[tokio::test]
async fn a_transaction_pooler_needs_a_direct_url_and_then_all_of_it_works() {
    if !Bouncer::is_installed() {
        return;
    }
    let cluster = Cluster::start(Version::V18).await;
    for pool_size in ["1", "5"] {
        let bouncer = Bouncer::builder(&cluster, PoolMode::Transaction)
            .setting("default_pool_size", pool_size)
            .start()
            .await;
        let mut config = config(&format!(
            "postgresql://postgres:{}@127.0.0.1:{}/postgres",
            cluster.password(),
            bouncer.port()
        ));
        let error = Store::open(config.clone()).await.unwrap_err();
        let refused = matches!(error, StoreError::TransactionPooler { setting: "DATABASE_URL", .. });
        assert!(refused && error.to_string().contains("DATABASE_DIRECT_URL"), "{error}");

        // Nothing was migrated on the way; the database of each round is its own.
        let database = format!("behind_{pool_size}");
        cluster.create_database(&database).await;
        config.url = SecretString::from(format!(
            "postgresql://postgres:{}@127.0.0.1:{}/{database}",
            cluster.password(),
            bouncer.port()
        ));
        config.direct_url = Some(SecretString::from(cluster.url(&database)));
        let store = Store::open(config).await.unwrap();
        let inputs: Vec<_> = (0..12).map(|at| named(&format!("db {at}"))).collect();
        let inserts = inputs.iter().map(|input| store.insert(input, None, now()));
        for outcome in futures::future::join_all(inserts).await {
            store.record_test(&crate::support::passed(outcome.unwrap(), now(), 1.5), 1).await.unwrap();
        }
        let query = common::connection::ListQuery::default();
        let lists = (0..12).map(|_| store.list(&query, now()));
        for page in futures::future::join_all(lists).await {
            assert_eq!(page.unwrap().items.len(), 12);
        }
    }
}

#[tokio::test]
async fn a_session_pooler_is_as_good_as_none() {
    if !Bouncer::is_installed() {
        return;
    }
    let cluster = Cluster::start(Version::V18).await;
    let bouncer = Bouncer::start(&cluster, PoolMode::Session).await;
    let url = format!("postgresql://postgres:{}@127.0.0.1:{}/postgres", cluster.password(), bouncer.port());
    Store::open(config(&url)).await.unwrap();
}

#[tokio::test]
async fn port_6543_counts_as_a_transaction_pooler() {
    let cluster = Cluster::start(Version::V18).await;
    let Ok(listener) = tokio::net::TcpListener::bind("127.0.0.1:6543").await else {
        return;
    };
    let server = format!("{}:{}", cluster.host(), cluster.port());
    let relay = tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let server = server.clone();
            tokio::spawn(async move {
                let mut upstream = tokio::net::TcpStream::connect(server).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut upstream).await;
            });
        }
    });
    let url = format!("postgresql://postgres:{}@127.0.0.1:6543/postgres", cluster.password());
    let error = Store::open(config(&url)).await.unwrap_err();
    assert!(matches!(error, StoreError::TransactionPooler { .. }), "{error}");
    // Named as the direct way on purpose, it is looked at instead of guessed.
    let mut config = config(&url);
    config.direct_url = Some(SecretString::from(url));
    Store::open(config).await.unwrap();
    relay.abort();
}

#[tokio::test]
async fn one_session_is_enough_for_who_says_so() {
    let timescale = Timescale::start().await;
    let url = timescale.url();
    let store = Store::open(config(&url)).await.unwrap();
    let id = store.insert(&named("one"), None, now()).await.unwrap();
    store.record_test(&passed(id, now(), 1.0), 1).await.unwrap();
    assert_eq!(store.get(id, now()).await.unwrap().heartbeats.len(), 1);
    assert_eq!(store.pool_info().size, 1);

    let (more, _) = url.split_once("?pool_size").unwrap();
    let error = Store::open(config(more)).await.unwrap_err();
    assert!(matches!(error, StoreError::TransactionPooler { .. }), "{error}");
}
