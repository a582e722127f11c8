//! `cargo leptos` reads the root Cargo.toml, the server Leptos.toml, and an installed binary neither: all three agree.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on may panic")]

use std::{fs, path::PathBuf};

use leptos::config::get_configuration;

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The keys under `[[workspace.metadata.leptos]]`, as they are written.
fn leptos_section(file: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(file)).unwrap();
    let section = text.split("[[workspace.metadata.leptos]]").nth(1).unwrap();
    let mut lines: Vec<String> = section
        .lines()
        .take_while(|line| !line.starts_with('['))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    lines.sort();
    lines
}

#[test]
fn leptos_toml_equals_the_metadata_of_the_workspace() {
    let in_cargo_toml = leptos_section("Cargo.toml");
    assert!(!in_cargo_toml.is_empty());
    assert_eq!(leptos_section("Leptos.toml"), in_cargo_toml);
}

#[test]
fn what_is_built_in_equals_leptos_toml() {
    let file = get_configuration(root().join("Leptos.toml").to_str()).unwrap().leptos_options;
    assert_eq!(format!("{:#?}", server::leptos_toml::built_in()), format!("{file:#?}"));
}
