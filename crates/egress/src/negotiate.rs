//! PostgreSQL's request for TLS (protocol-flow, "SSL Session Encryption"): eight bytes there, one byte back.
//!
//! Anything that comes along with that byte was not sent by the TLS session that follows, so it ends the connect
//! instead of being taken for the server's words (CVE-2021-23222).

use std::{future::poll_fn, pin::Pin, task::Poll, time::Duration};

use common::text;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    time,
};

use crate::Cause;

/// Length 8, code 80877103.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// As much of an answer that is not `S` or `N` as is read, and how long for.
const MAX_ANSWER: usize = 8 * 1024;
const REST_OF_ANSWER: Duration = Duration::from_millis(300);

/// Asks for TLS; `Ok` when the handshake may begin.
///
/// # Errors
/// The server has no TLS, refuses with an error of its own, or does not speak PostgreSQL.
pub async fn request_tls<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Result<(), Cause> {
    stream.write_all(&SSL_REQUEST).await.map_err(Cause::Io)?;
    stream.flush().await.map_err(Cause::Io)?;
    let mut answer = [0];
    if stream.read(&mut answer).await.map_err(Cause::Io)? == 0 {
        return Err(Cause::Closed);
    }
    match answer {
        // PostgreSQL waits after its one byte. More behind it is somebody else's greeting, as of SSH, or of MySQL,
        // which begins with its length, so with any byte; or it was put there on the way.
        [first @ (b'S' | b'N')] => match read_at_once(stream).await {
            more if more.is_empty() && first == b'S' => Ok(()),
            more if more.is_empty() => Err(Cause::NoTls),
            more => match known_server(&[&answer, &more[..]].concat()) {
                Some(name) => Err(Cause::NotPostgres { seen: name.to_owned() }),
                None => Err(Cause::Handshake("something was sent in plain text before TLS began".to_owned())),
            },
        },
        [first] => {
            let mut bytes = vec![first];
            read_rest(stream, &mut bytes).await;
            Err(match (first == b'E').then(|| server_error(&bytes)).flatten() {
                Some((sqlstate, message)) => Cause::Server { sqlstate, message },
                None => Cause::NotPostgres { seen: recognise(&bytes) },
            })
        }
    }
}

/// What has arrived already.
async fn read_at_once<S: AsyncRead + Unpin>(stream: &mut S) -> Vec<u8> {
    let mut space = [0; 64];
    let mut buf = ReadBuf::new(&mut space);
    poll_fn(|cx| {
        let _arrived = Pin::new(&mut *stream).poll_read(cx, &mut buf);
        Poll::Ready(())
    })
    .await;
    buf.filled().to_vec()
}

async fn read_rest<S: AsyncRead + Unpin>(stream: &mut S, bytes: &mut Vec<u8>) {
    let until = time::Instant::now() + REST_OF_ANSWER;
    while bytes.len() < MAX_ANSWER && !is_whole_error(bytes) {
        match time::timeout_at(until, stream.read_buf(bytes)).await {
            Ok(Ok(count)) if count > 0 => {}
            _ => break,
        }
    }
}

/// Whether an ErrorResponse has arrived to its end, so that nothing more is waited for.
fn is_whole_error(bytes: &[u8]) -> bool {
    match bytes {
        [b'E', a, b, c, d, ..] => (u32::from_be_bytes([*a, *b, *c, *d]) as usize) < bytes.len(),
        _ => false,
    }
}

/// Reads an ErrorResponse: `E`, a length, fields of a letter and a text that ends with NUL. A server that could
/// not fork sends `E` and bare text.
pub(crate) fn server_error(bytes: &[u8]) -> Option<(Option<String>, String)> {
    let body = bytes.get(1..)?;
    if body.first().is_some_and(|b| b.is_ascii_graphic()) && bytes.contains(&0) {
        let message = body.split(|b| *b == 0).next()?;
        return Some((None, text::clean_server_text(&String::from_utf8_lossy(message))));
    }
    let (length, fields) = body.split_first_chunk::<4>()?;
    let length = u32::from_be_bytes(*length) as usize;
    if !(5..=MAX_ANSWER).contains(&length) {
        return None;
    }
    let (sqlstate, message) = error_fields(fields);
    message.map(|message| (sqlstate, text::clean_server_text(&message)))
}

/// The SQLSTATE, cleaned, and the message, as it came, of an ErrorResponse's fields; the last field may be cut off.
pub fn error_fields(fields: &[u8]) -> (Option<String>, Option<String>) {
    let mut sqlstate = None;
    let mut message = None;
    for field in fields.split(|b| *b == 0) {
        match field.split_first() {
            Some((b'C', code)) => sqlstate = Some(text::clean(&String::from_utf8_lossy(code), 5)),
            Some((b'M', words)) => message = Some(String::from_utf8_lossy(words).into_owned()),
            _ => {}
        }
    }
    (sqlstate, message)
}

/// What answers instead of PostgreSQL, by its first bytes, in words.
pub fn recognise(bytes: &[u8]) -> String {
    known_server(bytes).map_or_else(
        || {
            let shown = |b: &u8| if b.is_ascii_graphic() { char::from(*b) } else { '·' };
            format!("it answered “{}”", bytes.iter().take(40).map(shown).collect::<String>())
        },
        str::to_owned,
    )
}

fn known_server(bytes: &[u8]) -> Option<&'static str> {
    // MySQL and MariaDB greet with a 3-byte length, sequence 0, protocol 10.
    if let [_, _, 0, 0, 10, ..] = bytes {
        return Some("a MySQL or MariaDB server");
    }
    [
        (&b"SSH-"[..], "an SSH server"),
        (b"HTTP/", "a web server (HTTP)"),
        (b"<", "a web server (HTTP)"),
        (b"-ERR", "a Redis server"),
        (b"-DENIED", "a Redis server"),
        (b"+OK", "a mail server (POP3) or Redis"),
        (b"220 ", "a mail or FTP server"),
        (b"* OK", "a mail server (IMAP)"),
        (b"\x15\x03", "a TLS server of another protocol"),
    ]
    .into_iter()
    .find(|(start, _)| bytes.starts_with(start))
    .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answer(bytes: &[u8]) -> Result<(), Cause> {
        let (mut ours, mut theirs) = tokio::io::duplex(64 * 1024);
        let bytes = bytes.to_vec();
        let server = tokio::spawn(async move {
            let mut request = [0; 8];
            theirs.read_exact(&mut request).await.unwrap();
            theirs.write_all(&bytes).await.unwrap();
            (request, theirs)
        });
        let answer = request_tls(&mut ours).await;
        let (request, _open) = server.await.unwrap();
        assert_eq!(request, SSL_REQUEST);
        answer
    }

    #[tokio::test]
    async fn s_begins_the_handshake_and_n_is_a_server_without_tls() {
        assert!(answer(b"S").await.is_ok());
        assert!(matches!(answer(b"N").await, Err(Cause::NoTls)));
    }

    #[tokio::test]
    async fn plain_text_stuffed_in_before_tls_ends_the_connect() {
        let stuffed = b"SE\0\0\0\x20SFATAL\0C28000\0Mstuffed in\0\0";
        assert!(matches!(answer(stuffed).await, Err(Cause::Handshake(_))));
    }

    #[tokio::test]
    async fn an_error_instead_of_an_answer_is_read_and_cleaned() {
        let mut message = b"E".to_vec();
        let fields = b"SFATAL\0C53300\0Msorry, too many \x07clients\0\0";
        message.extend((fields.len() as u32 + 4).to_be_bytes());
        message.extend(fields);
        match answer(&message).await {
            Err(Cause::Server { sqlstate, message }) => {
                assert_eq!(sqlstate.as_deref(), Some("53300"));
                assert_eq!(message, "sorry, too many \u{FFFD}clients");
            }
            other => panic!("{other:?}"),
        }
        match answer(b"Ecould not fork new process for connection\n\0").await {
            Err(Cause::Server { sqlstate: None, message }) => {
                assert_eq!(message, "could not fork new process for connection");
            }
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn other_servers_are_recognised() {
        for (greeting, seen) in [
            (&b"HTTP/1.1 400 Bad Request\r\n"[..], "a web server (HTTP)"),
            (b"-ERR unknown command", "a Redis server"),
            (b"SSH-2.0-OpenSSH_9.2\r\n", "an SSH server"),
            (b"J\0\0\0\x0a8.0.36\0", "a MySQL or MariaDB server"),
            (b"N\0\0\0\x0a8.0.36\0", "a MySQL or MariaDB server"),
            (b"E\0\0\0\x0a8.0.36\0", "a MySQL or MariaDB server"),
            (b"\xff\xfe\x00garbage", "it answered “···garbage”"),
        ] {
            match answer(greeting).await {
                Err(Cause::NotPostgres { seen: found }) => assert_eq!(found, seen),
                other => panic!("{greeting:?}: {other:?}"),
            }
        }
    }
}
