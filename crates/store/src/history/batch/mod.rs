//! The one way into the history: many measurements in one transaction, so that all of them count, once, or none.
//!
//! What they lead to is reckoned in memory, in the order of time ([`story`]), from how things stood before
//! ([`known`]); what is written is then a fixed number of statements, however many measurements there are.

mod checks;
mod copy;
mod known;
mod mark;
mod newest;
mod samples;
mod spans;
mod story;
mod told;

use common::{Health, TestResult};
use serde_json::Value;

use self::{known::Known, mark::Mark, story::Story};
use super::{
    changes,
    measurement::{Measured, Measurement},
};
use crate::{Store, StoreError, open::commit};

/// A measurement, borrowed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading<'a> {
    /// Of the connection that was asked.
    pub(super) version: i32,
    pub(super) of: Read<'a>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Read<'a> {
    Test(&'a TestResult),
    Health(&'a Health, Option<&'a Value>),
}

impl<'a> Reading<'a> {
    fn of(measurement: &'a Measurement) -> Self {
        let of = match &measurement.of {
            Measured::Test(test) => Read::Test(test),
            Measured::Health(measured) => Read::Health(&measured.health, measured.memory.as_ref()),
        };
        Self { version: measurement.version, of }
    }
}

impl Store {
    /// Keeps a batch exactly once: its rows, the newest readings, findings, changes, events and the writer's mark, in
    /// one transaction. `writer` is a random number of whoever sends the batches, `up_to` that of the batch's last
    /// measurement: a batch at or below the mark changes nothing.
    ///
    /// Of measurements that are there already nothing is kept twice; for a connection that is gone, nothing happens; one
    /// that is older than the newest, or of an address that the connection has left since, goes into history only.
    pub async fn record_batch(
        &self,
        writer: i64,
        up_to: i64,
        batch: &[Measurement],
    ) -> Result<(), StoreError> {
        let readings: Vec<Reading<'_>> = batch.iter().map(Reading::of).collect();
        self.keep(Some(Mark { writer, up_to }), &readings).await
    }

    /// Keeps one reading; see [`Store::record_batch`].
    pub(super) async fn record(&self, reading: Reading<'_>) -> Result<(), StoreError> {
        self.keep(None, &[reading]).await
    }

    async fn keep(&self, mark: Option<Mark>, readings: &[Reading<'_>]) -> Result<(), StoreError> {
        let times = || readings.iter().map(|reading| reading.of.checked_at());
        self.engine().make_room(self, times()).await?;
        match self.keep_at_once(mark, readings).await {
            Err(error) if self.engine().lost_room(self, &error) => {
                self.engine().make_room(self, times()).await?;
                self.keep_at_once(mark, readings).await
            }
            outcome => outcome,
        }
    }

    async fn keep_at_once(&self, mark: Option<Mark>, readings: &[Reading<'_>]) -> Result<(), StoreError> {
        let mut session = self.session().await?;
        let transaction = session.begin().await?;
        if let Some(mark) = mark
            && !mark.advance(&transaction).await?
        {
            return Ok(());
        }
        self.engine().begin(&transaction).await?;
        let known = Known::of(&transaction, readings).await?;
        let story = Story::of(known, readings);
        checks::insert(&transaction, &story.checks).await?;
        samples::insert(&transaction, &story.samples).await?;
        self.engine().wrote(&transaction, &story.times()).await?;
        newest::tests(&transaction, &story).await?;
        newest::health(&transaction, &story).await?;
        spans::keep(&transaction, &story.spans).await?;
        told::tell(&transaction, &story).await?;
        for (health, version) in &story.changed {
            changes::record(&transaction, health.connection_id, &health.changes, *version).await?;
        }
        commit(transaction).await
    }
}
