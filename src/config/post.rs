//! The options of `outboxd post`.

use std::time::Duration;

use super::{ConfigError, guard, number};
use crate::cli::Post;
use crate::delivery::{Endpoint, Guard, Key, Named};
use crate::identity::Identities;
use crate::model::Subscription;
use crate::secrets::Secrets;

/// An endpoint to send one POST to, as a subscription's would be, and what may be connected to.
///
/// # Errors
/// All problems of the options together.
pub fn endpoint(options: &Post) -> Result<(Endpoint, Guard), ConfigError> {
    let mut problems = Vec::new();
    let deadline = number("--deadline-s", &options.deadline_s, 1, 60, &mut problems);
    let secret = options.secret.as_deref().filter(|text| !text.is_empty());
    let key = secret.and_then(Key::parse);
    if secret.is_some() && key.is_none() {
        let what = "--secret must be whsec_ and base64, as outbox.signing_secret() shows it, or a whsk_ of outboxd signing-key";
        problems.push(what.to_owned());
    }
    let mut headers = Vec::new();
    for header in &options.headers {
        match header.split_once(':') {
            Some((name, value)) => headers.push((name.trim().to_owned(), value.trim().to_owned())),
            None => problems.push(format!("--header {header:?} must be NAME: VALUE")),
        }
    }
    let subscription = Subscription {
        url: options.to.clone(),
        headers,
        identity: Some(options.identity.clone()),
        deadline: Duration::from_secs(deadline),
        ..Subscription::default()
    };
    let guard = guard(&options.allow_address).map_err(|found| problems.extend(found.0));
    let read = Identities::read(options.identities.as_deref());
    let read = read.map_err(|found| problems.extend(found.iter().map(ToString::to_string)));
    let endpoint = read
        .ok()
        .map(|identities| Endpoint::new(&subscription, &identities, &Secrets::default(), &Named::default()));
    match (endpoint, guard) {
        (Some(Ok(mut endpoint)), Ok(guard)) if problems.is_empty() => {
            if let Some(key) = key {
                endpoint.sign_with(key);
            }
            Ok((endpoint, guard))
        }
        (Some(Err(problem)), _) => {
            problems.push(format!("--to {}: {problem}", options.to));
            Err(ConfigError(problems))
        }
        _ => Err(ConfigError(problems)),
    }
}
