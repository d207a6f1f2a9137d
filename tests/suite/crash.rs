//! Crashes, restarts and signals: nothing is lost, repeats carry the same id and are bounded by what was in
//! flight.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::stage::{SOON, Stage, text};
use crate::support::{Cluster, ClusterOptions, Gate, Reply, Request, StopMode};

/// How often each `webhook-id` came.
fn tally(requests: &[Request]) -> HashMap<String, usize> {
    let mut tally = HashMap::new();
    for request in requests {
        *tally.entry(request.header("webhook-id").unwrap().to_owned()).or_insert(0) += 1;
    }
    tally
}

/// How many requests were repeats of another.
fn repeats(requests: &[Request]) -> usize {
    requests.len() - tally(requests).len()
}

// The relay crashes or stands still.

#[test]
fn what_a_killed_relay_had_in_flight_comes_again_with_the_same_id() {
    let stage = Stage::new("killed");
    // As many as a relay gives to one that it does not know yet.
    stage.subscribe("concurrency => 4");
    let gate = Gate::new();
    stage.receiver.reply(Reply::default().gate(&gate));
    stage.emit(20);
    let first = stage.relay();
    stage.receiver.wait_for(4, SOON);
    first.signal("KILL");
    assert_eq!(first.wait(SOON), 137);
    assert_eq!(stage.count("outbox.attempt"), 0);
    assert_eq!(stage.count("outbox.delivery where attempt = 1 and due_at > clock_timestamp()"), 4, "leased");

    gate.open();
    let _second = stage.relay();
    stage.db.wait_until("select count(*) = 4 from outbox.delivery", SOON);
    assert_eq!(stage.receiver.count(), 20, "leases hold: nothing of theirs was repeated");
    stage.end_leases();
    stage.wait_until_drained();
    let requests = stage.receiver.requests();
    assert_eq!((requests.len(), tally(&requests).len(), repeats(&requests)), (24, 20, 4));
    for request in &requests[..4] {
        let id = request.header("webhook-id");
        let again: Vec<_> = requests[4..].iter().filter(|later| later.header("webhook-id") == id).collect();
        assert_eq!(again.len(), 1);
        assert_eq!((again[0].header("outbox-attempt"), &again[0].body), (Some("2"), &request.body));
    }
}

#[test]
fn a_relay_that_stood_still_past_its_lease_changes_nothing_when_it_wakes() {
    let stage = Stage::new("stood_still");
    // The failure of its only attempt would make the delivery a dead letter.
    stage.subscribe("max_attempts => 1");
    let gates = [Gate::new(), Gate::new()];
    let held = gates.clone();
    stage.receiver.reply_with(move |_, nth| match nth {
        1 => Reply::status(500).gate(&held[0]),
        _ => Reply::default().gate(&held[1]),
    });
    stage.emit(1);
    let sleeper = stage.relay();
    stage.receiver.wait_for(1, SOON);
    sleeper.signal("STOP");
    stage.end_leases();
    let _other = stage.relay();
    stage.receiver.wait_for(2, SOON);
    gates[0].open();
    sleeper.signal("CONT");
    let row = stage.wait_for_attempts(1).remove(0);
    assert_eq!(
        (row["attempt"].as_i64(), text(&row, "class"), text(&row, "relay")),
        (Some(1), "rejected", "relay 1")
    );
    assert_eq!((row["late"].as_bool(), text(&row, "outcome")), (Some(true), ""));
    let delivery =
        "select attempt, leased_by, due_at > clock_timestamp() + interval '10 s' from outbox.delivery";
    assert_eq!(stage.db.psql(delivery), "2|relay 2|t", "the new owner keeps it");
    assert_eq!(stage.count("outbox.dead_letter"), 0);
    gates[1].open();
    stage.wait_until_drained();
    let row = stage.attempts().pop().unwrap();
    assert_eq!(
        (row["attempt"].as_i64(), row["late"].as_bool(), text(&row, "outcome")),
        (Some(2), Some(false), "delivered")
    );
}

#[test]
fn a_late_success_completes_a_delivery_that_is_still_open() {
    let stage = Stage::new("late_success");
    stage.subscribe("backoff_base => '1 day', backoff_cap => '1 day'");
    let gate = Gate::new();
    let held = gate.clone();
    stage
        .receiver
        .reply_with(move |_, nth| if nth == 1 { Reply::default().gate(&held) } else { Reply::status(500) });
    stage.emit(1);
    let sleeper = stage.relay();
    stage.receiver.wait_for(1, SOON);
    sleeper.signal("STOP");
    stage.end_leases();
    let _other = stage.relay();
    stage.wait_for_attempts(1);
    assert_eq!(stage.count("outbox.delivery"), 1, "the second attempt failed");
    gate.open();
    sleeper.signal("CONT");
    stage.wait_until_drained();
    let row = stage.attempts().pop().unwrap();
    assert_eq!(
        (row["attempt"].as_i64(), text(&row, "class"), text(&row, "outcome")),
        (Some(1), "delivered", "delivered")
    );
    assert_eq!(stage.receiver.count(), 2);
}

// Stopping.

/// The default of `--grace-s`, and longer than anything else that a stop may wait for.
const BY_DEFAULT: Duration = Duration::from_secs(25);

#[test]
fn both_signals_let_what_is_under_way_end_and_claim_nothing_more() {
    for signal in ["TERM", "INT"] {
        let stage = Stage::new("drains");
        stage.subscribe("concurrency => 4");
        let gate = Gate::new();
        stage.receiver.reply(Reply::default().gate(&gate));
        stage.emit(10);
        let relay = stage.relay();
        stage.receiver.wait_for(4, SOON);
        relay.signal(signal);
        relay.wait_for_line("finishing what is under way", SOON);
        gate.open();
        assert_eq!(relay.wait(SOON), 0);
        assert_eq!((stage.receiver.count(), stage.count("outbox.attempt where class = 'delivered'")), (4, 4));
        let untouched =
            "outbox.delivery where attempt = 0 and leased_by is null and due_at <= clock_timestamp()";
        assert_eq!(stage.count(untouched), 6);
        stage.once();
        assert_eq!(repeats(&stage.receiver.requests()), 0);
        assert_eq!((stage.receiver.count(), stage.count("outbox.delivery")), (10, 0));
    }
}

#[test]
fn the_grace_time_ends_a_stop_that_a_subscriber_would_hold_up() {
    for grace in ["1", "0"] {
        let stage = Stage::new("grace");
        stage.subscribe("");
        stage.receiver.reply(Reply::hang());
        stage.emit(2);
        let relay = stage.relay_with(&["--grace-s", grace]);
        stage.receiver.wait_for(2, SOON);
        let asked = Instant::now();
        relay.signal("TERM");
        assert_eq!(relay.wait(SOON), 0, "{:?}", relay.lines());
        let took = asked.elapsed();
        assert!(took < BY_DEFAULT / 3, "with --grace-s {grace} it took {took:?}");
        for row in stage.attempts() {
            assert_eq!((text(&row, "class"), text(&row, "error_class")), ("unknown", "stopped"));
            assert_eq!(text(&row, "error"), "the relay was stopped before the subscriber answered");
            assert_eq!(text(&row, "outcome"), "");
        }
        assert_eq!(stage.count("outbox.attempt"), 2);
        let due = "outbox.delivery where attempt = 1 and leased_by is null and due_at <= clock_timestamp()";
        assert_eq!(stage.count(due), 2, "due at once");
    }
}

#[test]
fn a_database_that_does_not_answer_holds_up_no_stop() {
    let stage = Stage::new("mute_database");
    stage.subscribe("");
    stage.db.psql(
        "create function dawdle() returns trigger language plpgsql as \
         $$ begin perform pg_sleep(25); return null; end $$; \
         create trigger dawdle before update on outbox.delivery for each statement execute function dawdle()",
    );
    stage.emit(1);
    let relay = stage.relay_with(&["--grace-s", "1"]);
    let name = stage.db.name();
    stage.db.wait_until(
        &format!(
            "select exists (select from pg_stat_activity where datname = '{name}' and wait_event = 'PgSleep')"
        ),
        SOON,
    );
    let asked = Instant::now();
    relay.signal("TERM");
    assert_eq!(relay.wait(SOON), 0, "{:?}", relay.lines());
    assert!(asked.elapsed() < BY_DEFAULT / 3, "it took {:?}", asked.elapsed());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let stage = Stage::new("second_signal");
    stage.subscribe("");
    stage.receiver.reply(Reply::hang());
    stage.emit(1);
    let relay = stage.relay();
    stage.receiver.wait_for(1, SOON);
    relay.signal("TERM");
    relay.wait_for_line("finishing what is under way", SOON);
    let asked = Instant::now();
    relay.signal("INT");
    assert_eq!(relay.wait(SOON), 130);
    assert!(asked.elapsed() < BY_DEFAULT / 3, "it took {:?}", asked.elapsed());
}

#[test]
fn a_stop_is_heard_while_the_database_is_away() {
    let relay = crate::stage::outboxd()
        .spawn(&["run", "--database-url", "postgres://postgres@127.0.0.1:1/none?sslmode=disable"], &[]);
    relay.wait_for_line("trying again", SOON);
    relay.signal("TERM");
    assert_eq!(relay.wait(SOON), 0);
}

// Postgres goes away.

/// Relays at work while `trouble` happens; afterwards all has arrived. Returns how many requests were
/// repeats.
fn arrives_despite(stage: &Stage, events: usize, concurrency: usize, trouble: impl FnOnce()) -> usize {
    stage.subscribe(&format!("concurrency => {concurrency}"));
    // The last of them are answered when the trouble is over: it comes while there is work.
    let gate = Gate::new();
    let last = gate.clone();
    stage.receiver.reply_with(move |_, nth| {
        let reply = Reply::default().after(Duration::from_millis(5));
        if nth > events * 9 / 10 { reply.gate(&last) } else { reply }
    });
    let relay = stage.relay();
    stage.emit(events);
    stage.receiver.wait_for(events / 10, SOON);
    trouble();
    assert!(stage.count("outbox.delivery") > 0, "there was work");
    gate.open();
    let left = "select count(*) = 0 from outbox.delivery where due_at <= clock_timestamp()";
    stage.db.wait_until(left, SOON);
    // What was leased when its claim's answer or its outcome was lost.
    stage.end_leases();
    stage.wait_until_drained();
    assert!(relay.is_running());
    let requests = stage.receiver.requests();
    assert_eq!(tally(&requests).len(), events, "none was lost");
    let doubled = "(select from outbox.attempt group by delivery, attempt having count(*) > 1) a";
    assert_eq!(stage.count(doubled), 0, "an outcome whose commit was in doubt is recorded once");
    assert_eq!(stage.count("outbox.attempt where outcome = 'delivered'"), events);
    repeats(&requests)
}

#[test]
fn a_crash_of_postgres_under_load_loses_nothing() {
    let cluster = Cluster::start(&ClusterOptions::default());
    let stage = Stage::on(&cluster, "db_crash");
    let repeats = arrives_despite(&stage, 1000, 8, || cluster.restart(StopMode::Immediate));
    assert!(repeats <= 2 * 8, "{repeats} repeats of at most 8 in flight and 8 in their batch");
}

#[test]
fn a_restart_of_postgres_under_load_loses_nothing() {
    let cluster = Cluster::start(&ClusterOptions::default());
    let stage = Stage::on(&cluster, "db_restart");
    let repeats = arrives_despite(&stage, 1000, 8, || {
        cluster.stop(StopMode::Fast);
        cluster.start_again();
    });
    assert!(repeats <= 2 * 8, "{repeats} repeats");
}

#[test]
fn losing_its_sessions_over_and_over_costs_a_relay_no_delivery() {
    let stage = Stage::new("terminated");
    let name = stage.db.name().to_owned();
    let rounds = 20;
    let repeats = arrives_despite(&stage, 3000, 8, || {
        for _ in 0..rounds {
            stage.db.psql(&format!(
                "select pg_terminate_backend(pid) from pg_stat_activity \
                 where datname = '{name}' and application_name like 'outboxd%'"
            ));
            let back = format!(
                "select count(*) >= 2 from pg_stat_activity \
                 where datname = '{name}' and application_name ~ 'outboxd.*(claim|settle)'"
            );
            stage.db.wait_until(&back, SOON);
        }
    });
    assert!(repeats <= 2 * 8 * rounds, "{repeats} repeats");
}

// Outcomes that cannot be recorded.

#[test]
fn nothing_new_is_sent_while_outcomes_cannot_be_recorded() {
    let stage = Stage::new("stuck");
    stage.subscribe("concurrency => 4");
    stage.db.psql(
        "create function full_disk() returns trigger language plpgsql as \
         $$ begin raise 'no space left' using errcode = '53100'; end $$; \
         create trigger full_disk before insert on outbox.subscription_health \
         for each statement execute function full_disk()",
    );
    stage.emit(200);
    let relay = stage.relay();
    relay.wait_for_line("the database has no room", SOON);
    let mark = relay.mark();
    relay.wait_for_line_from(mark, "the database has no room", SOON);
    // A claim that was under way may have been committed since.
    let mark = relay.mark();
    relay.wait_for_line_from(mark, "the database has no room", SOON);
    // What had been claimed by then may still be on its way.
    let sent = stage.count("outbox.delivery where attempt > 0");
    stage.receiver.wait_for(sent, SOON);
    for _ in 0..2 {
        let mark = relay.mark();
        relay.wait_for_line_from(mark, "the database has no room", SOON);
    }
    assert_eq!(stage.receiver.count(), sent, "nothing was sent since recording failed for the second time");
    assert_eq!(stage.count("outbox.attempt"), 0);
    stage.db.psql("drop trigger full_disk on outbox.subscription_health");
    stage.wait_until_drained();
    assert_eq!(repeats(&stage.receiver.requests()), 0, "what had been sent was recorded, not sent again");
    assert_eq!(stage.count("outbox.attempt where outcome = 'delivered'"), 200);
}

#[test]
fn outcomes_that_the_database_takes_in_no_form_do_not_stop_those_after_them() {
    let stage = Stage::new("refused");
    stage.subscribe("concurrency => 4");
    let raise = |code: &str| {
        stage.db.psql(&format!(
            "create or replace function refuse() returns trigger language plpgsql as \
             $$ begin raise 'no' using errcode = '{code}'; end $$"
        ));
    };
    // First no room, so that the relay stops claiming; then what no retry can mend.
    raise("53100");
    stage.db.psql(
        "create trigger refuse before insert on outbox.subscription_health for each statement execute function refuse()",
    );
    stage.emit(1);
    let relay = stage.relay();
    relay.wait_for_line("the database has no room", SOON);
    raise("22000");
    relay.wait_for_line("not recorded, it will be sent again", SOON);
    stage.db.psql("drop trigger refuse on outbox.subscription_health");
    stage.emit(1);
    stage.db.wait_until("select count(*) = 1 from outbox.attempt where outcome = 'delivered'", SOON);
    relay.signal("TERM");
    assert_eq!(relay.wait(SOON), 1, "what is not on record is told of");
    relay.wait_for_line("1 outcomes could not be recorded", SOON);
}

#[test]
fn a_relay_without_the_right_to_record_says_so_and_goes_on_once_it_has_it() {
    let stage = Stage::new("revoked");
    let role = format!("{}_relay", stage.db.name());
    stage.db.psql(&format!("create role {role} login in role outbox_relay"));
    stage.subscribe("concurrency => 2");
    let settle =
        stage.db.psql("select oid::regprocedure from pg_proc where oid::regproc::text = 'outbox.settle'");
    stage.db.psql(&format!("revoke execute on function {settle} from outbox_relay"));
    stage.emit(40);
    let identities = stage.identities().to_str().unwrap();
    let url = stage.db.url_as(&role);
    let relay = crate::stage::outboxd()
        .spawn(&["run", "--database-url", &url, "--identities", identities, "--poll-ms", "20"], &[]);
    let line = relay.wait_for_line("permission denied for function settle", SOON);
    assert!(line.contains("`outboxd migrate --check` says whether schema and grants fit"), "{line}");
    let sent = stage.receiver.count();
    assert!(sent < 40, "{sent} were sent");
    stage.db.psql(&format!("grant execute on function {settle} to outbox_relay"));
    stage.wait_until_drained();
    assert_eq!((stage.receiver.count(), repeats(&stage.receiver.requests())), (40, 0));
}

#[test]
fn a_run_that_should_drain_gives_up_when_outcomes_cannot_be_recorded() {
    let stage = Stage::new("once_stuck");
    stage.subscribe("");
    stage.db.psql(
        "create function full_disk() returns trigger language plpgsql as \
         $$ begin raise 'no space left' using errcode = '53100'; end $$; \
         create trigger full_disk before insert on outbox.subscription_health \
         for each statement execute function full_disk()",
    );
    stage.emit(1);
    let output = stage.once();
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.stderr.contains("1 outcomes could not be recorded before the end"), "{}", output.stderr);
}

#[test]
fn a_lock_on_the_ledger_holds_outcomes_up_and_is_told() {
    let stage = Stage::new("locked");
    stage.subscribe("concurrency => 1");
    let gate = Gate::new();
    stage.receiver.reply(Reply::default().gate(&gate));
    stage.emit(3);
    let relay = stage.relay();
    stage.receiver.wait_for(1, SOON);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let session = stage.db.session().await;
        session.execute("begin; lock table outbox.attempt in access exclusive mode").await;
        gate.open();
        let waiting = "select exists (select from pg_stat_activity where wait_event_type = 'Lock' \
             and datname = current_database() and application_name like 'outboxd%')";
        stage.db.wait_until_async(waiting, SOON).await;
        relay.wait_for_line("lock timeout", SOON);
        session.execute("rollback").await;
    });
    stage.wait_until_drained();
    assert_eq!((stage.receiver.count(), stage.count("outbox.attempt where outcome = 'delivered'")), (3, 3));
}

// Durability of the claim.

#[test]
fn a_claim_is_durable_even_where_commits_are_not_by_default() {
    let stage = Stage::new("durable");
    stage.db.psql(&format!("alter database {} set synchronous_commit = off", stage.db.name()));
    stage.db.psql(
        "create table seen (value text); \
         create function note() returns trigger language plpgsql as \
         $$ begin insert into public.seen values (current_setting('synchronous_commit')); \
         return null; end $$; \
         create trigger note after update on outbox.delivery for each statement execute function note()",
    );
    assert_eq!(stage.db.psql("show synchronous_commit"), "off");
    stage.subscribe("");
    stage.emit(1);
    assert_eq!(stage.once().code, 0);
    assert_eq!(stage.db.psql("select distinct value from seen"), "on");
}

#[test]
fn writers_notice_nothing_of_a_relay_that_crashes_over_and_over() {
    let stage = Stage::new("crash_loop");
    stage.subscribe("concurrency => 4");
    let written = Arc::new(AtomicBool::new(false));
    let done = Arc::clone(&written);
    let db = stage.db.clone();
    let writer = std::thread::spawn(move || {
        for i in 0..20 {
            db.psql(&format!(
                "insert into orders (id) select i from generate_series({i} * 10 + 1, {i} * 10 + 10) i"
            ));
        }
        done.store(true, Ordering::SeqCst);
    });
    let mut kills = 0;
    while !written.load(Ordering::SeqCst) || kills < 3 {
        let relay = stage.relay();
        let sent = stage.receiver.count();
        if sent < 190 {
            stage.receiver.wait_for(sent + 1, SOON);
        }
        relay.signal("KILL");
        relay.wait(SOON);
        kills += 1;
    }
    writer.join().unwrap();
    // What the last one had asked for may still be committed.
    let gone = "select not exists (select from pg_stat_activity \
        where datname = current_database() and application_name like 'outboxd%')";
    stage.db.wait_until(gone, SOON);
    let leased = stage.count("outbox.delivery where leased_by is not null");
    stage.end_leases();
    stage.once();
    let requests = stage.receiver.requests();
    assert_eq!((tally(&requests).len(), stage.count("outbox.delivery")), (200, 0));
    assert!(
        repeats(&requests) <= 4 * kills,
        "{} repeats after {kills} kills, {leased} leased",
        repeats(&requests)
    );
}
