//! What order costs as the queue grows: draining it in the database, nothing sent, and what a claim touches.

use std::path::Path;

use serde_json::Value;

use crate::median;
use crate::support::{Cluster, ClusterOptions, Database, Outboxd};

/// Deliveries per run and alternating runs.
const DRAINED: usize = 500;
const ROUNDS: usize = 3;
const SHALLOW: usize = 1000;
const DEEP: usize = 100_000;

/// `fill()` writes so many events of so many objects, and admits them; `drain()` claims and settles until so many are delivered.
const PROCEDURES: &str = "
    create procedure fill(depth integer, objects integer) language plpgsql as $$
    begin
        truncate outbox.delivery, outbox.event, outbox.attempt, outbox.lane, outbox.lane_wake;
        with e as (
            insert into outbox.event (slot, type, object, object_id, data)
            select outbox.slot(clock_timestamp()), 'Order.Update', 'Order', (n % objects)::text, '{}' from generate_series(1, depth) n
            returning slot, id
        )
        insert into outbox.delivery (subscription, event_slot, event_id) select 1, e.slot, e.id from e order by e.id;
    end $$;
    create procedure drain(deliveries integer, inout rate double precision default 0) language plpgsql as $$
    declare
        _begun timestamptz := clock_timestamp();
        _left  integer := deliveries;
        _some  integer;
    begin
        while _left > 0 loop
            with c as materialized (select * from outbox.claim('bench', 16, '{}', '{}', 0)), s as (
                select outbox.settle('bench', false, array_agg(c.delivery), array_agg(c.attempt), array_agg(c.subscription),
                    array_agg(c.event_slot), array_agg(c.event_id), array_agg(1::float8), array_agg(1::float8),
                    array_agg('delivered'::text), array_agg(200), array_agg(null::text), array_agg(null::text), array_agg(null::text),
                    array_agg('delivered'::text), array_agg(null::float8))
                from c having count(*) > 0
            )
            select (select count(*) from c) into _some from (select count(*) from s) x;
            commit;
            _left := _left - _some;
        end loop;
        rate := (deliveries - _left) / extract(epoch from clock_timestamp() - _begun);
    end $$;
    select outbox.define_event_type('Order.Update');
    select outbox.subscribe('bench', 'Order.*', 'https://localhost/')";

pub(crate) fn measure(outboxd: &Path) {
    let cluster = Cluster::start(&ClusterOptions {
        conf: vec!["shared_buffers = '256MB'".to_owned()],
        ..ClusterOptions::default()
    });
    let outboxd = Outboxd::new(outboxd);
    let database = cluster.database("order");
    let url = database.url();
    assert_eq!(outboxd.run(&["migrate"], &[("DATABASE_URL", url.as_str())]).code, 0, "migrate works");
    database.psql(PROCEDURES);
    println!(
        "deliveries per second of claim and settle alone (median of {ROUNDS} runs of {DRAINED}), no flush to disk; as deep and of as many objects\n"
    );
    println!(
        "{:<8} {:>8} {:>8} {:>8} {:>16} {:>14}",
        "ordering", "depth", "objects", "rate", "buffers a claim", "of shallow"
    );
    for (ordering, objects) in [("none", 1), ("object", 1), ("object", 1000), ("object", DEEP), ("strict", 1)]
    {
        let shallow = line(&database, ordering, SHALLOW, objects.min(SHALLOW), None);
        line(&database, ordering, DEEP, objects, Some(shallow));
    }
}

/// Fills, drains, prints; the rate.
fn line(database: &Database, ordering: &str, depth: usize, objects: usize, shallow: Option<f64>) -> f64 {
    database.psql(&format!("update outbox.subscription set ordering = '{ordering}'"));
    let mut rates = Vec::new();
    let mut buffers = 0;
    for _ in 0..ROUNDS {
        database.psql(&format!("call fill({depth}, {objects})"));
        // What is new is admitted before, by as many claims as it takes.
        database.psql(
            "do $$ declare _before bigint := -1; _now bigint := 0; begin
                 while _now > _before loop
                     perform outbox.admit(clock_timestamp());
                     commit;
                     _before := _now;
                     select count(d.lane) into _now from outbox.delivery d;
                 end loop;
             end $$; vacuum analyze",
        );
        let printed = database.psql(&format!("set synchronous_commit = off; call drain({DRAINED})"));
        rates.push(printed.trim().parse().expect("a rate"));
        buffers = touched(database);
    }
    let rate = median(rates);
    let share = shallow.map_or_else(String::new, |shallow| format!("{:.2}", rate / shallow));
    println!("{ordering:<8} {depth:>8} {objects:>8} {rate:>8.0} {buffers:>16} {share:>14}");
    rate
}

/// Buffers of a claim that is not the first of its session.
fn touched(database: &Database) -> u64 {
    let claim = "select * from outbox.claim('bench', 16, '{}', '{}', 0)";
    let printed = database.psql(&format!("call drain(1); explain (analyze, buffers, format json) {claim};"));
    let json = printed.split_once('\n').map(|(_, rest)| rest).expect("a plan after the rate");
    let plan: Value = serde_json::from_str(json).expect("a plan in JSON");
    let node = &plan[0]["Plan"];
    ["Shared Hit Blocks", "Shared Read Blocks"].iter().filter_map(|name| node[*name].as_u64()).sum()
}
