//! Objects that exist become snapshot events: each once, in order with what is changed meanwhile, whatever ends it.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::installed::{installed, login_roles, subscribed};
use crate::support::{Database, shared};

const SOON: Duration = Duration::from_secs(30);

/// How many snapshots there are, and of how many objects.
const SNAPSHOTS: &str =
    "select count(*), count(distinct object_id) from outbox.event where type like '%.Snapshot'";

fn items(hint: &str, rows: usize) -> Database {
    let db = subscribed(hint);
    db.psql(&format!(
        "create table item (id int primary key, note text);
         insert into item select i, 'n' || i from generate_series(1, {rows}) i; analyze item;
         select outbox.watch('item', 'Item')"
    ));
    db
}

#[test]
fn every_object_is_sent_once_with_its_deliveries() {
    let db = items("backfill", 25);
    db.psql("call outbox.backfill('Item', batch => 10)");
    assert_eq!(db.psql(SNAPSHOTS), "25|25");
    assert_eq!(db.psql("select count(*) from outbox.delivery"), "25");
    let run = "select state, walked, sent, \"of\", percent, remedy is null from outbox.backfilling";
    assert_eq!(db.psql(run), "ended|25|25|25|100|t");
    // What is sent is the row as a change of it would say.
    db.psql("update item set note = note || '!' where id = 7; call outbox.backfill('Item', 'id = 7')");
    let two = "select count(*), count(distinct data) from outbox.event where object_id = '7' and data ->> 'note' = 'n7!'";
    assert_eq!(db.psql(two), "2|1");
    // It has ended, so it begins anew.
    db.psql("call outbox.backfill('Item')");
    assert_eq!(db.psql(SNAPSHOTS), "51|25");
}

#[test]
fn conditions_keys_and_forms_of_every_kind() {
    let db = subscribed("backfill_kinds");
    db.psql(
        "create type size as enum ('s', 'm', 'l');
         create table \"My Table\" (\"A b\" timestamptz, \"it's\" size, key text, primary key (\"it's\", \"A b\"));
         insert into \"My Table\" select '2026-01-01 00:00:00.123456+00'::timestamptz + i * interval '7 min',
            (enum_range(null::size))[i % 3 + 1], repeat('k', i) from generate_series(1, 30) i;
         select outbox.watch('\"My Table\"', 'Mine', row_bytes_max => 1024);
         create table keyless (a int, b text); insert into keyless values (1, 'x'), (1, 'y'), (2, 'z'), (null, 'n');
         select outbox.watch('keyless', 'Keyless', id => 'a', data => 'key');
         create table changes (id uuid primary key default gen_random_uuid(), v int, shown boolean);
         insert into changes (v, shown) select i, i <> 2 from generate_series(1, 3) i;
         select outbox.watch('changes', 'Change', data => 'diff', condition => 'new.shown')",
    );
    // The order of the keys must not depend on how the session writes them.
    db.psql(
        "set datestyle = 'SQL, DMY'; set timezone = 'Asia/Kolkata'; set search_path = '';
         call outbox.backfill('Mine', '\"A b\" > ''2026-01-01'' -- all', 7);
         call outbox.backfill('Keyless', batch => 1); call outbox.backfill('Change', batch => 1)",
    );
    let count = |object: &str| {
        let by = "select count(*), count(distinct object_id), min(data::text) from outbox.event where object";
        db.psql(&format!("{by} = '{object}'"))
    };
    assert!(count("Mine").ends_with("\"key\": \"k\", \"it's\": \"m\"}"), "{}", count("Mine"));
    assert!(
        count("Mine").starts_with("30|30|{\"A b\": \"2026-01-01T00:07:00.123456+00:00\""),
        "{}",
        count("Mine")
    );
    assert_eq!(count("Keyless"), "3|2|{}");
    assert_eq!(
        db.psql(
            "select count(*), bool_and(data -> 'old' = 'null') from outbox.event where object = 'Change'"
        ),
        "2|t"
    );
    // As capture names them.
    db.psql("update \"My Table\" set key = 'changed'");
    let named = "select count(distinct object_id) from outbox.event where object = 'Mine'";
    assert_eq!(db.psql(named), "30");
    let error = db.try_psql("call outbox.backfill('Mine', 'nothing = 1')").unwrap_err();
    assert_eq!(error.sqlstate, "42703");
}

#[test]
fn builders_render_and_gates_hold_back() {
    let db = subscribed("backfill_builder");
    db.psql(
        "create table parent (id int primary key, shown boolean); create table kid (id int primary key, parent int);
         create function parent_json(id int) returns jsonb language sql stable as
            'select jsonb_build_object(''kids'', (select count(*) from public.kid k where k.parent = $1))';
         create function parent_shown(id int) returns boolean language sql stable as
            'select p.shown from public.parent p where p.id = $1';
         insert into parent select i, i <> 3 from generate_series(1, 5) i; insert into kid values (1, 1), (2, 1);
         select outbox.define_object('Parent', 'parent', 'parent_json', gate => 'parent_shown');
         select outbox.watch('kid', 'Parent', id => 'parent');
         call outbox.backfill('Parent', batch => 2);
         insert into kid values (3, 1); update parent set shown = true where id = 3;
         delete from parent where id = 2",
    );
    let events = db.psql("select object_id, type, seq, data from outbox.event order by object_id, id");
    assert_eq!(
        events,
        "1|Parent.Snapshot|1|{\"kids\": 2}\n1|Parent.Update|2|{\"kids\": 3}\n2|Parent.Snapshot|1|{\"kids\": 0}\n\
         2|Parent.Delete|2|{\"id\": 2, \"shown\": true}\n3|Parent.Update|1|{\"kids\": 0}\n\
         4|Parent.Snapshot|1|{\"kids\": 0}\n5|Parent.Snapshot|1|{\"kids\": 0}"
    );
    assert_eq!(db.psql("select walked, sent from outbox.backfilling"), "5|4");
}

#[tokio::test]
async fn a_snapshot_is_neither_older_nor_newer_than_its_place() {
    let db = items("backfill_order", 3);
    let run = db.psql("select outbox.backfill_start('Item')");
    let (writer, filler) = (db.session().await, db.session().await);
    writer.execute("begin; update item set note = 'new' where id = 2").await;
    let step = format!("select outbox.backfill_step({run})");
    // Up to the row that somebody has locked, and not waiting for it.
    assert_eq!(filler.query_text(&step).await, "1");
    let waiting = tokio::spawn({
        let (filler, step) = (filler.clone(), step.clone());
        async move { filler.query_text(&format!("begin; {step}")).await }
    });
    db.wait_until_locked_out(filler.pid(), SOON).await;
    // Who is waited for is not kept waiting.
    writer.execute("update item set note = 'new' where id in (1, 3); commit").await;
    assert_eq!(waiting.await.unwrap(), "2");
    let late = tokio::spawn({
        let writer = writer.clone();
        async move { writer.execute("update item set note = 'newest' where id = 2").await }
    });
    db.wait_until_locked_out(writer.pid(), SOON).await;
    filler.execute("commit").await;
    late.await.unwrap();
    let events = "select object_id, type, data ->> 'note' from outbox.event order by id";
    assert_eq!(
        db.psql(events),
        "2|Item.Update|new\n1|Item.Snapshot|n1\n1|Item.Update|new\n3|Item.Update|new\n\
         2|Item.Snapshot|new\n3|Item.Snapshot|new\n2|Item.Update|newest"
    );
}

#[tokio::test]
async fn what_is_deleted_while_its_lock_is_waited_for_has_no_snapshot() {
    let db = items("backfill_heads", 2);
    db.psql(
        "create function item_json(id int) returns jsonb language sql stable as
            'select jsonb_build_object(''note'', (select i.note from public.item i where i.id = $1))';
         select outbox.define_object('Item', 'item', 'item_json')",
    );
    let run = db.psql("select outbox.backfill_start('Item')");
    let (writer, filler) = (db.session().await, db.session().await);
    writer.execute("begin; update item set note = 'x'; set constraints all immediate").await;
    let waiting = tokio::spawn({
        let filler = filler.clone();
        async move { filler.query_text(&format!("select outbox.backfill_step({run})")).await }
    });
    db.wait_until_locked_out(filler.pid(), SOON).await;
    writer.execute("delete from item where id = 2; commit").await;
    assert_eq!(waiting.await.unwrap(), "1");
    let events = "select object_id, type, seq, data ->> 'note' from outbox.event order by id";
    assert_eq!(
        db.psql(events),
        "1|Item.Update|1|x\n2|Item.Update|1|x\n2|Item.Delete|2|x\n1|Item.Snapshot|2|x"
    );
}

#[test]
fn a_killed_backfill_goes_on_where_it_was() {
    let db = items("backfill_killed", 3000);
    for kill in 1..=3 {
        let mut psql = Command::new(shared().bin("psql"))
            .args(["-Xq", "-c", "call outbox.backfill('Item', batch => 5)", "-d"])
            .arg(db.url())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        db.wait_until(&format!("select sum(walked) >= {} from outbox.backfill_run", kill * 200), SOON);
        psql.kill().unwrap();
        psql.wait().unwrap();
        // The server goes on until it has something to say to the client.
        db.psql(
            "select pg_terminate_backend(pid) from pg_stat_activity \
             where datname = current_database() and query like 'call outbox.backfill%'",
        );
        db.psql("insert into item select max(id) + 1, 'meanwhile' from item; update item set note = 'x' where id = 9");
    }
    // The rest, by two at once.
    let rest = "do $$ begin while outbox.backfill_step(1, 100) is not null loop commit; end loop; end $$";
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| db.psql(rest));
        }
    });
    // The three that came meanwhile had their keys still ahead.
    assert_eq!(db.psql(SNAPSHOTS), "3003|3003");
    assert_eq!(db.psql("select state, walked, sent from outbox.backfilling"), "ended|3003|3003");
}

#[tokio::test]
async fn two_at_once_do_two_batches() {
    let db = items("backfill_two", 20);
    let run = db.psql("select outbox.backfill_start('Item')");
    let step = format!("select outbox.backfill_step({run}, 8)");
    let (one, two) = (db.session().await, db.session().await);
    one.execute(&format!("begin; {step}")).await;
    let second = tokio::spawn({
        let (two, step) = (two.clone(), step.clone());
        async move { two.query_text(&step).await }
    });
    db.wait_until_locked_out(two.pid(), SOON).await;
    // What is rolled back is done by the next.
    one.execute("rollback").await;
    assert_eq!(second.await.unwrap(), "8");
    assert_eq!(two.query_text(&step).await, "8");
    assert_eq!(one.query_text(&step).await, "4");
    assert_eq!(one.query_text(&step).await, "");
    assert_eq!(db.psql(SNAPSHOTS), "20|20");
}

#[test]
fn a_run_is_resumed_cancelled_and_refused() {
    let db = installed("backfill_runs");
    db.psql("create table item (id int primary key, note text); insert into item values (1), (2), (3)");
    let refused = |statement: &str| db.try_psql(statement).unwrap_err().sqlstate;
    assert_eq!(refused("call outbox.backfill('Item')"), "OX017");
    db.psql("select outbox.watch('item', 'Item')");
    // Nobody wants it; but from now on its type can be subscribed to.
    assert_eq!(refused("call outbox.backfill('Item')"), "OX017");
    db.psql("select outbox.subscribe('s', 'Item.Snapshot', 'https://example.com/')");
    let run = db.psql("select outbox.backfill_start('Item')");
    assert_eq!(run, db.psql("select run from outbox.backfilling where state = 'open'"));
    assert_ne!(run, db.psql("select outbox.backfill_start('Item', 'id > 1')"));
    db.psql(&format!("select outbox.backfill_step({run}, 1)"));
    assert_eq!(
        db.psql(&format!("select outbox.backfill_cancel({run}), outbox.backfill_cancel({run})")),
        "t|f"
    );
    assert_eq!(db.psql(&format!("select outbox.backfill_step({run}) is null")), "t");
    db.psql("call outbox.backfill('Item', 'id > 1')");
    let states = "select state, sent from outbox.backfilling order by run";
    assert_eq!(db.psql(states), "cancelled|1\nended|2");
    assert_eq!(refused("begin; call outbox.backfill('Item')"), "2D000");
    assert_eq!(refused("select outbox.backfill_step(1, 0)"), "OX009");
    assert_eq!(refused("select outbox.backfill_step(99)"), "OX017");
    assert_eq!(refused("select outbox.backfill_cancel(99)"), "OX017");
}

/// Whoever is new gets what there is, and nobody else gets it again.
#[test]
fn one_subscription_alone_is_sent_what_it_wants_of_what_there_is() {
    let db = items("backfill_one", 25);
    db.psql(
        "select outbox.subscribe('new', 'Item.Update', 'https://example.com/',
             filter_path => '$.id > 5', exclude_source => 'copy');
         call outbox.backfill('Item', 'id <= 20', batch => 7, subscription => 2)",
    );
    let got = "select subscription, e.type, count(*), min((data ->> 'id')::int), max((data ->> 'id')::int)
        from outbox.delivery d join outbox.event e on e.id = d.event_id group by 1, 2";
    assert_eq!(db.psql(got), "2|Item.Snapshot|15|6|20");
    assert_eq!(db.psql(SNAPSHOTS), "15|15", "what nobody gets is not written");
    let run = "select subscription, state, walked, sent, remedy is null from outbox.backfilling";
    assert_eq!(db.psql(run), "2|ended|20|15|t");
    db.psql("set outbox.source = 'copy'; call outbox.backfill('Item', subscription => 2)");
    assert_eq!(db.psql(SNAPSHOTS), "15|15");
    // It goes on where it was, apart from one for all.
    db.psql("select outbox.backfill_step(outbox.backfill_start('Item', 'id > 20', 2), 2)");
    let remedy = db.psql("select remedy from outbox.backfilling where state = 'open'");
    assert_eq!(remedy, "call outbox.backfill('Item', 'id > 20', subscription => 2)");
    db.psql("call outbox.backfill('Item', 'id > 20')");
    assert_eq!(db.psql("select count(*) from outbox.backfilling where state = 'open'"), "1");
    db.psql(&remedy);
    assert_eq!(db.psql(SNAPSHOTS), "25|20", "for one, for all");
    assert_eq!(db.psql("select count(*) from outbox.delivery where subscription = 2"), "20");
    // One that is not there, or goes meanwhile.
    let refused = |statement: &str| db.try_psql(statement).unwrap_err();
    assert_eq!(refused("call outbox.backfill('Item', subscription => 99)").sqlstate, "OX008");
    db.psql(
        "select outbox.backfill_step(outbox.backfill_start('Item', null, 2), 2); delete from outbox.subscription where id = 2",
    );
    let gone = refused("call outbox.backfill('Item', subscription => 2)");
    assert_eq!(gone.sqlstate, "OX008");
    let gone = refused("select outbox.backfill_step(max(run)) from outbox.backfilling");
    assert!(gone.raw.contains("select outbox.backfill_cancel("), "{gone:?}");
}

/// Its number is that of the last change, whose state it shows; the others' numbers have no gap by it.
#[test]
fn an_object_with_a_builder_is_rendered_for_one_as_for_all() {
    let db = subscribed("backfill_one_object");
    db.psql(
        "create table parent (id int primary key, shown boolean, note text);
         create function parent_json(id int) returns jsonb language sql stable as
            'select to_jsonb(p) from public.parent p where p.id = $1';
         create function parent_shown(id int) returns boolean language sql stable as
            'select p.shown from public.parent p where p.id = $1';
         insert into parent select i, i <> 3, 'n' from generate_series(1, 4) i;
         select outbox.define_object('Parent', 'parent', 'parent_json', gate => 'parent_shown', mode => 'latest');
         update parent set note = 'o' where id = 1; update parent set note = 'p' where id = 1;
         select outbox.subscribe('new', 'Parent.*', 'https://example.com/');
         update parent set note = 'q' where id = 2;
         call outbox.backfill('Parent', batch => 2, subscription => 2);
         delete from parent where id = 3; update parent set note = 'r' where id = 1",
    );
    let events = db.psql(
        "select object_id, type, seq, data ->> 'note', (select string_agg(d.subscription::text, ',' order by d.subscription)
             from outbox.delivery d where d.event_id = e.id)
         from outbox.event e order by object_id, id",
    );
    assert_eq!(
        events,
        "1|Parent.Update|1|o|\n1|Parent.Update|2|p|\n1|Parent.Snapshot|2|p|\n1|Parent.Update|3|r|1,2\n\
         2|Parent.Update|1|q|1\n2|Parent.Snapshot|1|q|2\n4|Parent.Snapshot|0|n|2",
        "of mode latest a newer one takes the place of what waits; what its gate holds back was never there"
    );
}

#[test]
fn only_the_owner_backfills_and_nobody_runs_anothers_condition() {
    let db = subscribed("backfill_rights");
    login_roles(shared(), &["backfill_owner", "backfill_other", "backfill_admin"]);
    db.psql(
        "select outbox.permit_watch('backfill_owner'), outbox.permit_watch('backfill_other');
         grant outbox_admin to backfill_admin; create schema app authorization backfill_owner;
         grant usage on schema app to backfill_admin",
    );
    db.psql_as(
        "backfill_owner",
        "create type app.mood as enum ('good'); create table app.item (id int primary key, mood app.mood);
         insert into app.item values (1, 'good'), (2, 'good'), (3, 'good'); select outbox.watch('app.item', 'Item');
         grant select, update on app.item to backfill_admin; select outbox.backfill_start('Item', 'id <> 3')",
    );
    let other = db.try_psql_as("backfill_other", "call outbox.backfill('Item')").unwrap_err();
    assert_eq!(other.sqlstate, "OX003");
    let other =
        db.try_psql_as("backfill_other", "select outbox.backfill_send(1, null, 0, '{9}', '{null}', true)");
    assert_eq!(other.unwrap_err().sqlstate, "OX003");
    let admin = db.try_psql_as("backfill_admin", "select outbox.backfill_step(1)").unwrap_err();
    assert_eq!(
        admin.hint.as_deref(),
        Some("If you agree: call outbox.backfill('Item', 'id <> 3')."),
        "{}",
        admin.raw
    );
    db.psql_as("backfill_admin", "call outbox.backfill('Item', 'id <> 3')");
    db.psql_as("backfill_owner", "call outbox.backfill('Item', 'id = 3')");
    assert_eq!(db.psql(SNAPSHOTS), "3|3");
    assert_eq!(db.psql("select distinct data ->> 'mood' from outbox.event"), "good");
    // An owner who may not be trusted has a builder, which is called with his rights.
    db.psql_as(
        "backfill_owner",
        "create function app.item_json(id int) returns jsonb language sql stable security definer as
            'select jsonb_build_object(''mood'', i.mood, ''by'', current_user) from app.item i where i.id = $1';
         select outbox.define_object('Item', 'app.item', 'app.item_json'); call outbox.backfill('Item', batch => 2)",
    );
    let rendered = "select count(*), min(data ->> 'by') from outbox.event where seq = 1";
    assert_eq!(db.psql(rendered), "3|backfill_owner");
}
