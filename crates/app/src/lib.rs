//! The Leptos interface: pages, components, and the server functions that the pages call.
//!
//! It is compiled twice: under `ssr` into the server, which renders the first paint with the data in it, and under
//! `hydrate` into the browser's WebAssembly, which makes the same markup respond. It holds no business rule and no
//! SQL: a page calls a server function ([`rpc`]), and that calls one use case of `service`.
//!
//! What `server` puts into the context of every page and server function: `service::Service`,
//! `service::Principal`, [`Theme`] and, after a form that was posted without JavaScript, a [`FormOutcome`].

// `#[component]` makes an inner function as public as the component, inside a module that is not.
#![allow(unreachable_pub)]
// `{move || words()}`: Leptos erases the type of a closure only where it stands as one (docs/decisions/0009).
#![allow(clippy::redundant_closure)]
// Views are deeply nested types.
#![recursion_limit = "256"]

mod clock;
pub mod components;
pub mod live;
mod outcome;
pub mod pages;
mod raw_text;
mod root;
pub mod rpc;
mod shell;
mod theme;
mod wire;

pub use clock::{Ago, Moment, use_now};
pub use outcome::{FormOutcome, use_form_outcome};
pub use root::App;
pub use shell::shell;
pub use theme::Theme;
