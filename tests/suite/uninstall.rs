//! `outboxd uninstall`: everything of ours goes, nothing of the user's does.

use crate::installing::{SOON, everything_in, expect_code, expect_text, installed, on, on_as, outboxd};
use crate::support::{Database, shared};

/// Tables as users have them.
const DOMAIN: &str = r#"
create schema app;
create table customer (id int primary key, name text not null, note text generated always as (upper(name)) stored);
create table app."Order Line" (
    "Order" int, line int, customer int references customer, amount numeric(10, 2) default 1,
    primary key ("Order", line)
);
create table "it's" (code text);
create function app.stamp() returns trigger language plpgsql as 'begin return new; end';
create trigger aa_users_own before update on customer for each row execute function app.stamp();
create trigger zz_users_own after insert on customer for each statement execute function app.stamp();
create view app.customers as select * from customer;
insert into customer select n, 'name ' || n from generate_series(1, 100) n;
insert into app."Order Line" select n, 1, n from generate_series(1, 50) n;
insert into "it's" values ('x');
"#;

const WATCH: &str = r#"
select outbox.watch('customer', 'Customer');
select outbox.watch('customer', 'Person', history => true);
select outbox.watch('app."Order Line"', 'OrderLine');
select outbox.watch('"it''s"', 'Thing', id => 'lower(code)');
select outbox.subscribe('billing', '*', 'https://example.com/');
"#;

#[test]
fn a_database_is_afterwards_what_it_was_before() {
    let db = shared().database("golden");
    db.psql(DOMAIN);
    let before = everything_in(shared(), &db);
    expect_code(0, &on(&db, &["migrate"]));
    db.psql(WATCH);
    db.psql(
        "update customer set name = name || '!' where id < 9; update customer set name = rtrim(name, '!')",
    );
    assert_ne!(everything_in(shared(), &db), before);

    let done = on(&db, &["uninstall", "--force"]);
    expect_code(0, &done);
    let lines: Vec<_> = done.stdout.lines().collect();
    assert_eq!(
        lines[..4],
        [
            "app.\"Order Line\" is no longer watched",
            "public.customer is no longer watched",
            "public.\"it's\" is no longer watched",
            "32 open deliveries were dropped",
        ]
    );
    assert!(lines[4].ends_with(&format!("/{}: schema outbox is gone", db.name())), "{lines:?}");
    assert_eq!(lines.last(), Some(&"  drop role outbox_admin, outbox_builder, outbox_reader, outbox_relay;"));
    assert_eq!(sorted(&everything_in(shared(), &db)), sorted(&before));
}

/// Updated rows have moved; their order is not part of the promise.
fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn twice_is_once_and_migrate_installs_anew() {
    let db = installed(shared(), "gone_twice");
    expect_code(0, &on(&db, &["uninstall"]));
    for _again in 0..2 {
        let done = on(&db, &["uninstall"]);
        expect_code(0, &done);
        assert!(done.stdout.ends_with(": there is no schema outbox\n"), "{}", done.stdout);
    }
    expect_code(0, &on(&db, &["migrate"]));
    expect_code(0, &on(&db, &["migrate", "--check"]));
}

#[test]
fn open_deliveries_are_lost_only_on_demand() {
    let db = installed(shared(), "open");
    db.psql(DOMAIN);
    db.psql(WATCH);
    db.psql("delete from \"it's\"");
    let before = everything_in(shared(), &db);
    let refused = on(&db, &["uninstall"]);
    expect_code(1, &refused);
    expect_text(
        &refused.stderr,
        "1 delivery is still open and would be lost; let a relay finish, or give --force",
    );
    assert_eq!(everything_in(shared(), &db), before);
    let done = on(&db, &["uninstall", "--force"]);
    expect_code(0, &done);
    expect_text(&done.stdout, "1 open delivery was dropped\n");
}

/// What `drop schema … cascade` would take along, by the statement that makes it.
#[test]
fn what_others_built_upon_the_schema_is_named_and_kept() {
    let cases = [
        ("create view v as select * from outbox.event", "view public.v"),
        ("create view v as select 1 from outbox.backlog; create view vv as select * from v", "view public.v"),
        ("create materialized view mv as select count(*) from outbox.backlog", "materialized view public.mv"),
        ("create table fk (d bigint references outbox.delivery)", "constraint fk_d_fkey on table public.fk"),
        ("create table leaf partition of outbox.event for values in (77)", "table public.leaf"),
        ("create table heir () inherits (outbox.subscription)", "table public.heir"),
        ("create table typed (s outbox.subscription)", "column s of table public.typed"),
        (
            "create function f(outbox.subscription) returns int language sql as 'select 1'",
            "function public.f(outbox.subscription)",
        ),
        (
            "create function f() returns bigint language sql begin atomic select count(*) from outbox.delivery; end",
            "function public.f()",
        ),
    ];
    let db = installed(shared(), "dependents");
    db.psql("create table watched (id int primary key); select outbox.watch('watched', 'Thing')");
    for (statement, described) in cases {
        // A copy is quicker than an installation.
        let copy = shared().database("dependents_copy");
        let (name, template) = (copy.name(), db.name());
        shared().admin().psql(&format!("drop database {name}"));
        shared().admin().psql(&format!("create database {name} template {template}"));
        copy.psql(statement);
        let before = everything_in(shared(), &copy);
        let refused = on(&copy, &["uninstall", "--force"]);
        assert_ne!(refused.code, 0, "{described} went without a word: {statement}");
        expect_code(1, &refused);
        let sentence = "these objects outside schema outbox depend on it and would be dropped too: ";
        let named = refused
            .stderr
            .split_once(sentence)
            .and_then(|(_, rest)| rest.split_once("; drop or change them"));
        assert_eq!(named.map(|(named, _)| named), Some(described), "{statement}\n{}", refused.stderr);
        assert_eq!(everything_in(shared(), &copy), before, "{statement}");
    }
}

#[test]
fn what_others_added_to_our_own_tables_goes_with_them() {
    let db = installed(shared(), "parts");
    db.psql(
        "create function f() returns trigger language plpgsql as 'begin return null; end';
         create trigger own after insert on outbox.subscription execute function f();
         create index own on outbox.subscription (pattern); create publication p for table outbox.event",
    );
    expect_code(0, &on(&db, &["uninstall"]));
    let left = "select proname from pg_proc where proname = 'f' union all select pubname from pg_publication";
    assert_eq!(db.psql(left), "f\np");
}

#[test]
fn tables_of_other_owners_are_named_with_the_line_each_owner_runs() {
    let db = shared().database_owned_by("uninstaller");
    expect_code(0, &on_as(&db, "uninstaller", &["migrate"]));
    db.psql("create role table_owner login; create schema authorization table_owner");
    db.psql_as("uninstaller", "select outbox.permit_watch('table_owner')");
    db.psql_as(
        "table_owner",
        "create table \"it's\" (id int primary key); select outbox.watch('\"it''s\"', 'Thing')",
    );
    db.psql_as("uninstaller", "create table own (id int primary key); select outbox.watch('own', 'Own')");
    let before = everything_in(shared(), &db);
    let refused = on_as(&db, "uninstaller", &["uninstall"]);
    expect_code(1, &refused);
    let mut lines = refused.stderr.lines();
    expect_text(
        lines.next().unwrap(),
        "tables of other owners carry outboxd's triggers; let each owner run its lines",
    );
    let line = lines.next().unwrap().trim();
    assert!(
        line.ends_with("-- as table_owner, who owns table_owner.\"it's\"") && lines.next().is_none(),
        "{}",
        refused.stderr
    );
    assert_eq!(everything_in(shared(), &db), before);
    assert_eq!(db.psql_as("table_owner", line), "1");
    let done = on_as(&db, "uninstaller", &["uninstall"]);
    expect_code(0, &done);
    expect_text(&done.stdout, "public.own is no longer watched\n");
}

#[tokio::test]
async fn a_busy_table_is_waited_for_and_everything_goes_then() {
    let db = installed(shared(), "busy_table");
    db.psql(DOMAIN);
    db.psql(WATCH);
    let reader = db.session().await;
    reader.execute("begin; select count(*) from customer").await;
    let running = outboxd().spawn(&["uninstall"], &[("DATABASE_URL", &db.url())]);
    wait_until_it_waits(&db).await;
    reader.execute("commit").await;
    assert_eq!(running.wait(SOON), 0, "{:?}", running.lines());
    assert_eq!(db.psql("select count(*) from pg_namespace where nspname = 'outbox'"), "0");
    assert_eq!(db.psql("select count(*) from pg_trigger where not tgisinternal"), "2");
}

/// A delivery that comes between the first look and the locks is not lost.
#[tokio::test]
async fn a_delivery_that_comes_at_the_last_moment_stops_it() {
    let db = installed(shared(), "last_moment");
    db.psql(DOMAIN);
    db.psql(WATCH);
    let writer = db.session().await;
    writer.execute("begin; delete from customer where id = 100").await;
    let running = outboxd().spawn(&["uninstall"], &[("DATABASE_URL", &db.url())]);
    wait_until_it_waits(&db).await;
    writer.execute("commit").await;
    assert_eq!(running.wait(SOON), 1);
    expect_text(&running.lines().join("\n"), "2 deliveries are still open and would be lost");
    assert_eq!(db.psql("select count(*) from outbox.delivery"), "2");
}

async fn wait_until_it_waits(db: &Database) {
    let waits = "select exists (select from pg_stat_activity where datname = current_database()
        and application_name = 'outboxd uninstall' and cardinality(pg_blocking_pids(pid)) > 0)";
    db.wait_until_async(waits, SOON).await;
}
