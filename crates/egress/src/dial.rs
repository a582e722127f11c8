//! Happy Eyeballs (RFC 8305): the addresses of a name are tried in turns of the two families, a new one every
//! 250 ms or as soon as one fails; the first that answers is taken and the others are dropped.

use std::{collections::VecDeque, io, net::SocketAddr, time::Duration};

use tokio::{net::TcpStream, task::JoinSet, time};

use crate::{Cause, Peer, Socket};

/// RFC 8305, section 8: "Connection Attempt Delay … recommended to be 250 milliseconds".
pub(crate) const STAGGER: Duration = Duration::from_millis(250);

/// Families take turns, beginning with the one the system put first.
fn interleave(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut first, mut second): (VecDeque<_>, VecDeque<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let mut turns = VecDeque::new();
    while let Some(address) = first.pop_front() {
        turns.push_back(address);
        turns.extend(second.pop_front());
    }
    turns.append(&mut second);
    turns
}

/// Which of two failures says more about the host: an answer before silence, silence before no route.
fn telling(error: &io::Error) -> u8 {
    match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => 3,
        io::ErrorKind::TimedOut => 2,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => 0,
        _ => 1,
    }
}

/// Dials until one address answers, each at the latest `stagger` after the one before. When none does, the failure
/// that says most comes with its address.
pub(crate) async fn dial(
    addresses: Vec<SocketAddr>,
    stagger: Duration,
) -> Result<(Socket, Peer), (Cause, Option<Peer>)> {
    let mut waiting = interleave(addresses);
    let mut attempts = JoinSet::new();
    let mut worst: Option<(io::Error, SocketAddr)> = None;
    loop {
        if let Some(address) = waiting.pop_front() {
            attempts.spawn(async move { (TcpStream::connect(address).await, address) });
        }
        let answered = if waiting.is_empty() {
            attempts.join_next().await
        } else {
            match time::timeout(stagger, attempts.join_next()).await {
                Ok(answered) => answered,
                Err(_stagger) => continue,
            }
        };
        match answered {
            Some(Ok((Ok(stream), address))) => {
                // A test sends one small message at a time: waiting to fill a packet would be timed as latency.
                stream.set_nodelay(true).map_err(|e| (Cause::Io(e), Some(Peer::Tcp(address))))?;
                return Ok((Socket::Tcp(stream), Peer::Tcp(address)));
            }
            Some(Ok((Err(error), address))) => {
                if worst.as_ref().is_none_or(|(known, _)| telling(&error) > telling(known)) {
                    worst = Some((error, address));
                }
            }
            // An attempt is neither aborted nor panics while we wait for it.
            Some(Err(_)) => {}
            None => {
                return Err(match worst {
                    Some((error, address)) => (Cause::Io(error), Some(Peer::Tcp(address))),
                    None => (Cause::NoAddress, None),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_from_the_one_that_came_first() {
        let addresses =
            ["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "1.1.1.2:1"].map(|a| a.parse().unwrap());
        let turns: Vec<String> = interleave(addresses.into()).iter().map(SocketAddr::to_string).collect();
        assert_eq!(turns, ["[::1]:1", "1.1.1.1:1", "[::2]:1", "1.1.1.2:1", "[::3]:1"]);
    }

    #[tokio::test]
    async fn the_next_address_is_tried_at_once_when_one_refuses() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = listener.local_addr().unwrap();
        // Nothing listens on ::1 at this port (or there is no IPv6 at all: also a failure).
        let closed = SocketAddr::new("::1".parse().unwrap(), open.port());
        // Whoever waits for the stagger instead hangs.
        let (_socket, peer) =
            dial(vec![closed, open], Duration::MAX).await.map_err(|(cause, _)| cause).unwrap();
        assert_eq!(peer, Peer::Tcp(open));
    }

    #[tokio::test]
    async fn a_refusal_names_the_address_that_refused() {
        let port = {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.local_addr().unwrap().port()
        };
        let closed = SocketAddr::new("127.0.0.1".parse().unwrap(), port);
        let (cause, peer) = dial(vec![closed], Duration::MAX).await.err().unwrap();
        assert!(matches!(cause, Cause::Io(e) if e.kind() == io::ErrorKind::ConnectionRefused));
        assert_eq!(peer, Some(Peer::Tcp(closed)));
    }
}
