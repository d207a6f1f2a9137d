//! The doorbell when something is wrong with it: then a relay looks for work at short pauses, says why, and listens again
//! as soon as it can. Nothing here waits for `--poll-ms`, which is a minute.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::doorbell::{ASLEEP, NEVER};
use crate::stage::{SOON, Stage};
use crate::support::{Cluster, ClusterOptions, Proxy};

const LISTENING: &str = "select pid from pg_stat_activity where datname = current_database() and \
    application_name = 'outboxd listen'";

fn cluster(conf: &[&str]) -> Cluster {
    let conf = conf.iter().map(|line| (*line).to_owned()).collect();
    Cluster::start(&ClusterOptions { conf, ..ClusterOptions::default() })
}

#[test]
fn a_relay_that_must_not_listen_has_no_session_for_it_and_delivers() {
    let stage = Stage::new("no_listen");
    stage.subscribe("");
    let _relay = stage.relay_with(&["--poll-ms", "60000", "--no-listen"]);
    for n in 1..=3 {
        stage.emit(1);
        stage.receiver.wait_for(n, SOON);
        stage.wait_until_drained();
    }
    assert_eq!(stage.db.psql(LISTENING), "");
    assert_eq!(stage.db.psql("select last_value from outbox.doorbell"), "0", "so no commit ever rings");
}

#[test]
fn where_notifications_do_not_arrive_it_says_so_and_looks_by_itself() {
    let stage = Stage::new("unheard");
    let elsewhere = Stage::new("unheard_elsewhere");
    stage.subscribe("");
    let url = elsewhere.db.url();
    let relay = stage.relay_with(&["--poll-ms", "60000", "--listen-url", &url]);
    relay.wait_for_line("does not arrive at the listening session", SOON);
    for n in 1..=3 {
        stage.emit(1);
        stage.receiver.wait_for(n, SOON);
    }
    assert_eq!(stage.db.psql("select last_value from outbox.doorbell"), "0");
}

#[test]
fn a_lost_session_is_opened_again_and_what_was_missed_is_found() {
    let stage = Stage::new("listener_lost");
    stage.subscribe("");
    let relay = stage.relay_with(&NEVER);
    for n in 1..=5 {
        stage.db.wait_until(ASLEEP, SOON);
        stage.db.wait_until(&format!("select exists ({LISTENING})"), SOON);
        let mark = relay.mark();
        stage.db.psql(&format!(
            "select pg_terminate_backend(pid) from ({LISTENING}) as listening; \
             select outbox.emit('Order.Update')"
        ));
        stage.receiver.wait_for(n, SOON);
        stage.wait_until_drained();
        relay.wait_for_line_from(mark, "the doorbell is back", SOON);
    }
}

/// Neither side is told that the path is dead. The session is looked after every 10 s and has 5 s to answer.
#[test]
fn a_path_that_went_dead_is_noticed_within_fifteen_seconds() {
    let stage = Stage::new("half_open");
    stage.subscribe("");
    let tcp = stage.db.tcp_url();
    let port: u16 = tcp.rsplit_once(':').unwrap().1.split('/').next().unwrap().parse().unwrap();
    let proxy = Proxy::start(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let through = tcp.replace(&format!(":{port}/"), &format!(":{}/", proxy.port()));
    assert_ne!(through, tcp);
    let relay = stage.relay_with(&["--poll-ms", "60000", "--listen-url", &through]);
    stage.db.wait_until(ASLEEP, SOON);
    proxy.go_silent();
    stage.emit(1);
    // Half a minute is the patience of the test; a relay that relied on keep-alives alone would take longer still.
    stage.receiver.wait_for(1, Duration::from_secs(30));
    relay.wait_for_line("the listening session has not answered for 5s", SOON);
    let mark = relay.mark();
    proxy.come_back();
    relay.wait_for_line_from(mark, "the doorbell is back", SOON);
    stage.db.wait_until(ASLEEP, SOON);
    stage.emit(1);
    stage.receiver.wait_for(2, SOON);
}

#[test]
fn junk_on_the_channel_is_nothing_but_a_reason_to_look() {
    let stage = Stage::new("junk");
    stage.subscribe("");
    let relay = stage.relay_with(&NEVER);
    stage.db.wait_until(ASLEEP, SOON);
    stage.db.psql("create role nobody_special_in_junk login");
    stage.db.psql_as(
        "nobody_special_in_junk",
        "select count(pg_notify('outbox', repeat('x', 7000) || i)) from generate_series(1, 5000) i",
    );
    stage.emit(1);
    stage.receiver.wait_for(1, SOON);
    assert!(relay.is_running());
    stage.db.psql("drop role nobody_special_in_junk");
}

/// NOTIFY makes PREPARE TRANSACTION fail, and writers cannot know whether a relay sleeps.
#[test]
fn where_transactions_may_be_prepared_commits_do_not_ring() {
    let cluster = cluster(&["max_prepared_transactions = 5"]);
    let stage = Stage::on(&cluster, "prepared");
    stage.subscribe("");
    let relay = stage.relay_with(&NEVER);
    relay.wait_for_line("max_prepared_transactions is not 0", SOON);
    for n in 1..=3 {
        // Armed by whomever: it must not matter.
        stage.db.psql("select setval('outbox.doorbell', 1)");
        stage.db.psql(&format!(
            "begin; insert into orders values ({n}); select outbox.ping(1); prepare transaction 'x'"
        ));
        stage.db.psql("commit prepared 'x'");
        stage.receiver.wait_for(2 * n, SOON);
    }
    // Who knows that nobody prepares transactions can say so; the relay hears of it without a restart.
    stage.db.psql("update outbox.setting set doorbell = 'on'");
    stage.db.wait_until(ASLEEP, SOON);
    stage.wait_until_drained();
    stage.emit(1);
    stage.receiver.wait_for(7, SOON);
    let refused = stage.db.try_psql(
        "select setval('outbox.doorbell', 1); \
         begin; insert into orders values (9); prepare transaction 'y'",
    );
    assert_eq!(refused.unwrap_err().sqlstate, "0A000", "that is why");
}

/// A session that listens and does not read fills the queue, and then every COMMIT with a NOTIFY fails. The size of the
/// queue can be set since Postgres 17; before, it has 8 GB.
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_fills_up_silences_the_bell_before_it_fails_commits() {
    let settable = crate::support::shared().major_version() >= 17;
    let cluster = cluster(if settable { &["max_notify_queue_pages = 64"] } else { &[] });
    if cluster.major_version() < 17 {
        let words = format!("SKIPPED: Postgres {} has a queue of 8 GB\n", cluster.major_version());
        std::io::stderr().write_all(words.as_bytes()).unwrap();
        return;
    }
    let stage = Stage::on(&cluster, "full_queue");
    stage.subscribe("");
    let stuck = stage.db.session().await;
    stuck.execute("listen outbox; select pg_advisory_lock_shared(8031453476610925570)").await;
    stuck.execute("begin; select 1").await;
    let fill = "select count(pg_notify('other', repeat('x', 7900) || i)) from generate_series(1, 20) i";
    stage.db.psql(fill);
    stage.db.psql("select setval('outbox.doorbell', 1)");
    assert!(stage.db.psql("select outbox.doorbell_silence()").contains("is filling up"));
    for n in 1..=200 {
        stage.db.psql(&format!("insert into orders values ({n})"));
    }
    let usage = stage.db.psql("select pg_notification_queue_usage() < 0.5");
    assert_eq!(usage, "t", "nothing was added");
    stuck.execute("commit").await;
    stage.db.wait_until_async("select outbox.doorbell_silence() is null", SOON).await;
}
