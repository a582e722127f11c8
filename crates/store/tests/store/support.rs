//! A store on a server of its own, and readings with the boring parts filled in.

use chrono::{DateTime, TimeDelta, Utc};
use common::{
    ConnectionDraft, ConnectionId, ConnectionInput, Health, Phase, Phases, TestError, TestErrorKind,
    TestResult,
    database::DatabaseMode,
    health::{Check, CheckStatus, HealthStatus, Metrics, Server, Statements},
    test_result::TestKind,
};
use secrecy::SecretString;
use store::{ChunkInterval, KeyRing, Store, StoreConfig, Stored};
use testkit::{Cluster, Timescale, Version};
use tokio_postgres::Client;

pub(crate) struct Fixture {
    pub(crate) store: Store,
    pub(crate) config: StoreConfig,
    pub(crate) server: OwnServer,
}

/// What the history's own engine needs: `crate::ENGINE` says which.
pub(crate) enum OwnServer {
    Postgres(Cluster),
    Timescale(Timescale),
}

/// Which engine the tests of a binary run on. Each test of the history is part of two: see `tests/timescaledb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TestEngine {
    Native,
    Timescaledb,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// With other settings.
    pub(crate) async fn with(change: impl FnOnce(&mut StoreConfig)) -> Self {
        let (server, url) = match crate::ENGINE {
            TestEngine::Native => {
                let cluster = Cluster::start(Version::V18).await;
                let url = cluster.url("postgres");
                (OwnServer::Postgres(cluster), url)
            }
            TestEngine::Timescaledb => {
                let timescale = Timescale::start().await;
                let url = timescale.url();
                (OwnServer::Timescale(timescale), url)
            }
        };
        let mut config = config(&url);
        change(&mut config);
        Self::open(server, config).await
    }

    pub(crate) async fn on(version: Version) -> Self {
        let cluster = Cluster::start(version).await;
        let url = cluster.url("postgres");
        Self::open(OwnServer::Postgres(cluster), config(&url)).await
    }

    async fn open(server: OwnServer, config: StoreConfig) -> Self {
        let store = Store::open(config.clone()).await.unwrap();
        Self { store, config, server }
    }

    /// The server, of who needs one that is no TimescaleDB.
    pub(crate) fn cluster(&self) -> &Cluster {
        match &self.server {
            OwnServer::Postgres(cluster) => cluster,
            OwnServer::Timescale(_) => panic!("this test is for PostgreSQL"),
        }
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        match &self.server {
            OwnServer::Postgres(cluster) => cluster.port(),
            OwnServer::Timescale(timescale) => timescale.port(),
        }
    }

    /// Looks after the history as at this time. The policies of TimescaleDB go by the server's clock, so what they are set to
    /// is done by hand.
    pub(crate) async fn maintain(&self, now: DateTime<Utc>) {
        self.store.maintain_history(now).await.unwrap();
        if crate::ENGINE == TestEngine::Timescaledb {
            follow_policies(&self.sql().await, now).await;
        }
    }

    /// A session beside the store, to look at what it wrote.
    pub(crate) async fn sql(&self) -> Client {
        match &self.server {
            OwnServer::Postgres(cluster) => cluster.client("postgres").await,
            OwnServer::Timescale(timescale) => timescale.client().await,
        }
    }

    pub(crate) async fn count(&self, table: &str) -> i64 {
        let sql = format!("select count(*) from dashboard.{table}");
        self.sql().await.query_one(&sql, &[]).await.unwrap().get(0)
    }

    /// Since when a check has been beyond its limit (or, for `connection`, tests have been failing).
    pub(crate) async fn since(&self, id: ConnectionId, check_id: &str) -> Option<DateTime<Utc>> {
        let sql = "select since from dashboard.finding_spans where connection_id = $1 and check_id = $2";
        let row = self.sql().await.query_opt(sql, &[&id.0, &check_id]).await.unwrap();
        row.map(|row| row.get(0))
    }

    pub(crate) async fn add(&self, name: &str) -> ConnectionId {
        self.store.insert(&named(name), None, now()).await.unwrap()
    }
}

/// Refreshes first, from fine to coarse, then what is too old goes.
async fn follow_policies(sql: &Client, now: DateTime<Utc>) {
    let refreshes = "
        select view_name::text, width, $1::timestamptz - (config ->> 'start_offset')::interval, $1::timestamptz - (config ->> 'end_offset')::interval
        from timescaledb_information.jobs
        join timescaledb_information.continuous_aggregates on view_name = jobs.hypertable_name
        cross join lateral (
            select case right(view_name, 2) when '5m' then 300 when '1h' then 3600 else 86400 end as width) bucket
        where proc_name = 'policy_refresh_continuous_aggregate'
        order by width";
    for row in sql.query(refreshes, &[&now]).await.unwrap() {
        let (view, width): (&str, i32) = (row.get(0), row.get(1));
        let [from, to]: [DateTime<Utc>; 2] = [row.get(2), row.get(3)];
        let whole = |at: DateTime<Utc>| at.timestamp().div_euclid(i64::from(width)) * i64::from(width);
        if whole(from) + i64::from(width) < whole(to) {
            let call = format!("call refresh_continuous_aggregate('dashboard.{view}', '{from}', '{to}')");
            sql.batch_execute(&call).await.unwrap();
        }
    }
    let retention = "
        select drop_chunks(format('dashboard.%I', hypertable_name)::regclass,
            older_than => $1::timestamptz - (config ->> 'drop_after')::interval)
        from timescaledb_information.jobs
        where proc_name = 'policy_retention' and hypertable_schema = 'dashboard'";
    sql.query(retention, &[&now]).await.unwrap();
}

pub(crate) fn config(url: &str) -> StoreConfig {
    StoreConfig {
        url: SecretString::from(url.to_owned()),
        direct_url: None,
        mode: DatabaseMode::External,
        keys: KeyRing::parse(&KeyRing::generate_key()).unwrap(),
        retention_days: 90,
        chunk_interval: ChunkInterval::default(),
    }
}

/// How many migrations this release has, and the number of the last.
pub(crate) fn migrations() -> (i64, i32) {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations")).unwrap();
    let numbers: Vec<i32> = folder
        .filter_map(|file| {
            let name = file.unwrap().file_name().into_string().unwrap();
            name.strip_prefix('V')?.split_once("__")?.0.parse().ok()
        })
        .collect();
    (numbers.len() as i64, numbers.into_iter().max().unwrap())
}

/// A moment with nothing below the microsecond, as PostgreSQL keeps it.
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_763_971_200_123_456).unwrap()
}

pub(crate) fn seconds(count: i64) -> TimeDelta {
    TimeDelta::seconds(count)
}

pub(crate) fn draft(name: &str) -> ConnectionDraft {
    ConnectionDraft {
        name: name.to_owned(),
        host: "db.example.com".to_owned(),
        database_name: "orders".to_owned(),
        username: "app".to_owned(),
        ..ConnectionDraft::default()
    }
}

pub(crate) fn named(name: &str) -> ConnectionInput {
    draft(name).parse().unwrap()
}

pub(crate) fn any(_: &Stored) -> Result<(), common::FieldError> {
    Ok(())
}

pub(crate) fn passed(id: ConnectionId, checked_at: DateTime<Utc>, round_trip_ms: f64) -> TestResult {
    TestResult {
        connection_id: id,
        ok: true,
        checked_at,
        kind: TestKind::Full,
        phases: Phases {
            tcp_ms: Some(0.25),
            auth_ms: Some(3.5),
            query_ms: Some(round_trip_ms),
            ..Phases::default()
        },
        total_ms: round_trip_ms + 3.75,
        round_trip_ms: Some(round_trip_ms),
        address: Some("203.0.113.7:5432".to_owned()),
        server_version: Some("17.2".to_owned()),
        server_version_num: Some(170_002),
        pooler: None,
        backend_pid: Some(123),
        tls: None,
        error: None,
        unavailable: Default::default(),
    }
}

pub(crate) fn failed(id: ConnectionId, checked_at: DateTime<Utc>) -> TestResult {
    TestResult {
        ok: false,
        phases: Phases::default(),
        round_trip_ms: None,
        server_version: None,
        server_version_num: None,
        backend_pid: None,
        error: Some(TestError {
            kind: TestErrorKind::Refused,
            phase: Phase::Tcp,
            message: "refused\0 <b>".to_owned(),
            hint: "Is it running?".to_owned(),
            sqlstate: None,
        }),
        ..passed(id, checked_at, 1.0)
    }
}

pub(crate) fn health(id: ConnectionId, checked_at: DateTime<Utc>, status: HealthStatus, score: u8) -> Health {
    Health {
        connection_id: id,
        status,
        score: (status != HealthStatus::Down).then_some(score),
        checked_at,
        duration_ms: 14.2,
        server: Server::default(),
        metrics: Metrics { cache_hit_ratio: Some(0.87), active_connections: Some(3), ..Metrics::default() },
        checks: Vec::new(),
        statements: Statements::default(),
        changes: Vec::new(),
        error: None,
        unavailable: Default::default(),
    }
}

pub(crate) fn check(id: &str, status: CheckStatus) -> Check {
    Check {
        id: id.to_owned(),
        title: "Cache hit ratio".to_owned(),
        status,
        value: Some(0.87),
        unit: "ratio".to_owned(),
        threshold: None,
        points: 10,
        detail: "87 % of reads came from memory.".to_owned(),
        why: "Reads from outside the cache are slow.".to_owned(),
        evidence: Vec::new(),
        fix_sql: None,
        docs_url: None,
        measured_at: now(),
        unavailable: Default::default(),
    }
}
