//! A proxy before a real server, whose network can be made to fail at any moment.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Instant;

/// Forwards 127.0.0.1 and its own port to a port of 127.0.0.1, until it is told otherwise or dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Since when nothing passes.
    stalled: Option<Instant>,
    pauses: Vec<(Instant, Instant)>,
    answers: Vec<Instant>,
    ending: bool,
    accepted: usize,
    open: Vec<TcpStream>,
}

impl Proxy {
    pub fn to(port: u16) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let accepting = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                for client in listener.incoming() {
                    if shared.state.lock().unwrap().ending {
                        return;
                    }
                    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
                    // a server that is away: the client's connection closes
                    if let (Ok(client), Ok(server)) = (client, server) {
                        let _ = shared.join(client, server);
                    }
                }
            })
        };
        Proxy { address, shared, accepting: Some(accepting) }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many connections came so far.
    pub fn connections(&self) -> usize {
        self.shared.state.lock().unwrap().accepted
    }

    /// From now on no byte passes, in either direction; connections stay open, and new ones are accepted.
    pub fn stall(&self) {
        self.shared.state.lock().unwrap().stalled.get_or_insert_with(Instant::now);
    }

    pub fn resume(&self) {
        {
            let mut state = self.shared.state.lock().unwrap();
            if let Some(since) = state.stalled.take() {
                state.pauses.push((since, Instant::now()));
            }
        }
        self.shared.changed.notify_all();
    }

    /// From when to when nothing passed, of every stall that is over.
    pub fn pauses(&self) -> Vec<(Instant, Instant)> {
        self.shared.state.lock().unwrap().pauses.clone()
    }

    /// When something was passed on from the server, in order.
    pub fn answers(&self) -> Vec<Instant> {
        self.shared.state.lock().unwrap().answers.clone()
    }

    /// Ends all connections that are open; new ones pass.
    pub fn cut(&self) {
        for stream in self.shared.state.lock().unwrap().open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn join(self: &Arc<Self>, client: TcpStream, server: TcpStream) -> io::Result<()> {
        // a proxy that adds delays of its own would blur what tests measure
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let ways = [
            (client.try_clone()?, server.try_clone()?, false),
            (server.try_clone()?, client.try_clone()?, true),
        ];
        {
            let mut state = self.state.lock().unwrap();
            state.accepted += 1;
            state.open.extend([client, server]);
        }
        for (from, to, answers) in ways {
            let shared = Arc::clone(self);
            thread::spawn(move || {
                let _ = shared.forward(&from, &to, answers);
                let _ = to.shutdown(Shutdown::Write);
            });
        }
        Ok(())
    }

    fn forward(&self, mut from: &TcpStream, mut to: &TcpStream, answers: bool) -> io::Result<()> {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let count = from.read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            let state = self.state.lock().unwrap();
            let waiting = |state: &mut State| state.stalled.is_some() && !state.ending;
            let mut state = self.changed.wait_while(state, waiting).unwrap();
            if answers {
                state.answers.push(Instant::now());
            }
            drop(state);
            to.write_all(&buffer[..count])?;
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.state.lock().unwrap().ending = true;
        self.shared.changed.notify_all();
        self.cut();
        // wakes the thread that accepts
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.accepting.take() {
            let _ = thread.join();
        }
        // what came in between
        self.cut();
    }
}
