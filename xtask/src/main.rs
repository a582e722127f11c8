//! `cargo xtask`: set-up, build, run and test of the workspace, in Rust instead of shell scripts.
//!
//! Depends on no crate of ours and on nothing but the standard library, so that it is there in seconds on a machine
//! that has only Rust. Each step looks first whether it is needed, says what it does and how long that takes, and is
//! quick the second time. `just` recipes and `.ci/run` call these same commands.

#[macro_use]
mod say;

mod commands;
mod debian;
mod duration;
mod node_packages;
mod paths;
mod plan;
mod run;
mod site;
mod sizes;
mod stop;
mod tools;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match commands::dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => {
            eprintln!("\nerror: {stop}");
            ExitCode::FAILURE
        }
    }
}
