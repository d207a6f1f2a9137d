//! Loopback ports that stay ours, or a panic.

use std::net::TcpListener;

use outboxd::throwaway::port;

/// Listens on 127.0.0.1, on a free port that no outgoing connection is given.
pub fn listen() -> TcpListener {
    port::listen().expect("a free port between 10000 and 32000")
}

/// Listens on 127.0.0.1 and the given port.
///
/// # Errors
/// When somebody has it.
pub fn listen_on(port: u16) -> std::io::Result<TcpListener> {
    port::listen_on(port)
}

/// The port a listener is bound to.
pub fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().expect("a bound listener has an address").port()
}
