//! What a claim touches as subscriptions that have nothing to do grow in number.

use std::path::Path;

use serde_json::Value;

use crate::support::{Cluster, ClusterOptions, Database, Outboxd};

pub(crate) fn measure(outboxd: &Path) {
    let cluster = Cluster::start(&ClusterOptions::default());
    let outboxd = Outboxd::new(outboxd);
    println!(
        "{:>20} {:>14} {:>16} {:>16} {:>12} {:>22}",
        "idle subscriptions", "breakers open", "open deliveries", "buffers touched", "ms", "an empty one, ms"
    );
    for (idle, broken) in [(10, 0), (10_000, 0), (100_000, 0), (10, 100)] {
        let database = cluster.database("claim");
        let url = database.url();
        assert_eq!(outboxd.run(&["migrate"], &[("DATABASE_URL", url.as_str())]).code, 0, "migrate works");
        database.psql("create table item (id integer primary key)");
        database.psql("select outbox.watch('item', 'Item'), outbox.define_event_type('Other')");
        database.psql(&format!(
            "insert into outbox.subscription (subscriber, pattern, url) \
             select 'idle', 'Other', 'https://localhost/' || n from generate_series(1, {idle}) n"
        ));
        database.psql(
            "insert into outbox.subscription (subscriber, pattern, url) \
             select 'busy', 'Item.*', 'https://localhost/' || n from generate_series(1, 50) n",
        );
        database.psql("insert into item select n from generate_series(1, 1000) n");
        // A thousand due deliveries behind each breaker.
        database.psql(&format!(
            "insert into outbox.subscription (subscriber, pattern, url) \
             select 'broken', 'Other', 'https://localhost/broken/' || n from generate_series(1, {broken}) n; \
             insert into outbox.delivery (subscription, event_slot, event_id) \
             select s.id, e.slot, e.id from outbox.subscription s, (select * from outbox.event limit 1) e, generate_series(1, 1000) \
             where s.subscriber = 'broken'; \
             insert into outbox.subscription_health (subscription, consecutive_failures, breaker_opened, held_since, held_until, held_why) \
             select id, 10, 1, clock_timestamp(), clock_timestamp() + interval '1 hour', 'breaker' \
             from outbox.subscription where subscriber = 'broken'"
        ));
        database.psql("vacuum analyze");
        // The first call of a session also reads the catalogue.
        let plan = explain(&database);
        println!(
            "{idle:>20} {broken:>14} {:>16} {:>16} {:>12.1} {:>22.2}",
            database.psql("select count(*) from outbox.delivery"),
            plan.0,
            plan.1,
            empty(&database)
        );
    }
}

/// Milliseconds of a claim that finds nothing, while 50 busy ones have all they may: the least of several.
fn empty(database: &Database) -> f64 {
    // As a constant: looking for them takes longer than the claim.
    let busy = database.psql("select array_agg(id) from outbox.subscription where subscriber = 'busy'");
    let explained = format!(
        "explain (analyze, format json) select * from outbox.claim('bench', 256, '{busy}', array_fill(16, array[50]), 0);"
    );
    let printed = database.psql(&explained.repeat(10));
    let plans = serde_json::Deserializer::from_str(&printed).into_iter::<Value>();
    let times = plans.filter_map(|plan| plan.ok()?[0]["Execution Time"].as_f64());
    times.fold(f64::INFINITY, f64::min)
}

/// Buffers and milliseconds of the second claim of a session: 256 deliveries of 50 busy subscriptions.
fn explain(database: &Database) -> (u64, f64) {
    let claim = "select * from outbox.claim('bench', 256, '{}', '{}', 0)";
    let printed = database
        .psql(&format!("select count(*) from ({claim}) c; explain (analyze, buffers, format json) {claim};"));
    let json = printed.split_once('\n').map(|(_, rest)| rest).expect("a plan after the count");
    let plan: Value = serde_json::from_str(json).expect("a plan in JSON");
    let node = &plan[0]["Plan"];
    let buffers =
        ["Shared Hit Blocks", "Shared Read Blocks"].iter().filter_map(|name| node[*name].as_u64()).sum();
    (buffers, plan[0]["Execution Time"].as_f64().unwrap_or(0.0))
}
