//! Faulty servers fail in just the way their names say.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test ends where something is not as it must be

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use testkit::faulty::{self, Proxy};
use testkit::{Cluster, Version};
use tokio_postgres::NoTls;

fn connect(port: u16) -> io::Result<TcpStream> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = TcpStream::connect_timeout(&address, Duration::from_millis(300))?;
    stream.set_read_timeout(Some(Duration::from_millis(300)))?;
    Ok(stream)
}

/// What the server says after a request for TLS.
fn answer_to_tls_request(port: u16) -> io::Result<Vec<u8>> {
    let mut stream = connect(port)?;
    stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47])?;
    let mut answer = vec![0; 64];
    let count = stream.read(&mut answer)?;
    answer.truncate(count);
    Ok(answer)
}

#[test]
fn a_refused_port_refuses_and_a_black_hole_does_not_even_that() {
    let refused = faulty::refused_port();
    assert_eq!(connect(refused.port()).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    let hole = faulty::black_hole();
    assert_eq!(connect(hole.port()).unwrap_err().kind(), ErrorKind::TimedOut);
}

#[test]
fn a_silent_server_accepts_and_says_nothing() {
    let silent = faulty::silent();
    let error = answer_to_tls_request(silent.port()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    assert_eq!((silent.connections(), silent.received().len()), (1, 8));
}

#[test]
fn servers_of_other_kinds_answer_in_their_own_words() {
    assert!(answer_to_tls_request(faulty::http().port()).unwrap().starts_with(b"HTTP/1.1 400"));
    assert!(answer_to_tls_request(faulty::ssh_banner().port()).unwrap().starts_with(b"SSH-2.0-"));
    assert_eq!(answer_to_tls_request(faulty::says_no_to_tls().port()).unwrap(), b"N");
    assert_eq!(answer_to_tls_request(faulty::breaks_tls().port()).unwrap(), b"S");
    assert_eq!(answer_to_tls_request(faulty::error_instead_of_tls("x").port()).unwrap()[0], b'E');
    assert!(answer_to_tls_request(faulty::stuffs_plain_text_before_tls().port()).unwrap().starts_with(b"SE"));
    assert_eq!(answer_to_tls_request(faulty::hangs_up().port()).unwrap_or_default(), b"");
}

#[tokio::test]
async fn a_refusal_carries_its_code_and_its_words_to_a_real_client() {
    for (server, code, words) in [
        (faulty::refuses("53300", "sorry, too many clients already"), "53300", "too many clients"),
        (faulty::hostile_error(), "28000", "<script>"),
    ] {
        let url = format!("postgresql://a:b@127.0.0.1:{}/c", server.port());
        let error = tokio_postgres::connect(&url, NoTls).await.map(drop).unwrap_err();
        let error = error.as_db_error().unwrap();
        assert_eq!(error.code().code(), code);
        assert!(error.message().contains(words));
    }
}

#[tokio::test]
async fn a_stalled_proxy_lets_nothing_pass_until_it_resumes() {
    let cluster = Cluster::start(Version::V18).await;
    let proxy = Proxy::to(cluster.port());
    let url = cluster.url("postgres").replace(&cluster.port().to_string(), &proxy.port().to_string());
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.query_one("SELECT 1", &[]).await.unwrap();
    proxy.stall();
    let asked = client.simple_query("SELECT 1");
    tokio::pin!(asked);
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut asked).await.is_err());
    proxy.resume();
    asked.await.unwrap();
    proxy.cut();
    let ended = connection.await.unwrap();
    assert!(ended.is_err() || client.is_closed());
    assert_eq!(proxy.connections(), 1);
}
