//! Bodies that a subscription's own function makes: which bytes arrive, what goes wrong, and whose code runs with whose rights.

use serde_json::Value;

use crate::installed::{installed, login_roles};
use crate::stage::{HASTY, Stage, text};
use crate::support::{Database, shared, verify_signature};

/// Functions of the owner's that fit, `wrap` among them.
const ENVELOPES: &str = "
    create schema app;
    create function app.wrap(event outbox.event) returns json language sql stable as $$
        select json_build_object('z', (event).type, 'a', (event).data) $$";

/// Subscribes each of these envelopes, at a path of its name; the ids are 1 and so on.
fn subscribe(stage: &Stage, envelopes: &[&str], settings: &str) {
    for envelope in envelopes {
        let url = stage.receiver.url(&format!("/{envelope}"));
        stage.subscribe_url(&url, &format!("envelope => 'app.{envelope}', {settings}"));
    }
}

// What arrives.

#[test]
fn the_value_as_text_is_the_body_byte_by_byte() {
    let stage = Stage::new("envelope_bytes");
    stage.db.psql(ENVELOPES);
    stage.db.psql(
        "create function app.as_jsonb(event outbox.event) returns jsonb language sql stable as $$
             select jsonb_build_object('zz', 1.50, 'a', (event).object_id) $$;
         create function app.as_text(event outbox.event) returns text language plpgsql as $$
             begin return E' größer \\n<' || (event).type || '>' || current_setting('statement_timeout'); end $$;
         create function app.\"Odd Name\"(event outbox.event) returns json language sql stable as $$ select '{ }'::json $$",
    );
    subscribe(&stage, &["wrap", "as_jsonb", "as_text"], HASTY);
    stage.subscribe_url(&stage.receiver.url("/odd"), "envelope => 'app.\"Odd Name\"'");
    stage.subscribe_url(&stage.receiver.url("/usual"), "");
    stage.db.psql("select outbox.emit('Order.Update', '{\"n\": 9007199254740993.10}', 'Order', '17')");
    assert_eq!(stage.once().stdout, "delivered 5, will retry 0, dead 0, cancelled 0\n");
    let usual = stage.db.psql("select outbox.body(e) from outbox.event e");
    // The time-out is shorter than what a lease has beyond its deadline: after an envelope without end, the rest can be sent.
    for (subscription, path, body) in [
        (1, "/wrap", r#"{"z" : "Order.Update", "a" : {"n": 9007199254740993.10}}"#),
        (2, "/as_jsonb", r#"{"a": "17", "zz": 1.50}"#),
        (3, "/as_text", " größer \n<Order.Update>10s"),
        (4, "/odd", "{ }"),
        (5, "/usual", &usual),
    ] {
        let requests = stage.receiver.requests();
        let request = requests.iter().find(|request| request.path == path).unwrap();
        assert_eq!(request.text(), body);
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("content-length"), Some(&*body.len().to_string()));
        verify_signature(&stage.secret(subscription), request).unwrap();
    }
    assert_eq!(stage.db.psql("select envelope from outbox.subscription where id = 4"), "app.\"Odd Name\"");
}

/// One function for many subscriptions that differ in what is known of them elsewhere.
#[test]
fn an_envelope_may_ask_which_subscription_it_is_for() {
    let stage = Stage::new("envelope_subscription");
    stage.db.psql(
        "create schema app; create table app.device (subscription bigint primary key, token text);
         create function app.push(event outbox.event, subscription bigint) returns json language sql stable as $$
             select json_build_object('to', d.token, 'type', event.type)
             from app.device d where d.subscription = push.subscription $$",
    );
    for device in ["one", "two"] {
        let id = stage.subscribe_url(&stage.receiver.url(&format!("/{device}")), "envelope => 'app.push'");
        stage.db.psql(&format!("insert into app.device values ({id}, '{device}')"));
    }
    stage.emit(1);
    stage.once();
    let mut sent: Vec<_> =
        stage.receiver.requests().iter().map(|request| request.text().to_owned()).collect();
    sent.sort();
    assert_eq!(sent, ["one", "two"].map(|to| format!(r#"{{"to" : "{to}", "type" : "Order.Update"}}"#)));
}

/// Bodies that subscribers of other systems know, to the byte.
#[test]
fn bodies_of_other_systems_can_be_made() {
    let stage = Stage::new("envelope_others");
    stage.db.psql(
        r#"create schema app;
        create function app.prime(event outbox.event) returns json language sql stable as $$
            select json_build_object(
                'createdAt', '0001-01-01T00:00:00.000Z', 'eventKey', (event).type,
                'moveTaskOrderID', (event).data ->> 'moveTaskOrderID', 'object', (event).data::text,
                'objectID', (event).object_id, 'traceID', (event).trace_id, 'updatedAt', '0001-01-01T00:00:00.000Z') $$;
        create function app.queue(event outbox.event) returns text language sql stable as $$
            select format('{"eventType":%s,"guid":%s,"vin":%s,"headers":{"X-CorrelationId":%s}}', to_json((event).type),
                to_json((event).object_id), to_json((event).data ->> 'vin'), to_json((event).headers ->> 'X-CorrelationId')) $$"#,
    );
    subscribe(&stage, &["prime", "queue"], HASTY);
    stage.db.psql(
        r#"select outbox.emit('Order.Update', '{"vin": "SOMETESTVIN000627", "moveTaskOrderID": "m1"}', 'Order', '17');
        update outbox.event set trace_id = 't"1', headers = '{"X-CorrelationId": "12345678-1234-1234-1234-123456789012"}'"#,
    );
    stage.once();
    let requests = stage.receiver.requests();
    let body = |path: &str| requests.iter().find(|request| request.path == path).unwrap().text();
    assert_eq!(
        body("/prime"),
        concat!(
            r#"{"createdAt" : "0001-01-01T00:00:00.000Z", "eventKey" : "Order.Update", "moveTaskOrderID" : "m1", "#,
            r#""object" : "{\"vin\": \"SOMETESTVIN000627\", \"moveTaskOrderID\": \"m1\"}", "#,
            r#""objectID" : "17", "traceID" : "t\"1", "updatedAt" : "0001-01-01T00:00:00.000Z"}"#
        )
    );
    assert_eq!(
        body("/queue"),
        concat!(
            r#"{"eventType":"Order.Update","guid":"17","vin":"SOMETESTVIN000627","#,
            r#""headers":{"X-CorrelationId":"12345678-1234-1234-1234-123456789012"}}"#
        )
    );
}

/// Attempts are by any relay, in any session, under the settings of any role or database.
#[test]
fn the_settings_of_the_session_make_no_difference() {
    let db = installed("envelope_settings");
    db.psql(
        "create schema app; create schema trap; create sequence trap.sprung;
         create function trap.lower(text) returns text language sql as $$ select nextval('trap.sprung')::text $$;
         create function app.told(event outbox.event) returns text language sql stable as $$
             select format('%s|%s|%s|%s|%s|%s|%s', '2026-07-01 12:00:00+00'::timestamptz, '2026-07-02'::date,
                 '1 day 2 hours'::interval, 0.1::float8 + 0.2::float8, '\\xff'::bytea, to_char(1234.5, 'L9G999D0'),
                 lower('A')) $$;
         select outbox.subscribe('a', '*', 'https://e.com/', envelope => 'app.told'); select outbox.define_event_type('A')",
    );
    let told = |settings: &str| {
        let claim = "select body from outbox.claim('r', 1, '{}', '{}', 0)";
        db.psql(&format!("select outbox.emit('A'); {settings}; {claim}")).lines().nth(1).unwrap().to_owned()
    };
    let usual = "2026-07-01 12:00:00+00|2026-07-02|1 day 02:00:00|0.30000000000000004|\\xff|  1,234.5|a";
    assert_eq!(told("select 1 where false"), usual);
    assert_eq!(
        told(
            "set timezone = 'Asia/Tokyo'; set datestyle = 'German'; set intervalstyle = 'iso_8601'; set extra_float_digits = -5; \
             set bytea_output = 'escape'; set search_path = trap, pg_catalog"
        ),
        usual
    );
    assert_eq!(db.psql("select is_called from trap.sprung"), "f");
}

// What goes wrong.

/// Functions that do not do, and what is put on record.
const FAILURES: &[(&str, &str, &str)] = &[
    (
        "raises",
        "begin raise exception 'no such luck: %', (event).object_id; end",
        "envelope app.raises raised P0001: no such luck: 17",
    ),
    ("asserts", "begin assert false, 'not so'; end", "envelope app.asserts raised P0004: not so"),
    ("gives_null", "begin return null; end", "envelope app.gives_null gave NULL"),
    ("too_large", "begin return repeat('x', 1048577); end", "gave 1048577 bytes, and 1048576 is the limit"),
    (
        "writes",
        "begin insert into app.written values (1); return ''; end",
        "raised 25006: cannot execute INSERT",
    ),
    ("creates", "begin create temp table t (); return ''; end", "raised 25006: cannot execute CREATE TABLE"),
    (
        "read_write",
        "begin set transaction_read_only = off; return ''; end",
        "envelope app.read_write raised 25001",
    ),
    ("rolls_back", "begin rollback; return ''; end", "envelope app.rolls_back raised 2D000"),
    ("unqualified", "begin return (select count(*) from orders); end", "relation \"orders\" does not exist"),
    ("locks_out", "begin perform from outbox.setting for update; return ''; end", "raised 25006"),
];

#[test]
fn an_envelope_that_fails_is_on_record_and_harms_neither_others_nor_its_delivery() {
    let stage = Stage::new("envelope_fails");
    stage.db.psql(ENVELOPES);
    stage.db.psql("create table app.written (n int)");
    for (name, source, _) in FAILURES {
        stage.db.psql(&format!(
            "create function app.{name}(event outbox.event) returns text language plpgsql as $${source}$$"
        ));
        subscribe(&stage, &[name], &format!("{HASTY}, max_attempts => 2"));
    }
    stage.db.psql(
        "create function app.dropped(event outbox.event) returns text language sql as 'select $1::text'",
    );
    subscribe(&stage, &["dropped", "wrap"], &format!("{HASTY}, max_attempts => 2"));
    stage.db.psql("drop function app.dropped; select outbox.emit('Order.Update', '{}', 'Order', '17')");
    let relay = stage.relay();
    stage.wait_until_drained();
    let failing = FAILURES.len() + 1;
    assert_eq!(stage.count("outbox.dead_letter"), failing);
    assert_eq!(stage.receiver.requests().len(), 1);
    assert_eq!(stage.receiver.requests()[0].path, "/wrap");
    let attempts = stage.attempts();
    let of = |subscription: usize| -> Vec<&Value> {
        attempts.iter().filter(|row| row["subscription"].as_u64() == Some(subscription as u64)).collect()
    };
    for (n, (name, _, error)) in
        FAILURES.iter().chain(&[("", "", "there is no function app.dropped(outbox.event)")]).enumerate()
    {
        let rows = of(n + 1);
        assert_eq!(rows.len(), 2, "{name}");
        for row in rows {
            assert_eq!(
                (text(row, "class"), text(row, "error_class")),
                ("not_sent", "envelope"),
                "{name}: {row}"
            );
            assert!(text(row, "error").contains(error), "{name}: {row}");
        }
    }
    assert_eq!(stage.count("app.written"), 0);
    // What an envelope raises may have the payload in it.
    let log = relay.lines().join("\n");
    assert!(log.contains("its envelope made no body") && !log.contains("no such luck"), "{log}");

    stage.db.psql(
        "create or replace function app.raises(event outbox.event) returns text language sql as $$ select 'mended' $$;
         select outbox.retry(delivery) from outbox.dead_letter where subscription = 1",
    );
    stage.receiver.wait_for(2, crate::stage::SOON);
    stage.wait_until_drained();
    assert_eq!(stage.receiver.requests()[1].text(), "mended");
    assert_eq!(stage.receiver.requests()[1].header("outbox-attempt"), Some("3"));
}

#[test]
fn what_an_envelope_sets_is_gone_when_it_is_done() {
    let db = installed("envelope_sets");
    db.psql(
        "create schema app;
         create function app.sets(event outbox.event) returns text language plpgsql as $$
             declare
                 _found text := current_setting('search_path');
             begin
                 perform set_config('search_path', 'app', false), set_config('timezone', 'Asia/Tokyo', false),
                     set_config('app.seen', coalesce(current_setting('app.seen', true), '') || 'x', false);
                 return _found || current_setting('app.seen');
             end $$;
         select outbox.subscribe('a', '*', 'https://e.com/', envelope => 'app.sets'); select outbox.define_event_type('A');
         select outbox.emit('A'), outbox.emit('A')",
    );
    let after = db.psql(
        "set timezone = 'UTC'; select body from outbox.claim('r', 9, '{}', '{}', 0);
         select current_setting('search_path'), current_setting('timezone'), current_setting('transaction_read_only'),
             current_setting('app.seen', true)",
    );
    assert_eq!(after, "pg_catalog, pg_tempx\npg_catalog, pg_tempx\n\"$user\", public|UTC|off|");
}

#[test]
fn a_slow_envelope_leaves_the_rest_for_the_next_claim_and_holds_nobody_up() {
    let db = installed("envelope_slow");
    db.psql(
        "create schema app;
         create function app.slow(event outbox.event) returns text language sql as $$ select pg_sleep(0.4)::text || 'slow' $$;
         create function app.endless(event outbox.event) returns text language plpgsql as $$ begin loop end loop; end $$;
         select outbox.subscribe('a', '*', 'https://e.com/1', envelope => 'app.slow'),
             outbox.subscribe('a', '*', 'https://e.com/2'); select outbox.define_event_type('A');
         select outbox.emit('A') from generate_series(1, 5)",
    );
    let claim = "select count(*) filter (where subscription = 1), count(*) filter (where subscription = 2),
        count(body) = count(*) from outbox.claim('r', 99, '{}', '{}', 0)";
    db.psql("create table began as select clock_timestamp() as at");
    let first = db.psql(claim);
    let made: i32 = first.strip_suffix("|5|t").unwrap_or_else(|| panic!("{first}")).parse().unwrap();
    assert!((1..=3).contains(&made), "{first}");
    // The relay looks for what became due since its claim began, and finds them.
    let left =
        "select count(*) > 0, bool_and(due_at > at and due_at < clock_timestamp() and leased_by is null)
        from outbox.delivery, began where attempt = 0";
    assert_eq!(db.psql(left), "t|t");
    let second = db.psql(claim);
    assert_eq!(second.split_once('|').unwrap().1, "0|t");
    assert!(second.split_once('|').unwrap().0.parse::<i32>().unwrap() >= 1, "{second}");

    db.psql(
        "delete from outbox.delivery; update outbox.subscription set envelope = 'app.endless' where id = 1;
         select outbox.emit('A'), outbox.emit('A')",
    );
    let ended = db.psql(
        "set statement_timeout = '2s'; select subscription, attempt, coalesce(body_error, 'a body')
         from outbox.claim('r', 99, '{}', '{}', 0) order by 1",
    );
    let stopped = "1|1|envelope app.endless raised 57014: canceling statement due to statement timeout";
    assert_eq!(ended.lines().filter(|line| *line == stopped).count(), ended.lines().count() - 2, "{ended}");
    assert_eq!(ended.lines().filter(|line| *line == "2|1|a body").count(), 2, "{ended}");
}

#[test]
fn an_event_that_is_gone_needs_no_envelope() {
    let stage = Stage::new("envelope_gone");
    stage.db.psql(ENVELOPES);
    subscribe(&stage, &["wrap"], HASTY);
    stage.emit(1);
    stage.db.psql("delete from outbox.event");
    assert_eq!(stage.once().stdout, "delivered 0, will retry 0, dead 0, cancelled 1\n");
}

// Whose code runs with whose rights.

/// A role that may configure subscriptions, and has a schema of its own with a sequence that says whether its code ran
/// with rights that are not its own. `app` is the owner's.
fn with_an_admin(hint: &str) -> Database {
    let db = installed(hint);
    login_roles(shared(), &["envelope_admin"]);
    db.psql(ENVELOPES);
    db.psql(
        "grant outbox_admin to envelope_admin; create schema evil authorization envelope_admin; create sequence evil.ran;
         create schema shared; grant usage, create on schema shared to public; select outbox.define_event_type('A')",
    );
    db.psql_as(
        "envelope_admin",
        "create function evil.run(event outbox.event) returns text language sql as $$ select nextval('evil.ran')::text $$;
         create function evil.run_as_owner(event outbox.event) returns text language sql security definer
             as $$ select nextval('evil.ran')::text $$;
         create function shared.theirs(event outbox.event) returns text language sql security definer as $$ select '' $$",
    );
    db
}

fn expect_that_nothing_ran(db: &Database) {
    assert_eq!(db.psql("select is_called from evil.ran"), "f");
}

#[test]
fn only_what_the_owner_could_have_written_is_an_envelope() {
    let db = with_an_admin("envelope_refused");
    db.psql(
        "create function evil.of_owner(event outbox.event) returns text language sql as $$ select '' $$;
         create function app.loose(record) returns text language plpgsql as $$ begin return ''; end $$;
         create function app.any(anyelement) returns text language sql as $$ select '' $$;
         create function app.two(event outbox.event, n int default 1) returns text language sql as $$ select '' $$;
         create function app.rows(event outbox.event) returns setof text language sql as $$ select '' $$;
         create domain app.words as text;
         create function app.domain(event outbox.event) returns app.words language sql as $$ select ''::app.words $$;
         create function app.number(event outbox.event) returns int language sql as $$ select 1 $$;
         create function app.closed(event outbox.event) returns text language sql as $$ select '' $$;
         create procedure app.proc(event outbox.event) language sql as $$ select '' $$;
         create table app.secrets (t text)",
    );
    db.psql_as(
        "envelope_admin",
        "select outbox.subscribe('a', '*', 'https://e.com/', envelope => 'app.wrap')",
    );
    for (envelope, why) in [
        ("evil.run", "its owner envelope_admin could not become postgres"),
        // Taken back, it would run with the rights of its caller.
        ("evil.run_as_owner", "its owner envelope_admin could not become postgres"),
        ("shared.theirs", "its owner envelope_admin could not become postgres"),
        ("evil.of_owner", "envelope_admin, who owns schema evil, could put another function in its place"),
        ("wrap", "not the name of an envelope"),
        ("app.wrap(outbox.event)", "not the name of an envelope"),
        ("app.wrap; select 1", "not the name of an envelope"),
        ("app.wrap(event) || evil.run", "not the name of an envelope"),
        ("postgres.app.wrap", "not the name of an envelope"),
        ("", "not the name of an envelope"),
        ("pg_temp.run", "there is no function pg_temp.run(outbox.event)"),
        ("app.loose", "there is no function"),
        ("app.any", "there is no function"),
        ("app.two", "there is no function"),
        ("pg_catalog.to_json", "there is no function"),
        ("app.rows", "it does not return one json, jsonb or text"),
        ("app.domain", "it does not return one json, jsonb or text"),
        ("app.number", "it does not return one json, jsonb or text"),
        ("app.proc", "it does not return one json, jsonb or text"),
    ] {
        let envelope = envelope.replace('\'', "''");
        for call in [
            format!("select outbox.subscribe('b', '*', 'https://e.com/', envelope => '{envelope}')"),
            format!("update outbox.subscription set envelope = '{envelope}'"),
        ] {
            let error = db.try_psql_as("envelope_admin", &call).unwrap_err();
            assert_eq!(error.sqlstate, "OX015", "{call}: {}", error.raw);
            assert!(error.message.contains(why), "{call}: {}", error.raw);
        }
    }
    expect_that_nothing_ran(&db);
    // The way out is the one the hint names.
    let error = db.try_psql("update outbox.subscription set envelope = 'shared.theirs'").unwrap_err();
    db.psql(error.hint.as_deref().unwrap().split(';').next().unwrap());
    db.psql("update outbox.subscription set envelope = 'shared.theirs'");
    let error = db.try_psql("update outbox.subscription set envelope = 'app.number'").unwrap_err();
    assert_eq!(error.hint.as_deref(), Some("The value as text is the body, byte by byte."));
}

/// An owner of `outbox` who is no superuser may lack rights that the function's owner has.
#[test]
fn an_envelope_that_the_owner_of_outbox_may_not_call_is_refused_with_the_grant() {
    let db = installed("envelope_grants");
    login_roles(shared(), &["envelope_owner"]);
    db.psql(
        "create schema app; create function app.wrap(event outbox.event) returns text language sql as $$ select '' $$;
         alter schema outbox owner to envelope_owner; revoke execute on function app.wrap from public",
    );
    let error = db.try_psql("select outbox.check_envelope('app.wrap')").unwrap_err();
    assert_eq!(error.sqlstate, "OX015");
    db.psql(error.hint.as_deref().unwrap());
    assert_eq!(db.psql("select outbox.check_envelope('app.wrap')"), "app.wrap");
    db.psql("create function public.wrap(event outbox.event) returns text language sql as $$ select '' $$");
    assert_eq!(
        db.psql("select outbox.check_envelope('public.wrap')"),
        "public.wrap",
        "as the owner of the database"
    );
}

/// Each leaves `shared.mine` as something that the administrator may change, after it was registered.
const SWAPS: &[(&str, &str, &str)] = &[
    ("another owner", "alter function shared.mine owner to envelope_admin", "its owner envelope_admin"),
    (
        "another owner of the schema",
        "alter schema shared owner to envelope_admin",
        "envelope_admin, who owns schema shared",
    ),
    ("another function", "drop function shared.mine", "its owner envelope_admin"),
    (
        "another type",
        "drop function shared.mine; create function shared.mine(e outbox.event) returns int language sql as 'select 1'",
        "it does not return one json",
    ),
];

#[test]
fn what_became_of_an_envelope_since_is_seen_before_it_is_called() {
    for (what, swap, why) in SWAPS {
        let db = with_an_admin("envelope_swapped");
        db.psql("create function shared.mine(event outbox.event) returns text language sql as $$ select 'mine' $$");
        db.psql_as(
            "envelope_admin",
            "select outbox.subscribe('a', '*', 'https://e.com/', envelope => 'shared.mine');
             select outbox.emit('A'), outbox.emit('A')",
        );
        let claim = "select coalesce(body, body_error) from outbox.claim('r', 1, '{}', '{}', 0)";
        assert_eq!(db.psql(claim), "mine");
        db.psql(swap);
        let _ = db.try_psql_as(
            "envelope_admin",
            "create or replace function shared.mine(event outbox.event) returns text language sql as $$
                 select nextval('evil.ran')::text $$",
        );
        let refused = db.psql(claim);
        assert!(
            refused.contains("envelope shared.mine will not do") && refused.contains(why),
            "{what}: {refused}"
        );
        expect_that_nothing_ran(&db);
    }
}

/// Ways to have other code found than what was registered.
#[test]
fn neither_casts_nor_overloads_nor_search_paths_lead_elsewhere() {
    let db = with_an_admin("envelope_traps");
    db.psql_as(
        "envelope_admin",
        "create type evil.thing as (t text);
         create function evil.thing(outbox.event) returns evil.thing language sql as $$
             select row(nextval('evil.ran')::text)::evil.thing $$;
         create cast (outbox.event as evil.thing) with function evil.thing(outbox.event) as implicit;
         create function shared.mine(event evil.thing) returns text language sql as $$ select nextval('evil.ran')::text $$;
         create function shared.mine(event record) returns text language plpgsql as $$ begin return nextval('evil.ran'); end $$;
         create function evil.format(text, text) returns text language sql as $$ select nextval('evil.ran')::text $$;
         create function evil.eq(oid, oid) returns boolean language sql as $$ select nextval('evil.ran') > 0 $$;
         create operator evil.= (leftarg = oid, rightarg = oid, function = evil.eq);
         create domain evil.text as pg_catalog.text check (nextval('evil.ran') > 0)",
    );
    db.psql(
        "create function shared.mine(event outbox.event) returns json language sql as $$
             select to_json(format('%s', (event).type)::text) $$",
    );
    let claim = db.psql_as(
        "envelope_admin",
        "select outbox.subscribe('a', '*', 'https://e.com/', envelope => 'shared.mine'); select outbox.emit('A') is null",
    );
    assert_eq!(claim, "1\nf");
    let claimed = db.psql(
        "set search_path = evil, shared, pg_catalog; \
         select coalesce(body, body_error) from outbox.claim('r', 1, '{}', '{}', 0)",
    );
    assert_eq!(claimed, "\"A\"");
    expect_that_nothing_ran(&db);
}
