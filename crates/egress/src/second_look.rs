//! Who listens where PostgreSQL's first bytes got no answer. Servers that read whole lines (HTTP, Redis and others)
//! wait for the end of one, which those bytes do not have; a line makes them speak.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout, timeout_at},
};

use crate::{
    Peer,
    dial::{STAGGER, dial},
    negotiate::{recognise, server_error},
};

/// Changes nothing on a web server, and ends a line on every other.
const LINES: &[u8] = b"GET / HTTP/1.0\r\n\r\n";

/// As much of an answer as names its server.
const ENOUGH: usize = 64;
/// How long for the rest of an answer that has begun.
const REST: Duration = Duration::from_millis(50);

/// Dials the address of an earlier connect again and asks as a web browser would. What listens there in words, or
/// `None` where that may be PostgreSQL: it closes on such a question, or answers with an error.
///
/// `limit` is for all of it.
pub async fn second_look(peer: &Peer, limit: Duration) -> Option<String> {
    // A Unix socket by PostgreSQL's name is hardly anything else.
    let Peer::Tcp(address) = peer else { return None };
    let deadline = Instant::now() + limit;
    let (mut socket, _) = timeout_at(deadline, dial(vec![*address], STAGGER)).await.ok()?.ok()?;
    timeout_at(deadline, ask(&mut socket)).await.ok()?
}

async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Option<String> {
    stream.write_all(LINES).await.ok()?;
    stream.flush().await.ok()?;
    let mut answer = Vec::with_capacity(ENOUGH);
    let mut arrived = stream.read_buf(&mut answer).await.ok()?;
    while arrived > 0 && answer.len() < ENOUGH {
        arrived = match timeout(REST, stream.read_buf(&mut answer)).await {
            Ok(Ok(more)) => more,
            _ => 0,
        };
    }
    let may_be_postgres =
        matches!(&answer[..], [] | [b'S' | b'N']) || (answer[0] == b'E' && is_error(&answer));
    (!may_be_postgres).then(|| recognise(&answer))
}

/// Whether it is PostgreSQL's error, or the beginning of one.
fn is_error(answer: &[u8]) -> bool {
    matches!(answer, [b'E', 0, _, _, _, b'S', ..]) || server_error(answer).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answered(bytes: &[u8]) -> Option<String> {
        let (mut ours, mut theirs) = tokio::io::duplex(64 * 1024);
        let bytes = bytes.to_vec();
        let server = tokio::spawn(async move {
            let mut question = [0; LINES.len()];
            theirs.read_exact(&mut question).await.unwrap();
            assert_eq!(question, LINES);
            theirs.write_all(&bytes).await.unwrap();
        });
        let seen = ask(&mut ours).await;
        server.await.unwrap();
        seen
    }

    #[tokio::test]
    async fn who_answers_a_line_is_named() {
        for (answer, seen) in [
            (&b"HTTP/1.0 200 OK\r\nServer: SimpleHTTP\r\n\r\n"[..], "a web server (HTTP)"),
            (b"-ERR wrong number of arguments for 'get' command\r\n", "a Redis server"),
            (b"EHLO?\r\n", "it answered “EHLO?··”"),
        ] {
            assert_eq!(answered(answer).await.as_deref(), Some(seen));
        }
    }

    #[tokio::test]
    async fn what_postgresql_does_is_not_taken_for_another_server() {
        let mut error = b"E".to_vec();
        let fields = b"SFATAL\0VFATAL\0C0A000\0Munsupported frontend protocol\0\0".repeat(3);
        error.extend((fields.len() as u32 + 4).to_be_bytes());
        error.extend(fields);
        for answer in [&b""[..], b"N", &error] {
            assert_eq!(answered(answer).await, None);
        }
    }
}
