//! One session on the dashboard's own database, dialled and encrypted by the rules for every database.

use std::{future::poll_fn, sync::Arc, time::Duration};

use egress::{
    Destination,
    gate::Traffic,
    postgres::{SignedIn, sign_in},
};
use tokio::{sync::Notify, task::JoinHandle, time::Instant};
use tokio_postgres::{AsyncMessage, Client};

use super::DatabaseUrl;
use crate::ConnectError;

/// Name, network, TLS and sign-in together.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// The session, and the task that reads and writes for it until the client is dropped.
pub(crate) async fn dial(url: &DatabaseUrl) -> Result<(Client, JoinHandle<()>), ConnectError> {
    let SignedIn { client, connection, .. } = signed_in(url).await?;
    let task = tokio::spawn(async move {
        if let Err(error) = connection.await {
            // Whoever used the session has got an error of their own.
            tracing::debug!(%error, "a session on the dashboard's own database ended");
        }
    });
    Ok((client, task))
}

/// [`dial`], for a session that listens: `heard` is told of each notification, and of the session's end.
pub(crate) async fn dial_listener(
    url: &DatabaseUrl,
    heard: Arc<Notify>,
) -> Result<(Client, JoinHandle<()>), ConnectError> {
    let SignedIn { client, mut connection, .. } = signed_in(url).await?;
    let task = tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(_) = message {
                heard.notify_one();
            }
        }
        heard.notify_one();
    });
    Ok((client, task))
}

async fn signed_in(url: &DatabaseUrl) -> Result<SignedIn, ConnectError> {
    let deadline = Instant::now() + LIMIT;
    let destination = Destination {
        host: &url.host,
        port: url.port,
        mode: url.ssl_mode,
        root_cert: url.root_cert.as_deref(),
    };
    let connected = egress::connect(&destination, deadline)
        .await
        .map_err(|source| ConnectError::Reach { address: url.address(), source: Box::new(source) })?;
    let signing_in = Box::pin(sign_in(&url.config, connected.stream, Traffic::Unbounded));
    let signed_in = tokio::time::timeout_at(deadline, signing_in)
        .await
        .map_err(|_| ConnectError::Timeout { address: url.address(), limit_s: LIMIT.as_secs() })?;
    signed_in.map_err(|source| ConnectError::SignIn { address: url.address(), source })
}

#[cfg(test)]
mod tests {
    use testkit::{Cluster, Version, certs::Authority};

    use super::*;

    #[tokio::test]
    async fn a_readable_password_is_not_sent_over_tls_that_is_not_verified() {
        let cluster = Cluster::builder(Version::V18)
            .tls(&Authority::new().issue(&["127.0.0.1"]))
            .hba("host all all all password")
            .start()
            .await;
        let url = |mode: &str| {
            DatabaseUrl::parse(&format!("{}?sslmode={mode}", cluster.url("postgres")).into()).unwrap()
        };
        let error = dial(&url("require")).await.err().unwrap();
        assert!(error.to_string().contains("was not sent"), "{error}");
        // The server is asked in plain text by choice.
        assert!(dial(&url("disable")).await.is_ok());
    }
}
