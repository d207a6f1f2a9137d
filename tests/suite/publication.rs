//! A database all of whose tables are published, as for logical replication of all of it.

use crate::installing::{expect_code, on};
use crate::stage::{HASTY, Stage};
use crate::support::{Cluster, ClusterOptions, Reply};

/// Tables of schema outbox that a publication could not name a row of.
const NAMELESS: &str = "select c.oid::regclass from pg_class c
    where c.relnamespace = 'outbox'::regnamespace and c.relkind in ('r', 'p') and not exists (
        select from pg_index i where i.indrelid = c.oid and i.indisprimary)";

#[test]
fn everything_works_while_all_tables_are_published() {
    let conf = vec!["wal_level = logical".to_owned()];
    let cluster = Cluster::start(&ClusterOptions { conf, ..ClusterOptions::default() });
    let stage = Stage::on(&cluster, "published");
    let db = &stage.db;
    assert_eq!(db.psql(NAMELESS), "", "each table has a primary key");
    db.psql("create publication everything for all tables");

    let subscription = stage.subscribe(&format!("max_attempts => 1, {HASTY}"));
    db.psql(
        "insert into orders select i, 'new' from generate_series(1, 20) i; update orders set note = 'paid';
         update orders set id = id + 100 where id = 20; delete from orders where id > 10;
         create table typed (code text not null, n int); create unique index on typed (code);
         alter table typed replica identity using index typed_code_idx;
         select outbox.watch('typed', 'Typed', id => 'code');
         insert into typed values ('a', 1); update typed set n = 2; delete from typed;
         select outbox.define_event_type('Shop.Opened'); select outbox.emit('Shop.Opened', '{}')",
    );
    db.psql(&format!("select outbox.ping({subscription})"));
    let written = stage.count("outbox.delivery");
    assert_eq!(written, 20 + 20 + 2 + 10 + 3 + 1 + 1);
    stage.receiver.reply(Reply::status(500));
    assert_eq!(stage.once().code, 0);
    assert_eq!((stage.count("outbox.dead_letter"), stage.count("outbox.delivery")), (written, 0));
    stage.receiver.reply(Reply::default());
    db.psql("select outbox.retry(delivery) from outbox.dead_letter");
    assert_eq!(stage.once().code, 0);
    assert_eq!(stage.count("outbox.attempt where outcome = 'delivered'"), written);

    db.psql(
        "update outbox.subscription set status = 'paused', headers = '{\"X\": \"1\"}'; insert into orders values (900);
         update outbox.setting set http_allowed = true; delete from outbox.subscription",
    );
    assert_eq!(stage.once().code, 0);
    assert_eq!(stage.count("outbox.attempt where outcome = 'cancelled'"), 1);
    db.psql("select outbox.unwatch('orders'); insert into orders values (901); drop table typed");

    // Not ours: a table whose rows have no name for the subscribers of the publication is refused by Postgres.
    db.psql("create table plain (n int); select outbox.watch('plain', 'Plain', id => 'n'); insert into plain values (1)");
    let refused = db.try_psql("update plain set n = 2").unwrap_err();
    assert_eq!(refused.sqlstate, "55000", "{}", refused.raw);
    assert!(refused.message.contains("does not have a replica identity"), "{}", refused.message);
    expect_code(0, &on(db, &["migrate"]));
    expect_code(0, &on(db, &["uninstall", "--force"]));
}
