//! The fields of a connection that a person gives, as they are written: one list for a new row and a changed one,
//! so that no column can get another's value.

use chrono::{DateTime, Utc};
use common::{ConnectionId, ConnectionInput};
use tokio_postgres::types::{ToSql, Type};

use super::naming::{name_key, search_text};

/// $1 is the id; the columns are those of [`columns`] in the same order, from $2 on.
macro_rules! values {
    () => {
        "$2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23"
    };
}

macro_rules! columns {
    () => {
        "updated_at, name, name_key, host, port, database_name, username, password_token, ssl_mode, ssl_root_cert,
    region, cloud_provider, latitude, longitude, tags, tag_keys, notes, check_interval_s, paused, let_sleep,
    search_text, allow_statements"
    };
}

pub(super) use {columns, values};

/// What is written, with all that is derived from it.
pub(super) struct Fields<'a> {
    id: ConnectionId,
    now: DateTime<Utc>,
    input: &'a ConnectionInput,
    name: &'a str,
    name_key: String,
    port: i32,
    /// The sealed password.
    token: Option<&'a str>,
    ssl_mode: &'static str,
    latitude: Option<f64>,
    longitude: Option<f64>,
    tag_keys: Vec<String>,
    search_text: String,
}

impl<'a> Fields<'a> {
    pub(super) fn new(
        id: ConnectionId,
        input: &'a ConnectionInput,
        name: &'a str,
        token: Option<&'a str>,
        now: DateTime<Utc>,
    ) -> Self {
        let (latitude, longitude) = input.place.unzip();
        Self {
            id,
            now,
            input,
            name,
            name_key: name_key(name),
            port: i32::from(input.port),
            token,
            ssl_mode: input.ssl_mode.as_str(),
            latitude,
            longitude,
            tag_keys: input.tags.iter().map(|tag| tag.to_lowercase()).collect(),
            search_text: search_text(input, name),
        }
    }

    /// $1 and the [`values`].
    pub(super) fn params(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        let input = self.input;
        vec![
            (&self.id.0, Type::INT8),
            (&self.now, Type::TIMESTAMPTZ),
            (&self.name, Type::TEXT),
            (&self.name_key, Type::TEXT),
            (&input.host, Type::TEXT),
            (&self.port, Type::INT4),
            (&input.database_name, Type::TEXT),
            (&input.username, Type::TEXT),
            (&self.token, Type::TEXT),
            (&self.ssl_mode, Type::TEXT),
            (&input.ssl_root_cert, Type::TEXT),
            (&input.region, Type::TEXT),
            (&input.cloud_provider, Type::TEXT),
            (&self.latitude, Type::FLOAT8),
            (&self.longitude, Type::FLOAT8),
            (&input.tags, Type::TEXT_ARRAY),
            (&self.tag_keys, Type::TEXT_ARRAY),
            (&input.notes, Type::TEXT),
            (&input.check_interval_s, Type::INT4),
            (&input.paused, Type::BOOL),
            (&input.let_sleep, Type::BOOL),
            (&self.search_text, Type::TEXT),
            (&input.allow_statements, Type::BOOL),
        ]
    }
}
