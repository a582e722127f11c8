//! Servers that are not PostgreSQL, or behave badly. Each is a guard with a port on 127.0.0.1, served by plain
//! threads, so that it answers also while the test's own async runtime is busy or has one thread.

mod listener;
mod protocol;
mod proxy;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use tokio::net::TcpSocket;

pub use listener::Faulty;
pub use proxy::Proxy;

use protocol::{Opening, error_response, read_opening};

/// Refuses every connection for as long as the guard lives: the port is bound, and nobody listens on it.
#[derive(Debug)]
pub struct RefusedPort {
    address: SocketAddr,
    _bound: TcpSocket,
}

pub fn refused_port() -> RefusedPort {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    RefusedPort { address: socket.local_addr().unwrap(), _bound: socket }
}

impl RefusedPort {
    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

/// Never answers the first packet, as a firewall that drops: its queue of waiting connections is full.
#[derive(Debug)]
pub struct BlackHole {
    listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

pub fn black_hole() -> BlackHole {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    #[cfg(unix)]
    rustix::net::listen(&listener, 0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(150)) {
        waiting.push(stream);
    }
    BlackHole { listener, _waiting: waiting }
}

impl BlackHole {
    pub fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }
}

/// Accepts, reads, and never says anything.
pub fn silent() -> Faulty {
    Faulty::serve(swallow)
}

/// Accepts and hangs up.
pub fn hangs_up() -> Faulty {
    Faulty::serve(|_| Ok(()))
}

/// Hangs up when it has read the client's first message.
pub fn hangs_up_after_hello() -> Faulty {
    Faulty::serve(|mut stream| read_opening(&mut stream).map(drop))
}

/// A web server: answers anything by 400.
pub fn http() -> Faulty {
    Faulty::serve(|mut stream| {
        stream.read_exact(&mut [0])?;
        let page = "<html><body><h1>400 Bad Request</h1></body></html>";
        write!(
            stream,
            "HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
            page.len()
        )
    })
}

/// A web server that says nothing before it has read a whole line, as most do.
pub fn http_that_waits() -> Faulty {
    Faulty::serve(|mut stream| {
        let mut byte = [0];
        while byte != *b"\n" {
            stream.read_exact(&mut byte)?;
        }
        write!(stream, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
    })
}

/// An SSH server: speaks first.
pub fn ssh_banner() -> Faulty {
    Faulty::serve(|mut stream| {
        stream.write_all(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n")?;
        swallow(stream)
    })
}

/// A MySQL server: speaks first, with its version and a challenge.
pub fn mysql() -> Faulty {
    Faulty::serve(|mut stream| {
        stream.write_all(b"\x4a\x00\x00\x00\x0a8.0.36\x00\x08\x00\x00\x00abcdefgh\x00\xff\xff\xff\x02\x00\xff\xdf\x15\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00abcdefghijkl\x00caching_sha2_password\x00")?;
        swallow(stream)
    })
}

/// Bytes that mean nothing in any protocol, the same each time.
pub fn garbage() -> Faulty {
    Faulty::serve(|mut stream| {
        let bytes: Vec<u8> =
            (0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8 | 0x80).collect();
        stream.write_all(&bytes)?;
        swallow(stream)
    })
}

/// Has no TLS, as a PostgreSQL with `ssl = off`, and says nothing after that.
pub fn says_no_to_tls() -> Faulty {
    Faulty::serve(|mut stream| {
        if matches!(read_opening(&mut stream)?, Opening::TlsRequest) {
            stream.write_all(b"N")?;
        }
        swallow(stream)
    })
}

/// Says yes to TLS and then sends no TLS.
pub fn breaks_tls() -> Faulty {
    Faulty::serve(|mut stream| {
        if matches!(read_opening(&mut stream)?, Opening::TlsRequest) {
            stream.write_all(b"S")?;
        }
        stream.read_exact(&mut [0])?;
        stream.write_all(b"this is no TLS record, whatever comes after the S")?;
        swallow(stream)
    })
}

/// Says yes to TLS and then nothing more.
pub fn stalls_in_tls() -> Faulty {
    Faulty::serve(|mut stream| {
        if matches!(read_opening(&mut stream)?, Opening::TlsRequest) {
            stream.write_all(b"S")?;
        }
        swallow(stream)
    })
}

/// Sends more bytes in plain text with its yes to TLS, for a client to take as part of the encrypted session
/// (the attack of CVE-2021-23222).
pub fn stuffs_plain_text_before_tls() -> Faulty {
    Faulty::serve(|mut stream| {
        read_opening(&mut stream)?;
        let mut bytes = b"S".to_vec();
        bytes.extend(error_response("FATAL", "28000", "stuffed in before TLS"));
        stream.write_all(&bytes)?;
        swallow(stream)
    })
}

/// Answers the request for TLS by an error in plain text, which nothing protects (CVE-2024-10977): a client
/// must not show these words as the server's.
pub fn error_instead_of_tls(message: &str) -> Faulty {
    let error = error_response("FATAL", "08P01", message);
    Faulty::serve(move |mut stream| {
        read_opening(&mut stream)?;
        stream.write_all(&error)
    })
}

/// Refuses the login (without TLS) by this SQLSTATE and message, whatever is in them.
pub fn refuses(sqlstate: &str, message: &str) -> Faulty {
    let error = error_response("FATAL", sqlstate, message);
    Faulty::serve(move |mut stream| {
        while matches!(read_opening(&mut stream)?, Opening::TlsRequest | Opening::GssRequest) {
            stream.write_all(b"N")?;
        }
        stream.write_all(&error)
    })
}

/// An error text to attack whoever shows or keeps it: HTML, control characters, a right-to-left override, line
/// breaks that look like a log, and ten megabytes of it.
pub fn hostile_error() -> Faulty {
    let mut message = String::from(
        "<img src=x onerror=alert(1)><script>alert(1)</script>\u{202E}gnp.exe\u{200B}\u{7}\u{1b}[31m\r\n2026-01-01 INFO all is well\n",
    );
    message.push_str(&"A".repeat(10_000_000));
    refuses("28000", &message)
}

/// Announces a message of a gigabyte and sends one byte of it now and then: no read ever waits long, and the
/// whole never ends.
pub fn drips() -> Faulty {
    Faulty::serve(|mut stream| {
        while matches!(read_opening(&mut stream)?, Opening::TlsRequest | Opening::GssRequest) {
            stream.write_all(b"N")?;
        }
        stream.write_all(b"E\x3f\xff\xff\xff")?;
        loop {
            stream.write_all(b"S")?;
            thread::sleep(Duration::from_millis(50));
        }
    })
}

/// Asks for the password in plain text, without TLS, and takes whatever comes: see [`Faulty::received`].
pub fn asks_for_plain_password() -> Faulty {
    Faulty::serve(|mut stream| {
        while matches!(read_opening(&mut stream)?, Opening::TlsRequest | Opening::GssRequest) {
            stream.write_all(b"N")?;
        }
        stream.write_all(b"R\x00\x00\x00\x08\x00\x00\x00\x03")?;
        swallow(stream)
    })
}

fn swallow(mut stream: impl Read) -> io::Result<()> {
    io::copy(&mut stream, &mut io::sink()).map(drop)
}
