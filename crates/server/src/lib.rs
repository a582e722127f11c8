//! The dashboard's server: configuration, the HTTP interface (REST, pages, forms, OpenAPI) and the command line.
//!
//! It is a library beside its binary so that tests can start the same router on a port of their own. It holds no
//! business rule and no SQL: a handler extracts, calls one use case of `service`, and answers.

// The view types of a page are deep.
#![recursion_limit = "256"]

pub mod cli;
pub mod config;
mod dotenv;
mod encryption_key;
pub mod http;
pub mod leptos_toml;
mod logging;
mod shutdown;
pub mod start;
pub mod variables;
