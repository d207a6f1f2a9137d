//! Databases that cannot hold the schema, and one that can hold it but not change it.

use crate::installing::{
    ONE_TRANSACTION, RELEASE, apply, everything_in, expect_code, expect_text, installed, on,
};
use crate::support::{Cluster, ClusterOptions, StopMode, shared};

#[test]
fn databases_that_cannot_hold_the_schema_are_refused_before_anything_is_made() {
    // (how it is made, what is done in it, what migrate says)
    let cases = [
        (
            "template template0",
            "create schema outbox; create table outbox.mine ()",
            "schema outbox exists but outboxd did not make it (it holds table outbox.mine); rename or drop it",
        ),
        (
            "template template0 encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C'",
            "",
            "has encoding SQL_ASCII, whose text cannot be converted to UTF-8 reliably; move it to one made with \
             `createdb -E UTF8 -T template0`",
        ),
        (
            "template template0",
            "drop extension plpgsql",
            "has no PL/pgSQL; as its owner or a superuser run: create extension plpgsql;",
        ),
    ];
    for (options, preparation, refusal) in cases {
        let db = shared().database("unfit");
        shared().admin().psql(&format!("drop database {0}", db.name()));
        shared().admin().psql(&format!("create database {} {options}", db.name()));
        db.psql(preparation);
        let before = everything_in(shared(), &db);
        for arguments in [&["migrate"][..], &["uninstall", "--force"]] {
            let refused = on(&db, arguments);
            expect_code(1, &refused);
            expect_text(&refused.stderr, refusal);
        }
        let script = outboxd::schema::print(RELEASE).unwrap();
        apply(shared(), &db.url(), ONE_TRANSACTION, &script).unwrap_err();
        assert_eq!(everything_in(shared(), &db), before, "{preparation}");
    }
}

#[test]
fn a_standby_is_checked_and_never_changed() {
    let cluster = Cluster::start(&ClusterOptions::default());
    let db = installed(&cluster, "standby");
    std::fs::write(cluster.base_dir().join("data/standby.signal"), "").unwrap();
    cluster.restart(StopMode::Fast);
    assert_eq!(db.psql("select pg_is_in_recovery()"), "t");
    expect_code(0, &on(&db, &["migrate", "--check"]));
    for arguments in [&["migrate"][..], &["uninstall"]] {
        let refused = on(&db, arguments);
        expect_code(1, &refused);
        expect_text(&refused.stderr, "this server is a standby (pg_is_in_recovery); connect to the primary");
    }
}
