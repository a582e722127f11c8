//! Settings and commands: what is refused, and in which words.

use std::{fs, net::TcpListener};

use crate::process::Place;

#[test]
fn a_key_is_printed_and_nothing_else() {
    let place = Place::new();
    let (one, two) = (place.run(&["keys", "generate"], &[]), place.run(&["keys", "generate"], &[]));
    assert!(one.status.success(), "{one:?}");
    assert_eq!((one.stdout.trim().len(), one.stdout.lines().count(), one.stderr.as_str()), (44, 1, ""));
    assert_ne!(one.stdout, two.stdout);
}

#[test]
fn all_bad_values_are_told_at_once() {
    let place = Place::new();
    fs::write(
        place.path().join(".env"),
        "TIMESCALE_RETENTION_DAYS=often\nTIMESCALE_CHUNK_TIME_INTERVAL=7 days   # fine\n",
    )
    .unwrap();
    let outcome = place.run(&[], &[("PORT", "http"), ("DATABASE_URL", "mysql://u:hunter2@h/d")]);
    let message = outcome.message();
    for name in ["PORT", "DATABASE_URL", "TIMESCALE_RETENTION_DAYS", "DB_PASSWORD_ENCRYPTION_KEY"] {
        assert!(message.contains(&format!("\n  {name}: ")), "{name}: {message}");
    }
    assert!(!message.contains("TIMESCALE_CHUNK_TIME_INTERVAL"), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
}

#[test]
fn an_address_that_others_reach_is_refused_with_the_reason() {
    let place = Place::new();
    let outcome = place.run(&["serve"], &[("HOST", "0.0.0.0")]);
    assert!(outcome.message().contains("no sign-in"), "{outcome:?}");
}

#[test]
fn a_database_url_without_a_key_says_how_to_make_one() {
    let place = Place::new();
    let outcome = place.run(&[], &[("DATABASE_URL", "postgresql://u@127.0.0.1/d")]);
    assert!(outcome.message().contains("pg-dashboard keys generate"), "{outcome:?}");
}

#[test]
fn a_port_in_use_is_told() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let outcome = place.run(&[], &[("PORT", &port)]);
    let message = outcome.message();
    assert!(message.contains("in use") && message.contains(&port), "{message}");
}

#[test]
fn the_environment_wins_over_dotenv() {
    let place = Place::new();
    fs::write(place.path().join(".env"), "HOST=0.0.0.0\n").unwrap();
    assert!(place.run(&[], &[]).message().contains("HOST"));
    let outcome = place.run(&[], &[("HOST", "127.0.0.1"), ("LOG_LEVEL", "loud")]);
    assert!(!outcome.message().contains("HOST"), "{outcome:?}");
}
