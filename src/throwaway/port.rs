//! Loopback ports that stay ours.

use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

/// Below the range from which operating systems take the ports of outgoing connections. A port
/// from that range could be taken between a server's stop and its start; worse, a client that dials
/// a closed port of that range may be given the same port and connect to itself.
const PORTS: Range<u16> = 10_000..32_000;

/// How many ports are tried before giving up.
const ATTEMPTS: u32 = 200;

/// Listens on 127.0.0.1, on a free port between 10000 and 32000.
///
/// # Errors
/// When none of many tried can be had.
pub fn listen() -> std::io::Result<TcpListener> {
    let mut last = listen_on(fastrand::u16(PORTS));
    for _ in 1..ATTEMPTS {
        if last.is_ok() {
            break;
        }
        last = listen_on(fastrand::u16(PORTS));
    }
    last
}

/// Listens on 127.0.0.1 and the given port. On Unix the standard library sets `SO_REUSEADDR`, so
/// connections of a former listener that still linger do not stand in the way.
///
/// # Errors
/// When somebody has the port.
pub fn listen_on(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}
