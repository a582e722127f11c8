//! A dashboard's own database to measure on, with connections in it.

use chrono::{DateTime, Utc};
use common::{ConnectionDraft, ConnectionId, database::DatabaseMode};
use secrecy::SecretString;
use store::{ChunkInterval, KeyRing, Store, StoreConfig};
use testkit::{Cluster, Timescale, Version};
use tokio_postgres::Client;

use super::checks::CONNECTIONS;

/// PostgreSQL with the settings that a server for 8 million rows would have, or TimescaleDB in WebAssembly.
pub(super) enum Server {
    Postgres(Cluster),
    Timescale(Timescale),
    NativeInWasm(Timescale),
}

/// As on a server where the extension cannot be had.
const REFUSE_EXTENSION: &str = "
create function public.refuse() returns event_trigger language plpgsql as $$ begin raise 'not here'; end $$;
create event trigger refuse on ddl_command_start when tag in ('CREATE EXTENSION') execute function public.refuse()";

pub(super) struct Database {
    pub(super) store: Store,
    pub(super) config: StoreConfig,
    /// What `config.keys` was made from.
    pub(super) key: SecretString,
    pub(super) ids: Vec<ConnectionId>,
    pub(super) server: Server,
}

impl Database {
    pub(super) async fn on_postgres() -> Self {
        let settings =
            [("shared_buffers", "256MB"), ("max_wal_size", "4GB"), ("checkpoint_timeout", "30min")];
        let builder = settings
            .iter()
            .fold(Cluster::builder(Version::V18), |builder, (name, value)| builder.setting(name, value));
        let cluster = builder.start().await;
        let url = cluster.url("postgres");
        Self::open(Server::Postgres(cluster), &url).await
    }

    pub(super) async fn on_timescale() -> Self {
        let timescale = Timescale::optimised().await;
        let url = timescale.url();
        Self::open(Server::Timescale(timescale), &url).await
    }

    /// The native engine in the same WebAssembly that TimescaleDB is measured in.
    pub(super) async fn native_in_wasm() -> Self {
        let timescale = Timescale::optimised().await;
        timescale.client().await.batch_execute(REFUSE_EXTENSION).await.expect("there is no extension now");
        let url = timescale.url();
        Self::open(Server::NativeInWasm(timescale), &url).await
    }

    async fn open(server: Server, url: &str) -> Self {
        let key = KeyRing::generate_key();
        let config = StoreConfig {
            url: SecretString::from(url.to_owned()),
            direct_url: None,
            mode: DatabaseMode::External,
            keys: KeyRing::parse(&key).expect("a generated key is one"),
            retention_days: 120,
            chunk_interval: ChunkInterval::default(),
        };
        let store = Store::open(config.clone()).await.expect("the store opens");
        let mut ids = Vec::new();
        for number in 0..CONNECTIONS {
            let draft = ConnectionDraft {
                name: format!("orders {number}"),
                host: "db.example.com".to_owned(),
                database_name: "orders".to_owned(),
                username: "app".to_owned(),
                // the dashboard that is measured has nothing else to do
                paused: true,
                ..ConnectionDraft::default()
            };
            let input = draft.parse().expect("the draft is right");
            ids.push(store.insert(&input, None, Utc::now()).await.expect("it is added"));
        }
        Self { store, config, key, ids, server }
    }

    /// A session beside the store's.
    pub(super) async fn client(&self) -> Client {
        match &self.server {
            Server::Postgres(cluster) => cluster.client("postgres").await,
            Server::Timescale(timescale) | Server::NativeInWasm(timescale) => timescale.client().await,
        }
    }

    /// Bytes of a table with its parts and their indexes.
    pub(super) async fn bytes(&self, table: &str) -> i64 {
        let sql = match &self.server {
            Server::Postgres(_) | Server::NativeInWasm(_) => {
                "select coalesce(sum(pg_total_relation_size(relid)), 0)::int8 from pg_partition_tree($1::text::regclass) where isleaf"
            }
            Server::Timescale(_) => "select public.hypertable_size($1::text::regclass)",
        };
        self.client().await.query_one(sql, &[&table]).await.expect("sizes can be read").get(0)
    }

    /// Has the policies of TimescaleDB carried out, where it is one: nobody else does here.
    pub(super) async fn roll_up(&self, client: &Client) {
        if matches!(self.server, Server::Timescale(_)) {
            for width in ["5m", "1h", "1d"] {
                let refresh = format!(
                    "call refresh_continuous_aggregate('dashboard.check_rollups_{width}', null, null)"
                );
                client.batch_execute(&refresh).await.expect("the rollup is refreshed");
            }
        }
    }

    /// The same of chunks that no row comes to any more.
    pub(super) async fn compress(&self, client: &Client) {
        if matches!(self.server, Server::Timescale(_)) {
            let compress = "select compress_chunk(chunk) from show_chunks('dashboard.checks', older_than => interval '1 day') chunk";
            client.batch_execute(compress).await.expect("chunks are compressed");
        }
    }

    pub(super) async fn rows(&self) -> i64 {
        let sql = "select count(*) from dashboard.checks";
        self.client().await.query_one(sql, &[]).await.expect("rows can be counted").get(0)
    }
}

/// A moment with nothing below the minute.
pub(super) fn minute(at: DateTime<Utc>) -> DateTime<Utc> {
    let seconds = at.timestamp();
    DateTime::from_timestamp(seconds - seconds.rem_euclid(60), 0).expect("it was a time before")
}
