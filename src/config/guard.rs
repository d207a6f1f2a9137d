//! `--allow-address`, and what no option allows.

use std::net::SocketAddr;

use super::ConfigError;
use crate::conninfo::{Conninfo, Host};
use crate::delivery::{Allowed, Guard, Own, OwnHost};

/// What may be connected to.
///
/// # Errors
/// All networks that are none.
pub fn guard(allowed: &[String]) -> Result<Guard, ConfigError> {
    let mut problems = Vec::new();
    let given = allowed.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
    let read = given.filter_map(|text| {
        let read = text.parse::<Allowed>();
        read.map_err(|problem| problems.push(format!("--allow-address is {text:?}: {problem}"))).ok()
    });
    let guard = Guard::new(read.collect());
    if problems.is_empty() { Ok(guard) } else { Err(ConfigError(problems)) }
}

/// The servers of a database, each as something that webhooks must not reach.
#[must_use]
pub fn own_database(database: &Conninfo) -> Vec<Own> {
    let own = |target: &crate::conninfo::Target| {
        let host = match (&target.host, target.hostaddr) {
            (_, Some(address)) => OwnHost::Address(address),
            // A server with a socket here may listen at a port here as well.
            (Host::Unix(_), None) => OwnHost::Machine,
            (Host::Tcp(name), None) => {
                name.parse().map_or_else(|_| OwnHost::Name(name.clone()), OwnHost::Address)
            }
        };
        Own { what: "the relay's own database", host, port: target.port }
    };
    database.targets.iter().map(own).collect()
}

/// The same of the ops listener.
#[must_use]
pub fn own_listener(address: SocketAddr) -> Own {
    let host = if address.ip().is_unspecified() { OwnHost::Machine } else { OwnHost::Address(address.ip()) };
    Own { what: "the relay's own --ops-listen", host, port: address.port() }
}
