//! What capture costs a writer.

use std::path::Path;

use crate::support::{Cluster, ClusterOptions, Database, Outboxd};
use crate::{median, pgbench};

/// Alternating runs of each.
const ROUNDS: usize = 3;
const SECONDS: u32 = 5;
const CLIENTS: u32 = 16;

pub(crate) fn measure(outboxd: &Path) {
    let cluster = Cluster::start(&ClusterOptions {
        fsync: true,
        conf: vec!["shared_buffers = '256MB'".to_owned(), "max_wal_size = '4GB'".to_owned()],
        ..ClusterOptions::default()
    });
    let database = cluster.database("capture");
    let outboxd = Outboxd::new(outboxd);
    let url = database.url();
    assert_eq!(outboxd.run(&["migrate"], &[("DATABASE_URL", url.as_str())]).code, 0, "migrate works");
    for table in ["unwatched", "unheard", "watched"] {
        pgbench::make_table(&database, table);
    }
    database.psql("select outbox.watch('unheard', 'Unheard'), outbox.watch('watched', 'Watched')");
    for n in 1..=2 {
        database.psql(&format!("select outbox.subscribe('bench', 'Watched.*', 'https://localhost/{n}')"));
    }
    let files = tempfile::tempdir().expect("a temporary folder");
    println!(
        "unwatched: no trigger; unheard: watched, no subscription; watched: two subscriptions, both deliveries written\n"
    );
    println!(
        "single-row UPDATEs per second, {CLIENTS} clients (median of {ROUNDS} alternating runs of {SECONDS} s)"
    );
    compare(|table| {
        clear(&database);
        pgbench::update(&cluster, &database, files.path(), table, CLIENTS, SECONDS).tps
    });
    println!("UPDATE of 20,000 rows, statements per second");
    compare(|table| bulk(&database, table));
}

fn compare(measure: impl Fn(&str) -> f64) {
    let tables = ["unwatched", "unheard", "watched"];
    let mut figures = vec![Vec::new(); tables.len()];
    for _ in 0..ROUNDS {
        for (table, figures) in tables.iter().zip(&mut figures) {
            figures.push(measure(table));
        }
    }
    let figures: Vec<f64> = figures.into_iter().map(median).collect();
    for (table, figure) in tables.iter().zip(&figures) {
        println!("  {table:<10} {figure:>10.2}   {:>4.0} %", 100.0 * figure / figures[0]);
    }
}

fn clear(database: &Database) {
    database.psql("delete from outbox.delivery; truncate outbox.event; vacuum outbox.delivery; checkpoint");
}

fn bulk(database: &Database, table: &str) -> f64 {
    clear(database);
    let printed = database.psql(&format!(
        "create temp table t as select clock_timestamp() as begun; \
         update {table} set amount = amount + 1 where id <= 20000; \
         select extract(epoch from clock_timestamp() - begun) from t"
    ));
    1.0 / printed.trim().parse::<f64>().expect("seconds")
}
