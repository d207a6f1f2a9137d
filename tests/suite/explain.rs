//! What a statement would send, who would get an event, and why somebody did not get one.

use crate::installed::{installed, login_roles};
use crate::support::{Database, shared};

/// Tables of a shop that are watched, and three who want something of it.
fn shop(hint: &str) -> Database {
    let db = installed(hint);
    db.psql(
        "create table orders (id int primary key, note text, total numeric); \
         select outbox.watch('orders', 'Order'); insert into orders values (1, 'a', 5), (2, 'b', 6); \
         select outbox.subscribe('all', 'Order.*', 'https://example.com/'); \
         select outbox.subscribe('paid', 'Order.*', 'https://example.com/', filter => '{\"note\": \"PAID\"}'); \
         select outbox.subscribe('others', 'Order.*', 'https://example.com/', exclude_source => 'me')",
    );
    db
}

/// What `outbox.explain()` says of a statement: type, id, subscriber, whether it gets it, and the reason.
fn explained(statement: &str) -> String {
    format!(
        "select concat_ws(' ', event_type, object_id, coalesce(subscriber, '-'), matches, reason)
         from outbox.explain($sql${statement}$sql$)"
    )
}

/// All that a statement could leave in the schema.
const TRACES: &str = "select (select count(*) from outbox.event), (select count(*) from outbox.delivery),
    (select count(*) from outbox.attempt), (select count(*) from outbox.subscription),
    (select count(*) from outbox.subscriber), (select count(*) from outbox.signing_key),
    (select count(*) from outbox.explaining), (select count(*) from outbox.sealing),
    (select count(*) from pg_prepared_statements), (select count(*) from orders where note = 'PAID')";

#[test]
fn explain_says_who_gets_what_and_why_the_others_do_not() {
    let db = shop("explain_who");
    let found = db.psql(&format!(
        "set outbox.source = 'me'; {}",
        explained("update orders set note = 'c' where id = 1")
    ));
    assert_eq!(
        found,
        "Order.Update 1 all t pattern Order.* matches\n\
         Order.Update 1 paid f filter wants \"note\" \"PAID\", and it is \"c\"\n\
         Order.Update 1 others f made by source me, which this subscription excludes"
    );
    let found = db.psql(&explained("update orders set note = 'PAID' where id = 2"));
    assert_eq!(
        found,
        "Order.Update 2 all t pattern Order.* matches\n\
         Order.Update 2 paid t pattern Order.* matches, the data contain its filter\n\
         Order.Update 2 others t pattern Order.* matches, the source is not me"
    );
    let data = "select distinct data from outbox.explain('update orders set total = 7 where id = 1')";
    assert_eq!(db.psql(data), "{\"id\": 1, \"note\": \"a\", \"total\": 7}");
}

#[test]
fn explain_shows_events_that_nobody_wants() {
    let db = shop("explain_nobody");
    db.psql(
        "create table quiet (id int primary key); select outbox.watch('quiet', 'Quiet');
         create table kept (id int primary key); select outbox.watch('kept', 'Kept', history => true)",
    );
    let told = db.psql(&explained("insert into quiet values (1)"));
    let first = told.lines().next().unwrap();
    assert_eq!(first, "Quiet.Create 1 - f no subscription wants it: no event is written");
    assert_eq!(
        told.lines().nth(1).unwrap(),
        "Quiet.Create 1 all f pattern Order.* does not match Quiet.Create"
    );
    let told = db.psql(&explained("insert into kept values (1)"));
    assert!(
        told.starts_with("Kept.Create 1 - f no subscription wants it; it is kept, for history"),
        "{told}"
    );
    let both = db.psql(&explained(
        "with o as (update orders set total = 0 where id = 1 returning id) \
         insert into quiet select id from o",
    ));
    assert!(both.contains("Order.Update 1 all t") && both.contains("Quiet.Create 1 - f"), "{both}");
    assert_eq!(db.psql(&explained("update orders set note = note")), "");
}

#[test]
fn explain_leaves_no_trace_and_does_not_mix_with_what_was_before() {
    let db = shop("explain_trace");
    let before = db.psql(TRACES);
    db.psql(&explained("update orders set note = 'PAID'"));
    assert_eq!(db.psql(TRACES), before);
    let found = db.psql(&format!(
        "begin; insert into orders values (3, 'c', 1); update orders set note = 'x' where id = 1;
         {}; {};
         update orders set note = 'y' where id = 1; commit;
         select type, object_id, data ->> 'note' from outbox.event order by id",
        explained("update orders set note = 'PAID' where id = 1"),
        "select count(*) from outbox.explain('insert into orders values (4)')"
    ));
    assert_eq!(
        found,
        "Order.Update 1 all t pattern Order.* matches\n\
         Order.Update 1 paid t pattern Order.* matches, the data contain its filter\n\
         Order.Update 1 others t pattern Order.* matches, the source is not me\n3\n\
         Order.Create|3|c\nOrder.Update|1|y"
    );
}

#[test]
fn explain_does_what_is_deferred_to_the_commit() {
    let db = shop("explain_deferred");
    db.psql(
        "create table parcel (id int primary key); create table item (id int primary key, parcel int, name text);
         create function parcel_json(id int) returns jsonb language sql stable security definer as
            'select jsonb_build_object(''items'', (select jsonb_agg(i.name order by i.id)
                from public.item i where i.parcel = $1))';
         select outbox.define_object('Parcel', 'parcel', 'parcel_json');
         select outbox.watch('item', 'Parcel', id => 'parcel');
         insert into parcel values (1); insert into item values (1, 1, 'cup');
         create function late() returns trigger language plpgsql as
            'begin update orders set note = new.name where id = 1; return null; end';
         create constraint trigger late after update on item deferrable initially deferred
            for each row execute function late()",
    );
    // What was touched before is not an event of the statement.
    let found = db.psql(
        "begin; update item set name = 'mug'; set constraints late immediate; insert into parcel values (2);
         select distinct event_type, object_id, data from outbox.explain('update item set name = ''jug''') order by 1;
         rollback",
    );
    assert_eq!(
        found,
        "Order.Update|1|{\"id\": 1, \"note\": \"jug\", \"total\": 5}\nParcel.Update|1|{\"items\": [\"jug\"]}"
    );
}

#[test]
fn explain_takes_one_statement_that_can_be_rolled_back() {
    let db = shop("explain_refuses");
    let before = db.psql(TRACES);
    for (statement, sqlstate) in [
        ("drop table orders", "OX018"),
        ("select 1; drop table orders", "OX018"),
        ("update orders set note = 'PAID'; update orders set note = 'PAID'", "OX018"),
        ("create table x as select 1 as a", "OX018"),
        ("vacuum", "OX018"),
        ("commit", "OX018"),
        ("do $$ begin end $$", "OX018"),
        ("call outbox.backfill('Order')", "OX018"),
        ("", "OX018"),
        ("updat orders set note = 'x'", "42601"),
        ("update orders set nothing = 1", "42703"),
        ("insert into orders values (1)", "23505"),
    ] {
        let error = db.try_psql(&explained(statement)).unwrap_err();
        assert_eq!(error.sqlstate, sqlstate, "{statement}: {}", error.raw);
    }
    assert_eq!(db.psql(TRACES), before);
    // Also one that ends in a semicolon, has comments, or is named by the caller's search_path.
    let found = db.psql(
        "create schema s; create table s.t (id int primary key); select outbox.watch('s.t', 'Thing'); \
         set search_path = s; select count(*) from outbox.explain('insert into t values (1); -- one')",
    );
    assert_eq!(found.lines().last().unwrap(), "4");
}

#[test]
fn who_subscribes_to_everything_cannot_commit() {
    let db = shop("explain_open");
    let before = db.psql(TRACES);
    for attempt in [
        "select outbox.explain_open()",
        "begin; select outbox.explain_open(); set constraints all immediate; commit",
        "begin; select outbox.explain_open(); set constraints all immediate; select outbox.explain_open(); commit",
        "begin; select outbox.explain_open(); savepoint s; set constraints all immediate; rollback to s; commit",
    ] {
        assert_eq!(db.try_psql(attempt).unwrap_err().sqlstate, "OX018", "{attempt}");
    }
    db.psql("begin; savepoint s; select outbox.explain_open(); rollback to s; commit");
    assert_eq!(db.psql(TRACES), before);
}

#[test]
fn explain_takes_the_rights_of_the_caller() {
    let db = shop("explain_rights");
    login_roles(shared(), &["explain_reader", "explain_owner"]);
    db.psql(
        "grant outbox_reader to explain_reader; select outbox.permit_watch('explain_owner');
         grant update (note), select on orders to explain_reader",
    );
    let change = explained("update orders set note = 'PAID' where id = 1");
    assert_eq!(db.psql_as("explain_reader", &change).lines().count(), 3);
    let error = db.try_psql_as("explain_reader", &explained("delete from orders")).unwrap_err();
    assert_eq!(error.sqlstate, "42501");
    let error = db.try_psql_as("explain_owner", &change).unwrap_err();
    assert_eq!(error.hint.as_deref(), Some("grant outbox_reader to explain_owner;"), "{}", error.raw);
    let routed =
        db.psql_as("explain_reader", "select count(*) from outbox.route('Order.Update') where matches");
    assert_eq!(routed, "2");
}

#[test]
fn route_judges_an_event_that_never_was() {
    let db = shop("route");
    db.psql(
        "select outbox.subscribe('one', 'Order.Update', 'https://example.com/', object_id => '7');
         select outbox.subscribe('dear', '*', 'https://example.com/', filter_path => '$.total > 100');
         update outbox.subscription set status = 'paused' where subscriber = 'one'",
    );
    let routed = |arguments: &str| {
        let query =
            "select string_agg(subscriber || ' ' || matches || ' ' || reason, e'\\n') from outbox.route";
        db.psql(&format!("{query}({arguments})"))
    };
    let found = routed("'Order.Update', '{\"total\": 200}', '7', 'me'");
    assert_eq!(
        found,
        "all true pattern Order.* matches\n\
         one true pattern Order.Update matches, object id 7 is the one it wants, held while it is paused\n\
         dear true pattern * matches, its filter_path is true of the data\n\
         paid false filter wants \"note\" \"PAID\", and it is not in the data\n\
         others false made by source me, which this subscription excludes"
    );
    let found = routed("'Order.Delete', '{\"total\": 1}', '8'");
    assert!(found.contains("one false pattern Order.Update does not match Order.Delete"), "{found}");
    assert!(found.contains("dear false filter_path ($.\"total\" > 100) is not true of the data"), "{found}");
    assert!(routed("'Order.Update', 'null', '8'").contains("it wants object id 7 only, and this is 8"));
    assert_eq!(db.try_psql("select outbox.route('Order.*')").unwrap_err().sqlstate, "OX005");
    assert_eq!(db.try_psql("select outbox.route('Order.Payed')").unwrap_err().sqlstate, "OX001");
}

#[test]
fn what_route_says_is_what_deliver_does() {
    let db = shop("route_true");
    db.psql(
        "select outbox.subscribe('one', 'Order.Update', 'https://example.com/', object_id => '1');
         select outbox.subscribe('dear', '*', 'https://example.com/', filter_path => '$.total > 100')",
    );
    db.psql(
        "update orders set total = 101, note = 'PAID' where id = 1; set outbox.source = 'me'; \
         update orders set total = 99 where id = 2; delete from orders where id = 1",
    );
    let differences = "select count(*) from outbox.event e
        cross join lateral outbox.route(e.type, e.data, e.object_id, e.source) r
        where r.matches <> exists (
            select from outbox.delivery d where d.event_id = e.id and d.subscription = r.subscription)";
    assert_eq!(db.psql(&format!("select count(*) from outbox.event; {differences}")), "3\n0");
}

#[test]
fn why_tells_what_became_of_an_event() {
    let db = shop("why");
    db.psql("set outbox.source = 'me'; update orders set note = 'x' where id = 1");
    let event = db.psql("select id from outbox.event");
    let why = |event: &str| {
        let query =
            "select string_agg(subscriber || ': ' || state || ', ' || reason, e'\\n') from outbox.why";
        db.psql(&format!("{query}({event})"))
    };
    assert_eq!(
        why(&format!("'{event}'")),
        "all: due, not tried yet\npaid: none, filter wants \"note\" \"PAID\", and it is \"x\"\n\
         others: skipped, made by source me, which this subscription excludes"
    );
    db.psql("update outbox.subscription set status = 'paused' where subscriber = 'all'");
    let webhook = db.psql(
        "select outbox.webhook_id(e.uid, s.key) from outbox.event e, outbox.subscription s
         where s.subscriber = 'all'",
    );
    assert_eq!(why(&format!("'{webhook}'")), "all: held, the subscription is paused, not tried yet");
    db.psql(
        "insert into outbox.attempt (slot, delivery, attempt, subscription, event_slot, event_id, started_at, \
            class, status, outcome) \
         select outbox.slot(now()), id, 1, subscription, event_slot, event_id, now(), 'delivered', 204, 'delivered' \
         from outbox.delivery; delete from outbox.delivery; \
         select outbox.subscribe('late', 'Order.*', 'https://example.com/')",
    );
    let told = why(&format!("'{event}'"));
    assert!(told.starts_with("all: delivered, attempt 1, status 204, at "), "{told}");
    assert!(told.contains("late: none, the subscription was made later, at "), "{told}");
    for (arguments, sqlstate) in [("'x'", "OX011"), ("'999'", "OX011"), ("null", "OX011")] {
        let error = db.try_psql(&format!("select outbox.why({arguments})")).unwrap_err();
        assert_eq!(error.sqlstate, sqlstate, "{}", error.raw);
    }
    let error = db.try_psql(&format!("select outbox.why('{event}', 999)")).unwrap_err();
    assert_eq!(error.sqlstate, "OX008");
}
