//! A thousand servers made of sixteen: each real PostgreSQL listens on 63 addresses of the loopback network, and a dashboard
//! takes each for a server of its own.

use serde_json::{Value, json};
use testkit::{Cluster, Version, certs::Authority};

/// PostgreSQL listens on no more than 64 addresses.
const ADDRESSES: usize = 63;

pub(super) struct Servers {
    clusters: Vec<Cluster>,
    is_tls: bool,
}

impl Servers {
    /// At least so many addresses.
    pub(super) async fn start(number: usize, tls: bool) -> Self {
        let authority = tls.then(Authority::new);
        let issued = authority.as_ref().map(|authority| authority.issue(&["localhost"]));
        let addresses: Vec<String> = (1..=ADDRESSES).map(|host| format!("127.0.0.{host}")).collect();
        let mut clusters = Vec::new();
        while clusters.len() * ADDRESSES < number {
            let mut builder =
                Cluster::builder(Version::V18).setting("listen_addresses", &addresses.join(","));
            if let Some(issued) = &issued {
                builder = builder.tls(issued);
            }
            clusters.push(builder.start().await);
        }
        Self { clusters, is_tls: tls }
    }

    pub(super) fn targets(&self, number: usize) -> Vec<Value> {
        let all = self.clusters.iter().flat_map(|cluster| {
            (1..=ADDRESSES).map(|host| {
                json!({
                    "host": format!("127.0.0.{host}"), "port": cluster.port(), "username": cluster.user(),
                    "password": cluster.password(),
                    "ssl_mode": if self.is_tls { "require" } else { "disable" },
                })
            })
        });
        all.take(number).collect()
    }
}
