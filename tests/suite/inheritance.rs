//! Tables that others inherit from: one watch, which sends the columns of the table that is watched.

use crate::installed::{login_roles, subscribed};
use crate::support::{Database, shared};

const TABLES: &str = "
    create table city (id int primary key, name text);
    create table capital (state text, primary key (id)) inherits (city);";

const COUNTS: &str = "select (select count(*) from outbox.unwatched), (select count(*) from \
    outbox.broken_watch), (select count(*) from pg_trigger where tgname like 'zz_outbox%')";

fn events(db: &Database, statement: &str) -> String {
    db.psql(&format!("truncate outbox.event, outbox.delivery; {statement}"));
    db.psql(
        "select coalesce(string_agg(substr(type, 6) || ' ' || data, ', ' order by id), '') from outbox.event",
    )
}

#[test]
fn rows_of_a_child_are_events_with_the_columns_of_the_parent() {
    let db = subscribed("inheritance_writes");
    db.psql(&format!("{TABLES} select outbox.watch('city', 'City', mode => 'each')"));
    assert_eq!(db.psql(COUNTS), "0|0|6");
    for (statement, expected) in [
        ("insert into city values (1, 'a')", "Create {\"id\": 1, \"name\": \"a\"}"),
        ("insert into capital values (2, 'b', 'B')", "Create {\"id\": 2, \"name\": \"b\"}"),
        (
            "update city set name = 'x'",
            "Update {\"id\": 1, \"name\": \"x\"}, Update {\"id\": 2, \"name\": \"x\"}",
        ),
        ("update only city set name = 'y'", "Update {\"id\": 1, \"name\": \"y\"}"),
        ("update capital set name = 'z'", "Update {\"id\": 2, \"name\": \"z\"}"),
        ("delete from city where id = 2", "Delete {\"id\": 2, \"name\": \"z\"}"),
        ("truncate city", ""),
    ] {
        assert_eq!(events(&db, statement), expected, "{statement}");
    }
}

#[test]
fn a_child_that_comes_later_is_listed_until_rewatch() {
    let db = subscribed("inheritance_later");
    db.psql(&format!("create table before (id int primary key); {TABLES}"));
    db.psql("drop table capital; select outbox.watch('city', 'City', mode => 'each')");
    db.psql("create table capital (state text) inherits (city)");
    assert_eq!(
        db.psql("select relation, root, remedy from outbox.unwatched"),
        "capital|city|select outbox.rewatch('city')"
    );
    let broken = db.psql("select reason from outbox.broken_watch");
    assert_eq!(broken, "capital, a part of it, is not watched: writes that name it give no events");
    assert_eq!(db.psql("select outbox.rewatch()"), "1");
    assert_eq!(db.psql(COUNTS), "0|0|6");
    assert_eq!(
        events(&db, "insert into capital values (2, 'b', 'B')"),
        "Create {\"id\": 2, \"name\": \"b\"}"
    );
    db.psql("alter table city add extra int; alter table capital drop state, add other text");
    assert_eq!(
        events(&db, "insert into capital values (3, 'c')"),
        "Create {\"id\": 3, \"name\": \"c\", \"extra\": null}",
        "as the columns are now"
    );
    db.psql("alter table capital no inherit city");
    let broken = db.psql("select reason from outbox.broken_watch");
    assert!(broken.contains("capital is no part of it any more"), "{broken}");
    assert_eq!(db.psql("select outbox.unwatch('city')"), "1");
    assert_eq!(db.psql(COUNTS), "0|0|0");
}

#[test]
fn what_a_child_holds_beyond_the_parent_does_not_fail_a_write() {
    let db = subscribed("inheritance_large");
    db.psql(&format!("{TABLES} select outbox.watch('city', 'City', row_bytes_max => 1024)"));
    let noise = "(select string_agg(md5(i::text), '') from generate_series(1, 1000) i)";
    let seen = events(&db, &format!("insert into capital values (2, 'b', {noise})"));
    assert!(seen.contains("payload_omitted"), "{seen}");
    assert_eq!(
        events(&db, "update city set name = 'c'"),
        "Update {\"id\": 2, \"name\": \"c\"}",
        "by way of the parent it is not even looked at"
    );
}

#[test]
fn a_child_is_refused_and_so_is_a_parent_with_a_foreign_one() {
    let db = subscribed("inheritance_refused");
    db.psql(TABLES);
    let error = db.try_psql("select outbox.watch('capital', 'Capital')").unwrap_err();
    assert_eq!(error.sqlstate, "OX002");
    assert!(error.message.contains("it inherits from public.city"), "{}", error.message);
    db.psql(
        "create foreign data wrapper far; create server away foreign data wrapper far;
         create foreign table abroad () inherits (city) server away",
    );
    let error = db.try_psql("select outbox.watch('city', 'City')").unwrap_err();
    assert!(error.message.contains("abroad"), "{}", error.message);
    // One that comes afterwards is listed.
    db.psql("alter foreign table abroad no inherit city; select outbox.watch('city', 'City')");
    db.psql("alter foreign table abroad inherit city");
    assert_eq!(
        db.psql("select relation, remedy from outbox.unwatched"),
        "abroad|select outbox.unwatch('city', 'City')"
    );
}

#[test]
fn a_temporary_child_of_a_session_is_no_business_of_the_watch() {
    let db = subscribed("inheritance_temporary");
    db.psql(&format!(
        "{TABLES} create temporary table visit () inherits (city); select outbox.watch('city', 'City');
         insert into visit values (5, 'v')"
    ));
    assert_eq!(db.psql(COUNTS), "0|0|6");
    assert_eq!(db.psql("select count(*) from outbox.event"), "0");
}

/// A child's owner could give a column a type with a cast to json, which `to_jsonb()` would call with the rights
/// of the owner of schema `outbox`.
#[test]
fn a_cast_of_a_childs_owner_never_runs_with_the_rights_of_the_outbox() {
    let db = subscribed("inheritance_cast");
    login_roles(shared(), &["child_owner"]);
    db.psql(&format!(
        "{TABLES} alter table capital owner to child_owner; grant create on schema public to child_owner"
    ));
    db.psql_as(
        "child_owner",
        "create table witness (who name); grant insert on witness to public; create type trap as (a int);
         create function tell(trap) returns json language plpgsql as $$
         begin insert into public.witness values (current_user); return '1'; end $$;
         create cast (trap as json) with function tell(trap);
         alter table capital add t trap",
    );
    db.psql("select outbox.watch('city', 'City')");
    assert_eq!(
        events(&db, "insert into capital values (1, 'a', 'A', row(1))"),
        "Create {\"id\": 1, \"name\": \"a\"}"
    );
    assert_eq!(db.psql("select count(*) from witness"), "0");
}
