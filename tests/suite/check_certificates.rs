//! `outboxd check --identities`: certificates and keys in files, with and without a database.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::check::found;
use crate::installed::installed;
use crate::support::{Authority, CertPair, write_identity};

/// Nobody listens there.
const NOWHERE: &str = "postgres://u@127.0.0.1:1/none?sslmode=disable";

/// What is wrong with a folder, as seen without a database: all but that.
fn wrong(folder: &Path) -> Vec<(String, String, String)> {
    let mut bad = found(NOWHERE, &["--identities", folder.to_str().unwrap()]);
    assert_eq!(bad.remove(0).0, "problem connection");
    bad
}

/// What is to be written as an identity, and what is to be found.
struct Case<'a>(Option<&'a CertPair>, Option<&'a str>, &'a str, &'a str);

#[test]
fn each_thing_that_can_be_wrong_with_an_identity_is_found_without_a_database() {
    let home = tempfile::tempdir().unwrap();
    let (own, other) = (Authority::new("own"), Authority::new("other"));
    let good = own.client("relay");
    let (expired, soon) = (own.client_expired("relay"), own.client_for_days("relay", 10));
    let mixed = CertPair { key_pem: other.client("x").key_pem, ..good.clone() };
    let old_ca = Authority::expired("old");
    let both = own.pem() + &old_ca.pem();
    let (ca, garbage) = (own.pem(), "hello".to_owned());
    write_identity(home.path(), "default", Some(&good), Some(&ca));
    assert_eq!(wrong(home.path()), []);
    for Case(pair, roots, kind, sentence) in [
        Case(Some(&expired), Some(&ca), "problem certificates", "acme/tls.crt (relay) expired on 2021-01-01"),
        Case(Some(&soon), Some(&ca), "warning certificates", "acme/tls.crt (relay) expires on "),
        Case(Some(&mixed), Some(&ca), "problem certificates", "does not belong to the first certificate in"),
        Case(
            Some(&good),
            Some(&old_ca.pem()),
            "problem certificates",
            "acme/ca.crt (old) expired on 2021-01-01",
        ),
        Case(Some(&good), Some(&both), "warning certificates", "acme/ca.crt (old) expired on 2021-01-01"),
        Case(Some(&good), Some(&garbage), "problem certificates", "acme/ca.crt holds no certificate"),
        Case(None, None, "problem certificates", "has neither tls.crt and tls.key nor ca.crt"),
    ] {
        write_identity(home.path(), "acme", pair, roots);
        let bad = wrong(home.path());
        assert!(bad.len() == 1 && bad[0].0 == kind && bad[0].1.contains(sentence), "{sentence}: {bad:?}");
    }
    write_identity(home.path(), "acme", Some(&good), Some(&ca));
    let key = home.path().join("acme/tls.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let bad = wrong(home.path());
    assert!(
        bad.len() == 1 && bad[0].1.contains("everybody on this machine may read the private key"),
        "{bad:?}"
    );
    assert_eq!(bad[0].2, format!("chmod o= {}", key.display()));
    let done = std::process::Command::new("sh").args(["-c", &bad[0].2]).status().unwrap();
    assert!(done.success() && wrong(home.path()).is_empty());
    let nowhere = home.path().join("nowhere");
    assert!(wrong(&nowhere)[0].1.contains("nowhere cannot be read"));
}

#[test]
fn identities_that_subscriptions_name_must_be_there() {
    let db = installed("check_named");
    db.psql(
        "select outbox.report_relay('r', 'h', 1, '0.1.0', 'kept');
         select outbox.subscribe('a', '*', 'https://a.example/', identity => 'acme'),
             outbox.subscribe('b', '*', 'https://b.example/')",
    );
    let bad = found(&db.url(), &[]);
    assert!(bad.len() == 1 && bad[0].2 == "outboxd check --identities FOLDER", "{bad:?}");
    let home = tempfile::tempdir().unwrap();
    let own = Authority::new("own");
    write_identity(home.path(), "default", Some(&own.client("us")), Some(&own.pem()));
    let folder = home.path().to_str().unwrap();
    let bad = found(&db.url(), &["--identities", folder]);
    assert_eq!(bad.len(), 1, "{bad:?}");
    assert!(
        bad[0].0 == "problem certificates" && bad[0].1.contains("subscription 1 names identity acme"),
        "{bad:?}"
    );
    db.psql(&bad[0].2);
    assert_eq!(found(&db.url(), &["--identities", folder]), []);
}
