//! What holds for connection strings as a whole, above all for the messages, and what the other tests share.

use std::collections::BTreeMap;
use std::fs;

use super::{Conninfo, ConninfoError, Password};

pub(super) type Env<'a> = &'a [(&'a str, &'a str)];

fn resolve(given: &str, env: Env) -> Result<Conninfo, ConninfoError> {
    let env: BTreeMap<&str, &str> = env.iter().copied().collect();
    let lookup = |name: &str| match (name, env.get(name)) {
        ("USER", None) => Some("me".to_owned()),
        (_, value) => value.map(|value| (*value).to_owned()),
    };
    Conninfo::resolve(Some(given).filter(|given| !given.is_empty()), &lookup)
}

pub(super) fn good(given: &str, env: Env) -> Conninfo {
    resolve(given, env).unwrap_or_else(|error| panic!("{given}: {error}"))
}

pub(super) fn problems(given: &str, env: Env) -> String {
    resolve(given, env).map(|info| info.describe()).expect_err(given).to_string()
}

pub(super) fn password(info: &Conninfo) -> &str {
    info.targets[0].password.as_ref().map_or("", Password::reveal)
}

/// A home directory with the files named, empty.
pub(super) fn home(files: &[&str]) -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a directory");
    fs::create_dir(home.path().join(".postgresql")).expect("created");
    for file in files {
        fs::write(home.path().join(file), "").expect("written");
    }
    home
}

pub(super) fn utf8(dir: &tempfile::TempDir) -> &str {
    dir.path().to_str().expect("UTF-8")
}

#[test]
fn problems_are_sentences_about_settings() {
    let cases = [
        ("host=h hots=x", "unknown setting `hots`; the nearest known one is `host`"),
        ("postgres://h/d?ssl_mode=x", "unknown setting `ssl_mode`; the nearest known one is `sslmode`"),
        (
            "host=h sslmode=on",
            "sslmode must be one of disable, allow, prefer, require, verify-ca, verify-full",
        ),
        ("host=h port=x", "port must be a number from 1 to 65535"),
        ("host=a,b port=1,2,3", "port must be one port for all hosts, or one for each"),
        ("host=h port=0", "port must be a number from 1 to 65535"),
        ("host=h hostaddr=h", "hostaddr must be an IP address; use host for names"),
        ("host=a,b hostaddr=::1", "hostaddr must list as many addresses as there are hosts"),
        ("host=/a hostaddr=::1", "hostaddr cannot be combined with a socket directory as the host"),
        ("host=h connect_timeout=0", "connect_timeout must be a whole number from 1 to 600"),
        ("host=h keepalives_idle=-1", "keepalives_idle must be a whole number from 0 to 32767"),
        (
            "host=h target_session_attrs=primary",
            "target_session_attrs must be one of any, read-write, read-only",
        ),
        (
            "host=h sslcrl=x",
            "sslcrl is not supported: replace the certificate authority in sslrootcert to revoke",
        ),
        (
            "host=h gssencmode=require",
            "gssencmode: only disable, prefer can be honoured; use sslmode=verify-full \
          to encrypt",
        ),
        (
            "host=h sslrootcert=/nonexistent",
            "sslrootcert names a file that does not exist or cannot be reached",
        ),
        (
            "host=h sslmode=require sslrootcert=system",
            "sslrootcert is `system`, which proves nothing without sslmode=verify-full",
        ),
        (
            "host=h sslmode=prefer sslnegotiation=direct",
            "sslnegotiation is `direct`, which needs sslmode=require or stronger",
        ),
    ];
    for (given, expected) in cases {
        assert_eq!(problems(given, &[]), expected, "{given}");
    }
}

#[test]
fn what_cannot_be_honoured_says_what_to_do_instead() {
    for mode in ["verify-ca", "verify-full"] {
        let text = problems(&format!("host=h sslmode={mode}"), &[]);
        assert!(text.contains("sslrootcert=FILE") && text.contains("sslrootcert=system"), "{text}");
    }
    for (variable, value) in [("PGSERVICE", "s"), ("PGSSLCRL", "f"), ("PGREQUIREAUTH", "scram-sha-256")] {
        let text = problems("host=h", &[(variable, value)]);
        assert!(text.starts_with(&format!("{variable} is not supported: ")), "{text}");
    }
    assert!(problems("host=h", &[("USER", "")]).starts_with("user is missing: "));
    assert!(problems("", &[("DATABASE_URL", "nonsense")]).starts_with("DATABASE_URL: "));
}

#[test]
fn every_problem_is_reported_at_once() {
    let given = "host=h prot=1 sslmode=on sslcrl=x keepalives=yes service=prod";
    let env = [("PGPORT", "none"), ("PGCONNECT_TIMEOUT", "soon"), ("PGCHANNELBINDING", "maybe")];
    let error = resolve(given, &env).expect_err("eight problems");
    assert_eq!(error.problems.len(), 8, "{error}");
    assert_eq!(error.to_string().lines().count(), 8);
    for field in ["prot", "sslmode", "sslcrl", "keepalives", "service", "PGPORT", "PGCONNECT_TIMEOUT"] {
        assert!(error.to_string().contains(field), "{field}");
    }
}

#[test]
fn no_message_holds_a_piece_of_the_password() {
    let cases = [
        "postgres://u:se/cret@h/d",
        "postgres://u:se?cret=x/@h/d?x=y",
        "postgres://u:se/cr?et=x@h/d",
        "postgres://u:x@se/cret@h/d",
        "postgres://u:se%cret@h/d",
        "postgres://h/d?password=x&secret=y",
        "postgres://h/d?password=x&y=z&secret=y",
        "postgres://u:p@h/d?se%20cret=y",
        "host=h password=x secret=y",
        "host=h password=x y=z secret=w",
        "host=h password=x secret",
        "host=h password='secret",
        "host=h se/cret=y",
        "mysql://u:secret@h/d?x=y",
        "secret",
    ];
    for given in cases {
        let text = problems(given, &[]);
        for piece in ["secret", "cret", "se/", "se?"] {
            assert!(!text.contains(piece), "{given} gives {text}");
        }
    }
    let values = "password=secret hostaddr=secret port=secret sslmode=secret connect_timeout=secret \
                  keepalives=secret channel_binding=secret sslrootcert=/secret service=secret \
                  sslcrl=secret";
    assert!(!problems(values, &[]).contains("secret"));
}

#[test]
fn debug_hides_the_password() {
    for given in ["postgres://u:secret@a,b/d", "host=h password=secret"] {
        let text = format!("{:?}", good(given, &[]));
        assert!(text.contains("<hidden>") && !text.contains("secret"), "{text}");
    }
}
