//! The gateway to browsers' push services (`contrib/gateways/webpush`), between a real relay and a push service that records.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::ecdsa::EcdsaSig;
use openssl::nid::Nid;
use serde_json::{Value, json};

use crate::receiver_programs::{GATEWAY, Program};
use crate::stage::{LOCAL, SOON, Stage, text};
use crate::support::{Receiver, ReceiverOptions, Reply, Request};

/// A browser's keys: those of the example in RFC 8291, section 5.
const BROWSER_PUBLIC: &str =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
const BROWSER_PRIVATE: &str = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94";
const BROWSER_AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";
/// The application's: the browser's of above, the other way round, will do for P-256.
const VAPID_PUBLIC: &str = BROWSER_PUBLIC;
const VAPID_PRIVATE: &str = BROWSER_PRIVATE;
/// Who knows it may push: it must be printed nowhere.
const CAPABILITY: &str = "capability-of-a-browser";

struct Play {
    stage: Stage,
    service: Receiver,
    gateway: Program,
}

impl Play {
    /// Or nothing where there is no Node.
    fn new() -> Option<Self> {
        if !GATEWAY.can_run() {
            return None;
        }
        let stage = Stage::new("gateway");
        stage.db.psql(
            "create schema app; create function app.push(event outbox.event) returns json language sql stable as $$
                 select (event).data::json $$",
        );
        let service = Receiver::start(&ReceiverOptions::https(stage.authority.server(&LOCAL)));
        let trusted = stage.identities().join("default/ca.crt").to_str().unwrap().to_owned();
        let gateway = Program::start(
            &GATEWAY,
            &stage.authority,
            "",
            &[
                ("NODE_EXTRA_CA_CERTS", &trusted),
                ("PUSH_HOSTS", "localhost .push.example"),
                ("VAPID_SUBJECT", "mailto:ops@example.com"),
                ("VAPID_PUBLIC_KEY", VAPID_PUBLIC),
                ("VAPID_PRIVATE_KEY", VAPID_PRIVATE),
            ],
        );
        Some(Self { stage, service, gateway })
    }

    /// What becomes of one push for which the service has this answer: the ledger's row.
    fn pushed(&self, device: &str, push: &Value, answer: Reply) -> Value {
        self.service.clear();
        self.service.reply(answer);
        let url = format!("https://localhost:{}/{device}", self.gateway.port);
        let sql = format!(
            "select outbox.subscribe('{device}', '*', '{url}', envelope => 'app.push', delays => '{{10 min}}')"
        );
        let subscription = self.stage.db.psql(&sql);
        self.stage.db.psql(&format!("select outbox.emit('Order.Update', $j${push}$j$)"));
        self.stage.once();
        // The others are not to hear of the next one.
        let row = self.stage.attempts().pop().unwrap();
        assert_eq!(row["subscription"].to_string(), subscription, "{row}");
        self.stage.db.psql(&format!(
            "update outbox.subscription set status = 'paused' where id = {subscription} and status <> 'gone'"
        ));
        row
    }

    fn push(&self) -> Value {
        json!({
            "subscription": {
                "endpoint": self.service.url(&format!("/send/{CAPABILITY}")),
                "keys": {"p256dh": BROWSER_PUBLIC, "auth": BROWSER_AUTH},
            },
            "notification": {"title": "Pizza delivery", "body": "Größer als je 🍕"},
            "ttl": 3600, "urgency": "high", "topic": "order-17",
        })
    }
}

#[test]
fn a_push_is_encrypted_for_the_browser_and_answered_as_the_push_service_answers() {
    let Some(play) = Play::new() else { return };
    let push = play.push();
    let row = play.pushed("taken", &push, Reply::status(201));
    assert_eq!((text(&row, "outcome"), row["status"].as_i64()), ("delivered", Some(201)), "{row}");
    let [request] = play.service.requests().try_into().unwrap();
    let expected =
        [("ttl", "3600"), ("urgency", "high"), ("topic", "order-17"), ("content-encoding", "aes128gcm")];
    for (name, value) in expected {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
    assert_eq!(decrypted(&request), push["notification"]);
    is_vouched_for(&request, &play.service.url(""));

    let row = play.pushed("gone", &push, Reply::status(410));
    assert_eq!((text(&row, "outcome"), row["status"].as_i64()), ("cancelled", Some(410)), "{row}");
    assert_eq!(play.stage.count("outbox.subscription where subscriber = 'gone' and status = 'gone'"), 1);

    let row = play.pushed("busy", &push, Reply::status(429).header("retry-after", "1800"));
    assert_eq!((text(&row, "outcome"), row["status"].as_i64()), ("", Some(429)), "{row}");
    let due = "outbox.delivery where due_at - clock_timestamp() between '29 min' and '30 min'";
    assert_eq!(play.stage.count(due), 1, "Retry-After goes through");

    let row = play.pushed("key", &push, Reply::status(403));
    assert_eq!(
        (text(&row, "outcome"), row["status"].as_i64()),
        ("", Some(502)),
        "our key is no fault of the device's: {row}"
    );

    play.service.stop();
    let row = play.pushed("nobody", &push, Reply::default());
    assert_eq!((text(&row, "outcome"), row["status"].as_i64()), ("", Some(502)), "{row}");
    play.gateway.process.signal("TERM");
    assert_eq!(play.gateway.process.wait(SOON), 0);
    let printed = play.gateway.process.lines().join("\n");
    assert!(printed.contains("pushed") && !printed.contains(CAPABILITY), "{printed}");
}

#[test]
fn what_can_never_be_pushed_is_refused_for_good_and_nobody_is_called() {
    let Some(play) = Play::new() else { return };
    let with = |path: &str, value: Value| {
        let mut push = play.push();
        *push.pointer_mut(path).unwrap() = value;
        push
    };
    for (device, push, status, why) in [
        (
            "inside",
            with("/subscription/endpoint", json!("https://169.254.169.254/latest")),
            422,
            "known push service",
        ),
        (
            "ending",
            with("/subscription/endpoint", json!("https://evilpush.example/")),
            422,
            "known push service",
        ),
        ("plain", with("/subscription/endpoint", json!("http://localhost/")), 422, "known push service"),
        ("keys", with("/subscription/keys/p256dh", json!("AAAA")), 422, "p256dh"),
        ("topic", with("/topic", json!("white space")), 422, "Unsupported characters"),
        ("large", with("/notification", json!("x".repeat(3992))), 413, "too large"),
    ] {
        let row = play.pushed(device, &push, Reply::status(201));
        assert_eq!(
            (text(&row, "outcome"), row["status"].as_i64()),
            ("dead", Some(status)),
            "{device}: {row}"
        );
        assert!(text(&row, "response").contains(why), "{device}: {row}");
        assert_eq!(play.service.count(), 0, "{device}");
    }
}

/// What the service worker would get. By the library that the gateway's own stands on, with the browser's private key.
fn decrypted(request: &Request) -> Value {
    let script = "const ece = require('http_ece'), keys = require('crypto').createECDH('prime256v1');
        const [privateKey, authSecret, body] = process.argv.slice(1);
        keys.setPrivateKey(Buffer.from(privateKey, 'base64url'));
        process.stdout.write(
            ece.decrypt(Buffer.from(body, 'base64url'), { version: 'aes128gcm', privateKey: keys, authSecret }))";
    let body = BASE64.encode(&request.body);
    let fetched: &Path = &GATEWAY.fetched();
    let output = Command::new("node")
        .current_dir(fetched)
        .args(["-e", script, BROWSER_PRIVATE, BROWSER_AUTH, &body])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// RFC 8292: a token for this push service alone, by the application's key.
fn is_vouched_for(request: &Request, origin: &str) {
    let header = request.header("authorization").unwrap();
    let (token, key) = header.strip_prefix("vapid t=").and_then(|rest| rest.split_once(", k=")).unwrap();
    assert_eq!(key, VAPID_PUBLIC);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let claims: Value =
        serde_json::from_slice(&BASE64.decode(signed.split_once('.').unwrap().1).unwrap()).unwrap();
    assert_eq!((&claims["aud"], &claims["sub"]), (&json!(origin), &json!("mailto:ops@example.com")));
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let mut context = BigNumContext::new().unwrap();
    let point = EcPoint::from_bytes(&group, &BASE64.decode(key).unwrap(), &mut context).unwrap();
    let [r, s] =
        [0..32, 32..64].map(|half| BigNum::from_slice(&BASE64.decode(signature).unwrap()[half]).unwrap());
    let signature = EcdsaSig::from_private_components(r, s).unwrap();
    let digest = openssl::sha::sha256(signed.as_bytes());
    assert!(signature.verify(&digest, &EcKey::from_public_key(&group, &point).unwrap()).unwrap());
}
