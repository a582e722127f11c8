//! `pg-dashboard`: reads the command line and calls what it asks for. What goes wrong is one message and an exit code.

use std::{io::Write, process::ExitCode};

use clap::Parser;
use secrecy::ExposeSecret;
use server::{
    cli::{Cli, Command, HistoryCommand, KeysCommand},
    start::{self, StartError},
};
use service::KeyRing;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command.unwrap_or(Command::Serve) {
        Command::Serve => start::configured().and_then(|config| start::run(start::serve(config))),
        Command::Migrate => start::configured().and_then(|config| start::run(start::migrate(config))),
        Command::History(HistoryCommand::Convert) => {
            start::configured().and_then(|config| start::run(start::convert_history(config)))
        }
        Command::Keys(KeysCommand::Generate) => print_key(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pg-dashboard: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The key and nothing else, so that a script can take it.
fn print_key() -> Result<(), StartError> {
    let key = KeyRing::generate_key();
    writeln!(std::io::stdout(), "{}", key.expose_secret()).map_err(StartError::Print)
}
