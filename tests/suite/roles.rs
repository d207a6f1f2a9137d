//! Who needs which rights: an owner who may nothing else, and the members of the group roles.
//!
//! Group roles belong to the cluster. Tests of their absence have one of their own and take turns in it.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::installing::{SOON, expect_code, expect_text, installed, on, on_as, outboxd};
use crate::support::{Cluster, ClusterOptions, Database, Receiver, ReceiverOptions, shared};

/// A cluster in which nobody has made the group roles yet, for one test at a time.
struct WithoutRoles {
    cluster: &'static Cluster,
    _turn: MutexGuard<'static, ()>,
}

impl WithoutRoles {
    fn wait() -> Self {
        static CLUSTER: OnceLock<Cluster> = OnceLock::new();
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let cluster = CLUSTER.get_or_init(|| Cluster::start(&ClusterOptions::default()));
        assert_eq!(cluster.admin().psql("select count(*) from pg_roles where rolname like 'outbox%'"), "0");
        Self { cluster, _turn: turn }
    }

    /// Leaves the cluster as it was found, the way the farewell of `uninstall` says.
    fn leave(self, databases: &[&Database]) {
        let mut farewell = None;
        for db in databases {
            let done = on(db, &["uninstall", "--force"]);
            expect_code(0, &done);
            farewell = done
                .stdout
                .lines()
                .find_map(|line| line.trim().strip_prefix("drop role ").map(str::to_owned));
        }
        if let Some(roles) = farewell {
            self.cluster.admin().psql(&format!("drop role {roles}"));
        }
    }
}

/// A table of the role's, watched, and a subscription to it at a receiver over plain HTTP.
fn watch_and_subscribe(db: &Database, role: &str, receiver: &Receiver) {
    let url = receiver.url("/hook");
    db.psql_as(
        role,
        &format!(
            "update outbox.setting set http_allowed = true;
             create table customer (id int primary key, name text);
             select outbox.watch('customer', 'Customer');
             select outbox.subscribe('billing', 'Customer.*', '{url}');
             insert into customer values (1, 'a')"
        ),
    );
}

#[test]
fn databases_of_one_cluster_install_at_once_and_share_the_group_roles() {
    let own = WithoutRoles::wait();
    let databases: Vec<_> = (0..4).map(|_| own.cluster.database("at_once")).collect();
    let start = |db: &Database| outboxd().spawn(&["migrate"], &[("DATABASE_URL", &db.url())]);
    let running: Vec<_> = databases.iter().map(start).collect();
    for process in running {
        assert_eq!(process.wait(SOON), 0, "{:?}", process.lines());
    }
    for db in &databases {
        expect_code(0, &on(db, &["migrate", "--check"]));
        assert_eq!(
            db.psql("select digest like '%/roles=admin,builder,reader,relay' from outbox.definition_history"),
            "t"
        );
    }
    own.leave(&databases.iter().collect::<Vec<_>>());
}

#[test]
fn the_owner_of_a_database_needs_no_other_right_and_no_other_role() {
    let own = WithoutRoles::wait();
    let db = own.cluster.database_owned_by("shop");
    let receiver = Receiver::start(&ReceiverOptions::plain());
    let migrated = on_as(&db, "shop", &["migrate"]);
    expect_code(0, &migrated);
    let statements: Vec<_> =
        migrated.stdout.lines().filter_map(|line| line.strip_prefix("  create role ")).collect();
    let expected = [
        "outbox_admin nologin;",
        "outbox_builder nologin;",
        "outbox_reader nologin;",
        "outbox_relay nologin;",
    ];
    assert_eq!(statements, expected);
    expect_text(&migrated.stdout, "grant outbox_builder to …;");
    expect_text(&migrated.stdout, "let a DBA run the following, then run `outboxd migrate` again");
    expect_code(0, &on_as(&db, "shop", &["migrate", "--check"]));

    watch_and_subscribe(&db, "shop", &receiver);
    let run = on_as(&db, "shop", &["run", "--once"]);
    expect_code(0, &run);
    assert_eq!(run.stdout, "delivered 1, will retry 0, dead 0, cancelled 0\n");
    assert_eq!(receiver.requests()[0].json()["type"], "Customer.Create");
    assert_eq!(db.psql_as("shop", "select outcome from outbox.delivery_history"), "delivered");

    // What was printed is what a DBA has to run, and the next migrate applies the grants.
    db.psql("create role courier login");
    assert_eq!(on_as(&db, "courier", &["run", "--once"]).code, 1);
    for statement in statements {
        db.psql(&format!("create role {statement}"));
    }
    let check = on_as(&db, "shop", &["migrate", "--check"]);
    expect_code(1, &check);
    expect_text(&check.stdout, "group roles were made or dropped since");
    let lacking = on_as(&db, "courier", &["run", "--once"]);
    expect_code(1, &lacking);
    expect_text(&lacking.stderr, "as shop run: grant outbox_relay to courier;");
    expect_code(0, &on_as(&db, "shop", &["migrate"]));
    db.psql("grant outbox_relay to courier");
    expect_code(0, &on_as(&db, "courier", &["run", "--once"]));
    own.leave(&[&db]);
}

#[test]
fn who_may_not_install_is_told_the_statement_that_helps() {
    let db = shared().database("rights");
    db.psql("create role rights_installer login; create role rights_plain login");
    let refused = on_as(&db, "rights_installer", &["migrate"]);
    expect_code(1, &refused);
    let grant = format!("grant create on database {} to rights_installer;", db.name());
    expect_text(&refused.stderr, &grant);
    db.psql(&grant);
    expect_code(0, &on_as(&db, "rights_installer", &["migrate"]));

    for arguments in [&["migrate"][..], &["uninstall"]] {
        let refused = on_as(&db, "rights_plain", arguments);
        expect_code(1, &refused);
        expect_text(
            &refused.stderr,
            "schema outbox belongs to rights_installer, not to rights_plain; connect as rights_installer",
        );
    }
    let refused = on_as(&db, "rights_plain", &["migrate", "--check"]);
    expect_code(1, &refused);
    expect_text(&refused.stderr, "as rights_installer run: grant outbox_relay to rights_plain;");
    db.psql("grant outbox_relay to rights_plain");
    expect_code(0, &on_as(&db, "rights_plain", &["migrate", "--check"]));
    expect_code(0, &on_as(&db, "rights_installer", &["uninstall"]));
}

#[test]
fn a_member_of_outbox_relay_delivers() {
    let db = installed(shared(), "relay_member");
    let receiver = Receiver::start(&ReceiverOptions::plain());
    db.psql("create role member_courier login in role outbox_relay");
    watch_and_subscribe(&db, "postgres", &receiver);
    let run = on_as(&db, "member_courier", &["run", "--once"]);
    expect_code(0, &run);
    assert_eq!(run.stdout, "delivered 1, will retry 0, dead 0, cancelled 0\n");
    assert_eq!(receiver.count(), 1);
}

/// What each group role may and may not do, by statement.
#[test]
fn group_roles_may_do_what_they_are_for_and_nothing_else() {
    const EVERYONE: &[&str] = &["outbox_admin", "outbox_reader", "outbox_relay", "nobody_here"];
    let db = installed(shared(), "members");
    let receiver = Receiver::start(&ReceiverOptions::plain());
    watch_and_subscribe(&db, "postgres", &receiver);
    db.psql(
        "create role nobody_here; create table theirs (id int primary key);
         insert into outbox.dead_letter (delivery, subscription, event_slot, event_id, attempt, reason)
             select 99, subscription, event_slot, event_id, 1, 'x' from outbox.delivery",
    );
    let (admin, reader, relay) = ("outbox_admin", "outbox_reader", "outbox_relay");
    let cases: &[(&str, &[&str])] = &[
        ("select count(*) from outbox.backlog", &[admin, reader]),
        ("select count(*) from outbox.failing", &[admin, reader]),
        ("select count(*) from outbox.delivery_history", &[admin, reader]),
        ("select count(*) from outbox.broken_watch", &[admin, reader]),
        ("select count(*) from outbox.oldest_xmin", &[admin, reader]),
        ("select count(*) from outbox.turn", &[admin, reader]),
        ("select count(*) from outbox.event", &[admin, reader]),
        ("select f.* from outbox.event e, outbox.find(e.uid::text) f", &[admin, reader]),
        ("select id, subscriber, pattern, status from outbox.subscription", &[admin, reader]),
        ("select url, headers from outbox.subscription", &[admin]),
        ("select secret from outbox.signing_key", &[]),
        ("select outbox.signing_secret(1)", &[admin]),
        ("select secrets from outbox.subscription_settings(array[1])", &[relay]),
        ("select * from outbox.claim('x', 0, '{}', '{}', 0)", &[relay]),
        ("select outbox.cancel_gone()", &[admin, relay]),
        ("select outbox.turn_ring()", &[admin, relay]),
        ("select outbox.purge_old()", &[admin, relay]),
        ("select outbox.take_duty('x', 'x', '1 s')", &[relay]),
        ("select outbox.leave_duty('x', 'x')", &[relay]),
        ("select outbox.empty_leaf('event_1', 1::smallint, now())", &[]),
        ("select outbox.keep_needed('event_1', 1::smallint, 0, 1)", &[]),
        ("select outbox.report_stop('x', 'x', 1)", &[relay]),
        ("select outbox.report_relay('x', 'x', 1, 'x', 'x')", &[relay]),
        ("select outbox.subscribe('s', '*', 'https://example.com/')", &[admin]),
        ("update outbox.subscription set status = 'paused'", &[admin]),
        ("select outbox.define_event_type('A.B')", &[admin]),
        ("select outbox.emit('Customer.Create')", &[admin]),
        ("select outbox.ping(1)", &[admin]),
        ("select outbox.retry(99)", &[admin]),
        ("select outbox.skip(99, 'x')", &[admin]),
        ("select outbox.cancel(99, 'x')", &[admin]),
        ("select outbox.repair('retry', event_type => '*')", &[admin]),
        ("select outbox.replay('*', '-infinity', now())", &[admin]),
        ("select outbox.compact(1)", &[admin]),
        ("select outbox.end_deliveries('{99}', 'skipped', '{x}')", &[]),
        ("select outbox.claim_key('A', 'k', '1 day', null)", &[]),
        ("select count(*) from outbox.dedupe", &[admin, reader]),
        ("update outbox.setting set http_allowed = false", &[admin]),
        ("insert into outbox.event (slot, type, data) values (0, 'Customer.Create', '{}')", &[]),
        ("delete from outbox.attempt", &[]),
        ("delete from outbox.delivery", &[]),
        ("insert into outbox.definition_history (migration, digest, release) values (1, 'x', 'x')", &[]),
        ("select count(*) from outbox.refinery_schema_history", EVERYONE),
        ("select outbox.regenerate()", &[]),
        ("select outbox.permit_watch('nobody_here')", &[]),
        ("create table outbox.mine ()", &[]),
    ];
    for (statement, allowed) in cases {
        let allowed = if allowed == &EVERYONE { &EVERYONE[..3] } else { allowed };
        for role in EVERYONE {
            let result = db.try_psql(&format!("begin; set role {role}; {statement}; rollback"));
            match result {
                Ok(_) => assert!(allowed.contains(role), "{role} may: {statement}"),
                Err(refused) if refused.sqlstate == "42501" => {
                    assert!(!allowed.contains(role), "{role} may not: {statement}");
                }
                Err(other) => panic!("{role}: {statement}: {}", other.raw),
            }
        }
    }
}

#[test]
fn an_admin_ends_a_subscription() {
    let db = installed(shared(), "unsubscribing");
    db.psql("select outbox.subscribe('s', '*', 'https://example.com/')");
    for statement in ["delete from outbox.subscription", "select outbox.unsubscribe(1)"] {
        db.psql(&format!("begin; set role outbox_admin; {statement}; rollback"));
    }
}

#[test]
fn an_application_role_needs_no_right_at_all_to_write_to_a_watched_table() {
    let db = installed(shared(), "rightless_app");
    let receiver = Receiver::start(&ReceiverOptions::plain());
    watch_and_subscribe(&db, "postgres", &receiver);
    db.psql(
        "create role rightless_app login; grant select, insert, update, delete on customer to rightless_app",
    );
    db.psql_as(
        "rightless_app",
        "insert into customer values (2, 'b'); update customer set name = 'c'; delete from customer",
    );
    assert_eq!(
        db.psql("select string_agg(type, ' ' order by id) from outbox.event"),
        [
            "Customer.Create",
            "Customer.Create",
            "Customer.Update",
            "Customer.Update",
            "Customer.Delete",
            "Customer.Delete",
        ]
        .join(" ")
    );
    let refused = db.try_psql_as("rightless_app", "select count(*) from outbox.event").unwrap_err();
    assert_eq!(refused.sqlstate, "42501");
}
