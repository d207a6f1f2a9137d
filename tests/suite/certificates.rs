//! `outboxd certificates`: what it makes is used as it says, and nothing is overwritten or left half-made.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use openssl::asn1::Asn1Time;
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::{X509, X509StoreContext, X509StoreContextRef};

use crate::listening::{Listening, SECRET};
use crate::stage::{SOON, Stage, outboxd};

const BOTH: [&str; 2] = ["identities/default", "receiver"];

fn make(folder: &Path) -> crate::support::Output {
    outboxd().run(&["certificates", folder.to_str().unwrap()], &[])
}

/// Every file below a folder, with what it says.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.push((name, fs::read(&path).unwrap_or_default()));
            }
        }
    }
    found.sort();
    found
}

fn names(folder: &Path) -> Vec<String> {
    files(folder).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn what_is_made_carries_a_webhook_from_the_relay_to_the_receiver() {
    let stage = Stage::new("certificates");
    let folder = stage.identities().join("made here");
    let output = make(&folder);
    assert_eq!(output.code, 0, "{output:?}");
    let commands: Vec<_> = output.stdout.lines().filter(|line| line.starts_with("outboxd ")).collect();
    let at = folder.display();
    assert_eq!(
        commands,
        [
            format!("outboxd listen --tls '{at}/receiver'"),
            format!("outboxd run --allow-address 127.0.0.0/8 --identities '{at}/identities'")
        ]
    );

    let tls = folder.join("receiver");
    let listening = Listening::start(&["--tls", tls.to_str().unwrap(), "--secret", SECRET, "--count", "3"]);
    let port = listening.address.port();
    let identities = folder.join("identities");
    for host in ["localhost", "127.0.0.1"] {
        let subscription = stage.subscribe_url(&format!("https://{host}:{port}/"), "");
        stage.db.psql(&format!("select outbox.set_signing_secret({subscription}, '{SECRET}')"));
    }
    stage.db.psql("insert into orders (id, note) values (17, 'new')");
    let relay =
        ["run", "--once", "--database-url", &stage.db.url(), "--identities", identities.to_str().unwrap()];
    let output = outboxd().run(&relay, &[]);
    assert_eq!(output.stdout, "delivered 2, will retry 0, dead 0, cancelled 0\n", "{output:?}");
    let line = listening.process.wait_for_line(" verified Order.Create Order 17, ", SOON);
    assert!(line.contains(" ms old, from outboxd, answered 200: {\"id\": 17, \"note\": \"new\""), "{line}");
    // By ::1 it is not reached on 127.0.0.1; that its certificate has the name is tested below.
    stage.db.psql("select outbox.ping(1)");
    assert_eq!(outboxd().run(&relay, &[]).code, 0);
    assert_eq!(listening.process.wait(SOON), 0);
}

#[test]
fn two_folders_have_what_the_help_says_and_no_key_of_the_ca() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path();
    let output = outboxd().run(
        &[
            "certificates",
            folder.to_str().unwrap(),
            "--host",
            "hooks.test",
            "--host",
            "192.0.2.7",
            "--host",
            "localhost",
        ],
        &[],
    );
    assert_eq!(output.code, 0, "{output:?}");
    let expected: Vec<_> = BOTH
        .iter()
        .flat_map(|place| ["ca.crt", "tls.crt", "tls.key"].map(|name| format!("{place}/{name}")))
        .collect();
    assert_eq!(names(folder), expected);
    let read = |path: String| fs::read(folder.join(path)).unwrap();
    let certificate = |path: String| X509::from_pem(&read(path)).unwrap();
    let authority = certificate("receiver/ca.crt".to_owned());
    assert_eq!(read("receiver/ca.crt".to_owned()), read("identities/default/ca.crt".to_owned()));
    for place in BOTH {
        let key = read(format!("{place}/tls.key"));
        assert!(key.starts_with(b"-----BEGIN PRIVATE KEY-----"), "PKCS#8");
        let mode =
            |name: &str| fs::metadata(folder.join(place).join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("tls.key"), mode("tls.crt")), (0o600, 0o644));
        let leaf = certificate(format!("{place}/tls.crt"));
        let key = openssl::pkey::PKey::private_key_from_pem(&key).unwrap();
        assert!(leaf.public_key().unwrap().public_eq(&key));
        assert!(!authority.public_key().unwrap().public_eq(&key));
        let mut store = X509StoreBuilder::new().unwrap();
        store.add_cert(authority.clone()).unwrap();
        let (store, chain) = (store.build(), Stack::new().unwrap());
        let good =
            X509StoreContext::new().unwrap().init(&store, &leaf, &chain, X509StoreContextRef::verify_cert);
        assert!(good.unwrap());
        for certificate in [&leaf, &authority] {
            let left = Asn1Time::days_from_now(0).unwrap().diff(certificate.not_after()).unwrap();
            assert!(left.days == 29 || (left.days, left.secs) == (30, 0), "{left:?}");
            assert!(certificate.not_before() < Asn1Time::days_from_now(0).unwrap());
        }
    }
    let names = certificate("receiver/tls.crt".to_owned()).subject_alt_names().unwrap();
    let names: Vec<_> = names
        .iter()
        .map(|name| name.dnsname().map_or_else(|| format!("{:?}", name.ipaddress().unwrap()), str::to_owned))
        .collect();
    let six = format!("{:?}", std::net::Ipv6Addr::LOCALHOST.octets());
    assert_eq!(names, ["localhost", "[127, 0, 0, 1]", &six, "hooks.test", "[192, 0, 2, 7]"]);
}

#[test]
fn what_is_there_is_not_overwritten() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(make(home.path()).code, 0);
    let before = files(home.path());
    let again = make(home.path());
    assert_eq!((again.code, again.stdout.as_str()), (1, ""));
    let expected =
        "/identities/default is there already, and nothing is overwritten: name another folder, or remove ";
    assert!(again.stderr.contains(expected), "{}", again.stderr);
    assert_eq!(files(home.path()), before);
    // One of the two is enough, even a link that leads nowhere.
    fs::remove_dir_all(home.path().join("identities")).unwrap();
    fs::remove_dir_all(home.path().join("receiver")).unwrap();
    std::os::unix::fs::symlink("/nowhere", home.path().join("receiver")).unwrap();
    let again = make(home.path());
    assert!(again.stderr.contains("/receiver is there already"), "{again:?}");
    assert_eq!(names(home.path()), ["receiver"]);
}

#[test]
fn a_failure_leaves_nothing_of_it() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    fs::write(&file, "mine").unwrap();
    // A folder that cannot be made.
    let output = make(&file.join("below"));
    assert_eq!((output.code, output.stdout.as_str()), (1, ""));
    assert!(
        output.stderr.contains("file/below: Not a directory (os error 20); nothing was made"),
        "{output:?}"
    );
    // One of the two cannot be made.
    fs::create_dir(home.path().join("half")).unwrap();
    fs::write(home.path().join("half/identities"), "mine").unwrap();
    let output = make(&home.path().join("half"));
    assert!(output.stderr.contains("half/identities"), "{output:?}");
    // A disk that is full, as far as a process can be told so: files may have 512 bytes, which a key has not and a
    // certificate has.
    let new = home.path().join("new/deep");
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" certificates \"$1\"";
    let full =
        Command::new("sh").args(["-c", script, env!("CARGO_BIN_EXE_outboxd")]).arg(&new).output().unwrap();
    let errors = String::from_utf8_lossy(&full.stderr);
    assert_eq!(full.status.code(), Some(1), "{errors}");
    assert!(errors.contains("tls.crt: File too large (os error 27); nothing was made"), "{errors}");
    assert_eq!(names(home.path()), ["file", "half/identities"]);
    assert!(!home.path().join("new").exists());
}

#[test]
fn of_many_at_once_one_makes_them_whole() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("shared");
    for _ in 0..5 {
        let codes = std::thread::scope(|scope| {
            let runs: Vec<_> = (0..4).map(|_| scope.spawn(|| make(&folder).code)).collect();
            runs.into_iter().map(|run| run.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(codes.iter().filter(|code| **code == 0).count(), 1, "{codes:?}");
        assert_eq!(names(&folder).len(), 6, "{:?}", names(&folder));
        let [ours, theirs] = BOTH.map(|place| fs::read(folder.join(place).join("ca.crt")).unwrap());
        assert_eq!(ours, theirs);
        fs::remove_dir_all(&folder).unwrap();
    }
}

#[test]
fn a_host_is_a_name_or_an_address() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("new");
    let arguments =
        ["certificates", folder.to_str().unwrap(), "--host", "https://a/", "--host", "a b", "--host", ""];
    let output = outboxd().run(&arguments, &[]);
    assert_eq!((output.code, output.stderr.lines().count()), (2, 3), "{output:?}");
    assert!(
        output.stderr.contains("--host is \"https://a/\": it must be a name or an address"),
        "{output:?}"
    );
    assert!(!folder.exists());
}
