//! `--endpoints` and `OUTBOXD_ENDPOINT_…`.

use std::collections::BTreeMap;
use std::path::Path;

use super::ConfigError;
use crate::delivery::Named;

/// How a variable begins that names an endpoint.
pub const ENDPOINT: &str = "OUTBOXD_ENDPOINT_";

/// URLs by name: the lines of a file, and those of the variables that name one.
///
/// # Errors
/// All that is wrong with any of them, or the file that cannot be read.
pub fn named(file: Option<&Path>, environment: &BTreeMap<String, String>) -> Result<Named, ConfigError> {
    let own = environment.iter().filter_map(|(name, url)| Some((name.strip_prefix(ENDPOINT)?, url)));
    let own: Vec<_> = own.map(|(name, url)| (name.to_owned(), url.clone())).collect();
    let Some(file) = file else { return Named::read("", &own).map_err(ConfigError) };
    let at = |problem: String| {
        if problem.starts_with(ENDPOINT) {
            problem
        } else {
            format!("--endpoints {}: {problem}", file.display())
        }
    };
    match std::fs::read_to_string(file) {
        Ok(text) => {
            Named::read(&text, &own).map_err(|found| ConfigError(found.into_iter().map(at).collect()))
        }
        Err(problem) => Err(ConfigError(vec![at(format!("it cannot be read: {problem}"))])),
    }
}
