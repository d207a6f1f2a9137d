//! What `listen` and `certificates` are told.

use std::net::IpAddr;

use super::{ConfigError, address, number};
use crate::cli::{Certificates, Listen};
use crate::receiver::{Answers, Options, Show, Tls, parse_header};

/// What a DNS name may be.
const NAME_MAX: usize = 253;

/// The options of a receiver, and how much of each webhook is to be shown.
///
/// # Errors
/// All problems of the options and of the certificates together.
pub fn listen(options: &Listen) -> Result<(Options, Show), ConfigError> {
    let mut problems = Vec::new();
    let address = address("--address", &options.address, 8443).map_err(|problem| problems.push(problem));
    let tls = options.tls.as_deref().map(Tls::read).transpose().map_err(|found| {
        problems.extend(found.iter().map(|problem| format!("--tls: {problem}")));
    });
    let fail_percent = number("--fail-percent", &options.fail_percent, 0, 100, &mut problems);
    let count = options.count.as_deref().map(|text| number("--count", text, 1, 1 << 40, &mut problems));
    let answers = options.answer.as_deref().map(str::parse::<Answers>).transpose();
    let answers = answers.map_err(|problem| problems.push(format!("--answer: {problem}")));
    let show = options.show.parse().map_err(|problem| {
        problems.push(format!("--show is {:?}: it {problem}", options.show));
    });
    let (Ok(address), Ok(tls), Ok(answers), Ok(show)) = (address, tls, answers, show) else {
        more(options, &mut Options::new(([127, 0, 0, 1], 0).into()), &mut problems);
        return Err(ConfigError(problems));
    };
    let fail_percent = u8::try_from(fail_percent).unwrap_or(0);
    let mut settings = Options { tls, answers, fail_percent, count, ..Options::new(address) };
    more(options, &mut settings, &mut problems);
    if problems.is_empty() { Ok((settings, show)) } else { Err(ConfigError(problems)) }
}

/// Secrets and headers, which may be several. A bad secret is not repeated: it may be a good one, mistyped.
fn more(options: &Listen, settings: &mut Options, problems: &mut Vec<String>) {
    for (at, secret) in options.secret.iter().filter(|secret| !secret.is_empty()).enumerate() {
        if let Err(problem) = settings.secrets.add(secret) {
            problems.push(format!("--secret, number {}: {problem}", at + 1));
        }
    }
    for header in &options.header {
        match parse_header(header) {
            Ok((name, value)) => {
                settings.headers.append(name, value);
            }
            Err(problem) => problems.push(format!("--header: {problem}")),
        }
    }
}

/// The names by which a receiver is to be reached besides the usual ones.
///
/// # Errors
/// All that are neither a DNS name nor an address.
pub fn certificate_names(options: &Certificates) -> Result<&[String], ConfigError> {
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
    };
    let is_name = |name: &String| {
        name.parse::<IpAddr>().is_ok()
            || name.len() <= NAME_MAX && name.strip_prefix("*.").unwrap_or(name).split('.').all(label)
    };
    let bad = options.host.iter().filter(|name| !is_name(name));
    let problems: Vec<_> = bad
        .map(|name| {
            format!("--host is {name:?}: it must be a name or an address, without scheme, port and path")
        })
        .collect();
    if problems.is_empty() { Ok(&options.host) } else { Err(ConfigError(problems)) }
}
