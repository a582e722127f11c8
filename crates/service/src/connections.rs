//! Add, change and delete connections.

use std::time::Duration;

use common::{
    Connection, ConnectionId, ConnectionInput, Created, FieldError, Page, PasswordChange, Problem, SslMode,
    TestResult,
    connection::{ConnectionName, ListQuery},
    list,
};
use secrecy::{ExposeSecret, zeroize::Zeroizing};
use store::{Idempotency, Stored};

use crate::{
    Permission, Principal, Service, checks, failure, health, load, patience::within_patience, targets,
};

/// How often deleted connections whose 30 s are over are purged.
pub(crate) const PURGE_EVERY: Duration = Duration::from_secs(5);
/// The longest `Idempotency-Key`.
const MAX_IDEMPOTENCY_KEY: usize = 255;

/// One page of the connections, each with its last check and health.
pub async fn list(service: &Service, who: &Principal, query: ListQuery) -> Result<Page<Connection>, Problem> {
    who.require(Permission::Read)?;
    if query.limit.is_some_and(|limit| !(1..=list::MAX_LIMIT).contains(&limit)) {
        return Err(Problem::field("limit", "range", format!("From 1 to {}.", list::MAX_LIMIT)));
    }
    service.store().list(&query, service.0.clock.now()).await.map_err(failure::from_store)
}

/// What every connection is called, in the order of the names.
pub async fn names(service: &Service, who: &Principal) -> Result<Vec<ConnectionName>, Problem> {
    who.require(Permission::Read)?;
    service.store().connection_names().await.map_err(failure::from_store)
}

/// One connection with its last check and health.
pub async fn get(service: &Service, who: &Principal, id: ConnectionId) -> Result<Connection, Problem> {
    who.require(Permission::Read)?;
    service.store().get(id, service.0.clock.now()).await.map_err(failure::from_store)
}

/// Stores a connection and, unless told not to, tests it at once. A test that fails is told, and the connection
/// is kept. The same `idempotency_key` with the same input answers the connection of the first time.
pub async fn create(
    service: &Service,
    who: &Principal,
    input: ConnectionInput,
    idempotency_key: Option<String>,
) -> Result<Created, Problem> {
    who.require(Permission::Change)?;
    check_root_certificate(&input)?;
    let once = idempotency_key
        .map(|key| checked_key(key).map(|key| (key, fingerprint(service, &input))))
        .transpose()?;
    if let Some((key, fingerprint)) = &once
        && let Some(before) = created_before(service, who, key, fingerprint).await?
    {
        return Ok(before);
    }
    let once = once.as_ref().map(|(key, fingerprint)| (key.as_str(), *fingerprint));
    let now = service.0.clock.now();
    let id = service.store().insert(&input, once, now).await.map_err(failure::from_store)?;
    tracing::info!(%id, "connection created");
    service.0.watching.note_change();
    let test = if input.test { tested(service, id).await } else { None };
    Ok(Created { connection: get(service, who, id).await?, test })
}

/// The test that follows a save. What is saved stays saved: a test that cannot be made is `None`, and the log says
/// why. When it passes, a health reading follows without anybody waiting for it.
async fn tested(service: &Service, id: ConnectionId) -> Option<TestResult> {
    let test = within_patience(async {
        let target = targets::load(service, id).await?;
        let test = checks::run(service, target.clone()).await?;
        if test.ok {
            let service = service.clone();
            tokio::spawn(async move { health::take(&service, target, false).await });
        }
        Ok(test)
    });
    match test.await {
        Ok(test) => Some(test),
        Err(problem) => {
            tracing::warn!(%id, %problem, "saved, but not tested");
            None
        }
    }
}

/// Replaces every field. A missing password keeps the stored one, unless that would send it somewhere else or
/// over a weaker TLS.
pub async fn update(
    service: &Service,
    who: &Principal,
    id: ConnectionId,
    input: ConnectionInput,
) -> Result<Connection, Problem> {
    who.require(Permission::Change)?;
    check_root_certificate(&input)?;
    let now = service.0.clock.now();
    let before = get(service, who, id).await?;
    service
        .store()
        .update(id, &input, now, |stored| password_stays_where_it_was(stored, &input))
        .await
        .map_err(failure::from_store)?;
    tracing::info!(%id, "connection changed");
    let changed = get(service, who, id).await;
    let may_go_on = changed.as_ref().is_ok_and(|changed| {
        // Otherwise it was changed by somebody else since it was looked at.
        changed.version == before.version + 1 && is_same_target(&before, &input)
    });
    if !may_go_on {
        load::revoke(service, id);
    }
    service.0.watching.note_change();
    service.0.held.close(id).await;
    changed
}

/// [`update`], and a test of what it has become unless it is paused.
pub async fn update_and_test(
    service: &Service,
    who: &Principal,
    id: ConnectionId,
    input: ConnectionInput,
) -> Result<Created, Problem> {
    let changed = update(service, who, id, input).await?;
    if changed.paused {
        return Ok(Created { connection: changed, test: None });
    }
    let test = tested(service, id).await;
    Ok(Created { connection: get(service, who, id).await?, test })
}

/// Hides a connection at once. It can be restored for 30 s; then its secret and history are purged.
pub async fn delete(
    service: &Service,
    who: &Principal,
    id: ConnectionId,
    version: Option<i32>,
) -> Result<(), Problem> {
    who.require(Permission::Change)?;
    service.store().delete(id, version, service.0.clock.now()).await.map_err(failure::from_store)?;
    tracing::info!(%id, "connection deleted");
    load::revoke(service, id);
    service.0.watching.note_change();
    service.0.memories.forget(id);
    service.0.order.forget(id);
    service.0.held.close(id).await;
    Ok(())
}

/// Takes a delete back, within 30 s of it.
pub async fn restore(service: &Service, who: &Principal, id: ConnectionId) -> Result<Connection, Problem> {
    who.require(Permission::Change)?;
    let restored = service.store().restore(id, service.0.clock.now()).await;
    restored.map_err(|error| match error {
        store::StoreError::NotFound => Problem::not_found("There is nothing left to restore.")
            .with_hint("A deleted connection can be restored for 30 s. Add it again."),
        error => failure::from_store(error),
    })?;
    tracing::info!(%id, "connection restored");
    service.0.watching.note_change();
    get(service, who, id).await
}

/// Purges what was deleted more than 30 s ago: row, secret and history.
pub(crate) async fn purge(service: &Service) {
    match service.store().purge(service.0.clock.now()).await {
        Ok(0) => {}
        Ok(purged) => tracing::info!(purged, "deleted connections purged"),
        Err(error) => {
            failure::from_store(error);
        }
    }
}

fn check_root_certificate(input: &ConnectionInput) -> Result<(), Problem> {
    let Some(pem) = &input.ssl_root_cert else { return Ok(()) };
    egress::tls::parse_root_certs(pem)
        .map(drop)
        .map_err(|error| Problem::field("ssl_root_cert", "certificate", error.to_string()))
}

/// Whether what was allowed of a connection is allowed of what it becomes: no other address, login, encryption, or rule.
fn is_same_target(before: &Connection, input: &ConnectionInput) -> bool {
    before.host == input.host
        && before.port == input.port
        && before.database_name == input.database_name
        && before.username == input.username
        && matches!(input.password, PasswordChange::Keep)
        && before.ssl_mode == input.ssl_mode
        && before.ssl_root_cert == input.ssl_root_cert
        && before.allow_statements == input.allow_statements
}

/// Otherwise who may edit could send a stored secret to a host of theirs.
fn password_stays_where_it_was(stored: &Stored, input: &ConnectionInput) -> Result<(), FieldError> {
    if !stored.has_password || !matches!(input.password, PasswordChange::Keep) {
        return Ok(());
    }
    let elsewhere = !stored.host.eq_ignore_ascii_case(&input.host)
        || stored.port != input.port
        || stored.username != input.username;
    // Another CA can vouch for another server; where nothing is encrypted, nobody vouches for anything.
    let other_ca = stored.ssl_mode != SslMode::Disable && stored.ssl_root_cert != input.ssl_root_cert;
    let weaker = input.ssl_mode.strength() < stored.ssl_mode.strength() || other_ca;
    let changed = match (elsewhere, weaker) {
        (true, _) => "Host, port or user has changed",
        (false, true) => "The encryption has changed",
        (false, false) => return Ok(()),
    };
    Err(failure::field(
        "password",
        "required",
        &format!("{changed}: type the password again, so that the stored one is not sent anywhere new."),
    ))
}

async fn created_before(
    service: &Service,
    who: &Principal,
    key: &str,
    fingerprint: &[u8; 32],
) -> Result<Option<Created>, Problem> {
    let known = service.store().idempotent(key, fingerprint, service.0.clock.now()).await;
    match known.map_err(failure::from_store)? {
        Idempotency::New => Ok(None),
        Idempotency::Different => Err(failure::idempotency_key_reused()),
        Idempotency::Same(id) => {
            let connection = get(service, who, id).await?;
            let test = connection.last_check.clone();
            Ok(Some(Created { connection, test }))
        }
    }
}

fn checked_key(key: String) -> Result<String, Problem> {
    if key.is_empty() || key.len() > MAX_IDEMPOTENCY_KEY || !key.chars().all(|c| c.is_ascii_graphic()) {
        return Err(Problem::field("Idempotency-Key", "format", "1 to 255 visible ASCII characters."));
    }
    Ok(key)
}

/// What makes two requests the same. Keyed, because it covers the password: a plain hash would be a way to guess it.
fn fingerprint(service: &Service, input: &ConnectionInput) -> [u8; 32] {
    let ConnectionInput {
        name,
        host,
        port,
        database_name,
        username,
        password,
        ssl_mode,
        ssl_root_cert,
        region,
        cloud_provider,
        place,
        tags,
        notes,
        check_interval_s,
        paused,
        let_sleep,
        allow_statements,
        version,
        test,
    } = input;
    let password = match password {
        PasswordChange::Set(password) => Some(password.as_secret().expose_secret()),
        PasswordChange::Keep | PasswordChange::Remove => None,
    };
    // Several, because there is no JSON of so large a tuple.
    let where_to = (name, host, port, database_name, username, password, ssl_mode, ssl_root_cert);
    let about =
        (region, cloud_provider, place, tags, notes, check_interval_s, paused, let_sleep, allow_statements);
    let fields = serde_json::to_vec(&(where_to, about, version, test)).map(Zeroizing::new);
    service.store().digest(fields.as_deref().map(Vec::as_slice).unwrap_or_default())
}
