//! Capture never fails the write it watches, whatever became of the table, of the outbox, or of the session.

use crate::installed::{EVENTS, installed, login_roles, migrate, subscribed};
use crate::support::{Cluster, ClusterOptions, shared};

/// Something that happens to a watched table, and writes after it that must succeed.
struct Change {
    what: &'static str,
    /// DDL on `item (id int primary key, code text, note text, m mood)`, watched as `Item`.
    ddl: &'static str,
    /// The events of an insert, an update and a delete after it.
    events: &'static str,
    /// A word of what `outbox.broken_watch` says about it; empty when it should say nothing.
    broken: &'static str,
}

const CHANGES: &[Change] = &[
    Change { what: "nothing", ddl: "", events: "Create 2,Update 2,Delete 2", broken: "" },
    Change {
        what: "the key column is renamed",
        ddl: "alter table item rename id to number",
        events: "Create -,Update -,Delete -",
        broken: "column id, part of the key, was renamed or dropped",
    },
    Change {
        what: "the key column is dropped",
        ddl: "alter table item drop id; alter table item add number int",
        events: "Create -,Update -,Delete -",
        broken: "column id, part of the key, was renamed or dropped",
    },
    Change {
        what: "the primary key is dropped, its column stays",
        ddl: "alter table item drop constraint item_pkey; alter table item rename id to x; alter table item \
            rename x to id",
        events: "Create 2,Update 2,Delete 2",
        broken: "",
    },
    Change {
        what: "another column is renamed",
        ddl: "alter table item rename code to kode",
        events: "Create 2,Update 2,Delete 2",
        broken: "",
    },
    Change {
        what: "another column is dropped",
        ddl: "alter table item drop code",
        events: "Create 2,Update 2,Delete 2",
        broken: "",
    },
    Change {
        what: "columns are added",
        ddl: "alter table item add extra jsonb default '{}', add old int",
        events: "Create 2,Update 2,Delete 2",
        broken: "",
    },
    Change {
        what: "text becomes a number, and a number text",
        ddl: "alter table item alter code type int using 1, alter id type text",
        events: "Create 2,Update 2,Delete 2",
        broken: "",
    },
    Change {
        what: "text becomes bytea, json, an array",
        ddl: "alter table item alter code type bytea using '', alter note type text[] using array[note]",
        events: "Create 2,Update 2,Delete 2",
        broken: "",
    },
    Change {
        what: "a type is renamed and moved",
        ddl: "create schema elsewhere; alter type mood rename to humour; alter type humour set schema \
            elsewhere",
        events: "Create 2,Update 2,Delete 2",
        broken: "",
    },
    Change {
        what: "the table is renamed and moved",
        ddl: "create schema elsewhere; alter table item rename to thing; alter table thing set schema \
            elsewhere; \
              create view item as select * from elsewhere.thing",
        events: "Create 2,Update 2,Delete 2",
        broken: "",
    },
    Change {
        what: "the table gets another owner",
        ddl: "alter table item owner to harmless_owner",
        events: "Create 2,Update 2,Delete 2",
        broken: "",
    },
    Change {
        what: "a leaf of the ring is dropped",
        ddl: "do $$ begin execute format('drop table outbox.event_%s', outbox.slot(clock_timestamp())); end \
            $$",
        events: "Create 2,Update 2,Delete 2",
        broken: "",
    },
    Change {
        what: "the row of the catalogue is deleted by hand",
        ddl: "delete from outbox.watch; delete from outbox.object; delete from outbox.event_type",
        events: "Create 2,Update 2,Delete 2",
        broken: "",
    },
    Change {
        what: "a trigger is disabled",
        ddl: "alter table item disable trigger zz_outbox_1_update",
        events: "Create 2,Delete 2",
        broken: "trigger zz_outbox_1_update is disabled",
    },
    Change {
        what: "a trigger is dropped",
        ddl: "drop trigger zz_outbox_1_delete on item",
        events: "Create 2,Update 2",
        broken: "the trigger for delete is missing",
    },
];

const TABLE: &str =
    "create type mood as enum ('ok'); create table item (id int primary key, code text, note text, m mood);";

/// Columns by place: their names may have changed.
const INSERT: &str = "insert into item values (2)";

/// Writes before, DDL, writes after. With `cut` between the parts.
fn writes(db: &crate::support::Database, ddl: &str, before: &str, cut: &str) {
    let name = if ddl.contains("drop id") || ddl.contains("rename id to number") { "number" } else { "id" };
    let insert = if ddl.contains("drop id") { "insert into item (number) values (2)" } else { INSERT };
    let condition = format!("{name}::text = '2'");
    db.psql(&format!(
        "begin; insert into item values (1, 'a', 'n', 'ok'); update item set note = 'x'; {before}; {cut}
         {ddl}; truncate outbox.event, outbox.delivery;
         {insert}; update item set m = 'ok' where {condition}; delete from item where {condition}; commit"
    ));
}

fn check(hint: &str, watch: &str, cut: &str) {
    login_roles(shared(), &["harmless_owner"]);
    for change in CHANGES {
        let db = subscribed(hint);
        db.psql(&format!("{TABLE} select outbox.watch('item', 'Item'{watch})"));
        if cut.is_empty() && change.ddl.contains("drop table outbox.event_") {
            continue; // Postgres does not let a transaction drop what it has written to.
        }
        writes(&db, change.ddl, "delete from item", cut);
        let seen = db.psql(
            "select string_agg(substr(type, 6) || ' ' || coalesce(object_id, '-'), ',' order \
            by id) from outbox.event",
        );
        assert_eq!(seen, change.events, "{}", change.what);
        let broken = db.psql("select string_agg(reason, ', ') from outbox.broken_watch");
        assert!(
            broken.contains(change.broken) && broken.is_empty() == change.broken.is_empty(),
            "{}: {broken}",
            change.what
        );
    }
}

#[test]
fn a_write_succeeds_after_any_change_of_its_table() {
    // A transaction of its own before the change: the plans it leaves in the session are old ones.
    check("harmless_ddl", ", mode => 'each'", "commit; begin;");
}

#[test]
fn a_write_succeeds_after_a_change_of_its_table_in_the_same_transaction() {
    check("harmless_same_transaction", ", mode => 'each'", "");
}

#[test]
fn a_write_succeeds_after_any_change_when_the_id_is_an_expression() {
    let broken_by = [
        ("alter table item rename code to kode", "renamed or dropped"),
        ("alter table item drop code", "renamed or dropped"),
        ("alter table item alter code type int using 1", "another type"),
        ("alter table item alter code type jsonb using '{}'", "another type"),
        ("alter table item alter code type mood using 'ok'", "another type"),
    ];
    for key in ["primary key", ""] {
        for (ddl, reason) in broken_by {
            let db = subscribed("harmless_expression");
            db.psql(&format!(
                "create type mood as enum ('ok'); create table item (id int {key}, code text, note text);
                 select outbox.watch('item', 'Item', id => 'lower(code) || id::text');
                 insert into item values (1, 'A', 'n'); update item set note = 'm'; {ddl};
                 insert into item (id) values (2); update item set note = 'o'; update item set note = note; \
                 delete from item",
            ));
            assert_eq!(
                db.psql(
                    "select string_agg(substr(type, 6) || ' ' || coalesce(object_id, '-'), ',' order by \
                    id) from outbox.event"
                ),
                "Create a1,Update a1,Create -,Update -,Update -,Delete -,Delete -",
                "{key} {ddl}"
            );
            let seen = db.psql("select reason from outbox.broken_watch");
            assert!(seen.contains(reason), "{ddl}: {seen}");
            db.psql(
                "select outbox.watch('item', 'Item', id => 'id::text'); insert into item (id) values (3)",
            );
            assert_eq!(db.psql("select object_id from outbox.event order by id desc limit 1"), "3");
            assert_eq!(db.psql("select count(*) from outbox.broken_watch"), "0", "{ddl}: the remedy works");
        }
    }
}

#[test]
fn every_remedy_that_broken_watch_gives_is_sql_that_mends() {
    for (ddl, events) in [
        ("alter table item rename id to number", "Item.Create 7"),
        ("alter table item disable trigger zz_outbox_1_insert", "Item.Create 7"),
        ("drop trigger zz_outbox_1_insert on item; drop trigger zz_outbox_1_update on item", "Item.Create 7"),
        ("drop table item; create table item (id int)", ""),
        ("create table child () inherits (item)", "Item.Create 7"),
        (
            "create table parent (id int primary key) partition by list (id); \
             alter table parent attach partition item for values in (7)",
            "",
        ),
    ] {
        let db = subscribed("harmless_remedy");
        db.psql(&format!(
            "create table item (id int primary key); select outbox.watch('item', 'Item'); {ddl}"
        ));
        let remedies = db.psql("select distinct remedy from outbox.broken_watch");
        assert!(!remedies.is_empty(), "{ddl}");
        db.psql(&remedies.replace('\n', ";"));
        assert_eq!(db.psql("select count(*) from outbox.broken_watch"), "0", "{ddl}");
        db.psql("insert into item values (7)");
        assert_eq!(db.psql(EVENTS), events, "{ddl}");
    }
}

#[test]
fn rows_of_a_leaf_that_was_dropped_go_to_the_kept_one() {
    let db = subscribed("harmless_leaf");
    db.psql(
        "create table item (id int primary key); select outbox.watch('item', 'Item');
         do $$ begin for n in 0..7 loop execute format('drop table outbox.event_%s', n); end loop; end $$;
         insert into item values (1)",
    );
    assert_eq!(db.psql("select tableoid::regclass, object_id from outbox.event"), "outbox.event_kept|1");
    assert_eq!(db.psql("select object_id from outbox.find((select uid::text from outbox.event))"), "1");
}

/// Objects that our names could be taken for, made by a role that owns nothing of ours. `witness` is told who
/// runs them.
const TRAPS: &str = "
    create function pg_temp.trap(anyelement) returns boolean language plpgsql as $$
    begin insert into public.witness values (current_user); return true; end $$;
    create domain pg_temp.text as pg_catalog.text check (pg_temp.trap(value));
    create domain pg_temp.bigint as pg_catalog.int8 check (pg_temp.trap(value));
    create domain pg_temp.smallint as pg_catalog.int2 check (pg_temp.trap(value));
    create domain pg_temp.uuid as pg_catalog.uuid check (pg_temp.trap(value));
    create domain pg_temp.jsonb as pg_catalog.jsonb check (pg_temp.trap(value));
    create temp table event (slot int, id int); create temp table delivery (id int);
    create temp table subscription (id int, pattern pg_catalog.text, status pg_catalog.text);
    create temp table new_rows (id int); create temp table old_rows (id int);
    create temp table pg_attribute (attrelid oid);
    create function evil.clock_timestamp() returns timestamptz language plpgsql as $$
    begin insert into public.witness values (current_user); return pg_catalog.now(); end $$;
    create function evil.to_jsonb(anyelement) returns jsonb language plpgsql as $$
    begin insert into public.witness values (current_user); return 'null'; end $$;
    create function evil.same(anyelement, anyelement) returns boolean language plpgsql as $$
    begin insert into public.witness values (current_user); return true; end $$;
    create operator evil.= (function = evil.same, leftarg = anyelement, rightarg = anyelement);
    set search_path = pg_temp, evil, pg_catalog, public;";

#[test]
fn no_object_of_the_callers_runs_with_the_rights_of_the_outbox() {
    let db = subscribed("harmless_traps");
    login_roles(shared(), &["trap_maker"]);
    db.psql(
        "create table item (id int primary key, code text, at timestamptz);
         select outbox.watch('item', 'Item'), outbox.watch('item', 'Code', id => 'lower(code)');
         create table witness (who name); grant insert, select on witness to public;
         create schema evil authorization trap_maker; grant insert, update, delete, select on item to \
         trap_maker;
         select outbox.define_event_type('Item.Odd'); grant usage on schema outbox to trap_maker;
         grant execute on function outbox.emit, outbox.ping, outbox.retry, outbox.find, outbox.claim, \
         outbox.cancel_gone to trap_maker",
    );
    db.psql_as(
        "trap_maker",
        &format!(
            "{TRAPS} insert into public.item values (1, 'a'); update public.item set code = 'B'; update \
                public.item set id = 2;
             delete from public.item; select outbox.emit('Item.Odd', '1', 'a', 'b'); select \
             outbox.ping(1::int8);
             select outbox.cancel_gone(); select outbox.claim('r', 100, '{{}}', '{{}}', 0);
             select outbox.retry(1::int8); select outbox.find(pg_catalog.repeat('0', 32)); select \
             'x'::pg_temp.text"
        ),
    );
    // What the role does for itself, last of all, runs a trap: they are set.
    // Whose key changes under the same code is deleted and created, which is one Update of the code.
    assert_eq!(db.psql("select count(*) from outbox.event"), "12");
    assert_eq!(db.psql("select distinct who from witness"), "trap_maker");
}

#[test]
fn a_watch_made_in_a_session_full_of_traps_runs_none_of_them() {
    let db = subscribed("harmless_traps_owner");
    login_roles(shared(), &["trap_owner"]);
    db.psql(
        "create table witness (who name); grant insert, select on witness to public;
         create schema evil authorization trap_owner; create schema mine authorization trap_owner;
         select outbox.permit_watch('trap_owner')",
    );
    db.psql_as(
        "trap_owner",
        &format!(
            "create table mine.item (id pg_catalog.int4 primary key, code pg_catalog.text);
             {TRAPS} select outbox.watch('mine.item', 'Item'), outbox.watch('mine.item', 'Code', id => \
             'lower(code)');
             insert into mine.item values (1, 'a'); update mine.item set code = 'b';
             select outbox.unwatch('mine.item', 'Code')"
        ),
    );
    assert_eq!(db.psql("select distinct who from witness where who <> 'trap_owner'"), "");
    assert_eq!(db.psql("select count(*) from outbox.event"), "5");
}

#[tokio::test]
async fn repeatable_read_and_serializable_writers_are_captured() {
    let db = subscribed("harmless_isolation");
    db.psql("create table item (id int primary key, n int); select outbox.watch('item', 'Item')");
    for level in ["repeatable read", "serializable"] {
        let (first, second) = (db.session().await, db.session().await);
        for session in [&first, &second] {
            session.execute(&format!("begin isolation level {level}; select count(*) from item")).await;
        }
        let number = level.len();
        first.execute(&format!("insert into item values ({number}, 1); update item set n = 2")).await;
        // Rows of their own: capture must not be what makes the two conflict.
        if level == "repeatable read" {
            second.execute(&format!("insert into item values ({number} + 1, 1)")).await;
        }
        first.execute("commit").await;
        second.execute("commit").await;
    }
    assert_eq!(
        db.psql("select type, count(*) from outbox.event group by type order by type"),
        "Item.Create|3\nItem.Update|1",
        "a row that is new and changed is new"
    );
}

#[tokio::test]
async fn capture_adds_no_serialization_failure_between_unrelated_writers() {
    let db = subscribed("harmless_serializable");
    db.psql(
        "create table a (id int primary key); create table b (id int primary key);
             select outbox.watch('a', 'A'), outbox.watch('b', 'B')",
    );
    let (first, second) = (db.session().await, db.session().await);
    for (session, table) in [(&first, "a"), (&second, "b")] {
        session.execute("begin isolation level serializable").await;
        session.execute(&format!("insert into {table} values (1)")).await;
    }
    first.execute("insert into a values (2); commit").await;
    second.execute("insert into b values (2); commit").await;
    assert_eq!(db.psql("select count(*) from outbox.event"), "4");
}

#[test]
fn a_prepared_transaction_brings_its_events_with_its_commit() {
    let cluster = Cluster::start(&ClusterOptions {
        conf: vec!["max_prepared_transactions = 5".to_owned()],
        ..ClusterOptions::default()
    });
    let db = cluster.database("harmless_2pc");
    migrate(&db);
    db.psql(
        "select outbox.subscribe('all', '*', 'https://example.com/'); select outbox.define_event_type('Odd');
         create table item (id int primary key); select outbox.watch('item', 'Item');
         begin; insert into item values (1); select outbox.emit('Odd'); prepare transaction 'yes';
         begin; insert into item values (2); prepare transaction 'no'",
    );
    assert_eq!(db.psql(EVENTS), "");
    db.psql("commit prepared 'yes'; rollback prepared 'no'");
    assert_eq!(db.psql(EVENTS), "Item.Create 1\nOdd -");
    assert_eq!(db.psql("select count(*) from outbox.delivery"), "2");
}

#[test]
fn a_publication_of_all_tables_does_not_stand_in_the_way() {
    let db = installed("harmless_publication");
    // Updates and deletes of published tables need a replica identity, ours as well as the user's.
    db.psql(
        "create publication everything for all tables;
         select outbox.subscribe('all', '*', 'https://example.com/');
         create table item (id int primary key, n int); select outbox.watch('item', 'Item');
         insert into item values (1, 1); update item set n = 2; delete from item;
         select outbox.claim('r', 10, '{}', '{}', 0); select outbox.retry(1); delete from \
         outbox.subscription",
    );
    assert_eq!(db.psql("select count(*) from outbox.event"), "3");
}

#[test]
fn a_cast_made_by_the_owner_of_a_table_never_runs_with_the_rights_of_the_outbox() {
    let db = subscribed("harmless_casts");
    login_roles(shared(), &["cast_maker"]);
    db.psql(
        "create table witness (who name, how text); grant insert on witness to public;
         create schema mine authorization cast_maker; select outbox.permit_watch('cast_maker')",
    );
    db.psql_as(
        "cast_maker",
        "create type mine.mood as enum ('good', 'bad'); create type mine.pair as (a int, m mine.mood);
         create table mine.item (id mine.mood, n int, m mine.mood, p mine.pair, ms mine.mood[], j jsonb, primary key (id, n));
         create table mine.later (id int primary key, m text);
         select outbox.watch('mine.item', 'Item'), outbox.watch('mine.later', 'Later');
         create function mine.json(mine.mood) returns json language plpgsql as $$
         begin insert into public.witness values (current_user, 'json'); return '\"x\"'; end $$;
         create function mine.text(mine.mood) returns text language plpgsql as $$
         begin insert into public.witness values (current_user, 'text'); return 'x'; end $$;
         create cast (mine.mood as json) with function mine.json; create cast (mine.mood as text) with function mine.text;
         insert into mine.item values ('good', 1, 'bad', (1, 'bad'), '{bad}', '{\"a\": 1.50}'); update mine.item set n = 2;
         insert into mine.later values (1, 'good');
         alter table mine.later alter m type mine.mood using m::mine.mood; update mine.later set m = 'bad'",
    );
    assert_eq!(db.psql("select distinct who, how from witness where who <> 'cast_maker'"), "");
    let data = |n: u8| {
        format!(
            "[\"good\", \"{n}\"]|{{\"j\": {{\"a\": 1.50}}, \"m\": \"bad\", \"n\": {n}, \"p\": \"(1,bad)\", \
             \"id\": \"good\", \"ms\": \"{{bad}}\"}}"
        )
    };
    let changed = "{\"payload_omitted\": \"a column got a type that is not of Postgres itself: call outbox.watch() again\"}";
    let (first, second) = (data(1), data(2));
    assert_eq!(
        db.psql("select type, object_id, data from outbox.event order by id"),
        format!(
            "Item.Create|{first}\nItem.Delete|{first}\nItem.Create|{second}\n\
             Later.Create|1|{{\"m\": \"good\", \"id\": 1}}\nLater.Update|1|{changed}"
        )
    );
}
