//! Statements between two readings, on real servers that reset, evict and restart.

use chrono::{TimeDelta, Utc};
use common::{
    ConnectionId,
    statements::{StatementCost, StatementInterval},
};
use probe::{HealthReading, Memory, Prober, StatementsBefore, StatementsReading, Target};
use testkit::{
    Cluster, Version,
    pgbouncer::{Bouncer, PoolMode},
};
use tokio_postgres::Client;

use crate::target;

/// Readings of one target, each compared with the one before, as the store would keep it.
struct Watch {
    target: Target,
    memory: Option<Memory>,
    before: Option<StatementsBefore>,
}

impl Watch {
    fn of(target: Target) -> Self {
        Self { target, memory: None, before: None }
    }

    async fn read(&mut self) -> (HealthReading, StatementsReading) {
        let memory = self.memory.clone().map(|memory| memory.with_statements(self.before.clone()));
        let reading = Prober::new().health(&self.target, memory.as_ref(), false).await;
        let found = reading.statements.clone().unwrap_or_else(|| panic!("{:?}", reading.health.statements));
        let mut texts = self.before.take().map(|before| before.texts).unwrap_or_default();
        texts.extend(found.texts.iter().map(|text| (text.key, text.own)));
        // Through JSON, as it is kept.
        let snapshot = serde_json::from_str(&serde_json::to_string(&found.snapshot).unwrap()).unwrap();
        self.before = Some(StatementsBefore { taken_at: found.snapshot.taken_at(), snapshot, texts });
        self.memory = reading.memory.clone();
        (reading, found)
    }

    /// A reading's interval.
    async fn interval(&mut self) -> StatementInterval {
        self.read().await.1.interval.unwrap()
    }
}

async fn cluster(version: Version) -> (Cluster, Client) {
    let cluster = Cluster::builder(version).preload("pg_stat_statements").start().await;
    let admin = cluster.client("postgres").await;
    admin
        .batch_execute("create extension pg_stat_statements; create table shop as select 1 as n")
        .await
        .unwrap();
    (cluster, admin)
}

async fn buy(admin: &Client, times: usize) {
    for n in 0..times {
        admin.batch_execute(&format!("select count(*) as bought from shop where n > {n}")).await.unwrap();
    }
}

/// Which statement [`buy`] is.
async fn bought_id(admin: &Client) -> i64 {
    let sql = "select queryid from pg_stat_statements where query like 'select count(*) as bought%'";
    admin.query_one(sql, &[]).await.unwrap().get(0)
}

/// What a statement cost.
fn cost_of(query_id: i64, interval: &StatementInterval) -> Option<StatementCost> {
    interval.statements.iter().find(|(key, _)| key.query_id == query_id).map(|(_, cost)| *cost)
}

#[tokio::test]
async fn an_interval_holds_what_was_called_in_it_and_a_reset_begins_another() {
    // By the versions of the extension: 1.8, 1.10 and 1.12.
    for version in [Version::V13, Version::V15, Version::V18] {
        if !version.is_installed() && !Version::OLDEST_AND_NEWEST.contains(&version) {
            continue;
        }
        let (cluster, admin) = cluster(version).await;
        let mut watch = Watch::of(target(&cluster));
        buy(&admin, 5).await;
        let id = bought_id(&admin).await;
        let first = watch.interval().await;
        assert!(first.cumulative, "{version}");
        assert_eq!(first.began_at.is_some(), version != Version::V13, "before 1.9 nobody knows since when");
        let cost = cost_of(id, &first).unwrap();
        assert_eq!((cost.calls, cost.rows), (5, 5), "{version}");
        assert!(cost.min_ms.is_some() && cost.max_ms >= cost.min_ms && cost.total_ms > 0.0);
        assert!(cost.shared_hit_bytes >= 5 * 8192 && cost.wal_bytes.is_some(), "{cost:?}");

        buy(&admin, 3).await;
        let second = watch.interval().await;
        assert_eq!((second.cumulative, second.began_at), (false, Some(first.ended_at)));
        let cost = cost_of(id, &second).unwrap();
        assert_eq!((cost.calls, cost.rows), (3, 3), "{version}");
        let whole: i64 = second.statements.iter().map(|(_, cost)| cost.calls).sum();
        assert!(second.calls >= whole && second.total_ms > 0.0);

        // Nothing was bought since: no row, and nothing of before.
        assert_eq!(cost_of(id, &watch.interval().await), None, "{version}");

        admin.batch_execute("select pg_stat_statements_reset()").await.unwrap();
        buy(&admin, 2).await;
        let reset = watch.interval().await;
        let cost = cost_of(id, &reset).unwrap();
        assert_eq!((cost.calls, reset.cumulative), (2, false), "{version}");
        if version != Version::V13 {
            assert!(reset.began_at.unwrap() > second.ended_at, "since the reset");
        }
    }
}

#[tokio::test]
async fn between_two_looks_they_are_shown_as_they_were_and_the_server_is_not_asked() {
    for version in Version::OLDEST_AND_NEWEST {
        let (cluster, admin) = cluster(version).await;
        let mut watch = Watch::of(target(&cluster));
        buy(&admin, 5).await;
        let first = watch.interval().await;
        let asked = "select coalesce(sum(calls), 0)::int8 from pg_stat_statements
             where query like '%s.stddev_%' and query like '%/* pg-dashboard */%'";
        let polls: i64 = admin.query_one(asked, &[]).await.unwrap().get(0);
        assert!(polls > 0, "{version}");

        // As another dashboard would find it: through JSON.
        let kept = serde_json::to_value(watch.memory.as_ref().unwrap()).unwrap();
        let memory: Memory = serde_json::from_value(kept).unwrap();
        assert_eq!(Some(&memory), watch.memory.as_ref());
        let now = first.ended_at;
        assert!(!Prober::new().statements_due(&memory, now + TimeDelta::minutes(4)), "{version}");
        assert!(Prober::new().statements_due(&memory, now + TimeDelta::minutes(5)), "{version}");

        buy(&admin, 2).await;
        let between = Prober::new().health(&watch.target, Some(&memory), false).await;
        assert!(between.statements.is_none(), "{version}");
        let shown = &between.health.statements;
        assert!(shown.available && shown.measured_at == Some(first.ended_at), "{version}: {shown:?}");
        let bought = shown.top.iter().find(|shown| shown.query.contains("as bought")).unwrap();
        assert_eq!(bought.calls, 5, "{version}");
        let again: i64 = admin.query_one(asked, &[]).await.unwrap().get(0);
        assert_eq!(again, polls, "{version}: it was not their turn");

        // Nothing is lost by it: the next look is compared with the last one.
        watch.memory = between.memory;
        let id = bought_id(&admin).await;
        let next = watch.interval().await;
        assert_eq!(
            (next.began_at, cost_of(id, &next).unwrap().calls),
            (Some(first.ended_at), 2),
            "{version}"
        );
    }
}

#[tokio::test]
async fn what_was_missing_is_read_as_soon_as_it_is_there() {
    let cluster = Cluster::builder(Version::V18).preload("pg_stat_statements").start().await;
    let admin = cluster.client("postgres").await;
    let target = target(&cluster);
    let before = Prober::new().health(&target, None, false).await;
    assert_eq!(before.health.statements.reason.as_deref(), Some("not_installed"));
    admin.batch_execute("create extension pg_stat_statements").await.unwrap();
    let memory = before.memory.unwrap();
    assert!(Prober::new().statements_due(&memory, Utc::now()));
    let after = Prober::new().health(&target, Some(&memory), false).await;
    assert!(after.health.statements.available && after.statements.is_some());
    // Gone again, nothing of before is shown for it.
    admin.batch_execute("drop extension pg_stat_statements").await.unwrap();
    let gone = Prober::new().health(&target, after.memory.as_ref(), false).await;
    assert_eq!(gone.health.statements.reason.as_deref(), Some("not_installed"));
}

#[tokio::test]
async fn an_entry_that_was_evicted_and_came_back_counts_from_its_return() {
    for version in [Version::V13, Version::V18] {
        let cluster = Cluster::builder(version)
            .preload("pg_stat_statements")
            .setting("pg_stat_statements.max", "100")
            .start()
            .await;
        let admin = cluster.client("postgres").await;
        admin
            .batch_execute("create extension pg_stat_statements; create table shop as select 1 as n")
            .await
            .unwrap();
        let mut watch = Watch::of(target(&cluster));
        buy(&admin, 30).await;
        let id = bought_id(&admin).await;
        let first = watch.interval().await;
        assert_eq!(cost_of(id, &first).unwrap().calls, 30, "{version}");
        let there = "select count(*) from pg_stat_statements where query like 'select count(*) as bought%'";
        let mut columns = 0;
        while admin.query_one(there, &[]).await.unwrap().get::<_, i64>(0) > 0 {
            columns += 1;
            assert!(columns < 1500, "{version}: it is never evicted");
            let many = vec!["1"; columns].join(", ");
            // More often than what was bought, which is therefore thrown out first.
            admin.batch_execute(&format!("select {many};").repeat(40)).await.unwrap();
        }
        buy(&admin, 90).await;
        let second = watch.interval().await;
        assert!(!second.cumulative, "{version}");
        // Before 1.11 it cannot always be told that it was away. Then it does not count, rather than as 90 - 30.
        let calls = cost_of(id, &second).map(|cost| cost.calls);
        assert!(calls == Some(90) || (version == Version::V13 && calls.is_none()), "{version}: {calls:?}");
    }
}

#[tokio::test]
async fn a_text_is_read_once_and_the_dashboards_own_are_left_out() {
    for version in [Version::V13, Version::V18] {
        let (cluster, admin) = cluster(version).await;
        let mut watch = Watch::of(target(&cluster));
        buy(&admin, 1).await;
        let (first, found) = watch.read().await;
        assert!(
            found
                .texts
                .iter()
                .any(|text| text.complete && text.query.starts_with("select count(*) as bought"))
        );
        assert!(
            first
                .health
                .statements
                .top
                .iter()
                .any(|shown| shown.query.starts_with("select count(*) as bought"))
        );
        // Our own statements are among them from now on, and their texts are read once too.
        let mut asked = Vec::new();
        for _ in 0..4 {
            buy(&admin, 2).await;
            let (reading, found) = watch.read().await;
            assert!(
                !found.texts.iter().any(|text| text.query.contains("as bought")),
                "{version}: read again"
            );
            let ours: Vec<_> = watch.before.as_ref().unwrap().texts.iter().filter(|(_, own)| **own).collect();
            let is_ours = |key| ours.iter().any(|(own, _)| *own == key);
            let interval = found.interval.unwrap();
            assert!(!interval.statements.iter().any(|(key, _)| is_ours(key)), "{version}");
            assert!(!found.top.iter().any(is_ours), "{version}");
            assert_eq!(reading.health.statements.top.len(), found.top.len());
            asked.push(found.texts.len());
        }
        assert_eq!(asked.last(), Some(&0), "{version}: {asked:?}");
        let unmarked = "select query from pg_stat_statements s join pg_roles r on r.oid = s.userid
             where query ilike '%pg_stat_statements(%' or query ilike '%savepoint%' or query ilike 'set %local%'
                or query ilike '%pg_control_system%' or query ilike '%pg_backend_pid%'";
        let rows = admin.query(unmarked, &[]).await.unwrap();
        let ours: Vec<String> = rows
            .iter()
            .map(|row| row.get(0))
            .filter(|query: &String| !query.contains("unmarked") && !query.contains("ilike"))
            .collect();
        assert!(ours.len() > 4, "{ours:#?}");
        assert!(
            ours.iter().all(|query| query.contains("/* pg-dashboard */") || query.contains("_reset(")),
            "{ours:#?}"
        );
    }
}

#[tokio::test]
async fn a_long_text_is_cut_on_the_server_and_says_how_long_it_is() {
    let (cluster, admin) = cluster(Version::V18).await;
    let long = format!("select 'x' as long_one, {}", vec!["n + 1"; 1500].join(", "));
    admin.batch_execute(&format!("{long} from shop")).await.unwrap();
    let (_, found) = Watch::of(target(&cluster)).read().await;
    let text = found.texts.iter().find(|text| text.query.contains("as long_one")).unwrap();
    assert!(!text.complete && text.query.chars().count() < 2050, "{text:?}");
    assert!(text.query.contains("… (cut; ") && text.query.ends_with(" bytes in all)"), "{text:?}");
}

#[tokio::test]
async fn what_no_server_counts_is_passed_over() {
    let (cluster, admin) = cluster(Version::V18).await;
    // The extension's function is replaced by one that says what it likes.
    admin
        .batch_execute(
            "create table said as select * from pg_stat_statements limit 0;
             alter extension pg_stat_statements drop view pg_stat_statements;
             drop view pg_stat_statements;
             alter extension pg_stat_statements drop function pg_stat_statements(boolean);
             drop function pg_stat_statements(boolean);
             alter table said alter calls type numeric, alter rows type text;
             insert into said (queryid, query, userid, dbid, toplevel, calls, total_exec_time, min_exec_time,
                     max_exec_time, stddev_exec_time, rows, shared_blks_hit, shared_blks_read, temp_blks_read,
                     temp_blks_written, wal_bytes, stats_since)
             select v.id, v.query, 10, d.oid, true, v.calls, v.total, 1, 1, v.total, v.rows, v.blocks, 0, v.blocks, 0,
                    v.wal, now()
               from pg_database d, (values
                 (null::bigint, 'select 1', 1::numeric, 1::float8, '1', 1::bigint, 1::numeric),
                 (1, 'select one', 1, 'NaN', '1', 1, 1),
                 (2, 'select two', 1, 'infinity', '1', 1, 1),
                 (3, 'select three', -1, 1, '1', 1, 1),
                 (4, 'select four', 9223372036854775808, 1, '1', 1, 1),
                 (5, 'select five', 1, -1, '1', 1, 1),
                 (6, 'select six', 1, 1, null, 1, 1),
                 (7, 'select seven', 1, 1, '-5', 1, 1),
                 (8, E'select \\u202E\\x07eight <script>', 2305843009213693952, 999999999999999, '2305843009213693952',
                  1152921504606846976, 1e30),
                 (8, 'select twice', 1, 1, '1', 1, 1)
               ) v (id, query, calls, total, rows, blocks, wal)
              where d.datname = 'postgres';
             create function pg_stat_statements(showtext boolean) returns setof said language sql
                 as 'select * from public.said'",
        )
        .await
        .unwrap();
    let mut watch = Watch::of(target(&cluster));
    let (reading, found) = watch.read().await;
    let top = &reading.health.statements.top;
    assert_eq!(top.iter().map(|shown| shown.query_id.as_str()).collect::<Vec<_>>(), ["8"], "{top:#?}");
    assert!(top[0].query.contains("\u{FFFD}") && top[0].query.contains("<script>"), "{}", top[0].query);
    assert!(!found.texts[0].complete, "what was cleaned is not what was run");
    assert_eq!((top[0].wal_bytes, top[0].shared_hit_ratio), (None, Some(1.0)));
    let interval = watch.interval().await;
    assert_eq!(interval.statements, [], "nothing more was called");
}

#[tokio::test]
async fn statements_are_read_through_pgbouncer_as_they_are_directly() {
    if !Bouncer::is_installed() {
        return;
    }
    for version in [Version::V13, Version::V18] {
        let (cluster, admin) = cluster(version).await;
        for mode in [PoolMode::Transaction, PoolMode::Session] {
            let bouncer = Bouncer::start(&cluster, mode).await;
            let mut watch = Watch::of(Target { port: bouncer.port(), ..target(&cluster) });
            buy(&admin, 1).await;
            let id = bought_id(&admin).await;
            assert!(watch.interval().await.cumulative);
            buy(&admin, 3).await;
            let interval = watch.interval().await;
            assert_eq!(cost_of(id, &interval).unwrap().calls, 3, "{version} {mode:?}");
        }
    }
}

#[tokio::test]
async fn two_databases_of_one_server_do_not_count_each_others_statements() {
    let (cluster, admin) = cluster(Version::V18).await;
    cluster.create_database("other").await;
    let other = cluster.client("other").await;
    other.batch_execute("create table shop as select 1 as n").await.unwrap();
    buy(&other, 7).await;
    buy(&admin, 2).await;
    let interval = Watch::of(target(&cluster)).interval().await;
    let sql =
        "select queryid from pg_stat_statements where query like 'select count(*) as bought%' and calls = 2";
    let query_id: i64 = admin.query_one(sql, &[]).await.unwrap().get(0);
    let calls: Vec<i64> = interval
        .statements
        .iter()
        .filter(|(_, cost)| [2, 7].contains(&cost.calls) && cost.rows == cost.calls)
        .filter(|(key, _)| key.query_id == query_id)
        .map(|(_, cost)| cost.calls)
        .collect();
    assert_eq!(calls, [2]);
    let name: u32 =
        admin.query_one("select oid from pg_database where datname = 'postgres'", &[]).await.unwrap().get(0);
    assert!(interval.statements.iter().all(|(key, _)| key.database_oid == name));
    assert_eq!(target(&cluster).connection_id, ConnectionId(7));
}
