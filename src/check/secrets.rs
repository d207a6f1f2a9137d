//! Secrets that the relay alone has: in files and variables, and by the names that subscriptions give.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::certificates::open_to_all;
use super::identities::chmod;
use super::{Finding, list, shell, text, whole};
use crate::secrets::{SecretError, Secrets, VARIABLE, files, in_environment};

const SUBJECT: &str = "secrets";

/// Every secret of a folder and of the variables, as `outboxd run` would read them; none when they cannot be used, which the
/// findings say.
#[must_use]
pub fn secrets(
    folder: Option<&Path>,
    environment: &BTreeMap<String, String>,
) -> (Option<Secrets>, Vec<Finding>) {
    let secrets = match Secrets::read(folder, environment) {
        Ok(secrets) => secrets,
        Err(problems) => return (None, problems.iter().map(unusable).collect()),
    };
    let Some(folder) = folder else { return (Some(secrets), Vec::new()) };
    let found = files(folder).unwrap_or_default();
    let open = found.iter().filter_map(|file| open_to_all(file)).map(|(path, mode)| {
        let what =
            format!("everybody on this machine may read the secret {} (mode {mode:04o})", path.display());
        Finding::warning(SUBJECT, what).remedy(chmod(&path))
    });
    let mut findings: Vec<_> = open.collect();
    if findings.is_empty() {
        let what = format!("the folder of secrets {} has {}", folder.display(), found.len());
        findings.push(Finding::ok(SUBJECT, what));
    }
    (Some(secrets), findings)
}

fn unusable(problem: &SecretError) -> Finding {
    let remedy = match problem {
        SecretError::Unreadable { path, .. } => {
            let path = shell(&path.display().to_string());
            format!("ls -ld {path}  # it must be there, and this user must be able to read it")
        }
        SecretError::Name(of) => {
            format!("mv {} {}", shell(of), shell(&Path::new(of).with_file_name("NAME").display().to_string()))
        }
        SecretError::Content(variable) if variable.starts_with(VARIABLE) => {
            format!("unset {}", shell(variable))
        }
        SecretError::Content(file) => written(Path::new(file)),
    };
    Finding::problem(SUBJECT, problem.to_string())
        .why("a relay would not start, nor read them again")
        .remedy(remedy)
}

/// Puts what is typed into a file that not everybody may read.
fn written(file: &Path) -> String {
    let file = shell(&file.display().to_string());
    format!("(umask 037; cat > {file})  # paste the secret, then Enter and Ctrl-D")
}

/// Secrets that subscriptions name and that are not here.
#[must_use]
pub fn unknown(facts: &Value, secrets: &Secrets, folder: Option<&Path>) -> Vec<Finding> {
    let (mut missing, mut known) = (BTreeMap::<&str, Vec<i64>>::new(), 0);
    for one in list(facts, "named") {
        let name = text(one, "name");
        if secrets.get(name).is_some() {
            known += 1;
        } else {
            missing.entry(name).or_default().push(whole(one, "id"));
        }
    }
    if missing.is_empty() && known > 0 {
        return vec![Finding::ok(SUBJECT, "the secrets that subscriptions name are known here")];
    }
    let finding = |(name, ids): (&str, Vec<i64>)| {
        let first = ids.first().copied().unwrap_or_default();
        let of = match ids.len() {
            1 => format!("subscription {first} names secret {name}"),
            more => format!("subscription {first} and {} more name secret {name}", more - 1),
        };
        let variable = format!("{VARIABLE}{}", in_environment(name));
        match folder {
            None => {
                let what =
                    format!("{of}; {variable} is not set, and no --secrets folder was given to look in");
                Finding::warning(SUBJECT, what)
                    .why("where the relay has neither, every attempt fails")
                    .remedy("outboxd check --secrets FOLDER")
            }
            Some(folder) => Finding::problem(SUBJECT, format!("{of}, which is not in {}", folder.display()))
                .why(format!("every attempt fails; put it into that file, one line, or into {variable}"))
                .remedy(written(&folder.join(name))),
        }
    };
    missing.into_iter().map(finding).collect()
}
