//! What an error, a NULL or a shut gate does to the writer and to the subscribers.

use crate::installed::subscribed;
use crate::support::Database;

const EVENTS: &str =
    "select substr(type, 7) || ' ' || object_id || ' ' || coalesce(error, data ->> 'n', '-') from
    outbox.event order by id";

/// An object whose builder fails for 13 and gives nothing for 0, and whose gate asks another table.
fn stage(hint: &str, on_error: &str) -> Database {
    let db = subscribed(hint);
    db.psql(&format!(
        "create table thing (id int primary key, n int); create table hidden (id int primary key);
         create function thing_json(id int) returns jsonb language plpgsql stable security definer set search_path =
             public as $$
         declare n int := (select t.n from thing t where t.id = thing_json.id);
         begin if n = 13 then raise exception 'unlucky' using errcode = 'P0013'; end if;
             return case when n <> 0 then jsonb_build_object('n', n) end; end $$;
         create function thing_gate(id int) returns boolean language sql stable security definer set search_path = public
         as $$ select not exists (select from hidden h where h.id = thing_gate.id) $$;
         select outbox.define_object('Thing', 'thing', 'thing_json', gate => 'thing_gate', on_error => '{on_error}');
         select outbox.watch('hidden', 'Thing', id => 'id')"
    ));
    db
}

#[test]
fn abort_gives_the_writer_the_builders_own_error() {
    let db = stage("failure_abort", "abort");
    let error = db.try_psql("begin; insert into thing values (1, 1), (2, 13); commit").unwrap_err();
    assert_eq!((error.sqlstate.as_str(), error.message.as_str()), ("P0013", "unlucky"));
    assert_eq!(db.psql("select count(*) from thing"), "0");
    assert_eq!(db.psql(EVENTS), "");
}

#[test]
fn store_keeps_the_error_and_harms_no_other_object() {
    let db = stage("failure_store", "store");
    db.psql("begin; insert into thing values (1, 1), (2, 13), (3, 3); commit");
    let seen = db.psql(EVENTS);
    let lines: Vec<_> = seen.lines().collect();
    assert_eq!((lines[0], lines[2]), ("Create 1 1", "Create 3 3"));
    assert!(lines[1].starts_with("Create 2 P0013: unlucky"), "{seen}");
    assert_eq!(db.psql("select count(*) from outbox.delivery"), "2");
    // One that stands alone, and the next change of it that can be rendered.
    db.psql("update thing set n = 13 where id = 1; update thing set n = 4 where id = 1");
    assert!(db.psql(EVENTS).ends_with("Update 1 4"));
    assert_eq!(
        db.psql("select string_agg(seq::text, ',' order by id) from outbox.event where object_id = '1'"),
        "1,2,3"
    );
}

#[test]
fn null_is_no_event_and_numbers_stay_dense() {
    let db = stage("failure_null", "abort");
    db.psql("insert into thing values (1, 1); update thing set n = 0; update thing set n = 2; begin; insert into thing
        values (2, 0), (3, 3); commit");
    assert_eq!(db.psql(EVENTS), "Create 1 1\nUpdate 1 2\nCreate 3 3");
    assert_eq!(
        db.psql("select string_agg(seq::text, ',' order by id) from outbox.event where object_id = '1'"),
        "1,2"
    );
}

#[test]
fn behind_a_shut_gate_nothing_happens() {
    let db = stage("failure_gate", "abort");
    // Never shown: its Delete is not sent either.
    db.psql("insert into hidden values (1); insert into thing values (1, 1); update thing set n = 2; delete from thing");
    assert_eq!(db.psql(EVENTS), "");
    // Opened by another table, which is a member: it is seen as it is by then.
    db.psql("insert into thing values (1, 3); delete from hidden; update thing set n = 4; insert into hidden values
        (1); update thing set n = 5");
    assert_eq!(db.psql(EVENTS), "Update 1 3\nUpdate 1 4");
    // Shut when it was last looked at.
    db.psql("delete from thing");
    assert_eq!(db.psql(EVENTS), "Update 1 3\nUpdate 1 4");
    assert_eq!(db.psql("select string_agg(seq::text, ',' order by id) from outbox.event"), "1,2");
}
