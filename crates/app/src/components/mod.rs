//! The parts that pages are made of, one file each, in the look of `style/`.
//!
//! None of them asks the server for anything: they show what they are given.

mod badge;
mod bar;
mod beats;
mod button;
mod code;
mod dialog;
mod empty;
mod field;
mod finding;
mod history_chart;
mod icon;
mod notice;
mod panel;
mod phases;
mod quantity;
mod ring;
mod skeleton;
mod status;
mod tile;
mod time_range;
mod toast;

pub use badge::Badge;
pub use bar::Bar;
pub use beats::Beats;
pub use button::Button;
pub use code::{CodeBlock, CopyButton};
pub use dialog::Dialog;
pub use empty::Empty;
pub use field::{Field, error_id, hint_id};
pub use finding::FindingCard;
pub use history_chart::{Charts, HistoryChart, Legend, Plot, SmallChart, Zoom};
pub use icon::{Icon, IconName, Logo};
pub use notice::{Notice, ProblemNotice};
pub use panel::Panel;
pub use phases::{PhasesBar, PhasesStrip, in_words as phases_in_words};
pub use quantity::{Millis, Unknown};
pub use ring::Ring;
pub use skeleton::Skeleton;
pub use status::{Shape, StatusShape, Tone};
pub use tile::{Tile, Tiles};
pub use time_range::{PageRange, RangePicker, Span, TimeRange};
pub(crate) use toast::ToastRegion;
pub use toast::{Toasts, Undo};
