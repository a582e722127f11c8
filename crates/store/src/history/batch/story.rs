//! What a batch leads to, told in the order of time.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};
use common::{Health, TestResult, health::HealthStatus};
use serde_json::Value;

use super::{Read, Reading, known::Known, spans::Spans};

/// A test with what the batch knows of its time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Checked<'a> {
    pub(super) test: &'a TestResult,
    /// It passed, but health was warning or critical.
    pub(super) degraded: bool,
    /// Where it differs from that of the check before: an address in every row would be a fifth of all history.
    pub(super) new_address: Option<&'a str>,
}

/// The newest test of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewestTest<'a> {
    pub(super) test: &'a TestResult,
    /// The last one that the batch tells.
    pub(super) server_version_num: Option<i32>,
}

/// The newest health of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewestHealth<'a> {
    pub(super) health: &'a Health,
    /// The last one that the batch tells.
    pub(super) memory: Option<&'a Value>,
}

/// By connection where it says newest, so that rows are always locked in one order.
#[derive(Debug, Default)]
pub(super) struct Story<'a> {
    pub(super) checks: Vec<Checked<'a>>,
    pub(super) samples: Vec<&'a Health>,
    pub(super) tests: BTreeMap<i64, NewestTest<'a>>,
    pub(super) health: BTreeMap<i64, NewestHealth<'a>>,
    pub(super) spans: Spans<'a>,
    /// Readings that noticed changes, and of which version: those that were the newest when they were taken. Any other
    /// had a memory that did not count.
    pub(super) changed: Vec<(&'a Health, i32)>,
    /// How the connections stand after it.
    pub(super) known: Known,
}

impl<'a> Story<'a> {
    pub(super) fn of(mut known: Known, readings: &[Reading<'a>]) -> Self {
        let mut in_time: Vec<Reading<'a>> = readings.to_vec();
        in_time.sort_by_key(|reading| reading.of.checked_at());
        let mut story = Self::default();
        let (mut tests, mut samples) = (HashSet::new(), HashSet::new());
        for reading in in_time {
            let (id, at) = (reading.of.connection_id(), reading.of.checked_at());
            let Some(standing) = known.get_mut(id) else { continue };
            let is_here = standing.address_version <= reading.version;
            let is_newest =
                |newest: Option<DateTime<Utc>>| is_here && newest.is_none_or(|newest| newest <= at);
            match reading.of {
                Read::Test(test) => {
                    if tests.insert((id, at)) {
                        let degraded = test.ok && standing.degraded;
                        let address = test.address.as_deref();
                        let new_address = address.filter(|_| standing.address.as_deref() != address);
                        story.checks.push(Checked { test, degraded, new_address });
                    }
                    if is_newest(standing.tested_at) {
                        standing.tested_at = Some(at);
                        standing.ok = Some(test.ok);
                        if test.address.is_some() {
                            standing.address.clone_from(&test.address);
                        }
                        story.tested(test);
                    }
                }
                Read::Health(health, memory) => {
                    if samples.insert((id, at)) {
                        story.samples.push(health);
                    }
                    if is_newest(standing.read_at) {
                        standing.read_at = Some(at);
                        standing.degraded =
                            matches!(health.status, HealthStatus::Warning | HealthStatus::Critical);
                        story.read(health, memory);
                        if !health.changes.is_empty() {
                            story.changed.push((health, reading.version));
                        }
                    }
                }
            }
        }
        story.known = known;
        story
    }

    /// Of every raw row, by connection.
    pub(super) fn times(&self) -> BTreeMap<i64, Vec<DateTime<Utc>>> {
        let checks =
            self.checks.iter().map(|checked| (checked.test.connection_id.0, checked.test.checked_at));
        let samples = self.samples.iter().map(|health| (health.connection_id.0, health.checked_at));
        let mut times: BTreeMap<i64, Vec<DateTime<Utc>>> = BTreeMap::new();
        for (id, at) in checks.chain(samples) {
            times.entry(id).or_default().push(at);
        }
        times
    }

    fn tested(&mut self, test: &'a TestResult) {
        let id = test.connection_id.0;
        let before = self.tests.get(&id).and_then(|newest| newest.server_version_num);
        let server_version_num = test.server_version_num.or(before);
        self.tests.insert(id, NewestTest { test, server_version_num });
        self.spans.tested(test);
    }

    fn read(&mut self, health: &'a Health, memory: Option<&'a Value>) {
        let id = health.connection_id.0;
        let memory = memory.or_else(|| self.health.get(&id).and_then(|newest| newest.memory));
        self.health.insert(id, NewestHealth { health, memory });
        self.spans.read(health);
    }
}
