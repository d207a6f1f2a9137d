//! 20,000 ready deliveries to one mTLS receiver.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::median;
use crate::support::{
    Authority, Cluster, ClusterOptions, Outboxd, Receiver, ReceiverOptions, write_identity,
};

const POSTS: usize = 20_000;
const CONNECTIONS: usize = 64;
/// Alternating runs of each.
const ROUNDS: usize = 3;

pub(crate) fn measure(outboxd: &Path) {
    let files = tempfile::tempdir().expect("a temporary folder");
    let authority = Authority::new("bench CA");
    write_identity(files.path(), "default", Some(&authority.client("outboxd")), Some(&authority.pem()));
    let options = ReceiverOptions::mutual(authority.server(&["localhost"]), &authority.pem());
    let receiver = Receiver::start(&options.counting_only());
    let cluster = Cluster::start(&ClusterOptions {
        fsync: true,
        conf: vec!["shared_buffers = '256MB'".to_owned(), "max_wal_size = '4GB'".to_owned()],
        ..ClusterOptions::default()
    });
    let database = cluster.database("drain");
    let outboxd = Outboxd::new(outboxd);
    let url = database.url();
    let environment = [("DATABASE_URL", url.as_str())];
    assert_eq!(outboxd.run(&["migrate"], &environment).code, 0, "migrate works");
    database.psql("create table item (id integer primary key, name text, amount numeric)");
    database.psql("select outbox.watch('item', 'Item')");
    database.psql(&format!(
        "select outbox.subscribe('bench', '*', '{}', concurrency => {CONNECTIONS})",
        receiver.url("/hooks")
    ));

    let (mut bare, mut relay) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let seconds = bare_loop(&receiver, &files.path().join("default"));
        bare.push(seconds);
        database.psql(&format!(
            "insert into item select n, 'article ' || n, n * 1.25 from generate_series({0}, {0} + {POSTS} - 1) n",
            round * POSTS
        ));
        database.psql("vacuum analyze outbox.delivery");
        receiver.clear();
        let begin = Instant::now();
        let identities = files.path().display().to_string();
        let output = outboxd.run_within(
            &["run", "--once", "--log", "warn", "--identities", &identities],
            &environment,
            Duration::from_mins(5),
        );
        let drained = begin.elapsed().as_secs_f64();
        assert_eq!(output.code, 0, "{}", output.stderr);
        assert_eq!(receiver.count(), POSTS, "every delivery arrived once");
        relay.push(drained);
        println!(
            "round {round}: bare loop {:>6.0} POSTs/s, relay {:>6.0} POSTs/s",
            POSTS as f64 / seconds,
            POSTS as f64 / drained
        );
    }
    let (bare, relay) = (median(bare), median(relay));
    println!(
        "median: bare loop {:.0} POSTs/s, relay {:.0} POSTs/s (claimed, sent, recorded): {:.0} % of the bare loop",
        POSTS as f64 / bare,
        POSTS as f64 / relay,
        100.0 * bare / relay
    );
}

fn bare_loop(receiver: &Receiver, identity: &Path) -> f64 {
    receiver.clear();
    let begin = Instant::now();
    let status = Command::new(std::env::current_exe().expect("our own path"))
        .arg("bare")
        .arg(receiver.url("/hooks"))
        .arg(identity)
        .args([POSTS.to_string(), CONNECTIONS.to_string(), "230".to_owned()])
        .status()
        .expect("the bare loop starts");
    assert!(status.success());
    assert_eq!(receiver.count(), POSTS);
    begin.elapsed().as_secs_f64()
}
