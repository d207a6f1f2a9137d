//! `outboxd check --secrets`: what subscriptions name is here, in a file or a variable.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::check::{found, healthy};
use crate::stage::outboxd;
use crate::support::Database;

/// Of which kind each finding about secrets is, with such variables of the environment.
fn kinds(db: &Database, folder: Option<&str>, variables: &[(&str, &str)]) -> Vec<String> {
    let arguments: Vec<&str> =
        ["check", "--json"].into_iter().chain(folder.iter().flat_map(|at| ["--secrets", *at])).collect();
    let url = db.url();
    let environment: Vec<_> =
        [("DATABASE_URL", url.as_str())].into_iter().chain(variables.iter().copied()).collect();
    let output = outboxd().run(&arguments, &environment);
    let document: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"));
    let findings = document["findings"].as_array().unwrap().iter();
    let about = findings.filter(|finding| finding["subject"] == "secrets");
    about
        .map(|finding| {
            format!("{}: {}", finding["level"].as_str().unwrap(), finding["what"].as_str().unwrap())
        })
        .collect()
}

#[test]
fn secrets_that_subscriptions_name_must_be_there() {
    let db = healthy("check_secrets");
    for (ours, sentence) in [
        (r#"auth = '{"type": "bearer", "secret": "acme-token"}'"#, "subscription 1 names secret acme-token"),
        (
            r#"auth = '{"type": "oauth2", "token_url": "https://acme.example/", "client_id": "us", "secret": "acme-token"}'"#,
            "subscription 1 names secret acme-token",
        ),
        ("auth = null", "subscription 1 names secret acme-token"),
    ] {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().to_str().unwrap();
        db.psql(&format!("update outbox.subscription set {ours} where id = 1"));
        if ours == "auth = null" {
            db.psql("select outbox.set_signing_secret(1, 'ref:acme-token')");
        }
        let bad = found(&db.url(), &[]);
        assert_eq!(bad.len(), 1, "{bad:?}");
        assert!(bad[0].0 == "warning secrets" && bad[0].1.starts_with(sentence), "{bad:?}");
        assert_eq!(bad[0].2, "outboxd check --secrets FOLDER");
        let bad = found(&db.url(), &["--secrets", folder]);
        assert_eq!(bad.len(), 1, "{bad:?}");
        assert!(
            bad[0].0 == "problem secrets" && bad[0].1.starts_with(&format!("{sentence}, which is not in ")),
            "{bad:?}"
        );
        paste(&bad[0].2, "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0");
        assert_eq!(found(&db.url(), &["--secrets", folder]), []);
        let held = "ok: the secrets that subscriptions name are known here";
        assert_eq!(kinds(&db, None, &[("OUTBOXD_SECRET_ACME_TOKEN", "x")]), [held]);
    }
}

/// Types a secret into a remedy, as it asks.
fn paste(remedy: &str, secret: &str) {
    let mut shell = Command::new("sh").args(["-c", remedy]).stdin(Stdio::piped()).spawn().unwrap();
    writeln!(shell.stdin.take().unwrap(), "{secret}").unwrap();
    assert!(shell.wait().unwrap().success());
}

#[test]
fn secrets_that_cannot_be_sent_are_found_in_files_and_variables() {
    let db = healthy("check_unfit_secrets");
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("acme"), "two\nlines\n").unwrap();
    let told = kinds(&db, Some(home.path().to_str().unwrap()), &[("OUTBOXD_SECRET_B", "")]);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told.iter()
            .all(|one| one.starts_with("problem: ") && one.contains("is not a secret that can be sent")),
        "{told:?}"
    );
}
