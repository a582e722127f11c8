//! The pages, one file or folder each.

pub mod connection;
pub mod connection_form;
pub mod delete;
pub mod not_found;
pub mod overview;
