//! `format`, `lint`, `typecheck`, `check`: what can be said about the code without running it.
//!
//! Everything native goes without `frontend`, which asks for Leptos' browser half: in one build with the server, cargo
//! would compile every crate with both halves. It is checked for the browser, in the folder that cargo-leptos builds in.

use std::process::Command;

use crate::plan::{Line, Plan};
use crate::run;
use crate::stop::{Outcome, Stop};
use crate::{node_packages, tools};

/// Benchmarks are built when they are asked for, and checked apart.
pub(crate) const NATIVE: [&str; 5] = ["--workspace", "--exclude", "frontend", "--exclude", "bench"];
const BENCHMARKS: [&str; 2] = ["--package", "bench"];
const BROWSER: [&str; 9] = [
    "--package",
    "app",
    "--package",
    "frontend",
    "--features",
    "app/hydrate",
    "--target=wasm32-unknown-unknown",
    "--target-dir",
    "target/front",
];

pub(crate) fn format() -> Outcome {
    run::shown(run::cargo().args(["fmt", "--all"]))
}

pub(crate) fn lint() -> Outcome {
    let mut plan = prepared();
    add_lint(&mut plan);
    plan.run()
}

pub(crate) fn typecheck() -> Outcome {
    let mut plan = prepared();
    add_types(&mut plan);
    plan.run()
}

pub(crate) fn check() -> Outcome {
    let mut plan = prepared();
    add_format_check(&mut plan);
    add_lint(&mut plan);
    add_types(&mut plan);
    plan.run()
}

fn prepared() -> Plan {
    let mut plan = Plan::default();
    tools::add_languages(&mut plan);
    tools::add_rust_components(&mut plan);
    tools::add_wasm_target(&mut plan);
    // Icons are compiled into the page.
    node_packages::add(&mut plan);
    plan
}

pub(crate) fn add_format_check(plan: &mut Plan) {
    plan.check("formatting", |line| {
        line.doing("cargo fmt --check");
        run::logged(run::cargo().args(["fmt", "--all", "--check"]), "fmt")
            .map_err(|stop| Stop::new(format!("{stop}\n      `cargo xtask format` formats all")))
    });
}

pub(crate) fn add_lint(plan: &mut Plan) {
    plan.check("Clippy, server", |line| {
        clippy(line, run::cargo().arg("clippy").args(NATIVE).arg("--all-targets"), "clippy-server")
    });
    plan.check("Clippy, benchmarks", |line| {
        clippy(line, run::cargo().arg("clippy").args(BENCHMARKS), "clippy-bench")
    });
    plan.check("Clippy, browser", |line| {
        clippy(line, run::cargo().arg("clippy").args(BROWSER), "clippy-browser")
    });
}

fn add_types(plan: &mut Plan) {
    plan.check("types, server", |line| {
        line.doing("cargo check");
        run::logged(run::cargo().arg("check").args(NATIVE).arg("--all-targets"), "check-server")
    });
    plan.check("types, benchmarks", |line| {
        line.doing("cargo check");
        run::logged(run::cargo().arg("check").args(BENCHMARKS), "check-bench")
    });
    plan.check("types, browser", |line| {
        line.doing("cargo check");
        run::logged(run::cargo().arg("check").args(BROWSER), "check-browser")
    });
}

fn clippy(line: &mut Line, command: &mut Command, log: &str) -> Outcome {
    line.doing("cargo clippy, warnings are errors");
    run::logged(command.args(["--", "-D", "warnings"]), log)
}
