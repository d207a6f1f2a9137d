//! TLS between relay and subscriber: each way it can fail as a row that says what to do, identities refused
//! at start, and secrets that turn up nowhere.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::symm::Cipher;

use crate::stage::{HASTY, LOCAL, SOON, Stage, outboxd, text};
use crate::support::{
    Authority, CertPair, Output, RawReceiver, Receiver, ReceiverOptions, Reply, SslVersion, TlsOptions,
    write_identity,
};

/// One attempt at a URL with an identity; `(class, error_class, error)` of its row.
fn attempt(stage: &Stage, url: &str, identity: &str) -> (String, String, String) {
    let settings = format!("max_attempts => 1, deadline => '5 s', identity => '{identity}'");
    let subscription = stage.subscribe_url(url, &settings);
    stage.db.psql(&format!("select outbox.ping({subscription})"));
    let output = stage.once();
    assert_eq!(output.code, 0, "{output:?}");
    let row = stage.attempts().pop().unwrap();
    assert_eq!((row["subscription"].as_i64(), text(&row, "outcome")), (Some(subscription), "dead"), "{row}");
    stage.db.psql(&format!("select outbox.unsubscribe({subscription})"));
    (text(&row, "class").to_owned(), text(&row, "error_class").to_owned(), text(&row, "error").to_owned())
}

#[track_caller]
fn assert_not_sent(told: &(String, String, String), word: &str, sentence: &str) {
    let (class, error_class, error) = told;
    assert_eq!((class.as_str(), error_class.as_str()), ("not_sent", word), "{error}");
    assert!(error.contains(sentence), "{error}\nlacks: {sentence}");
}

// What can be wrong with the server.

#[test]
fn a_server_whose_certificate_does_not_hold_is_never_sent_anything() {
    let stage = Stage::new("bad_servers");
    let stranger = Authority::new("stranger");
    let own = &stage.authority;
    let roots = stage.identities().join("default/ca.crt");
    let unknown = format!(
        "the CA of the certificate of localhost, or that certificate itself where it is self-signed, is not among \
         those trusted in {}; add it there and send the relay SIGHUP",
        roots.display()
    );
    let cases = [
        (
            own.server(&["elsewhere.example"]),
            "tls_wrong_name",
            "the subscriber's certificate is not for localhost: fix the URL, \
             or the certificate's subjectAltName",
        ),
        (stranger.server(&LOCAL), "tls_unknown_ca", unknown.as_str()),
        (
            own.server_expired(&LOCAL),
            "tls_expired",
            "the subscriber's certificate has expired: its owner must renew it",
        ),
        (
            own.server_not_yet_valid(&LOCAL),
            "tls_not_yet_valid",
            "the certificate of localhost is not valid yet: it is issued for later, or a clock is wrong",
        ),
        (
            own.server_with_client_usage(&LOCAL),
            "tls_certificate",
            "the certificate of localhost is not acceptable",
        ),
    ];
    for (pair, word, sentence) in cases {
        let receiver = Receiver::start(&ReceiverOptions::https(pair));
        assert_not_sent(&attempt(&stage, &receiver.url("/"), "default"), word, sentence);
        assert_eq!(receiver.count(), 0, "{word}: no request left");
    }
}

#[test]
fn an_address_in_the_url_must_be_in_the_certificate() {
    let stage = Stage::new("wrong_address");
    let receiver = Receiver::start(&ReceiverOptions::https(stage.authority.server(&["localhost"])));
    let url = format!("https://127.0.0.1:{}/", receiver.port());
    let sentence = "the subscriber's certificate is not for 127.0.0.1";
    assert_not_sent(&attempt(&stage, &url, "default"), "tls_wrong_name", sentence);
    let good = Receiver::start(&ReceiverOptions::https(stage.authority.server(&LOCAL)));
    stage.subscribe_url(&format!("https://127.0.0.1:{}/", good.port()), "");
    stage.emit(1);
    assert!(stage.once().stdout.starts_with("delivered 1,"));
}

#[test]
fn a_port_that_does_not_speak_tls_is_told_apart() {
    let stage = Stage::new("no_tls");
    let plain = Receiver::start(&ReceiverOptions::plain());
    let url = plain.url("/").replace("http://", "https://");
    let sentence = "localhost does not speak TLS on this port";
    assert_not_sent(&attempt(&stage, &url, "default"), "tls_not_spoken", sentence);
    assert_eq!(plain.count(), 0);
}

#[test]
fn an_outdated_tls_version_is_refused() {
    let stage = Stage::new("tls_1_1");
    let options =
        TlsOptions::new(stage.authority.server(&LOCAL)).versions(SslVersion::TLS1, SslVersion::TLS1_1);
    let receiver = Receiver::start(&ReceiverOptions::tls(options));
    let sentence = "localhost does not speak TLS 1.2 or later";
    assert_not_sent(&attempt(&stage, &receiver.url("/"), "default"), "tls_version", sentence);
}

#[test]
fn a_silent_handshake_ends_with_the_deadline() {
    let stage = Stage::new("silent_handshake");
    let silent = RawReceiver::start(None, |stream| {
        drop(stream.read(&mut [0; 4096]).and_then(|_| stream.read(&mut [0])));
    });
    let url = silent.url("/").replace("http://", "https://");
    let subscription = stage.subscribe_url(&url, "max_attempts => 1, deadline => '300 ms'");
    stage.db.psql(&format!("select outbox.ping({subscription})"));
    stage.once();
    let row = stage.attempts().pop().unwrap();
    assert_eq!((text(&row, "class"), text(&row, "error_class")), ("not_sent", "timeout"));
    let sentence = "the deadline of 300ms passed before it had a connection; check host and port";
    assert!(text(&row, "error").starts_with(sentence), "{row}");
}

#[test]
fn an_endpoint_that_cannot_be_reached_is_told_by_name_or_address() {
    let stage = Stage::new("unreachable");
    let closed = Receiver::start(&ReceiverOptions::plain());
    closed.stop();
    let url = closed.url("/").replace("http://", "https://");
    let address = format!("no connection to 127.0.0.1:{}: Connection refused", closed.port());
    assert_not_sent(&attempt(&stage, &url, "default"), "connect", &address);
    let nowhere = attempt(&stage, "https://hooks.nowhere.invalid/", "default");
    assert_not_sent(&nowhere, "dns", "the name hooks.nowhere.invalid cannot be resolved: ");
}

// What can be wrong with our certificate.

#[test]
fn a_refused_client_certificate_is_named_under_both_versions_of_tls() {
    let stage = Stage::new("refused_client");
    let stranger = Authority::new("stranger");
    let ca = stage.authority.pem();
    for (name, pair) in [
        ("none", None),
        ("stranger", Some(stranger.client("us"))),
        ("expired", Some(stage.authority.client_expired("us"))),
        ("usage", Some(stage.authority.client_with_server_usage("us"))),
    ] {
        write_identity(stage.identities(), name, pair.as_ref(), Some(&ca));
    }
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let options =
            TlsOptions::new(stage.authority.server(&LOCAL)).require_client(&ca).versions(version, version);
        let receiver = Receiver::start(&ReceiverOptions::tls(options));
        for (name, sentence) in [
            ("none", "it wants a client certificate"),
            ("stranger", "it does not know the CA of our certificate"),
            ("expired", "our certificate has expired"),
            ("usage", "our certificate is not made for clients (extended key usage clientAuth)"),
        ] {
            // Under TLS 1.3 a reset may overtake the alert: then it is not named, but hinted at. Not every
            // time.
            let tries = if version == SslVersion::TLS1_3 { 5 } else { 1 };
            let told =
                (0..tries).map(|_| attempt(&stage, &receiver.url("/"), name)).find(|(class, word, error)| {
                    assert!(
                        error.contains("client certificate") && error.contains(&format!("identity {name:?}")),
                        "{error}"
                    );
                    let named = word == "tls_client_certificate";
                    assert!(
                        named || (class == "unknown" && word == "connection_lost"),
                        "{class} {word}: {error}"
                    );
                    named
                });
            let told = told.unwrap_or_else(|| panic!("{name}: never named in {tries} tries"));
            assert_not_sent(&told, "tls_client_certificate", sentence);
        }
        assert_eq!(receiver.count(), 0);
    }
}

#[test]
fn the_system_s_authorities_do_not_vouch_for_an_identity_with_its_own() {
    let stage = Stage::new("own_roots");
    let public = Authority::new("as good as public");
    let bundle = stage.identities().parent().unwrap().join(format!("{}.pem", stage.db.name()));
    fs::write(&bundle, public.pem()).unwrap();
    let receiver = Receiver::start(&ReceiverOptions::https(public.server(&LOCAL)));
    let identities = tempfile::tempdir().unwrap();
    write_identity(identities.path(), "private", None, Some(&stage.authority.pem()));
    let (url, db) = (receiver.url("/"), stage.db.url());
    let arguments =
        ["run", "--once", "--database-url", &db, "--identities", identities.path().to_str().unwrap()];
    let environment = [("SSL_CERT_FILE", bundle.to_str().unwrap())];

    stage.subscribe_url(&url, "max_attempts => 1");
    stage.emit(1);
    let output = outboxd().run(&arguments, &environment);
    assert_eq!(
        output.stdout, "delivered 1, will retry 0, dead 0, cancelled 0\n",
        "default trusts the system's"
    );
    stage.db.psql("update outbox.subscription set identity = 'private'");
    stage.emit(1);
    let output = outboxd().run(&arguments, &environment);
    assert_eq!(output.stdout, "delivered 0, will retry 0, dead 1, cancelled 0\n", "private does not");
    assert_eq!(text(&stage.attempts()[1], "error_class"), "tls_unknown_ca");
    fs::remove_file(bundle).unwrap();
}

// Identities at start.

/// A start with a folder of identities that must be refused before anything else happens.
fn refused(folder: &std::path::Path) -> Output {
    // Nobody listens there: a relay that got as far as the database would wait for it.
    let url = "postgres://postgres@127.0.0.1:1/none?sslmode=disable";
    let output =
        outboxd().run(&["run", "--database-url", url, "--identities", folder.to_str().unwrap()], &[]);
    assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{}", output.stderr);
    assert!(!output.stderr.contains("trying again"), "{}", output.stderr);
    output
}

fn pem(bytes: Result<Vec<u8>, openssl::error::ErrorStack>) -> String {
    String::from_utf8(bytes.unwrap()).unwrap()
}

#[test]
fn every_problem_of_every_identity_is_told_at_once_and_nothing_starts() {
    let authority = Authority::new("identities");
    let home = tempfile::tempdir().unwrap();
    let ec = EcKey::generate(&EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap()).unwrap();
    let pkcs8 = PKey::from_ec_key(ec.clone()).unwrap();
    let pair = authority.client("us");
    let with = |key_pem: String| CertPair { key_pem, ..pair.clone() };
    let write =
        |name: &str, pair: Option<&CertPair>, ca: Option<&str>| write_identity(home.path(), name, pair, ca);
    write("good", Some(&pair), Some(&authority.pem()));
    write("pkcs1", Some(&with(pem(Rsa::generate(2048).unwrap().private_key_to_pem()))), None);
    write("ec", Some(&with(pem(ec.private_key_to_pem()))), None);
    let encrypted = pkcs8.private_key_to_pem_pkcs8_passphrase(Cipher::aes_128_cbc(), b"secret");
    write("encrypted", Some(&with(pem(encrypted))), None);
    write("mismatch", Some(&with(authority.client("them").key_pem)), None);
    write("half", Some(&pair), None);
    fs::remove_file(home.path().join("half/tls.key")).unwrap();
    write("empty", None, None);
    write("hello", None, Some("hello"));
    fs::create_dir_all(home.path().join("unreadable/ca.crt")).unwrap();
    write("two words", None, Some(&authority.pem()));

    let stderr = refused(home.path()).stderr;
    let at = |path: &str| home.path().join(path).display().to_string();
    let convert = |name: &str, label: &str| {
        let key = at(&format!("{name}/tls.key"));
        format!(
            "{key} holds a key of the kind `{label}`, but PKCS#8 without a passphrase is needed; \
             convert it with: openssl pkcs8 -topk8 -nocrypt -in {key} -out {key}.pk8 && mv {key}.pk8 {key}"
        )
    };
    for sentence in [
        convert("pkcs1", "RSA PRIVATE KEY"),
        convert("ec", "EC PRIVATE KEY"),
        convert("encrypted", "ENCRYPTED PRIVATE KEY"),
        format!(
            "the key in {} does not belong to the first certificate in {}",
            at("mismatch/tls.key"),
            at("mismatch/tls.crt")
        ),
        format!("the identity folder {} has tls.crt but not tls.key", at("half")),
        format!("the identity folder {} has neither tls.crt and tls.key nor ca.crt", at("empty")),
        format!("{} holds no certificate: a -----BEGIN CERTIFICATE----- block is needed", at("hello/ca.crt")),
        format!("cannot read {}: ", at("unreadable/ca.crt")),
        format!("the identity folder {} has a name that no subscription can use", at("two words")),
    ] {
        assert!(stderr.contains(&sentence), "{stderr}\nlacks: {sentence}");
    }
    assert!(!stderr.contains("good"), "{stderr}");
}

#[test]
fn a_missing_folder_of_identities_is_told() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("nowhere");
    let stderr = refused(&folder).stderr;
    let sentence =
        format!("the identities folder {} cannot be read: No such file or directory", folder.display());
    assert!(stderr.contains(&sentence), "{stderr}");
}

#[test]
fn a_key_we_may_not_read_is_told() {
    if Command::new("id").arg("-u").output().unwrap().stdout == b"0\n" {
        eprintln!("skipped: root may read everything");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    write_identity(home.path(), "default", Some(&Authority::new("a").client("us")), None);
    let key = home.path().join("default/tls.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o000)).unwrap();
    let stderr = refused(home.path()).stderr;
    assert!(stderr.contains(&format!("cannot read {}: Permission denied", key.display())), "{stderr}");
}

// Secrets.

/// `whsec_` and this: the base64 of 33 bytes that spell `marker-signing-secret-marker-mark`.
const SIGNING: &str = "bWFya2VyLXNpZ25pbmctc2VjcmV0LW1hcmtlci1tYXJr";
const PASSWORD: &str = "marker-database-password";
const HEADER: &str = "marker-header-credential";
const PAYLOAD: &str = "marker-payload-content";
const QUERY: &str = "marker-query-token";

/// Every table and view of the schema as text, save the columns whose place it is to hold what is secret.
fn all_tables(stage: &Stage) -> String {
    let relations = stage.db.psql(
        "select string_agg(format('select %L || to_jsonb(t)::text from (select * from outbox.%I) t', \
             relname || ' ', relname), ' union all ') \
         from pg_class where relnamespace = 'outbox'::regnamespace and relkind in ('r', 'v') \
         and relname not in ('subscription', 'signing_key') and relname !~ '^event_[0-9k]'",
    );
    stage.db.psql(&relations)
}

#[test]
fn secrets_turn_up_in_no_log_and_no_table_but_their_own() {
    let stage = Stage::new("secrecy");
    let role = format!("{}_relay", stage.db.name());
    stage.db.psql(&format!("create role {role} login password '{PASSWORD}' in role outbox_relay"));
    let settings = format!(
        "headers => '{{\"Authorization\": \"Bearer {HEADER}\"}}', secret => 'whsec_{SIGNING}', \
         max_attempts => 4, {HASTY}"
    );
    stage.subscribe_url(&stage.receiver.url(&format!("/hook?token={QUERY}")), &settings);
    stage.subscribe_url(&format!("https://hooks.nowhere.invalid/?token={QUERY}"), &settings);
    stage.subscribe_url(
        &stage.receiver.url(&format!("/other?token={QUERY}")),
        &format!("identity => 'nobody', {settings}"),
    );
    stage.receiver.reply_with(|request, nth| match nth {
        1 => Reply::status(401),
        2 => Reply::close(),
        3 => Reply::status(200).body(request.path.len().to_string()),
        _ => Reply::status(500),
    });
    stage
        .db
        .psql(&format!("insert into orders (id, note) select i, '{PAYLOAD}' from generate_series(1, 3) i"));
    let url = stage.db.url_as(&role).replacen('@', &format!(":{PASSWORD}@"), 1);
    let identities = stage.identities().to_str().unwrap();
    let relay = outboxd().spawn(
        &["--log", "debug", "run", "--database-url", &url, "--identities", identities, "--poll-ms", "20"],
        &[],
    );
    stage.wait_until_drained();
    // The database's errors are written too, statement parameters and all.
    let claim = "(select oid::regprocedure from pg_proc where oid::regproc::text = 'outbox.claim')";
    stage.db.psql(&format!(
        "do $$ begin execute format('revoke execute on function %s from outbox_relay', {claim}); end $$"
    ));
    relay.wait_for_line("permission denied for function claim", SOON);
    relay.signal("TERM");
    relay.wait(SOON);
    let wrong = outboxd().run(
        &["--log", "debug", "run", "--once", "--database-url", &url.replacen(stage.db.name(), "no_such", 1)],
        &[],
    );
    assert_eq!(wrong.code, 1);

    let request = &stage.receiver.requests()[0];
    assert!(request.header("authorization").unwrap().contains(HEADER) && request.text().contains(PAYLOAD));
    assert!(
        stage.count("outbox.dead_letter") > 0 && stage.count("outbox.attempt where class = 'delivered'") > 0
    );
    let lines = relay.lines().join("\n");
    assert!(lines.contains("DEBUG") && lines.contains("dead: "), "{lines}");
    let tables = all_tables(&stage);
    assert!(tables.contains("attempt_") && tables.contains("delivery_history "));
    let hex = stage.db.psql("select encode('marker-signing-secret', 'hex')");
    for (place, content) in [("log", lines), ("log", wrong.stdout + &wrong.stderr), ("tables", tables)] {
        for marker in [PASSWORD, HEADER, PAYLOAD, QUERY, SIGNING, "marker-signing-secret", &hex] {
            let line = content.lines().find(|line| line.contains(marker));
            assert_eq!(line, None, "{marker} is in the {place}");
        }
    }
}
