//! Signing secrets: rotation with overlap, ed25519 beside HMAC, by reference, and what SQL says of them.

use std::fs;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::pkey::{Id, PKey};
use openssl::sign::Verifier;

use crate::stage::{SOON, Stage, outboxd};
use crate::support::{Request, verify_signature};

const WHSK: &str =
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
const WHPK: &str = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";

/// How many signatures of each scheme a request has.
fn schemes(request: &Request) -> Vec<&str> {
    let tokens = request.header("webhook-signature").unwrap_or_default().split(' ');
    tokens.map(|token| token.split_once(',').unwrap().0).collect()
}

/// Checks a signature of scheme v1a by OpenSSL, which is not our code.
fn verify_v1a(public: &str, request: &Request) -> bool {
    let public = STANDARD.decode(public.strip_prefix("whpk_").unwrap()).unwrap();
    let key = PKey::public_key_from_raw_bytes(&public, Id::ED25519).unwrap();
    let header = |name| request.header(name).unwrap();
    let content = format!("{}.{}.{}", header("webhook-id"), header("webhook-timestamp"), request.text());
    let tokens = header("webhook-signature").split(' ').filter_map(|token| token.strip_prefix("v1a,"));
    tokens.map(|token| STANDARD.decode(token).unwrap()).any(|signature| {
        Verifier::new_without_digest(&key).unwrap().verify_oneshot(&signature, content.as_bytes()).unwrap()
    })
}

#[test]
fn old_and_new_sign_until_the_overlap_ends_and_no_edit_is_needed_for_that() {
    let stage = Stage::new("rotation");
    let id = stage.subscribe("");
    let _relay = stage.relay();
    let old = stage.secret(id);
    stage.emit(1);
    stage.wait_until_drained();
    let new = stage.db.psql(&format!("select outbox.rotate_signing_secret({id}, '10 seconds')"));
    assert_eq!(new, stage.secret(id), "the newest is what a subscriber is given");
    stage.emit(1);
    stage.wait_until_drained();
    let version = "select version from outbox.subscription";
    let before = stage.db.psql(version);
    let ended = "select clock_timestamp() > max(retires_at) from outbox.signing_key";
    stage.db.wait_until(ended, SOON);
    stage.emit(1);
    stage.wait_until_drained();
    assert_eq!(stage.db.psql(version), before);
    let requests = stage.receiver.requests();
    let counts: Vec<_> = requests.iter().map(|request| schemes(request).len()).collect();
    assert_eq!(counts, [1, 2, 1]);
    for secret in [&old, &new] {
        verify_signature(secret, &requests[1]).unwrap();
    }
    verify_signature(&new, &requests[2]).unwrap();
    verify_signature(&old, &requests[2]).unwrap_err();
    assert_eq!(stage.count("outbox.signing_key"), 2);
    stage.db.psql("select outbox.purge_old()");
    assert_eq!(stage.count("outbox.signing_key"), 1, "housekeeping takes it away");
}

#[test]
fn both_schemes_sign_in_one_header_and_references_are_resolved_by_the_relay_alone() {
    let stage = Stage::new("schemes");
    let id = stage.subscribe(&format!("secret => '{WHSK}'"));
    let hmac = stage.secret(id);
    assert_eq!(stage.db.psql(&format!("select outbox.signing_public_key({id})")), WHPK);
    stage.emit(1);
    stage.once();
    // Two in one file, as in a rotation: the new one before the old one.
    let folder = tempfile::tempdir().unwrap();
    let made = outboxd().run(&["signing-key"], &[]).stdout;
    let (secret, public) = made.trim().split_once('\n').unwrap();
    fs::write(folder.path().join("acme"), format!("{secret} {hmac}\n")).unwrap();
    stage.db.psql(&format!("select outbox.set_signing_secret({id}, 'ref:acme')"));
    assert_eq!(stage.db.psql("select count(*), count(secret) from outbox.signing_key"), "1|0");
    stage.emit(1);
    let url = stage.db.url();
    let identities = stage.identities().to_str().unwrap();
    let run = ["run", "--once", "--database-url", &url, "--identities", identities];
    let output = outboxd().run(&[&run[..], &["--secrets", folder.path().to_str().unwrap()]].concat(), &[]);
    assert!(output.stdout.starts_with("delivered 1,"), "{output:?}");
    let requests = stage.receiver.requests();
    assert_eq!(schemes(&requests[0]), ["v1a", "v1"]);
    verify_signature(&hmac, &requests[0]).unwrap();
    assert!(verify_v1a(WHPK, &requests[0]) && !verify_v1a(public, &requests[0]));
    assert_eq!(schemes(&requests[1]), ["v1a", "v1"]);
    verify_signature(&hmac, &requests[1]).unwrap();
    assert!(verify_v1a(public, &requests[1]) && !verify_v1a(WHPK, &requests[1]));
    // Not signed is not sent: a relay without the secret says what it lacks.
    stage.emit(1);
    outboxd().run(&run, &[]);
    let row = stage.attempts().pop().unwrap();
    let error = row["error"].as_str().unwrap();
    assert!(
        row["class"] == "not_sent" && error.starts_with("secret \"acme\" is not known to this relay: "),
        "{row}"
    );
    // One that does not belong together is told without being repeated.
    let broken = [&WHSK[..WHSK.len() - 4], "AAA="].concat();
    outboxd().run(&run, &[("OUTBOXD_SECRET_ACME", &broken)]);
    stage.end_leases();
    outboxd().run(&run, &[("OUTBOXD_SECRET_ACME", &broken)]);
    let row = stage.attempts().pop().unwrap();
    let error = row["error"].as_str().unwrap();
    assert!(
        error.contains("secret \"acme\" of this relay is not whsec_ or whsk_") && !error.contains("whsk_6"),
        "{row}"
    );
}

#[test]
fn the_public_half_is_printed_and_what_is_no_key_is_not_repeated() {
    let public = |text: &str| {
        let (relay, mut input) = outboxd().spawn_with_input(&["signing-key", "--public"], &[]);
        input.write_all(text.as_bytes()).unwrap();
        drop(input);
        let code = relay.wait(SOON);
        (code, relay.lines().join("\n"))
    };
    assert_eq!(public(&format!("{WHSK}\n")), (0, WHPK.to_owned()));
    let seed = format!("whsk_{}", STANDARD.encode(&STANDARD.decode(&WHSK[5..]).unwrap()[..32]));
    assert_eq!(public(&seed), (0, WHPK.to_owned()));
    let (code, told) = public("whsk_bWFya2Vy");
    assert!(code == 1 && told.contains("is not whsk_") && !told.contains("bWFya2Vy"), "{told}");
}

#[test]
fn sql_keeps_secrets_of_each_kind_apart_and_says_what_it_cannot_do() {
    let stage = Stage::new("signing_sql");
    let id = stage.subscribe("");
    let keys = || {
        stage.db.psql(
            "select string_agg(kind || case when retires_at is null then '' else '-' end, ' ' order by id) \
             from outbox.signing_key",
        )
    };
    let ask = |call: &str| stage.db.psql(&format!("select outbox.{}", call.replace('$', &id.to_string())));
    let refused = |call: &str| {
        let error =
            stage.db.try_psql(&format!("select outbox.{}", call.replace('$', &id.to_string()))).unwrap_err();
        (error.sqlstate, error.message)
    };
    assert_eq!(refused("signing_public_key($)").0, "OX028");
    ask(&format!("set_signing_secret($, '{WHSK}')"));
    assert_eq!(keys(), "v1 v1a");
    assert_eq!(ask(&format!("rotate_signing_secret($, '1 day', '{WHSK}')")), WHPK);
    assert_eq!(keys(), "v1 v1a- v1a", "the other kind stays as it is");
    ask("rotate_signing_secret($)");
    assert_eq!(keys(), "v1- v1a- v1a v1");
    let seed = format!("whsk_{}", STANDARD.encode([7; 32]));
    ask(&format!("set_signing_secret($, '{seed}')"));
    assert_eq!(keys(), "v1- v1 v1a", "at once in place of its kind");
    assert_eq!(
        refused("signing_public_key($)"),
        ("OX028".into(), format!("the ed25519 key of subscription {id} is its seed alone"))
    );
    assert_eq!(ask("rotate_signing_secret($, '1 hour', 'ref:acme')"), "");
    assert_eq!(keys(), "v1- v1- v1a- reference");
    assert_eq!(refused("signing_secret($)").0, "OX028");
    assert_eq!(refused("rotate_signing_secret($)").0, "OX028");
    ask("set_signing_secret($, 'ref:acme')");
    assert_eq!(keys(), "reference", "none is in the database");
    ask("set_signing_secret($, 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')");
    assert_eq!(keys(), "v1");
    for _ in 0..7 {
        ask("rotate_signing_secret($)");
    }
    let (code, message) = refused("rotate_signing_secret($)");
    assert_eq!(
        (code.as_str(), message),
        ("OX028", format!("subscription {id} has 8 signing secrets already"))
    );
    for (call, code) in [
        ("rotate_signing_secret($, '-1 s')", "OX028"),
        ("rotate_signing_secret($, '91 days')", "OX028"),
        ("rotate_signing_secret($, null)", "OX028"),
        ("rotate_signing_secret(99)", "OX008"),
        ("set_signing_secret($, 'ref:Not A Name')", "OX009"),
        ("set_signing_secret($, 'whsk_AAAA')", "OX009"),
        ("set_signing_secret($, 'whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=')", "OX009"),
    ] {
        assert_eq!(refused(call).0, code, "{call}");
    }
}
