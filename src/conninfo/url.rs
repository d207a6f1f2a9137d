//! Connection strings that are URLs.

use super::connection_string::{Pair, is_identifier};
use super::keys;

/// `[user[:password]@][host[:port],...][/dbname][?key=value&...]`
pub(super) fn parse(rest: &str, problems: &mut Vec<String>) -> Vec<Pair> {
    let authority_end = rest.find('/').unwrap_or(rest.len());
    // The last @ before the path, where libpq takes the first: a password with a bare @ then still works
    // and, above all, no piece of it turns up as the host in a message.
    let (userinfo, after) = match rest[..authority_end].rfind('@') {
        Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
        None => (None, rest),
    };
    let (location, query) = after.split_once('?').unwrap_or((after, ""));
    let (hosts, dbname) = location.split_once('/').unwrap_or((location, ""));
    if location.contains('@') {
        problems.push(
            "the user, password or dbname in the URL holds a bare `/`, `?` or `@`: write %2F, %3F or %40"
                .to_owned(),
        );
        return Vec::new();
    }
    let mut pairs = Vec::new();
    if let Some(userinfo) = userinfo {
        let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        pairs.push(("user", user.to_owned()));
        pairs.push(("password", password.to_owned()));
    }
    let (hosts, ports) = split_hosts(hosts, problems);
    pairs.push(("host", hosts));
    pairs.push(("port", ports));
    pairs.push(("dbname", dbname.to_owned()));
    pairs.retain(|(_, value)| !value.is_empty());
    let mut pairs: Vec<Pair> =
        pairs.into_iter().map(|(key, value)| Pair::new(key, decode(&value, key, problems))).collect();
    parse_query(query, &mut pairs, problems);
    pairs
}

fn parse_query(query: &str, pairs: &mut Vec<Pair>, problems: &mut Vec<String>) {
    // An @ this late may be the end of a password with a bare ? in it.
    let stray = query.contains('@');
    let mut after_password = false;
    for item in query.split('&').filter(|item| !item.is_empty()) {
        let Some((key, value)) = item.split_once('=') else {
            problems.push("a parameter after the ? of the URL lacks its =".to_owned());
            continue;
        };
        let key = decode(key, "a parameter's name", problems);
        let nameable = !stray && !after_password && is_identifier(&key);
        after_password = key == "password" || (after_password && !keys::is_known(&key));
        let field = if nameable { key.as_str() } else { "a parameter" };
        let value = decode(value, field, problems);
        pairs.push(Pair { key, value, nameable });
    }
}

/// Splits `a:1,[::1]:2,c` into the lists `a,::1,c` and `1,2,`; the second is empty if no port is given.
fn split_hosts(text: &str, problems: &mut Vec<String>) -> (String, String) {
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    for item in text.split(',') {
        let (host, port) = match item.strip_prefix('[').map(|rest| rest.split_once(']')) {
            Some(Some((host, ""))) => (host, ""),
            Some(Some((host, rest))) if rest.starts_with(':') => (host, &rest[1..]),
            Some(_) => {
                problems
                    .push("host in the URL: an IPv6 address must look like [::1] or [::1]:5432".to_owned());
                ("", "")
            }
            None => item.split_once(':').unwrap_or((item, "")),
        };
        hosts.push(host);
        ports.push(port);
    }
    let ports = if ports.iter().all(|port| port.is_empty()) { String::new() } else { ports.join(",") };
    (hosts.join(","), ports)
}

/// Removes percent-encoding; `+` stays a plus, as in libpq.
fn decode(text: &str, field: &str, problems: &mut Vec<String>) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let code = tail.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        // from_str_radix takes a sign, which is no hexadecimal digit.
        let code =
            code.filter(|pair| !pair.starts_with('+')).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match code {
            Some(byte) if byte != 0 => bytes.push(byte),
            _ => {
                problems.push(format!("{field} in the URL: write %25 for a bare %, and never %00"));
                return String::new();
            }
        }
        rest = &tail[2..];
    }
    String::from_utf8(bytes).unwrap_or_else(|_| {
        problems.push(format!("{field} in the URL: the percent-encoded bytes are not UTF-8"));
        String::new()
    })
}
