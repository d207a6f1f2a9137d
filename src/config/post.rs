//! The options of `outboxd post`.

use std::time::Duration;

use super::{ConfigError, guard, number};
use crate::cli::Post;
use crate::delivery::{self, Endpoint, Guard, Named};
use crate::identity::Identities;
use crate::model::Subscription;

/// An endpoint to send one POST to, as a subscription's would be, and what may be connected to.
///
/// # Errors
/// All problems of the options together.
pub fn endpoint(options: &Post) -> Result<(Endpoint, Guard), ConfigError> {
    let mut problems = Vec::new();
    let deadline = number("--deadline-s", &options.deadline_s, 1, 60, &mut problems);
    let secret = options.secret.as_deref().filter(|text| !text.is_empty());
    let secrets: Vec<_> = secret.and_then(delivery::secret).into_iter().collect();
    if secret.is_some() && secrets.is_empty() {
        problems.push("--secret must be whsec_ and base64, as outbox.signing_secret() shows it".to_owned());
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
        secrets,
        deadline: Duration::from_secs(deadline),
        ..Subscription::default()
    };
    let guard = guard(&options.allow_address).map_err(|found| problems.extend(found.0));
    let read = Identities::read(options.identities.as_deref());
    let read = read.map_err(|found| problems.extend(found.iter().map(ToString::to_string)));
    let endpoint = read.ok().map(|identities| Endpoint::new(&subscription, &identities, &Named::default()));
    match (endpoint, guard) {
        (Some(Ok(endpoint)), Ok(guard)) if problems.is_empty() => Ok((endpoint, guard)),
        (Some(Err(problem)), _) => {
            problems.push(format!("--to {}: {problem}", options.to));
            Err(ConfigError(problems))
        }
        _ => Err(ConfigError(problems)),
    }
}
