//! From options to settings that hold: everything is checked before anything starts, and every problem is told at once.

use std::time::Duration;

use crate::cli::Run;
use crate::conninfo::Conninfo;
use crate::identity::Identities;
use crate::relay::Settings;

/// What is wrong with the options, one sentence each, with the way out.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigError(pub Vec<String>);

/// The settings of a relay.
///
/// `database` and `listen` are what became of the connection strings, `host` this machine's name.
///
/// # Errors
/// All problems of the options, the certificates and the connection string together.
pub fn relay(
    options: &Run,
    database: Result<Conninfo, Vec<String>>,
    listen: Option<Result<Conninfo, Vec<String>>>,
    host: &str,
) -> Result<Settings, ConfigError> {
    let mut problems = Vec::new();
    let poll = number("--poll-ms", &options.poll_ms, 10, 60_000, &mut problems);
    let in_flight_max = number("--in-flight-max", &options.in_flight_max, 1, 10_000, &mut problems);
    let grace = number("--grace-s", &options.grace_s, 0, 3600, &mut problems);
    let name = name(options.name.as_deref(), host, &mut problems);
    let identities = Identities::read(options.identities.as_deref())
        .map_err(|found| problems.extend(found.iter().map(ToString::to_string)));
    let database = database.map_err(|found| problems.extend(found));
    let listen = listen.transpose().map_err(|found| {
        problems.extend(found.iter().map(|problem| format!("--listen-url: {problem}")));
    });
    match (identities, database, listen) {
        (Ok(identities), Ok(database), Ok(listen)) if problems.is_empty() => Ok(Settings {
            listen: listen.or_else(|| Some(database.clone())).filter(|_| !options.no_listen),
            database,
            identities,
            name,
            host: host.to_owned(),
            poll: Duration::from_millis(poll),
            in_flight_max: usize::try_from(in_flight_max).unwrap_or(1),
            grace: Duration::from_secs(grace),
            once: options.once,
        }),
        _ => Err(ConfigError(problems)),
    }
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
            once: false,
            identities: Some("/nowhere".into()),
            name: Some(name.to_owned()),
            listen_url: None,
            no_listen: false,
            poll_ms: poll_ms.to_owned(),
            in_flight_max: in_flight_max.to_owned(),
            grace_s: "25".to_owned(),
        }
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let bad = options("5", "256s", "a\nb");
        let Err(problems) = relay(&bad, Err(vec!["no host".to_owned()]), None, "here") else {
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
        assert_eq!(problems.0[4], "no host");
    }
}
