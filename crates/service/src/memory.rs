//! What the last health reading of each connection handed on to the next: kept here, so that readings go on while the
//! dashboard's own database is away, and need not ask it each time.
//!
//! Packed: of a thousand databases it is a thousand times some hundred small texts, which as they are would take many times
//! their length, and leave memory in pieces that nobody can use.

use std::{
    collections::HashMap,
    io::{self, Write},
    sync::{Mutex, MutexGuard, PoisonError},
};

use common::ConnectionId;
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};

use crate::{Service, targets::TargetKey};

/// By connection.
#[derive(Default)]
pub(crate) struct Memories(Mutex<HashMap<ConnectionId, Packed>>);

struct Packed {
    /// Of the connection that was read.
    version: i32,
    memory: Box<[u8]>,
}

impl Memories {
    fn all(&self) -> MutexGuard<'_, HashMap<ConnectionId, Packed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, of: &TargetKey) -> Option<probe::Memory> {
        let packed = {
            let all = self.all();
            all.get(&of.id).filter(|known| known.version == of.version).map(|known| known.memory.clone())
        };
        unpack(&packed?).inspect_err(|error| tracing::error!(%error, "a memory cannot be read")).ok()
    }

    fn keep(&self, of: &TargetKey, memory: &probe::Memory) {
        let Ok(memory) = pack(memory) else { return };
        let mut all = self.all();
        if all.get(&of.id).is_none_or(|known| known.version <= of.version) {
            all.insert(of.id, Packed { version: of.version, memory });
        }
    }

    pub(crate) fn forget(&self, id: ConnectionId) {
        self.all().remove(&id);
    }
}

fn pack(memory: &probe::Memory) -> io::Result<Box<[u8]>> {
    let mut packer = DeflateEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(&serde_json::to_vec(memory)?)?;
    packer.finish().map(Vec::into_boxed_slice)
}

fn unpack(packed: &[u8]) -> io::Result<probe::Memory> {
    let json = io::read_to_string(DeflateDecoder::new(packed))?;
    Ok(serde_json::from_str(&json)?)
}

/// What the reading before handed on. Without it rates are unavailable, which is no reason not to read.
pub(crate) async fn before(service: &Service, of: &TargetKey) -> Option<probe::Memory> {
    if let Some(memory) = service.0.memories.get(of) {
        return Some(memory);
    }
    let (_, memory) = service.store().latest_health(of.id).await.ok().flatten()?;
    serde_json::from_value(memory?).ok()
}

/// Keeps what a reading hands on. One that failed hands nothing on: then that of the reading before stays.
pub(crate) fn keep(service: &Service, of: &TargetKey, reading: &probe::HealthReading) {
    if let Some(memory) = &reading.memory {
        service.0.memories.keep(of, memory);
    }
}
