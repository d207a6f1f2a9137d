//! A server that writes bytes, for answers no HTTP library would produce.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use openssl::ssl::SslAcceptor;

use super::net;
use super::tls::TlsOptions;

/// The longest a script waits for bytes that do not come.
const IO_TIMEOUT: Duration = Duration::from_secs(30);

/// A stream in both directions, TLS or not.
pub trait Duplex: Read + Write {}
impl<T: Read + Write> Duplex for T {}

/// Runs a script on every connection; the connection closes when the script returns.
pub struct RawReceiver {
    port: u16,
    tls: bool,
    connections: Arc<AtomicUsize>,
    stopping: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl RawReceiver {
    /// Listens on a free port of 127.0.0.1. Connections whose TLS handshake fails are dropped.
    pub fn start(tls: Option<&TlsOptions>, script: impl Fn(&mut dyn Duplex) + Send + Sync + 'static) -> Self {
        let listener = net::listen();
        let port = net::port_of(&listener);
        let acceptor = tls.map(TlsOptions::acceptor);
        let (connections, stopping) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (counter, stop) = (Arc::clone(&connections), Arc::clone(&stopping));
        let script = Arc::new(script);
        let accepting = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                counter.fetch_add(1, Ordering::SeqCst);
                let (acceptor, script) = (acceptor.clone(), Arc::clone(&script));
                thread::spawn(move || serve(stream, acceptor.as_ref(), script.as_ref()));
            }
        });
        Self { port, tls: tls.is_some(), connections, stopping, accepting: Some(accepting) }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a path, which begins with `/`.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://localhost:{}{path}", self.port)
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for RawReceiver {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // Only a connection makes a blocked `accept` return.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
        if let Some(accepting) = self.accepting.take() {
            drop(accepting.join());
        }
    }
}

fn serve(mut stream: TcpStream, acceptor: Option<&SslAcceptor>, script: &dyn Fn(&mut dyn Duplex)) {
    stream.set_read_timeout(Some(IO_TIMEOUT)).expect("a time-out can be set");
    stream.set_write_timeout(Some(IO_TIMEOUT)).expect("a time-out can be set");
    match acceptor {
        None => script(&mut stream),
        Some(acceptor) => {
            if let Ok(mut stream) = acceptor.accept(stream) {
                script(&mut stream);
            }
        }
    }
}

/// Reads one request, its body included, as far as it comes. A script that answers without having
/// read makes the kernel reset the connection, which is another test than a malformed answer.
pub fn read_request(stream: &mut dyn Duplex) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while !is_complete(&bytes) {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
        }
    }
    bytes
}

fn is_complete(bytes: &[u8]) -> bool {
    let Some(head_length) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&bytes[..head_length]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    bytes.len() >= head_length + 4 + length.unwrap_or(0_usize)
}
