//! Starts and stops real PostgreSQL servers. With `DATABASE_URL` unset the dashboard keeps its data in a PostgreSQL of
//! its own ([`Embedded`]), so that nothing has to be installed or configured to try it; every test runs against
//! servers started by the same code.

mod account;
mod binaries;
mod cluster;
mod copy;
mod data_folder;
mod embedded;
mod error;
pub mod npm_package;
mod orphan;
mod os;
mod owner;
mod password;
mod postmaster_pid;
mod process;
mod role_password;
mod search;

pub use account::Account;
pub use binaries::Binaries;
pub use cluster::{NewCluster, single_user, write_hba, write_settings};
pub use copy::copy_tree;
pub use data_folder::data_folder;
pub use embedded::Embedded;
pub use error::PgServerError;
pub use os::Shutdown;
pub use password::random_password;
pub use process::{Launch, Running, free_port};
pub use search::{Search, find};
