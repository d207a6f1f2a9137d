//! `outboxd migrate` and `outboxd migrate --check` as an operator meets them.

use outboxd::schema::{INSTALL_LOCK, print};

use crate::installing::{
    ONE_TRANSACTION, RELEASE, SOON, apply, assert_unlocked, everything_in, expect_code, expect_text,
    installed, on, outboxd,
};
use crate::support::shared;

/// Changes with every DDL statement in schema outbox, one that changes nothing included.
const DDL_MARK: &str = "select md5(string_agg(mark, ',' order by mark)) from (
    select 'p' || oid || '.' || xmin as mark from pg_proc where pronamespace = 'outbox'::regnamespace
    union all select 'c' || oid || '.' || xmin from pg_class where relnamespace = 'outbox'::regnamespace
    union all select 't' || t.oid || '.' || t.xmin from pg_trigger t join pg_class c on c.oid = t.tgrelid
        where c.relnamespace = 'outbox'::regnamespace) as marks";

const RECORDED: &str = "select (select count(*) from outbox.refinery_schema_history),
    (select count(*) from outbox.definition_history)";

#[test]
fn twice_is_once() {
    let db = shared().database("twice");
    let first = on(&db, &["migrate"]);
    expect_code(0, &first);
    let lines: Vec<_> = first.stdout.lines().collect();
    let end = format!("/{}: functions, views and grants are those of {RELEASE}", db.name());
    assert_eq!(lines[0], "applied V1__outbox");
    assert!(lines.len() == 2 && lines[1].ends_with(&end), "{lines:?}");
    let (mark, before) = (db.psql(DDL_MARK), everything_in(shared(), &db));

    let second = on(&db, &["migrate"]);
    expect_code(0, &second);
    assert!(second.stdout.ends_with(&format!("/{}: up to date with {RELEASE}\n", db.name())), "{second:?}");
    assert_eq!(second.stdout.lines().count(), 1);
    assert_eq!((db.psql(DDL_MARK), everything_in(shared(), &db)), (mark, before));
    assert_unlocked(&db);
}

#[tokio::test]
async fn many_at_once_are_once_whether_by_migrate_or_by_psql() {
    const EACH: usize = 10;
    let script = print(RELEASE).unwrap();
    let waiting = "select count(*) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock' and wait_event = 'advisory'";
    // Who comes first does the work while the others watch, so each kind is once the first.
    for scripts_first in [false, true] {
        let db = shared().database("many");
        let by_psql = || {
            let (url, script) = (db.url(), script.clone());
            std::thread::spawn(move || apply(shared(), &url, ONE_TRANSACTION, &script))
        };
        let by_migrate = || outboxd().spawn(&["migrate"], &[("DATABASE_URL", &db.url())]);
        let (mut scripts, mut commands) = (Vec::new(), Vec::new());
        // Held back until all of them wait, so that they really start together.
        let barrier = db.session().await;
        barrier.execute(&format!("select pg_advisory_lock({INSTALL_LOCK})")).await;
        for (count, are_scripts) in [(EACH, scripts_first), (2 * EACH, !scripts_first)] {
            if are_scripts {
                scripts.extend((0..EACH).map(|_| by_psql()));
            } else {
                commands.extend((0..EACH).map(|_| by_migrate()));
            }
            db.wait_until_async(&format!("select ({waiting}) = {count}"), SOON).await;
        }
        barrier.execute("select pg_advisory_unlock_all()").await;
        for command in commands {
            assert_eq!(command.wait(SOON), 0, "{:?}", command.lines());
        }
        for script in scripts {
            script.join().unwrap().unwrap();
        }
        assert_eq!(db.psql(RECORDED), "1|1");
        assert_unlocked(&db);
        expect_code(0, &on(&db, &["migrate", "--check"]));
    }
}

/// What a database does not fit in, as an operator is told it.
#[test]
fn every_misfit_is_refused_with_what_to_do_and_nothing_is_changed() {
    // (what is done to an installation, what --check and run say, what migrate says, or nothing if it helps)
    let cases = [
        (
            "delete from outbox.definition_history",
            "the database is at migration 1 of 1 and lacks definitions; run `outboxd migrate`",
            "",
        ),
        (
            "update outbox.refinery_schema_history set checksum = '1'",
            "migration V1__outbox was edited after it was applied to this database; use an outboxd built from the \
             released file",
            "migration V1__outbox was edited after it was applied to this database; restore the released file and put \
             the change into a new migration",
        ),
        (
            "update outbox.refinery_schema_history set checksum = 'garbage'",
            "migration V1__outbox was edited after it was applied",
            "migration V1__outbox was edited after it was applied",
        ),
        (
            "insert into outbox.refinery_schema_history select 2, 'more', applied_on, '1'
                from outbox.refinery_schema_history",
            "the database has migration V2__more, which outboxd 0.1.0 does not know; install the release that \
             brought it",
            "the database is newer than this binary: it has migration V2__more, which 0.1.0 does not know; install \
             outboxd of the release that brought it",
        ),
        (
            "insert into outbox.refinery_schema_history select 2, 'more', applied_on, '1'
                from outbox.refinery_schema_history;
             insert into outbox.definition_history (migration, digest, release) values (2, '1/roles=', '0.2.0')",
            "the database has migration V2__more, which outboxd 0.1.0 does not know; install outboxd 0.2.0 or newer",
            "it has migration V2__more, which 0.1.0 does not know; install outboxd 0.2.0 or newer",
        ),
        ("drop schema outbox cascade", "schema outbox is not installed in this database; run `outboxd migrate`", ""),
    ];
    for (damage, found, refusal) in cases {
        let found = found.replace("0.1.0", RELEASE);
        let db = installed(shared(), "misfit");
        db.psql(damage);
        let before = everything_in(shared(), &db);
        let check = on(&db, &["migrate", "--check"]);
        expect_code(1, &check);
        expect_text(&check.stdout, &found);
        let run = on(&db, &["run", "--once"]);
        expect_code(1, &run);
        expect_text(&run.stderr, &found);
        assert_eq!(run.stdout, "");
        if !refusal.is_empty() {
            let migrate = on(&db, &["migrate"]);
            expect_code(1, &migrate);
            expect_text(&migrate.stderr, &refusal.replace("0.1.0", RELEASE));
        }
        assert_eq!(everything_in(shared(), &db), before, "{damage}");
        if refusal.is_empty() {
            expect_code(0, &on(&db, &["migrate"]));
            expect_code(0, &on(&db, &["migrate", "--check"]));
        }
    }
}

#[test]
fn other_definitions_are_a_warning_to_run_and_a_newer_release_is_not_undone() {
    let cases = [
        ("0.0.9", "come from outboxd 0.0.9, this is 0.1.0 and carries others; run `outboxd migrate`", 0),
        ("99.0.0", "come from outboxd 99.0.0, this is 0.1.0; upgrade this binary to 99.0.0", 1),
    ];
    for (release, found, code) in cases {
        let found = found.replace("0.1.0", RELEASE);
        let db = installed(shared(), "definitions");
        db.psql(&format!(
            "insert into outbox.definition_history (migration, digest, release) values (1, '1/roles=', '{release}')"
        ));
        let run = on(&db, &["run", "--once"]);
        expect_code(0, &run);
        expect_text(&run.stderr, &found);
        let check = on(&db, &["migrate", "--check"]);
        expect_code(1, &check);
        expect_text(&check.stdout, &found);
        let migrate = on(&db, &["migrate"]);
        expect_code(code, &migrate);
        if code == 1 {
            expect_text(
                &migrate.stderr,
                "and two deployments would take turns; migrate with outboxd 99.0.0 or newer",
            );
        }
    }
}

#[test]
fn check_only_reads() {
    let db = installed(shared(), "check");
    let read_only =
        [("DATABASE_URL", db.url()), ("PGOPTIONS", "-c default_transaction_read_only=on".to_owned())];
    let read_only = read_only.each_ref().map(|(name, value)| (*name, value.as_str()));
    let check = || outboxd().run(&["migrate", "--check"], &read_only);
    let current = check();
    expect_code(0, &current);
    assert_eq!(current.stdout, "the schema is current\n");
    db.psql("drop schema outbox cascade");
    let before = everything_in(shared(), &db);
    expect_code(1, &check());
    assert_eq!(everything_in(shared(), &db), before);
}
