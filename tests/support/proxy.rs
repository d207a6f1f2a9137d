//! A TCP path that can go dead: what is between two machines when a firewall forgets a connection.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::net;

/// How often a stream looks whether it has been silenced.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Passes bytes on between whoever connects and one address. It ends with the process.
pub struct Proxy {
    port: u16,
    silent: Arc<AtomicBool>,
}

impl Proxy {
    /// Listens on 127.0.0.1.
    pub fn start(to: SocketAddr) -> Self {
        let listener = net::listen();
        let port = net::port_of(&listener);
        let silent = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&silent);
        thread::spawn(move || accept(&listener, to, &flag));
        Self { port, silent }
    }

    /// Where to connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on nothing comes through, in either direction, and nobody is told: connections stay open, new ones
    /// are accepted and mute.
    pub fn go_silent(&self) {
        self.silent.store(true, Ordering::SeqCst);
    }

    /// Lets everything through again, also what has been held back.
    pub fn come_back(&self) {
        self.silent.store(false, Ordering::SeqCst);
    }
}

fn accept(listener: &TcpListener, to: SocketAddr, silent: &Arc<AtomicBool>) {
    for client in listener.incoming().map_while(Result::ok) {
        let Ok(server) = TcpStream::connect(to) else { continue };
        for (from, to) in [(&client, &server), (&server, &client)] {
            let (from, to) = (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
            let silent = Arc::clone(silent);
            thread::spawn(move || carry(from, to, &silent));
        }
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, silent: &AtomicBool) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count) = from.read(&mut bytes) {
        while silent.load(Ordering::SeqCst) {
            thread::sleep(LOOK_EVERY);
        }
        if count == 0 || to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    // Whichever side has ended, the other one is told; it may have ended as well.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
