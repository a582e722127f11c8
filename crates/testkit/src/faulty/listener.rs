//! The listening half of every faulty server: a thread for each connection, all ended with the guard.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// A server on 127.0.0.1 that runs until it is dropped.
#[derive(Debug)]
pub struct Faulty {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    ending: AtomicBool,
    received: Mutex<Vec<u8>>,
    open: Mutex<Vec<TcpStream>>,
}

/// A client's connection; what is read from it is remembered.
pub(super) struct Conversation {
    stream: TcpStream,
    shared: Arc<Shared>,
}

impl Faulty {
    pub(super) fn serve(talk: impl Fn(Conversation) -> io::Result<()> + Send + Sync + 'static) -> Faulty {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let accepting = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || accept(&listener, &shared, &Arc::new(talk)))
        };
        Faulty { address, shared, accepting: Some(accepting) }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many connections came so far.
    pub fn connections(&self) -> usize {
        self.shared.open.lock().unwrap().len()
    }

    /// Everything that clients sent so far.
    pub fn received(&self) -> Vec<u8> {
        self.shared.received.lock().unwrap().clone()
    }
}

fn accept<T>(listener: &TcpListener, shared: &Arc<Shared>, talk: &Arc<T>)
where
    T: Fn(Conversation) -> io::Result<()> + Send + Sync + 'static,
{
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        let Ok(kept) = stream.try_clone() else { continue };
        {
            // under the lock of `open`: a connection is either in it before the end, or comes after
            let mut open = shared.open.lock().unwrap();
            if shared.ending.load(Ordering::SeqCst) {
                return;
            }
            open.push(kept);
        }
        let (talk, shared) = (Arc::clone(talk), Arc::clone(shared));
        thread::spawn(move || {
            let closing = stream.try_clone();
            // the client went away, or the guard did: both are an end
            let _ = talk(Conversation { stream, shared });
            if let Ok(stream) = closing {
                let _ = stream.shutdown(Shutdown::Both);
            }
        });
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        {
            let open = self.shared.open.lock().unwrap();
            self.shared.ending.store(true, Ordering::SeqCst);
            for stream in open.iter() {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        // wakes the thread that accepts
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.accepting.take() {
            let _ = thread.join();
        }
    }
}

impl Read for Conversation {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        if count == 0 {
            return Ok(0);
        }
        self.shared.received.lock().unwrap().extend_from_slice(&buffer[..count]);
        Ok(count)
    }
}

impl Write for Conversation {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
