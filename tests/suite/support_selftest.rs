//! The support proves itself: a test that fails because its tools are wrong teaches nothing.

#![allow(clippy::unwrap_used, reason = "a failed test says where it failed")]

use crate::support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use openssl::pkey::PKey;
use openssl::ssl::{SslConnector, SslMethod};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;
use standardwebhooks::Webhook;
use support::{
    Authority, CertPair, Cluster, ClusterOptions, Gate, Outboxd, RawReceiver, Receiver, ReceiverOptions,
    Reply, Request, SslVersion, StopMode, TlsOptions, read_request, shared, verify_signature, write_identity,
};

/// Longer than anything here takes.
const SOON: Duration = Duration::from_secs(30);

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

// The cluster and its databases.

#[test]
fn a_cluster_keeps_its_port_and_data_over_stops_and_crashes() {
    let options = ClusterOptions {
        fsync: true,
        conf: vec!["work_mem = '5MB'".to_owned()],
        hba: vec!["host all nobody_special 127.0.0.1/32 reject".to_owned()],
        ..ClusterOptions::default()
    };
    let cluster = Cluster::start(&options);
    let base = cluster.base_dir().to_owned();
    assert!(cluster.major_version() >= 13);
    assert!(cluster.bin("psql").is_file() && cluster.bin("pg_dump").is_file());
    let db = cluster.database_owned_by("nobody_special");
    assert_eq!(db.psql("show work_mem; show fsync; show synchronous_commit"), "5MB\non\non");
    assert_eq!(db.psql_as("nobody_special", "select current_user"), "nobody_special");
    db.psql("create table kept as select 1 as n");

    cluster.restart(StopMode::Immediate);
    assert_eq!(db.psql("select n from kept"), "1");
    cluster.stop(StopMode::Fast);
    let refused = db.try_psql("select 1").unwrap_err();
    assert_eq!(refused.sqlstate, "");
    assert!(TcpStream::connect(("127.0.0.1", cluster.port())).is_err());
    cluster.start_again();
    assert_eq!(db.psql("select n from kept"), "1");
    let rejected = psql_over_tcp(&cluster, &db.tcp_url_as("nobody_special"));
    assert!(rejected.contains("pg_hba.conf rejects"), "{rejected}");

    drop(cluster);
    assert!(!base.exists(), "the directory is gone");
}

fn psql_over_tcp(cluster: &Cluster, url: &str) -> String {
    let output =
        Command::new(cluster.bin("psql")).args(["-X", "-c", "select 1", "-d", url]).output().unwrap();
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_cluster_speaks_tls_and_checks_client_certificates() {
    let authority = Authority::new("database authority");
    let options = ClusterOptions {
        ssl: Some(authority.server(&["localhost", "127.0.0.1"])),
        ssl_client_ca_pem: Some(authority.pem()),
        hba: vec!["hostssl all relay 127.0.0.1/32 cert".to_owned()],
        ..ClusterOptions::default()
    };
    let cluster = Cluster::start(&options);
    cluster.admin().psql("create role relay login");
    let files = tempfile::tempdir().unwrap();
    write_identity(files.path(), "relay", Some(&authority.client("relay")), Some(&authority.pem()));
    let home = files.path().join("relay");
    let url = format!(
        "postgres://relay@localhost:{}/postgres?sslmode=verify-full&sslrootcert={1}/ca.crt&sslcert={1}/tls.crt\
         &sslkey={1}/tls.key",
        cluster.port(),
        home.display()
    );
    assert_eq!(psql_over_tcp(&cluster, &url), "");
    let without = cluster.admin().tcp_url_as("relay") + "?sslmode=require";
    assert!(psql_over_tcp(&cluster, &without).contains("requires a valid client certificate"));
}

/// Not a test of its own: the process that [`a_killed_process_leaves_no_server_behind`] kills.
#[test]
#[ignore = "holds a cluster until it is killed; another test runs it"]
fn hold_a_cluster() {
    let cluster = Cluster::start(&ClusterOptions::default());
    let line = format!("\ncluster {} {}\n", cluster.port(), cluster.base_dir().display());
    std::io::stdout().write_all(line.as_bytes()).unwrap();
    // Nobody ever writes: this returns when the other test is gone without having killed us.
    drop(std::io::stdin().read(&mut [0]));
}

#[test]
fn a_killed_process_leaves_no_server_behind() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "support_selftest::hold_a_cluster", "--ignored", "--nocapture"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.find_map(|line| line.unwrap().strip_prefix("cluster ").map(str::to_owned)).unwrap();
    let (port, base) = line.split_once(' ').unwrap();
    let port: u16 = port.parse().unwrap();
    TcpStream::connect(("127.0.0.1", port)).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    // The watcher belongs to nobody now and can tell nobody that it is done.
    let deadline = Instant::now() + SOON;
    while Path::new(base).exists() {
        assert!(Instant::now() < deadline, "{base} is still there");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn databases_are_empty_separate_and_reachable_by_url() {
    let (one, two) = (shared().database("Same hint!"), shared().database("Same hint!"));
    assert!(one.name().starts_with("same_hint_") && one.name() != two.name());
    one.psql("create table only_here()");
    assert_eq!(two.psql("select to_regclass('only_here') is null"), "t");
    assert_eq!(one.psql("select 1, null, 'a b'; select 2"), "1||a b\n2");
    assert_eq!(one.psql("select 'ends with a line'||chr(10)"), "ends with a line\n");
    let owned = shared().database_owned_by("selftest_owner");
    let again = shared().database_owned_by("selftest_owner");
    assert_ne!(owned.name(), again.name());
    owned.psql_as("selftest_owner", "create schema mine");
    let denied = owned.try_psql_as("selftest_owner", "create role other").unwrap_err();
    assert_eq!(denied.sqlstate, "42501");
    let over_tcp = psql_over_tcp(shared(), &one.tcp_url());
    assert_eq!(over_tcp, "");
}

#[test]
fn psql_errors_are_taken_apart() {
    let db = shared().database("errors");
    let error = db
        .try_psql(
            "do $$ begin raise notice 'ERROR-free'; raise exception using errcode = 'OB001', \
             message = E'two\\nlines', detail = 'the detail', hint = E'first hint\\nsecond hint'; end $$; select 1",
        )
        .unwrap_err();
    assert_eq!(error.sqlstate, "OB001");
    assert_eq!(error.message, "two\nlines");
    assert_eq!(error.detail.as_deref(), Some("the detail"));
    assert_eq!(error.hint.as_deref(), Some("first hint\nsecond hint"));
    let error = db.try_psql("create table t(n int primary key); insert into t values (1), (1)").unwrap_err();
    assert_eq!(error.sqlstate, "23505");
    assert_eq!(error.message, "duplicate key value violates unique constraint \"t_pkey\"");
    assert_eq!(error.detail.as_deref(), Some("Key (n)=(1) already exists."));
    assert_eq!(error.hint, None);
    let error = db.try_psql("select nothing from nowhere").unwrap_err();
    assert_eq!(
        (error.sqlstate.as_str(), error.message.as_str()),
        ("42P01", "relation \"nowhere\" does not exist")
    );
    let error = db.try_psql_as("a stranger", "select 1").unwrap_err();
    assert_eq!(error.message, "role \"a stranger\" does not exist");
}

#[tokio::test]
async fn sessions_interleave_and_hear_notifications() {
    let db = shared().database("sessions");
    let (one, two) = (db.session().await, db.session().await);
    one.execute("create table t(n int); insert into t values (1); listen news").await;
    one.execute("begin; update t set n = n + 1").await;
    let waiting = tokio::spawn({
        let two = two.clone();
        async move { two.query_text("update t set n = n * 10 returning n, null, 'x'").await }
    });
    db.wait_until_locked_out(two.pid(), SOON).await;
    one.execute("commit").await;
    assert_eq!(waiting.await.unwrap(), "20||x");
    assert_eq!(two.try_execute("select 1/0").await.unwrap_err().sqlstate, "22012");
    two.execute("notify news, 'first'").await;
    let notice = one.notice(SOON).await;
    assert_eq!((notice.channel.as_str(), notice.payload.as_str()), ("news", "first"));
    two.execute("notify news, 'second'; notify news, 'third'").await;
    let payloads: Vec<_> = one.notices_so_far().await.into_iter().map(|notice| notice.payload).collect();
    assert_eq!(payloads, ["second", "third"]);
}

#[test]
#[should_panic(expected = "last value: f|why")]
fn waiting_for_what_does_not_happen_says_what_was_seen() {
    shared().admin().wait_until("select false, 'why'", Duration::from_millis(30));
}

// The certificates and the receiver.

/// A client of the receivers, made of OpenSSL alone.
struct Client {
    authority_pem: String,
    identity: Option<CertPair>,
    max: SslVersion,
}

impl Client {
    fn new(authority: &Authority, identity: Option<CertPair>) -> Self {
        Self { authority_pem: authority.pem(), identity, max: SslVersion::TLS1_3 }
    }

    fn speaking(mut self, version: SslVersion) -> Self {
        self.max = version;
        self
    }

    fn connect(&self, port: u16) -> Result<impl Read + Write + use<>, String> {
        let mut builder = SslConnector::builder(SslMethod::tls()).unwrap();
        let mut store = X509StoreBuilder::new().unwrap();
        store.add_cert(X509::from_pem(self.authority_pem.as_bytes()).unwrap()).unwrap();
        builder.set_cert_store(store.build());
        builder.set_max_proto_version(Some(self.max)).unwrap();
        if let Some(pair) = &self.identity {
            builder.set_certificate(&X509::from_pem(pair.cert_pem.as_bytes()).unwrap()).unwrap();
            builder.set_private_key(&PKey::private_key_from_pem(pair.key_pem.as_bytes()).unwrap()).unwrap();
        }
        let stream = TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.set_nodelay(true).unwrap();
        builder.build().connect("localhost", stream).map_err(|error| error.to_string())
    }

    /// Posts once on a connection of its own and returns all that comes back. TLS 1.3 reports a
    /// refused client certificate only here, with the first read.
    fn post(&self, port: u16, path: &str, body: &str) -> Result<String, String> {
        let mut stream = self.connect(port)?;
        stream.write_all(post(path, body, "close").as_bytes()).map_err(|error| error.to_string())?;
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer).map_err(|error| error.to_string());
        if answer.is_empty() {
            read?;
        }
        Ok(String::from_utf8(answer).unwrap())
    }
}

fn post(path: &str, body: &str, connection: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nX-First: 1\r\nConnection: {connection}\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

fn post_plain(port: u16, path: &str, body: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(SOON))?;
    stream.write_all(post(path, body, "close").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn mutual_tls_tells_the_right_client_from_all_others() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    for (version, name) in [(SslVersion::TLS1_2, "TLSv1.2"), (SslVersion::TLS1_3, "TLSv1.3")] {
        let tls = TlsOptions::new(ours.server(&["localhost", "127.0.0.1"])).require_client(&ours.pem());
        let receiver = Receiver::start(&ReceiverOptions::tls(tls.versions(version, version)));
        let known = Client::new(&ours, Some(ours.client("relay-7")));
        let answer = known.post(receiver.port(), "/hook?a=1", "{\"n\":1}").unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        let request = receiver.wait_for(1, SOON).remove(0);
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/hook?a=1"));
        assert_eq!(request.peer_common_name.as_deref(), Some("relay-7"));
        assert_eq!(request.tls_version.as_deref(), Some(name));
        let names: Vec<_> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["host", "x-first", "connection", "content-length"]);
        assert_eq!((request.header("x-first"), request.connection), (Some("1"), 1));
        assert_eq!(request.json()["n"], 1);

        for refused in [None, Some(theirs.client("relay-7")), Some(ours.client_expired("relay-7"))] {
            Client::new(&ours, refused).post(receiver.port(), "/", "").unwrap_err();
        }
        Client::new(&ours, Some(ours.client_with_server_usage("x")))
            .post(receiver.port(), "/", "")
            .unwrap_err();
        let errors = receiver.wait_for_handshake_errors(4, SOON);
        assert!(errors[0].contains("peer did not return a certificate"), "{errors:?}");
        assert_eq!((receiver.count(), receiver.connections()), (1, 1));
    }
}

#[test]
fn versions_and_server_certificates_are_as_asked_for() {
    let authority = Authority::new("ours");
    let names = &["localhost"][..];
    let modern = TlsOptions::new(authority.server(names)).versions(SslVersion::TLS1_3, SslVersion::TLS1_3);
    let receiver = Receiver::start(&ReceiverOptions::tls(modern));
    let old = Client::new(&authority, None).speaking(SslVersion::TLS1_2);
    assert!(old.post(receiver.port(), "/", "").unwrap_err().contains("version"));
    for (pair, complaint) in [
        (authority.server_expired(names), "expired"),
        (authority.server_not_yet_valid(names), "not yet valid"),
        (authority.server(&["example.test"]), "ostname mismatch"),
        (authority.server_with_client_usage(names), "purpose"),
        (Authority::new("theirs").server(names), "verify failed"),
    ] {
        let receiver = Receiver::start(&ReceiverOptions::https(pair));
        let error = Client::new(&authority, None).post(receiver.port(), "/", "").unwrap_err();
        assert!(error.contains(complaint), "{complaint}: {error}");
    }
    let lenient = TlsOptions::new(authority.server(names)).client_ca(&authority.pem());
    let receiver = Receiver::start(&ReceiverOptions::tls(lenient));
    Client::new(&authority, None).post(receiver.port(), "/", "").unwrap();
    Client::new(&authority, Some(authority.client("c"))).post(receiver.port(), "/", "").unwrap();
    let seen: Vec<_> = receiver.requests().into_iter().map(|request| request.peer_common_name).collect();
    assert_eq!(seen, [None, Some("c".to_owned())]);
}

#[test]
fn identities_are_laid_out_like_a_kubernetes_secret() {
    use std::os::unix::fs::PermissionsExt as _;
    let authority = Authority::new("ours");
    let pair = authority.client("relay");
    let home = tempfile::tempdir().unwrap();
    write_identity(home.path(), "shop", Some(&pair), Some(&authority.pem()));
    let file = |name: &str| home.path().join("shop").join(name);
    assert_eq!(fs::read_to_string(file("tls.crt")).unwrap(), pair.cert_pem);
    assert!(fs::read_to_string(file("tls.key")).unwrap().starts_with("-----BEGIN PRIVATE KEY-----"));
    assert_eq!(fs::metadata(file("tls.key")).unwrap().permissions().mode() & 0o777, 0o600);
    write_identity(home.path(), "shop", None, Some(&authority.pem()));
    assert!(!file("tls.crt").exists() && !file("tls.key").exists() && file("ca.crt").exists());
}

#[test]
fn replies_are_what_the_test_says() {
    let receiver = Receiver::start(&ReceiverOptions::plain());
    receiver.reply_with(|request, nth| match request.path.as_str() {
        "/close" => Reply::close(),
        "/slow" => Reply::status(202).after(Duration::from_millis(30)),
        _ => Reply::status(429).header("Retry-After", "7").body(format!("number {nth}")),
    });
    let port = receiver.port();
    let answer = post_plain(port, "/", "x").unwrap();
    assert!(answer.starts_with("HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nnumber 1"), "{answer}");
    assert_eq!(post_plain(port, "/close", "x").unwrap_or_default(), "");
    let before = Instant::now();
    assert!(post_plain(port, "/slow", "x").unwrap().starts_with("HTTP/1.1 202 "));
    assert!(before.elapsed() >= Duration::from_millis(30));
    assert_eq!(receiver.wait_for(3, SOON).len(), 3);
    receiver.clear();
    assert_eq!((receiver.count(), receiver.requests().len(), receiver.connections()), (0, 0, 3));
    assert!(post_plain(port, "/", "x").unwrap().ends_with("number 1"));
}

#[test]
fn a_gate_holds_answers_back_after_recording() {
    let receiver = Receiver::start(&ReceiverOptions::plain());
    let gate = Gate::new();
    receiver.reply(Reply::status(200).gate(&gate));
    let port = receiver.port();
    let client = std::thread::spawn(move || post_plain(port, "/gated", "x"));
    assert_eq!(receiver.wait_for(1, SOON)[0].path, "/gated");
    assert!(!client.is_finished());
    gate.open();
    assert!(client.join().unwrap().unwrap().starts_with("HTTP/1.1 200 "));
}

#[test]
fn hanging_and_stalling_replies_end_only_with_the_connection() {
    let receiver = Receiver::start(&ReceiverOptions::plain());
    receiver.reply_with(|_, nth| if nth == 1 { Reply::stall_body() } else { Reply::hang() });
    let mut stalled = TcpStream::connect(("127.0.0.1", receiver.port())).unwrap();
    stalled.set_read_timeout(Some(SOON)).unwrap();
    stalled.write_all(post("/", "x", "keep-alive").as_bytes()).unwrap();
    let mut head = BufReader::new(stalled.try_clone().unwrap()).lines().map_while(Result::ok);
    assert_eq!(head.next().as_deref(), Some("HTTP/1.1 200 OK"));
    assert_eq!(head.next().as_deref(), Some("content-length: 64"));
    assert!(head.any(|line| line.is_empty()));
    stalled.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    assert!(stalled.read(&mut [0]).is_err(), "no body comes");

    let port = receiver.port();
    let hanging = std::thread::spawn(move || post_plain(port, "/", "x"));
    receiver.wait_for(2, SOON);
    assert_eq!(receiver.open_connections(), 2);
    receiver.stop();
    assert_eq!(receiver.open_connections(), 0);
    assert_eq!(hanging.join().unwrap().unwrap_or_default(), "");
    assert!(post_plain(port, "/", "x").is_err(), "connections are refused");
    receiver.reply(Reply::default());
    receiver.start_again();
    assert!(post_plain(port, "/", "x").unwrap().starts_with("HTTP/1.1 200 "));
    assert_eq!(receiver.count(), 3);
}

#[tokio::test]
async fn a_future_can_wait_for_requests_too() {
    let receiver = Receiver::start(&ReceiverOptions::plain().counting_only());
    let port = receiver.port();
    let client = std::thread::spawn(move || post_plain(port, "/", "x"));
    assert!(receiver.wait_for_async(1, SOON).await.is_empty(), "it only counts");
    assert_eq!(receiver.count(), 1);
    client.join().unwrap().unwrap();
}

#[test]
fn many_requests_go_over_one_connection() {
    const MANY: usize = 2_000;
    let authority = Authority::new("ours");
    let options = ReceiverOptions::mutual(authority.server(&["localhost"]), &authority.pem()).counting_only();
    let receiver = Receiver::start(&options);
    let client = Client::new(&authority, Some(authority.client("relay")));
    let mut stream = client.connect(receiver.port()).unwrap();
    let request = post("/", "{}", "keep-alive");
    for _ in 0..MANY {
        stream.write_all(request.as_bytes()).unwrap();
        let mut buffer = [0; 1024];
        let mut length = 0;
        while !buffer[..length].ends_with(b"\r\n\r\n") {
            length += stream.read(&mut buffer[length..]).unwrap();
        }
    }
    receiver.wait_for(MANY, SOON);
    assert_eq!((receiver.count(), receiver.connections()), (MANY, 1));
}

#[test]
fn a_raw_receiver_says_anything() {
    let authority = Authority::new("ours");
    let tls = TlsOptions::new(authority.server(&["localhost"]));
    let script = |stream: &mut dyn support::Duplex| {
        let request = read_request(stream);
        assert!(request.ends_with(b"the body"));
        stream.write_all(b"HTTP/1.1 banana\r\n\r\n").unwrap();
    };
    let raw = RawReceiver::start(Some(&tls), script);
    let answer = Client::new(&authority, None).post(raw.port(), "/", "the body").unwrap();
    assert_eq!(answer, "HTTP/1.1 banana\r\n\r\n");
    let plain = RawReceiver::start(None, script);
    assert!(plain.url("/x").starts_with("http://localhost:") && raw.url("/x").starts_with("https://"));
    assert_eq!(post_plain(plain.port(), "/", "the body").unwrap(), answer);
    assert_eq!(plain.connections(), 1);
}

// The signatures.

#[test]
fn the_verifier_knows_the_published_vector() {
    let signed = Webhook::new(SECRET).unwrap().sign(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1_614_265_330,
        br#"{"test": 2432232314}"#,
    );
    assert_eq!(signed.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[test]
fn signatures_are_accepted_when_right_and_recent() {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
    verify_signature(SECRET, &signed_request(now)).unwrap();
    let mut rotated = signed_request(now);
    rotated.headers[2].1.insert_str(0, "v1,bm90IHRoaXMgb25l ");
    verify_signature(SECRET, &rotated).unwrap();
    assert!(verify_signature(SECRET, &signed_request(now - 600)).unwrap_err().contains("too old"));
    assert!(verify_signature(SECRET, &signed_request(now + 600)).unwrap_err().contains("future"));
    let mut forged = signed_request(now);
    forged.body = "{}".into();
    assert!(verify_signature(SECRET, &forged).unwrap_err().contains("signature invalid"));
    assert!(verify_signature("whsec_bm90IHRoaXMgb25l", &signed_request(now)).is_err());
}

fn signed_request(timestamp: i64) -> Request {
    let body = br#"{"test": 2432232314}"#;
    let signature = Webhook::new(SECRET).unwrap().sign("msg_1", timestamp, body).unwrap();
    let headers = [
        ("webhook-id", "msg_1".to_owned()),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-signature", signature),
    ];
    Request {
        method: "POST".to_owned(),
        version: "HTTP/1.1".to_owned(),
        path: "/".to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        body: body.as_slice().into(),
        peer_common_name: None,
        tls_version: None,
        connection: 1,
        arrived: Instant::now(),
        arrived_at: SystemTime::now(),
    }
}

// The relay's process, played by a shell.

fn shell() -> Outboxd {
    Outboxd::new(Path::new("/bin/sh"))
}

#[test]
fn a_run_gives_its_code_and_both_streams() {
    let output = shell().run(&["-c", "echo out; echo \"$GREETING\" >&2; exit 3"], &[("GREETING", "err")]);
    assert_eq!((output.code, output.stdout.as_str(), output.stderr.as_str()), (3, "out\n", "err\n"));
    let environment = shell().run(&["-c", "env"], &[("PGHOST", "given")]).stdout;
    let inherited = |line: &&str| line.starts_with("DATABASE_URL=") || line.starts_with("PG");
    assert_eq!(environment.lines().filter(inherited).collect::<Vec<_>>(), ["PGHOST=given"]);
}

#[test]
#[should_panic(expected = "it printed Ok(Ok(Output")]
fn a_run_that_does_not_end_is_killed() {
    shell().run_within(&["-c", "echo begun; exec sleep 60"], &[], Duration::from_millis(50));
}

#[test]
fn a_process_is_watched_line_by_line_and_signalled() {
    let script =
        "trap 'echo hup' HUP; trap 'echo bye >&2; exit 7' TERM; echo ready; while :; do sleep 0.01; done";
    let process = shell().spawn(&["-c", script], &[]);
    assert_eq!(process.wait_for_line("read", SOON), "ready");
    let mark = process.mark();
    process.signal("HUP");
    assert_eq!(process.wait_for_line_from(mark, "hup", SOON), "hup");
    process.signal("STOP");
    process.signal("CONT");
    process.signal("TERM");
    assert_eq!(process.wait(SOON), 7);
    assert_eq!(process.lines(), ["ready", "hup", "bye"]);
    assert!(!process.is_running());

    let killed = shell().spawn(&["-c", "echo ready; exec sleep 60"], &[]);
    killed.wait_for_line("ready", SOON);
    killed.signal("KILL");
    assert_eq!(killed.wait(SOON), 128 + 9);
    let dropped = shell().spawn(&["-c", "exec sleep 60"], &[]);
    let pid = dropped.pid();
    drop(dropped);
    assert!(
        !Command::new("sh")
            .args(["-c", &format!("exec 2>/dev/null; kill -0 {pid}")])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
#[should_panic(expected = "no line with \"never\"")]
fn a_line_that_cannot_come_any_more_fails_at_once() {
    shell().spawn(&["-c", "echo once"], &[]).wait_for_line("never", Duration::from_hours(1));
}
