//! Draws what was measured on any plotters backend: as SVG on the server for the first paint, on a canvas in the browser.
//!
//! A [`Chart`] is plain numbers and what they mean. A [`Drawing`] is a chart on a [`Frame`]: it draws its axes and its
//! series apart, so that each can have a layer of its own, and tells what stands at a place. Nothing here knows a page,
//! a clock or a time zone: those come in. Why plotters' chart builder is not used: docs/decisions/0014.

#[cfg(feature = "canvas")]
pub mod canvas;
mod chart;
mod columns;
mod drawing;
mod frame;
mod from_history;
mod from_load;
mod ink;
mod reading;
mod stack;
mod svg;
mod table;
mod time_axis;
mod unit;
mod value_axis;
mod zone;

pub use chart::{Across, Chart, Gap, Note, Shape, Trace};
pub use drawing::{Drawing, Hidden};
pub use frame::Frame;
pub use from_history::Kind;
pub use ink::{Code, Ink, Theme};
pub use plotters_backend as backend;
pub use reading::{Entry, Reading};
pub use svg::svg;
pub use table::{Row, Table};
pub use time_axis::{moment, rfc3339};
pub use unit::Unit;
pub use zone::Zone;
