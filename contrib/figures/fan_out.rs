//! What finding subscriptions costs a commit: many that want one object each, many that want everything, far too many.

use std::path::Path;

use crate::median;
use crate::support::{Cluster, ClusterOptions, Database, Outboxd};

/// Commits of one run, and alternating runs of each.
const COMMITS: usize = 300;
const ROUNDS: usize = 5;
const FEW: usize = 10;
const MANY: usize = 100_000;

/// One event per transaction, which one subscription of the scoped ones wants; as captures write it. `write_events()` says what a
/// commit took, in milliseconds.
const WRITER: &str = "
    create function write_event(n integer) returns integer language plpgsql as $$
    declare
        _slot smallint := outbox.slot(clock_timestamp());
        _id   bigint;
    begin
        insert into outbox.event as e (slot, type, object, object_id, data)
        values (_slot, 'Order.Update', 'Order', n::text, jsonb_build_object('orderId', n, 'status', 'APPROVED', 'amount', 12.5,
            'customer', jsonb_build_object('id', 77, 'name', 'Ada'), 'note', 'by return of post'))
        returning e.id into _id;
        return outbox.deliver(_slot, array[_id]);
    end $$;
    create procedure write_events(commits integer, inout ms double precision default 0) language plpgsql as $$
    declare
        _begun timestamptz;
    begin
        for i in -20..commits loop
            if i = 1 then _begun := clock_timestamp(); end if;
            perform write_event(1 + mod(abs(i), 10));
            commit;
        end loop;
        ms := extract(epoch from clock_timestamp() - _begun) * 1000 / commits;
    end $$;
    select outbox.define_event_type('Order.Update')";

/// How subscriptions are narrowed down: what it is called, the columns, their values.
const SCOPES: [(&str, &str, &str); 3] = [
    ("nothing", "", ""),
    ("object_id", ", object_id", ", n::text"),
    ("filter", ", filter", ", jsonb_build_object('orderId', n, 'status', 'APPROVED')"),
];

pub(crate) fn measure(outboxd: &Path) {
    let cluster = Cluster::start(&ClusterOptions {
        conf: vec!["shared_buffers = '256MB'".to_owned(), "autovacuum = off".to_owned()],
        ..ClusterOptions::default()
    });
    let outboxd = Outboxd::new(outboxd);
    println!(
        "one event, one transaction; ms per commit (median of {ROUNDS} alternating runs of {COMMITS}), no flush to disk\n"
    );
    println!("{:<12} {:>14} {:>10} {:>10}", "scoped by", "subscriptions", "ms", "more");
    for (name, columns, values) in &SCOPES[1..] {
        let databases = [FEW, MANY].map(|count| made(&cluster, &outboxd, count, columns, values));
        let [few, many] = alternately(&databases);
        println!("{name:<12} {FEW:>14} {few:>10.3}");
        println!("{name:<12} {MANY:>14} {many:>10.3} {:>10.3}", many - few);
    }
    println!("\n{:<12} {:>14} {:>10} {:>10}", "", "all match", "ms", "each");
    let databases = [0, 1, 10, 100].map(|count| made(&cluster, &outboxd, count, "", ""));
    let [none, one, ten, hundred] = alternately(&databases);
    println!("{:<12} {:>14} {none:>10.3}", "nothing", 0);
    for (count, ms) in [(1, one), (10, ten), (100, hundred)] {
        println!("{:<12} {count:>14} {ms:>10.3} {:>10.4}", "nothing", (ms - none) / f64::from(count));
    }
    let wide = made(&cluster, &outboxd, MANY, "", "");
    let [ms] = alternately(std::array::from_ref(&wide));
    println!("{:<12} {MANY:>14} {ms:>10.3} {:>10}", "nothing", "relays do");
    wide.psql("truncate outbox.delivery, outbox.fan_out");
    let expanded = wide.psql(
        "select write_event(1); create temp table t as select clock_timestamp() as begun; \
         do $$ begin while outbox.expand(1000) is not null loop commit; end loop; end $$; \
         select extract(epoch from clock_timestamp() - begun) from t",
    );
    let seconds: f64 = expanded.lines().last().unwrap_or_default().parse().expect("seconds");
    println!("\none event to {MANY} subscriptions by outbox.expand(): {seconds:.1} s");
}

/// A database with so many subscriptions.
fn made(cluster: &Cluster, outboxd: &Outboxd, count: usize, columns: &str, values: &str) -> Database {
    let database = cluster.database("fan_out");
    let url = database.url();
    assert_eq!(outboxd.run(&["migrate"], &[("DATABASE_URL", url.as_str())]).code, 0, "migrate works");
    database.psql(WRITER);
    // In parts: psql gives up on a statement after a minute.
    for from in (0..count).step_by(20_000) {
        database.psql(&format!(
            "insert into outbox.subscription (subscriber, pattern, url{columns}) \
             select 'bench', 'Order.*', 'https://localhost/' || n{values} \
             from generate_series({from} + 1, least({from} + 20000, {count})) n"
        ));
    }
    database.psql("vacuum analyze");
    database
}

/// The median of each, measured in turns.
fn alternately<const N: usize>(databases: &[Database; N]) -> [f64; N] {
    let mut runs: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (database, runs) in databases.iter().zip(&mut runs) {
            let printed = database.psql(&format!(
                "truncate outbox.delivery, outbox.fan_out, outbox.event; set synchronous_commit = off; call write_events({COMMITS})"
            ));
            runs.push(printed.trim().parse().expect("milliseconds"));
        }
    }
    runs.map(median)
}
