//! The checks whose work grows with the number of relations, each provoked for real.

use std::time::{Duration, Instant};

use common::{
    Health,
    health::{Check, CheckStatus},
};
use probe::{Limits, Memory, Prober, Target};
use testkit::{
    Cluster, Version,
    pgbouncer::{Bouncer, PoolMode},
};
use tokio_postgres::Client;

use crate::{
    acceptance::{healthy::open_shop, holds},
    matrix::every_missing_number_has_its_reason,
    target,
};

const SLOW: [&str; 11] = [
    "sizes",
    "sequences",
    "invalid-indexes",
    "autovacuum-behind",
    "never-analysed",
    "table-bloat",
    "index-bloat",
    "unused-indexes",
    "duplicate-indexes",
    "foreign-keys-without-index",
    "missing-index-suspects",
];

/// Versions with SQL of their own, as far as they are installed.
fn versions() -> impl Iterator<Item = Version> {
    [Version::V13, Version::V15, Version::V16, Version::V18]
        .into_iter()
        .filter(|version| version.is_installed() || Version::OLDEST_AND_NEWEST.contains(version))
}

/// A server on which only what a test does happens.
async fn quiet(version: Version) -> (Cluster, Client) {
    let cluster = Cluster::builder(version).setting("autovacuum", "off").start().await;
    let admin = cluster.client("postgres").await;
    (cluster, admin)
}

/// A prober that measures all of the tier in one reading, however busy the machine is.
fn patient() -> Prober {
    let long = Duration::from_secs(30);
    Prober::with_limits(Limits {
        health: 2 * long,
        statement: long,
        slow_reading: long,
        slow_hour: long,
        slow_statement: long,
        ..Limits::default()
    })
}

async fn measured(target: &Target) -> Health {
    let health = patient().health(target, None, false).await.health;
    assert_eq!(health.error, None);
    every_missing_number_has_its_reason(&health);
    health
}

fn check<'a>(health: &'a Health, id: &str) -> &'a Check {
    health.checks.iter().find(|check| check.id == id).unwrap_or_else(|| panic!("no {id}: {health:#?}"))
}

/// Reads until `id` stands as it should: a session's counters reach the views up to a second later, with what it does
/// next.
async fn until(counting: &Client, target: &Target, id: &str, fits: impl Fn(&Check) -> bool) -> Check {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        run(counting, "select 1").await;
        let health = measured(target).await;
        let found = check(&health, id);
        if fits(found) {
            return found.clone();
        }
        assert!(Instant::now() < end, "{found:#?}");
    }
}

fn is_warning(check: &Check) -> bool {
    check.status == CheckStatus::Warning
}

async fn run(client: &Client, sql: &str) {
    client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

/// Statements that cannot stand together in one message.
async fn run_each(client: &Client, sql: &str) {
    for statement in sql.split_inclusive(";\n") {
        run(client, statement).await;
    }
}

/// A role that may log in and nothing else, and one that may watch.
async fn as_role(cluster: &Cluster, admin: &Client, name: &str, grant: &str) -> Target {
    run(admin, &format!("create role {name} login password 'x'; {grant}")).await;
    Target { username: name.to_owned(), password: Some("x".into()), ..target(cluster) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_database_has_no_finding_for_any_login() {
    for version in versions() {
        let (cluster, admin) = quiet(version).await;
        open_shop(&cluster).await;
        let monitor = as_role(&cluster, &admin, "watcher", "grant pg_monitor to watcher").await;
        let bare = as_role(&cluster, &admin, "bare", "").await;
        for target in [&target(&cluster), &monitor, &bare] {
            let health = measured(target).await;
            for id in SLOW {
                let found = check(&health, id);
                assert_eq!(found.points, 0, "{version} {}: {found:#?}", target.username);
                assert!(found.fix_sql.is_none() || found.status == CheckStatus::Unavailable, "{found:#?}");
            }
            let unavailable: Vec<&str> =
                SLOW.into_iter().filter(|id| check(&health, id).status == CheckStatus::Unavailable).collect();
            let expected: &[&str] = match target.username.as_str() {
                "postgres" => &[],
                // Neither may read the rows, nor what the statistics say of them, nor the sequences.
                _ => &["sequences", "table-bloat"],
            };
            assert_eq!(unavailable, expected, "{version} {}: {:#?}", target.username, health.checks);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_may_not_see_it_is_told_what_lets_it() {
    for version in versions() {
        let (cluster, admin) = quiet(version).await;
        open_shop(&cluster).await;
        let bare = as_role(&cluster, &admin, "bare", "").await;
        let health = measured(&bare).await;
        for (id, why) in [("sequences", "select from any of the sequences"), ("table-bloat", "pg_stats")] {
            let found = check(&health, id);
            assert!(found.unavailable["value"].reason.contains(why), "{found:#?}");
            run(&admin, found.fix_sql.as_ref().unwrap()).await;
        }
        let health = measured(&bare).await;
        for id in ["sequences", "table-bloat"] {
            assert_eq!(check(&health, id).status, CheckStatus::Ok, "{:#?}", check(&health, id));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_rows_that_nobody_removes_are_found_also_through_a_pooler() {
    for version in versions() {
        let (cluster, admin) = quiet(version).await;
        run(
            &admin,
            "create table \"dead \"\"rows\" with (autovacuum_enabled = off) as select i from generate_series(1, 20000) i;
             analyze \"dead \"\"rows\";
             create table patient with (autovacuum_vacuum_threshold = 100000) as select i from generate_series(1, 20000) i;
             create table idle with (autovacuum_enabled = off) as select 1",
        )
        .await;
        run(&admin, "update \"dead \"\"rows\" set i = i + 1; update patient set i = i + 1").await;
        let direct = target(&cluster);
        let bare = as_role(&cluster, &admin, "bare", "").await;
        let found = until(&admin, &direct, "autovacuum-behind", is_warning).await;
        assert_eq!(found.value, Some(1.0), "{found:#?}");
        assert_eq!(found.evidence[0].subject, "public.dead \"rows");
        assert!(found.detail.contains("switched off for 2 tables"), "{found:#?}");
        assert!(
            !found.evidence.iter().any(|one| one.subject.contains("patient")),
            "its own trigger: {found:#?}"
        );
        assert_eq!(check(&measured(&bare).await, "autovacuum-behind").status, CheckStatus::Warning);
        if Bouncer::is_installed() {
            let bouncer = Bouncer::start(&cluster, PoolMode::Transaction).await;
            let pooled = Target { port: bouncer.port(), ..direct.clone() };
            let through = measured(&pooled).await;
            assert_eq!(check(&through, "autovacuum-behind").evidence.len(), 2);
        }
        run_each(&admin, &found.evidence[0].fix_sql.clone().unwrap()).await;
        until(&admin, &direct, "autovacuum-behind", |check| !is_warning(check)).await;
    }
}

#[tokio::test]
async fn the_upper_limit_of_postgresql_18_counts() {
    let (cluster, admin) = quiet(Version::V18).await;
    run(
        &admin,
        "create table t with (autovacuum_vacuum_scale_factor = 1, autovacuum_vacuum_max_threshold = 1000)
             as select i from generate_series(1, 20000) i;
         analyze t; delete from t where i <= 2500",
    )
    .await;
    let found = until(&admin, &target(&cluster), "autovacuum-behind", is_warning).await;
    assert!(found.evidence[0].detail.contains("due at 1000"), "{found:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_without_statistics_is_found_until_it_is_analysed() {
    for version in versions() {
        let (cluster, admin) = quiet(version).await;
        run(
            &admin,
            "create table never as select i from generate_series(1, 20000) i;
             create table old as select i from generate_series(1, 20000) i;
             analyze old;
             update old set i = i + 1;
             create table small as select i from generate_series(1, 9000) i",
        )
        .await;
        let direct = target(&cluster);
        let found =
            until(&admin, &direct, "never-analysed", |check| is_warning(check) && check.value == Some(2.0))
                .await;
        assert_eq!((found.evidence[0].subject.as_str(), found.evidence.len()), ("public.never", 2));
        assert!(found.evidence[1].detail.contains("changes to 20\u{202F}000 rows"), "{found:#?}");
        run(&admin, &found.fix_sql.unwrap()).await;
        until(&admin, &direct, "never-analysed", |check| check.status == CheckStatus::Ok).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_was_loaded_a_moment_ago_is_left_to_autovacuum_where_that_runs() {
    for version in Version::OLDEST_AND_NEWEST {
        let cluster = Cluster::builder(version).setting("autovacuum_naptime", "1h").start().await;
        let admin = cluster.client("postgres").await;
        run(&admin, "create table loaded as select i from generate_series(1, 20000) i").await;
        holds(&admin, "select n_tup_ins = 20000 from pg_stat_user_tables").await;
        run(&admin, "analyze loaded").await;
        let loading = cluster.client("postgres").await;
        run(&loading, "update loaded set i = i + 1").await;
        drop(loading);
        // The first rows count as changes, too, until the server has noted that they were analysed.
        let noted = "select last_analyze is not null and n_tup_upd = 20000 and n_mod_since_analyze >= 20000
                       from pg_stat_user_tables";
        holds(&admin, noted).await;
        let direct = target(&cluster);
        let id = "never-analysed";
        assert_eq!(check(&measured(&direct).await, id).status, CheckStatus::Ok, "{version}");
        run(&admin, "alter table loaded set (autovacuum_enabled = off)").await;
        assert_eq!(check(&measured(&direct).await, id).status, CheckStatus::Warning, "nobody else will");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bloat_of_tables_and_indexes_is_estimated_and_gone_after_a_rewrite() {
    for version in versions() {
        let (cluster, admin) = quiet(version).await;
        run(
            &admin,
            "create table bloated (id int, other bigint, word text) with (fillfactor = 90, autovacuum_enabled = off);
             insert into bloated select i, i, 'word ' || i from generate_series(1, 300000) i;
             create index bloated_other on bloated (other);
             create index bloated_expression on bloated (lower(word));
             create table slim (id int, flag boolean, other bigint, word text) with (autovacuum_enabled = off);
             insert into slim select i, i % 2 = 0, i, case when i % 3 = 0 then 'word ' || i end
               from generate_series(1, 300000) i;
             create index slim_word on slim (word, id);",
        )
        .await;
        run(&admin, "vacuum analyze").await;
        let direct = target(&cluster);
        let health = measured(&direct).await;
        for id in ["table-bloat", "index-bloat"] {
            let found = check(&health, id);
            assert_eq!(found.status, CheckStatus::Ok, "{version}: {found:#?}");
            assert!(!found.detail.contains("could not"), "{version}: {found:#?}");
        }
        run(&admin, "update bloated set other = other + 300000, word = word || 'x'").await;
        run(&admin, "vacuum bloated").await;
        run(&admin, "delete from bloated where id % 10 <> 0").await;
        run(&admin, "vacuum analyze bloated").await;
        let health = measured(&direct).await;
        let table = check(&health, "table-bloat");
        assert_eq!(table.status, CheckStatus::Critical, "{version}: {table:#?}");
        assert_eq!((table.evidence[0].subject.as_str(), table.evidence.len()), ("public.bloated", 1));
        let index = check(&health, "index-bloat");
        assert_eq!(index.status, CheckStatus::Critical, "{version}: {index:#?}");
        let mut subjects: Vec<&str> = index.evidence.iter().map(|one| one.subject.as_str()).collect();
        subjects.sort_unstable();
        assert_eq!(subjects, ["public.bloated_expression", "public.bloated_other"]);
        for found in [table, index] {
            assert!(found.title.contains("estimate") && found.detail.contains("estimate"));
        }
        for one in &index.evidence {
            run(&admin, one.fix_sql.as_ref().unwrap()).await;
        }
        run(&admin, "vacuum full analyze bloated").await;
        let health = measured(&direct).await;
        assert_eq!(check(&health, "table-bloat").status, CheckStatus::Ok);
        assert_eq!(check(&health, "index-bloat").status, CheckStatus::Ok);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_nobody_reads_is_found_once_its_counters_are_old_enough() {
    for version in versions() {
        let (cluster, admin) = quiet(version).await;
        run(
            &admin,
            "create table t (id int primary key, other int, word text);
             insert into t select i, i, 'a word that takes some room ' || i from generate_series(1, 300000) i;
             create index t_word on t (word);
             create unique index t_unique on t (id, word);
             create table parts (id int, word text) partition by range (id);
             create table parts_1 partition of parts for values from (0) to (150001);
             create table parts_2 partition of parts for values from (150001) to (300001);
             insert into parts select id, word from t;
             create index parts_word on parts (word);
             analyze",
        )
        .await;
        let direct = target(&cluster);
        let found = until(&admin, &direct, "unused-indexes", |check| check.value == Some(2.0)).await;
        assert_eq!(found.status, CheckStatus::Info, "counted for minutes: {found:#?}");
        assert!(found.detail.contains("young"), "{found:#?}");
        let subjects: Vec<&str> = found.evidence.iter().map(|one| one.subject.as_str()).collect();
        assert!(subjects.contains(&"public.t_word") && subjects.contains(&"public.parts_word"), "{found:#?}");
        let parts = found.evidence.iter().find(|one| one.subject == "public.parts_word").unwrap();
        assert!(parts.detail.contains("on 2 partitions") && parts.fix_sql.is_none(), "{found:#?}");
        // Replicas read too.
        run(&admin, "select pg_create_physical_replication_slot('replica')").await;
        let found =
            until(&admin, &direct, "unused-indexes", |check| check.detail.contains("1 replica")).await;
        assert_eq!(found.status, CheckStatus::Info);
        // A few more scans than a person makes.
        run(
            &admin,
            "set enable_seqscan = off;
             do $$ begin for i in 1 .. 60 loop perform from t where word = 'x'; end loop; end $$",
        )
        .await;
        until(&admin, &direct, "unused-indexes", |check| check.value == Some(1.0)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_index_twice_is_found_and_what_is_only_alike_is_not() {
    for version in versions() {
        let (cluster, admin) = quiet(version).await;
        run(
            &admin,
            "create table t (id int primary key, a int, b text, c text);
             create index t_a on t (a);
             create index t_a_again on t (a);
             create index t_a_down on t (a desc);
             create index t_a_some on t (a) where b is not null;
             create index t_a_hash on t using hash (a);
             create index t_lower on t (lower(b));
             create index t_lower_again on t (lower(b));
             create index t_lower_other on t (lower(c));
             create index t_b on t (b);
             create index t_b_pattern on t (b text_pattern_ops);
             create index t_b_c on t (b collate \"C\");
             create index t_id_again on t (id);
             create unique index t_unique on t (c);
             create table late (id int, constraint late_id unique (id) deferrable);
             create unique index late_id_at_once on late (id);
             create table at_once (id int constraint at_once_id unique);
             create unique index at_once_id_again on at_once (id);
             create index t_c on t (c);
             create table parts (id int, a int) partition by range (id);
             create table parts_1 partition of parts for values from (0) to (10);
             create index parts_a on parts (a);
             create index parts_a_again on parts (a)",
        )
        .await;
        let bare = as_role(&cluster, &admin, "bare", "").await;
        for target in [target(&cluster), bare] {
            let health = measured(&target).await;
            let found = check(&health, "duplicate-indexes");
            let mut subjects: Vec<&str> = found.evidence.iter().map(|one| one.subject.as_str()).collect();
            subjects.sort_unstable();
            assert_eq!(
                subjects,
                [
                    "public.at_once_id_again",
                    "public.parts_a_again",
                    "public.t_a_again",
                    "public.t_c",
                    "public.t_id_again",
                    "public.t_lower_again"
                ],
                "{version}: {found:#?}"
            );
            assert_eq!(found.value, Some(6.0));
        }
        let direct = target(&cluster);
        let fix = check(&measured(&direct).await, "duplicate-indexes").fix_sql.clone().unwrap();
        run_each(&admin, &fix).await;
        assert_eq!(check(&measured(&direct).await, "duplicate-indexes").status, CheckStatus::Ok);
        run(&admin, "create index t_c_more on t (c, id); create index t_b_more on t (b, id)").await;
        let health = measured(&direct).await;
        let found = check(&health, "duplicate-indexes");
        assert_eq!((found.status, found.evidence.len()), (CheckStatus::Info, 1), "{found:#?}");
        assert_eq!(found.evidence[0].subject, "public.t_b", "the unique one is no beginning");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_whose_build_failed_is_found_and_one_that_is_being_built_is_not() {
    for version in versions() {
        let (cluster, admin) = quiet(version).await;
        run(&admin, "create table t as select i % 10 as id from generate_series(1, 100) i").await;
        admin.batch_execute("create unique index concurrently t_id on t (id)").await.unwrap_err();
        let direct = target(&cluster);
        let bare = as_role(&cluster, &admin, "bare", "").await;
        let health = measured(&bare).await;
        let found = check(&health, "invalid-indexes");
        assert_eq!((found.status, found.value), (CheckStatus::Warning, Some(1.0)), "{found:#?}");
        assert_eq!(found.evidence[0].subject, "public.t_id");
        run(&admin, "delete from t where ctid <> (select min(ctid::text)::tid from t x where x.id = t.id)")
            .await;
        run(&admin, found.fix_sql.as_ref().unwrap()).await;
        assert_eq!(check(&measured(&direct).await, "invalid-indexes").status, CheckStatus::Ok);

        // A build waits for the transactions that were there before it.
        let (holder, builder) = (cluster.client("postgres").await, cluster.client("postgres").await);
        run(&holder, "begin; update t set id = id + 100").await;
        let building = tokio::spawn(async move {
            builder.batch_execute("create index concurrently t_again on t (id)").await.unwrap();
        });
        for target in [&direct, &bare] {
            let found = until(&admin, target, "invalid-indexes", |check| !check.evidence.is_empty()).await;
            assert_eq!(found.status, CheckStatus::Info, "{version} {}: {found:#?}", target.username);
        }
        run(&holder, "commit").await;
        building.await.unwrap();
        assert_eq!(check(&measured(&direct).await, "invalid-indexes").status, CheckStatus::Ok);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_table_that_is_always_read_from_end_to_end_is_a_suspect() {
    for version in versions() {
        let (cluster, admin) = quiet(version).await;
        run(
            &admin,
            "create table t as select i as id, 'a word that takes some room, and then some' as word
                                 from generate_series(1, 200000) i;
             analyze t; set max_parallel_workers_per_gather = 0;
             do $$ begin for i in 1 .. 60 loop perform from t where id = -1; end loop; end $$",
        )
        .await;
        let found = until(&admin, &target(&cluster), "missing-index-suspects", |check| {
            check.status == CheckStatus::Info
        })
        .await;
        assert_eq!((found.value, found.points), (Some(1.0), 0));
        assert!(found.evidence[0].detail.contains("through an index"), "{found:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_key_without_an_index_is_found_when_rows_are_deleted_where_it_points_to() {
    for version in versions() {
        let (cluster, admin) = quiet(version).await;
        run(
            &admin,
            "create table customers (id int primary key, region int, unique (id, region));
             insert into customers select i, i from generate_series(1, 100) i;
             create table orders (id int, \"customer \"\"id\" int references customers on delete cascade, region int,
                                  note text, foreign key (\"customer \"\"id\", region) references customers (id, region));
             insert into orders select i, 1 + i % 99, 1 + i % 99, 'a word that takes some room, and then some'
               from generate_series(1, 200000) i;
             analyze",
        )
        .await;
        let direct = target(&cluster);
        assert_eq!(
            check(&measured(&direct).await, "foreign-keys-without-index").points,
            0,
            "nothing changes"
        );
        run(&admin, "delete from customers where id = 100").await;
        let found = until(&admin, &direct, "foreign-keys-without-index", is_warning).await;
        assert_eq!(found.value, Some(2.0), "{found:#?}");
        // One of the rows that have something else does not have all that point there.
        run(&admin, "create index orders_noted on orders (\"customer \"\"id\") where note is not null").await;
        let found = check(&measured(&direct).await, "foreign-keys-without-index").clone();
        assert_eq!(found.value, Some(2.0), "{found:#?}");
        // The index for the pair, in another order, serves both.
        run(&admin, "create index on orders (region, \"customer \"\"id\")").await;
        let found =
            until(&admin, &direct, "foreign-keys-without-index", |check| check.value == Some(1.0)).await;
        assert_eq!(
            found.fix_sql.as_deref(),
            Some("CREATE INDEX CONCURRENTLY ON \"public\".\"orders\" (\"customer \"\"id\");")
        );
        let partial = "create index orders_some on orders (\"customer \"\"id\", region) \
                       where \"customer \"\"id\" is not null and region is not null";
        run(&admin, partial).await;
        let both = check(&measured(&direct).await, "foreign-keys-without-index").clone();
        assert_eq!(both.value, Some(1.0), "of one column where another is there is not enough: {both:#?}");
        run(&admin, "drop index orders_some").await;
        run(
            &admin,
            "create index orders_some on orders (\"customer \"\"id\") where \"customer \"\"id\" is not null",
        )
        .await;
        assert_eq!(check(&measured(&direct).await, "foreign-keys-without-index").status, CheckStatus::Ok);
        run(&admin, "drop index orders_some").await;
        run(&admin, &found.fix_sql.unwrap()).await;
        assert_eq!(check(&measured(&direct).await, "foreign-keys-without-index").status, CheckStatus::Ok);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sequence_near_its_end_is_found_by_what_its_column_can_hold() {
    for version in versions() {
        let (cluster, admin) = quiet(version).await;
        run(
            &admin,
            "create table t (id serial primary key);
             create sequence own as bigint; alter table t alter id set default nextval('own');
             select setval('own', 2100000000);
             create table i (id smallint generated always as identity); select setval('i_id_seq', 30000);
             create sequence short maxvalue 100; select setval('short', 86);
             create sequence down increment -1 minvalue -100; select setval('down', -99);
             create sequence round maxvalue 100 cycle; select setval('round', 100);
             create sequence unused; create temp sequence passing maxvalue 2; select setval('passing', 2)",
        )
        .await;
        let direct = target(&cluster);
        let health = measured(&direct).await;
        let found = check(&health, "sequences");
        assert_eq!(found.status, CheckStatus::Critical, "{found:#?}");
        let subjects: Vec<&str> = found.evidence.iter().map(|one| one.subject.as_str()).collect();
        assert_eq!(
            subjects,
            ["public.down", "public.own", "public.i_id_seq", "public.short"],
            "{version}: {found:#?}"
        );
        run_each(&admin, found.fix_sql.as_ref().unwrap()).await;
        let health = measured(&direct).await;
        assert_eq!(check(&health, "sequences").status, CheckStatus::Ok, "{:#?}", check(&health, "sequences"));
        // Who may see one of them is told of the others.
        let one = as_role(&cluster, &admin, "one", "grant select on sequence unused to one").await;
        let health = measured(&one).await;
        let found = check(&health, "sequences");
        assert_eq!(found.status, CheckStatus::Ok);
        assert!(found.detail.contains("could not be seen"), "{found:#?}");
    }
}

#[tokio::test]
async fn sizes_name_what_is_largest_and_names_are_cleaned() {
    let (cluster, admin) = quiet(Version::V18).await;
    run(
        &admin,
        "create table \"large\u{202E}egral\" as select i, 'word' as word from generate_series(1, 50000) i;
         create table parts (id int) partition by range (id);
         create table parts_1 partition of parts for values from (0) to (100000);
         insert into parts select i from generate_series(1, 30000) i;
         create temp table mine as select i from generate_series(1, 90000) i; analyze",
    )
    .await;
    let health = measured(&target(&cluster)).await;
    let found = check(&health, "sizes");
    assert_eq!(found.status, CheckStatus::Ok);
    assert_eq!(found.value.map(|bytes| bytes as i64), health.metrics.database_size_bytes);
    assert_eq!(found.evidence[0].subject, "public.large\u{FFFD}egral");
    assert!(found.evidence[1].detail.ends_with("part of public.parts"), "{found:#?}");
    assert!(!found.evidence.iter().any(|one| one.subject.contains("mine")), "{found:#?}");
}

#[tokio::test]
async fn a_table_that_is_locked_holds_up_no_check() {
    let (cluster, _admin) = quiet(Version::V18).await;
    open_shop(&cluster).await;
    let holder = cluster.client("postgres").await;
    run(&holder, "begin; lock table orders in access exclusive mode").await;
    let health = measured(&target(&cluster)).await;
    for id in SLOW {
        assert_ne!(check(&health, id).status, CheckStatus::Unavailable, "{:#?}", check(&health, id));
    }
}

/// How many checks of the tier were not measured yet.
fn waiting(health: &Health) -> usize {
    health
        .checks
        .iter()
        .filter(|check| check.detail.starts_with("It is measured with one of the next"))
        .count()
}

#[tokio::test]
async fn what_did_not_fit_is_measured_with_the_next_readings() {
    let cluster = Cluster::start(Version::V18).await;
    // Any check takes longer than that.
    let prober = Prober::with_limits(Limits { slow_reading: Duration::from_nanos(1), ..Limits::default() });
    let target = target(&cluster);
    let mut memory: Option<Memory> = None;
    let mut left = None;
    while left != Some(0) {
        let reading = prober.health(&target, memory.as_ref(), false).await;
        let waiting = waiting(&reading.health);
        assert!(waiting > 0 || left.is_some(), "not all in the first reading: {:#?}", reading.health.checks);
        assert!(
            left.is_none_or(|left| waiting + 1 == left),
            "one more with each: {waiting} of {left:?} left"
        );
        left = Some(waiting);
        assert!(reading.health.metrics.database_size_bytes.is_some(), "measured first, then remembered");
        memory = reading.memory;
    }
}

#[tokio::test]
async fn an_hours_budget_stops_the_tier_until_the_hour_is_over() {
    let cluster = Cluster::start(Version::V18).await;
    let limits = Limits { slow_hour: Duration::from_micros(1), ..Limits::default() };
    let prober = Prober::with_limits(limits);
    let target = target(&cluster);
    let first = prober.health(&target, None, false).await;
    let second = prober.health(&target, first.memory.as_ref(), false).await;
    assert_eq!(check(&second.health, "sizes").measured_at, check(&first.health, "sizes").measured_at);
    assert!(waiting(&first.health) > 0);
    assert_eq!(waiting(&second.health), waiting(&first.health));
    // An hour later.
    let mut memory = serde_json::to_value(second.memory.unwrap()).unwrap();
    let spent = &mut memory["slow"]["spent"][0]["at"];
    let at: chrono::DateTime<chrono::Utc> = serde_json::from_value(spent.clone()).unwrap();
    *spent = serde_json::to_value(at - chrono::TimeDelta::minutes(61)).unwrap();
    let before = serde_json::from_value(memory).unwrap();
    let third = prober.health(&target, Some(&before), false).await;
    assert_eq!(waiting(&third.health), waiting(&second.health) - 1);
}

#[tokio::test]
async fn what_is_known_of_one_database_is_not_told_of_another() {
    let (cluster, admin) = quiet(Version::V18).await;
    cluster.create_database("other").await;
    run(&admin, "create table never as select i from generate_series(1, 20000) i").await;
    let first = target(&cluster);
    until(&admin, &first, "never-analysed", is_warning).await;
    let reading = patient().health(&first, None, false).await;
    let other = Target { database_name: "other".to_owned(), ..first };
    let health = patient().health(&other, reading.memory.as_ref(), false).await.health;
    assert_eq!(check(&health, "never-analysed").status, CheckStatus::Ok);
    assert_ne!(health.metrics.database_size_bytes, reading.health.metrics.database_size_bytes);
}
