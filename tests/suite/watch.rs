//! `outbox.watch()` and `outbox.unwatch()`: who may, what may be watched, what is left behind.

use crate::installed::{EVENTS, installed, login_roles, migrate, subscribed};
use crate::support::{Database, shared};

/// What a DDL statement would change: rows of the catalogue, each with the transaction that wrote it.
const DDL: &str = "select 'trigger', oid, xmin from pg_trigger where tgname like 'zz_outbox%' \
    union all select proname, oid, xmin from pg_proc where proname like 'capture\\_%' \
    union all select relname, oid, xmin from pg_class where relnamespace = 'public'::regnamespace order by \
    1, 2";

const LEFT_BEHIND: &str = "select (select count(*) from pg_trigger where tgname like 'zz_outbox%'), \
    (select count(*) from pg_proc where proname ~ '^capture_[0-9]'), (select count(*) from outbox.watch)";

#[test]
fn watching_twice_is_watching_once_and_no_ddl() {
    let db = subscribed("watch_twice");
    db.psql("create table item (id int primary key, note text)");
    let first = db.psql("select outbox.watch('item', 'Item')");
    let ddl = db.psql(DDL);
    assert_eq!(db.psql("select outbox.watch('item', 'Item')"), first);
    assert_eq!(db.psql(DDL), ddl);
    db.psql("insert into item values (1, 'a')");
    assert_eq!(db.psql(EVENTS), "Item.Create 1");
}

#[test]
fn a_second_watch_takes_no_lock_that_a_writer_would_notice() {
    let db = installed("watch_lock");
    db.psql("create table item (id int primary key); select outbox.watch('item', 'Item')");
    let locks = db.psql(
        "begin; select from outbox.watch('item', 'Item');
         select mode from pg_locks where relation = 'item'::regclass and mode not in ('AccessShareLock', \
         'RowShareLock')",
    );
    assert_eq!(locks.trim(), "");
}

#[test]
fn other_arguments_change_the_watch() {
    let db = subscribed("watch_changed");
    db.psql("create table item (id int primary key, code text); select outbox.watch('item', 'Item')");
    let changed =
        "select outbox.watch('item', 'Item', id => 'upper(code)', history => true, row_bytes_max => 1024)";
    assert_eq!(db.psql(changed), "1");
    db.psql("insert into item values (1, 'a'), (2, repeat('x', 2000))");
    assert_eq!(
        db.psql("select left(object_id, 1), data ? 'payload_omitted' from outbox.event order by id"),
        "A|f\nX|t"
    );
    db.psql("delete from outbox.subscription; insert into item values (3, 'c')");
    assert_eq!(db.psql("select count(*) from outbox.event"), "3", "history is kept");
    db.psql("select outbox.watch('item', 'Item'); insert into item values (4, 'd')");
    assert_eq!(
        db.psql("select count(*), max(id_expression) from outbox.event, outbox.watch"),
        "4|",
        "what belongs to the object stays"
    );
    db.psql("select outbox.watch('item', 'Item', history => false); insert into item values (5, 'e')");
    assert_eq!(db.psql("select count(*) from outbox.event"), "4");
}

#[test]
fn after_unwatch_no_trigger_no_function_and_no_event_is_left() {
    let db = subscribed("watch_gone");
    db.psql(
        "create table item (id int primary key);
         select outbox.watch('item', 'Item'), outbox.watch('item', 'Other')",
    );
    assert_eq!(db.psql("select outbox.unwatch('item', 'Item')"), "1");
    db.psql("insert into item values (1)");
    assert_eq!(db.psql(EVENTS), "Other.Create 1");
    assert_eq!(db.psql("select outbox.unwatch('item')"), "1");
    assert_eq!(db.psql("select outbox.unwatch('item')"), "0", "twice is once");
    assert_eq!(db.psql(LEFT_BEHIND), "0|0|0");
    db.psql("insert into item values (2)");
    assert_eq!(db.psql(EVENTS), "Other.Create 1");
    assert_eq!(db.psql("select outbox.watch('item', 'Item') is not null"), "t", "and again");
}

/// What cannot be watched: how to make it, its name, and a word of the reason.
const REFUSED: &[(&str, &str, &str)] = &[
    ("create view v as select 1 as id", "v", "view"),
    ("create materialized view m as select 1 as id", "m", "materialized view"),
    (
        "create table q (id int primary key) partition by list (id); create table q1 partition of q for \
            values in (1)",
        "q1",
        "partition of public.q",
    ),
    ("create temporary table t (id int primary key)", "t", "temporary"),
    (
        "create table c (id int primary key); create table d (primary key (id)) inherits (c)",
        "d",
        "inherits from public.c",
    ),
    ("create sequence s", "s", "not a table"),
    ("create type y as (id int)", "y", "not a table"),
    ("create table i (id int primary key)", "i_pkey", "not a table"),
    ("", "pg_catalog.pg_class", "system catalogue"),
    ("", "information_schema.sql_features", "system catalogue"),
    ("", "outbox.event_0", "belongs to outboxd"),
    ("", "outbox.delivery", "belongs to outboxd"),
    ("", "outbox.subscription", "belongs to outboxd"),
    (
        "create foreign data wrapper far; create server away foreign data wrapper far; \
      create foreign table f (id int) server away",
        "f",
        "foreign table",
    ),
];

#[test]
fn what_cannot_be_watched_is_refused_with_the_reason() {
    let db = installed("watch_refused");
    for (setup, name, reason) in REFUSED {
        let error = db.try_psql(&format!("{setup}; select outbox.watch('{name}', 'Item')")).unwrap_err();
        assert_eq!(error.sqlstate, "OX002", "{name}: {}", error.raw);
        assert!(
            error.message.contains(reason) && error.message.contains(name.trim_start_matches("pg_catalog.")),
            "{}",
            error.message
        );
    }
    assert_eq!(db.psql(LEFT_BEHIND), "0|0|0");
}

/// Arguments of a watch of `item`, the SQLSTATE they give, and what the report must say.
const BAD_ARGUMENTS: &[(&str, &str, &str)] = &[
    ("null, 'Item'", "OX002", "NULL"),
    ("0, 'Item'", "OX002", "no such table"),
    ("'item', null", "OX005", "NULL"),
    ("'item', ''", "OX005", "one word"),
    ("'item', 'Item.Part'", "OX005", "one word"),
    ("'item', 'It em'", "OX005", "one word"),
    ("'item', 'Item '", "OX005", "one word"),
    ("'item', 'Ítem🎉'", "OX005", "one word"),
    ("'item', '*'", "OX005", "one word"),
    ("'item', E'Item\\n'", "OX005", "one word"),
    ("'item', repeat('a', 101)", "OX005", "100"),
    ("'item', repeat('a', 1000000)", "OX005", "100"),
    ("'item', 'Item', row_bytes_max => 1023", "OX009", "1024"),
    ("'item', 'Item', row_bytes_max => 1048577", "OX009", "1048576"),
    ("'item', 'Item', row_bytes_max => null", "OX009", "NULL"),
    ("'keyless', 'Item'", "OX004", "no primary key"),
    ("'item', 'Item', id => ''", "OX004", "syntax error"),
    ("'item', 'Item', id => 'nosuch'", "OX004", "does not exist"),
    ("'item', 'Item', id => 'id, note'", "OX004", "IMMUTABLE"),
    ("'item', 'Item', id => '(select 1)'", "OX004", "subquery"),
    ("'item', 'Item', id => 'max(id)'", "OX004", "aggregate"),
    ("'item', 'Item', id => 'row_number() over ()'", "OX004", "window"),
    ("'item', 'Item', id => 'generate_series(1, 2)'", "OX004", "set-returning"),
    ("'item', 'Item', id => 'random()'", "OX004", "IMMUTABLE"),
    ("'item', 'Item', id => 'now()'", "OX004", "IMMUTABLE"),
    ("'item', 'Item', id => 'to_char(at, ''YYYY'')'", "OX004", "IMMUTABLE"),
    ("'item', 'Item', id => 'public.mine(id)'", "OX004", "come with Postgres"),
    ("'item', 'Item', id => 'id operator(public.|+|) 1'", "OX004", "come with Postgres"),
    ("'item', 'Item', id => 'note collate public.my_order'", "OX004", "come with Postgres"),
    ("'item', 'Item', id => 'outbox_id_probe is null'", "OX004", "as a whole"),
    ("'item', 'Item', id => 'item.id'", "OX004", "missing FROM-clause"),
];

#[test]
fn bad_arguments_are_refused_and_leave_nothing() {
    let db = installed("watch_arguments");
    db.psql(
        "create table item (id int primary key, note text, at timestamptz); create table keyless (id int);
         create function mine(int) returns text immutable language sql as $$ select 'x' $$;
         create function add(int, int) returns int immutable language sql as $$ select 1 $$;
         create operator public.|+| (function = add, leftarg = int, rightarg = int);
         create collation my_order (locale = 'C')",
    );
    for (arguments, sqlstate, says) in BAD_ARGUMENTS {
        let error = db.try_psql(&format!("select outbox.watch({arguments})")).unwrap_err();
        assert_eq!(error.sqlstate, *sqlstate, "{arguments}: {}", error.raw);
        assert!(error.raw.contains(says), "{arguments}: {}", error.raw);
        assert!(error.message.len() < 1000, "{arguments}: a million characters are not repeated");
    }
    assert_eq!(db.psql(LEFT_BEHIND), "0|0|0");
    assert_eq!(
        db.psql("select to_regclass('keyless') is not null, to_regclass('pg_temp.outbox_id_probe') is null"),
        "t|t"
    );
    assert_eq!(db.try_psql("select outbox.unwatch(null)").unwrap_err().sqlstate, "OX002");
}

/// A database with an owner of `item` who may watch and nothing else, an application that may only write it,
/// and a neighbour who may watch too but owns nothing here.
fn shared_by_three(hint: &str) -> Database {
    let db = subscribed(hint);
    login_roles(shared(), &["table_owner", "application", "neighbour"]);
    db.psql(
        "select outbox.permit_watch(r) from unnest('{table_owner,neighbour}'::regrole[]) r;
         grant create on schema public to table_owner, neighbour;
         set session authorization table_owner; create table item (id int primary key, note text);
         grant select, insert, update, delete on item to application",
    );
    db
}

#[test]
fn a_tables_owner_watches_it_without_any_other_right_on_the_outbox() {
    let db = shared_by_three("watch_owner");
    db.psql_as(
        "table_owner",
        "select outbox.watch('item', 'Item', id => 'note'); select outbox.watch('item', 'Item')",
    );
    db.psql_as(
        "application",
        "insert into item values (1, 'a'); update item set note = 'b'; delete from item",
    );
    assert_eq!(db.psql(EVENTS), "Item.Create 1\nItem.Update 1\nItem.Delete 1");
    assert_eq!(db.try_psql_as("application", "select from outbox.event").unwrap_err().sqlstate, "42501");
    assert_eq!(
        db.try_psql_as("application", "select outbox.emit('Item.Create')").unwrap_err().sqlstate,
        "42501"
    );
    for hidden in ["event", "delivery", "subscription", "signing_key", "watch", "backlog"] {
        let error = db.try_psql_as("table_owner", &format!("select from outbox.{hidden}")).unwrap_err();
        assert_eq!(error.sqlstate, "42501", "{hidden}");
    }
    assert_eq!(db.psql_as("table_owner", "select outbox.unwatch('item')"), "1");
    assert_eq!(db.psql(LEFT_BEHIND), "0|0|0");
}

#[test]
fn nobody_watches_or_unwatches_the_table_of_another() {
    let db = shared_by_three("watch_other");
    db.psql_as("table_owner", "select outbox.watch('item', 'Item')");
    for call in [
        "outbox.watch('item', 'Mine')",
        "outbox.watch('item', 'Item', id => 'note')",
        "outbox.unwatch('item')",
        "outbox.unwatch('item', 'Item')",
        "outbox.watch('item', 'Item', through => 'select id from changed')",
        "outbox.define_object('Mine', 'item')",
        "outbox.define_object('Item', 'item', mode => 'each')",
        "outbox.register_watch('item', 'Mine', null, null, '{}', false, 2000, null, null, null, null, null)",
        "outbox.register_watch('item', 'Item', null, null, '{}', true, 2000, null, null, null, null, null)",
        "outbox.register_object('Mine', 'item', null, null, null, 'each', 'full', 'abort', false)",
        "outbox.register_object('Item', 'item', null, null, null, 'each', 'full', 'abort', false)",
        "outbox.forget_watch(1)",
    ] {
        let error = db.try_psql_as("neighbour", &format!("select {call}")).unwrap_err();
        assert_eq!(error.sqlstate, "OX003", "{call}: {}", error.raw);
        let error = db.try_psql_as("application", &format!("select {call}")).unwrap_err();
        assert_eq!(error.sqlstate, "42501", "{call}: {}", error.raw);
    }
    assert_eq!(db.psql_as("neighbour", "select * from outbox.watches_of('item')"), "");
    assert_eq!(db.psql("select object, id_expression from outbox.watch"), "Item|");
    assert_eq!(db.psql("select name, mode, owner from outbox.object"), "Item|transaction|table_owner");
}

#[test]
fn a_capture_function_can_be_attached_to_nothing_else() {
    let db = shared_by_three("watch_attach");
    db.psql_as("table_owner", "select outbox.watch('item', 'Item'); create table forge (id int primary key)");
    db.psql_as("neighbour", "create table forge2 (id int primary key)");
    db.psql("alter table forge owner to table_owner");
    for (role, table) in [("table_owner", "forge"), ("neighbour", "forge2"), ("table_owner", "item")] {
        let attach = format!(
            "create trigger t after insert on {table} referencing new table as new_rows \
             for each statement execute function outbox.capture_1()"
        );
        assert_eq!(db.try_psql_as(role, &attach).unwrap_err().sqlstate, "42501", "{role} {table}");
    }
    let call = db.try_psql_as("table_owner", "select outbox.capture_1()").unwrap_err();
    assert_eq!(call.sqlstate, "42501");
}

#[test]
fn a_member_of_the_owning_role_watches_too() {
    let db = shared_by_three("watch_member");
    login_roles(shared(), &["team_member"]);
    db.psql("grant table_owner to team_member; select outbox.permit_watch('team_member')");
    db.psql_as("team_member", "select outbox.watch('item', 'Item'); insert into item values (1, 'a')");
    db.psql_as(
        "team_member",
        "set role table_owner; select outbox.watch('item', 'Item'), outbox.unwatch('item')",
    );
    assert_eq!(db.psql(EVENTS), "Item.Create 1");
}

#[test]
fn functions_are_the_same_after_another_migrate_and_a_new_release_reaches_existing_watches() {
    let db = subscribed("watch_migrate");
    db.psql("create table item (id int primary key); select outbox.watch('item', 'Item')");
    let ddl = db.psql(DDL);
    migrate(&db);
    assert_eq!(db.psql(DDL), ddl);
    db.psql(
        "create or replace function outbox.capture_1() returns trigger language plpgsql as $$ begin return \
            null; end $$;
         select outbox.regenerate(); insert into item values (1)",
    );
    assert_eq!(db.psql(EVENTS), "Item.Create 1");
}

#[tokio::test]
async fn two_sessions_that_watch_the_same_table_at_once_make_one_watch() {
    let db = subscribed("watch_race");
    db.psql("create table item (id int primary key)");
    let (first, second) = (db.session().await, db.session().await);
    first.execute("begin; select outbox.watch('item', 'Item')").await;
    let waiting = second.clone();
    let task = tokio::spawn(async move { waiting.try_execute("select outbox.watch('item', 'Item')").await });
    db.wait_until_locked_out(second.pid(), std::time::Duration::from_secs(30)).await;
    first.execute("commit").await;
    task.await.unwrap().unwrap();
    assert_eq!(db.psql(LEFT_BEHIND), "3|1|1");
}

#[tokio::test]
async fn a_busy_table_is_given_up_on_without_standing_in_its_queue() {
    let db = subscribed("watch_busy");
    db.psql("create table item (id int primary key)");
    let writer = db.session().await;
    writer.execute("begin; insert into item values (1)").await;
    let error = db.session().await.try_execute("select outbox.watch('item', 'Item')").await.unwrap_err();
    assert_eq!(error.sqlstate, "OX010");
    writer.execute("commit").await;
    assert_eq!(db.psql(LEFT_BEHIND), "0|0|0");
}
