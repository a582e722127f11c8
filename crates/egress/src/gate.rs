//! Reads along with what the server sends, before `tokio-postgres` sees it, and ends the session when
//!
//! - the first message is not PostgreSQL's: the answer of another server is told as such at once, instead of a
//!   wait for a message of a billion bytes (`SSH-` read as a length);
//! - a password is asked for in a form that can be read (cleartext) or cracked and replayed (md5), over TLS that
//!   nobody verified: whoever sits in the middle would get it;
//! - a message, all of the sign-in or a whole [`Traffic::Bounded`] session is far longer than it could have to be.
//!
//! It only follows message headers (protocol-message-formats), so it costs next to nothing, and it keeps what
//! recognises a pooler.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use common::text::{MAX_SERVER_TEXT, clean_beginning};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsStream};

use crate::negotiate::{error_fields, recognise};

/// Before sign-in servers send a few hundred bytes; notices and errors may be longer.
const MAX_SIGN_IN_MESSAGE: usize = 64 * 1024;
const MAX_SIGN_IN_BYTES: usize = 512 * 1024;
/// The longest answer to our questions is ten statements of 2,000 characters.
const MAX_MESSAGE: usize = 1024 * 1024;
const MAX_SESSION_BYTES: usize = 8 * 1024 * 1024;
/// An error of more than this is not passed on, but its beginning is read and told.
const MAX_ERROR: usize = 64 * 1024;
/// As much of a message as is kept to look into.
const KEPT: usize = 4 * 1024;
/// PostgreSQL never sends a message of more than 1 GB (`PQ_LARGE_MESSAGE_LIMIT`, `MaxAllocSize`).
const POSSIBLE_LENGTH: u32 = 0x3fff_ffff;

/// Why the session was ended: the inner error of the I/O error that the session ends with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    #[error("not a PostgreSQL server: {seen}")]
    NotPostgres { seen: String },
    #[error(
        "the server asks for the password as {}, but its certificate is not verified, so it was not sent: let it be \
         verified (verify-full, with its CA), or let the user in by scram-sha-256",
        if *.md5 { "an MD5 hash" } else { "plain text" }
    )]
    ReadablePassword { md5: bool },
    #[error("the server sent an error of {bytes} bytes")]
    /// `message` is cleaned, cut and says so.
    LongError { sqlstate: Option<String>, message: Option<String>, bytes: usize },
    #[error("the server sent more than any answer could be")]
    TooMuch,
}

/// What the session's first messages told.
#[derive(Debug, Default, Clone)]
pub struct Greeting {
    /// Whether anything was said.
    pub heard: bool,
    /// The process id of BackendKeyData: PostgreSQL's own, or one that a pooler made up.
    pub process_id: Option<i32>,
    /// Names of the parameters reported, in order.
    pub parameters: Vec<String>,
}

/// How much a server may send once it has let us in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// 1 MiB in a message and 8 MiB in the session (or since [`Allowance::renew`]): a stranger's answers to our few
    /// questions.
    Bounded,
    /// 1 MiB in a message, and as many as are asked for: a stranger's answers to the many questions of a load test.
    BoundedMessages,
    /// As much as is asked for: the dashboard's own database, whose sessions live long.
    Unbounded,
}

/// What a session under [`Traffic::Bounded`] has sent of what it may. A session that is kept for long is asked again and
/// again: whoever asks renews it.
#[derive(Debug, Clone, Default)]
pub struct Allowance(Arc<AtomicUsize>);

impl Allowance {
    /// The session may send as much as in the beginning.
    pub fn renew(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    fn spend(&self, bytes: usize) -> usize {
        let spent = self.0.load(Ordering::Relaxed).saturating_add(bytes);
        self.0.store(spent, Ordering::Relaxed);
        spent
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    First,
    SigningIn,
    SignedIn,
}

/// Follows the messages of one direction, in whatever pieces they arrive.
#[derive(Debug)]
struct Follower {
    stage: Stage,
    /// Whether a readable password may be sent: over plain text by the user's choice, or verified TLS.
    readable_password: bool,
    traffic: Traffic,
    header: [u8; 5],
    header_seen: usize,
    /// Bytes of the current message's body still to come.
    remaining: usize,
    body: Vec<u8>,
    length: usize,
    spent: Allowance,
    greeting: Arc<Mutex<Greeting>>,
}

impl Follower {
    fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Violation> {
        while !bytes.is_empty() {
            if self.stage == Stage::SignedIn && self.traffic == Traffic::Unbounded {
                return Ok(());
            }
            if self.header_seen < 5 {
                if self.stage == Stage::First
                    && self.header_seen == 0
                    && !matches!(bytes[0], b'R' | b'E' | b'N' | b'v')
                {
                    return Err(Violation::NotPostgres { seen: recognise(bytes) });
                }
                let take = bytes.len().min(5 - self.header_seen);
                let (head, rest) = bytes.split_at(take);
                self.header[self.header_seen..self.header_seen + take].copy_from_slice(head);
                self.header_seen += take;
                if self.header_seen < 5 {
                    return self.count(take);
                }
                self.begin(rest)?;
                self.count(take)?;
                bytes = rest;
            }
            let take = bytes.len().min(self.remaining);
            let (part, rest) = bytes.split_at(take);
            let keep = part.len().min(KEPT - self.body.len().min(KEPT));
            self.body.extend_from_slice(&part[..keep]);
            self.remaining -= take;
            bytes = rest;
            self.count(take)?;
            self.look_early()?;
            if self.remaining == 0 {
                self.complete()?;
                self.header_seen = 0;
                self.body.clear();
            }
        }
        Ok(())
    }

    fn count(&mut self, bytes: usize) -> Result<(), Violation> {
        let spent = self.spent.spend(bytes);
        let max = match (self.stage, self.traffic) {
            (Stage::SignedIn, Traffic::BoundedMessages) => usize::MAX,
            (Stage::SignedIn, _) => MAX_SESSION_BYTES,
            (Stage::First | Stage::SigningIn, _) => MAX_SIGN_IN_BYTES,
        };
        // A long error is ended by its own rule, with its words.
        let long_error = self.header_seen == 5 && self.header[0] == b'E' && self.length > MAX_ERROR;
        if spent > max && !long_error { Err(Violation::TooMuch) } else { Ok(()) }
    }

    /// A header has arrived. `rest`: what came with it, to recognise who speaks.
    fn begin(&mut self, rest: &[u8]) -> Result<(), Violation> {
        let [tag, a, b, c, d] = self.header;
        let length = u32::from_be_bytes([a, b, c, d]);
        let not_postgres = || Violation::NotPostgres {
            seen: recognise(&[&self.header, &rest[..rest.len().min(64)]].concat()),
        };
        if !(4..=POSSIBLE_LENGTH).contains(&length) {
            return Err(if self.stage == Stage::First { not_postgres() } else { Violation::TooMuch });
        }
        if self.stage == Stage::First
            && (length < 8 || (tag == b'R' && length as usize > MAX_SIGN_IN_MESSAGE))
        {
            return Err(not_postgres());
        }
        self.length = length as usize - 4;
        self.remaining = self.length;
        let max = if self.stage == Stage::SignedIn { MAX_MESSAGE } else { MAX_SIGN_IN_MESSAGE };
        if self.length > max && tag != b'E' { Err(Violation::TooMuch) } else { Ok(()) }
    }

    /// Errors and first messages are looked at before they are whole.
    fn look_early(&mut self) -> Result<(), Violation> {
        let tag = self.header[0];
        if self.stage == Stage::First
            && matches!(tag, b'E' | b'N')
            && self.body.first().is_some_and(|field| !field.is_ascii_alphabetic() && *field != 0)
        {
            let seen = recognise(&[&self.header, &self.body[..self.body.len().min(64)]].concat());
            return Err(Violation::NotPostgres { seen });
        }
        if tag == b'E' && self.length > MAX_ERROR && self.body.len() >= KEPT {
            let (sqlstate, message) = error_fields(&self.body);
            let message = message.map(|said| clean_beginning(&said, MAX_SERVER_TEXT, self.length));
            return Err(Violation::LongError { sqlstate, message, bytes: self.length });
        }
        Ok(())
    }

    fn complete(&mut self) -> Result<(), Violation> {
        match self.header[0] {
            b'R' => match self.body.first_chunk::<4>().map(|code| u32::from_be_bytes(*code)) {
                // AuthenticationCleartextPassword, AuthenticationMD5Password
                Some(code @ (3 | 5)) if !self.readable_password => {
                    return Err(Violation::ReadablePassword { md5: code == 5 });
                }
                Some(0..=12) => {}
                _ => {
                    let seen = recognise(&[&self.header, &self.body[..]].concat());
                    return Err(Violation::NotPostgres { seen });
                }
            },
            b'S' if self.stage != Stage::SignedIn => {
                let name = self.body.split(|b| *b == 0).next().unwrap_or_default();
                self.greeting().parameters.push(String::from_utf8_lossy(name).into_owned());
            }
            b'K' => {
                let process_id = self.body.first_chunk::<4>().map(|id| i32::from_be_bytes(*id));
                self.greeting().process_id = process_id;
            }
            b'Z' if self.stage == Stage::SigningIn => {
                self.stage = Stage::SignedIn;
                self.spent.renew();
                return Ok(());
            }
            _ => {}
        }
        if self.stage == Stage::First {
            self.stage = Stage::SigningIn;
        }
        Ok(())
    }

    fn greeting(&self) -> std::sync::MutexGuard<'_, Greeting> {
        self.greeting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream that is read along with.
#[derive(Debug)]
pub struct AuthGate<S> {
    inner: S,
    follower: Follower,
    violation: Option<Violation>,
}

impl<S> AuthGate<S> {
    /// `readable_password`: whether cleartext and md5 passwords may be sent over this stream.
    pub(crate) fn new(inner: S, readable_password: bool, traffic: Traffic) -> (Self, Arc<Mutex<Greeting>>) {
        let greeting = Arc::new(Mutex::new(Greeting::default()));
        let follower = Follower {
            stage: Stage::First,
            readable_password,
            traffic,
            header: [0; 5],
            header_seen: 0,
            remaining: 0,
            body: Vec::new(),
            length: 0,
            spent: Allowance::default(),
            greeting: Arc::clone(&greeting),
        };
        (Self { inner, follower, violation: None }, greeting)
    }

    pub(crate) fn allowance(&self) -> Allowance {
        self.follower.spent.clone()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for AuthGate<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(violation) = &this.violation {
            return Poll::Ready(Err(io::Error::other(violation.clone())));
        }
        let before = buf.filled().len();
        match Pin::new(&mut this.inner).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                let arrived = &buf.filled()[before..];
                if this.follower.stage == Stage::First && !arrived.is_empty() {
                    this.follower.greeting().heard = true;
                }
                match this.follower.feed(arrived) {
                    Ok(()) => Poll::Ready(Ok(())),
                    Err(violation) => {
                        // Nothing of what broke the rule is passed on.
                        buf.set_filled(before);
                        this.violation = Some(violation.clone());
                        Poll::Ready(Err(io::Error::other(violation)))
                    }
                }
            }
            other => other,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for AuthGate<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

impl<S: TlsStream + Unpin> TlsStream for AuthGate<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.inner.channel_binding()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![tag];
        bytes.extend((body.len() as u32 + 4).to_be_bytes());
        bytes.extend(body);
        bytes
    }

    fn auth(code: u32) -> Vec<u8> {
        message(b'R', &code.to_be_bytes())
    }

    /// Feeds in pieces of `size` bytes.
    fn feed(bytes: &[u8], size: usize, readable_password: bool) -> (Result<(), Violation>, Greeting) {
        let (mut gate, greeting) = AuthGate::new(tokio::io::empty(), readable_password, Traffic::Bounded);
        let result = bytes.chunks(size).try_for_each(|piece| gate.follower.feed(piece));
        let greeting = greeting.lock().unwrap().clone();
        (result, greeting)
    }

    #[test]
    fn a_sign_in_passes_in_pieces_of_any_size_and_is_remembered() {
        let mut bytes = auth(10);
        bytes.extend(message(b'N', b"SWARNING\0Mhello\0\0"));
        bytes.extend(auth(0));
        bytes.extend(message(b'S', b"server_version\x0018.4\0"));
        bytes.extend(message(b'K', &[0, 0, 1, 2, 9, 9, 9, 9]));
        bytes.extend(message(b'Z', b"I"));
        bytes.extend(message(b'T', &[0, 0]));
        bytes.extend(message(b'D', &vec![7; 100_000]));
        bytes.extend(message(b'Z', b"I"));
        for size in [1, 2, 3, 4, 5, 6, 7, 64, bytes.len()] {
            let (result, greeting) = feed(&bytes, size, false);
            assert_eq!(result, Ok(()), "{size}");
            assert_eq!(greeting.process_id, Some(258), "{size}");
            assert_eq!(greeting.parameters, ["server_version"], "{size}");
        }
    }

    #[test]
    fn a_readable_password_is_refused_only_where_somebody_could_listen() {
        for size in [1, 4, 9] {
            assert_eq!(feed(&auth(3), size, false).0, Err(Violation::ReadablePassword { md5: false }));
            assert_eq!(
                feed(&message(b'R', &[0, 0, 0, 5, 1, 2, 3, 4]), size, false).0,
                Err(Violation::ReadablePassword { md5: true })
            );
            assert_eq!(feed(&auth(3), size, true).0, Ok(()));
        }
    }

    #[test]
    fn other_servers_are_recognised_by_their_first_bytes() {
        for (greeting, seen) in [
            (&b"SSH-2.0-OpenSSH_9.2p1\r\n"[..], "an SSH server"),
            (b"HTTP/1.1 400 Bad Request\r\n", "a web server (HTTP)"),
            (b"-ERR unknown", "a Redis server"),
            (b"J\0\0\0\x0a5.5.5-10.11\0", "a MySQL or MariaDB server"),
            (b"N\0\0\0\x0a5.5.5-10.11\0", "a MySQL or MariaDB server"),
            (b"E\0\0\0\x0a5.5.5-10.11\0", "a MySQL or MariaDB server"),
            (b"R\0\0\0\x0a5.5.5-10.11\0", "a MySQL or MariaDB server"),
            (b"ERROR: no", "it answered “ERROR:·no”"),
            (b"\x00\x01", "it answered “··”"),
        ] {
            assert_eq!(feed(greeting, 4096, true).0, Err(Violation::NotPostgres { seen: seen.to_owned() }));
        }
        for greeting in [&b"SSH-2.0"[..], b"HTTP/1.1 400", b"NNNNNNNNNNNN", b"R\xff\xff\xff\xff"] {
            assert!(matches!(feed(greeting, 1, true).0, Err(Violation::NotPostgres { .. })));
        }
    }

    #[test]
    fn the_beginning_of_an_endless_error_is_read_and_the_rest_cut_off() {
        let mut body = b"SFATAL\0C28000\0M".to_vec();
        body.extend(vec![b'x'; 10_000_000]);
        for size in [1000, 100_000] {
            match feed(&message(b'E', &body), size, true).0 {
                Err(Violation::LongError { sqlstate, message, bytes }) => {
                    assert_eq!(sqlstate.as_deref(), Some("28000"));
                    let message = message.unwrap();
                    assert!(message.starts_with("xxxx"));
                    assert!(
                        message.ends_with(&format!("x… (cut; {} bytes in all)", body.len())),
                        "{message}"
                    );
                    assert_eq!(bytes, body.len());
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_server_that_does_not_stop_is_cut_off() {
        let endless: Vec<u8> = auth(0).into_iter().chain(message(b'S', b"a\0b\0").repeat(100_000)).collect();
        assert_eq!(feed(&endless, 8192, true).0, Err(Violation::TooMuch));
        let signed_in: Vec<u8> = [auth(0), message(b'Z', b"I")].concat();
        let long = [signed_in.clone(), message(b'D', &vec![0; 2 * 1024 * 1024])].concat();
        assert_eq!(feed(&long, 8192, true).0, Err(Violation::TooMuch));
        let many = [signed_in, message(b'D', &vec![0; 512 * 1024]).repeat(20)].concat();
        assert_eq!(feed(&many, 8192, true).0, Err(Violation::TooMuch));
    }

    #[test]
    fn a_kept_session_may_send_as_much_again_once_it_is_asked_again() {
        let answers = message(b'D', &vec![0; 512 * 1024]).repeat(10);
        let (mut gate, _) = AuthGate::new(tokio::io::empty(), false, Traffic::Bounded);
        let allowance = gate.allowance();
        gate.follower.feed(&[auth(0), message(b'Z', b"I")].concat()).unwrap();
        for _ in 0..3 {
            allowance.renew();
            assert_eq!(gate.follower.feed(&answers), Ok(()));
        }
        assert_eq!(gate.follower.feed(&answers), Err(Violation::TooMuch));
    }

    #[test]
    fn our_own_database_may_answer_at_length_once_it_has_let_us_in() {
        let long =
            [auth(0), message(b'Z', b"I"), message(b'D', &vec![0; 2 * 1024 * 1024]).repeat(5)].concat();
        let (mut gate, _) = AuthGate::new(tokio::io::empty(), false, Traffic::Unbounded);
        assert_eq!(long.chunks(8192).try_for_each(|piece| gate.follower.feed(piece)), Ok(()));
        let endless = [auth(0), message(b'S', b"a\0b\0").repeat(100_000)].concat();
        let (mut gate, _) = AuthGate::new(tokio::io::empty(), false, Traffic::Unbounded);
        assert_eq!(gate.follower.feed(&endless), Err(Violation::TooMuch));
        let (mut gate, _) = AuthGate::new(tokio::io::empty(), false, Traffic::Unbounded);
        assert_eq!(gate.follower.feed(&auth(3)), Err(Violation::ReadablePassword { md5: false }));
    }

    #[test]
    fn a_load_test_may_be_answered_for_ever_but_not_in_one_message() {
        let through = |bytes: &[u8]| {
            let (mut gate, _) = AuthGate::new(tokio::io::empty(), false, Traffic::BoundedMessages);
            bytes.chunks(8192).try_for_each(|piece| gate.follower.feed(piece))
        };
        let signed_in = [auth(0), message(b'Z', b"I")].concat();
        let many = [signed_in.clone(), message(b'D', &vec![0; 512 * 1024]).repeat(20)].concat();
        assert_eq!(through(&many), Ok(()));
        let long = [signed_in, message(b'D', &vec![0; 2 * 1024 * 1024])].concat();
        assert_eq!(through(&long), Err(Violation::TooMuch));
        let endless = [auth(0), message(b'S', b"a\0b\0").repeat(100_000)].concat();
        assert_eq!(through(&endless), Err(Violation::TooMuch));
    }

    #[tokio::test]
    async fn nothing_of_a_refused_message_is_passed_on() {
        let bytes = auth(3);
        let (mut gate, _) = AuthGate::new(&bytes[..], false, Traffic::Bounded);
        let mut passed = Vec::new();
        let error = gate.read_to_end(&mut passed).await.unwrap_err();
        assert!(error.get_ref().is_some_and(|inner| inner.is::<Violation>()));
        assert!(passed.is_empty());
        assert!(gate.read_to_end(&mut passed).await.is_err());
    }
}
