//! What the last health reading of each connection handed on to the next: kept here, so that readings go on while the
//! dashboard's own database is away, and need not ask it each time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use common::ConnectionId;

use crate::{Service, targets::TargetKey};

/// By connection, with the version that was read.
#[derive(Default)]
pub(crate) struct Memories(Mutex<HashMap<ConnectionId, (i32, Arc<probe::Memory>)>>);

impl Memories {
    fn all(&self) -> MutexGuard<'_, HashMap<ConnectionId, (i32, Arc<probe::Memory>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, of: &TargetKey) -> Option<Arc<probe::Memory>> {
        self.all()
            .get(&of.id)
            .filter(|(version, _)| *version == of.version)
            .map(|(_, memory)| Arc::clone(memory))
    }

    fn keep(&self, of: &TargetKey, memory: probe::Memory) {
        let mut all = self.all();
        if all.get(&of.id).is_none_or(|(version, _)| *version <= of.version) {
            all.insert(of.id, (of.version, Arc::new(memory)));
        }
    }

    pub(crate) fn forget(&self, id: ConnectionId) {
        self.all().remove(&id);
    }
}

/// What the reading before handed on. Without it rates are unavailable, which is no reason not to read.
pub(crate) async fn before(service: &Service, of: &TargetKey) -> Option<probe::Memory> {
    if let Some(memory) = service.0.memories.get(of) {
        return Some(probe::Memory::clone(&memory));
    }
    let (_, memory) = service.store().latest_health(of.id).await.ok().flatten()?;
    serde_json::from_value(memory?).ok()
}

/// Keeps what a reading hands on. One that failed hands nothing on: then that of the reading before stays.
pub(crate) fn keep(service: &Service, of: &TargetKey, reading: &probe::HealthReading) {
    if let Some(memory) = &reading.memory {
        service.0.memories.keep(of, memory.clone());
    }
}
