//! From options to settings that hold: everything is checked before anything starts, and every problem is told at once.

mod guard;
mod listen;
mod named;
mod post;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::cli::Run;
use crate::conninfo::Conninfo;
use crate::health::Health;
use crate::identity::Identities;
use crate::metrics::Metrics;
use crate::relay::Settings;
use crate::secrets::Secrets;
pub use guard::{guard, own_database, own_listener};
pub use listen::{certificate_names, listen};
pub use named::{ENDPOINT, named};
pub use post::endpoint;

/// Looking at files more often than this is no use to anybody.
const RELOAD_MS_MIN: u64 = 20;

/// What is wrong with the options, one sentence each, with the way out.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigError(pub Vec<String>);

/// The settings of a relay.
///
/// `database` and `listen` are what became of the connection strings, `host` this machine's name,
/// `environment` where secrets and named endpoints may be.
///
/// # Errors
/// All problems of the options, the certificates, the named endpoints and the connection string together.
pub fn relay(
    options: &Run,
    database: Result<Conninfo, Vec<String>>,
    listen: Option<Result<Conninfo, Vec<String>>>,
    host: &str,
    environment: &BTreeMap<String, String>,
) -> Result<Settings, ConfigError> {
    let mut problems = Vec::new();
    let poll = number("--poll-ms", &options.poll_ms, 10, 60_000, &mut problems);
    let in_flight_max = number("--in-flight-max", &options.in_flight_max, 1, 10_000, &mut problems);
    let grace = number("--grace-s", &options.grace_s, 0, 3600, &mut problems);
    let name = name(options.name.as_deref(), host, &mut problems);
    let identities = identities(options).map_err(|found| problems.extend(found.0));
    let named = named(options.endpoints.as_deref(), environment);
    let named = named.map_err(|found| problems.extend(found.0));
    let mut guard = guard(&options.allow_address).map_err(|found| problems.extend(found.0));
    let secrets = secrets(options, environment).map_err(|found| problems.extend(found.0));
    let _ = reload_pause(options).map_err(|found| problems.extend(found.0));
    let ops = ops_listen(options).map_err(|found| problems.extend(found.0));
    let database = database.map_err(|found| problems.extend(found));
    let listen = listen.transpose().map_err(|found| {
        problems.extend(found.iter().map(|problem| format!("--listen-url: {problem}")));
    });
    if let Ok(guard) = &mut guard {
        let servers = [database.as_ref().ok(), listen.as_ref().ok().and_then(Option::as_ref)];
        servers.into_iter().flatten().flat_map(own_database).for_each(|own| guard.protect(own));
    }
    match (identities, secrets, named, guard, database, listen) {
        (Ok(identities), Ok(secrets), Ok(named), Ok(guard), Ok(database), Ok(listen))
            if problems.is_empty() =>
        {
            Ok(Settings {
                listen: listen.or_else(|| Some(database.clone())).filter(|_| !options.no_listen),
                database,
                identities,
                secrets,
                named,
                guard,
                name,
                host: host.to_owned(),
                poll: Duration::from_millis(poll),
                in_flight_max: usize::try_from(in_flight_max).unwrap_or(1),
                grace: Duration::from_secs(grace),
                once: options.once,
                measure: ops.is_ok_and(|address| address.is_some()),
                metrics: Metrics::new(env!("CARGO_PKG_VERSION")),
                health: Health::default(),
            })
        }
        _ => Err(ConfigError(problems)),
    }
}

/// The certificates, at start and again at each reload.
///
/// # Errors
/// All problems of all identities.
pub fn identities(options: &Run) -> Result<Identities, ConfigError> {
    Identities::read(options.identities.as_deref())
        .map_err(|found| ConfigError(found.iter().map(ToString::to_string).collect()))
}

/// The secrets, at start and again at each reload.
///
/// # Errors
/// All problems of all secrets.
pub fn secrets(options: &Run, environment: &BTreeMap<String, String>) -> Result<Secrets, ConfigError> {
    Secrets::read(options.secrets.as_deref(), environment)
        .map_err(|found| ConfigError(found.iter().map(ToString::to_string).collect()))
}

/// The time between two looks at the files of certificates and secrets; `None` to look when told only.
///
/// # Errors
/// When it is not a number within its limits.
pub fn reload_pause(options: &Run) -> Result<Option<Duration>, ConfigError> {
    let mut problems = Vec::new();
    let pause = number("--reload-ms", &options.reload_ms, 0, 3_600_000, &mut problems);
    let pause = (pause > 0).then(|| Duration::from_millis(pause.max(RELOAD_MS_MIN)));
    if problems.is_empty() { Ok(pause) } else { Err(ConfigError(problems)) }
}

/// Where the ops listener is to be; a port alone is one of 127.0.0.1.
///
/// # Errors
/// When the text is neither a port nor an address with a port.
pub fn ops_listen(options: &Run) -> Result<Option<SocketAddr>, ConfigError> {
    let Some(text) = options.ops_listen.as_deref().filter(|text| !text.is_empty()) else { return Ok(None) };
    address("--ops-listen", text, 9464).map(Some).map_err(|problem| ConfigError(vec![problem]))
}

/// An address and a port; a port alone is one of 127.0.0.1.
fn address(option: &str, text: &str, example: u16) -> Result<SocketAddr, String> {
    let loopback = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let port = text.strip_prefix("localhost:").or_else(|| text.strip_prefix(':')).unwrap_or(text);
    port.parse().map(loopback).ok().or_else(|| text.parse().ok()).ok_or_else(|| {
        format!(
            "{option} is {text:?}: it must be a port ({example}), or an address and a port (0.0.0.0:{example}, [::1]:{example})"
        )
    })
}

fn number(option: &str, text: &str, min: u64, max: u64, problems: &mut Vec<String>) -> u64 {
    match text.parse() {
        Ok(value) if (min..=max).contains(&value) => value,
        Ok(value) => {
            problems.push(format!("{option} is {value}: it must be {min} to {max}"));
            min
        }
        Err(_) => {
            problems.push(format!(
                "{option} is {text:?}: it must be a whole number, {min} to {max}, without a unit"
            ));
            min
        }
    }
}

fn name(given: Option<&str>, host: &str, problems: &mut Vec<String>) -> String {
    let name = given.map_or_else(|| format!("{host}:{}", std::process::id()), str::to_owned);
    if name.trim().is_empty() || name.len() > 100 || name.chars().any(char::is_control) {
        problems.push("--name must be 1 to 100 bytes without control characters".to_owned());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(poll_ms: &str, in_flight_max: &str, name: &str) -> Run {
        Run {
            database: crate::cli::Database::default(),
            once: false,
            identities: Some("/nowhere".into()),
            endpoints: Some("/nowhere".into()),
            allow_address: vec!["everywhere".to_owned()],
            secrets: None,
            reload_ms: "10000".to_owned(),
            name: Some(name.to_owned()),
            listen_url: None,
            no_listen: false,
            poll_ms: poll_ms.to_owned(),
            in_flight_max: in_flight_max.to_owned(),
            grace_s: "25".to_owned(),
            ops_listen: Some("9464x".to_owned()),
        }
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let bad = options("5", "256s", "a\nb");
        let Err(problems) = relay(&bad, Err(vec!["no host".to_owned()]), None, "here", &BTreeMap::new())
        else {
            panic!("refused")
        };
        assert_eq!(
            problems.0[..3],
            [
                "--poll-ms is 5: it must be 10 to 60000",
                "--in-flight-max is \"256s\": it must be a whole number, 1 to 10000, without a unit",
                "--name must be 1 to 100 bytes without control characters",
            ]
        );
        assert!(problems.0[3].starts_with("the identities folder /nowhere cannot be read"), "{problems}");
        assert!(problems.0[4].starts_with("--endpoints /nowhere: it cannot be read"), "{problems}");
        assert!(
            problems.0[5].starts_with("--allow-address is \"everywhere\": it must be a network"),
            "{problems}"
        );
        assert!(problems.0[6].starts_with("--ops-listen is \"9464x\": it must be a port"), "{problems}");
        assert_eq!(problems.0[7], "no host");
    }

    #[test]
    fn a_port_alone_is_loopback_and_an_address_is_taken_as_written() {
        let listen = |text: &str| {
            let mut options = options("5", "1", "a");
            options.ops_listen = Some(text.to_owned());
            ops_listen(&options).map(|address| address.map(|address| address.to_string()))
        };
        for (text, expected) in [
            ("9464", "127.0.0.1:9464"),
            (":9464", "127.0.0.1:9464"),
            ("localhost:9464", "127.0.0.1:9464"),
            ("0.0.0.0:9464", "0.0.0.0:9464"),
            ("[::]:80", "[::]:80"),
        ] {
            assert_eq!(listen(text).expect(text).as_deref(), Some(expected));
        }
        assert_eq!(listen("").expect("as not given"), None);
        for text in ["65536", "-1", "host:9464", "1.2.3.4", "1.2.3.4:", "::1:80x"] {
            assert!(listen(text).is_err(), "{text}");
        }
    }
}
