//! Pages of a list: what came, how many there are, where the next page starts.

use serde::{Deserialize, Serialize};

/// The most items that one page holds.
pub const MAX_LIMIT: u32 = 500;
/// How many items a page holds when nobody says.
pub const DEFAULT_LIMIT: u32 = 100;

/// One page of a list. `next` is the cursor of the page after it; `None` on the last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    pub items: Vec<T>,
    pub total: u64,
    pub next: Option<String>,
}
