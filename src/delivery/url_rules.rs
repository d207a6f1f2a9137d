//! Which URLs can be posted to: the rules of `outbox.check_url()`, for those that the database never sees. A test compares
//! the two.

use std::net::{Ipv4Addr, Ipv6Addr};

/// What is wrong with a URL, as the rest of a sentence; `None` when nothing is.
#[must_use]
pub fn url_problem(url: &str, http_allowed: bool) -> Option<&'static str> {
    let authority = authority(url);
    let (host, port) = authority.map(parts).unwrap_or_default();
    let rules: [(bool, &'static str); 12] = [
        (url.is_empty(), "it is empty"),
        (url.chars().count() > 2048, "it is longer than 2048 characters"),
        (
            url.chars().any(|c| c.is_whitespace() || c.is_control()),
            "it contains white space or a control character",
        ),
        (
            !url.bytes().all(|c| (0x21..=0x7e).contains(&c)),
            "it contains characters outside ASCII: write the host in punycode (xn--) and percent-encode the rest",
        ),
        (authority.is_none(), "it is not absolute"),
        (
            url.starts_with("http://") && !http_allowed,
            "http:// is not allowed here: use https://, or for trials set outbox.setting.http_allowed",
        ),
        (!url.starts_with("https://") && !url.starts_with("http://"), "its scheme is not https"),
        (
            url.contains(['<', '>', '"', '\\', '^', '`', '{', '|', '}']),
            "it contains a character that must be percent-encoded",
        ),
        (url.contains('#'), "it has a fragment (#), which is never sent"),
        (
            authority.is_some_and(|authority| authority.contains('@')),
            "it has a user name or password: put credentials into a header",
        ),
        (host.is_none_or(str::is_empty), "it has no host"),
        (port.is_some_and(|port| !is_port(port)), "its port is not 1 to 65535"),
    ];
    let broken = rules.into_iter().find(|(broken, _)| *broken).map(|(_, problem)| problem);
    broken.or_else(|| host_problem(host.unwrap_or_default()))
}

/// What stands between `scheme://` and the path.
fn authority(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let mut letters = scheme.bytes();
    let is_scheme = letters.next().is_some_and(|c| c.is_ascii_alphabetic())
        && letters.all(|c| c.is_ascii_alphanumeric() || b"+.-".contains(&c));
    is_scheme.then(|| rest.split(['/', '?', '#']).next().unwrap_or_default())
}

/// Host and port; the colons between brackets belong to the host.
fn parts(authority: &str) -> (Option<&str>, Option<&str>) {
    let end = match authority.find(']') {
        Some(end) if authority.starts_with('[') => end + 1,
        None if authority.starts_with('[') => return (Some("["), None),
        _ => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at(end);
    match rest.strip_prefix(':') {
        Some(port) => (Some(host), Some(port)),
        // What follows a bracket must be a port.
        None => (Some(if rest.is_empty() { host } else { "[" }), None),
    }
}

fn is_port(text: &str) -> bool {
    (1..=5).contains(&text.len())
        && text.bytes().all(|c| c.is_ascii_digit())
        && text.parse::<u32>().is_ok_and(|port| (1..=65535).contains(&port))
}

fn host_problem(host: &str) -> Option<&'static str> {
    if host.ends_with('.') {
        return Some("its host ends in a dot");
    }
    if let Some(inside) = host.strip_prefix('[') {
        let inside = inside.strip_suffix(']').unwrap_or(inside);
        if inside.contains('%') {
            return Some("its address has a zone");
        }
        let plain = |c: u8| c.is_ascii_hexdigit() || c == b':' || c == b'.';
        return if !inside.contains(':') || !inside.bytes().all(plain) {
            Some("its host is not an IPv6 address")
        } else if inside.parse::<Ipv6Addr>().is_err() {
            Some("its host is not an IP address")
        } else {
            None
        };
    }
    let edge = |c: Option<&u8>| c.is_some_and(u8::is_ascii_alphanumeric);
    let label = |label: &str| {
        let label = label.as_bytes();
        edge(label.first())
            && edge(label.last())
            && label.iter().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-'))
    };
    if !host.split('.').all(label) {
        return Some("its host is not a name");
    }
    // 2130706433, 0x7f.1, 127.1 and 0177.0.0.1 are all 127.0.0.1 to some resolvers.
    let numbers: Vec<&str> = host.split('.').collect();
    if numbers.iter().all(|number| is_number(number)) {
        if numbers.len() != 4 || !numbers.iter().all(|number| is_plain_number(number)) {
            return Some("its host is a number: write an address as four decimal numbers");
        }
        return host.parse::<Ipv4Addr>().is_err().then_some("its host is not an IP address");
    }
    None
}

fn is_number(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    match lower.strip_prefix("0x") {
        Some(hex) => hex.bytes().all(|c| c.is_ascii_hexdigit()),
        None => lower.bytes().all(|c| c.is_ascii_digit()),
    }
}

/// Three decimal digits at most, none of them a leading zero.
fn is_plain_number(text: &str) -> bool {
    text.len() <= 3 && text.bytes().all(|c| c.is_ascii_digit()) && (text == "0" || !text.starts_with('0'))
}
