//! From a host as typed to guarded addresses: the only look-up of a connect.

use std::net::{IpAddr, SocketAddr};

use tokio::net::lookup_host;

use crate::{Cause, guard};

/// More addresses than this are not tried: each one waits 250 ms for the one before.
const MAX_ADDRESSES: usize = 16;

/// Whether a host needs a look-up at all.
pub(crate) fn literal(host: &str) -> Option<IpAddr> {
    host.parse().ok()
}

/// All addresses of a name, in the order of the system (RFC 6724). One denied address denies the name: who owns
/// it tried to lead us there.
pub(crate) async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Cause> {
    let mut addresses: Vec<SocketAddr> = match literal(host) {
        Some(ip) => vec![(ip, port).into()],
        None => lookup_host((host, port)).await.map_err(Cause::Resolve)?.collect(),
    };
    for address in &addresses {
        guard::check(address.ip()).map_err(|denied| Cause::Denied { address: address.ip(), denied })?;
    }
    addresses.truncate(MAX_ADDRESSES);
    if addresses.is_empty() { Err(Cause::NoAddress) } else { Ok(addresses) }
}
