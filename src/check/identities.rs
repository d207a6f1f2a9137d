//! Certificates and keys in files: the relay's identities, and those it shows to the database.

use std::path::{Path, PathBuf};

use super::certificates::open_to_all;
use super::{Certificate, Finding, shell};
use crate::identity::{Identity, IdentityError, read_identity, subfolders};

const SUBJECT: &str = "certificates";

/// Every identity of a folder as `outboxd run` would read it.
#[must_use]
pub fn identities(folder: &Path, now: i64) -> Vec<Finding> {
    let folders = match subfolders(folder) {
        Ok(folders) => folders,
        Err(problem) => {
            let remedy = unfit(&problem, folder);
            return vec![Finding::problem(SUBJECT, problem.to_string()).remedy(remedy)];
        }
    };
    if folders.is_empty() {
        let what = format!("the identities folder {} holds no identity", folder.display());
        let remedy =
            format!("mkdir {0}/default, and put tls.crt, tls.key and ca.crt there", folder.display());
        return vec![Finding::warning(SUBJECT, what).remedy(remedy)];
    }
    folders.iter().flat_map(|folder| one(folder, now)).collect()
}

/// What to do about an identity that cannot be read; certificates are made elsewhere.
fn unfit(problem: &IdentityError, folder: &Path) -> String {
    let shown = shell(&folder.display().to_string());
    match problem {
        IdentityError::Folder { .. } => {
            format!("ls -ld {shown}  # it must be there, and this user must be able to list it")
        }
        IdentityError::Name(_) => {
            format!("mv {shown} {}", shell(&folder.with_file_name("NAME").display().to_string()))
        }
        IdentityError::Empty(_) => format!("put tls.crt and tls.key, ca.crt, or all three into {shown}"),
        IdentityError::Half { missing, .. } => format!("put {missing} into {shown}"),
        IdentityError::Pem(_) | IdentityError::Unusable { .. } => {
            format!("put a certificate, its key and the CAs into {shown} that are whole and belong together")
        }
    }
}

fn one(folder: &Path, now: i64) -> Vec<Finding> {
    let identity = match read_identity(folder) {
        Ok(identity) => identity,
        Err(problem) => {
            return vec![
                Finding::problem(SUBJECT, problem.to_string())
                    .why("a relay would not start, nor read them again")
                    .remedy(unfit(&problem, folder)),
            ];
        }
    };
    let next = identity.next.as_ref().and_then(|next| next.certificate.clone());
    let shown: Vec<PathBuf> = identity.certificate.iter().cloned().chain(next.clone()).collect();
    let trusted: Vec<PathBuf> = identity.roots.iter().cloned().collect();
    let keys: Vec<PathBuf> = shown.iter().map(|path| path.with_file_name("tls.key")).collect();
    let mut findings = dates(&shown, &trusted, &keys, now, "and send the relay SIGHUP");
    if next.is_some_and(|next| Certificate::in_file(&next).first().is_some_and(|next| next.holds(now))) {
        // What ends has a successor already: that is how it is meant to be.
        let in_place = folder.join("tls.crt").display().to_string();
        findings
            .retain(|finding| finding.level != super::Level::Warning || !finding.what.starts_with(&in_place));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(SUBJECT, told(&identity, now)));
    }
    findings
}

/// The files of a database connection: client certificates, keys, trusted CAs.
#[must_use]
pub fn connection_files(
    certificates: &[PathBuf],
    roots: &[PathBuf],
    keys: &[PathBuf],
    now: i64,
) -> Vec<Finding> {
    dates(certificates, roots, keys, now, "and start the relay again")
}

fn dates(shown: &[PathBuf], trusted: &[PathBuf], keys: &[PathBuf], now: i64, then: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in shown {
        let remedy = format!("put a new certificate and its key in place of {} {then}", path.display());
        findings.extend(Certificate::in_file(path).iter().filter_map(|one| one.judge(SUBJECT, now, &remedy)));
    }
    for path in trusted {
        let all = Certificate::in_file(path);
        let some_holds = all.iter().any(|one| one.holds(now));
        let remedy = format!("take it out of {0}, or put its successor into {0}, {then}", path.display());
        for finding in all.iter().filter_map(|one| one.judge(SUBJECT, now, &remedy)) {
            // Beside one that holds, an old one does no harm but to those it vouches for.
            let level = if some_holds { super::Level::Warning } else { finding.level };
            findings.push(Finding { level, ..finding });
        }
    }
    for (path, mode) in keys.iter().filter_map(|key| open_to_all(key)) {
        let what = format!(
            "everybody on this machine may read the private key {} (mode {mode:04o})",
            path.display()
        );
        findings.push(Finding::warning(SUBJECT, what).remedy(chmod(&path)));
    }
    findings
}

/// Takes a file from everybody else.
pub(super) fn chmod(path: &Path) -> String {
    format!("chmod o= {}", shell(&path.display().to_string()))
}

/// `identity acme shows relay.example until …, trusts ca.crt`.
fn told(identity: &Identity, now: i64) -> String {
    let first = |path: &PathBuf| Certificate::in_file(path).into_iter().next();
    let shows = match identity.certificate.as_ref().and_then(first) {
        Some(one) => format!("shows {}, valid {}", one.name, one.until(now)),
        None => "shows no certificate".to_owned(),
    };
    let trusts = match &identity.roots {
        Some(path) => format!("trusts {}", path.display()),
        None => "trusts the system's CAs".to_owned(),
    };
    let next = match identity.next.as_ref().and_then(|next| next.certificate.as_ref()).and_then(first) {
        Some(one) => format!(", next {}, valid {}", one.name, one.until(now)),
        None => String::new(),
    };
    format!("identity {} {shows}{next}; {trusts}", identity.name)
}
