//! The commands by name, and what `--help` says about them. One file each.

mod bench;
mod build;
mod environment;
mod housekeeping;
mod lint;
mod serve;
mod setup;
mod test;

use crate::stop::{Outcome, Stop};

const HELP: &str = "\
cargo xtask <command>

  setup [--tests]          install what a build needs (with --tests: and what the tests need)
  serve [--release] [-- …] set up, build and start the dashboard on http://127.0.0.1:8000; what stands behind `--` is its own
  watch                    the same with `cargo leptos watch`: builds again and reloads the page after each change
  build [--release]        set up and build; --release prints the page's sizes against the budget
  test [--full] [name …]   set up, then every check and test; --full adds PostgreSQL 14 to 17 and network namespaces;
                           names: only the tests whose names contain one of them (`e2e/…`: browser tests)
  lint                     Clippy with warnings as errors, for the server and for the browser
  format                   format all Rust
  typecheck                compile without building
  check                    formatting, lint and types, without tests
  bench [web | probe …]    measurements beside the numbers to reach (web: sizes of the page; probe: asking databases)
  setup-env                write .env from .env.example, if there is none
  check-env                find lines of .env that the dashboard would not know
  migrate                  bring the dashboard's own database to this release
  info                     versions of everything
  clean                    remove what was built and installed here (never data)

What sub-commands print is in target/xtask/*.log.";

/// Runs the command that the arguments name.
pub(crate) fn dispatch(arguments: &[String]) -> Outcome {
    let Some((command, rest)) = arguments.split_first() else {
        say!("{HELP}");
        return Ok(());
    };
    match command.as_str() {
        "--help" | "-h" | "help" => {
            say!("{HELP}");
            Ok(())
        }
        "setup" => setup::run(Flags::of(rest, &["--tests"])?.has("--tests")),
        "serve" => serve::run(rest),
        "watch" => serve::watch(rest),
        "build" => build::run(Flags::of(rest, &["--release"])?.has("--release")),
        "test" => test::run(rest),
        "lint" => none(rest).and_then(|()| lint::lint()),
        "format" => none(rest).and_then(|()| lint::format()),
        "typecheck" => none(rest).and_then(|()| lint::typecheck()),
        "check" => none(rest).and_then(|()| lint::check()),
        "bench" => bench::run(rest),
        "setup-env" => none(rest).and_then(|()| environment::setup()),
        "check-env" => none(rest).and_then(|()| environment::check()),
        "migrate" => serve::migrate(rest),
        "info" => none(rest).and_then(|()| housekeeping::info()),
        "clean" => none(rest).and_then(|()| housekeeping::clean()),
        other => Err(Stop::new(format!("there is no command `{other}`.\n\n{HELP}"))),
    }
}

/// The flags given, all of them known.
struct Flags<'a>(&'a [String]);

impl<'a> Flags<'a> {
    fn of(given: &'a [String], known: &[&str]) -> Outcome<Self> {
        match given.iter().find(|flag| !known.contains(&flag.as_str())) {
            Some(flag) => Err(Stop::new(format!("`{flag}` is not known here; known: {}", known.join(", ")))),
            None => Ok(Self(given)),
        }
    }

    fn has(&self, flag: &str) -> bool {
        self.0.iter().any(|given| given == flag)
    }
}

fn none(rest: &[String]) -> Outcome {
    rest.first()
        .map_or(Ok(()), |extra| Err(Stop::new(format!("this command takes no arguments, and got `{extra}`"))))
}
