//! The command line: what `pg-dashboard` can be asked to do.

use clap::{Parser, Subcommand};

/// Watches PostgreSQL databases: can they be reached, how fast, are they healthy.
///
/// Settings are environment variables, or lines of a file `.env` in the working directory; `.env.example` lists
/// them all. Nothing has to be set: without DATABASE_URL the dashboard starts a PostgreSQL of its own.
#[derive(Debug, Parser)]
#[command(name = "pg-dashboard", version, about, long_about)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Start the dashboard (this is what happens without a command).
    Serve,
    /// Bring the dashboard's own database to this release, and stop.
    Migrate,
    /// What was measured, in the dashboard's own database.
    #[command(subcommand)]
    History(HistoryCommand),
    /// Keys that passwords of connections are encrypted with.
    #[command(subcommand)]
    Keys(KeysCommand),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum HistoryCommand {
    /// Move the history to TimescaleDB, where the server has it now and had not at the first start. No dashboard may be running;
    /// interrupted, it goes on when it is called again.
    Convert,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum KeysCommand {
    /// Print a new key for DB_PASSWORD_ENCRYPTION_KEY, and nothing else.
    Generate,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_command_serves() {
        assert_eq!(Cli::parse_from(["pg-dashboard"]).command, None);
        assert_eq!(Cli::parse_from(["pg-dashboard", "serve"]).command, Some(Command::Serve));
        assert_eq!(
            Cli::parse_from(["pg-dashboard", "history", "convert"]).command,
            Some(Command::History(HistoryCommand::Convert))
        );
        assert_eq!(
            Cli::parse_from(["pg-dashboard", "keys", "generate"]).command,
            Some(Command::Keys(KeysCommand::Generate))
        );
    }
}
