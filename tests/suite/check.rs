//! `outboxd check` in the database: exactly what was broken is found, what it says to run mends it, and looking changes nothing.

use serde_json::Value;

use crate::catalogue::everything;
use crate::installed::{installed, login_roles};
use crate::stage::outboxd;
use crate::support::{Cluster, ClusterOptions, Database, Output, shared};

/// A finding that is not as it should be: `level subject`, the sentence with its reason, the remedy.
type Found = (String, String, String);

fn run(url: &str, arguments: &[&str]) -> (Output, Value) {
    let arguments: Vec<&str> = ["check", "--json"].iter().chain(arguments).copied().collect();
    let output = outboxd().run(&arguments, &[("DATABASE_URL", url)]);
    let document: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"));
    (output, document)
}

/// What is wrong, and the exit code that goes with it.
pub(crate) fn found(url: &str, arguments: &[&str]) -> Vec<Found> {
    let (output, document) = run(url, arguments);
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let all = document["findings"].as_array().unwrap();
    let bad = all.iter().filter(|finding| finding["level"] != "ok");
    let bad: Vec<_> = bad
        .map(|one| {
            let kind = format!("{} {}", text(one, "level"), text(one, "subject"));
            (kind, format!("{}: {}", text(one, "what"), text(one, "why")), text(one, "remedy"))
        })
        .collect();
    assert!(bad.iter().all(|(_, _, remedy)| !remedy.is_empty()), "each has its way out: {bad:#?}");
    let problems = bad.iter().filter(|(kind, ..)| kind.starts_with("problem")).count();
    assert_eq!(
        (document["problems"].as_u64(), output.code),
        (Some(problems as u64), i32::from(problems > 0))
    );
    assert_eq!(document["ok"], problems == 0, "{document:#}");
    bad
}

/// A watched table, somebody who listens to it, a relay that was just seen: all as it should be.
pub(crate) fn healthy(hint: &str) -> Database {
    let db = installed(hint);
    db.psql(
        "create table orders (id bigint primary key, note text);
         select outbox.watch('orders', 'Order');
         select outbox.subscribe('acme', 'Order.*', 'https://hooks.acme.example/in');",
    );
    seen(&db, "relay 1", env!("CARGO_PKG_VERSION"));
    db
}

fn seen(db: &Database, name: &str, release: &str) {
    db.psql(&format!("select outbox.report_relay('{name}', 'here', 1, '{release}', 'kept')"));
}

/// What breaks one thing, of which kind the finding is, and what it says; its remedy is SQL and mends it.
const MENDED: [(&str, &str, &str); 22] = [
    ("drop trigger zz_outbox_1_insert on orders", "problem watches", "the trigger for insert is missing"),
    (
        "alter table orders disable trigger zz_outbox_1_update",
        "problem watches",
        "zz_outbox_1_update is disabled",
    ),
    (
        "alter table orders enable replica trigger zz_outbox_1_delete",
        "problem watches",
        "zz_outbox_1_delete is disabled",
    ),
    (
        "alter table orders rename column id to number",
        "problem watches",
        "column id, part of the key, was renamed",
    ),
    ("update outbox.setting set home = '1/2'", "problem home", "is a copy of another one"),
    ("revoke outbox_relay from check_courier", "warning rights", "may not do what a relay does"),
    (
        "revoke execute on function outbox.next_due from outbox_relay",
        "problem rights",
        "next_due(double precision,bigint[])",
    ),
    (
        "revoke update on sequence outbox.doorbell from outbox_relay",
        "problem rights",
        "may not set the doorbell",
    ),
    (
        "select outbox.subscribe('b', 'Order.Update', 'https://b.example/');
             delete from outbox.event_type where name = 'Order.Update'",
        "warning subscriptions",
        "no event type matches Order.Update",
    ),
    (
        "select outbox.emit('Order.Create');
             update outbox.subscription set status = 'paused' where id = 1",
        "warning subscriptions",
        "subscription 1 of acme is paused, and 1 delivery waits behind it",
    ),
    (
        "begin; set local outbox.reason = 'their URL is wrong';
            update outbox.subscription set status = 'disabled' where id = 1; commit",
        "problem subscriptions",
        "subscription 1 of acme is disabled, and",
    ),
    (
        "insert into outbox.dead_letter (delivery, subscription, event_slot, event_id, attempt, reason)
                 select id, subscription, event_slot, event_id, 1, 'x' from outbox.delivery;
             delete from outbox.delivery",
        "warning subscriptions",
        "1 delivery of subscription 1 of acme given up",
    ),
    (
        "delete from outbox.signing_key where subscription = 1",
        "warning subscriptions",
        "subscription 1 of acme has no signing secret",
    ),
    (
        "update outbox.setting set http_allowed = true; delete from outbox.delivery;
             update outbox.subscription set url = 'http://hooks.acme.example/in?token=hush' where id = 1",
        "warning subscriptions",
        "subscription 1: plain HTTP",
    ),
    (
        "alter role check_courier set idle_session_timeout = '5s'",
        "warning server",
        "idle_session_timeout is 5000 ms",
    ),
    (
        "create table gone (id int primary key); select outbox.watch('gone', 'Order'); drop table gone",
        "problem watches",
        "the watch of a dropped table as Order does not work: the table was dropped",
    ),
    (
        "do $$ begin execute format('alter database %I set session_replication_role = replica', current_database()); end $$",
        "warning capture",
        "session_replication_role is replica for database check_mends",
    ),
    (
        "do $$ begin execute format('alter role check_writer in database %I set outbox.capture = off',
             current_database()); end $$",
        "warning capture",
        "outbox.capture is off for role check_writer in database check_mends",
    ),
    (
        "alter role check_courier set outbox.doorbell = off",
        "warning doorbell",
        "outbox.doorbell is off in this session",
    ),
    (
        "do $$ begin execute format('alter database %I set outbox.doorbell = off', current_database()); end $$",
        "warning doorbell",
        "outbox.doorbell is off in this session",
    ),
    (
        "do $$ begin execute format('alter role check_courier in database %I set outbox.doorbell = off',
             current_database()); end $$",
        "warning doorbell",
        "outbox.doorbell is off in this session",
    ),
    ("alter role check_courier connection limit 3", "warning server", "of the 3 connections it may have"),
];

#[test]
fn what_was_broken_is_found_and_what_it_says_mends_it() {
    let db = healthy("check_mends");
    login_roles(shared(), &["check_courier", "check_writer"]);
    db.psql("grant outbox_relay, outbox_reader to check_courier");
    let url = db.url_as("check_courier");
    assert_eq!(found(&url, &[]), [], "as it should be");
    for (break_it, kind, sentence) in MENDED {
        // Seen within 35 s, however long the turns before have taken.
        seen(&db, "relay 1", env!("CARGO_PKG_VERSION"));
        db.psql(break_it);
        let bad = found(&url, &[]);
        assert_eq!(bad.len(), 1, "{break_it}: {bad:?}");
        let (level, what, remedy) = &bad[0];
        assert!(level == kind && what.contains(sentence), "{break_it}: {bad:?}");
        db.psql(remedy);
        assert_eq!(found(&url, &[]), [], "{remedy}");
    }
}

/// What breaks one thing, of which kind the finding is, what it says, and what mends it.
const TOLD: [(&str, &str, &str, &str); 12] = [
    (
        "select outbox.report_relay('relay 2', 'there', 2, '9.9.9', 'heard')",
        "warning relays",
        "relays of several releases run: 0.1.0, 9.9.9",
        "delete from outbox.relay where name = 'relay 2'",
    ),
    (
        "update outbox.relay set doorbell = 'none', started_at = started_at - interval '1 min'",
        "warning relays",
        "commits do not wake relay 1",
        "update outbox.relay set doorbell = 'kept'",
    ),
    (
        "select outbox.emit('Order.Create'); update outbox.event set occurred_at = now() - interval '2 min'",
        "problem subscriptions",
        "nothing has gone to subscription 1 of acme for a minute although 1 delivery is due",
        "delete from outbox.delivery",
    ),
    (
        "select outbox.report_stop('relay 1', 'here', 1)",
        "warning relays",
        "no relay is alive; the last stopped ",
        "select outbox.report_relay('relay 1', 'here', 1, '0.1.0', 'kept')",
    ),
    (
        "select outbox.emit('Order.Create'); update outbox.relay set last_seen_at = now() - interval '2 h'",
        "problem relays",
        "no relay is alive; the last was seen 2 h ago",
        "delete from outbox.delivery; update outbox.relay set last_seen_at = now()",
    ),
    (
        "delete from outbox.relay",
        "warning relays",
        "no relay was ever seen",
        "select outbox.report_relay('relay 1', 'here', 1, '0.1.0', 'kept')",
    ),
    (
        "insert into outbox.subscription_health (subscription, consecutive_failures, last_error) values (1, 3, 'no way')",
        "warning subscriptions",
        "subscription 1 of acme has failed 3 times: no way",
        "delete from outbox.subscription_health",
    ),
    (
        "insert into outbox.turn (leaf, written_on, since, obstacle)
             values ('event_1', '2026-01-01', now() - interval '1 d', 'x')",
        "warning house",
        "old rows of event_1 are still there after 1 d",
        "delete from outbox.turn",
    ),
    (
        "insert into outbox.definition_history (migration, digest, release) values (1, 'x', '0.0.9')",
        "warning schema",
        "the functions in this database come from outboxd 0.0.9",
        "delete from outbox.definition_history where digest = 'x'",
    ),
    (
        "insert into outbox.definition_history (migration, digest, release) values (1, 'x', '9.9.9')",
        "warning schema",
        "upgrade this binary to 9.9.9",
        "delete from outbox.definition_history where digest = 'x'",
    ),
    (
        "insert into outbox.refinery_schema_history select 2, 'later', applied_on, 1 from outbox.refinery_schema_history",
        "problem schema",
        "migration V2__later, which outboxd 0.1.0 does not know; install the release that brought it",
        "delete from outbox.refinery_schema_history where version = 2",
    ),
    (
        "update outbox.refinery_schema_history set checksum = '1'",
        "problem schema",
        "migration V1__outbox was edited",
        "update outbox.refinery_schema_history set checksum = ''",
    ),
];

#[test]
fn what_sql_cannot_mend_is_told_too() {
    let db = healthy("check_tells");
    let checksum = db.psql("select checksum from outbox.refinery_schema_history");
    for (break_it, kind, sentence, mend) in TOLD {
        db.psql(break_it);
        let bad = found(&db.url(), &[]);
        assert_eq!(bad.len(), 1, "{break_it}: {bad:?}");
        let (level, what, remedy) = &bad[0];
        assert!(level == kind && what.contains(sentence) && !remedy.is_empty(), "{break_it}: {bad:?}");
        if remedy == "outboxd migrate" {
            let migrated = outboxd().run(&["migrate"], &[("DATABASE_URL", &db.url())]);
            assert_eq!(migrated.code, 0, "{break_it}: {bad:?}: {migrated:?}");
        }
        db.psql(mend);
        db.psql(&format!("update outbox.refinery_schema_history set checksum = '{checksum}'"));
    }
    assert_eq!(found(&db.url(), &[]), []);
    db.psql("delete from outbox.subscription");
    let bad = found(&db.url(), &[]);
    assert!(bad.len() == 1 && bad[0].1.starts_with("nobody subscribes to Order"), "{bad:?}");
}

/// Nothing is tried meanwhile, so a ping would change nothing.
#[test]
fn what_ends_a_failure_that_is_held_lets_it_be_tried() {
    let db = healthy("check_held");
    for (why, told) in [("breaker", "its breaker is open"), ("retry-after", "is held by its Retry-After")] {
        db.psql(&format!(
            "insert into outbox.subscription_health
                 (subscription, consecutive_failures, last_error, held_since, held_until, held_why)
                 values (1, 10, 'no way', now(), now() + interval '5 min', '{why}')"
        ));
        let bad = found(&db.url(), &[]);
        assert!(bad.len() == 1 && bad[0].1.contains(told), "{bad:?}");
        assert!(bad[0].2.starts_with("select outbox.close_breaker(1);"), "{bad:?}");
        db.psql(&bad[0].2);
        let bad = found(&db.url(), &[]);
        assert!(bad.len() == 1 && bad[0].1.contains("has failed 10 times: "), "{bad:?}");
        assert!(bad[0].2.starts_with("select outbox.ping(1);"), "{bad:?}");
        db.psql("delete from outbox.subscription_health");
    }
}

/// A remedy that is pasted must not turn a watch into another one.
#[test]
fn what_mends_a_watch_leaves_its_settings_as_they_were() {
    // Postgres casts what is no text.
    const SETTINGS: &str =
        "select w.id, translate(replace(w.id_expression, '::text', ''), '()', ''), w.row_bytes_max, o.history
        from outbox.watch w join outbox.object o on o.name = w.object";
    for (id, break_it, missing) in [
        ("lower(code) || $$'\\$$", "drop trigger zz_outbox_2_update on item", ""),
        ("code", "alter table item rename number to n", ""),
        ("code", "alter table item alter code type varchar(9)", ""),
        ("code", "alter table item rename code to label", "code"),
    ] {
        let db = healthy("check_settings");
        db.psql(&format!(
            "create table item (number bigint primary key, code text);
             select outbox.unwatch('orders');
             select outbox.watch('item', 'Order', id => {}, history => true, row_bytes_max => 2000); {break_it}",
            format_args!("$id${id}$id$")
        ));
        let before = db.psql(SETTINGS);
        let bad = found(&db.url(), &[]);
        assert!(bad.len() == 1 && bad[0].0 == "problem watches", "{break_it}: {bad:?}");
        // What a column is called now is for people to say: the line says so, and runs when it is said.
        let (remedy, expected) = match missing {
            "" => (bad[0].2.clone(), before),
            old => (bad[0].2.replace(old, "label"), before.replace(old, "label")),
        };
        assert!(missing.is_empty() || bad[0].1.contains("write its new name into"), "{bad:?}");
        db.psql(&remedy);
        assert_eq!(db.psql(SETTINGS), expected, "{break_it}: {remedy}");
        assert_eq!(found(&db.url(), &[]), [], "{break_it}: {remedy}");
    }
}

#[test]
fn a_relay_that_has_just_started_is_not_called_deaf() {
    let db = healthy("check_new_relay");
    db.psql("select outbox.report_relay('relay 2', 'here', 2, '0.1.0', 'none')");
    assert_eq!(found(&db.url(), &[]), []);
}

/// Of one name, as a restart leaves it.
#[test]
fn the_end_of_an_old_relay_is_not_that_of_the_new_one() {
    let db = healthy("check_restarted");
    db.psql("select outbox.report_relay('relay 1', 'here', 2, '0.1.0', 'kept')");
    db.psql("select outbox.report_stop('relay 1', 'here', 1), outbox.report_stop('relay 1', 'there', 2)");
    assert_eq!(found(&db.url(), &[]), []);
    db.psql("select outbox.report_stop('relay 1', 'here', 2)");
    assert_eq!(found(&db.url(), &[]).len(), 1);
}

#[test]
fn who_may_not_look_is_told_what_was_left_out_and_who_is_nobody_what_is_lacking() {
    let db = healthy("check_rights");
    login_roles(shared(), &["check_relay", "check_reader", "check_nobody"]);
    db.psql("grant outbox_relay to check_relay; grant outbox_reader to check_reader");
    let bad = found(&db.url_as("check_relay"), &[]);
    assert_eq!(bad.len(), 1, "{bad:?}");
    let sentence = "check_relay may not look at relays, watches, subscriptions, old rows, names of secrets: not checked: ";
    assert_eq!((bad[0].0.as_str(), bad[0].1.as_str()), ("warning rights", sentence));
    assert_eq!(bad[0].2, "grant outbox_reader to check_relay;");
    let bad = found(&db.url_as("check_reader"), &[]);
    assert_eq!(bad.len(), 1, "{bad:?}");
    assert_eq!(
        (bad[0].0.as_str(), bad[0].2.as_str()),
        ("warning rights", "grant outbox_relay to check_reader;")
    );
    let bad = found(&db.url_as("check_nobody"), &[]);
    assert_eq!(
        (bad[0].0.as_str(), bad[0].2.as_str()),
        ("problem rights", "grant outbox_relay to check_nobody;")
    );
    assert_eq!(bad[1].0, "problem schema", "{bad:?}");
}

#[test]
fn a_database_without_the_schema_or_without_a_server_is_a_problem_with_a_way_out() {
    let db = shared().database("check_empty");
    let bad = found(&db.url(), &[]);
    assert_eq!(bad.len(), 1, "{bad:?}");
    let sentence = "schema outbox is not installed in this database: ";
    assert_eq!(bad[0], ("problem schema".to_owned(), sentence.to_owned(), "outboxd migrate".to_owned()));
    let bad = found("postgres://u@127.0.0.1:1/none?sslmode=disable", &["--handshake"]);
    let kinds: Vec<_> = bad.iter().map(|(kind, ..)| kind.as_str()).collect();
    assert_eq!(kinds, ["problem connection", "warning handshake"], "{bad:?}");
    assert!(bad[0].2.starts_with("pg_isready -h 127.0.0.1 -p 1 "), "{bad:?}");
    let bad = found("postgres://u@/none?host=/nowhere", &[]);
    assert!(bad.len() == 1 && bad[0].2.starts_with("pg_isready -h /nowhere -p 5432 "), "{bad:?}");
    let bad = found("postgres://127.0.0.1:1/none?sslmode=disable", &[]);
    assert!(
        bad.len() == 1 && bad[0].1.starts_with("user is missing") && bad[0].2 == "export PGUSER=USER",
        "{bad:?}"
    );
    let bad = found("postgres://u@127.0.0.1:1/none?sslmode=nonsense", &[]);
    assert!(bad.len() == 1 && bad[0].1.contains("sslmode"), "{bad:?}");
}

#[test]
fn a_database_that_does_not_exist_is_made_by_what_it_says() {
    let db = shared().database("check_absent");
    let url = db.url().replacen(&db.psql("select current_database()"), "check_absent_yet", 1);
    let bad = found(&url, &[]);
    assert!(bad.len() == 1 && bad[0].1.contains("3D000") && bad[0].2.starts_with("createdb "), "{bad:?}");
    let bin = shared().bin("createdb");
    let path = format!("{}:/usr/bin:/bin", bin.parent().unwrap().display());
    let made = std::process::Command::new("sh").args(["-c", &bad[0].2]).env("PATH", path).status().unwrap();
    let after = found(&url, &[]);
    assert!(made.success() && after[0].2 == "outboxd migrate", "{after:?}");
    db.psql("drop database check_absent_yet");
}

/// On a cluster of its own: what a role is given everywhere, every check of the cluster tells.
#[test]
fn a_role_that_writes_without_events_in_every_database_is_told() {
    let cluster = Cluster::start(&ClusterOptions::default());
    let db = cluster.database("check_everywhere");
    crate::installed::migrate(&db);
    db.psql("create role writer");
    seen(&db, "relay 1", env!("CARGO_PKG_VERSION"));
    for (given, sentence) in [
        ("alter role writer set outbox.capture = off", "outbox.capture is off for role writer: "),
        (
            "alter role all set session_replication_role = replica",
            "session_replication_role is replica for role all: ",
        ),
    ] {
        db.psql(given);
        let bad = found(&db.url(), &[]);
        assert!(bad.len() == 1 && bad[0].0 == "warning capture" && bad[0].1.starts_with(sentence), "{bad:?}");
        db.psql(&bad[0].2);
        assert_eq!(found(&db.url(), &[]), [], "{}", bad[0].2);
    }
}

/// On a cluster of its own, where nobody else uses up transaction ids.
#[test]
fn looking_changes_nothing() {
    // What autovacuum does takes transaction ids too.
    let conf = vec!["autovacuum = off".to_owned()];
    let cluster = Cluster::start(&ClusterOptions { conf, ..ClusterOptions::default() });
    let db = cluster.database("check_changes_nothing");
    crate::installed::migrate(&db);
    db.psql(
        "create table orders (id bigint primary key); select outbox.watch('orders', 'Order');
         select outbox.subscribe('acme', '*', 'https://localhost:1/'); insert into orders values (1)",
    );
    let looks = || db.psql("select pg_snapshot_xmax(pg_current_snapshot())");
    let before = (looks(), everything(&db));
    for arguments in [&["status"][..], &["status", "--json"], &["check", "--handshake"], &["check", "--json"]]
    {
        let output = outboxd().run(arguments, &[("DATABASE_URL", &db.url())]);
        assert!(output.code < 2 && !output.stdout.is_empty(), "{arguments:?}: {output:?}");
    }
    assert_eq!(looks(), before.0, "no transaction id was used");
    assert!(everything(&db) == before.1, "nothing was written");
}
