//! A healthy server: a small shop with keys, indexes and statistics, and a standby that follows.

use std::collections::BTreeSet;

use common::{
    Health,
    health::{Check, CheckStatus},
};
use probe::Thresholds;
use testkit::{Cluster, Version};

use super::{
    Asked, Asker, ROLES, check,
    expected::{Case, Place, Says, TABLE, is_old},
    holds, prober, read, run, until,
};

/// A shop as it should be.
const SHOP: &str = "\
create table customers (id bigint generated always as identity primary key, name text not null);
insert into customers (name) select 'customer ' || i from generate_series(1, 20000) i;
create table orders (id bigint generated always as identity primary key,
                     customer_id bigint not null references customers (id), note text not null, at timestamptz);
insert into orders (customer_id, note, at)
select 1 + i % 20000, 'some words about order ' || i, now() from generate_series(1, 150000) i;
create index orders_customer on orders (customer_id);
";

/// Fills the database, and analyses it once the server has counted the rows: up to PostgreSQL 14 a session's counters
/// may arrive after its ANALYZE, and look like changes that came later.
pub(crate) async fn open_shop(cluster: &Cluster) {
    let filling = cluster.client("postgres").await;
    run(&filling, SHOP).await;
    // It reports what it has counted when it ends.
    drop(filling);
    let admin = cluster.client("postgres").await;
    holds(&admin, "select sum(n_tup_ins) >= 170000 from pg_stat_user_tables").await;
    run(&admin, "vacuum analyze").await;
    holds(
        &admin,
        "select every(last_analyze is not null and n_mod_since_analyze = 0) from pg_stat_user_tables",
    )
    .await;
}

pub(super) async fn nothing_is_found(version: Version) {
    let cluster = Cluster::builder(version)
        .preload("pg_stat_statements")
        // How often a standby that is idle says that it has everything.
        .setting("wal_receiver_status_interval", "1s")
        .start()
        .await;
    let admin = cluster.client("postgres").await;
    run(&admin, ROLES).await;
    run(&admin, "create extension pg_stat_statements").await;
    open_shop(&cluster).await;
    let standby = cluster.standby().await;
    holds(&admin, "select count(*) = 1 from pg_stat_replication where replay_lsn = pg_current_wal_lsn()")
        .await;

    let prober = prober(Thresholds::default());
    let mut asked_by = 0;
    for (server, is_primary) in [(&cluster, true), (&standby, false)] {
        let asked = Asked::start(server, None).await;
        for asker in &asked.askers {
            let first = read(&prober, asker, None).await;
            let second = until(&prober, asker, first.memory.as_ref(), |health| {
                // A standby that has just come up has to be told where its primary is.
                if is_primary || check(health, "wal-receiver").points == 0 {
                    vec![]
                } else {
                    vec!["later".to_owned()]
                }
            })
            .await;
            for health in [&first.health, &second.health] {
                is_healthy(health, asker, version);
                if is_primary {
                    unavailable_is_what_must_be(health, asker);
                }
            }
        }
        asked_by += asked.askers.len();
    }
    println!("{version}: nothing found by {asked_by} logins and ways, on the primary and its standby");
}

fn is_healthy(health: &Health, asker: &Asker, version: Version) {
    for check in &health.checks {
        let is_finding = matches!(check.status, CheckStatus::Warning | CheckStatus::Critical);
        // That a version is not corrected any more is so on every server of it.
        let is_so = check.id == "version-end-of-life" && is_old(version);
        assert_eq!(is_finding, is_so, "{version} {}: {check:#?}", asker.name());
        assert_eq!(check.points > 0, is_so, "{version} {}: {check:#?}", asker.name());
        if check.status == CheckStatus::Unavailable {
            has_its_reason(check, asker);
        }
    }
    let points: u8 = health.checks.iter().map(|check| check.points).sum();
    assert_eq!(health.score, Some(100 - points));
}

fn has_its_reason(check: &Check, asker: &Asker) {
    let case = TABLE.iter().find(|case| case.id == check.id).unwrap();
    let Says::Hidden(why) = case.says(asker.login, Place::Primary) else {
        panic!("{} may see it: {check:#?}", asker.name());
    };
    let reason = &check.unavailable["value"];
    assert!(reason.reason.contains(why), "{}: {check:#?}", asker.name());
    assert!(reason.fix_sql.is_some(), "{}: {check:#?}", asker.name());
}

/// Of a primary: what a login may not see, it is not told to be fine.
fn unavailable_is_what_must_be(health: &Health, asker: &Asker) {
    let applies = |case: &Case| match case.on {
        Ok([Place::Pooler]) => asker.pooled,
        Ok([Place::Standby | Place::Orphan]) => false,
        // No index of the shop is large enough to be worth an estimate: there is nothing to hide.
        _ => case.id != "index-bloat",
    };
    let must_be: BTreeSet<&str> = TABLE
        .iter()
        .filter(|case| applies(case) && matches!(case.says(asker.login, Place::Primary), Says::Hidden(_)))
        .map(|case| case.id)
        .collect();
    let unavailable: BTreeSet<&str> = health
        .checks
        .iter()
        .filter(|check| check.status == CheckStatus::Unavailable)
        .map(|check| check.id.as_str())
        .collect();
    assert_eq!(unavailable, must_be, "{}", asker.name());
}
