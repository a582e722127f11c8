//! The pages, one file or folder each.

pub mod connection;
pub mod connection_form;
pub mod delete;
mod lazy;
mod named_connection;
pub mod not_found;
pub mod overview;
