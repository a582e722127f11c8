//! What a store is opened with.

use std::{fmt, str::FromStr};

use common::database::DatabaseMode;
use secrecy::SecretString;

use crate::KeyRing;

/// Where the dashboard's own database is, what its secrets are read with, and how long history is kept.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// `postgresql://user:password@host:port/database?sslmode=…&sslrootcert=…&pool_size=…`. May lead through a transaction
    /// pooler when there is a `direct_url`.
    pub url: SecretString,
    /// The same database without a transaction pooler: what migrations use.
    pub direct_url: Option<SecretString>,
    pub mode: DatabaseMode,
    pub keys: KeyRing,
    pub retention_days: u32,
    pub chunk_interval: ChunkInterval,
}

/// The time that one chunk of history covers: `7 days`, `12 hours`, `1 week`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkInterval {
    text: String,
    hours: u32,
}

impl ChunkInterval {
    pub fn hours(&self) -> u32 {
        self.hours
    }
}

impl Default for ChunkInterval {
    fn default() -> Self {
        Self { text: "7 days".to_owned(), hours: 7 * 24 }
    }
}

impl fmt::Display for ChunkInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Not an interval, or one too short or too long for a chunk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a number and a unit from 1 hour to 365 days, as in “7 days”, “12 hours” or “1 week”")]
pub struct BadChunkInterval;

impl FromStr for ChunkInterval {
    type Err = BadChunkInterval;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = text.split_whitespace();
        let (Some(number), Some(unit), None) = (words.next(), words.next(), words.next()) else {
            return Err(BadChunkInterval);
        };
        let number: u32 = number.parse().map_err(|_| BadChunkInterval)?;
        let unit = unit.to_ascii_lowercase();
        let unit_hours = match unit.as_str() {
            "hour" | "hours" => 1,
            "day" | "days" => 24,
            "week" | "weeks" => 7 * 24,
            _ => return Err(BadChunkInterval),
        };
        match number.checked_mul(unit_hours) {
            Some(hours) if (1..=365 * 24).contains(&hours) => {
                Ok(Self { text: format!("{number} {unit}"), hours })
            }
            _ => Err(BadChunkInterval),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_a_number_and_a_unit() {
        let week: ChunkInterval = " 7  Days ".parse().unwrap();
        assert_eq!((week.to_string().as_str(), week.hours()), ("7 days", 168));
        assert_eq!(week, ChunkInterval::default());
        for bad in [
            "",
            "7",
            "days",
            "0 days",
            "-1 days",
            "400 days",
            "7 days ago",
            "7 fortnights",
            "99999999999 days",
        ] {
            assert_eq!(bad.parse::<ChunkInterval>(), Err(BadChunkInterval), "{bad}");
        }
    }
}
