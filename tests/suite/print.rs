//! `outboxd migrate --print`: the same installation, by the hands of a DBA.

use outboxd::schema::manifest::DEFINITIONS;
use outboxd::schema::{Manifest, migrate_from, print_from};

use crate::installing::{
    ONE_TRANSACTION, RELEASE, apply, connect, edited, everything_in, expect_code, expect_text, installed, on,
    on_migrations, outboxd, schema_of, with_definitions, with_migration,
};
use crate::support::shared;

/// The rows of both histories, without the moment.
const HISTORIES: &str = "select version, name, checksum from outbox.refinery_schema_history order by version;
    select migration, digest, release, applied_by from outbox.definition_history order by id";

fn printed() -> String {
    let output = outboxd().run(&["migrate", "--print"], &[("DATABASE_URL", "nonsense that nobody reads")]);
    expect_code(0, &output);
    assert_eq!(output.stderr, "");
    output.stdout
}

#[test]
fn the_printed_script_makes_what_migrate_makes() {
    let (by_migrate, by_psql) = (installed(shared(), "by_migrate"), shared().database("by_psql"));
    let script = printed();
    for _twice in 0..2 {
        apply(shared(), &by_psql.url(), ONE_TRANSACTION, &script).unwrap();
        assert_eq!(schema_of(shared(), &by_psql), schema_of(shared(), &by_migrate));
        assert_eq!(by_psql.psql(HISTORIES), by_migrate.psql(HISTORIES));
    }
    let before = everything_in(shared(), &by_psql);
    let check = on(&by_psql, &["migrate", "--check"]);
    expect_code(0, &check);
    assert_eq!(check.stdout, "the schema is current\n");
    let migrate = on(&by_psql, &["migrate"]);
    expect_text(&migrate.stdout, &format!("up to date with {RELEASE}"));
    assert_eq!(everything_in(shared(), &by_psql), before);
    // And the other way round.
    let before = everything_in(shared(), &by_migrate);
    apply(shared(), &by_migrate.url(), ONE_TRANSACTION, &script).unwrap();
    assert_eq!(everything_in(shared(), &by_migrate), before);
}

/// The history says that nothing changed; the catalogue says otherwise.
#[test]
fn the_script_makes_again_what_was_dropped() {
    let db = installed(shared(), "dropped");
    let before = schema_of(shared(), &db);
    db.psql("drop function outbox.seal cascade; drop view outbox.failing");
    apply(shared(), &db.url(), ONE_TRANSACTION, &printed()).unwrap();
    assert_eq!(schema_of(shared(), &db), before);
}

#[test]
fn without_a_transaction_it_changes_nothing_and_says_which_option_is_missing() {
    let db = shared().database("no_transaction");
    let before = everything_in(shared(), &db);
    for options in [&[][..], &["-v", "ON_ERROR_STOP=0"]] {
        let complaint = apply(shared(), &db.url(), options, &printed()).unwrap_err();
        expect_text(&complaint, "this script must run in one transaction");
        expect_text(&complaint, "Give psql the option -1.");
        assert_eq!(everything_in(shared(), &db), before);
    }
}

#[tokio::test]
async fn the_script_of_a_later_release_upgrades_and_watches_go_on() {
    let migrations = with_migration(
        "drop view if exists outbox.backlog; alter table outbox.delivery add column more integer;",
    );
    let newer =
        edited("functions/capture_source.sql", "-- Captures the changes of", "-- Upgraded: changes of");
    let manifest = Manifest { migrations: &migrations, definitions: &newer };
    let (upgraded, fresh) = (installed(shared(), "upgraded"), shared().database("fresh"));
    let domain = "create table customer (id int primary key);
        select outbox.watch('customer', 'Customer', history => true)";
    upgraded.psql(domain);
    apply(shared(), &upgraded.url(), ONE_TRANSACTION, &print_from(&manifest, "0.2.0").unwrap()).unwrap();
    upgraded.psql("insert into customer values (1)");
    assert_eq!(upgraded.psql("select type from outbox.event"), "Customer.Create");

    migrate_from(&manifest, &mut connect(&fresh).await.client, "0.2.0").await.unwrap();
    fresh.psql(domain);
    assert_eq!(schema_of(shared(), &upgraded), schema_of(shared(), &fresh));
}

#[tokio::test]
async fn the_script_refuses_what_migrate_refuses() {
    let two = with_migration("create table outbox.more ();");
    let other = edited("functions/payload_omitted.sql", "the data holds", "it holds");
    let script_of = |manifest: &Manifest<'_>, release| print_from(manifest, release).unwrap();
    let (this, two) = (script_of(&Manifest::BUILT_IN, RELEASE), on_migrations(&two));
    // (what is there, which script, what it says)
    let cases = [
        (
            "create schema outbox; create table outbox.mine ()",
            &this,
            "schema outbox exists but outboxd did not make it",
        ),
        ("edited", &this, "migration V1__outbox was edited after it was applied"),
        ("two", &this, "migration V2__more is unknown to this release: use a newer one"),
        ("gap", &script_of(&two, "0.2.0"), "migration V1__outbox was never applied although later ones were"),
        (
            "newer",
            &script_of(&with_definitions(&other), RELEASE),
            "the functions in this database come from outboxd 99.0.0, which is newer",
        ),
    ];
    for (there, script, refusal) in cases {
        let db = shared().database("refused_script");
        let mut session = connect(&db).await;
        match there {
            "edited" | "newer" => {
                let release = if there == "newer" { "99.0.0" } else { RELEASE };
                let built_in = with_definitions(DEFINITIONS);
                migrate_from(&built_in, &mut session.client, release).await.unwrap();
            }
            "two" | "gap" => drop(migrate_from(&two, &mut session.client, "0.2.0").await.unwrap()),
            sql => drop(db.psql(sql)),
        }
        match there {
            "edited" => drop(db.psql("update outbox.refinery_schema_history set checksum = '1'")),
            "gap" => drop(db.psql("delete from outbox.refinery_schema_history where version = 1")),
            _ => {}
        }
        let before = everything_in(shared(), &db);
        let complaint = apply(shared(), &db.url(), ONE_TRANSACTION, script).unwrap_err();
        expect_text(&complaint, refusal);
        assert_eq!(everything_in(shared(), &db), before, "{there}");
    }
}

#[test]
fn an_owner_without_further_rights_can_apply_it_and_a_stranger_cannot() {
    let db = shared().database_owned_by("script_owner");
    apply(shared(), &db.url_as("script_owner"), ONE_TRANSACTION, &printed()).unwrap();
    expect_code(0, &on(&db, &["migrate", "--check"]));
    db.psql_as("script_owner", "create table t (id int primary key); select outbox.watch('t', 'Thing')");
    db.psql("create role script_stranger login");
    let complaint = apply(shared(), &db.url_as("script_stranger"), ONE_TRANSACTION, &printed()).unwrap_err();
    expect_text(&complaint, "schema outbox belongs to script_owner, not to script_stranger");
}
