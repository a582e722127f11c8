//! The pages, one file or folder each.

pub mod activity;
mod address;
pub mod connection;
pub mod connection_form;
pub mod delete;
mod lazy;
mod named_connection;
pub mod not_found;
pub mod overview;
pub mod queries;
mod statement_cell;
mod which_connection;
