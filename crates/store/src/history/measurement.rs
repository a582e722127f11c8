//! What is measured, as it goes through the spool and into the database.

use common::{ConnectionId, Health, TestResult};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One measurement of one connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The version of the connection that was asked.
    pub version: i32,
    pub of: Measured,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Measured {
    Test(Box<TestResult>),
    Health(Box<MeasuredHealth>),
}

/// A health reading and what the next one starts from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasuredHealth {
    pub health: Health,
    /// Without one, that of the reading before stays.
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
