//! Which addresses may be dialled. Whoever writes the URL of a subscription, or owns its name, must not reach through the
//! relay what the relay alone can reach. So: public addresses, and what the configuration allows. Decisions alone; `dial`
//! asks for each address that it is about to connect to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// What is not a public address: the special-purpose registries of IANA (RFC 6890 and its successors), and why.
const SPECIAL_V4: [(Ipv4Net, &str); 15] = [
    (v4(0, 0, 0, 0, 8), "this machine or network"),
    (v4(10, 0, 0, 0, 8), "private"),
    (v4(100, 64, 0, 0, 10), "shared behind a provider's NAT"),
    (v4(127, 0, 0, 0, 8), "loopback"),
    (v4(169, 254, 0, 0, 16), "link-local, where clouds keep their metadata"),
    (v4(172, 16, 0, 0, 12), "private"),
    (v4(192, 0, 0, 0, 24), "for protocols"),
    (v4(192, 0, 2, 0, 24), "for documentation"),
    (v4(192, 88, 99, 0, 24), "for 6to4 relays"),
    (v4(192, 168, 0, 0, 16), "private"),
    (v4(198, 18, 0, 0, 15), "for benchmarks"),
    (v4(198, 51, 100, 0, 24), "for documentation"),
    (v4(203, 0, 113, 0, 24), "for documentation"),
    (v4(224, 0, 0, 0, 4), "multicast"),
    (v4(240, 0, 0, 0, 4), "reserved"),
];
/// The same of IPv6. Those that lead on to an IPv4 address are among them: see [`embedded`].
const SPECIAL_V6: [(Ipv6Net, &str); 14] = [
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), "loopback"),
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 64), "unspecified, or an IPv4 address written otherwise"),
    (v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96), "NAT64"),
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), "NAT64 of a network"),
    (v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64), "for discarding"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), "for protocols, Teredo among them"),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), "for documentation"),
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), "6to4"),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "for documentation"),
    (v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16), "for segment routing"),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "private"),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "link-local"),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), "private, as it was once"),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "multicast"),
];

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(s: [u16; 8], length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]), length)
}

/// A network that may be dialled although it is not public: `CIDR`, `CIDR:PORT` or `CIDR:PORT-PORT`; where a port follows, an
/// IPv6 network stands in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    network: IpNet,
    ports: RangeInclusive<u16>,
}

impl Allowed {
    /// All of loopback: this machine itself.
    #[must_use]
    pub fn loopback() -> [Self; 2] {
        let all = |network| Self { network, ports: 1..=u16::MAX };
        [all(SPECIAL_V4[3].0.into()), all(SPECIAL_V6[0].0.into())]
    }

    fn contains(&self, ip: IpAddr, port: u16) -> bool {
        self.network.contains(&ip) && self.ports.contains(&port)
    }
}

impl FromStr for Allowed {
    type Err = String;

    /// What it says on failure is the rest of a sentence.
    fn from_str(text: &str) -> Result<Self, String> {
        let (network, ports) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((inside, "")) => (inside, None),
            Some((inside, rest)) => (inside, Some(rest.strip_prefix(':').unwrap_or(rest))),
            None if text.matches(':').count() == 1 => {
                text.split_once(':').map_or((text, None), |(network, ports)| (network, Some(ports)))
            }
            None => (text, None),
        };
        let network = network.parse().or_else(|_| network.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
            "it must be a network or an address, and ports if need be: 10.1.0.0/16, 10.1.2.3:8443, [fd00::/8]:443-8443"
        })?;
        let network: IpNet = network;
        if network.trunc() != network {
            return Err(format!("that is an address within {}: write one or the other", network.trunc()));
        }
        let ports = match ports {
            None => 1..=u16::MAX,
            Some(text) => {
                let (first, last) = text.split_once('-').unwrap_or((text, text));
                match (first.parse(), last.parse()) {
                    (Ok(first), Ok(last)) if 1 <= first && first <= last => first..=last,
                    _ => return Err("its ports must be one of 1 to 65535, or two and a dash".to_owned()),
                }
            }
        };
        Ok(Self { network, ports })
    }
}

/// Something of ours that nobody's webhooks may reach, whatever is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    /// For people: `the relay's database`.
    pub what: &'static str,
    /// Where it is.
    pub host: OwnHost,
    /// Its TCP port.
    pub port: u16,
}

/// Where something of ours is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnHost {
    /// At every address of this machine.
    Machine,
    /// At one address.
    Address(IpAddr),
    /// At the addresses of a name.
    Name(String),
}

/// What may be dialled.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    allowed: Vec<Allowed>,
    own: Vec<Own>,
}

impl Guard {
    /// Public addresses, and these.
    #[must_use]
    pub fn new(allowed: Vec<Allowed>) -> Self {
        Self { allowed, own: Vec::new() }
    }

    /// Keeps everybody away from something of ours.
    pub fn protect(&mut self, own: Own) {
        self.own.push(own);
    }

    /// What of ours has this port.
    pub(super) fn own_at(&self, port: u16) -> impl Iterator<Item = &Own> {
        self.own.iter().filter(move |own| own.port == port)
    }

    /// Why an address may not be dialled; `None` when it may.
    pub(super) fn objection(&self, address: SocketAddr) -> Option<Objection> {
        let allowed = |ip| self.allowed.iter().any(|allowed| allowed.contains(ip, address.port()));
        faces(address.ip()).into_iter().filter(|ip| !allowed(*ip)).find_map(special)
    }
}

/// What is held against an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Objection {
    /// The address, or the one that it leads on to.
    pub(super) ip: IpAddr,
    /// The network that this one is in.
    pub(super) network: IpNet,
    /// What that network is.
    pub(super) what: &'static str,
}

/// An address as it will be dialled, and the one that it leads on to.
pub(super) fn faces(ip: IpAddr) -> Vec<IpAddr> {
    let ip = ip.to_canonical();
    match ip {
        IpAddr::V4(_) => vec![ip],
        IpAddr::V6(v6) => [Some(ip), embedded(v6).map(IpAddr::V4)].into_iter().flatten().collect(),
    }
}

/// The IPv4 address that a translator, a tunnel or an old notation makes of an IPv6 address.
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = ip.segments();
    let at = |first: usize| u32::from(segments[first]) << 16 | u32::from(segments[first + 1]);
    let found = match segments {
        [0, 0, 0, 0, ..] if !ip.is_unspecified() && !ip.is_loopback() => at(6),
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => at(6),
        [0x2002, ..] => at(1),
        // Teredo: the client's address, with every bit turned over.
        [0x2001, 0, ..] => !at(6),
        _ => return None,
    };
    Some(Ipv4Addr::from_bits(found))
}

fn special(ip: IpAddr) -> Option<Objection> {
    let (network, what) = match ip {
        IpAddr::V4(v4) => {
            let (network, what) = SPECIAL_V4.iter().find(|(network, _)| network.contains(&v4))?;
            (IpNet::V4(*network), *what)
        }
        IpAddr::V6(v6) => {
            let (network, what) = SPECIAL_V6.iter().find(|(network, _)| network.contains(&v6))?;
            (IpNet::V6(*network), *what)
        }
    };
    Some(Objection { ip, network, what })
}

#[cfg(test)]
#[path = "address/tests.rs"]
mod tests;
