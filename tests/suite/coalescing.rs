//! One event per object and transaction: what comes of several changes of one row.

use std::fmt::Write as _;

use crate::installed::subscribed;
use crate::support::Database;

/// The four kinds of change of a row with id 1.
const CHANGES: [(char, &str); 4] = [
    ('C', "insert into item values (1, 'NEW', {n})"),
    ('U', "update item set n = {n}"),
    ('V', "update item set status = 'V', n = {n}"),
    ('D', "delete from item"),
];

/// The objects of the tests: a table's row and its difference, and the same table as the root of an object with a builder.
const OBJECTS: &str = "create table item (id int primary key, status text, n int);
    select outbox.watch('item', 'Row', verbs => '{\"Row.V\": \"new.status = ''V'' and old.n is distinct from new.n\"}');
    create function item_json(id int) returns jsonb language sql stable security definer set search_path = public
    as $$ select to_jsonb(i) from item i where i.id = item_json.id $$;
    select outbox.define_object('Built', 'item', 'item_json', verbs =>
        '{\"Built.V\": \"new.status = ''V'' and old.n is distinct from new.n\"}');
    select outbox.watch('item', 'Diff', data => 'diff'), outbox.watch('item', 'Key', data => 'key');";

/// What a transaction is all in all: C, U, V, D, or nothing. `there` is whether the row was there before. What was
/// before a D does not matter.
fn net(changes: &str, there: bool) -> Option<char> {
    match (there, changes.ends_with('D')) {
        (false, true) => None,
        (false, false) => Some('C'),
        (true, true) => Some('D'),
        (true, false) if changes.rsplit('D').next().unwrap().contains('V') => Some('V'),
        (true, false) => Some('U'),
    }
}

/// All that may happen to a row in two or three steps.
fn sequences(there: bool) -> Vec<String> {
    let mut found = vec![String::new()];
    for _ in 0..3 {
        let longer: Vec<_> = found
            .iter()
            .flat_map(|done| {
                let exists = done.chars().last().map_or(there, |last| last != 'D');
                CHANGES
                    .iter()
                    .filter(move |(kind, _)| (*kind == 'C') != exists)
                    .map(move |(kind, _)| format!("{done}{kind}"))
            })
            .collect();
        found.extend(longer);
    }
    found.sort();
    found.dedup();
    found.retain(|changes| changes.len() > 1);
    found
}

fn act(changes: &str) -> String {
    changes.chars().enumerate().fold(String::new(), |mut sql, (n, kind)| {
        let (_, change) = CHANGES.iter().find(|(name, _)| *name == kind).unwrap();
        write!(sql, "{}; ", change.replace("{n}", &(n + 2).to_string())).unwrap();
        sql
    })
}

fn plays_all(hint: &str, level: &str) {
    let db = subscribed(hint);
    db.psql(OBJECTS);
    for there in [false, true] {
        for changes in sequences(there) {
            db.psql("set outbox.capture = off; delete from item; truncate outbox.event, outbox.delivery, outbox.object_head");
            if there {
                db.psql("set outbox.capture = off; insert into item values (1, 'OLD', 1)");
            }
            db.psql(&format!("begin isolation level {level}; {}commit", act(&changes)));
            let verb = match net(&changes, there) {
                None => "",
                Some('C') => "Create",
                Some('U') => "Update",
                Some('V') => "V",
                _ => "Delete",
            };
            let what = format!("{changes} of a row that was {}there", if there { "" } else { "not " });
            let plain = if verb == "V" { "Update" } else { verb };
            let expected = match verb {
                "" => String::new(),
                _ => format!("Built.{verb}\nDiff.{plain}\nKey.{plain}\nRow.{verb}"),
            };
            assert_eq!(db.psql("select type from outbox.event order by type"), expected, "{what}");
            // The data are those of the commit; of a row that is gone those it had last.
            let stale = db.psql(
                "select type, data from outbox.event left join item on true
                 where data is distinct from case object
                     when 'Key' then '{\"id\": 1}'
                     when 'Diff' then case when type like '%Create' then jsonb_build_object('old', null, 'new', to_jsonb(item))
                         when type like '%Update' then jsonb_build_object('old',
                             outbox.diff('{\"id\": 1, \"status\": \"OLD\", \"n\": 1}', to_jsonb(item)) -> 'old',
                             'new', outbox.diff('{\"id\": 1, \"status\": \"OLD\", \"n\": 1}', to_jsonb(item)) -> 'new')
                         else '{\"old\": {\"id\": 1, \"status\": \"OLD\", \"n\": 1}, \"new\": null}' end
                     else case when type like '%Delete' then data else to_jsonb(item) end end",
            );
            assert_eq!(stale, "", "{what}");
            let delivered =
                db.psql("select count(*) from outbox.delivery d join outbox.event e on e.id = d.event_id");
            assert_eq!(delivered, expected.lines().count().to_string(), "{what}: one delivery per event");
            let left = "select (select count(*) from outbox.touched) + (select count(*) from outbox.sealing) + (select
                count(*) from outbox.awaiting)";
            assert_eq!(db.psql(left), "0", "{what}");
        }
    }
}

#[test]
fn two_or_three_changes_of_a_row_are_one_event_that_says_what_came_of_them() {
    plays_all("coalescing_pairs", "read committed");
}

#[test]
fn and_under_serializable_too() {
    plays_all("coalescing_serializable", "serializable");
}

/// Setup, one transaction, and the events with their data.
struct Case {
    promise: &'static str,
    setup: &'static str,
    act: &'static str,
    events: &'static str,
}

const ITEM: &str = "create table item (id int primary key, n int, note text);";

fn run(hint: &str, cases: &[Case]) {
    let db = subscribed(hint);
    for Case { promise, setup, act, events } in cases {
        db.psql(&format!(
            "drop schema if exists app cascade; delete from outbox.watch; delete from outbox.object; \
             delete from outbox.subscription; truncate outbox.event, outbox.delivery; \
             create schema app; set search_path = app; {ITEM} {setup}"
        ));
        if !setup.contains("outbox.subscribe") {
            db.psql("select outbox.subscribe('all', '*', 'https://example.com/')");
        }
        db.psql(&format!("set search_path = app; begin; {act}; commit"));
        let seen = "select substr(type, 6) || ' ' || coalesce(object_id, '-') || ' ' || data from outbox.event order by id";
        assert_eq!(db.psql(seen), *events, "{promise}");
        let bare = "select count(*) from outbox.event e where not exists (select from outbox.delivery d where
            d.event_id = e.id)";
        assert_eq!(db.psql(bare), "0", "{promise}: no event without a delivery");
    }
}

const SOME: &[Case] = &[
    Case {
        promise: "changed and changed back is nothing in a difference",
        setup: "insert into item values (1, 1, 'a'); select outbox.watch('item', 'Item', data => 'diff');",
        act: "update item set n = 2; update item set note = 'b'; update item set n = 1, note = 'a'",
        events: "",
    },
    Case {
        promise: "deleted and made again as it was is nothing in a difference",
        setup: "insert into item values (1, 1, 'a'); select outbox.watch('item', 'Item', data => 'diff');",
        act: "delete from item; insert into item values (1, 1, 'a')",
        events: "",
    },
    Case {
        promise: "null is a value like another in a difference",
        setup: "insert into item values (1, 1, null); select outbox.watch('item', 'Item', data => 'diff');",
        act: "update item set n = null; update item set note = 'b'",
        events: "Update 1 {\"new\": {\"n\": null, \"note\": \"b\"}, \"old\": {\"n\": 1, \"note\": null}}",
    },
    Case {
        promise: "a table without a primary key has an empty key",
        setup: "create table bare (code text, n int); select outbox.watch('bare', 'Item', id => 'code', data => 'key');",
        act: "insert into bare values ('a', 1)",
        events: "Create a {}",
    },
    Case {
        promise: "a statement that changes some rows and moves others counts as one",
        setup: "insert into item values (3, 1), (4, 1); select outbox.watch('item', 'Item');",
        act: "update item set id = case id when 3 then 30 else id end, n = 2; update item set n = 3 where id = 4",
        events: "Update 4 {\"n\": 3, \"id\": 4, \"note\": null}\nDelete 3 {\"n\": 1, \"id\": 3, \"note\": null}\n\
                 Create 30 {\"n\": 2, \"id\": 30, \"note\": null}",
    },
    Case {
        promise: "who wants a Create only gets it as it was committed",
        setup: "select outbox.watch('item', 'Item'), outbox.subscribe('one', 'Item.Create', 'https://example.com/');",
        act: "insert into item values (1, 1, 'a'); update item set n = 2",
        events: "Create 1 {\"n\": 2, \"id\": 1, \"note\": \"a\"}",
    },
    Case {
        promise: "and nothing when the row is gone again",
        setup: "select outbox.watch('item', 'Item'), outbox.subscribe('one', 'Item.Create', 'https://example.com/');",
        act: "insert into item values (1, 1, 'a'); delete from item",
        events: "",
    },
    Case {
        promise: "who wants a Delete only gets one, whatever came before",
        setup: "insert into item values (1, 1, 'a'); select outbox.watch('item', 'Item', data => 'diff'),
            outbox.subscribe('one', 'Item.Delete', 'https://example.com/');",
        act: "update item set n = 2; delete from item",
        events: "Delete 1 {\"new\": null, \"old\": {\"n\": 1, \"id\": 1, \"note\": \"a\"}}",
    },
    Case {
        promise: "who wants an Update only gets one of a row that was made anew",
        setup: "insert into item values (1, 1, 'a'); select outbox.watch('item', 'Item'),
            outbox.subscribe('one', 'Item.Update', 'https://example.com/');",
        act: "delete from item; insert into item values (1, 2, 'a')",
        events: "Update 1 {\"n\": 2, \"id\": 1, \"note\": \"a\"}",
    },
    Case {
        promise: "and none of a row that is new or gone",
        setup: "insert into item values (1, 1, 'a'); select outbox.watch('item', 'Item'),
            outbox.subscribe('one', 'Item.Update', 'https://example.com/');",
        act: "update item set n = 2; delete from item; insert into item values (2, 2); update item set n = 3",
        events: "",
    },
    Case {
        promise: "who wants a verb only gets the data of the commit",
        setup: "insert into item values (1, 1, 'a'); select outbox.watch('item', 'Item', verbs =>
            '{\"Item.Up\": \"new.n > old.n\"}'),
            outbox.subscribe('one', 'Item.Up', 'https://example.com/');",
        act: "update item set n = 2; update item set note = 'b'; update item set n = 0",
        events: "Up 1 {\"n\": 0, \"id\": 1, \"note\": \"b\"}",
    },
    Case {
        promise: "an unwanted event beside a wanted one is not kept",
        setup: "select outbox.watch('item', 'Item'), outbox.subscribe('one', 'Item.Create', 'https://example.com/',
            filter => '{\"n\": 1}');",
        act: "insert into item values (1, 1), (2, 2)",
        events: "Create 1 {\"n\": 1, \"id\": 1, \"note\": null}",
    },
    Case {
        promise: "a filter is asked about the data of the commit",
        setup: "select outbox.watch('item', 'Item'), outbox.subscribe('one', 'Item.*', 'https://example.com/', filter
            => '{\"n\": 2}');",
        act: "insert into item values (1, 1), (2, 2); update item set n = 3 - n",
        events: "Create 1 {\"n\": 2, \"id\": 1, \"note\": null}",
    },
];

#[test]
fn an_event_tells_what_was_committed_whoever_wants_it() {
    run("coalescing_some", SOME);
}

const TRIGGERS: &[Case] = &[
    Case {
        promise: "a trigger that changes the row that was inserted",
        setup: "create function t() returns trigger language plpgsql as $$ begin update app.item set note = 't' where
            id = new.id; return null; end $$;
            select outbox.watch('item', 'Item'); create trigger a after insert on item for each row execute function t();",
        act: "insert into item values (1, 1, 'a')",
        events: "Create 1 {\"n\": 1, \"id\": 1, \"note\": \"t\"}",
    },
    Case {
        promise: "a trigger that changes the row that was updated",
        setup: "insert into item values (1, 1, 'a');
            create function t() returns trigger language plpgsql as $$ begin update app.item set note = note || 't'
                where id = new.id; return null; end $$;
            select outbox.watch('item', 'Item'); create trigger a after update on item for each row when (new.n <>
                old.n) execute function t();",
        act: "update item set n = 2; update item set n = 3; update item set note = note || '!'",
        events: "Update 1 {\"n\": 3, \"id\": 1, \"note\": \"att!\"}",
    },
    Case {
        promise: "and the same as a difference",
        setup: "insert into item values (1, 1, 'a');
            create function t() returns trigger language plpgsql as $$ begin update app.item set n = new.n + 10 where
                id = new.id; return null; end $$;
            select outbox.watch('item', 'Item', data => 'diff'); create trigger a after update on item for each row
                when (new.n < 10) execute function t();",
        act: "update item set n = 2",
        events: "Update 1 {\"new\": {\"n\": 12}, \"old\": {\"n\": 1}}",
    },
    Case {
        promise: "a trigger that makes a deleted row again",
        setup: "insert into item values (1, 1, 'a');
            create function t() returns trigger language plpgsql as $$ begin insert into app.item values (old.id,
                old.n, 'kept'); return null; end $$;
            select outbox.watch('item', 'Item'); create trigger a after delete on item for each row execute function t();",
        act: "delete from item",
        events: "Update 1 {\"n\": 1, \"id\": 1, \"note\": \"kept\"}",
    },
    Case {
        promise: "a trigger that deletes the row that was inserted",
        setup: "create function t() returns trigger language plpgsql as $$ begin delete from app.item where id =
            new.id; return null; end $$;
            select outbox.watch('item', 'Item'); create trigger a after insert on item for each row execute function t();",
        act: "insert into item values (1, 1, 'a')",
        events: "",
    },
    Case {
        promise: "a trigger of another table comes before the statements that follow it",
        setup: "create table other (id int primary key); insert into item values (1, 1, 'a');
            create function t() returns trigger language plpgsql as $$ begin update app.item set n = n + 1; return null; end $$;
            select outbox.watch('item', 'Item'); create trigger a after insert on other for each row execute function t();",
        act: "insert into other values (1); update item set note = 'b'; insert into other values (2); update item set
            note = 'c', n = 1",
        events: "Update 1 {\"n\": 1, \"id\": 1, \"note\": \"c\"}",
    },
    Case {
        promise: "a deferred trigger of the user's changes the row at the commit",
        setup: "insert into item values (1, 1, 'a');
            create function t() returns trigger language plpgsql as $$ begin update app.item set note = 'late' where
                note <> 'late'; return null; end $$;
            select outbox.watch('item', 'Item'); create constraint trigger a after update on item deferrable initially deferred
            for each row execute function t();",
        act: "update item set n = 2",
        events: "Update 1 {\"n\": 2, \"id\": 1, \"note\": \"late\"}",
    },
];

#[test]
fn what_a_trigger_changes_comes_after_the_statement_that_fired_it() {
    run("coalescing_triggers", TRIGGERS);
}

const SAVEPOINTS: &[Case] = &[
    Case {
        promise: "a change that is rolled back is none",
        setup: "insert into item values (1, 1, 'a'); select outbox.watch('item', 'Item');",
        act: "update item set n = 2; savepoint s; update item set note = 'b'; delete from item; rollback to s; update
            item set n = 3",
        events: "Update 1 {\"n\": 3, \"id\": 1, \"note\": \"a\"}",
    },
    Case {
        promise: "the first change is rolled back, the second is not",
        setup: "insert into item values (1, 1, 'a'); select outbox.watch('item', 'Item');",
        act: "savepoint s; update item set n = 2; rollback to s; update item set note = 'b'; update item set note = 'c'",
        events: "Update 1 {\"n\": 1, \"id\": 1, \"note\": \"c\"}",
    },
    Case {
        promise: "a released savepoint is part of the transaction",
        setup: "insert into item values (1, 1, 'a'); select outbox.watch('item', 'Item');",
        act: "savepoint s; update item set n = 2; release s; update item set note = 'b'",
        events: "Update 1 {\"n\": 2, \"id\": 1, \"note\": \"b\"}",
    },
    Case {
        promise: "exception blocks",
        setup: "select outbox.watch('item', 'Item');",
        act: "do $$ begin insert into app.item values (1, 1); for i in 1..3 loop begin update app.item set n = n + i;
            perform 1 / (i - 2); \
              exception when division_by_zero then update app.item set note = 'caught'; end; end loop; end $$",
        events: "Create 1 {\"n\": 5, \"id\": 1, \"note\": \"caught\"}",
    },
    Case {
        promise: "a changed table in the middle of it",
        setup: "insert into item values (1, 1, 'a'); select outbox.watch('item', 'Item');",
        act: "update item set n = 2; alter table item add extra int; create index on item (n); update item set extra =
            1; truncate item",
        events: "Update 1 {\"n\": 2, \"id\": 1, \"note\": \"a\", \"extra\": 1}",
    },
];

#[test]
fn savepoints_and_ddl_are_part_of_what_a_transaction_does() {
    run("coalescing_savepoints", SAVEPOINTS);
}

fn hinted(hint: &str) -> Database {
    let db = subscribed(hint);
    db.psql(
        "create table item (id int primary key, n int); insert into item values (1, 1); select
        outbox.watch('item', 'Item')",
    );
    db
}

/// The setting that says what a transaction has written is the application's to change: it costs an event, never one's data.
#[test]
fn forged_hints_lose_nothing_and_leave_no_stale_state_last() {
    let db = hinted("coalescing_forged");
    for forged in [
        "reset outbox.written_1",
        "set outbox.written_1 = ''",
        "set local outbox.written_1 = 'x'",
        "reset all",
    ] {
        db.psql(&format!("begin; update item set n = n + 1; {forged}; update item set n = n + 1; commit"));
    }
    for since in [
        "9000000000000000",
        "0",
        "x",
        "",
        "-1",
        "99999999999999999999999",
        "1:nested",
        "9000000000000000:nested",
    ] {
        db.psql(&format!(
            "begin; update item set n = n + 1; select set_config('outbox.written_1', pg_current_xact_id() || ':{since}', true);
             update item set n = n + 1; commit"
        ));
    }
    let last = "select count(distinct xid), max((data ->> 'n')::int) = (select n from item), \
        bool_and(n = last) from (select e.*, (data ->> 'n')::int as n, 1 + 2 * dense_rank() over (order by xid) as last, \
        row_number() over (partition by xid order by id desc) as back from outbox.event e) e where back = 1";
    assert_eq!(db.psql(last), "12|t|t");
    let bare = "select count(*) from outbox.event e where not exists (select from outbox.delivery d where d.event_id = e.id)";
    assert_eq!(db.psql(bare), "0");
}

#[test]
fn forged_hints_do_not_keep_an_event_as_it_never_was_committed() {
    let db = hinted("coalescing_forged_part");
    db.psql("update outbox.subscription set pattern = 'Item.Create'; delete from item");
    for (id, forged) in [
        "reset outbox.written_1",
        "set outbox.written_1 = 'x'",
        "select set_config('outbox.written_1', pg_current_xact_id() || ':9000000000000000', true)",
    ]
    .iter()
    .enumerate()
    {
        db.psql(&format!("begin; insert into item values ({id}, 1); {forged}; update item set n = 2 where id = {id}; commit"));
    }
    assert_eq!(db.psql("select data ->> 'n' from outbox.event"), "2\n2\n2");
    db.psql("select outbox.watch('item', 'Item', only_columns => '{n}'); alter table item add note text; truncate outbox.event;
        update outbox.subscription set pattern = '*'");
    db.psql("begin; update item set n = 3 where id = 1; reset all; update item set note = 'b' where id = 1; commit");
    assert_eq!(db.psql("select data ->> 'note' from outbox.event"), "b");
}

/// The leaf of the ring changes at midnight: a transaction that has written to one writes to the next, here by hand.
#[test]
fn a_transaction_that_began_yesterday_has_one_event_of_an_object() {
    let db = hinted("coalescing_midnight");
    db.psql(
        "begin; update item set n = 2;
         insert into outbox.event (slot, type, object, object_id, data, watch)
         select mod(slot + 1, 8), type, object, object_id, jsonb_set(data, '{n}', '3'), watch from outbox.event;
         select outbox.merge_events(1, mod(min(slot) + 1, 8)::smallint, array[max(id)], min(id), false, false) from
             outbox.event; commit",
    );
    assert_eq!(
        db.psql("select type, data ->> 'n', slot = outbox.slot(now()) from outbox.event"),
        "Item.Update|3|t"
    );
    assert_eq!(db.psql("select count(*) from outbox.delivery"), "1");
}
