//! Subscriptions that want order: what a claim hands out, whoever else does what at the same time.

use crate::published::publisher;
use crate::stage::SOON;
use crate::support::Database;

/// `take(n)` claims and says which events; `done(event, outcome)` settles what is under way or waits of an event, its outcome
/// null to try again at once, for subscription 1; `open()` says which events are still to be sent.
const HELPERS: &str = "
    create function take(n int default 100) returns text language sql as $$
        select coalesce(string_agg(event_id::text, ',' order by event_id), '-') from outbox.claim('r', n, '{}', '{}', 0) $$;
    create function done(event bigint, outcome text default 'delivered', sub bigint default 1, attempt int default null)
    returns int language sql as $$
        select (outbox.settle('r', false, array[d.id], array[coalesce(done.attempt, d.attempt)], array[d.subscription],
            array[d.event_slot], array[d.event_id], '{10}', '{5}',
            array[case when outcome = 'delivered' then 'delivered' else 'rejected' end], '{500}', array[null::text], '{no}',
            array[null::text], array[outcome], '{0}')).late
        from outbox.delivery d where d.event_id = done.event and d.subscription = done.sub $$;
    create function open() returns text language sql as $$
        select coalesce(string_agg(event_id::text, ',' order by event_id), '-') from outbox.delivery $$;";

fn ordered(hint: &str, settings: &str) -> Database {
    let db = publisher(hint);
    db.psql(HELPERS);
    subscribe(&db, "a", settings);
    db
}

fn subscribe(db: &Database, who: &str, settings: &str) {
    db.psql(&format!("select outbox.subscribe('{who}', 'Order.*', 'https://example.com/', {settings})"));
}

/// One statement after the other, each with what it must say.
#[track_caller]
fn play(db: &Database, steps: &[(&str, &str)]) {
    for (nth, (sql, said)) in steps.iter().enumerate() {
        assert_eq!(db.psql(sql), *said, "step {nth}: {sql}");
    }
}

const TWO_OBJECTS: &str = "select count(publish('{}', id)) from unnest('{a,b,a,b,a}'::text[]) id";

#[test]
fn of_each_object_one_at_a_time() {
    let db = ordered("order_object", "ordering => 'object'");
    db.psql(TWO_OBJECTS);
    // Without object: not in anybody's way. An object of an id alone is none either.
    db.psql("select publish('{}'), publish('{}'), publish('{}', 'a', object => 'Other')");
    play(
        &db,
        &[
            ("select take()", "1,2,6,7,8"),
            ("select take()", "-"),
            ("select done(2)", "0"),
            ("select take()", "4"),
            ("select done(1, null)", "0"),
            ("select take()", "1"),
            ("select done(1, 'dead')", "0"),
            ("select take()", "3"),
            ("select done(3, 'cancelled')", "0"),
            ("select take()", "5"),
            ("select done(4), done(5), done(6), done(7), done(8)", "0|0|0|0|0"),
            ("select open()", "-"),
        ],
    );
    db.psql("select publish('{}', 'a')");
    assert_eq!(db.psql("select take()"), "9");
}

#[test]
fn strictly_one_at_a_time_whatever_the_object() {
    let db = ordered("order_strict", "ordering => 'strict'");
    subscribe(&db, "b", "ordering => 'none'");
    db.psql(TWO_OBJECTS);
    let take = "select string_agg(concat_ws(' ', event_id, ordered, previous_event), ',' order by event_id)
        from outbox.claim('r', 100, '{}', '{}', 0) where subscription = 1";
    assert_eq!(db.psql(take), "1 t");
    db.psql("select done(1)");
    assert_eq!(db.psql(take), "2 t 1");
    db.psql("select done(2, 'dead')");
    assert_eq!(db.psql(take), "3 t 1", "what the subscriber took last");
    assert_eq!(db.psql("select count(*) from outbox.delivery where subscription = 2 and attempt = 1"), "5");
    assert_eq!(db.psql("select count(*) from outbox.delivery where subscription = 2 and lane is null"), "5");
}

/// What came before in the same lane, with its own number where the object has any.
#[test]
fn a_claim_says_what_went_before() {
    let db = ordered("order_previous", "ordering => 'object'");
    db.psql(
        "select publish('{}', 'a'), publish('{}', 'b'), publish('{}', 'a'); update outbox.event set seq = id * 10",
    );
    let take = "select string_agg(concat_ws(' ', event_id, seq, previous_event, previous_seq), ',' order by event_id)
        from outbox.claim('r', 100, '{}', '{}', 0)";
    assert_eq!(db.psql(take), "1 10,2 20");
    db.psql("select done(1)");
    assert_eq!(db.psql(take), "3 30 1 10");
    // The same in the next attempt.
    db.psql("select done(3, null)");
    assert_eq!(db.psql(take), "3 30 1 10");
    assert_eq!(
        db.psql("select touched_at > now() - interval '1 h' from outbox.lane where event_id = 1"),
        "t"
    );
}

/// A claim that saw the head parks what is behind; the head ends before, after and while it commits.
#[tokio::test]
async fn whoever_ends_a_head_and_whoever_parks_behind_it_never_miss_each_other() {
    let db = ordered("order_race", "ordering => 'object'");
    let (one, other) = (db.session().await, db.session().await);
    // The claim is open while the end is committed.
    db.psql("select publish('{}', 'a')");
    assert_eq!(db.psql("select take()"), "1");
    db.psql("select publish('{}', 'a')");
    one.execute("begin").await;
    assert_eq!(one.query_text("select take()").await, "-");
    assert_eq!(db.psql("select done(1)"), "0", "recording an outcome waits for no claim");
    one.execute("commit").await;
    assert_eq!(db.psql("select take()"), "2");
    // The end is open while the claim is committed.
    db.psql("select publish('{}', 'a')");
    other.execute("begin; select done(2)").await;
    assert_eq!(db.psql("select take()"), "-");
    other.execute("commit").await;
    assert_eq!(db.psql("select take()"), "3");
    // It is rolled back.
    db.psql("select publish('{}', 'a')");
    other.execute("begin; select done(3)").await;
    assert_eq!(db.psql("select take()"), "-");
    other.execute("rollback").await;
    assert_eq!(db.psql("select take()"), "-");
    assert_eq!(db.psql("select done(3)"), "0");
    assert_eq!(db.psql("select take()"), "4");
    // Two claims at once: one has the lanes, the other the rest, and is to look again.
    subscribe(&db, "b", "ordering => 'none'");
    db.psql("select publish('{}', 'c')");
    one.execute("begin").await;
    assert_eq!(one.query_text("select take(1)").await, "5");
    db.psql("select publish('{}', 'd')");
    let mine = "select string_agg(subscription || ' ' || event_id, ',' order by event_id)
        from outbox.claim('q', 9, '{}', '{}', 0)";
    assert_eq!(db.psql(mine), "2 5,2 6");
    assert_eq!(db.psql("select outbox.next_due(0) between 1 and 60"), "t");
    one.execute("commit").await;
    assert_eq!(db.psql("select take()"), "6");
}

#[test]
fn a_lane_goes_on_however_its_head_ended() {
    let db = ordered("order_ended", "ordering => 'object'");
    db.psql("select count(publish('{}', 'a')) from generate_series(1, 6)");
    assert_eq!(db.psql("select take()"), "1");
    // Its lease ran out: it is sent again, and nothing passes it; the late owner's success ends it.
    db.psql("update outbox.delivery set due_at = clock_timestamp() where event_id = 1");
    play(&db, &[("select take()", "1"), ("select done(1, null, 1, 1)", "1"), ("select take()", "-")]);
    play(&db, &[("select done(1, 'delivered', 1, 1)", "0"), ("select take()", "2")]);
    // By hand.
    db.psql("delete from outbox.delivery where event_id in (2, 3)");
    assert_eq!(db.psql("select take()"), "4");
    // Its event has been moved into the kept leaf, and that of one in front is gone.
    db.psql("update outbox.event set slot = slot + 8 where id = 5; delete from outbox.event where id = 4");
    assert_eq!(db.psql("select done(4, 'cancelled')"), "0");
    assert_eq!(
        db.psql("select event_id, event_type from outbox.claim('r', 9, '{}', '{}', 0)"),
        "5|Order.Update"
    );
    // Where no trigger tells of it, housekeeping finds out.
    db.psql("set session_replication_role = replica; delete from outbox.delivery where event_id = 5");
    assert_eq!(db.psql("select take()"), "-");
    db.psql("select outbox.purge_old()");
    assert_eq!(db.psql("select take()"), "6");
    db.psql("select done(6); delete from outbox.subscription; select outbox.cancel_gone()");
    assert_eq!(db.psql("select count(*), (select count(*) from outbox.lane) from outbox.delivery"), "0|1");
    // Nothing to send for as long as history reaches: it is forgotten.
    db.psql("update outbox.lane set touched_at = touched_at - interval '1 year'; select outbox.purge_old()");
    assert_eq!(db.psql("select count(*) from outbox.lane"), "0");
}

#[test]
fn what_somebody_made_due_by_hand_does_not_pass() {
    let db = ordered("order_by_hand", "ordering => 'object'");
    db.psql(TWO_OBJECTS);
    assert_eq!(db.psql("select take()"), "1,2");
    db.psql("update outbox.delivery set due_at = clock_timestamp() where attempt = 0");
    assert_eq!(db.psql("select take()"), "-");
    db.psql("select outbox.retry(id) from outbox.delivery where event_id = 5");
    assert_eq!(db.psql("select take()"), "-");
    db.psql("select done(1)");
    assert_eq!(db.psql("select take()"), "3");
}

#[test]
fn a_newer_event_takes_the_place_of_what_waits() {
    let db = ordered("order_latest", "ordering => 'object'");
    db.psql(
        "insert into outbox.object (name, owner, mode) values ('Order', 'postgres', 'latest')
             on conflict (name) do update set mode = excluded.mode;
         select publish('{}', 'a'), publish('{}', 'b')",
    );
    assert_eq!(db.psql("select take(1)"), "1");
    db.psql("select publish('{}', 'a')");
    assert_eq!(db.psql("select take()"), "2");
    db.psql("select publish('{}', 'a')");
    assert_eq!(db.psql("select open()"), "1,2,4");
    assert_eq!(db.psql("select take()"), "-");
    db.psql("select done(1)");
    assert_eq!(db.psql("select take()"), "4");
}

#[test]
fn blocked_behind_what_was_given_up_until_that_is_retried_or_deleted() {
    let db = ordered("order_block", "ordering => 'object', on_exhausted => 'block'");
    db.psql(TWO_OBJECTS);
    play(
        &db,
        &[
            ("select take()", "1,2"),
            ("select done(1, 'dead'), done(2)", "0|0"),
            ("select take()", "4"),
            (
                "select subscriber, object, object_id, event, reason, waiting, aside, release from outbox.blocked",
                "a|Order|a|1|no|2|0|select outbox.retry(1)",
            ),
            ("select publish('{}', 'a')", "6"),
            ("select take()", "-"),
            (
                "select state, reason ~ '^not tried yet, the object is blocked: select' from outbox.why('3', 1)",
                "waiting|t",
            ),
            ("select outbox.retry(1) is not null", "t"),
            ("select count(*) from outbox.blocked", "0"),
            ("select take()", "1"),
            ("select reason from outbox.why('3', 1)", "not tried yet, its turn comes after event 1"),
            // It fails again: blocked again. Deleted, it is given up for good.
            ("select done(1, 'dead')", "0"),
            ("select take()", "-"),
            ("delete from outbox.dead_letter", ""),
            ("select take()", "3"),
            // Another policy.
            ("select done(3, 'dead')", "0"),
            ("update outbox.subscription set on_exhausted = 'skip'", ""),
            ("select take()", "5"),
            // What was skipped and is retried comes before what is still open.
            ("select outbox.retry(delivery) is not null from outbox.dead_letter", "t"),
            ("select done(5, null)", "0"),
            ("select take()", "3"),
            ("select done(3)", "0"),
            ("select take()", "5"),
        ],
    );
    // A dead letter that is not there blocks nothing for longer than housekeeping takes.
    db.psql("update outbox.subscription set on_exhausted = 'block'; select done(5, 'dead'); truncate outbox.dead_letter");
    assert_eq!(db.psql("select take()"), "-");
    db.psql("select outbox.purge_old()");
    assert_eq!(db.psql("select take()"), "6");
}

#[test]
fn put_aside_behind_what_was_given_up_and_retried_in_order() {
    let db = ordered("order_park", "ordering => 'object', on_exhausted => 'park'");
    db.psql(TWO_OBJECTS);
    let reasons =
        "select string_agg(event_id || ' ' || reason, '; ' order by event_id) from outbox.dead_letter";
    play(
        &db,
        &[
            ("select take()", "1,2"),
            ("select done(1, 'dead'), done(2)", "0|0"),
            ("select take()", "4"),
            ("select publish('{}', 'a')", "6"),
            ("select take()", "-"),
            ("select open()", "4"),
            (
                reasons,
                "1 no; 3 put aside behind delivery 1, which was given up; 5 put aside behind delivery 1, which was given up; \
                 6 put aside behind delivery 1, which was given up",
            ),
            (
                "select state, reason from outbox.why('5', 1)",
                "dead|put aside behind delivery 1, which was given up",
            ),
            ("select aside, waiting from outbox.blocked", "3|0"),
            ("select count(*) from outbox.lane_wake", "0"),
        ],
    );
    let release = db.psql("select release from outbox.blocked");
    assert_eq!(db.psql(&release).lines().count(), 4, "{release}");
    play(
        &db,
        &[
            ("select take()", "1"),
            ("select done(1)", "0"),
            ("select take()", "3"),
            ("select done(3)", "0"),
            ("select take()", "5"),
            ("select done(5), done(4)", "0|0"),
            ("select take()", "6"),
        ],
    );
}

/// The younger transaction commits first; with a barrier its event waits for the older one, and for nothing else. Transactions of
/// other databases count too, so what is let through is waited for.
#[tokio::test]
async fn a_barrier_waits_for_whoever_may_still_commit_a_lower_event() {
    let db = ordered("order_barrier", "ordering => 'strict', barrier => true");
    subscribe(&db, "b", "ordering => 'strict'");
    subscribe(&db, "c", "ordering => 'object', barrier => true");
    db.psql(
        "create table got (nth int generated always as identity, subscription bigint, event bigint);
         create function got(sub bigint) returns text language plpgsql as $$ begin
             insert into got (subscription, event)
             select subscription, event_id from outbox.claim('r', 100, '{}', '{}', 0) order by event_id;
             return (select coalesce(string_agg(event::text, ',' order by nth), '-') from got where subscription = sub);
         end $$",
    );
    let older = db.session().await;
    older.execute("begin; select publish('{}', 'a')").await;
    db.psql("select publish('{}', 'b')");
    play(&db, &[("select got(2)", "2"), ("select got(1)", "-"), ("select got(3)", "-")]);
    assert_eq!(db.psql("select outbox.next_due(0) between 1 and 5000"), "t");
    older.execute("commit").await;
    db.wait_until_async("select got(1) = '1'", SOON).await;
    db.wait_until_async("select got(3) = '1,2'", SOON).await;
    assert_eq!(db.psql("select got(2)"), "2", "one at a time, whatever came late");
    db.psql("select done(2, sub => 2)");
    db.wait_until_async("select got(2) = '2,1'", SOON).await;
    db.psql("select done(1)");
    db.wait_until_async("select got(1) = '1,2'", SOON).await;
    // Whoever begins later does not matter.
    older.execute("begin; select pg_current_xact_id()").await;
    db.psql("select done(2), publish('{}', 'a')");
    assert_eq!(db.psql("select got(1)"), "1,2");
    let newer = db.session().await;
    newer.execute("begin; select pg_current_xact_id()").await;
    older.execute("rollback").await;
    db.wait_until_async("select got(1) = '1,2,3'", SOON).await;
    let refused = db.try_psql("update outbox.subscription set ordering = 'none' where id = 1").unwrap_err();
    assert!(refused.message.contains("barrier_needs_an_order"), "{refused:?}");
}

/// What is retried, or came late, may be lower than what is being sent: it waits until that has ended, or its lease has.
#[test]
fn what_rises_below_a_post_under_way_waits_for_its_end() {
    let db = ordered("order_below", "ordering => 'object', on_exhausted => 'skip'");
    db.psql("select count(publish('{}', 'a')) from generate_series(1, 5)");
    play(
        &db,
        &[
            ("select take()", "1"),
            ("select done(1, 'dead')", "0"),
            ("select take()", "2"),
            ("select count(outbox.retry(delivery)) from outbox.dead_letter", "1"),
            ("select take()", "-"),
            ("select outbox.next_due(0) <= 100", "t"),
            ("select done(2, null)", "0"),
            ("select take()", "1"),
            ("select take()", "-"),
            ("select done(1, 'dead')", "0"),
            ("select take()", "2"),
            ("select count(outbox.retry(delivery)) from outbox.dead_letter", "1"),
            ("select take()", "-"),
        ],
    );
    // The relay that had it is gone.
    db.psql("update outbox.delivery set due_at = clock_timestamp() where leased_by is not null");
    play(
        &db,
        &[("select take()", "1"), ("select done(1)", "0"), ("select take()", "2"), ("select done(2)", "0")],
    );
    play(&db, &[("select take()", "3"), ("select done(3)", "0"), ("select take()", "4")]);
}

/// An event with a `due_at` to come has its place when it is due; until then it holds up nobody.
#[test]
fn a_delayed_event_takes_its_place_when_it_is_due() {
    for ordering in ["object", "strict"] {
        let db = ordered("order_delayed", &format!("ordering => '{ordering}'"));
        db.psql(
            "select publish('{}', 'a');
             update outbox.delivery set due_at = clock_timestamp() + interval '20 s';
             select publish('{}', 'a'), publish('{}', 'a')",
        );
        play(
            &db,
            &[
                ("select take()", "2"),
                ("select take()", "-"),
                ("select due_at > now() and lane is null from outbox.delivery where event_id = 1", "t"),
            ],
        );
        db.psql("update outbox.delivery set due_at = clock_timestamp() where event_id = 1");
        play(
            &db,
            &[
                ("select take()", "-"),
                ("select done(2)", "0"),
                ("select take()", "1"),
                ("select done(1)", "0"),
                ("select take()", "3"),
            ],
        );
    }
}

/// Who asks for an order while things are under way: what a relay has lost waits for its turn like all, and nobody has it
/// any more; what waits to be tried again is not passed by what came after it.
#[test]
fn what_was_lost_or_failed_before_there_was_an_order_has_its_turn() {
    let db = ordered("order_begun", "ordering => 'none'");
    db.psql("select count(publish('{}', 'a')) from generate_series(1, 4)");
    db.psql("select take()");
    db.psql(
        "update outbox.delivery set due_at = clock_timestamp() where event_id in (2, 4);
         update outbox.delivery set due_at = clock_timestamp() + interval '1 h', leased_by = null where event_id = 1;
         update outbox.subscription set ordering = 'object'",
    );
    assert_eq!(db.psql("select take()"), "-", "3 is under way");
    db.psql("select done(3)");
    assert_eq!(db.psql("select take()"), "1");
    let parked =
        "select string_agg(concat(event_id, due_at = 'infinity', leased_by is null), ' ' order by event_id)
        from outbox.delivery where event_id <> 1";
    assert_eq!(db.psql(parked), "2tt 4tt");
    assert_eq!(db.psql("select outbox.skip(id, 'no') from outbox.delivery where event_id = 4"), "skipped");
    play(
        &db,
        &[("select done(1)", "0"), ("select take()", "2"), ("select done(2)", "0"), ("select open()", "-")],
    );
}

/// An event that relays have yet to make deliveries of comes before those above it.
#[test]
fn what_is_still_to_be_delivered_to_many_comes_first() {
    for ordering in ["object", "strict"] {
        let db = ordered("order_fan_out", &format!("ordering => '{ordering}'"));
        db.psql(
            "select publish('{}', 'a'), publish('{}', 'a');
             insert into outbox.fan_out (event_slot, event_id) select slot, id from outbox.event where id = 1;
             delete from outbox.delivery where event_id = 1",
        );
        play(
            &db,
            &[
                ("select take()", "-"),
                ("select outbox.next_due(0) between 1 and 60", "t"),
                ("select outbox.expand()", "1"),
                ("select take()", "1"),
                ("select done(1)", "0"),
                ("select take()", "2"),
            ],
        );
    }
}

/// Also one that was under way when order was asked for.
#[test]
fn order_can_be_asked_for_and_given_up_at_any_time() {
    let db = ordered("order_change", "ordering => 'none'");
    db.psql(TWO_OBJECTS);
    let parked = "select count(*) filter (where due_at = 'infinity'), count(lane) from outbox.delivery";
    play(
        &db,
        &[
            ("select take(2)", "1,2"),
            ("update outbox.subscription set ordering = 'object'", ""),
            ("select take()", "-"),
            (parked, "3|5"),
            ("select done(1), done(2)", "0|0"),
            ("select take()", "3,4"),
            ("update outbox.subscription set ordering = 'strict'", ""),
            (parked, "0|0"),
            ("select take()", "-"),
            ("select done(4)", "0"),
            ("select take()", "-"),
            ("select done(3)", "0"),
            ("select take()", "5"),
            ("select publish('{}', 'a')", "6"),
            ("select take()", "-"),
            ("update outbox.subscription set ordering = 'none'", ""),
            (parked, "0|0"),
            ("select count(*) from outbox.lane", "0"),
            ("select take()", "6"),
        ],
    );
}

/// Somebody has a delivery locked: what comes after it in its lane waits, and nothing else does.
#[tokio::test]
async fn a_locked_delivery_holds_up_its_lane_alone() {
    let db = ordered("order_locked", "ordering => 'object'");
    db.psql(TWO_OBJECTS);
    let other = db.session().await;
    other.execute("begin; select from outbox.delivery where event_id = 1 for update").await;
    assert_eq!(db.psql("set lock_timeout = '1 s'; select take()").lines().last(), Some("2"));
    other.execute("rollback").await;
    assert_eq!(db.psql("select take()"), "1");
    // The one whose turn it is.
    other.execute("begin; select from outbox.delivery where event_id = 3 for update").await;
    db.psql("select done(1), done(2)");
    assert_eq!(db.psql("select take()"), "4");
    assert_eq!(db.psql("select take()"), "-");
    other.execute("rollback").await;
    assert_eq!(db.psql("select take()"), "3");
}

/// What waits for its turn has no time at which it is due.
#[test]
fn nobody_misreads_what_waits_for_its_turn() {
    let db = ordered("order_views", "ordering => 'strict'");
    db.psql(TWO_OBJECTS);
    assert_eq!(db.psql("select take()"), "1");
    play(
        &db,
        &[
            ("select open, due, in_flight, waiting, next_attempt_at from outbox.backlog", "5|0|1|4|"),
            ("select state, due_at from outbox.event e, outbox.find(e.uid::text) where e.id = 3", "waiting|"),
            ("select open, due_at, due_for, first_due from outbox.measure(10)", "5|||"),
            ("select outbox.next_due(0) between 30000 and 36000", "t"),
            ("delete from outbox.delivery where attempt > 0", ""),
            ("select outbox.next_due(0) between 1 and 60", "t"),
            ("insert into outbox.subscription_health (subscription, consecutive_failures) values (1, 1)", ""),
            ("select next_attempt_at from outbox.failing", ""),
            ("select take(0)", "-"),
            ("select open, due, in_flight, waiting, next_attempt_at from outbox.backlog", "4|1|0|3|"),
        ],
    );
}

/// In a copy of the database nothing is moved.
#[test]
fn a_copy_is_left_alone() {
    let db = ordered("order_copy", "ordering => 'object'");
    db.psql(TWO_OBJECTS);
    db.psql("update outbox.setting set home = 'elsewhere'");
    assert!(db.try_psql("select take()").unwrap_err().sqlstate.contains("OX020"));
    assert_eq!(db.psql("select count(lane) from outbox.delivery"), "0");
}
