//! Addresses that never answer, as behind a firewall that drops: nobody takes their connections, and the queue is full.

use std::{net::Ipv4Addr, time::Duration};

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    time::timeout,
};

pub(super) struct BlackHoles(Vec<BlackHole>);

struct BlackHole {
    listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl BlackHoles {
    pub(super) async fn open(number: usize) -> Self {
        Self(join_all((0..number).map(|_| BlackHole::open())).await)
    }

    pub(super) fn targets(&self) -> impl Iterator<Item = Value> {
        self.0.iter().map(|hole| {
            let port = hole.listener.local_addr().expect("it listens").port();
            json!({"host": "127.0.0.1", "port": port, "username": "u", "password": "p", "ssl_mode": "disable"})
        })
    }
}

impl BlackHole {
    async fn open() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
        let listener = socket.listen(0).expect("it listens");
        let address = listener.local_addr().expect("it listens");
        let mut waiting = Vec::new();
        while let Ok(Ok(stream)) = timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
            waiting.push(stream);
        }
        Self { listener, _waiting: waiting }
    }
}
