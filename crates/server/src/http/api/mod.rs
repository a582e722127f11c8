//! The JSON API: one file a resource. A handler extracts, calls one use case and answers; no rule stands here.

pub mod changes;
pub mod connections;
pub mod database;
pub mod events;
pub mod findings;
pub mod health;
pub mod history;
pub mod jobs;
pub mod load;
pub mod probes;
pub mod statements;
pub mod tests;

mod responses;
