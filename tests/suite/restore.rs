//! Dumps and restores by the commands of the README, word by word, and copies that must not deliver.

use std::collections::HashSet;
use std::env::join_paths;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::catalogue;
use crate::installing::{can_dump_or_says_so, expect_code, expect_text, on};
use crate::markdown::blocks_of;
use crate::stage::{SOON, Stage, outboxd};
use crate::support::{Cluster, ClusterOptions, Database, Output, RelayProcess, shared, verify_signature};

/// Everything that a data-only restore brings.
const ROWS: &str = "select string_agg(t::text, E'\\n' order by t::text) from (
    select 'event', to_jsonb(e) from outbox.event e union all select 'delivery', to_jsonb(d) from outbox.delivery d union all
    select 'attempt', to_jsonb(a) from outbox.attempt a union all select 'dead', to_jsonb(l) from outbox.dead_letter l union all
    select 'subscription', to_jsonb(s) from outbox.subscription s union all
    select 'key', to_jsonb(k) from outbox.signing_key k union all select 'type', to_jsonb(t) from outbox.event_type t union all
    select 'watch', to_jsonb(w) from outbox.watch w union all select 'order', to_jsonb(o) from orders o union all
    select 'tag', to_jsonb(t) from tag t) t";

/// What refuses a copy.
const REFUSED: &str = "this database is a copy of another and must not deliver: its home is ";

/// The statements and commands of the README's section, one per block.
fn recipe() -> Vec<String> {
    blocks_of("README.md", "Dumps, restores, copies").into_iter().map(|block| block.text).collect()
}

/// A cluster whose databases are named as in the README.
struct House {
    cluster: Cluster,
}

impl House {
    fn new() -> Self {
        Self { cluster: Cluster::start(&ClusterOptions::default()) }
    }

    /// A database by its name.
    fn database(&self, name: &str) -> Database {
        self.cluster.admin().named(name)
    }

    /// Runs a block of the README as an administrator would, in a directory.
    fn run(&self, block: &str, directory: &Path) {
        let ours = [self.cluster.bin("pg_dump"), PathBuf::from(env!("CARGO_BIN_EXE_outboxd"))];
        let inherited = std::env::var_os("PATH").unwrap();
        let path = ours.iter().filter_map(|program| program.parent().map(Path::to_owned));
        let path = path.chain(std::env::split_paths(&inherited));
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", block])
            .env_clear()
            .env("LC_ALL", "C")
            .env("PATH", join_paths(path).unwrap())
            .env("PGHOST", self.cluster.socket_dir())
            .env("PGPORT", self.cluster.port().to_string())
            .env("PGUSER", "postgres")
            .current_dir(directory)
            .output()
            .unwrap();
        assert!(output.status.success(), "{block}\n{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{block}");
    }
}

/// A shop in the middle of its work: delivered, dead, cancelled and open deliveries.
fn shop(house: &House) -> Stage {
    let stage = Stage::on(&house.cluster, "work");
    stage.db.psql(
        "create table tag (code text primary key, kind int);
         select outbox.watch('tag', 'Tag', id => 'upper(code)', history => true, row_bytes_max => 2048);
         select outbox.define_event_type('Shop.Opened', 'Somebody turned the key')",
    );
    stage.subscribe("max_attempts => 1");
    stage.db.psql(
        "insert into orders select i, 'new' from generate_series(1, 5) i; insert into tag values ('a', 1)",
    );
    assert_eq!(stage.once().code, 0);
    let refusing = stage.subscribe_url("https://127.0.0.1:1/", "max_attempts => 1");
    stage.db.psql(&format!("select outbox.ping({refusing})"));
    assert_eq!(stage.once().code, 0);
    stage.db.psql(&format!("delete from outbox.subscription where id = {refusing}"));
    stage.db.psql("update orders set note = 'paid'; update tag set kind = 2");
    assert_eq!((stage.count("outbox.delivery"), stage.count("outbox.dead_letter")), (6, 1));
    stage.receiver.clear();
    let name = stage.db.name().to_owned();
    house.cluster.admin().psql(&format!("alter database {name} rename to shop"));
    stage
}

fn relay_once(stage: &Stage, db: &Database) -> Output {
    let url = db.url();
    let identities = stage.identities().to_str().unwrap();
    outboxd().run(&["run", "--once", "--database-url", &url, "--identities", identities], &[])
}

fn relay_on_as(stage: &Stage, role: &str) -> RelayProcess {
    let url = stage.db.url_as(role);
    let identities = stage.identities().to_str().unwrap();
    outboxd().spawn(&["run", "--database-url", &url, "--identities", identities, "--poll-ms", "20"], &[])
}

/// The copy holds its tongue until it is adopted, then delivers what is open, and its watches work. The original has not
/// noticed.
fn expect_a_silent_copy(stage: &Stage, shop: &Database, copy: &Database) {
    let refused = relay_once(stage, copy);
    expect_code(1, &refused);
    expect_text(&refused.stderr, REFUSED);
    expect_text(&refused.stderr, "select outbox.adopt_database()");
    copy.psql("insert into orders values (50, 'in the copy'); insert into tag values ('b', 1)");
    let claim = "select * from outbox.claim('r', 9, '{}', '{}', 0)";
    assert_eq!(copy.try_psql(claim).unwrap_err().sqlstate, "OX020");
    assert_eq!(
        (stage.receiver.count(), copy.psql("select max(attempt) from outbox.delivery").as_str()),
        (0, "0")
    );

    copy.psql("select outbox.adopt_database(); select outbox.adopt_database()");
    assert_eq!(relay_once(stage, copy).stdout, "delivered 8, will retry 0, dead 0, cancelled 0\n");
    let newest = "select object_id from outbox.event order by id desc limit 2";
    assert_eq!(copy.psql(newest), "B\n50", "both watches work");
    assert_eq!(stage.receiver.count(), 8);
    stage.receiver.clear();
    assert_eq!(relay_once(stage, shop).stdout, "delivered 6, will retry 0, dead 0, cancelled 0\n");
    assert_eq!(stage.receiver.count(), 6);
}

/// Objects and rows. A view that was printed and read back names a column once more.
fn everything_in(db: &Database) -> String {
    catalogue::everything(db).replace("::text AS text", "::text")
}

/// The lines that only one of two texts has.
fn difference<'a>(one: &'a str, other: &'a str) -> Vec<&'a str> {
    let (ones, others): (HashSet<&str>, HashSet<&str>) = (one.lines().collect(), other.lines().collect());
    ones.symmetric_difference(&others).copied().collect()
}

/// The house itself, and another one that has the roles.
fn both(house: House) -> [(House, Option<House>); 2] {
    let other = House::new();
    other
        .cluster
        .admin()
        .psql("create role outbox_admin; create role outbox_builder; create role outbox_relay; create role outbox_reader");
    [(house, None), (House::new(), Some(other))]
}

#[test]
fn a_full_dump_restores_in_the_same_and_in_another_cluster() {
    if !can_dump_or_says_so(shared(), "full dump and restore") {
        return;
    }
    for (house, other) in both(House::new()) {
        let (stage, files) = (shop(&house), tempfile::tempdir().unwrap());
        let shop = house.database("shop");
        let before = everything_in(&shop);
        house.run(&recipe()[1], files.path());
        let target = other.as_ref().unwrap_or(&house);
        target.run(&recipe()[2], files.path());
        let copy = target.database("shop_copy");
        assert_eq!(difference(&before, &everything_in(&copy)), [""; 0]);
        expect_a_silent_copy(&stage, &shop, &copy);
    }
}

#[test]
fn a_dump_without_signing_secrets_restores_and_each_subscription_is_given_one() {
    if !can_dump_or_says_so(shared(), "dump without signing secrets") {
        return;
    }
    let house = House::new();
    let (stage, files) = (shop(&house), tempfile::tempdir().unwrap());
    let shop = house.database("shop");
    let secret = shop.psql("select encode(secret, 'hex') from outbox.signing_key");
    let blocks = blocks_of("README.md", "Secrets");
    house.run(&blocks[0].text, files.path());
    house.run(&recipe()[2], files.path());
    let copy = house.database("shop_copy");
    assert!(!everything_in(&copy).contains(&secret) && everything_in(&shop).contains(&secret));
    assert_eq!(copy.try_psql("select outbox.signing_secret(1)").unwrap_err().sqlstate, "OX028");
    let made = copy.psql(&blocks[1].text);
    assert_eq!(made, format!("1|acme|{}", copy.psql("select outbox.signing_secret(1)")));
    copy.psql("select outbox.adopt_database()");
    assert!(relay_once(&stage, &copy).stdout.starts_with("delivered 6,"));
    let (_, made) = made.rsplit_once('|').unwrap();
    verify_signature(made, &stage.receiver.requests()[0]).unwrap();
}

#[test]
fn rows_alone_restore_into_a_database_that_was_migrated() {
    if !can_dump_or_says_so(shared(), "dump and restore of rows alone") {
        return;
    }
    for (house, other) in both(House::new()) {
        let (stage, files) = (shop(&house), tempfile::tempdir().unwrap());
        let shop = house.database("shop");
        let before = shop.psql(ROWS);
        let target = other.as_ref().unwrap_or(&house);
        target.cluster.admin().psql("create database shop_copy");
        let copy = target.database("shop_copy");
        // Watches of another order than the original's, as the application's own migrations may make them.
        expect_code(0, &on(&copy, &["migrate"]));
        copy.psql(
            "create table tag (code text primary key, kind int);
             create table orders (id bigint primary key, note text, total numeric, detail jsonb);
             select outbox.watch('tag', 'Label'), outbox.watch('orders', 'Order'), outbox.watch('orders', 'Sale')",
        );
        copy.psql(&recipe()[3]);
        house.run(&recipe()[4], files.path());
        target.run(&recipe()[5], files.path());
        assert_eq!(copy.psql(ROWS), before, "each row as it was, and none announced anew");
        copy.psql(&recipe()[6]);
        assert_eq!(copy.psql(ROWS), before, "the watches are what they were");
        assert_eq!(
            copy.psql("select count(*) from pg_trigger where tgenabled <> 'O' or tgname ~ 'outbox_3'"),
            "0"
        );
        expect_code(0, &on(&copy, &["migrate", "--check"]));
        expect_a_silent_copy(&stage, &shop, &copy);
        assert_eq!(
            copy.psql("select outbox.ping(outbox.subscribe('new', '*', 'https://example.com/')) is null"),
            "f"
        );
        copy.psql("select outbox.unwatch('tag'), outbox.unwatch('orders')");
    }
}

#[test]
fn an_application_restores_without_its_outbox() {
    if !can_dump_or_says_so(shared(), "dump without the outbox") {
        return;
    }
    let (house, files) = (House::new(), tempfile::tempdir().unwrap());
    let _stage = shop(&house);
    house.run(&recipe()[7], files.path());
    let copy = house.database("shop_copy");
    assert_eq!(copy.psql("update orders set note = 'seen'; select count(*) from orders"), "5");
    assert_eq!(copy.psql("select to_regnamespace('outbox') is null, count(*) from pg_trigger"), "t|0");
}

#[test]
fn a_copy_by_template_is_refused_and_a_rename_is_no_copy() {
    let stage = Stage::new("homely");
    stage.subscribe("");
    stage.emit(3);
    let (admin, name) = (shared().admin(), stage.db.name().to_owned());
    admin.psql(&format!("create database {name}_copy template {name}"));
    let copy = admin.named(&format!("{name}_copy"));
    let refused = relay_once(&stage, &copy);
    expect_code(1, &refused);
    expect_text(&refused.stderr, REFUSED);
    expect_code(0, &on(&copy, &["migrate"]));
    // Also while nothing is due.
    copy.psql("update outbox.delivery set due_at = clock_timestamp() + '1 hour'");
    expect_text(&relay_once(&stage, &copy).stderr, REFUSED);
    let named = "select home = d.oid || '/' || c.system_identifier from outbox.setting, pg_database d, pg_control_system() c
        where d.datname = current_database()";
    assert_eq!(stage.db.psql(named), "t");
    // A cluster restored elsewhere keeps the OID of each of its databases.
    stage.db.psql("update outbox.setting set home = split_part(home, '/', 1) || '/4711'");
    expect_code(1, &relay_once(&stage, &stage.db));
    assert_eq!(stage.receiver.count(), 0);
    stage.db.psql("select outbox.adopt_database()");
    admin.psql(&format!("alter database {name} rename to {name}_renamed"));
    let renamed = admin.named(&format!("{name}_renamed"));
    assert_eq!(relay_once(&stage, &renamed).stdout, "delivered 3, will retry 0, dead 0, cancelled 0\n");
}

#[test]
fn a_running_relay_stops_where_it_is_disarmed_and_goes_on_where_it_is_adopted() {
    let stage = Stage::new("disarmed");
    stage.subscribe("");
    stage.db.psql("create role disarmed_relay login in role outbox_relay; create role disarmed_admin login in role outbox_admin");
    let relay = relay_on_as(&stage, "disarmed_relay");
    stage.emit(1);
    stage.receiver.wait_for(1, SOON);
    stage.wait_until_drained();
    let block = &recipe()[0];
    let (disarm, adopt) = block.split_once('\n').unwrap();
    stage.db.psql_as("disarmed_admin", disarm);
    stage.emit(2);
    relay.wait_for_line(&format!("{REFUSED}'none'"), SOON);
    assert_eq!((stage.receiver.count(), stage.count("outbox.delivery where attempt = 0")), (1, 2));
    stage.db.psql_as("disarmed_admin", adopt);
    stage.receiver.wait_for(3, SOON);
    stage.wait_until_drained();
    assert!(relay.is_running());
    let denied = stage.db.try_psql_as("disarmed_relay", "select outbox.adopt_database()").unwrap_err();
    assert_eq!(denied.sqlstate, "42501");
}

#[test]
fn where_the_cluster_does_not_say_who_it_is_the_database_does() {
    let cluster = Cluster::start(&ClusterOptions::default());
    let stage = Stage::on(&cluster, "shy");
    let owner = "shy_owner";
    stage
        .db
        .psql(&format!("create role {owner}; revoke execute on function pg_control_system() from public"));
    assert_eq!(
        stage.db.psql(&format!(
            "alter function outbox.home() security definer; alter function outbox.home() owner to {owner}; \
             select outbox.home() = oid::text from pg_database where datname = current_database()"
        )),
        "t"
    );
}
