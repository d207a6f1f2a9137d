//! The doorbell as writers and relays meet it: who rings, whom, when. What happens when it fails is in
//! `doorbell_faults.rs`, why no wake-up is lost in `interleaving.rs`.

use std::time::Duration;

use crate::stage::{SOON, Stage};
use crate::support::{Gate, Reply, Session};

/// So long that no look by the clock explains what a test sees.
pub(crate) const NEVER: [&str; 2] = ["--poll-ms", "60000"];
/// Much shorter than [`NEVER`], much longer than anything here takes.
const WOKEN: Duration = Duration::from_secs(30);

pub(crate) const ASLEEP: &str = "select last_value = 1 from outbox.doorbell";

/// Runs statements one after another, each beginning with a relay that sleeps, and waits until all has been delivered.
fn each_wakes(stage: &Stage, statements: &[&str]) {
    for statement in statements {
        stage.db.wait_until(ASLEEP, SOON);
        let before = stage.receiver.count();
        stage.db.psql(statement);
        stage.receiver.wait_for(before + 1, WOKEN);
        stage.wait_until_drained();
    }
}

#[test]
fn every_way_to_write_an_event_wakes_a_sleeping_relay() {
    let stage = Stage::new("doorbell_wakes");
    stage.subscribe("");
    let _relay = stage.relay_with(&NEVER);
    each_wakes(
        &stage,
        &[
            "insert into orders values (1, 'new')",
            "update orders set note = 'paid'",
            "update orders set id = 2",
            "delete from orders",
            "select outbox.emit('Order.Update')",
            "select outbox.ping(1)",
            "begin; savepoint a; insert into orders values (3); release a; commit",
            "copy orders (id) from program 'echo 4'",
        ],
    );
}

#[test]
fn what_becomes_claimable_without_an_event_wakes_it_too() {
    let stage = Stage::new("doorbell_claimable");
    stage.subscribe("max_attempts => 1, backoff_base => '1 hour'");
    let _relay = stage.relay_with(&NEVER);
    stage.db.wait_until(ASLEEP, SOON);
    stage.receiver.reply_with(|_, nth| Reply::status(if nth == 1 { 500 } else { 200 }));
    stage.emit(1);
    stage.db.wait_until("select exists (select from outbox.dead_letter)", WOKEN);
    each_wakes(&stage, &["select outbox.retry(delivery) from outbox.dead_letter"]);
    // Paused, it queues; resumed, it sends, even though nothing is written.
    stage.db.psql("update outbox.subscription set status = 'paused'");
    stage.emit(1);
    each_wakes(&stage, &["update outbox.subscription set status = 'active'"]);
    assert_eq!(stage.receiver.count(), 3);
}

#[test]
fn a_retry_comes_when_it_is_due() {
    let stage = Stage::new("doorbell_retry");
    stage.subscribe("backoff_base => '300 ms', backoff_cap => '300 ms'");
    let relays = [stage.relay_with(&NEVER), stage.relay_with(&NEVER)];
    stage.db.wait_until(ASLEEP, SOON);
    stage.receiver.reply_with(|_, nth| Reply::status(if nth < 5 { 503 } else { 200 }));
    stage.emit(1);
    stage.receiver.wait_for(5, WOKEN);
    stage.wait_until_drained();
    drop(relays);
}

#[test]
fn what_was_due_later_when_the_relay_fell_asleep_wakes_it_in_time() {
    let stage = Stage::new("doorbell_due");
    stage.subscribe("");
    stage.emit(1);
    stage.db.psql("update outbox.delivery set due_at = clock_timestamp() + interval '2 s'");
    let _relay = stage.relay_with(&NEVER);
    stage.receiver.wait_for(1, WOKEN);
}

/// The relay asks after it has claimed: what became due between the two must be in one of the answers.
#[test]
fn what_became_due_since_the_last_claim_is_due_now() {
    let stage = Stage::new("doorbell_between");
    stage.subscribe("");
    stage.emit(1);
    stage.db.psql("update outbox.delivery set due_at = clock_timestamp() - interval '50 ms'");
    assert_eq!(stage.db.psql("select outbox.next_due(0) is null, outbox.next_due(60000) < 0"), "t|t");
    stage.db.psql("update outbox.subscription set status = 'paused'");
    assert_eq!(stage.db.psql("select outbox.next_due(60000) is null"), "t", "nobody may claim it");
}

#[test]
fn one_of_several_relays_keeps_the_bell_and_any_of_them_hears_it() {
    let stage = Stage::new("doorbell_keeper");
    stage.subscribe("");
    let first = stage.relay_with(&NEVER);
    stage.db.wait_until(ASLEEP, SOON);
    let second = stage.relay_with(&NEVER);
    let keepers = "select count(*) from pg_locks where locktype = 'advisory' and mode = 'ExclusiveLock' \
                   and database = (select oid from pg_database where datname = current_database())";
    let listeners = "select count(*) = 2 from pg_stat_activity where datname = current_database() \
                     and application_name = 'outboxd listen'";
    stage.db.wait_until(listeners, SOON);
    assert_eq!(stage.db.psql(keepers), "1");
    // The keeper is asked to stop: it leaves the bell armed, whatever it was before, and rings the other.
    stage.db.psql("select setval('outbox.doorbell', 0)");
    first.signal("TERM");
    assert_eq!(first.wait(SOON), 0);
    assert_eq!(stage.db.psql("select last_value from outbox.doorbell"), "1");
    stage.emit(1);
    stage.receiver.wait_for(1, WOKEN);
    drop(second);
}

#[test]
fn when_the_keeper_crashes_another_takes_the_bell() {
    let stage = Stage::new("doorbell_crash");
    stage.subscribe("");
    let first = stage.relay_with(&NEVER);
    stage.db.wait_until(ASLEEP, SOON);
    // The other one looks after its session once a second.
    let second = stage.relay_with(&["--poll-ms", "1000"]);
    first.signal("STOP");
    stage.db.psql("select setval('outbox.doorbell', 0)");
    first.signal("KILL");
    first.wait(SOON);
    stage.db.wait_until(ASLEEP, SOON);
    stage.emit(1);
    stage.receiver.wait_for(1, WOKEN);
    drop(second);
}

/// The look must come after the insert: a relay that arms in between would not know of the writer. A trigger on our table
/// holds the writer up just then.
#[tokio::test(flavor = "multi_thread")]
async fn writers_look_at_the_bell_after_they_have_inserted() {
    let stage = Stage::new("doorbell_order");
    stage.subscribe("");
    stage.db.psql(
        "create function hold() returns trigger language plpgsql as \
         $$ begin perform pg_advisory_xact_lock_shared(1); return null; end $$; \
         create trigger hold after insert on outbox.delivery for each statement execute function hold()",
    );
    let (listener, holder, writer) =
        (stage.db.session().await, stage.db.session().await, stage.db.session().await);
    listen(&listener).await;
    for statement in [
        "insert into orders values (1, 'new')",
        "update orders set note = 'paid'",
        "update orders set id = 2",
        "delete from orders",
        "select outbox.emit('Order.Update')",
    ] {
        holder.execute("select pg_advisory_lock(1), setval('outbox.doorbell', 0)").await;
        let writing = tokio::spawn({
            let (writer, statement) = (writer.clone(), statement.to_owned());
            async move { writer.execute(&statement).await }
        });
        stage.db.wait_until_locked_out(writer.pid(), SOON).await;
        holder.execute("select setval('outbox.doorbell', 1), pg_advisory_unlock(1)").await;
        writing.await.unwrap();
        assert_eq!(listener.notices_so_far().await.len(), 1, "{statement}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_rings_only_when_a_relay_sleeps_and_with_nothing_in_it() {
    let stage = Stage::new("doorbell_quiet");
    stage.subscribe("");
    let (listener, writer) = (stage.db.session().await, stage.db.session().await);
    listen(&listener).await;
    let rings = async |sql: &str| {
        writer.execute(sql).await;
        listener.notices_so_far().await
    };
    writer.execute("select setval('outbox.doorbell', 0)").await;
    assert_eq!(rings("insert into orders values (1)").await, []);
    writer.execute("select setval('outbox.doorbell', 1)").await;
    let heard = rings("begin; update orders set note = 'a'; update orders set note = 'b'; commit").await;
    assert_eq!(heard.iter().map(|n| (&*n.channel, &*n.payload)).collect::<Vec<_>>(), [("outbox", "")]);
    assert_eq!(rings("update orders set note = 'b'").await, [], "nothing changed: no event, no ring");
    assert_eq!(rings("begin; delete from orders; rollback").await, []);
    // One who has to be quiet can be: the session, the role, the whole database.
    assert_eq!(
        rings("set outbox.doorbell = off; update orders set note = 'c'; reset outbox.doorbell").await,
        []
    );
    writer.execute("update outbox.setting set doorbell = 'off'").await;
    assert_eq!(rings("update orders set note = 'd'").await, []);
    assert_eq!(writer.query_text("select outbox.doorbell_silence()").await, "outbox.setting.doorbell is off");
    writer.execute("update outbox.setting set doorbell = 'auto'").await;
    assert_eq!(rings("update orders set note = 'e'").await.len(), 1);
    // A relay that went away left the flag armed: the first to commit notices, and nobody pays for it any longer.
    listener.execute("select pg_advisory_unlock_all()").await;
    assert_eq!(rings("update orders set note = 'g'").await, []);
    assert_eq!(writer.query_text("select last_value from outbox.doorbell").await, "0");
    let locks = "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()";
    assert_eq!(writer.query_text(&format!("begin; select outbox.ring(); {locks}; commit")).await, "f\n0");
    listen(&listener).await;
    writer.execute("select setval('outbox.doorbell', 1)").await;
    assert_eq!(rings("update orders set note = 'h'").await.len(), 1);
    // Nobody wants it: no delivery, no ring.
    writer.execute("select outbox.unsubscribe(1)").await;
    listener.notices_so_far().await;
    assert_eq!(rings("update orders set note = 'f'").await, []);
}

/// Listens as a relay does: writers ring only when one does.
async fn listen(listener: &Session) {
    listener.execute("listen outbox; select pg_advisory_lock_shared(8031453476610925570)").await;
}

/// Rings from other sessions than the relay's own reach the listener of the test.
async fn rung(listener: &Session) {
    listener.notice(WOKEN).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_without_free_slots_rings_for_the_others() {
    let stage = Stage::new("doorbell_full");
    stage.subscribe("concurrency => 1");
    let gate = Gate::new();
    stage.receiver.reply(Reply::default().gate(&gate));
    let relay = stage.relay_with(&NEVER);
    stage.db.wait_until_async(ASLEEP, SOON).await;
    stage.emit(3);
    stage.receiver.wait_for(1, WOKEN);
    let listener = stage.db.session().await;
    listen(&listener).await;
    rung(&listener).await;
    rung(&listener).await;
    gate.open();
    stage.db.wait_until_async("select not exists (select from outbox.delivery)", SOON).await;
    drop(relay);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_cannot_claim_arms_and_rings_for_the_others() {
    let stage = Stage::new("doorbell_unable");
    stage.subscribe("");
    let relay = stage.relay_with(&NEVER);
    stage.db.wait_until_async(ASLEEP, SOON).await;
    let listener = stage.db.session().await;
    listen(&listener).await;
    // In this order: armed is not yet asleep, and the relay may claim at any time.
    stage.db.psql("select setval('outbox.doorbell', 0); alter function outbox.claim rename to claimed");
    stage.db.psql("select pg_notify('outbox', '')");
    rung(&listener).await;
    rung(&listener).await;
    stage.db.wait_until_async(ASLEEP, SOON).await;
    stage.db.psql("alter function outbox.claimed rename to claim");
    stage.emit(1);
    stage.receiver.wait_for(1, WOKEN);
    drop(relay);
}

/// Puts a claim in place that fails, as often as it is called, save for one time per row of `chance`.
fn claims_fail(stage: &Stage) {
    stage.db.psql(
        "create sequence calls; create table chance (); create schema kept; \
         alter function outbox.claim set schema kept; \
         do $do$ declare _kept oid := 'kept.claim'::regproc; begin execute format($f$ \
             create function outbox.claim(%s) returns %s language plpgsql as $$ begin \
                 perform nextval('public.calls'); \
                 delete from public.chance; \
                 if not found then raise lock_not_available; end if; \
                 return query select * from kept.claim(%s); \
             end $$ $f$, \
             pg_get_function_arguments(_kept), pg_get_function_result(_kept), \
             (select string_agg('$' || n, ', ') from pg_proc p, generate_series(1, p.pronargs) n where p.oid = _kept)); \
         end $do$",
    );
}

/// What one of its claims had locked, the others passed over when they were rung for the one before.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_arms_and_rings_after_each_claim_that_fails() {
    let stage = Stage::new("doorbell_unable_again");
    stage.subscribe("");
    let relay = stage.relay_with(&NEVER);
    stage.db.wait_until_async(ASLEEP, SOON).await;
    let listener = stage.db.session().await;
    listen(&listener).await;
    claims_fail(&stage);
    stage.db.psql("select pg_notify('outbox', '')");
    for _ in 0..4 {
        rung(&listener).await;
    }
    stage.db.psql("select setval('outbox.doorbell', 0)");
    stage.db.wait_until_async(ASLEEP, SOON).await;
    drop(relay);
}

/// It disarms when it finds work that comes often. When it cannot go on after that, nobody else knows.
#[test]
fn a_relay_that_could_claim_for_a_moment_leaves_the_bell_armed() {
    let stage = Stage::new("doorbell_able_once");
    stage.subscribe("");
    let relay = stage.relay_with(&NEVER);
    stage.db.wait_until(ASLEEP, SOON);
    claims_fail(&stage);
    stage.db.psql("select pg_notify('outbox', '')");
    stage.db.wait_until("select last_value > 1 from calls", SOON);
    // Rings that come in numbers announce work that comes often.
    stage.db.psql(
        "begin; insert into chance default values; select outbox.emit('Order.Update'); \
         select count(pg_notify('outbox', i::text)) from generate_series(1, 100) i; commit",
    );
    stage.receiver.wait_for(1, WOKEN);
    // What follows the first claim that fails is done before the second.
    let calls: i64 = stage.db.psql("select last_value from calls").parse().unwrap();
    stage.db.wait_until(&format!("select last_value > {calls} + 1 from calls"), SOON);
    assert_eq!(stage.db.psql("select last_value from outbox.doorbell"), "1");
    drop(relay);
}
