//! `test`: set up, then everything that says whether the workspace is right.
//!
//! Ordered so that what was compiled serves again: the tests build `pg-dashboard`, and the browser tests start that same
//! binary with the page beside it.

use std::path::PathBuf;
use std::process::Command;

use super::lint::{self, NATIVE};
use super::setup;
use crate::plan::{Line, Plan};
use crate::run;
use crate::stop::{Outcome, Stop};
use crate::{debian, node_packages, paths, site};

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let full = arguments.iter().any(|argument| argument == "--full");
    if let Some(flag) = arguments.iter().find(|argument| argument.starts_with('-') && *argument != "--full") {
        return Err(Stop::new(format!(
            "`{flag}` is not known here; usage: cargo xtask test [--full] [name …]"
        )));
    }
    let names = arguments.iter().filter(|argument| !argument.starts_with('-')).cloned();
    let (browser, rust): (Vec<String>, Vec<String>) = names.partition(|name| name.starts_with("e2e"));
    let all = browser.is_empty() && rust.is_empty();

    let mut plan = Plan::default();
    setup::for_a_build(&mut plan);
    setup::for_the_tests(&mut plan);
    if full {
        node_packages::add_all_servers(&mut plan);
    }
    if all {
        lint::add_format_check(&mut plan);
        lint::add_lint(&mut plan);
    }
    if all || !rust.is_empty() {
        plan.check("Rust tests", move |line| rust_tests(line, full, &rust));
    }
    if all || !browser.is_empty() {
        plan.check("page", site::build_page);
        plan.check("browser tests", move |line| browser_tests(line, &browser));
    }
    if all {
        plan.check("docker-compose.yml", check_compose);
    }
    plan.run()
}

fn nextest(action: &[&str]) -> Command {
    let mut command = run::cargo();
    command.arg("nextest").args(action).args(NATIVE);
    command
}

fn rust_tests(line: &mut Line, full: bool, names: &[String]) -> Outcome {
    line.doing("building");
    run::logged(nextest(&["run"]).arg("--no-run"), "build-tests")?;
    line.note("running");
    let mut tests = nextest(&["run"]);
    tests.args(["--no-fail-fast", "--no-tests=fail"]).args(names);
    if full {
        tests.args(["--profile", "full"]);
        tests.env("PG_TEST_NODE_MODULES", paths::in_root(node_packages::ALL_SERVERS));
    }
    run::shown(&mut tests)
}

fn browser_tests(line: &mut Line, files: &[String]) -> Outcome {
    line.doing("Playwright in Chromium, with the page and without JavaScript");
    // The binary that the Rust tests were built with; after those there is nothing left to do here.
    run::logged(nextest(&["run"]).arg("--no-run"), "build-tests")?;
    let playwright = paths::in_root("node_modules/@playwright/test/cli.js");
    let mut tests = run::program("node");
    tests.arg(playwright).args(["test", "--config", "e2e/playwright.config.ts"]).args(files);
    tests.env("PG_DASHBOARD_BIN", paths::dashboard(false));
    tests.env("CHROMIUM", debian::chromium().unwrap_or_else(|| PathBuf::from("chromium")));
    run::shown(&mut tests)
}

fn check_compose(line: &mut Line) -> Outcome {
    let Some(compose) = debian::compose() else {
        line.skip("docker-compose is not there");
        return Ok(());
    };
    let (program, arguments) =
        compose.split_first().ok_or_else(|| Stop::new("docker-compose has no name"))?;
    line.doing("docker-compose config");
    let mut check = run::program(program);
    run::logged(check.args(arguments).args(["--profile", "postgres", "config"]), "compose")
}
