//! The promises of the binary as a process: its messages and exit codes, its start, its stop, its data.

mod command_line;
mod embedded;
mod external;
mod process;
