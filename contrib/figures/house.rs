//! What keeping house costs: a leaf of a million events of which ten thousand are needed, a round with nothing to do, the views.

use std::path::Path;
use std::time::Instant;

use crate::support::{Cluster, ClusterOptions, Database, Outboxd};

/// Events three days old, with their attempts; every hundredth delivery is still open.
const FILL: &str = "
    insert into outbox.event (slot, id, uid, type, object, object_id, occurred_at, data)
    select outbox.slot(now() - interval '3 days'), n, gen_random_uuid(), 'A', 'Thing', n::text, now() - interval '3 days',
        jsonb_build_object('n', n, 'text', repeat('x', 150))
    from generate_series(1, 1000000) n;
    insert into outbox.delivery (subscription, event_slot, event_id, attempt)
    select 1, outbox.slot(now() - interval '3 days'), n, 1 from generate_series(100, 1000000, 100) n;
    insert into outbox.attempt (slot, delivery, attempt, subscription, event_slot, event_id, started_at, duration_ms, class, outcome)
    select outbox.slot(now() - interval '3 days'), coalesce(d.id, 10000000 + n), 1, 1, outbox.slot(now() - interval '3 days'), n,
        now() - interval '3 days', 5, 'delivered', case when d.id is null then 'delivered' end
    from generate_series(1, 1000000) n left join outbox.delivery d on d.event_id = n;
    insert into outbox.attempt (slot, delivery, attempt, subscription, event_slot, event_id, started_at, duration_ms, class, outcome)
    select outbox.slot(at), 20000000 + n, 1, 1, 0, n, at, 5, 'delivered', 'delivered'
    from (select n, now() - (1000000 - n) * interval '6 ms' as at from generate_series(1, 1000000) n) x;
    update outbox.setting set retention = '1 hour'";

pub(crate) fn measure(outboxd: &Path) {
    let cluster = Cluster::start(&ClusterOptions {
        fsync: true,
        conf: vec!["shared_buffers = '512MB'".to_owned(), "max_wal_size = '8GB'".to_owned()],
        ..ClusterOptions::default()
    });
    let database = cluster.database("house");
    let url = database.url();
    assert_eq!(Outboxd::new(outboxd).run(&["migrate"], &[("DATABASE_URL", &url)]).code, 0, "migrate works");
    database.psql("select outbox.define_event_type('A'), outbox.subscribe('s', 'A', 'https://localhost/')");
    for statement in FILL.split_inclusive(';') {
        database.psql(statement);
    }
    database.psql("vacuum analyze");

    let plan = "explain (analyze, timing off, summary on) select * from outbox.backlog";
    println!(
        "backlog with 1,000,000 attempts today, 10,000 in the last minute, 10,000 open: {} ms",
        time_of(&database, plan)
    );
    let history = "explain (analyze, timing off, summary on) select * from outbox.delivery_history where event_id = 4711 and subscription = 1";
    println!("delivery_history of one event: {} ms", time_of(&database, history));
    let mut steps = 0;
    let begin = Instant::now();
    loop {
        let step = Instant::now();
        let said = database.psql("select leaf, step, moved from outbox.turn_ring()");
        if said == "||" {
            break;
        }
        println!("{:>8.0} ms  {said}", step.elapsed().as_secs_f64() * 1000.0);
        steps += 1;
    }
    println!(
        "two leaves of 1,000,000 rows, 10,000 of each needed: {steps} steps, {:.2} s",
        begin.elapsed().as_secs_f64()
    );
    let purge = "explain (analyze, timing off, summary on) select * from outbox.purge_old()";
    println!("purge_old with 20,000 kept rows, all needed: {} ms", time_of(&database, purge));
    for call in [
        "outbox.turn_ring()",
        "outbox.take_duty('housekeeping', 'bench', '40 s')",
        "outbox.report_relay('bench', 'host', 1, 'x', 'kept')",
        "outbox.cancel_gone(1000)",
    ] {
        let warm = format!(
            "select * from {call}; explain (analyze, buffers, timing off, summary on) select * from {call}"
        );
        println!("{call} with nothing to do: {} ms", time_of(&database, &warm));
    }
}

/// Execution time of the statement that is explained last, in milliseconds.
fn time_of(database: &Database, explain: &str) -> String {
    let printed = database.psql(explain);
    let line = printed.lines().rev().find_map(|line| line.strip_prefix("Execution Time: "));
    line.and_then(|line| line.strip_suffix(" ms")).expect("explain (summary on) tells the time").to_owned()
}
