//! Where the binary takes its connection from, what it says when it gets none, and what it never says.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::installing::{expect_code, expect_text, outboxd};
use crate::support::{Cluster, ClusterOptions, Output, shared};

/// A password that is found wherever it turns up.
const MARKER: &str = "mArKeR7f3a";

/// Does nothing to a database without our schema, and prints where it was.
const WHERE: &[&str] = &["uninstall"];

fn with(args: &[&str], env: &[(&str, &str)]) -> Output {
    // No home but the one a test gives.
    let env: Vec<_> =
        [("HOME", "/nonexistent"), ("USER", "postgres")].into_iter().chain(env.iter().copied()).collect();
    outboxd().run(args, &env)
}

/// A server that asks role `guarded` for its password, which is the marker.
fn guarding() -> &'static Cluster {
    static GUARDING: std::sync::OnceLock<Cluster> = std::sync::OnceLock::new();
    GUARDING.get_or_init(|| {
        let hba =
            ["host all guarded all scram-sha-256", "local all guarded scram-sha-256"].map(str::to_owned);
        let cluster = Cluster::start(&ClusterOptions { hba: hba.to_vec(), ..ClusterOptions::default() });
        cluster.admin().psql(&format!("create role guarded login password '{MARKER}'"));
        cluster
    })
}

#[test]
fn the_option_comes_before_the_url_before_the_variables() {
    let (one, two, three) = (shared().database("one"), shared().database("two"), shared().database("three"));
    let (socket, port) = (shared().socket_dir(), shared().port().to_string());
    let variables = [
        ("PGHOST", socket.to_str().unwrap()),
        ("PGPORT", port.as_str()),
        ("PGUSER", "postgres"),
        ("PGDATABASE", three.name()),
    ];
    let only_name = format!("dbname={}", one.name());
    let (url_of_one, url_of_two) = (one.tcp_url(), two.url());
    let with_url = [("DATABASE_URL", url_of_two.as_str())];
    let cases = [
        (vec![], variables.to_vec(), three.name()),
        (vec![], with_url.to_vec(), two.name()),
        (vec![], [&variables[..], &with_url].concat(), two.name()),
        (vec!["--database-url", &url_of_one], [&variables[..], &with_url].concat(), one.name()),
        // What the string leaves out comes from the variables.
        (vec!["--database-url", &only_name], [&variables[..], &with_url].concat(), one.name()),
        // An option without a value is none.
        (vec!["--database-url", ""], [&variables[..], &with_url].concat(), two.name()),
    ];
    for (option, env, name) in cases {
        let output = with(&[WHERE, &option].concat(), &env);
        expect_code(0, &output);
        let place = output.stdout.split_once(": there is no schema outbox").unwrap().0;
        assert!(
            place.starts_with("postgres@") && place.ends_with(&format!(":{port}/{name}")),
            "{option:?} {place}"
        );
    }
}

fn password_file(home: &Path, name: &str, mode: u32) -> String {
    let file = home.join(name);
    fs::write(&file, format!("other:*:*:*:nonsense\n127.0.0.1:*:postgres:guarded:{MARKER}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn passwords_come_from_the_url_the_variable_or_a_private_file() {
    let home = tempfile::tempdir().unwrap();
    let (named, public) =
        (password_file(home.path(), "named", 0o600), password_file(home.path(), "public", 0o644));
    password_file(home.path(), ".pgpass", 0o600);
    let home = home.path().to_str().unwrap();
    let port = guarding().port();
    let url = format!("postgres://guarded@127.0.0.1:{port}/postgres");
    let spelt = format!("postgres://guarded:{}@127.0.0.1:{port}/postgres", MARKER.replace('m', "%6D"));
    let pairs = format!("host=127.0.0.1 port={port} user=guarded dbname=postgres password='{MARKER}'");
    // (where, further variables, exit code, what is said)
    let cases = [
        (&spelt, vec![], 0, "there is no schema outbox"),
        (&pairs, vec![], 0, "there is no schema outbox"),
        (&url, vec![("PGPASSWORD", MARKER)], 0, "there is no schema outbox"),
        (&url, vec![("HOME", home)], 0, "there is no schema outbox"),
        (&url, vec![("PGPASSFILE", named.as_str())], 0, "there is no schema outbox"),
        (&url, vec![("HOME", home), ("PGPASSWORD", "wrong")], 1, "28P01"),
        (&url, vec![("PGPASSFILE", public.as_str())], 1, "is ignored: others can read it; run `chmod 600"),
        (&url, vec![], 1, "put it into the connection string, PGPASSWORD or ~/.pgpass"),
    ];
    for (url, env, code, said) in cases {
        let output = with(&[WHERE, &["--database-url", url]].concat(), &env);
        expect_code(code, &output);
        expect_text(&(output.stdout + &output.stderr), said);
    }
}

#[test]
fn a_refusal_names_the_code_and_the_way_out() {
    let port = guarding().port();
    let cases = [
        (
            format!("postgres://guarded:wrong@127.0.0.1:{port}/postgres"),
            "28P01: password authentication failed for user \"guarded\"; check the password (connection string, \
             PGPASSWORD or ~/.pgpass)",
        ),
        (
            format!("postgres://postgres@127.0.0.1:{port}/nowhere"),
            "3D000: database \"nowhere\" does not exist; check dbname, or create the database",
        ),
        (format!("postgres://stranger@127.0.0.1:{port}/postgres"), "28000: role \"stranger\" does not exist"),
        ("postgres://postgres@127.0.0.1:1/postgres".to_owned(), "cannot connect to 127.0.0.1:1: "),
        ("host=/nonexistent user=postgres".to_owned(), "cannot connect to /nonexistent:5432: "),
    ];
    for (url, said) in cases {
        for command in [&["migrate"][..], &["migrate", "--check"], &["uninstall"], &["run", "--once"]] {
            let output = with(command, &[("DATABASE_URL", &url)]);
            expect_code(1, &output);
            expect_text(&output.stderr, said);
            assert_eq!(output.stdout, "");
        }
    }
}

#[test]
fn the_next_server_of_a_list_is_tried_unless_the_login_was_refused() {
    let port = guarding().port();
    let list =
        |user: &str, rest: &str| format!("host=127.0.0.1,127.0.0.1 user={user} dbname=postgres {rest}");
    let output = with(WHERE, &[("DATABASE_URL", &list("postgres", &format!("port=1,{port}")))]);
    expect_code(0, &output);
    let output = with(WHERE, &[("DATABASE_URL", &list("guarded", &format!("port={port},1 password=wrong")))]);
    expect_code(1, &output);
    assert!(!output.stderr.contains("127.0.0.1:1:"), "{}", output.stderr);
}

#[test]
fn every_problem_is_told_at_once_and_nothing_is_begun() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("host=127.0.0.1 port={port},2 sslmode=sometimes hots=x connect_timeout=soon");
    let numbers = ["--poll-ms", "5", "--in-flight-max", "many", "--grace-s", "3601"];
    let arguments = [&["run"], &numbers[..], &["--identities", "/nonexistent"]].concat();
    let output = with(&arguments, &[("DATABASE_URL", &url)]);
    expect_code(2, &output);
    for problem in [
        "--poll-ms is 5: it must be 10 to 60000",
        "--in-flight-max is \"many\": it must be a whole number, 1 to 10000, without a unit",
        "--grace-s is 3601: it must be 0 to 3600",
        "the identities folder /nonexistent cannot be read",
        "unknown setting `hots`; the nearest known one is `host`",
        "port must be one port for all hosts, or one for each",
        "sslmode must be one of disable, allow, prefer, require, verify-ca, verify-full",
        "connect_timeout must be a whole number from 1 to 600",
    ] {
        expect_text(&output.stderr, problem);
    }
    assert_eq!(output.stdout, "");
    let kind = listener.accept().map(|_| ()).unwrap_err().kind();
    assert_eq!(kind, std::io::ErrorKind::WouldBlock, "nobody knocked");
}

/// Whatever is wrong with the string that holds the password, and when nothing is.
#[test]
fn the_password_is_never_printed() {
    let port = guarding().port();
    let strings = [
        format!("postgres://guarded:{MARKER}@127.0.0.1:{port}/postgres"),
        format!("postgres://guarded:{MARKER}x@127.0.0.1:{port}/postgres"),
        format!("postgres://guarded:{MARKER}@127.0.0.1:1/postgres"),
        format!("postgres://guarded:{MARKER}@127.0.0.1:{port}/nowhere"),
        format!("postgres://guarded:{MARKER}@127.0.0.1:{port}/postgres?sslmode={MARKER}"),
        format!("postgres://guarded:{MARKER}%zz@127.0.0.1:{port}/postgres"),
        format!("postgres://guarded:a/{MARKER}@127.0.0.1:{port}/postgres"),
        format!("postgres://guarded:a@{MARKER}/@127.0.0.1:{port}/postgres"),
        format!("postgres://guarded:a?{MARKER}=b@127.0.0.1:{port}/postgres"),
        format!("postgres://127.0.0.1:{port}/postgres?{MARKER}"),
        format!("mysql://guarded:{MARKER}@127.0.0.1/postgres"),
        format!("guarded:{MARKER}@127.0.0.1"),
        format!("host=127.0.0.1 port={port} user=guarded dbname=postgres password={MARKER} sslmode=require"),
        format!("host=127.0.0.1 port={port} user=guarded password=a {MARKER}"),
        format!("host=127.0.0.1 port={port} user=guarded password=a {MARKER}=b"),
        format!("host=127.0.0.1 port={MARKER} user=guarded password='{MARKER}"),
    ];
    for string in &strings {
        for command in [&["migrate", "--check"][..], &["run", "--once"]] {
            // All there is, debug included.
            let output = with(&[command, &["--log", "trace"]].concat(), &[("DATABASE_URL", string)]);
            let printed = format!("{}{}", output.stdout, output.stderr);
            assert!(!printed.contains(MARKER), "{string}\n{command:?}\n{printed}");
            assert_ne!(output.code, 0, "{string}: no schema is installed there");
        }
    }
    let password_in_variable = [("PGPASSWORD", MARKER), ("PGUSER", "guarded"), ("PGHOST", "127.0.0.1")];
    let output = with(&["migrate", "--check", "--log", "trace"], &password_in_variable);
    assert!(!format!("{output:?}").contains(MARKER), "{output:?}");
    let help = with(&["--help"], &[("DATABASE_URL", &strings[0])]);
    assert!(help.code == 0 && !help.stdout.contains(MARKER), "{}", help.stdout);
}
