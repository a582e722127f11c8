//! Names: unique without regard to case, and a free one for who has not chosen.

use std::collections::HashSet;

use common::{ConnectionId, ConnectionInput, validate};
use tokio_postgres::{GenericClient, error::SqlState, types::Type};

use crate::{StoreError, session};

const TAKEN: &str = "
select name_key from dashboard.connections
where deleted_at is null and id <> $2 and starts_with(name_key, $1)";

/// How often a default name is chosen anew when others take it at the same moment.
pub(super) const NAME_ATTEMPTS: u32 = 20;

/// What a name is compared by. Folded here, because the server's lower() depends on the locale.
pub(super) fn name_key(name: &str) -> String {
    name.to_lowercase()
}

/// What a search looks through: lines, folded, so that no match spans two fields.
pub(super) fn search_text(input: &ConnectionInput, name: &str) -> String {
    let fixed = [name, &input.host, &input.database_name, &input.username];
    let optional = [input.region.as_deref(), input.cloud_provider.as_deref()];
    let lines: Vec<&str> = fixed
        .into_iter()
        .chain(optional.into_iter().flatten())
        .chain(input.tags.iter().map(String::as_str))
        .collect();
    lines.join("\n").to_lowercase()
}

/// `base`, or `base (2)`, `base (3)`, … whichever no other connection than `own` has.
pub(super) async fn free_name(
    client: &impl GenericClient,
    base: &str,
    own: ConnectionId,
) -> Result<String, StoreError> {
    // A numbered name may be cut at the end to make room: so search by what all candidates begin with.
    let longest_suffix = " (99999)".len();
    let stem: String = base.chars().take(validate::MAX_NAME - longest_suffix).collect();
    let rows = session::rows(client, TAKEN, &[(&name_key(&stem), Type::TEXT), (&own.0, Type::INT8)]).await?;
    let taken: HashSet<String> = rows.iter().map(|row| row.get(0)).collect();
    let mut name = base.to_owned();
    let mut number = 1;
    while taken.contains(&name_key(&name)) {
        number += 1;
        let suffix = format!(" ({number})");
        let room = validate::MAX_NAME - suffix.len();
        name = base.chars().take(room).chain(suffix.chars()).collect();
    }
    Ok(name)
}

/// Whether a statement failed because another live connection has the name.
pub(super) fn is_name_taken(error: &StoreError) -> bool {
    match error {
        StoreError::Query(error) => error.as_db_error().is_some_and(|db| {
            *db.code() == SqlState::UNIQUE_VIOLATION && db.constraint() == Some("connections_live_name")
        }),
        _ => false,
    }
}

/// [`StoreError::NameTaken`] in the place of the server's words for it.
pub(super) fn as_name_taken(error: StoreError) -> StoreError {
    if is_name_taken(&error) { StoreError::NameTaken } else { error }
}
