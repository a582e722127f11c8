//! The promises of the HTTP interface, against the real router, a real PostgreSQL of its own and real targets.

mod connections;
mod dashboard;
mod guard;
mod pages;
mod refusals;
mod targets;
