//! `outbox.emit()`: an event by hand.

use crate::installed::{installed, login_roles};
use crate::support::{Database, shared};

fn with_types(hint: &str) -> Database {
    let db = installed(hint);
    db.psql(
        "select outbox.define_event_type(t) from \
            unnest('{Invoice.Overdue,Invoice.Paid,Invoice,a.b.c}'::text[]) t;
         select outbox.subscribe('all', '*', 'https://example.com/'),
             outbox.subscribe('invoices', 'Invoice.*', 'https://example.com/')",
    );
    db
}

#[test]
fn what_emit_returns_leads_to_the_event_and_its_deliveries() {
    let db = with_types("emit_find");
    let uid = db.psql("select outbox.emit('Invoice.Paid', '{\"n\": 1}', 'Invoice', '7')");
    let by_uid = "select event_type, object, object_id, data, subscriber, state, attempt from \
        outbox.find($) order by subscriber";
    let both = "Invoice.Paid|Invoice|7|{\"n\": 1}|all|due|\nInvoice.Paid|Invoice|7|{\"n\": 1}|invoices|due|";
    assert_eq!(db.psql(&by_uid.replace('$', &format!("'{uid}'"))), both);
    let id =
        format!("outbox.webhook_id('{uid}', (select key from outbox.subscription where subscriber = 'all'))");
    assert_eq!(db.psql(&by_uid.replace('$', &id)), both.lines().next().unwrap());
}

#[test]
fn an_event_nobody_wants_is_kept_because_its_uid_was_handed_out() {
    let db = with_types("emit_kept");
    db.psql("delete from outbox.subscription");
    let uid = db.psql("select outbox.emit('a.b.c')");
    assert_eq!(db.psql(&format!("select type, data from outbox.event where uid = '{uid}'")), "a.b.c|null");
    assert_eq!(db.psql("select count(*) from outbox.delivery"), "0");
}

/// What is given as event type, the SQLSTATE, and what the report must say.
const BAD_TYPES: &[(&str, &str, &str)] = &[
    ("'Invoice.Pald'", "OX001", "Invoice, Invoice.Overdue, Invoice.Paid"),
    ("'Invoice.Pald'", "OX001", "unknown event type: Invoice.Pald"),
    ("'Order.Paid'", "OX001", "No event type begins with 'Order'"),
    ("'Order.*'", "OX001", "Order.*"),
    ("'Invoice.*'", "OX005", "pattern"),
    ("'*'", "OX005", "pattern"),
    ("'a.*'", "OX005", "pattern"),
    ("null", "OX005", "NULL"),
    ("''", "OX005", "words of letters"),
    ("'Invoice.'", "OX005", "words of letters"),
    ("'.Invoice'", "OX005", "words of letters"),
    ("' Invoice'", "OX005", "words of letters"),
    ("E'Invoice\\n'", "OX005", "words of letters"),
    ("'In''voice'", "OX005", "words of letters"),
    ("'*.Paid'", "OX005", "words of letters"),
    ("'Invoice.**'", "OX005", "words of letters"),
    ("'invoice.paid'", "OX001", "invoice.paid"),
    ("repeat('a', 201)", "OX005", "200 characters"),
    ("repeat('a', 1000000)", "OX005", "200 characters"),
];

#[test]
fn an_event_type_that_is_not_in_the_catalogue_is_refused_with_those_that_are() {
    let db = with_types("emit_types");
    for (event_type, sqlstate, says) in BAD_TYPES {
        let error = db.try_psql(&format!("select outbox.emit({event_type})")).unwrap_err();
        assert_eq!(error.sqlstate, *sqlstate, "{event_type}: {}", error.raw);
        assert!(error.raw.contains(says), "{event_type}: {}", error.raw);
        assert!(error.raw.len() < 2000, "{event_type}: a million characters are not repeated");
        if !event_type.contains('*') {
            let defined =
                db.try_psql(&format!("begin; select outbox.define_event_type({event_type}); rollback"));
            assert_eq!(defined.is_err(), *sqlstate == "OX005", "{event_type}: as define_event_type sees it");
        }
    }
    assert_eq!(db.psql("select count(*) from outbox.event"), "0");
}

#[test]
fn any_json_is_data() {
    let db = with_types("emit_data");
    let deep = "(repeat('[', 5000) || repeat(']', 5000))::jsonb";
    for (data, stored) in [
        ("null", "null"),
        ("'null'", "null"),
        ("'1'", "1"),
        ("'\"x\"'", "\"x\""),
        ("'[]'", "[]"),
        ("'1e400'", &format!("1{}", "0".repeat(400))),
        ("'{\"a\": 1, \"a\": 2}'", "{\"a\": 2}"),
        (deep, &format!("{}{}", "[".repeat(5000), "]".repeat(5000))),
    ] {
        let uid = db.psql(&format!("select outbox.emit('Invoice', {data})"));
        assert_eq!(db.psql(&format!("select data from outbox.event where uid = '{uid}'")), stored);
    }
    db.psql(
        "select outbox.emit('Invoice', to_jsonb((select string_agg(md5(g::text), '') from \
        generate_series(1, 40000) g)))",
    );
    let omitted = db.psql("select data ->> 'payload_omitted' from outbox.event order by id desc limit 1");
    assert_eq!(omitted, "the data holds more than 1048576 bytes");
}

#[test]
fn what_an_event_is_about_may_be_nothing_or_long() {
    let db = with_types("emit_object");
    db.psql(
        "select outbox.emit('Invoice', object => 'Invoice', object_id => string_agg(md5(g::text), '') || n)
         from generate_series(1, 300) g, generate_series(1, 2) n group by n;
         select outbox.emit('Invoice', '1', '', '')",
    );
    assert_eq!(
        db.psql("select count(distinct object_id), max(octet_length(object_id)) from outbox.event"),
        "3|267"
    );
    let error = db.try_psql("select outbox.emit('Invoice', '1', repeat('a', 101))").unwrap_err();
    assert_eq!(error.sqlstate, "OX005");
}

#[test]
fn an_emit_that_is_rolled_back_never_was() {
    let db = with_types("emit_rollback");
    db.psql(
        "begin; select outbox.emit('Invoice'); rollback;
         begin; savepoint s; select outbox.emit('Invoice'); rollback to s; select outbox.emit('a.b.c'); \
         commit",
    );
    assert_eq!(db.psql("select type from outbox.event"), "a.b.c");
    assert_eq!(db.psql("select count(*) from outbox.delivery"), "1");
}

#[test]
fn only_an_admin_emits() {
    let db = with_types("emit_rights");
    login_roles(shared(), &["emit_admin", "emit_reader", "emit_nobody"]);
    db.psql("grant outbox_admin to emit_admin; grant outbox_reader to emit_reader");
    db.psql_as("emit_admin", "select outbox.emit('Invoice')");
    for role in ["emit_reader", "emit_nobody"] {
        assert_eq!(db.try_psql_as(role, "select outbox.emit('Invoice')").unwrap_err().sqlstate, "42501");
    }
}

/// The primary key finds an event by its uid, which carries the id: whoever writes events must make it so.
#[test]
fn every_event_is_found_by_its_uid_whoever_wrote_it() {
    let db = with_types("uid_carries_id");
    db.psql(
        "create table item (id int primary key, n int);
         create table whole (id int primary key, n int);
         create function whole_data(ids integer[]) returns table (id integer, data jsonb) language sql stable as
             $$ select w.id, to_jsonb(w) from public.whole w where w.id = any (ids) $$;
         select outbox.watch('item', 'Item'), outbox.define_object('Whole', 'whole', builder => 'whole_data')",
    );
    for table in ["item", "whole"] {
        db.psql(&format!("insert into {table} values (1, 0)"));
        db.psql(&format!("insert into {table} values (2, 0), (3, 0)"));
    }
    db.psql("select outbox.emit('a.b.c')");
    db.psql("select outbox.emit('a.b.c', dedupe_key => 'once') from generate_series(1, 2)");
    db.psql("select outbox.ping(min(id)) from outbox.subscription");
    db.psql("call outbox.backfill('Item')");
    let uids = "select count(*), count(distinct left(uid::text, 18)) > 6, bool_and(outbox.event_of(uid) = id), \
        bool_and(uid::text ~ '^.{8}-.{4}-4.{3}-[89ab].{3}-'), \
        bool_and(exists (select from outbox.find(uid::text) f where f.event = e.id)) from outbox.event e";
    assert_eq!(db.psql(uids), "12|t|t|t|t");
    // As if a failover had lost them and their ids were given out again.
    db.psql("create table lost as select id, uid from outbox.event; delete from outbox.event");
    db.psql("select setval('outbox.event_id', 1, false)");
    db.psql("update item set n = 1 where id = 1");
    let again =
        "select count(*), count(*) filter (where l.uid = e.uid) from outbox.event e join lost l using (id)";
    assert_eq!(db.psql(again), "1|0");
}
