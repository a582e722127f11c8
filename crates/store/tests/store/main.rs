//! What the store promises, on real PostgreSQL servers.

mod connections;
mod history;
mod list;
mod opening;
mod secrets;
mod size;
mod support;
