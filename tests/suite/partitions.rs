//! Partitioned tables: one watch, whichever table a statement names and whatever comes and goes among the partitions.

use crate::installed::{EVENTS, login_roles, subscribed};
use crate::support::{Database, shared};

/// A partitioned table with two levels, and a leaf whose columns are in another order with a dropped one among
/// them.
const TABLES: &str = "
    create table r (id int, k int, note text, primary key (id, k)) partition by list (k);
    create table r1 partition of r for values in (1);
    create table r2 (note text, junk int, k int not null, id int not null); alter table r2 drop junk;
    alter table r attach partition r2 for values in (2);
    create table r3 partition of r for values in (3, 4) partition by list (k);
    create table r33 partition of r3 for values in (3);";

const COUNTS: &str = "select (select count(*) from outbox.unwatched), (select count(*) from \
    outbox.broken_watch), (select count(*) from pg_trigger where tgname like 'zz_outbox%')";

fn watched(hint: &str) -> Database {
    let db = subscribed(hint);
    db.psql(&format!("{TABLES} select outbox.watch('r', 'Row', id => 'id::text', mode => 'each')"));
    assert_eq!(db.psql(COUNTS), "0|0|15");
    db
}

/// What a statement gives: events as type, id and data, oldest first.
fn events(db: &Database, statement: &str) -> String {
    db.psql(&format!("truncate outbox.event, outbox.delivery; {statement}"));
    db.psql(
        "select coalesce(string_agg(format('%s %s %s', substr(type, 5), object_id, data ->> 'note'), ', ' order \
         by id), '') from outbox.event",
    )
}

#[test]
fn every_row_is_one_event_whichever_table_the_statement_names() {
    let db = watched("partitions_writes");
    for (statement, expected) in [
        ("insert into r values (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c')", "Create 1 a, Create 2 b, Create 3 c"),
        ("update r set note = 'x'", "Update 1 x, Update 2 x, Update 3 x"),
        ("insert into r2 (id, k, note) values (9, 2, 'leaf')", "Create 9 leaf"),
        ("update r2 set note = 'y' where id = 2", "Update 2 y"),
        ("update r3 set note = 'mid'", "Update 3 mid"),
        ("update r33 set note = 'deep'", "Update 3 deep"),
        ("delete from r where id = 9", "Delete 9 leaf"),
        (
            "insert into r values (2, 2, 'again'), (4, 1, 'new') on conflict (id, k) do update set note = \
             excluded.note",
            "Update 2 again, Create 4 new",
        ),
        ("copy r from program 'printf \"20\\t1\\tcopied\\n\"'", "Create 20 copied"),
        ("copy r33 from program 'printf \"33\\t3\\tcopied\\n\"'", "Create 33 copied"),
        ("delete from r33", "Delete 3 deep, Delete 33 copied"),
        ("delete from only r", ""),
        ("truncate r", ""),
    ] {
        assert_eq!(events(&db, statement), expected, "{statement}");
    }
}

#[test]
fn a_merge_into_a_partitioned_table_is_the_events_of_its_rows() {
    let db = watched("partitions_merge");
    db.psql("insert into r values (1, 1, 'a'), (2, 2, 'b')");
    let merge = "merge into r using (values (1, 1, 'm'), (2, 2, null), (7, 3, 'n')) v (id, k, note) on r.id = \
         v.id and r.k = v.k when matched and v.note is null then delete when matched then update set note = \
         v.note when not matched then insert values (v.id, v.k, v.note)";
    let mut seen: Vec<_> = events(&db, merge).split(", ").map(str::to_owned).collect();
    seen.sort();
    assert_eq!(seen, ["Create 7 n", "Delete 2 b", "Update 1 m"]);
}

#[test]
fn a_row_that_moves_between_partitions_has_another_key_and_is_an_update_where_its_id_is_the_same() {
    let db = watched("partitions_move");
    db.psql("insert into r values (1, 1, 'a'), (2, 1, 'b')");
    assert_eq!(events(&db, "update r set k = 2 where id = 1"), "Delete 1 a, Create 1 a");
    db.psql("select outbox.watch('r', 'Row', id => 'id::text', mode => 'transaction')");
    assert_eq!(events(&db, "update r set k = 3, note = 'c' where id = 1"), "Update 1 c");
    db.psql("select outbox.watch('r', 'Row')");
    assert_eq!(events(&db, "update r set k = 3 where id = 2"), "Delete [2, 1] b, Create [2, 3] b");
}

#[test]
fn a_cascade_into_a_partitioned_table_is_captured() {
    let db = watched("partitions_cascade");
    db.psql(
        "create table head (id int primary key); insert into head values (1), (2);
         insert into r values (1, 1, 'a'), (2, 2, 'b');
         alter table r add foreign key (id) references head on delete cascade on update cascade",
    );
    assert_eq!(events(&db, "delete from head where id = 2"), "Delete 2 b");
    assert_eq!(events(&db, "update head set id = 5 where id = 1"), "Delete 1 a, Create 5 a");
}

#[test]
fn partitions_that_come_later_are_listed_until_rewatch() {
    let db = watched("partitions_later");
    db.psql(
        "create table r4 partition of r3 for values in (4);
         create table r6 (k int not null, id int not null, note text);
         alter table r attach partition r6 for values in (6)",
    );
    assert_eq!(
        db.psql("select relation, root, object, remedy from outbox.unwatched order by 1"),
        "r4|r|Row|select outbox.rewatch('r')\nr6|r|Row|select outbox.rewatch('r')"
    );
    let broken = db.psql("select reason, remedy from outbox.broken_watch");
    assert!(broken.contains("2 parts of it, such as r4, are not watched"), "{broken}");
    assert_eq!(events(&db, "insert into r4 values (1, 4, 'lost')"), "", "which is why it is listed");
    assert_eq!(events(&db, "update r set note = 'seen'"), "Update 1 seen", "by way of the root it is");
    assert_eq!(db.psql("select outbox.rewatch('r4')"), "2", "any part will do as a name");
    assert_eq!(db.psql(COUNTS), "0|0|21");
    assert_eq!(db.psql("select outbox.rewatch(), outbox.rewatch('r')"), "0|0", "twice is once");
    assert_eq!(events(&db, "update r4 set note = 'direct'"), "Update 1 direct");
    assert_eq!(events(&db, "insert into r6 (id, k, note) values (6, 6, 'order')"), "Create 6 order");
    db.psql("create table r7 partition of r for values in (7)");
    db.psql("select outbox.watch('r', 'Row', id => 'id::text')");
    assert_eq!(db.psql(COUNTS), "0|0|24", "watch() mends as well");
}

#[test]
fn rewatch_of_what_is_not_watched_is_refused() {
    let db = watched("partitions_rewatch_none");
    db.psql("create table other (id int)");
    let error = db.try_psql("select outbox.rewatch('other')").unwrap_err();
    assert_eq!(error.sqlstate, "OX002");
    assert!(error.raw.contains("outbox.watch("), "{}", error.raw);
}

#[test]
fn a_detached_partition_goes_on_until_it_is_unwatched() {
    let db = watched("partitions_detached");
    db.psql("alter table r detach partition r2");
    assert_eq!(events(&db, "insert into r2 (id, k, note) values (7, 7, 'alone')"), "Create 7 alone");
    let broken = db.psql("select reason || ' ' || remedy from outbox.broken_watch");
    assert_eq!(
        broken,
        "r2 is no part of it any more, and its changes are still events of Row select outbox.unwatch('r2')"
    );
    db.psql(&broken[broken.find("select").unwrap()..]);
    assert_eq!(db.psql(COUNTS), "0|0|12");
    assert_eq!(events(&db, "update r2 set note = 'free'"), "");
    assert_eq!(events(&db, "insert into r values (1, 1, 'a')"), "Create 1 a", "the others go on");
}

#[test]
fn unwatch_takes_every_trigger_of_every_table_away() {
    let db = watched("partitions_unwatch");
    db.psql("alter table r detach partition r2; create table r5 partition of r for values in (5)");
    let error = db.try_psql("select outbox.unwatch('r33')").unwrap_err();
    assert_eq!(error.sqlstate, "OX002");
    assert!(error.raw.contains("select outbox.unwatch('public.r', 'Row')"), "{}", error.raw);
    assert_eq!(db.psql("select outbox.unwatch('r')"), "1");
    assert_eq!(db.psql(COUNTS), "0|0|0");
    assert_eq!(db.psql("select count(*) from pg_proc where proname ~ '^capture_[0-9]'"), "0");
}

#[test]
fn dropped_tables_leave_nothing_that_cannot_be_cleared_by_the_remedies() {
    let db = watched("partitions_dropped");
    db.psql("drop table r33");
    assert_eq!(db.psql(COUNTS), "0|0|12");
    db.psql("alter table r detach partition r2; drop table r");
    for _ in 0..2 {
        let remedies = db.psql("select distinct remedy from outbox.broken_watch");
        db.psql(&remedies.replace('\n', ";"));
    }
    assert_eq!(db.psql(COUNTS), "0|0|0");
    assert_eq!(db.psql("select count(*) from outbox.watch"), "0");
}

#[test]
fn a_partition_is_refused_with_the_table_that_covers_it() {
    let db = watched("partitions_refused");
    for (table, covers) in [("r1", "partition of public.r:"), ("r33", "partition of public.r3:")] {
        let error = db.try_psql(&format!("select outbox.watch('{table}', 'Leaf')")).unwrap_err();
        assert_eq!(error.sqlstate, "OX002");
        assert!(error.message.contains(covers), "{}", error.message);
    }
    db.psql(
        "create foreign data wrapper far; create server away foreign data wrapper far;
         create table f (id int primary key) partition by list (id); alter table f drop constraint f_pkey;
         create foreign table f1 partition of f for values in (1) server away",
    );
    let error = db.try_psql("select outbox.watch('f', 'Far', id => 'id')").unwrap_err();
    assert!(error.message.contains("f1, a part of it, is a foreign table"), "{}", error.message);
}

#[test]
fn a_watched_table_that_becomes_a_partition_is_taken_over() {
    let db = subscribed("partitions_take_over");
    db.psql(
        "create table old (id int primary key, note text); select outbox.watch('old', 'Row', mode => 'each');
         create table r (id int primary key, note text) partition by range (id);
         create table r2 partition of r for values from (100) to (200);
         alter table r attach partition old for values from (0) to (100)",
    );
    let broken = db.psql("select reason from outbox.broken_watch");
    assert!(broken.contains("the table is a partition of r now"), "{broken}");
    db.psql("select outbox.watch('r', 'Row')");
    assert_eq!(db.psql("select relation, object from outbox.watch"), "r|Row");
    assert_eq!(db.psql("select root, mode from outbox.object"), "r|each");
    assert_eq!(db.psql(COUNTS), "0|0|9");
    assert_eq!(events(&db, "insert into old values (1, 'a')"), "Create 1 a", "once");
    // And where the table is watched already when such a partition comes.
    db.psql(
        "create table third (id int primary key, note text); select outbox.watch('third', 'Row');
         alter table r attach partition third for values from (200) to (300)",
    );
    assert_eq!(events(&db, "insert into third values (201, 'a')"), "Create 201 a", "by its own watch");
    assert_eq!(db.psql("select outbox.rewatch('r')"), "1");
    assert_eq!(db.psql(COUNTS), "0|0|12");
    assert_eq!(events(&db, "update third set note = 'b'"), "Update 201 b", "by that of the table");
}

#[test]
fn two_objects_of_one_partition_get_an_event_each() {
    let db = subscribed("partitions_two_objects");
    db.psql(
        "create table old (id int primary key); select outbox.watch('old', 'Old');
         create table r (id int primary key) partition by range (id);
         alter table r attach partition old for values from (0) to (100);
         select outbox.watch('r', 'New'); insert into old values (1); insert into r values (2)",
    );
    assert_eq!(db.psql(EVENTS), "Old.Create 1\nNew.Create 1\nNew.Create 2");
}

#[test]
fn an_owner_needs_all_of_the_partitions_and_nothing_of_the_outbox() {
    let db = subscribed("partitions_owners");
    login_roles(shared(), &["parts_owner", "parts_other", "parts_application"]);
    db.psql(&format!(
        "select outbox.permit_watch(r) from unnest('{{parts_owner,parts_other}}'::regrole[]) r;
         grant create on schema public to parts_owner, parts_other; set session authorization parts_owner;
         {TABLES} grant insert, update, delete, select on r, r2 to parts_application;
         reset session authorization; alter table r33 owner to parts_other"
    ));
    let error = db.try_psql_as("parts_owner", "select outbox.watch('r', 'Row')").unwrap_err();
    assert_eq!(error.sqlstate, "OX003");
    assert!(error.raw.contains("r33") && error.raw.contains("parts_other"), "{}", error.raw);
    db.psql("alter table r33 owner to parts_owner");
    db.psql_as(
        "parts_owner",
        "select outbox.watch('r', 'Row'); create table r4 partition of r3 for values in (4)",
    );
    assert_eq!(db.try_psql_as("parts_other", "select outbox.rewatch('r')").unwrap_err().sqlstate, "OX003");
    assert_eq!(db.psql_as("parts_other", "select outbox.rewatch()"), "0", "none of its own");
    assert_eq!(db.psql_as("parts_owner", "select outbox.rewatch()"), "1");
    assert_eq!(db.psql(COUNTS), "0|0|18");
    db.psql_as("parts_application", "insert into r2 (id, k) values (1, 2); insert into r values (2, 4)");
    assert_eq!(db.psql(EVENTS), "Row.Create [1, 2]\nRow.Create [2, 4]");
    let function = db.psql("select 'outbox.capture_' || id from outbox.watch");
    let attach =
        format!("create trigger t after insert on r1 for each statement execute function {function}()");
    assert_eq!(db.try_psql_as("parts_owner", &attach).unwrap_err().sqlstate, "42501", "sealed again");
    assert_eq!(db.psql_as("parts_owner", "select outbox.unwatch('r')"), "1");
}

#[test]
fn types_of_an_owner_are_written_the_same_from_a_partition_with_other_columns() {
    let db = subscribed("partitions_guarded");
    login_roles(shared(), &["parts_owner"]);
    db.psql("select outbox.permit_watch('parts_owner'); grant create on schema public to parts_owner");
    db.psql_as(
        "parts_owner",
        "create type mood as enum ('ok'); create table r (id int primary key, m mood) partition by list (id);
         create table r1 partition of r for values in (1); create table r2 (m mood, id int not null);
         alter table r attach partition r2 for values in (2); select outbox.watch('r', 'Row');
         insert into r1 values (1, 'ok'); insert into r2 values ('ok', 2)",
    );
    assert_eq!(
        db.psql("select data from outbox.event order by id"),
        "{\"m\": \"ok\", \"id\": 1}\n{\"m\": \"ok\", \"id\": 2}"
    );
}

#[test]
fn conditions_and_ids_hold_for_every_partition() {
    let db = subscribed("partitions_conditions");
    db.psql(
        &format!(
            "{TABLES} select outbox.watch('r', 'Row', id => 'id || ''x''', mode => 'each', condition => \
         'coalesce(new.note, old.note) <> ''no''', verbs => '{{\"Row.Big\": \"new.note = 'big'\"}}');
         insert into r2 (id, k, note) values (1, 2, 'a'), (2, 2, 'no'); insert into r33 values (3, 3, 'a')"
        )
        .replace("'big'", "''big''"),
    );
    assert_eq!(db.psql(EVENTS), "Row.Create 1x\nRow.Create 3x");
    db.psql("truncate outbox.event; create table r4 partition of r3 for values in (4)");
    db.psql("select outbox.rewatch(); update r2 set note = 'big'; update r33 set note = 'no'; insert into r4 values (4, 4, 'a')");
    assert_eq!(db.psql(EVENTS), "Row.Big 1x\nRow.Big 2x\nRow.Create 4x");
}

#[test]
fn a_partitioned_member_leads_to_its_objects_from_every_partition() {
    let db = subscribed("partitions_member");
    db.psql(
        "create table ship (id int primary key, a int);
         create table addr (id int primary key, city text) partition by list (id);
         create table addr1 partition of addr for values in (1);
         create table addr2 (city text, junk int, id int not null); alter table addr2 drop junk;
         alter table addr attach partition addr2 for values in (2);
         create view place as select * from addr;
         create function ship_json(id int) returns jsonb language sql stable as
         $$ select jsonb_build_object('city', (select city from public.place p where p.id = s.a))
            from public.ship s where s.id = $1 $$;
         select outbox.define_object('Ship', 'ship', builder => 'ship_json');
         select outbox.watch('addr', 'Ship', through => 'select s.id from changed c join ship s on s.a = c.id');
         insert into addr values (1, 'Oslo'), (2, 'Rome'); insert into ship values (10, 1), (20, 2)",
    );
    let cities = |statement: &str| {
        db.psql(&format!("truncate outbox.event, outbox.delivery; {statement}"));
        db.psql(
            "select string_agg(object_id || ' ' || (data ->> 'city'), ', ' order by id) from outbox.event",
        )
    };
    assert_eq!(cities("update addr set city = 'a' || id"), "10 a1, 20 a2");
    assert_eq!(cities("update addr2 set city = 'b'"), "20 b");
    assert_eq!(cities("update addr2 set city = city; update addr1 set city = city"), "", "nothing changed");
    assert_eq!(cities("update addr1 set city = 'c'"), "10 c");
    // By another name, with other columns: nothing fails, nothing is lost.
    for (ddl, addr) in [
        ("alter table addr rename to adr", "adr"),
        ("alter table adr add extra int", "adr"),
        ("alter table adr drop extra", "adr"),
        ("create schema elsewhere; alter table adr set schema elsewhere", "elsewhere.adr"),
    ] {
        db.psql(ddl);
        assert_eq!(
            cities(&format!("update {addr} set city = 'd'; update addr2 set city = 'e'")),
            "10 d, 20 d, 20 e"
        );
        assert_eq!(cities("update addr2 set city = null; update addr2 set city = 'f'"), "20 f");
        assert_eq!(db.psql("select outbox.rewatch()"), "0");
        assert_eq!(cities(&format!("update {addr} set city = 'g'")), "10 g, 20 g", "{ddl}");
    }
    assert_eq!(db.psql("select outbox.unwatch('elsewhere.adr')"), "1");
    assert_eq!(
        db.psql("select count(*) from pg_proc where proname like 'outbox\\_%'"),
        "0",
        "made by watch()"
    );
}
