//! `outboxd status`: one screen, true to what is in the tables, for people and for scripts.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Instant;

use serde_json::Value;

use crate::installed::{installed, login_roles};
use crate::stage::{HASTY, SOON, Stage, outboxd};
use crate::support::{Database, Output, Reply, shared};

fn run(url: &str, arguments: &[&str]) -> Output {
    let arguments: Vec<&str> = ["status"].iter().chain(arguments).copied().collect();
    outboxd().run(&arguments, &[("DATABASE_URL", url)])
}

fn screen(db: &Database) -> String {
    let output = run(&db.url(), &[]);
    assert_eq!(output.code, 0, "{output:?}");
    output.stdout
}

fn document(db: &Database) -> Value {
    let output = run(&db.url(), &["--json"]);
    assert_eq!(output.code, 0, "{output:?}");
    serde_json::from_str(&output.stdout).unwrap()
}

fn seen(db: &Database) {
    db.psql("select outbox.report_relay('relay 1', 'here', 1, '0.1.0', 'kept')");
}

#[track_caller]
fn assert_shows(screen: &str, lines: &[&str]) {
    for line in lines {
        assert!(screen.contains(line), "{screen}\nlacks: {line}");
    }
    for line in screen.lines() {
        assert!(line.chars().count() <= 80, "wider than 80: {line}");
    }
    assert!(screen.lines().count() <= 24, "higher than 24:\n{screen}");
}

/// Through the life of an installation, with a relay and a subscriber.
#[test]
fn from_nobody_there_to_healthy_to_failing_and_stopped() {
    let stage = Stage::new("status_life");
    let nobody = screen(&stage.db);
    assert_shows(
        &nobody,
        &["NOT HEALTHY, 1 problem", "! NO RELAY IS ALIVE; none was ever seen; start one\n  > outboxd run\n"],
    );
    assert_shows(&nobody, &["nobody has subscribed yet: select outbox.subscribe("]);
    let subscription = stage.subscribe(&format!("max_attempts => 1000, {HASTY}"));
    stage.emit(3);
    assert_shows(
        &screen(&stage.db),
        &[
            "! NO RELAY IS ALIVE while 3 deliveries wait;",
            "3 deliveries open: 3 due, 0 in flight, 0 waiting, oldest ",
        ],
    );
    let relay = stage.relay();
    stage.wait_until_drained();
    stage.db.wait_until("select exists (select from outbox.relay where doorbell = 'kept')", SOON);
    assert_eq!(
        stage.db.psql("select last_seen_at - started_at < interval '8 s' from outbox.relay"),
        "t",
        "it does not wait for its next round to say so"
    );
    let well = screen(&stage.db);
    assert_shows(
        &well,
        &["outboxd 0.1.0: healthy", "relay 1 ", "kept", "nothing is waiting; 1 subscription"],
    );
    stage.receiver.reply(Reply::status(503));
    stage.emit(2);
    let failing = "select coalesce(max(consecutive_failures), 0) > 1 from outbox.subscription_health";
    stage.db.wait_until(failing, SOON);
    let endpoint = format!("https://localhost:{}/hook", stage.receiver.port());
    assert_shows(
        &screen(&stage.db),
        &[
            "! 1 subscription fails; its last error is below",
            "the subscriber answered 503",
            &endpoint,
            "failing",
        ],
    );
    let told = document(&stage.db);
    let one = &told["subscriptions"][0];
    assert_eq!((one["id"].as_i64(), one["last_status"].as_i64()), (Some(subscription), Some(503)), "{one:#}");
    assert_eq!((one["open"].as_i64(), told["totals"]["failing"].as_i64()), (Some(2), Some(1)));
    relay.signal("TERM");
    relay.wait(SOON);
    assert_shows(
        &screen(&stage.db),
        &["! NO RELAY IS ALIVE while 2 deliveries wait; the last stopped ", "ago, stopped"],
    );
    stage
        .db
        .psql("update outbox.relay set stopped_at = null, last_seen_at = last_seen_at - interval '1 hour'");
    assert_shows(
        &screen(&stage.db),
        &["! NO RELAY IS ALIVE while 2 deliveries wait; the last was seen 1 h", "ago, gone"],
    );
}

#[test]
fn each_trouble_is_in_the_first_lines_with_what_to_do() {
    let db = installed("status_troubles");
    seen(&db);
    db.psql(
        "create table orders (id int primary key); select outbox.watch('orders', 'Order');
         select outbox.subscribe('acme', 'Order.*', 'https://e.com/in?token=hush')",
    );
    assert_shows(&screen(&db), &[": healthy"]);
    for (break_it, sentence, mend) in [
        (
            "alter table orders disable trigger zz_outbox_1_insert",
            "! the watch of public.orders does not work: trigger zz_outbox_1_insert is",
            "alter table orders enable trigger zz_outbox_1_insert",
        ),
        (
            "update outbox.setting set home = '1/2'",
            "! this database is a copy and delivers nothing;",
            "select outbox.adopt_database()",
        ),
        (
            "insert into outbox.dead_letter values (9, 1, 0, 9, 1, now(), 'x')",
            "! 1 delivery given up; once the cause is mended, send again\n  > select outbox.retry(delivery) from",
            "delete from outbox.dead_letter",
        ),
        (
            "select outbox.emit('Order.Create'); update outbox.event set occurred_at = now() - interval '2 min'",
            "! nothing has gone to 1 subscription for a minute although deliveries are due;",
            "delete from outbox.delivery",
        ),
        (
            "insert into outbox.definition_history (migration, digest, release) values (1, 'x', '9.9.9')",
            "! the functions in this database come from outboxd 9.9.9",
            "delete from outbox.definition_history where digest = 'x'",
        ),
    ] {
        db.psql(break_it);
        let shown = screen(&db);
        assert_shows(&shown, &["NOT HEALTHY, 1 problem", sentence]);
        assert_eq!(run(&db.url(), &["--exit-code"]).code, 3);
        assert!(!shown.contains("hush"), "{shown}");
        db.psql(mend);
        assert_shows(&screen(&db), &[": healthy"]);
    }
    assert_eq!(run(&db.url(), &["--exit-code"]).code, 0);
    db.psql("update outbox.subscription set status = 'paused'; select outbox.emit('Order.Create')");
    assert_shows(&screen(&db), &[": healthy", "- 1 delivery held back: paused or disabled", "paused"]);
    db.psql(
        "begin; set local outbox.reason = 'their URL is wrong';
            update outbox.subscription set status = 'disabled'; commit",
    );
    assert_shows(
        &screen(&db),
        &[
            "NOT HEALTHY, 1 problem",
            "! subscription 1 of acme is disabled: nothing is sent to it until it is enabled",
            "  > select outbox.enable(1);",
            " ago by postgres: their URL is wrong",
        ],
    );
    db.psql("select outbox.enable(1)");
    assert_shows(&screen(&db), &[": healthy"]);
}

#[test]
fn a_subscription_that_fails_does_not_hide_another_that_is_stalled() {
    let db = installed("status_stalled");
    seen(&db);
    db.psql(
        "select outbox.define_event_type('A'), outbox.define_event_type('B');
         select outbox.subscribe('a', 'A', 'https://a.com/'), outbox.subscribe('b', 'B', 'https://b.com/');
         select outbox.emit('A'); update outbox.event set occurred_at = now() - interval '2 min';
         insert into outbox.subscription_health (subscription, consecutive_failures, last_error) values (2, 3, 'no')",
    );
    assert_shows(
        &screen(&db),
        &[
            "NOT HEALTHY, 2 problems",
            "! 1 subscription fails;",
            "! nothing has gone to 1 subscription for a minute although deliveries are due;",
        ],
    );
}

#[test]
fn what_is_to_be_copied_stands_alone_and_whole() {
    let db = installed("status_copied");
    seen(&db);
    db.psql(
        "create table \"Odd name of a table, in which a line of the screen could end\" (id int primary key, n int);
         select outbox.watch('\"Odd name of a table, in which a line of the screen could end\"', 'Order');
         drop trigger zz_outbox_1_insert on \"Odd name of a table, in which a line of the screen could end\"",
    );
    let shown = screen(&db);
    let remedies: Vec<&str> = shown.lines().filter_map(|line| line.strip_prefix("  > ")).collect();
    assert_eq!(remedies.len(), 1, "{shown}");
    db.psql(remedies[0]);
    assert_shows(&screen(&db), &[": healthy"]);
}

#[test]
fn a_reader_may_look_and_who_may_not_is_told_by_whom_it_is_granted() {
    let db = installed("status_rights");
    login_roles(shared(), &["status_reader", "status_relay", "status_nobody"]);
    db.psql("grant outbox_reader to status_reader; grant outbox_relay to status_relay");
    seen(&db);
    let output = run(&db.url_as("status_reader"), &[]);
    assert_eq!(output.code, 0, "{output:?}");
    assert_shows(&output.stdout, &[": healthy"]);
    for role in ["status_relay", "status_nobody"] {
        let output = run(&db.url_as(role), &[]);
        assert_eq!((output.code, output.stdout.as_str()), (1, ""));
        assert!(output.stderr.contains(&format!("grant outbox_reader to {role};")), "{}", output.stderr);
    }
}

#[test]
fn a_schema_that_does_not_fit_is_told_as_migrate_tells_it() {
    let empty = shared().database("status_empty");
    let edited = installed("status_edited");
    edited.psql("update outbox.refinery_schema_history set checksum = '1'");
    for db in [&empty, &edited] {
        let told = run(&db.url(), &["--json"]);
        let check = outboxd().run(&["migrate", "--check"], &[("DATABASE_URL", &db.url())]);
        assert_eq!((told.code, told.stdout.as_str()), (1, ""));
        assert!(told.stderr.contains(check.stdout.trim()), "{} / {}", told.stderr, check.stdout);
    }
    let away = run("postgres://u@127.0.0.1:1/none?sslmode=disable", &[]);
    assert!(away.code == 1 && away.stderr.contains("cannot connect to 127.0.0.1:1"), "{away:?}");
}

#[test]
fn nothing_from_a_table_steers_the_terminal() {
    let db = installed("status_escape");
    db.psql(
        "select outbox.subscribe('東京', '*', 'https://e.com/in');
         insert into outbox.subscription_health (subscription, consecutive_failures, last_error)
             values (1, 1, E'\\x1b[2Jgone\\u009b1m\\u202e\\nforged line\\x07');
         select outbox.report_relay(E'r\\x1b]0;title\\x07', E'h\\x1b[31m', 1, '0.1.0', 'kept')",
    );
    for arguments in [&[][..], &["--wide"], &["--json"]] {
        let shown = run(&db.url(), arguments).stdout;
        let steering = shown.chars().find(|c| c.is_control() && *c != '\n' || *c == '\u{202e}');
        assert_eq!(steering, None, "{arguments:?}: {shown:?}");
        assert!(shown.contains("東京") && shown.contains("forged line"), "{shown}");
        assert!(!shown.lines().any(|line| line.trim_start().starts_with("forged")), "{shown}");
    }
    let told = document(&db)["subscriptions"][0]["last_error"].clone();
    assert_eq!(told, "\u{1b}[2Jgone\u{9b}1m\u{202e}\nforged line\u{7}", "a script gets it as it is");
}

/// 1,000 subscriptions with 100,000 open deliveries, among 20,000 that are idle.
#[test]
fn a_large_installation_is_still_one_screen_and_soon_there() {
    let db = installed("status_large");
    seen(&db);
    db.psql(
        "select outbox.define_event_type('A'); select outbox.emit('A');
         insert into outbox.subscriber (name) values ('many');
         insert into outbox.subscription (subscriber, pattern, url)
             select 'many', 'A', 'https://e.com/' || n from generate_series(1, 21000) n;
         insert into outbox.event (slot, type, data) values (outbox.slot(now()), 'A', '{}');
         insert into outbox.delivery (subscription, event_slot, event_id)
             select n % 1000 + 1, outbox.slot(now()), (select max(id) from outbox.event) from generate_series(1, 100000) n;
         insert into outbox.subscription_health (subscription, consecutive_failures, last_error)
             select n, n, 'failed' from generate_series(1, 300) n;
         analyze",
    );
    let begun = Instant::now();
    let shown = screen(&db);
    let took = begun.elapsed();
    eprintln!("status of 100,000 deliveries and 1,000 subscriptions took {took:?}");
    assert!(took.as_secs() < 8, "{took:?}");
    assert!(
        shown.contains("and 980 subscriptions more") || shown.contains("and 980 subscriptions"),
        "{shown}"
    );
    assert!(
        shown.contains("100,000 deliveries open: 100,000 due") && shown.contains("! 300 subscriptions fail"),
        "{shown}"
    );
    assert!(shown.lines().count() < 55, "{shown}");
    let told = document(&db);
    assert_eq!(told["subscriptions"].as_array().map(Vec::len), Some(1000));
    assert_eq!(told["subscriptions_more"], 0);
}

/// Every path of keys in a document; of a list, those of its first element.
fn paths(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| paths(value, &format!("{at}.{key}"), found)),
        Value::Array(list) => list.iter().for_each(|value| paths(value, &format!("{at}[]"), found)),
        _ => {
            found.insert(at.trim_start_matches('.').to_owned());
        }
    }
}

#[test]
fn the_keys_for_scripts_are_those_on_paper() {
    let db = installed("status_keys");
    seen(&db);
    db.psql(
        "create table orders (id int primary key); select outbox.watch('orders', 'Order');
         select outbox.subscribe('acme', '*', 'https://e.com/in'); select outbox.emit('Order.Create');
         alter table orders disable trigger zz_outbox_1_insert;
         insert into outbox.turn (leaf, written_on, since, obstacle)
             values ('event_1', '2026-01-01', now() - interval '1 d', 'x');
         update outbox.setting set home = '1/2', doorbell = 'off'",
    );
    let mut found = String::from(
        "# Keys of the documents that outboxd status --json and outboxd check --json print. None is ever taken away.\n",
    );
    for command in ["status", "check"] {
        let output = outboxd().run(&[command, "--json"], &[("DATABASE_URL", &db.url())]);
        let mut keys = BTreeSet::new();
        paths(&serde_json::from_str(&output.stdout).unwrap(), "", &mut keys);
        for key in keys.iter().filter(|key| !key.starts_with("old_transactions[]")) {
            writeln!(found, "{command} {key}").unwrap();
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/documents.txt");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, found).unwrap();
        return;
    }
    assert_eq!(
        found,
        fs::read_to_string(&path).unwrap(),
        "write it anew with UPDATE_EXPECT=1 if that is meant"
    );
}
