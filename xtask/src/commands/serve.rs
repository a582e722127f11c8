//! `serve`, `watch` and `migrate`: the dashboard, from an empty clone to running.

use std::process::Command;

use super::setup;
use crate::paths;
use crate::plan::Plan;
use crate::run;
use crate::site::{self, Profile};
use crate::stop::{Outcome, Stop};

/// Set up, build, and become the dashboard.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let (flags, for_dashboard) = split_at_dashes(arguments);
    let profile = match flags {
        [] => Profile::Dev,
        [flag] if flag == "--release" => Profile::Release,
        _ => {
            return Err(Stop::new(
                "usage: cargo xtask serve [--release] [-- arguments of pg-dashboard]. Its settings are environment \
                 variables or lines of .env, for example `PORT=8080 cargo xtask serve`",
            ));
        }
    };
    let mut plan = Plan::default();
    setup::for_a_build(&mut plan);
    plan.step("pg-dashboard and its page", move |line| site::build(line, profile));
    plan.run()?;
    say!("starting pg-dashboard; Ctrl-C stops it");
    become_program(run::program(paths::dashboard(profile == Profile::Release)).args(for_dashboard))
}

/// Set up, then `cargo leptos watch`.
pub(crate) fn watch(arguments: &[String]) -> Outcome {
    let mut plan = Plan::default();
    setup::for_a_build(&mut plan);
    plan.run()?;
    become_program(site::cargo_leptos("watch").args(arguments))
}

/// Build the server and let it migrate its database.
pub(crate) fn migrate(arguments: &[String]) -> Outcome {
    let mut plan = Plan::default();
    // The embedded PostgreSQL is one of the npm packages.
    setup::for_a_build(&mut plan);
    plan.step("pg-dashboard", |line| {
        line.doing("building");
        run::logged(
            run::cargo().args(["build", "--package", "server", "--bin", "pg-dashboard"]),
            "build-server",
        )
    });
    plan.run()?;
    become_program(run::program(paths::dashboard(false)).arg("migrate").args(arguments))
}

/// The program takes this process's place, so that Ctrl-C, SIGTERM and the exit code are its own.
#[cfg(unix)]
fn become_program(command: &mut Command) -> Outcome {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(Stop::new(format!("starting {}: {error}", command.get_program().display())))
}

/// Windows has no such exchange: Ctrl-C reaches both processes of the console, and we wait.
#[cfg(not(unix))]
fn become_program(command: &mut Command) -> Outcome {
    run::shown(command)
}

fn split_at_dashes(arguments: &[String]) -> (&[String], &[String]) {
    match arguments.iter().position(|argument| argument == "--") {
        Some(at) => (&arguments[..at], &arguments[at + 1..]),
        None => (arguments, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_behind_the_dashes_is_for_the_dashboard() {
        let arguments = ["--release", "--", "keys", "generate"].map(str::to_owned);
        let (flags, rest) = split_at_dashes(&arguments);
        assert_eq!(flags, ["--release"]);
        assert_eq!(rest, ["keys", "generate"]);
    }
}
