//! Upgrades to releases that do not exist yet, by the library that `outboxd migrate` calls.

use outboxd::schema::manifest::{DEFINITIONS, MIGRATIONS};
use outboxd::schema::{
    INSTALL_LOCK, Manifest, Migrated, SchemaError, SchemaState, check, check_against, migrate_from,
};

use crate::installing::{
    RELEASE, SOON, assert_unlocked, connect, connect_as, edited, everything_in, expect_text, installed,
    on_migrations, with_definitions, with_migration,
};
use crate::support::shared;

#[tokio::test]
async fn a_history_with_a_gap_is_not_filled() {
    let db = shared().database("gap");
    let migrations = with_migration("create table outbox.more ()");
    let manifest = on_migrations(&migrations);
    let mut session = connect(&db).await;
    migrate_from(&manifest, &mut session.client, "0.2.0").await.unwrap();
    db.psql("delete from outbox.refinery_schema_history where version = 1");
    let refused = migrate_from(&manifest, &mut session.client, "0.2.0").await.unwrap_err().to_string();
    expect_text(&refused, "migration V1__outbox was never applied to this database although later ones were");
    let found = check_against(&manifest, &session.client, "0.2.0").await.unwrap();
    expect_text(&found.to_string(), "migration V1__outbox is not on record although later ones are");
    assert!(!found.fit_to_run());
    assert_unlocked(&db);
}

#[tokio::test]
async fn a_view_that_a_migration_drops_comes_back() {
    let db = installed(shared(), "heals");
    let mut session = connect(&db).await;
    let migrations = with_migration("drop view outbox.backlog;");
    let upgraded = migrate_from(&on_migrations(&migrations), &mut session.client, "0.2.0").await.unwrap();
    assert_eq!(
        (upgraded.migrations_applied, upgraded.definitions_applied),
        (vec!["V2__more".to_owned()], true)
    );
    assert_eq!(db.psql("select count(*) from outbox.backlog"), "0");
    assert_eq!(db.psql("select has_table_privilege('outbox_reader', 'outbox.backlog', 'select')"), "t");
}

#[tokio::test]
async fn an_edit_and_its_revert_are_both_applied() {
    let db = installed(shared(), "revert");
    let mut session = connect(&db).await;
    let changed = edited("functions/payload_omitted.sql", "the data holds", "it holds");
    let said = "select outbox.payload_omitted(1) ->> 'payload_omitted'";
    let original = db.psql(said);
    let (edit, revert) = (with_definitions(&changed), with_definitions(DEFINITIONS));
    for (manifest, release, text) in [
        (&edit, "0.2.0", original.replace("the data holds", "it holds")),
        (&revert, "0.2.1", original.clone()),
    ] {
        let found = check_against(manifest, &session.client, release).await.unwrap();
        assert!(
            found.fit_to_run() && matches!(found, SchemaState::DefinitionsDiffer { roles_only: false, .. })
        );
        let done = migrate_from(manifest, &mut session.client, release).await.unwrap();
        assert_eq!(done, Migrated { definitions_applied: true, ..Migrated::default() });
        assert_eq!(db.psql(said), text);
        assert_eq!(check_against(manifest, &session.client, release).await.unwrap(), SchemaState::Current);
    }
    // The same files under an older release have nothing to undo.
    let done = migrate_from(&revert, &mut session.client, RELEASE).await.unwrap();
    assert_eq!(done, Migrated::default());
}

#[tokio::test]
async fn what_fails_leaves_what_was_there() {
    let db = installed(shared(), "fails");
    let mut session = connect(&db).await;
    let migrations = with_migration("create table outbox.half (); select 1/0;");
    let before = everything_in(shared(), &db);
    let failed = migrate_from(&on_migrations(&migrations), &mut session.client, "0.2.0").await.unwrap_err();
    assert_eq!(
        failed.to_string(),
        "migration V2__more failed and was rolled back, earlier ones stay applied"
    );
    assert_eq!(everything_in(shared(), &db), before);

    let broken = edited("views/failing.sql", "s.subscriber,", "s.nobody,");
    let failed = migrate_from(&with_definitions(&broken), &mut session.client, "0.2.0").await.unwrap_err();
    assert_eq!(failed.to_string(), "sql/views/failing.sql failed, so no definition was changed");
    assert_eq!(everything_in(shared(), &db), before);
    assert_unlocked(&db);
    assert_eq!(check(&session.client, RELEASE).await.unwrap(), SchemaState::Current);
    let settings = "select current_setting('lock_timeout') || current_setting('search_path')";
    let given_back: String = session.client.query_one(settings, &[]).await.unwrap().get(0);
    assert_eq!(given_back, "0\"$user\", public");
}

#[tokio::test]
async fn settings_of_one_file_do_not_reach_the_next() {
    let seen = "select current_setting('search_path') || current_setting('work_mem') || current_setting('lock_timeout')";
    let v2: &'static str = format!("create table outbox.seen as {seen} as text").leak();
    let v1: &'static str =
        format!("{}\nset search_path = public; set work_mem = '3MB';", MIGRATIONS[0].1).leak();
    let insert: &'static str = format!("insert into outbox.seen {seen}").leak();
    let manifest =
        Manifest { migrations: &[("V1__outbox", v1), ("V2__seen", v2)], definitions: &[("see.sql", insert)] };
    let db = shared().database("settings");
    migrate_from(&manifest, &mut connect(&db).await.client, RELEASE).await.unwrap();
    assert_eq!(db.psql("select * from outbox.seen"), "\"\"4MB5s\n\"\"4MB5s");
}

#[tokio::test]
async fn a_lock_that_is_held_for_a_while_is_waited_for_and_one_held_for_ever_is_named() {
    // A migration may be less patient than we are, which spares this test the 5 s.
    let migrations =
        with_migration("set lock_timeout = '20ms'; alter table outbox.delivery add column more integer;");
    let db = installed(shared(), "busy");
    let writer = db.session().await;
    writer
        .execute("begin; insert into outbox.delivery (subscription, event_slot, event_id) values (1, 0, 1)")
        .await;
    let mut session = connect(&db).await;
    let pid: i32 = session.client.query_one("select pg_backend_pid()", &[]).await.unwrap().get(0);
    let migrating = tokio::spawn({
        let migrations = migrations.clone();
        async move { migrate_from(&on_migrations(&migrations), &mut session.client, "0.2.0").await }
    });
    // Only the loser of a try is idle again with its transaction rolled back.
    let lost =
        format!("select query ilike 'rollback%' and state = 'idle' from pg_stat_activity where pid = {pid}");
    db.wait_until_async(&lost, SOON).await;
    writer.execute("rollback").await;
    assert_eq!(migrating.await.unwrap().unwrap().migrations_applied, ["V2__more"]);

    let mut session = connect(&db).await;
    writer
        .execute("begin; insert into outbox.delivery (subscription, event_slot, event_id) values (1, 0, 1)")
        .await;
    let third =
        [migrations[0], migrations[1], ("V3__again", migrations[1].1.replace(" more ", " again ").leak())];
    let busy = migrate_from(&on_migrations(&third), &mut session.client, "0.3.0").await.unwrap_err();
    assert!(matches!(busy, SchemaError::Busy { tries: 5, .. }), "{busy}");
    expect_text(&busy.to_string(), "gave up waiting for locks while applying migration V3__again, 5 times");
    writer.execute("rollback").await;
    assert_unlocked(&db);
}

#[tokio::test]
async fn time_outs_of_the_role_do_not_cut_the_wait_for_another_installer() {
    let db = shared().database("impatient");
    shared().admin().psql(
        "create role impatient superuser login;
         alter role impatient set statement_timeout = '500ms'; alter role impatient set lock_timeout = '500ms'",
    );
    let other = db.session().await;
    other.execute(&format!("select pg_advisory_lock({INSTALL_LOCK})")).await;
    let mut session = connect_as(&db, "impatient").await;
    let pid: i32 = session.client.query_one("select pg_backend_pid()", &[]).await.unwrap().get(0);
    let migrating = tokio::spawn(async move {
        migrate_from(&Manifest::BUILT_IN, &mut session.client, RELEASE).await.map(|_| session)
    });
    db.wait_until_locked_out(pid, SOON).await;
    let outlasted =
        format!("select clock_timestamp() - query_start > '1 s' from pg_stat_activity where pid = {pid}");
    db.wait_until_async(&outlasted, SOON).await;
    other.execute("select pg_advisory_unlock_all()").await;
    let session = migrating.await.unwrap().unwrap();
    let given_back: String = session.client.query_one("show statement_timeout", &[]).await.unwrap().get(0);
    assert_eq!(given_back, "500ms");
}

#[tokio::test]
async fn watches_go_on_capturing_through_an_upgrade_by_what_the_new_release_writes() {
    let db = installed(shared(), "upgrade");
    db.psql(
        "create table customer (id int primary key, name text);
         select outbox.watch('customer', 'Customer', history => true, mode => 'each')",
    );
    let writer = db.session().await;
    writer.execute("insert into customer values (1, 'a'); begin; insert into customer values (2, 'b')").await;
    let newer =
        edited("functions/capture_source.sql", "-- Captures the changes of", "-- Upgraded: changes of");
    // The writer's transaction is still open: the upgrade must not wait for it, nor it for the upgrade.
    let done =
        migrate_from(&with_definitions(&newer), &mut connect(&db).await.client, "0.2.0").await.unwrap();
    assert!(done.definitions_applied);
    expect_text(
        &db.psql("select prosrc from pg_proc where proname = 'capture_1'"),
        "-- Upgraded: changes of",
    );
    writer
        .execute("update customer set name = 'c' where id = 2; commit; delete from customer where id = 1")
        .await;
    assert_eq!(
        db.psql("select type, object_id, data ->> 'name' from outbox.event order by id"),
        "Customer.Create|1|a\nCustomer.Create|2|b\nCustomer.Update|2|c\nCustomer.Delete|1|a"
    );
    assert_eq!(db.psql("select count(*) from outbox.broken_watch"), "0");
    let execute = "select has_function_privilege('public', 'outbox.capture_1()', 'execute')";
    assert_eq!(db.psql(execute), "f");
}
