//! Ids that are used up: nobody can wait for two thousand million transactions, so the catalogs are made to say so.

use common::health::CheckStatus;
use probe::Prober;
use testkit::Version;

use super::{check, run, start};

on_every_version! {
    databases_and_tables_with_old_ids_are_found_with_what_freezes_them,
}

async fn databases_and_tables_with_old_ids_are_found_with_what_freezes_them(version: Version) {
    let (_cluster, admin, target) = start(version, &[("autovacuum", "off")]).await;
    admin.batch_execute("create table \"Odd \"\"one\" as select 1 as n").await.unwrap();
    let age = async |ids: i64| {
        admin
            .batch_execute(&format!(
                "set allow_system_table_mods = on;
                 update pg_database
                    set datfrozenxid = (((1::bigint << 32) + txid_current() - {ids}) % (1::bigint << 32))::text::xid,
                        datminmxid = (((1::bigint << 32) + 1 - {ids}) % (1::bigint << 32))::text::xid
                  where datname = 'postgres';
                 update pg_class
                    set relfrozenxid = (((1::bigint << 32) + txid_current() - {ids}) % (1::bigint << 32))::text::xid
                  where relname = 'Odd \"one'"
            ))
            .await
            .unwrap();
    };
    for (ids, status, points) in
        [(1_200_000_000, CheckStatus::Warning, 15), (2_120_000_000, CheckStatus::Critical, 40)]
    {
        age(ids).await;
        let health = Prober::new().health(&target, None, false).await.health;
        for id in ["transaction-wraparound", "multixact-wraparound"] {
            let found = check(&health, id);
            assert_eq!((found.status, found.points), (status, points), "{version}: {found:?}");
            assert_eq!(found.evidence[0].subject, "postgres");
            assert!(found.evidence.len() >= 3, "every database is there: {found:?}");
            assert_eq!(found.evidence[0].fix_sql.as_deref(), Some("VACUUM (FREEZE, VERBOSE);"));
        }
        let tables = check(&health, "wraparound-tables");
        assert_eq!((tables.status, tables.points), (status, 5), "{tables:?}");
        assert_eq!(tables.evidence[0].subject, "public.Odd \"one");
    }
    let health = Prober::new().health(&target, None, false).await.health;
    run(&admin, check(&health, "wraparound-tables").fix_sql.as_ref()).await;
    let health = Prober::new().health(&target, None, false).await.health;
    assert_eq!(check(&health, "wraparound-tables").status, CheckStatus::Ok);
}
