//! What finding subscriptions costs a commit: many that want one object each, many that want everything, far too many.

use std::path::Path;

use crate::median;
use crate::support::{Cluster, ClusterOptions, Database, Outboxd};

/// Commits of one run, and alternating runs of each.
const COMMITS: usize = 300;
const ROUNDS: usize = 5;
const FEW: usize = 10;
const MANY: usize = 100_000;

/// A watched table, and one UPDATE of one row per transaction; of scoped subscriptions one wants the event. `updates()` says what
/// a commit took, in milliseconds.
const WRITER: &str = "
    create table orders (id integer primary key, \"orderId\" integer, status text, amount numeric, customer jsonb, note text);
    insert into orders select n, n, 'APPROVED', 0, '{\"id\": 77, \"name\": \"Ada\"}', 'by return of post' from generate_series(1, 10) n;
    select outbox.watch('orders', 'Order');
    create procedure updates(commits integer, inout ms double precision default 0) language plpgsql as $$
    declare
        _begun timestamptz;
    begin
        for i in -20..commits loop
            if i = 1 then _begun := clock_timestamp(); end if;
            update orders set amount = amount + 1 where id = 1 + mod(abs(i), 10);
            commit;
        end loop;
        ms := extract(epoch from clock_timestamp() - _begun) * 1000 / commits;
    end $$";

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
        "one UPDATE of one watched row per transaction; ms per commit (median of {ROUNDS} alternating runs of {COMMITS}), no flush to disk\n"
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
        "update orders set amount = 0 where id = 1; create temp table t as select clock_timestamp() as begun; \
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
                "truncate outbox.delivery, outbox.fan_out, outbox.event; set synchronous_commit = off; call updates({COMMITS})"
            ));
            runs.push(printed.trim().parse().expect("milliseconds"));
        }
    }
    runs.map(median)
}
