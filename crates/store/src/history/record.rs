//! One reading, kept: a batch of one.

use common::{Health, TestResult};
use serde_json::Value;

use super::batch::{Read, Reading};
use crate::{Store, StoreError};

impl Store {
    /// Keeps a test; `version` is that of the target that was tested. Twice is as good as once; for a connection
    /// that is gone, nothing happens.
    pub async fn record_test(&self, test: &TestResult, version: i32) -> Result<(), StoreError> {
        self.record(Reading { version, of: Read::Test(test) }).await
    }

    /// Keeps a health reading, also that of a database which is down; `version` is that of the target that was
    /// asked. `memory` is what the next reading starts from; without one, that of the reading before stays. Twice is as
    /// good as once; for a connection that is gone, nothing happens.
    pub async fn record_health(
        &self,
        health: &Health,
        memory: Option<&Value>,
        version: i32,
    ) -> Result<(), StoreError> {
        self.record(Reading { version, of: Read::Health(health, memory) }).await
    }
}
