//! Where the next page of the list begins: after this key, in this order.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use common::connection::Sort;

use crate::StoreError;

/// The last row of a page by its keys. Opaque to whoever carries it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cursor {
    /// Status rank, time, p95 or score; negated where the order is downwards.
    pub(super) rank: f64,
    pub(super) name_key: String,
    pub(super) id: i64,
    /// When the first page was read: later pages take the same percentiles for too old.
    pub(super) as_of: DateTime<Utc>,
}

/// Longer ones are none of ours, whatever they hold.
const MAX_LENGTH: usize = 8 * 1024;

impl Cursor {
    pub(super) fn encode(&self, sort: Sort) -> String {
        // The bits, because a decimal number might come back as its neighbour and skip or repeat a row.
        let rank = format!("{:016x}", self.rank.to_bits());
        let parts = (1, sort, rank, &self.name_key, self.id, self.as_of.timestamp_micros());
        URL_SAFE_NO_PAD.encode(serde_json::json!(parts).to_string())
    }

    /// # Errors
    /// [`StoreError::BadCursor`] for what is not one, or is one of another order.
    pub(super) fn decode(text: &str, sort: Sort) -> Result<Self, StoreError> {
        Self::read(text, sort).ok_or(StoreError::BadCursor)
    }

    fn read(text: &str, sort: Sort) -> Option<Self> {
        if text.len() > MAX_LENGTH {
            return None;
        }
        let json = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (format, of, rank, name_key, id, as_of): (u8, Sort, String, String, i64, i64) =
            serde_json::from_slice(&json).ok()?;
        let rank = f64::from_bits(u64::from_str_radix(&rank, 16).ok()?);
        let as_of = DateTime::from_timestamp_micros(as_of)?;
        let is_ours = format == 1 && of == sort && !name_key.contains('\0') && !rank.is_nan();
        is_ours.then_some(Self { rank, name_key, id, as_of })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(rank: f64) -> Cursor {
        Cursor {
            rank,
            name_key: "ä\"b".to_owned(),
            id: 7,
            as_of: DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap(),
        }
    }

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        for rank in [0.0, -0.1, 1_763_971_200_123_457.0, f64::INFINITY, 0.1 + 0.2] {
            let text = cursor(rank).encode(Sort::P95);
            assert_eq!(Cursor::decode(&text, Sort::P95).unwrap(), cursor(rank));
        }
    }

    #[test]
    fn one_of_another_order_is_refused() {
        let text = cursor(1.0).encode(Sort::Name);
        assert!(matches!(Cursor::decode(&text, Sort::NameDesc), Err(StoreError::BadCursor)));
    }

    proptest::proptest! {
        #[test]
        fn garbage_is_refused_without_a_panic(text in ".{0,100}", json in "[\\[\\]0-9a-z\",]{0,60}") {
            for text in [text, URL_SAFE_NO_PAD.encode(json)] {
                assert!(matches!(Cursor::decode(&text, Sort::Name), Err(StoreError::BadCursor)));
            }
        }
    }
}
