//! Which servers to try: hosts, addresses, ports, and where to look when none is named.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::settings::Settings;
use super::{Host, SslMode, Target};

const PORT: u16 = 5432;

/// Pairs up hosts, addresses and ports. Passwords and TLS modes are settled afterwards.
pub(super) fn targets(settings: &mut Settings) -> Vec<Target> {
    let hosts = list(settings, "host");
    let addrs = list(settings, "hostaddr");
    let ports = list(settings, "port");
    let count = hosts.len().max(addrs.len()).max(1);
    if !hosts.is_empty() && !addrs.is_empty() && hosts.len() != addrs.len() {
        settings.complain("hostaddr", "must list as many addresses as there are hosts");
    }
    if ports.len() > 1 && ports.len() != count {
        settings.complain("port", "must be one port for all hosts, or one for each");
    }
    let both = |(host, addr): (&String, &String)| host.starts_with('/') && !addr.is_empty();
    if hosts.iter().zip(&addrs).any(both) {
        settings.complain("hostaddr", "cannot be combined with a socket directory as the host");
    }
    let ports: Vec<u16> = ports.iter().map(|text| port(settings, text)).collect();
    let addrs: Vec<Option<IpAddr>> = addrs.iter().map(|text| address(settings, text)).collect();
    let target = |i: usize| {
        let port = ports.get(i).or(ports.first()).copied().unwrap_or(PORT);
        let hostaddr = addrs.get(i).copied().flatten();
        let host = hosts.get(i).filter(|host| !host.is_empty());
        let host = match (host, hostaddr) {
            (Some(dir), _) if dir.starts_with('/') => Host::Unix(PathBuf::from(dir)),
            (Some(name), _) => Host::Tcp(name.clone()),
            (None, Some(addr)) => Host::Tcp(addr.to_string()),
            (None, None) => default_host(port, &|path| path.exists()),
        };
        Target { host, hostaddr, port, password: None, sslmode: SslMode::Disable }
    };
    (0..count).map(target).collect()
}

fn list(settings: &Settings, key: &str) -> Vec<String> {
    let text = settings.text(key).unwrap_or_default();
    if text.is_empty() { Vec::new() } else { text.split(',').map(|item| item.trim().to_owned()).collect() }
}

fn port(settings: &mut Settings, text: &str) -> u16 {
    match text.parse() {
        Ok(port) if port > 0 => port,
        _ if text.is_empty() => PORT,
        _ => {
            settings.complain("port", "must be a number from 1 to 65535");
            PORT
        }
    }
}

fn address(settings: &mut Settings, text: &str) -> Option<IpAddr> {
    let addr = IpAddr::from_str(text).ok();
    if addr.is_none() && !text.is_empty() {
        settings.complain("hostaddr", "must be an IP address; use host for names");
    }
    addr
}

/// The usual socket directory if the machine has it, even before the server is up; `/tmp` exists everywhere,
/// so there the socket itself must be present.
fn default_host(port: u16, exists: &dyn Fn(&Path) -> bool) -> Host {
    let debian = Path::new("/var/run/postgresql");
    if exists(debian) {
        Host::Unix(debian.to_owned())
    } else if exists(&PathBuf::from(format!("/tmp/.s.PGSQL.{port}"))) {
        Host::Unix(PathBuf::from("/tmp"))
    } else {
        Host::Tcp("localhost".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_host_the_usual_socket_is_taken() {
        let host = |present: &'static [&'static str]| {
            default_host(7, &|path: &Path| present.iter().any(|other| Path::new(other) == path))
        };
        assert_eq!(
            host(&["/var/run/postgresql", "/tmp/.s.PGSQL.7"]),
            Host::Unix("/var/run/postgresql".into())
        );
        assert_eq!(host(&["/tmp", "/tmp/.s.PGSQL.7"]), Host::Unix("/tmp".into()));
        assert_eq!(host(&["/tmp", "/tmp/.s.PGSQL.5432"]), Host::Tcp("localhost".to_owned()));
    }
}
