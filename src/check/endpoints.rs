//! Where POSTs go: endpoints and identities that subscriptions name, plain HTTP, and what a handshake came to.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::Value;

use super::{Certificate, Finding, list, text, whole};

/// What subscriptions may name without any folder.
const DEFAULT: &str = "default";

/// One endpoint of one or several subscriptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Whose it is: the first of them.
    pub subscriber: String,
    /// The URL without its query.
    pub endpoint: String,
    /// `endpoint:NAME`, where the subscription has that.
    pub name: Option<String>,
    /// The identity that is named, if one is.
    pub identity: Option<String>,
    /// How many subscriptions go there.
    pub subscriptions: usize,
}

/// Puts URLs in the place of names, which become `name`. What `resolve` does not know is left out and told.
pub fn resolved(facts: &mut Value, resolve: impl Fn(&str) -> Result<String, String>) -> Vec<Finding> {
    let Some(all) = facts["destinations"].as_array_mut() else { return Vec::new() };
    let mut unknown: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let mut known: BTreeSet<String> = BTreeSet::new();
    all.retain_mut(|one| {
        let endpoint = text(one, "endpoint").to_owned();
        if !endpoint.starts_with("endpoint:") {
            return true;
        }
        match resolve(&endpoint) {
            Ok(url) => {
                let name = endpoint.split('/').next().unwrap_or_default();
                known.insert(name.to_owned());
                one["name"] = name.into();
                // Its query may hold a token.
                one["endpoint"] = url.split('?').next().unwrap_or_default().into();
                true
            }
            Err(problem) => {
                unknown.entry(problem).or_default().push(whole(one, "id"));
                false
            }
        }
    });
    let mut findings: Vec<Finding> = unknown
        .into_iter()
        .map(|(problem, ids)| {
            let more = if ids.len() > 1 { format!(" and {} more", ids.len() - 1) } else { String::new() };
            let what = format!("subscription {}{more}: {problem}", ids.first().copied().unwrap_or_default());
            Finding::problem("subscriptions", what)
                .why(
                    "every attempt fails until then; check with the relay's --endpoints file and environment",
                )
                .remedy("outboxd check --endpoints FILE")
        })
        .collect();
    if findings.is_empty() && !known.is_empty() {
        let names: Vec<_> = known.iter().map(|name| name.trim_start_matches("endpoint:")).collect();
        findings.push(Finding::ok(
            "subscriptions",
            format!("endpoints known here by name: {}", names.join(", ")),
        ));
    }
    findings
}

/// The active endpoints, each host and port with each identity once.
#[must_use]
pub fn destinations(facts: &Value) -> Vec<Destination> {
    let mut found: BTreeMap<(String, Option<String>), Destination> = BTreeMap::new();
    for one in list(facts, "destinations").iter().filter(|one| one["active"] == true) {
        let endpoint = text(one, "endpoint");
        let identity = one["identity"].as_str().map(str::to_owned);
        // Scheme, host and port: what a connection is made for.
        let server = endpoint.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        let destination = found.entry((server.clone(), identity.clone())).or_insert_with(|| Destination {
            subscriber: text(one, "subscriber").to_owned(),
            endpoint: server,
            name: one["name"].as_str().map(str::to_owned),
            identity,
            subscriptions: 0,
        });
        destination.subscriptions += 1;
    }
    found.into_values().collect()
}

/// Subscriptions that name an identity which is not there. `known`: the names in the folder, `None` when there is none.
#[must_use]
pub fn named(facts: &Value, known: Option<&BTreeSet<String>>, folder: &str) -> Vec<Finding> {
    let mut missing: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for one in list(facts, "destinations").iter().filter(|one| text(one, "endpoint").starts_with("https:")) {
        let Some(name) = one["identity"].as_str().filter(|name| *name != DEFAULT) else { continue };
        if known.is_none_or(|known| !known.contains(name)) {
            missing.entry(name).or_default().push(whole(one, "id"));
        }
    }
    let finding = |(name, ids): (&str, Vec<i64>)| {
        let of = match ids.as_slice() {
            [one] => format!("subscription {one} names"),
            [first, ..] => format!("subscription {first} and {} more name", ids.len() - 1),
            [] => return None,
        };
        let of = format!("{of} identity {name}");
        Some(match known {
            None => Finding::warning("certificates", format!("{of}; no --identities folder was given to look in"))
                .remedy("outboxd check --identities FOLDER"),
            Some(_) => Finding::problem("certificates", format!("{of}, which is not in {folder}"))
                .why(format!("every attempt fails; put tls.crt, tls.key and ca.crt into {folder}/{name}, or take default"))
                .remedy(format!("update outbox.subscription set identity = null where identity = '{name}';")),
        })
    };
    missing.into_iter().filter_map(finding).collect()
}

/// Subscriptions without TLS, but for this machine.
#[must_use]
pub fn http(facts: &Value) -> Option<Finding> {
    let plain: Vec<&Value> = list(facts, "destinations")
        .iter()
        .filter(|one| text(one, "endpoint").starts_with("http:"))
        .filter(|one| !is_local(text(one, "endpoint")))
        .collect();
    let (first, name) = (whole(plain.first()?, "id"), plain.first()?["name"].as_str());
    let others = if plain.len() > 1 { format!(" and {} more", plain.len() - 1) } else { String::new() };
    let finding = Finding::warning("subscriptions", format!("subscription {first}{others}: plain HTTP"));
    let why = "everybody on the way can read events and credentials, and answer in the subscriber's place";
    Some(match name {
        None => finding.why(why).remedy(format!(
            "update outbox.subscription set url = replace(url, 'http://', 'https://') where id = {first};"
        )),
        Some(name) => finding
            .why(format!(
                "{why}; the URL is the relay's for {name}, which it refuses unless outbox.setting.http_allowed"
            ))
            .remedy("give it an https URL in the relay's --endpoints file or environment"),
    })
}

/// Whether the host of an http URL is this machine itself.
fn is_local(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// What became of a second handshake, as a stranger who shows no certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stranger {
    /// Turned away: a client certificate is demanded.
    Refused,
    /// Let in.
    Taken,
    /// It failed for a reason that has nothing to do with certificates, in this sentence.
    Unknown(String),
    /// There was none: we have no certificate to leave out.
    Ourselves,
}

/// What a handshake came to: the certificate that was shown (none without TLS), what became of a stranger, or the sentence of
/// the attempt that would fail.
#[must_use]
pub fn shaken(
    at: &Destination,
    outcome: Result<Option<Certificate>, String>,
    stranger: Stranger,
    now: i64,
) -> Finding {
    let identity = at.identity.as_deref().unwrap_or(DEFAULT);
    let name = at.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    let who = format!("{} at {}{name}", at.subscriber, at.endpoint);
    let certificate = match outcome {
        Err(sentence) => {
            return Finding::problem("handshake", format!("{who}, identity {identity}"))
                .why(sentence)
                .remedy("outboxd check --handshake --identities FOLDER  # once more, when that is mended here or there");
        }
        Ok(None) => return Finding::ok("handshake", format!("{who} takes connections, without TLS")),
        Ok(Some(certificate)) => certificate,
    };
    let remedy = format!("ask {} to renew it", at.subscriber);
    if let Some(finding) = certificate.judge("handshake", now, &remedy) {
        return finding;
    }
    let client = match stranger {
        Stranger::Refused => format!("demands a client certificate and takes that of identity {identity}"),
        Stranger::Taken => {
            format!("demands no client certificate, and would be shown that of identity {identity}")
        }
        Stranger::Ourselves => "takes us without a client certificate".to_owned(),
        Stranger::Unknown(sentence) => {
            let what = format!(
                "{who} takes identity {identity}; whether it demands a client certificate is unknown"
            );
            return Finding::warning("handshake", what)
                .why(format!("a second connection, without one, failed otherwise: {sentence}"))
                .remedy("outboxd check --handshake --identities FOLDER");
        }
    };
    Finding::ok(
        "handshake",
        format!("{who} shows {}, verified, valid {}; {client}", certificate.name, certificate.until(now)),
    )
}

/// Whether the successor of our certificate is taken as well: that is to be known before the current one ends.
#[must_use]
pub fn shaken_with_next(at: &Destination, outcome: Result<(), String>) -> Finding {
    let identity = at.identity.as_deref().unwrap_or(DEFAULT);
    let who = format!("{} at {}", at.subscriber, at.endpoint);
    match outcome {
        Ok(()) => {
            Finding::ok("handshake", format!("{who} takes the next certificate of identity {identity}"))
        }
        Err(sentence) => Finding::warning(
            "handshake",
            format!("{who} does not take the next certificate of identity {identity}"),
        )
        .why(sentence)
        .remedy(format!("ask {} to accept it before the current one ends", at.subscriber)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_needs_no_tls() {
        for (url, local) in [
            ("http://localhost", true),
            ("http://LOCALHOST:8080/hook", true),
            ("http://127.0.0.1:1/", true),
            ("http://127.8.9.10/", true),
            ("http://[::1]:8080/", true),
            ("http://localhost.example.com/", false),
            ("http://localhosts/", false),
            ("http://127.example.com/", false),
            ("http://127.0.0.1.example.com:80/", false),
            ("http://127.0.0.1@example.com/", false),
            ("http://[::2]/", false),
            ("http://192.0.2.1/", false),
        ] {
            let facts = serde_json::json!({"destinations": [{"id": 1, "endpoint": url}]});
            assert_eq!(http(&facts).is_none(), local, "{url}");
        }
    }
}
