//! The receivers that subscribers copy (`contrib/receivers/`), each against a real relay and against what a good
//! receiver must refuse. Those whose runtime or libraries are not here are left out, and say so.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpStream;
use std::process::Command;

use openssl::rsa::Rsa;
use serde_json::{Value, json};

use crate::receiver_client::{Post, Sender};
use crate::receiver_programs::{LANGUAGES, Program};
use crate::source::text_of;
use crate::stage::{SOON, Stage};
use crate::support::Authority;

/// What the receivers read at most.
const BODY_MAX: usize = 1024 * 1024 + 64 * 1024;

/// A secret that signs nothing here: the one that is being replaced.
const OTHER: &str = "whsec_bm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm4=";

/// A receiver, subscribed.
struct Play {
    stage: Stage,
    receiver: Program,
    secret: String,
}

impl Play {
    /// Or nothing when the language must be left out.
    fn new(name: &str) -> Option<Self> {
        Self::new_with(name, "", &[])
    }

    fn new_with(name: &str, part: &str, env: &[(&'static str, &str)]) -> Option<Self> {
        let language = LANGUAGES.iter().find(|language| language.name == name).unwrap();
        if !language.can_run() {
            return None;
        }
        let stage = Stage::new(&format!("receiver_{name}{part}"));
        let subscription = stage.subscribe("");
        let secret = stage.secret(subscription);
        let receiver = Program::start(language, &stage.authority, &format!("{OTHER} {secret}"), env);
        let url = format!("https://localhost:{}/hook", receiver.port);
        stage.db.psql(&format!("update outbox.subscription set url = '{url}'"));
        Some(Self { stage, receiver, secret })
    }

    /// One whose certificate is the relay's.
    fn sender(&self) -> Sender {
        self.sender_with(&self.stage.authority, Some("relay"))
    }

    fn sender_with(&self, authority: &Authority, common_name: Option<&str>) -> Sender {
        Sender {
            port: self.receiver.port,
            authority_pem: self.stage.authority.pem(),
            certificate: common_name.map(|name| authority.client(name)),
        }
    }

    /// Waits for what it prints about an event, after a mark: outcome, webhook-id, and type, object, object id, sequence.
    #[track_caller]
    fn told(&self, mark: usize, outcome: &str) -> (String, Value) {
        let line = self.receiver.process.wait_for_line_from(mark, &format!("{outcome} "), SOON);
        let mut words = line.splitn(3, ' ');
        assert_eq!(words.next(), Some(outcome), "{line}");
        (words.next().unwrap().to_owned(), serde_json::from_str(words.next().unwrap()).unwrap())
    }

    /// Posts what must be accepted, and returns what is printed.
    #[track_caller]
    fn accepted(&self, post: &Post, outcome: &str) -> (String, Value) {
        let mark = self.receiver.process.mark();
        assert_eq!(self.sender().post(post), 204);
        self.told(mark, outcome)
    }

    /// The events that it has taken for new.
    fn taken(&self) -> usize {
        self.receiver.process.lines().iter().filter(|line| line.starts_with("new ")).count()
    }

    /// What a relay sends is accepted, and handled once when it is sent again.
    fn a_relay_delivers(&self) -> (String, i64) {
        let Self { stage, receiver, .. } = self;
        stage.db.psql("insert into orders (id, note) values (1, 'new')");
        let (webhook_id, event) = self.told(0, "new");
        stage.wait_until_drained();
        let known = stage.db.psql("select webhook_id, event_id from outbox.delivery_history");
        let (id, sequence) = known.split_once('|').unwrap();
        let sequence: i64 = sequence.parse().unwrap();
        assert_eq!((webhook_id.as_str(), &event), (id, &json!(["Order.Create", "Order", "1", sequence])));
        // As after a crash between the answer and its record: the delivery is open again.
        let mark = receiver.process.mark();
        stage.db.psql(
            "insert into outbox.delivery (subscription, event_slot, event_id) \
             select subscription, event_slot, event_id from outbox.attempt",
        );
        assert_eq!(self.told(mark, "repeat"), (webhook_id.clone(), event));
        stage.wait_until_drained();
        assert_eq!(stage.count("outbox.attempt where outcome = 'delivered' and status = 204"), 2);
        (webhook_id, sequence)
    }

    /// What comes again or late is accepted and changes nothing.
    fn repeats_and_late_ones_are_known(&self, webhook_id: &str, sequence: i64) {
        let repeat = Post::signed(&self.secret, webhook_id, &body(json!("Order"), json!("1"), sequence));
        self.accepted(&repeat, "repeat");
        let post = |id: &str, object: Value, object_id: Value, sequence: i64| {
            Post::signed(&self.secret, id, &body(object, object_id, sequence))
        };
        self.accepted(&post("newer", json!("Order"), json!("1"), sequence + 2), "new");
        self.accepted(&post("older", json!("Order"), json!("1"), sequence + 1), "late");
        self.accepted(&post("same", json!("Order"), json!("1"), sequence + 2), "late");
        self.accepted(&post("other", json!("Order"), json!("2"), sequence + 1), "new");
        self.accepted(&post("other_again", json!("Order"), json!("2"), sequence + 1), "late");
        self.accepted(&post("older", json!("Order"), json!("1"), sequence + 3), "repeat");
        // Events about nothing have no newest.
        for id in ["nothing_2", "nothing_1"] {
            let (_, event) = self.accepted(&post(id, Value::Null, Value::Null, 1), "new");
            assert_eq!(event, json!(["Order.Update", null, null, 1]));
        }
        assert_eq!(self.taken(), 5);
    }

    /// Either secret will do, any of several signatures, and a body as large as they come.
    fn what_is_signed_is_accepted(&self) {
        let large = body(json!("Order"), json!("3"), 1);
        let large = large.replace("null}", &format!("\"{}\"}}", "x".repeat(BODY_MAX - large.len() + 2)));
        assert_eq!(large.len(), BODY_MAX);
        self.accepted(&Post::signed(&self.secret, "large", &large), "new");
        self.accepted(&Post::signed(OTHER, "old_secret", &body(json!("Ö 漢"), json!("4\n"), 1)), "new");
        let post = Post::signed(&self.secret, "two", &body(json!("Order"), json!("5"), 1));
        let signatures = format!("v1a,abc v1,{} {}", "A".repeat(43) + "=", post.header("webhook-signature"));
        self.accepted(&post.with("webhook-signature", signatures), "new");
    }

    /// What nobody signed, or not for now, is refused by its status, and nothing of it is handled.
    fn all_else_is_refused(&self) {
        let (taken, text) = (self.taken(), body(json!("Order"), json!("6"), 1));
        let good = Post::signed(&self.secret, "refused", &text);
        let signed_at = |seconds| Post::signed_at(&self.secret, "refused", &text, seconds);
        let without = |name: &str| {
            let mut post = good.clone();
            post.headers.retain(|(header, _)| *header != name);
            post
        };
        let mut get = good.clone();
        get.line = "GET /hook";
        let unknown = Post::signed("whsec_c3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3M=", "refused", &text);
        let signature = |value: &str| good.clone().with("webhook-signature", value);
        let cases = [
            ("tampered", good.clone().with_body(text.replace("Order\",", "Order\" ,").as_bytes()), 401),
            ("not UTF-8", good.clone().with_body(b"{\"type\":\"\xff\"}"), 401),
            ("empty", good.clone().with_body(b""), 401),
            ("another id", good.clone().with("webhook-id", "another"), 401),
            ("old", signed_at(-400), 401),
            ("from the future", signed_at(400), 401),
            ("another secret", unknown, 401),
            ("no signature", without("webhook-signature"), 401),
            ("no timestamp", without("webhook-timestamp"), 401),
            ("no id", without("webhook-id"), 401),
            ("no version", signature("nonsense"), 401),
            ("another version", signature(&good.header("webhook-signature").replace("v1", "v2")), 401),
            ("not base64", signature("v1,%%% v1,"), 401),
            (
                "too large",
                good.clone().with_body(b"").with("content-length", (BODY_MAX + 1).to_string()),
                413,
            ),
            ("no length", without("content-length").with_body_chunked(), 411),
            ("not an event", Post::signed(&self.secret, "not an event", "[]"), 500),
            ("not JSON", Post::signed(&self.secret, "not JSON", "{"), 500),
        ];
        for (case, post, status) in cases {
            assert_eq!(self.sender().post(&post), status, "{case}");
        }
        // Not POST: by whatever the library has for that, but never by what ends a subscription.
        let status = self.sender().post(&get);
        assert!(status >= 400 && ![404, 410].contains(&status), "{status}");
        let stranger = Authority::new("stage authority");
        assert_eq!(self.sender_with(&self.stage.authority, Some("somebody")).post(&good), 403);
        // Before anything of a request is read.
        assert!(self.sender_with(&self.stage.authority, None).is_refused());
        assert!(self.sender_with(&stranger, Some("relay")).is_refused());
        assert_eq!(self.taken(), taken);
        self.accepted(&good, "new");
    }
}

/// What is kept is bounded, and what was written longest ago is forgotten first: a repeat, and a newer event, count as writing.
fn forgets_what_was_written_longest_ago(language: &str) {
    let Some(play) = Play::new_with(language, "_memory", &[("REMEMBERED_MAX", "3")]) else { return };
    let nothing = |id: &str, outcome: &str| {
        play.accepted(&Post::signed(&play.secret, id, &body(Value::Null, Value::Null, 1)), outcome);
    };
    for id in ["a", "b", "c"] {
        nothing(id, "new");
    }
    nothing("a", "repeat");
    nothing("d", "new");
    nothing("a", "repeat");
    nothing("b", "new");
    let about = |id: &str, object_id: &str, sequence: i64, outcome: &str| {
        let body = body(json!("Order"), json!(object_id), sequence);
        play.accepted(&Post::signed(&play.secret, id, &body), outcome);
    };
    for object_id in ["1", "2", "3"] {
        about(object_id, object_id, 1, "new");
    }
    about("newer", "1", 2, "new");
    about("4", "4", 1, "new");
    about("late", "1", 1, "late");
    about("forgotten", "2", 1, "new");
}

#[test]
fn what_they_remember_is_bounded() {
    for language in &LANGUAGES {
        forgets_what_was_written_longest_ago(language.name);
    }
}

/// It is for who has a key in another form.
#[test]
fn the_one_in_java_names_a_command_that_makes_its_keys() {
    let text = text_of("contrib/receivers/java/Receiver.java");
    let command = text.split("openssl ").nth(1).and_then(|rest| rest.split(" makes it").next()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("tls.key");
    let pem = Rsa::generate(2048).unwrap().private_key_to_pem().unwrap();
    assert!(pem.starts_with(b"-----BEGIN RSA PRIVATE KEY-----"));
    std::fs::write(&key, pem).unwrap();
    let output = Command::new("openssl").args(command.split(' ')).arg("-in").arg(&key).output().unwrap();
    assert!(output.stdout.starts_with(b"-----BEGIN PRIVATE KEY-----"), "{command}: {output:?}");
}

/// As `outbox.body()` writes it.
#[allow(clippy::needless_pass_by_value, reason = "json! at every call reads better without a reference")]
fn body(object: Value, object_id: Value, sequence: i64) -> String {
    format!(
        r#"{{"type":"Order.Update","timestamp":"2026-01-31T12:00:00.123456Z","id":"0b7e","sequence":{sequence},{}}}"#,
        format_args!(r#""object":{object},"object_id":{object_id},"data":null"#)
    )
}

fn keeps_the_rules(language: &str) {
    let Some(play) = Play::new(language) else { return };
    // Whoever connects and says nothing keeps nobody waiting, also not at the end.
    let mute = TcpStream::connect(("127.0.0.1", play.receiver.port)).unwrap();
    let _relay = play.stage.relay();
    let (webhook_id, sequence) = play.a_relay_delivers();
    play.repeats_and_late_ones_are_known(&webhook_id, sequence);
    play.what_is_signed_is_accepted();
    play.all_else_is_refused();
    // After all this, and with the relay's connection open.
    let mark = play.receiver.process.mark();
    play.stage.db.psql("insert into orders (id) values (9)");
    assert_eq!(play.told(mark, "new").1[2], "9");
    play.stage.wait_until_drained();
    play.receiver.process.signal("TERM");
    assert_eq!(play.receiver.process.wait(SOON), 0, "{:?}", play.receiver.process.lines());
    drop(mute);
}

#[test]
fn the_one_in_python_keeps_the_rules() {
    keeps_the_rules("python");
}

#[test]
fn the_one_in_node_keeps_the_rules() {
    keeps_the_rules("node");
}

#[test]
fn the_one_in_go_keeps_the_rules() {
    keeps_the_rules("go");
}

#[test]
fn the_one_in_java_keeps_the_rules() {
    keeps_the_rules("java");
}

#[test]
fn the_one_in_rust_keeps_the_rules() {
    keeps_the_rules("rust");
}

/// Who copies the receiver in Rust builds it with a manifest of its own; the tests build it with ours.
#[test]
fn the_one_in_rust_is_copied_with_what_was_tested() {
    let (own, ours) = (text_of("contrib/receivers/rust/Cargo.toml"), text_of("Cargo.toml"));
    let (own, ours) = (requirements(&own), requirements(&ours));
    assert!(own.contains_key("standardwebhooks"), "{own:?}");
    for (name, (version, features)) in &own {
        let (our_version, our_features) = ours.get(name).unwrap_or_else(|| panic!("{name} is none of ours"));
        assert_eq!(version, our_version, "{name}");
        assert!(features.is_subset(our_features), "{name}: {features:?} are not all among {our_features:?}");
    }
    let ours = locked(&text_of("Cargo.lock"));
    let own = locked(&text_of("contrib/receivers/rust/Cargo.lock"));
    let others: Vec<_> = own.difference(&ours).filter(|package| !package.starts_with("receiver ")).collect();
    let remedy =
        "cp Cargo.lock contrib/receivers/rust/ && (cd contrib/receivers/rust && cargo metadata >/dev/null)";
    assert!(others.is_empty(), "{others:?} are not in Cargo.lock: {remedy}");
}

/// Version and features of all that a manifest requires; those of one crate in several sections are put together.
fn requirements(manifest: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut found = BTreeMap::<_, (String, BTreeSet<String>)>::new();
    let mut in_dependencies = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            in_dependencies = line.ends_with("dependencies]");
        } else if let Some((name, value)) = line.split_once(" = ").filter(|_| in_dependencies) {
            // In order: the version, then the features.
            let mut strings = value.split('"').skip(1).step_by(2).map(str::to_owned);
            let version = strings.next().unwrap();
            let entry = found.entry(name.to_owned()).or_default();
            entry.0 = version;
            entry.1.extend(strings);
        }
    }
    found
}

/// The packages of a lock file, each with its version.
fn locked(text: &str) -> BTreeSet<String> {
    let value = |line: &str| line.split('"').nth(1).unwrap_or_default().to_owned();
    let packages = text.split("[[package]]").skip(1);
    packages.map(|package| package.lines().skip(1).take(2).map(value).collect::<Vec<_>>().join(" ")).collect()
}
