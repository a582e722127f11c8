//! A dashboard whose database is somewhere else.

use secrecy::ExposeSecret;
use service::KeyRing;
use testkit::{Cluster, Timescale, Version, faulty};

use crate::process::{Place, STOP_LIMIT, client};

fn key() -> String {
    KeyRing::generate_key().expose_secret().to_owned()
}

#[test]
fn a_database_that_cannot_be_reached_is_one_message_without_its_password() {
    let place = Place::new();
    let nobody = faulty::refused_port();
    let url = format!("postgresql://u:hunter2@127.0.0.1:{}/d", nobody.port());
    for command in ["serve", "migrate"] {
        let outcome =
            place.run(&[command], &[("DATABASE_URL", &url), ("DB_PASSWORD_ENCRYPTION_KEY", &key())]);
        let message = outcome.message();
        assert!(message.contains(&nobody.port().to_string()), "{message}");
        assert!(!outcome.stderr.contains("hunter2"), "{outcome:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn migrate_prepares_the_database_and_serve_uses_it_with_the_same_key_only() {
    let place = Place::new();
    let cluster = Cluster::start(Version::V18).await;
    cluster.create_database("dashboard").await;
    let (url, right, wrong) = (cluster.url("dashboard"), key(), key());

    let with = |key: &str| [("DATABASE_URL", url.clone()), ("DB_PASSWORD_ENCRYPTION_KEY", key.to_owned())];
    let settings = with(&right);
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    for _ in 0..2 {
        let migrated = place.run(&["migrate"], &settings);
        assert!(migrated.status.success(), "{migrated:?}");
        assert!(migrated.stdout.contains("ready"), "{migrated:?}");
    }

    let dashboard = place.serve(&settings);
    let info: serde_json::Value = client()
        .get(format!("{}/api/database/info", dashboard.address))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(info["mode"], "external");
    let (status, took, log) = dashboard.stop("TERM");
    assert!(status.success() && took < STOP_LIMIT, "{status} after {took:?}: {log}");
    let kept: Vec<_> =
        std::fs::read_dir(place.data()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(kept, ["spool"], "nothing else is kept here");

    let settings = with(&wrong);
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let outcome = place.run(&[], &settings);
    assert!(outcome.message().contains("DB_PASSWORD_ENCRYPTION_KEY"), "{outcome:?}");
    assert!(!outcome.stderr.contains(&wrong), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_converted_where_there_is_timescaledb_and_refused_with_words_elsewhere() {
    let place = Place::new();
    let (cluster, timescale) = tokio::join!(Cluster::start(Version::V18), Timescale::start());
    let key = key();
    let convert = |url: &str| {
        place.run(&["history", "convert"], &[("DATABASE_URL", url), ("DB_PASSWORD_ENCRYPTION_KEY", &key)])
    };
    let refused = convert(&cluster.url("postgres"));
    assert!(refused.message().contains("no TimescaleDB"), "{refused:?}");
    let nothing_to_do = convert(&timescale.url());
    assert!(nothing_to_do.status.success(), "{nothing_to_do:?}");
    assert!(nothing_to_do.stdout.contains("nothing to move"), "{nothing_to_do:?}");
}
