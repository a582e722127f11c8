//! A server on which as much as possible is wrong at once, its standby, and the pooler before it.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use common::{Health, health::Threshold};
use probe::{HealthReading, Prober, Thresholds};
use testkit::{
    Cluster, Version,
    certs::{Authority, Issued},
    pgbouncer::Bouncer,
};
use tokio_postgres::{Client, NoTls};

use super::{
    Asked, Asker, ROLES, check,
    expected::{Case, Place, TABLE, is_old, objection},
    holds, prober, read, run, until,
};

/// Whatever there is of it is critical.
const AT_ONCE: Threshold = Threshold { warning: 1e-6, critical: 1e-6 };
const ONE: Threshold = Threshold { warning: 1.0, critical: 1.0 };

/// Of them 47 are for everybody.
const CONNECTIONS: usize = 50;
/// More than four fifths of those, and room for who asks.
const HELD: i64 = 38;

/// Nothing is waited for that takes minutes.
fn impatient() -> Prober {
    prober(Thresholds {
        idle_in_transaction_s: AT_ONCE,
        long_statement_s: AT_ONCE,
        long_transaction_s: AT_ONCE,
        prepared_transaction_s: AT_ONCE,
        lock_wait_s: AT_ONCE,
        temporary_bytes_per_s: AT_ONCE,
        temporary_bytes: ONE,
        replication_lag_s: AT_ONCE,
        replication_lag_bytes: ONE,
        slot_bytes: ONE,
    })
}

pub(super) async fn is_found(version: Version) {
    let soon = Authority::new().issue_until(&["127.0.0.1"], Duration::from_secs(10 * 86_400));
    let mut builder = Cluster::builder(version)
        .tls(&soon)
        .preload("pg_stat_statements")
        .setting("pg_stat_statements.max", "100")
        .setting("autovacuum", "off")
        .setting("archive_mode", "on")
        .setting("archive_command", "false")
        .setting("wal_level", "logical")
        .setting("deadlock_timeout", "20ms")
        .setting("max_prepared_transactions", "5")
        .setting("max_connections", &CONNECTIONS.to_string())
        .setting("max_standby_streaming_delay", "0")
        .setting("wal_receiver_status_interval", "1s")
        // Small, so that a table need not be large to be read from the disk again and again.
        .setting("shared_buffers", "8MB");
    if version >= Version::V18 {
        // Workers that read ahead are no help from a cache of the operating system's, and tests have few cores.
        builder = builder.setting("io_method", "sync");
    }
    if version == Version::V13 {
        // It does not count yet what it forgets.
        builder = builder.setting("pg_stat_statements.track", "none");
    }
    let primary = builder.start().await;
    let admin = primary.client("postgres").await;
    run(&admin, ROLES).await;
    relations(&admin).await;
    let standby = primary.standby().await;
    let prober = impatient();
    let of_standby = all_who_ask(&standby, &soon).await;
    let on_standby = firsts(&prober, &of_standby).await;
    paused_with_conflicts(&standby, &admin).await;

    old_ids(&admin).await;
    let mut sessions = Sessions::begin(&primary, &admin).await;
    let asked = all_who_ask(&primary, &soon).await;
    if let Some(bouncer) = &asked.bouncer {
        sessions.queue_up(bouncer).await;
    }
    // What is measured once an hour is there before the first reading of anybody.
    until(&prober, &asked.askers[0], None, |health| objections(health, &asked.askers[0], &[Place::Primary]))
        .await;
    let on_primary = firsts(&prober, &asked).await;
    what_happens_in_between(&primary, version).await;

    let mut places = vec![Place::Primary, Place::Interval];
    if is_old(version) {
        places.push(Place::OldVersion);
    }
    for (asker, first) in on_primary {
        let places: Vec<Place> =
            places.iter().copied().chain(asker.pooled.then_some(Place::Pooler)).collect();
        let second =
            until(&prober, asker, first.memory.as_ref(), |health| objections(health, asker, &places)).await;
        counted(&second.health, asker, version, "the primary", &places);
    }
    let mut orphans = Vec::new();
    for (asker, first) in on_standby {
        let places = [Place::Standby];
        let second =
            until(&prober, asker, first.memory.as_ref(), |health| objections(health, asker, &places)).await;
        counted(&second.health, asker, version, "the standby", &places);
        orphans.push((asker, second));
    }
    drop((admin, sessions, asked));
    primary.stop().await;
    for (asker, before) in orphans {
        let places = [Place::Orphan];
        let last =
            until(&prober, asker, before.memory.as_ref(), |health| objections(health, asker, &places)).await;
        counted(&last.health, asker, version, "the standby alone", &places);
    }
}

/// Their passwords are old as well.
async fn all_who_ask(server: &Cluster, tls: &Issued) -> Asked {
    let mut asked = Asked::start(server, Some(tls)).await;
    for asker in &mut asked.askers {
        asker.target.password_since = Some(Utc::now() - TimeDelta::days(400));
    }
    asked
}

async fn firsts<'a>(prober: &Prober, asked: &'a Asked) -> Vec<(&'a Asker, HealthReading)> {
    let mut readings = Vec::new();
    for asker in &asked.askers {
        readings.push((asker, read(prober, asker, None).await));
    }
    readings
}

/// What is provoked there, and where.
fn cases(places: &[Place]) -> impl Iterator<Item = (&'static Case, Place)> {
    TABLE.iter().filter_map(|case| {
        let place = places.iter().find(|place| case.is_on(**place))?;
        Some((case, *place))
    })
}

fn objections(health: &Health, asker: &Asker, places: &[Place]) -> Vec<String> {
    cases(places)
        .filter_map(|(case, place)| objection(check(health, case.id), case.says(asker.login, place)))
        .collect()
}

fn counted(health: &Health, asker: &Asker, version: Version, server: &str, places: &[Place]) {
    let findings = health.checks.iter().filter(|check| check.points > 0).count();
    println!(
        "{version}, {server}, {}: {} checks as expected, {findings} findings, score {:?}",
        asker.name(),
        cases(places).count(),
        health.score
    );
}

/// Tables, indexes and sequences as they should not be.
async fn relations(admin: &Client) {
    for sql in [
        "create extension pg_stat_statements",
        "create extension hstore version '1.4'",
        "set password_encryption = 'md5'",
        "create role old login password 'x'",
        "reset password_encryption",
        "select pg_create_physical_replication_slot('dead', true)",
        // bloated, and read from end to end
        "create table bloated (id int, other bigint, word text)",
        "insert into bloated select i, i, 'word ' || i from generate_series(1, 300000) i",
        "create index bloated_other on bloated (other)",
        "vacuum analyze bloated",
        "update bloated set other = other + 300000, word = word || 'x'",
        "vacuum bloated",
        "delete from bloated where id % 10 <> 0",
        "vacuum analyze bloated",
        // a foreign key without an index, in a table with two that are the same and one that nobody reads
        "create table customers (id int primary key)",
        "insert into customers select i from generate_series(1, 100) i",
        "create table orders (id int, customer_id int references customers on delete cascade, note text)",
        "insert into orders
           select i, 1 + i % 99, 'a word that takes some room, and then some more ' || i
             from generate_series(1, 200000) i",
        "create index orders_note on orders (note)",
        "create index orders_note_again on orders (note)",
        "analyze customers, orders",
        "delete from customers where id = 100",
        "create table never as select i from generate_series(1, 20000) i",
        "create table dead as select i from generate_series(1, 20000) i",
        "analyze dead",
        "update dead set i = i + 1",
        "create table doubles as select i % 10 as id from generate_series(1, 100) i",
        "create sequence short maxvalue 100",
        "select setval('short', 96)",
        "create table a ()",
        "create table b ()",
        "create table queue ()",
        "create table conflict as select 1 as n",
        "create table \"Odd \"\"one\" as select 1 as n",
        "set max_parallel_workers_per_gather = 0",
        "do $$ begin for i in 1 .. 60 loop perform from orders where id = -1; end loop; end $$",
    ] {
        run(admin, sql).await;
    }
    admin.batch_execute("create unique index concurrently doubles_id on doubles (id)").await.unwrap_err();
    for _ in 0..12 {
        run(admin, "checkpoint").await;
    }
}

/// A statement on the standby that replay ends; then replay stands still.
async fn paused_with_conflicts(standby: &Cluster, admin: &Client) {
    let (there, reader) = (standby.client("postgres").await, standby.client("postgres").await);
    holds(&there, "select to_regclass('conflict') is not null").await;
    run(&reader, "begin isolation level repeatable read; select * from conflict").await;
    run(admin, "drop table conflict").await;
    holds(&there, "select sum(confl_lock) > 0 from pg_stat_database_conflicts").await;
    holds(&there, "select pg_last_xact_replay_timestamp() is not null").await;
    run(&there, "select pg_wal_replay_pause()").await;
    run(admin, "create table later as select generate_series(1, 1000) as n").await;
}

/// Nobody can wait for two thousand million transactions, so the catalogs are made to say so.
async fn old_ids(admin: &Client) {
    run(
        admin,
        "set allow_system_table_mods = on;
         update pg_database
            set datfrozenxid = (((1::bigint << 32) + txid_current() - 1200000000) % (1::bigint << 32))::text::xid,
                datminmxid = (((1::bigint << 32) + 1 - 1200000000) % (1::bigint << 32))::text::xid
          where datname = 'postgres';
         update pg_class
            set relfrozenxid = (((1::bigint << 32) + txid_current() - 1200000000) % (1::bigint << 32))::text::xid
          where relname = 'Odd \"one';
         reset allow_system_table_mods",
    )
    .await;
}

/// Who holds things up for as long as this is kept.
struct Sessions {
    held: Vec<Client>,
    waiting: Vec<tokio::task::JoinHandle<()>>,
}

impl Sessions {
    async fn begin(primary: &Cluster, admin: &Client) -> Self {
        let mut this = Self { held: Vec::new(), waiting: Vec::new() };
        run(admin, "begin; lock table b in share mode; prepare transaction 'forgotten'").await;
        let idle = primary.client("postgres").await;
        run(&idle, "begin isolation level repeatable read; lock table queue; select 4 as forgotten").await;
        this.held.push(idle);
        for sql in ["select pg_sleep(600) as report", "select from queue", "select from queue"] {
            let client = primary.client("postgres").await;
            this.waits(client, sql);
        }
        let taken = "select count(*) from pg_stat_activity where backend_type = 'client backend'";
        while admin.query_one(taken, &[]).await.unwrap().get::<_, i64>(0) < HELD {
            this.held.push(primary.client("postgres").await);
        }
        this
    }

    fn waits(&mut self, client: Client, sql: &'static str) {
        self.waiting.push(tokio::spawn(async move {
            let _ = client.batch_execute(sql).await;
        }));
    }

    /// One client has the only server session of its pool, and the next one waits for it.
    async fn queue_up(&mut self, bouncer: &Bouncer) {
        let mut clients = Vec::new();
        for _ in 0..2 {
            let mut config = tokio_postgres::Config::new();
            config.host("127.0.0.1").port(bouncer.port()).user("queue").password("x").dbname("postgres");
            let (client, connection) = config.connect(NoTls).await.unwrap();
            tokio::spawn(async move {
                let _ = connection.await;
            });
            clients.push(client);
        }
        let waiter = clients.pop().unwrap();
        run(&clients[0], "begin; select 1").await;
        self.held.append(&mut clients);
        self.waits(waiter, "select 1");
    }
}

impl Drop for Sessions {
    fn drop(&mut self) {
        for task in &self.waiting {
            task.abort();
        }
    }
}

/// What is only seen between two readings: a deadlock, sorts that do not fit into memory, transactions that fail, blocks
/// that are not in the cache, more statements than are counted.
async fn what_happens_in_between(primary: &Cluster, version: Version) {
    let (one, other) = (primary.client("postgres").await, primary.client("postgres").await);
    run(&one, "begin; lock table a").await;
    run(&other, "begin; lock table never").await;
    let (to_never, to_a) =
        tokio::join!(one.batch_execute("lock table never"), other.batch_execute("lock table a"));
    assert!(to_a.is_err() || to_never.is_err(), "{version}: one of them was ended");
    run(&one, "rollback").await;
    run(&other, "rollback").await;
    run(
        &one,
        "set work_mem = '64kB';
         select count(*) from (select n from generate_series(1, 100000) as n order by -n) as sorted",
    )
    .await;
    run(&one, &"begin; select 1; rollback;".repeat(3000)).await;
    run(
        &other,
        "set max_parallel_workers_per_gather = 0;
         do $$ begin for i in 1 .. 40 loop perform from orders where id = -1; end loop; end $$",
    )
    .await;
    let different: String = (0..400).map(|n| format!("select {}; ", vec!["1"; n + 1].join(", "))).collect();
    run(&other, &different).await;
    // Their counters are sent when they end.
}
