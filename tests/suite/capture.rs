//! Ordinary SQL in, events out: what one statement on a watched table becomes.

use crate::installed::{EVENTS, installed, subscribed};
use crate::support::Database;

/// A statement and the events it must give. `setup` makes and watches tables in schema `app`, new each time.
struct Case {
    promise: &'static str,
    setup: &'static str,
    act: &'static str,
    /// One `type id` per line.
    events: &'static str,
}

const ITEM: &str = "create table item (id int primary key, note text); select outbox.watch('item', 'Item');";

const WRITES: &[Case] = &[
    Case {
        promise: "insert, update and delete",
        setup: ITEM,
        act: "insert into item values (1, 'a'); update item set note = 'b'; delete from item",
        events: "Item.Create 1\nItem.Update 1\nItem.Delete 1",
    },
    Case {
        promise: "every row of a statement",
        setup: ITEM,
        act: "insert into item values (1, 'a'), (2, 'b'); update item set note = 'c' where id = 2",
        events: "Item.Create 1\nItem.Create 2\nItem.Update 2",
    },
    Case {
        promise: "a statement that touches no row gives nothing",
        setup: ITEM,
        act: "insert into item select where false; update item set note = 'b'; delete from item",
        events: "",
    },
    Case {
        promise: "an update that changes nothing gives nothing",
        setup: ITEM,
        act: "insert into item values (1, 'a'), (2, null); update item set note = note; \
              update item set note = case id when 1 then 'z' end",
        events: "Item.Create 1\nItem.Create 2\nItem.Update 1",
    },
    Case {
        promise: "no-change holds for types without equality, NaN and toasted values",
        setup: "create table item (id int primary key, j json, x xml, p point, f float8, n numeric, t text);
                alter table item alter t set storage external; select outbox.watch('item', 'Item');",
        act: "insert into item values (1, '{\"a\": 1}', '<a/>', '(1,2)', 'NaN', 'NaN', repeat('x', 100000)); \
              update item set j = j; update item set f = 'NaN', n = 'NaN', t = repeat('x', 100000); \
              update item set j = '{\"a\":  1}'",
        events: "Item.Create 1\nItem.Update 1",
    },
    Case {
        promise: "rollback and rollback to a savepoint leave nothing",
        setup: ITEM,
        act: "begin; insert into item values (1, 'a'); rollback; \
              begin; insert into item values (2, 'b'); savepoint s; update item set note = 'c'; \
              rollback to s; insert into item values (3, 'd'); commit",
        events: "Item.Create 2\nItem.Create 3",
    },
    Case {
        promise: "a failing block inside a function leaves nothing",
        setup: ITEM,
        act: "do $$ begin begin insert into item values (1, 'a'); perform 1 / 0; \
              exception when division_by_zero then insert into item values (2, 'b'); end; end $$",
        events: "Item.Create 2",
    },
    Case {
        promise: "copy",
        setup: ITEM,
        act: "copy item from stdin;\n1\ta\n2\t\\N\n\\.\n",
        events: "Item.Create 1\nItem.Create 2",
    },
    Case {
        promise: "on conflict do update",
        setup: ITEM,
        act: "insert into item values (1, 'a'); insert into item values (1, 'b'), (2, 'c') \
              on conflict (id) do update set note = excluded.note",
        events: "Item.Create 1\nItem.Update 1\nItem.Create 2",
    },
    Case {
        promise: "on conflict do nothing",
        setup: ITEM,
        act: "insert into item values (1, 'a'); insert into item values (1, 'b') on conflict do nothing",
        events: "Item.Create 1",
    },
    Case {
        promise: "merge: each of its actions",
        setup: ITEM,
        act: "insert into item values (1, 'a'), (2, 'b'); \
              merge into item using (values (1), (2), (3)) v (id) on item.id = v.id \
              when matched and v.id = 1 then delete when matched then update set note = 'm' \
              when not matched then insert values (v.id, 'n')",
        events: "Item.Create 1\nItem.Create 2\nItem.Delete 1\nItem.Update 2\nItem.Create 3",
    },
    Case {
        promise: "a writable cte",
        setup: ITEM,
        act: "insert into item values (1, 'a'), (2, 'b'); \
              with gone as (delete from item where id = 1 returning *), \
              changed as (update item set note = 'c' where id = 2 returning *) \
              insert into item select id + 10, note from gone union all select id + 10, note from changed",
        events: "Item.Create 1\nItem.Create 2\nItem.Delete 1\nItem.Update 2\nItem.Create 11\nItem.Create 12",
    },
    Case {
        promise: "truncate is no row's change",
        setup: ITEM,
        act: "insert into item values (1, 'a'); truncate item",
        events: "Item.Create 1",
    },
];

const KEYS: &[Case] = &[
    Case {
        promise: "a key of several columns is a json array",
        setup: "create table item (a int, b text, note text, primary key (b, a)); select \
            outbox.watch('item', 'Item');",
        act: "insert into item values (7, 'x\"y', 'n'); update item set note = 'm'; update item set a = 8",
        events: "Item.Create [\"x\\\"y\", 7]\nItem.Update [\"x\\\"y\", 7]\nItem.Delete [\"x\\\"y\", \
            7]\nItem.Create [\"x\\\"y\", 8]",
    },
    Case {
        promise: "a changed key is a delete and a create",
        setup: ITEM,
        act: "insert into item values (1, 'a'), (2, 'b'); update item set id = 3, note = 'c' where id = 1",
        events: "Item.Create 1\nItem.Create 2\nItem.Delete 1\nItem.Create 3",
    },
    Case {
        promise: "swapped keys are two updates",
        setup: "create table item (id int primary key deferrable, note text); select outbox.watch('item', \
            'Item');",
        act: "insert into item values (1, 'a'), (2, 'b'); update item set id = 3 - id",
        events: "Item.Create 1\nItem.Create 2\nItem.Update 2\nItem.Update 1",
    },
    Case {
        promise: "a shifted key range: the ends change, the middle is updated",
        setup: "create table item (id int primary key deferrable, note text); select outbox.watch('item', \
            'Item');",
        act: "insert into item values (1, 'a'), (2, 'b'); update item set id = id + 1",
        events: "Item.Create 1\nItem.Create 2\nItem.Update 2\nItem.Delete 1\nItem.Create 3",
    },
    Case {
        promise: "an expression over a table with a primary key",
        setup: "create table item (id int primary key, code text, note text); \
                select outbox.watch('item', 'Item', id => 'lower(code) || ''-'' || (id % 10)::text');",
        act: "insert into item values (21, 'AB'); update item set note = 'n'; update item set code = 'ab'; \
              update item set code = 'c'; update item set id = 22",
        events: "Item.Create ab-1\nItem.Update ab-1\nItem.Update ab-1\nItem.Delete ab-1\nItem.Create c-1\n\
                 Item.Delete c-1\nItem.Create c-2",
    },
    Case {
        promise: "a column of a table without a primary key, twins included",
        setup: "create table item (code text, note text); \
                select outbox.watch('item', 'Item', id => 'code', mode => 'each');",
        act: "insert into item values ('a', '1'), ('a', '2'), ('b', '3'); update item set note = note || \
            '!'; \
              update item set code = 'c' where code = 'b'; delete from item where code = 'a'",
        events: "Item.Create a\nItem.Create a\nItem.Create b\nItem.Update a\nItem.Update a\nItem.Update b\n\
                 Item.Delete b\nItem.Create c\nItem.Delete a\nItem.Delete a",
    },
    Case {
        promise: "an expression that gives null: events without an id",
        setup: "create table item (code text, note text); select outbox.watch('item', 'Item', id => 'code');",
        act: "insert into item values (null, '1'); update item set note = '2'; delete from item",
        events: "Item.Create -\nItem.Update -\nItem.Delete -",
    },
    Case {
        promise: "keys of every common type",
        setup: "create table u (id uuid primary key); create table d (id date primary key); \
                create table b (id boolean primary key); create table c (id char(4) primary key); \
                create table z (id timestamptz primary key); create table y (id bytea primary key); \
                select outbox.watch(t::regclass, upper(t)) from unnest('{u,d,b,c,z,y}'::text[]) t;",
        act: "insert into u values ('00000000-0000-0000-0000-00000000000A'); insert into d values \
            ('2026-01-31'); \
              insert into b values (true); insert into c values ('ab'); insert into y values ('\\x00ff'); \
              set timezone = 'Asia/Kolkata'; set datestyle = 'German'; set bytea_output = 'escape'; \
              insert into z values ('2026-01-31 00:00Z')",
        events: "U.Create 00000000-0000-0000-0000-00000000000a\nD.Create 2026-01-31\nB.Create \
            true\nC.Create ab\n\
                 Y.Create \\x00ff\nZ.Create 2026-01-31 00:00:00+00",
    },
    Case {
        promise: "two objects on one table",
        setup: "create table item (id int primary key, note text); \
                select outbox.watch('item', 'Item'), outbox.watch('item', 'Note', id => 'note');",
        act: "insert into item values (1, 'a'); update item set note = 'b'",
        events: "Item.Create 1\nNote.Create a\nItem.Update 1\nNote.Delete a\nNote.Create b",
    },
];

const CHAINS: &[Case] = &[
    Case {
        promise: "a foreign key that cascades",
        setup: "create table item (id int primary key, note text); select outbox.watch('item', 'Item'); \
                create table part (id int primary key, item int references item on delete cascade on update \
                cascade); \
                select outbox.watch('part', 'Part');",
        act: "insert into item values (1, 'a'); insert into part values (10, 1), (11, 1); \
              update item set id = 2; delete from item",
        events: "Item.Create 1\nPart.Create 10\nPart.Create 11\nItem.Delete 1\nItem.Create 2\n\
                 Part.Update 10\nPart.Update 11\nItem.Delete 2\nPart.Delete 10\nPart.Delete 11",
    },
    Case {
        promise: "a foreign key that sets null",
        setup: "create table item (id int primary key); \
                create table part (id int primary key, item int references item on delete set null); \
                select outbox.watch('part', 'Part');",
        act: "insert into item values (1); insert into part values (10, 1); delete from item",
        events: "Part.Create 10\nPart.Update 10",
    },
    Case {
        promise: "a write made by a trigger of the user's",
        setup: "create table item (id int primary key, note text); select outbox.watch('item', 'Item'); \
                create table log (id int primary key); select outbox.watch('log', 'Log'); \
                create function log_it() returns trigger language plpgsql as \
                $$ begin insert into app.log values (new.id); return new; end $$; \
                create trigger log_it after insert on item for each row execute function log_it();",
        act: "insert into item values (1, 'a'), (2, 'b')",
        events: "Log.Create 1\nLog.Create 2\nItem.Create 1\nItem.Create 2",
    },
    Case {
        promise: "a before trigger has the last word",
        setup: "create table item (id int primary key, note text); select outbox.watch('item', 'Item'); \
                create function shift() returns trigger language plpgsql as \
                $$ begin new.id := new.id + 100; return case when new.note is null then null else new end; \
                end $$; \
                create trigger shift before insert on item for each row execute function shift();",
        act: "insert into item values (1, 'a'), (2, null)",
        events: "Item.Create 101",
    },
    Case {
        promise: "a deferred constraint that fails takes the events along",
        setup: "create table item (id int primary key, next int references item deferrable initially \
            deferred); \
                select outbox.watch('item', 'Item');",
        act: "do $$ begin insert into item values (1, 9); set constraints all immediate; \
              exception when foreign_key_violation then null; end $$; insert into item values (2, 2)",
        events: "Item.Create 2",
    },
    Case {
        promise: "session_replication_role = replica is the user's word that triggers stay silent",
        setup: ITEM,
        act: "set session_replication_role = replica; insert into item values (1, 'a')",
        events: "",
    },
    Case {
        promise: "settings that change how sql is read or planned",
        setup: ITEM,
        act: "set plpgsql.extra_errors = 'all'; set plpgsql.variable_conflict = 'use_variable'; set \
            array_nulls = off; \
              set transform_null_equals = on; set standard_conforming_strings = off; set \
              escape_string_warning = off; \
              set enable_hashjoin = off; set enable_mergejoin = off; set enable_indexscan = off; set \
              row_security = off; \
              set quote_all_identifiers = on; set default_transaction_isolation = 'serializable'; \
              insert into item values (1, 'a'); update item set note = 'b'; update item set id = 2; delete \
              from item",
        events: "Item.Create 1\nItem.Update 1\nItem.Delete 1\nItem.Create 2\nItem.Delete 2",
    },
];

/// Runs the cases one after another in one database, each in an `app` schema of its own.
fn run(hint: &str, cases: &[Case]) {
    let db = subscribed(hint);
    for Case { promise, setup, act, events } in cases {
        db.psql(&format!(
            "drop schema if exists app cascade; delete from outbox.watch; \
             truncate outbox.event, outbox.delivery; create schema app; set search_path = app; {setup}"
        ));
        db.psql(&format!("set search_path = app; {act}"));
        assert_eq!(db.psql(EVENTS), *events, "{promise}");
        let deliveries = db.psql("select count(*) from outbox.delivery");
        assert_eq!(deliveries, events.lines().count().to_string(), "{promise}: one delivery per event");
    }
}

#[test]
fn a_write_becomes_its_events_and_nothing_else_does() {
    run("capture_writes", WRITES);
}

#[test]
fn an_event_is_named_by_the_key_of_its_row() {
    run("capture_keys", KEYS);
}

#[test]
fn writes_that_other_writes_cause_are_captured_too() {
    run("capture_chains", CHAINS);
}

#[test]
fn an_event_carries_the_whole_row_as_it_is_after_the_change() {
    let db = subscribed("capture_data");
    db.psql(
        "create table item (id int primary key, note text, n int generated always as (id * 2) stored);
         select outbox.watch('item', 'Item');
         insert into item values (1, 'a'); update item set note = null; delete from item",
    );
    assert_eq!(
        db.psql("select type, object, data from outbox.event order by id"),
        "Item.Create|Item|{\"n\": 2, \"id\": 1, \"note\": \"a\"}\n\
         Item.Update|Item|{\"n\": 2, \"id\": 1, \"note\": null}\n\
         Item.Delete|Item|{\"n\": 2, \"id\": 1, \"note\": null}"
    );
}

#[test]
fn values_are_written_the_same_whatever_the_session_is_set_to() {
    let db = subscribed("capture_values");
    db.psql(
        "create type mood as enum ('ok', 'low'); create type pair as (a int, b text);
         create domain positive as numeric check (value > 0);
         create extension citext;
         create table item (id int primary key, big numeric, f float8, ts timestamptz, d date, i interval, \
         b bytea,
             a int[], m mood, p pair, r int4range, c citext, pos positive, j json, jb jsonb, net inet, ms \
             mood[]);
         select outbox.watch('item', 'Item')",
    );
    let row = "123456789012345678901234567890.5, 0.1::float8 + 0.2::float8, '2026-01-31 12:00Z', 'infinity', \
        '1 day 02:00', '\\x00ff', '{1,null,3}', 'low', row(1, 'x')::pair, '[1,5)', 'CaSe', 7, \
        '{\"b\":1,\"a\":1e400}', \
        '[1e400]', '10.0.0.1/8', '{ok,null}'";
    let sessions = [
        "",
        "set timezone = 'Asia/Kolkata'; set datestyle = 'SQL, DMY'; set intervalstyle = 'sql_standard'; \
         set bytea_output = 'escape'; set extra_float_digits = -15;",
        "set timezone = 'America/New_York'; set datestyle = 'German'; set intervalstyle = 'iso_8601';",
    ];
    for (number, settings) in sessions.iter().enumerate() {
        db.psql(&format!("{settings} insert into item select {number}, {row}"));
    }
    assert_eq!(db.psql("select count(distinct data - 'id') from outbox.event"), "1");
    let seen = db.psql(
        "select data ->> 'big', data ->> 'f', data ->> 'ts', data ->> 'd', data ->> 'i', data ->> 'b', data \
            -> 'a',
             data ->> 'm', data -> 'p', data ->> 'r', data ->> 'c', data -> 'pos', length(data -> 'jb' ->> 0),
             data ->> 'net', data -> 'ms'
         from outbox.event order by id limit 1",
    );
    assert_eq!(
        seen,
        "123456789012345678901234567890.5|0.30000000000000004|2026-01-31T12:00:00+00:00|infinity|1 day \
            02:00:00|\
         \\x00ff|[1, null, 3]|low|{\"a\": 1, \"b\": \"x\"}|[1,5)|CaSe|7|401|10.0.0.1/8|[\"ok\", null]"
    );
}

#[test]
fn values_json_has_no_number_for_become_strings() {
    let db = subscribed("capture_nan");
    db.psql(
        "create table item (id int primary key, n numeric, f float8, t timestamp, d date);
         select outbox.watch('item', 'Item');
         insert into item values (1, 'NaN', '-infinity', 'infinity', '-infinity'), (2, 'infinity', 'NaN', \
         null, null)",
    );
    assert_eq!(
        db.psql("select data - 'id' from outbox.event order by id"),
        "{\"d\": \"-infinity\", \"f\": \"-Infinity\", \"n\": \"NaN\", \"t\": \"infinity\"}\n\
         {\"d\": null, \"f\": \"NaN\", \"n\": \"Infinity\", \"t\": null}"
    );
}

/// Names that a generated function could trip over, as columns of one table each.
pub(crate) const HOSTILE: &[&str] = &[
    "old",
    "new",
    "tg_op",
    "found",
    "outbox_row",
    "_now",
    "_slot",
    "capture",
    "data",
    "id",
    "object_id",
    "pair",
    "k",
    "absent",
    "size",
    "image",
    "event",
    "change",
    "type",
    "targets",
    "s",
    "o",
    "n",
    "new_rows",
    "old_rows",
    "select",
    "user",
    "current_user",
    "null",
    "count",
    "a.b",
    "a b",
    "a\"b",
    "a'b",
    "a\nb",
    "$$",
    "$source$",
    "%s",
    "%1$s",
    "\\",
    "Ünïcode🎉",
    "UPPER",
    "{transition table}",
    "{rows}",
    "x or false then",
    "sixty_three_bytes_sixty_three_bytes_sixty_three_bytes_sixty_thr",
];

pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[test]
fn no_name_is_too_strange_for_a_table_a_schema_or_a_column() {
    let db = subscribed("capture_names");
    for name in HOSTILE.iter().filter(|name| !["absent"].contains(name)) {
        let column = quoted(name);
        let literal = name.replace('\'', "''");
        db.psql(&format!(
            "truncate outbox.event, outbox.delivery;
             create schema {column};
             create table {column}.{column} ({column} text primary key, note text);
             select outbox.watch('{relation}', 'Item');
             insert into {column}.{column} values ('1', 'a');
             update {column}.{column} set note = 'b'; update {column}.{column} set {column} = '2';
             delete from {column}.{column};
             select outbox.unwatch('{relation}');
             select outbox.watch('{relation}', 'Item', id => '{expression}');
             insert into {column}.{column} values ('1', 'a'); update {column}.{column} set note = 'c';",
            relation = format!("{column}.{column}").replace('\'', "''"),
            expression = column.replace('\'', "''"),
        ));
        assert_eq!(
            db.psql(EVENTS),
            "Item.Create 1\nItem.Update 1\nItem.Delete 1\nItem.Create 2\nItem.Delete 2\nItem.Create \
                1\nItem.Update 1",
            "{name}"
        );
        let keys = db
            .psql(&format!("select bool_and(data ? E'{}') from outbox.event", literal.replace('\\', "\\\\")));
        assert_eq!(keys, "t", "{name}");
        db.psql(&format!("select outbox.unwatch('{}')", format!("{column}.{column}").replace('\'', "''")));
    }
}

#[test]
fn all_strange_names_at_once_are_columns_of_one_row() {
    let db = subscribed("capture_columns");
    let columns: Vec<String> =
        HOSTILE.iter().map(|name| format!("{} text default 'x'", quoted(name))).collect();
    db.psql(&format!(
        "create table item ({}, primary key (old, tg_op, k)); select outbox.watch('item', 'Item');
         insert into item default values; update item set \"pair\" = 'y'; update item set old = 'z'; delete \
         from item",
        columns.join(", ")
    ));
    let id = "[\"x\", \"x\", \"x\"]";
    let moved = "[\"z\", \"x\", \"x\"]";
    assert_eq!(
        db.psql(EVENTS),
        format!(
            "Item.Create {id}\nItem.Update {id}\nItem.Delete {id}\nItem.Create {moved}\nItem.Delete {moved}"
        )
    );
    let count = HOSTILE.len().to_string();
    let keys = db.psql("select distinct (select count(*) from jsonb_object_keys(data)) from outbox.event");
    assert_eq!(keys, count);
}

#[test]
fn a_table_as_wide_as_tables_get_is_captured() {
    let db = subscribed("capture_wide");
    let columns: Vec<String> = (0..1599).map(|n| format!("c{n} int default {n}")).collect();
    db.psql(&format!(
        "create table item (id int primary key, {}); select outbox.watch('item', 'Item');
         insert into item (id) values (1); update item set c7 = 0; delete from item",
        columns.join(", ")
    ));
    assert_eq!(db.psql(EVENTS), "Item.Create 1\nItem.Update 1\nItem.Delete 1");
}

#[test]
fn without_a_subscription_there_is_no_event_unless_history_is_kept() {
    let db = installed("capture_history");
    db.psql(
        "create table item (id int primary key, note text); select outbox.watch('item', 'Item');
         create table kept (id int primary key, note text); select outbox.watch('kept', 'Kept', history => \
         true);
         select outbox.subscribe('a', 'Item.Update', 'https://example.com/')",
    );
    let act = "insert into $ values (1, 'a'); update $ set note = 'b'; update $ set id = 2; delete from $;";
    db.psql(&act.replace('$', "item"));
    assert_eq!(db.psql(EVENTS), "Item.Update 1");
    db.psql(&act.replace('$', "kept"));
    assert_eq!(
        db.psql(&EVENTS.replace("order", "where object = 'Kept' order")),
        "Kept.Create 1\nKept.Update 1\nKept.Delete 1\nKept.Create 2\nKept.Delete 2"
    );
    assert_eq!(db.psql("select count(*) from outbox.delivery"), "1");
}

#[test]
fn each_matching_subscription_gets_one_delivery() {
    let db = installed("capture_patterns");
    db.psql(
        "create table item (id int primary key, note text); select outbox.watch('item', 'Item');
         select outbox.subscribe(s, p, 'https://example.com/' || s) from (values ('exact', 'Item.Update'),
             ('object', 'Item.*'), ('all', '*'), ('other', 'Item.Delete'), ('ping', 'outbox.*')) v (s, p);
         insert into item values (1, 'a'); update item set note = 'b'; update item set id = 2",
    );
    let seen = db.psql(
        "select e.type, string_agg(s.subscriber, ',' order by s.subscriber)
         from outbox.delivery d join outbox.event e on e.id = d.event_id join outbox.subscription s on s.id \
         = d.subscription
         group by e.id, e.type order by e.id",
    );
    assert_eq!(
        seen,
        "Item.Create|all,object\nItem.Update|all,exact,object\n\
         Item.Delete|all,object,other\nItem.Create|all,object"
    );
}

#[test]
fn a_large_statement_costs_what_its_rows_cost_whatever_ran_before_it() {
    let db = subscribed("capture_bulk");
    // The plans of this session are made for one row, then meet 20,000: a nested loop would take minutes.
    let small = "update item set n = n + 1 where id = 1;".repeat(8);
    db.psql(&format!(
        "create table item (id int primary key, n int); select outbox.watch('item', 'Item');
         insert into item values (1, 0); {small} delete from item; select count(*) from outbox.event;
         insert into item select g, 0 from generate_series(1, 20000) g;
         update item set n = n + 1; update item set id = id + 20000; delete from item"
    ));
    assert_eq!(
        db.psql(
            "select type, count(*), count(distinct object_id) from outbox.event group by type order by type"
        ),
        "Item.Create|40001|40000\nItem.Delete|40001|40000\nItem.Update|20008|20000"
    );
}

#[test]
fn a_row_over_the_limit_is_sent_without_its_data_and_the_write_succeeds() {
    let db = subscribed("capture_large");
    db.psql(
        "create table item (id int primary key, t text, b bytea, j jsonb, a text[]);
         select outbox.watch('item', 'Item', row_bytes_max => 1024);
         insert into item (id, t) values (1, repeat('x', 900)), (2, repeat('x', 1100));
         insert into item (id, b) values (3, decode(repeat('ab', 400), 'hex')), (4, decode(repeat('ab', \
         600), 'hex'));
         insert into item (id, a) values (5, (select array_agg(md5(g::text)) from generate_series(1, 500) \
         g))",
    );
    assert_eq!(
        db.psql("select object_id, data ? 'payload_omitted' from outbox.event order by id"),
        "1|f\n2|t\n3|f\n4|t\n5|t"
    );
    let reason = db.psql("select data ->> 'payload_omitted' from outbox.event where object_id = '2'");
    assert_eq!(reason, "the data holds more than 1024 bytes");
}

#[test]
fn a_value_of_300_mb_does_not_fail_the_write() {
    let db = subscribed("capture_huge");
    db.psql(
        "create table item (id int primary key, n int, t text); select outbox.watch('item', 'Item');
         insert into item values (1, 0, repeat('x', 300000000)); update item set n = 1; delete from item",
    );
    assert_eq!(db.psql(EVENTS), "Item.Create 1\nItem.Update 1\nItem.Delete 1");
    assert_eq!(db.psql("select bool_and(data ? 'payload_omitted') from outbox.event"), "t");
}

/// Ids that fit a primary key but not the index of events: too long as they stand, or longer as JSON.
fn long_ids(db: &Database) -> String {
    db.psql(
        "create table item (id text primary key); select outbox.watch('item', 'Item');
         create table two (a text, b text, primary key (a, b)); select outbox.watch('two', 'Two');
         create table expr (t text); select outbox.watch('expr', 'Expr', id => 't');
         insert into item select string_agg(md5(g::text), '') from generate_series(1, 84) g;
         insert into two select repeat(E'\\x01', 1500), string_agg(md5(g::text), '') from \
         generate_series(1, 60) g;
         insert into expr select string_agg(md5(g::text), '') from generate_series(1, 10000) g;
         insert into expr select string_agg(md5(g::text), '') || 'z' from generate_series(1, 10000) g;
         update expr set t = t || '!' where t like '%z'",
    );
    db.psql(
        "select type, count(distinct object_id), max(octet_length(object_id)) <= 1000 from outbox.event \
        group by type order by 1",
    )
}

#[test]
fn an_id_too_long_for_the_index_of_events_is_shortened_and_stays_distinct() {
    let db = subscribed("capture_long_id");
    assert_eq!(long_ids(&db), "Expr.Create|3|t\nExpr.Delete|1|t\nItem.Create|1|t\nTwo.Create|1|t");
}
