//! What becomes of a subscription that fails, and of one that somebody stops: statuses, severity, who and why.

use std::time::Duration;

use crate::installed::{installed, login_roles};
use crate::support::{Database, shared};

const SOON: Duration = Duration::from_secs(30);

/// `fail(n)` and `succeed(n)` claim what is due of subscription `s` and settle `n` of it one after the other, each in a
/// settle of its own; `ago(i, s)` moves its failure into the past.
const HELPERS: &str = "
    create function post(s bigint, class text, outcome text, pause float8 default 0) returns jsonb language plpgsql as $$
    declare c record; made jsonb;
    begin
        update outbox.delivery set due_at = clock_timestamp() where subscription = s and leased_by is null;
        select * into strict c from outbox.claim('r', 1, '{}', '{}', s - 1) x where x.subscription = s;
        select r.changes into made from outbox.settle('r', false, array[c.delivery], array[c.attempt],
            array[c.subscription], array[c.event_slot], array[c.event_id], '{1}', '{1}', array[class],
            array[case class when 'delivered' then 200 else 500 end], array[null::text],
            array[case when class <> 'delivered' then 'status 500' end], array[null::text], array[outcome], array[pause]) r;
        return made;
    end $$;
    create function fail(n int, s bigint default 1) returns void language sql as $$
        select post(s, 'rejected', null) from generate_series(1, n) $$;
    create function die(n int, s bigint default 1) returns void language sql as $$
        select post(s, 'rejected', 'dead') from generate_series(1, n) $$;
    create function succeed(s bigint default 1) returns void language sql as $$
        select post(s, 'delivered', 'delivered') $$;
    create function ago(i interval, s bigint default 1) returns void language sql as $$
        update outbox.subscription_health set failing_since = failing_since - i where subscription = s $$;
    select outbox.define_event_type('A')";

/// `status|severity|consecutive failures|deliveries dead in a row|failing` of subscription 1.
const STATE: &str = "select s.status, h.severity, h.consecutive_failures, h.dead_in_a_row, h.failing_since is not null
    from outbox.subscription s left join outbox.subscription_health h on h.subscription = s.id where s.id = 1";
/// What became of subscription 1.
const CHANGES: &str = "select from_status, to_status, reason from outbox.subscription_change
            where subscription = 1 order by id";

/// A database with one subscription to event type A, and so many events for it.
fn stage(hint: &str, settings: &str, events: u32) -> Database {
    let db = installed(hint);
    let comma = if settings.is_empty() { "" } else { ", " };
    db.psql(&format!(
        "{HELPERS}; select outbox.subscribe('acme', 'A', 'https://e.com/in?token=hush'{comma}{settings});
         select outbox.emit('A') from generate_series(1, {events})"
    ));
    db
}

#[test]
fn the_ladder_is_climbed_down_by_time_and_begins_anew_when_enabled() {
    let db = stage("health_ladder", "severity_thresholds => '{1800 s,14400 s}'", 3);
    db.psql("select fail(1)");
    assert_eq!(db.psql(STATE), "failing|3|1|0|t", "failing at the first failure");
    for (age, state) in
        [("1700 s", "failing|3|2|0|t"), ("100 s", "failing|2|3|0|t"), ("12500 s", "failing|2|4|0|t")]
    {
        db.psql(&format!("select ago('{age}'), fail(1)"));
        assert_eq!(db.psql(STATE), state, "{age}");
    }
    // 1: the delivery whose failure brought it is dead, the others are kept.
    db.psql("select ago('100 s'), fail(1)");
    assert_eq!(db.psql(STATE), "disabled|1|5|0|t");
    let left = "select (select count(*) from outbox.delivery), (select count(*) from outbox.dead_letter),
        (select count(*) from outbox.attempt where outcome = 'dead')";
    assert_eq!(db.psql(left), "2|1|1");
    assert_eq!(db.psql("select count(*) from outbox.claim('r', 10, '{}', '{}', 0)"), "0");
    let reasons = db.psql(CHANGES);
    assert!(
        reasons.starts_with(
            "active|failing|1 failure in a row: status 500\nfailing|disabled|severity 1, failing for 04:00:"
        ),
        "{reasons}"
    );
    // Enabled while the receiver is still broken: the ladder is there again, down to its end.
    assert_eq!(db.psql("select outbox.enable(1), outbox.enable(1)"), "1|0");
    assert_eq!(db.psql(STATE), "active||0|0|f");
    db.psql("select fail(1)");
    assert_eq!(db.psql(STATE), "failing|3|1|0|t");
    db.psql("select ago('5 h'), fail(1)");
    assert_eq!(db.psql(STATE), "disabled|1|2|0|t");
    // Mended: what was held is sent, and what was dead can be.
    db.psql("select outbox.enable(1, 'mended'); select outbox.retry(delivery) from outbox.dead_letter");
    db.psql("select succeed() from generate_series(1, 3)");
    assert_eq!(db.psql("select count(*) from outbox.delivery"), "0");
    assert!(db.psql(CHANGES).ends_with("disabled|active|mended"));
}

#[test]
fn other_ladders() {
    for (thresholds, steps) in [
        ("{60 min}", [("1 min", "2"), ("50 min", "2"), ("9 min", "1")].as_slice()),
        ("{60 min,1 min}", &[("1 s", "3"), ("2 min", "2"), ("60 min", "1")]),
        (
            "{1 min,2 min,3 min,4 min,5 min,6 min,7 min,8 min,9 min}",
            &[("1 s", "10"), ("4 min", "6"), ("10 min", "1")],
        ),
    ] {
        let db = stage("health_ladders", &format!("severity_thresholds => '{thresholds}'"), 1);
        db.psql("select fail(1)");
        for (age, severity) in steps {
            db.psql(&format!("select ago('{age}'), fail(1)"));
            assert_eq!(
                db.psql("select severity from outbox.subscription_health"),
                *severity,
                "{thresholds} {age}"
            );
        }
    }
    let db = stage("health_ladder_reset", "severity_thresholds => '{60 min}'", 2);
    db.psql("select fail(1), ago('50 min'); select succeed(); select fail(1)");
    assert_eq!(db.psql("select severity, consecutive_failures from outbox.subscription_health"), "2|1");
}

#[test]
fn failing_after_three_and_well_after_the_first_success() {
    let db = stage("health_failing", "", 2);
    db.psql("select fail(2)");
    assert_eq!(db.psql(STATE), "active||2|0|t");
    assert_eq!(
        db.psql("select post(1, 'rejected', null)"),
        concat!(
            r#"[{"to": "failing", "from": "active", "#,
            r#""reason": "3 failures in a row: status 500", "#,
            r#""severity": null, "subscriber": "acme", "subscription": 1}]"#,
        )
    );
    assert_eq!(db.psql("select post(1, 'rejected', null) is null"), "t", "told once");
    assert_eq!(
        db.psql("select subscriber, status, severity, dead_in_a_row from outbox.failing"),
        "acme|failing||0"
    );
    db.psql("select succeed()");
    assert_eq!(db.psql(STATE), "active||0|0|f");
    assert!(db.psql(CHANGES).ends_with("failing|active|an attempt was delivered"));
    // Five days are the default, and three failures at least.
    db.psql("select fail(1), ago('6 days'); select fail(1)");
    assert_eq!(db.psql(STATE), "active||2|0|t");
    db.psql("select fail(1)");
    assert_eq!(db.psql(STATE), "disabled||3|0|t");
    assert!(db.psql(CHANGES).contains("active|disabled|failing for 6 days"), "{}", db.psql(CHANGES));
}

#[test]
fn deliveries_that_end_dead_are_counted_and_not_their_attempts() {
    let db = stage("health_dead", "disable_after_failures => 3, success_codes => '{200}'", 12);
    // Two attempts each, and one that gets through in between.
    db.psql("select fail(1), die(1), fail(1), die(1); select succeed(); select fail(2), die(2)");
    assert_eq!(db.psql(STATE), "active||4|2|t");
    // A report that comes after its lease has ended ends nothing, and the same report again is one.
    db.psql(
        "create table claimed as select * from outbox.claim('slow', 1, '{}', '{}', 0);
         update outbox.delivery set due_at = clock_timestamp() where id = (select delivery from claimed);
         create table reclaimed as select c.* from claimed d, outbox.claim('quick', 16, '{}', '{}', 0) c
            where c.delivery = d.delivery;
         create function report(again boolean, c claimed) returns void language sql as $$
            select outbox.settle('slow', again, array[c.delivery], array[c.attempt], array[c.subscription], array[c.event_slot],
                array[c.event_id], '{1}', '{1}', '{rejected}', '{500}', '{null}', '{x}', '{null}', '{dead}', '{null}') $$;
         select report(false, c) from claimed c",
    );
    assert_eq!(db.psql(STATE), "active||5|2|t");
    db.psql(
        "select report(false, (c.*)::text::claimed) from reclaimed c;
            select report(true, (c.*)::text::claimed) from reclaimed c",
    );
    assert_eq!(db.psql(STATE), "disabled||6|3|t");
    let changes = db.psql(CHANGES);
    assert!(
        changes.ends_with("active|disabled|3 deliveries in a row ended dead (disable_after_failures): x"),
        "{changes}"
    );
    // All of them can be sent once it is mended, and the count is back at nothing.
    db.psql(
        "update outbox.delivery set leased_by = null; select outbox.retry(delivery) from outbox.dead_letter;
            select outbox.enable(1)",
    );
    assert_eq!(db.psql(STATE), "active||0|0|f");
    db.psql("select succeed() from generate_series(1, 11)");
    assert_eq!(db.psql("select count(*) from outbox.delivery"), "0");
}

#[test]
fn who_and_why_are_on_record_for_any_statement() {
    let db = stage("health_who", "", 0);
    login_roles(shared(), &["health_admin"]);
    db.psql("grant outbox_admin to health_admin");
    db.psql_as(
        "health_admin",
        "update outbox.subscription set status = 'paused', concurrency = 3;
         begin; set local outbox.reason = 'they asked for it'; update outbox.subscription set status = 'disabled'; commit;
         select outbox.enable(1, 'mended');
         begin; select outbox.pause(1, 'upgrade'); update outbox.subscription set status = 'active'; commit;
         update outbox.subscription set concurrency = 4;
         delete from outbox.subscription",
    );
    assert_eq!(
        db.psql(
            "select changed_by, from_status, to_status, reason from outbox.subscription_change order by id"
        ),
        "health_admin|active|paused|\n\
         health_admin|paused|disabled|they asked for it\n\
         health_admin|disabled|active|mended\n\
         health_admin|active|paused|upgrade\n\
         health_admin|paused|active|\n\
         health_admin|active|gone|"
    );
    let log = shared().log();
    for line in [
        "is disabled, and was paused, by health_admin: they asked for it\n",
        "is gone, and was active, by health_admin\n",
    ] {
        assert!(log.contains(&format!("LOG:  subscription 1 of acme {line}")), "{line}");
    }
    // It goes with the tombstone.
    db.psql("update outbox.subscription_change set changed_at = changed_at - interval '1 year'; select outbox.purge_old()");
    assert_eq!(db.psql("select to_status from outbox.subscription_change"), "gone");
    // Behind the checks' back, which keep the tombstone as it is.
    db.psql(
        "set session_replication_role = replica;
         update outbox.subscription set updated_at = now() - interval '9 days'",
    );
    let forgotten = "select outbox.cancel_gone() = 0 and not exists (select from outbox.subscription_change)";
    db.wait_until(forgotten, SOON);
}

#[test]
fn pause_resume_and_enable_take_one_or_many() {
    let db = stage("health_sets", "", 0);
    db.psql("select outbox.subscribe('acme', '*', 'https://e.com/'), outbox.subscribe('other', 'A', 'https://o.com/')");
    let off =
        "select coalesce(string_agg(id || ' ' || status, ', ' order by id), '') from outbox.subscription
            where status <> 'active'";
    for (call, count, left) in [
        ("pause(1)", "1", "1 paused"),
        ("pause(1)", "0", "1 paused"),
        ("pause(subscriber => 'acme', reason => 'x')", "1", "1 paused, 2 paused"),
        ("pause(pattern => 'A')", "1", "1 paused, 2 paused, 3 paused"),
        ("resume(subscriber => 'acme', pattern => '*')", "1", "1 paused, 3 paused"),
        ("resume(subscriptions => '{3,2,1}')", "2", ""),
        (
            "pause(subscriptions => array(select id from outbox.subscription))",
            "3",
            "1 paused, 2 paused, 3 paused",
        ),
        ("enable(subscriber => 'other')", "1", "1 paused, 2 paused"),
        ("enable(1, subscriptions => '{1,2}')", "1", "2 paused"),
        ("pause(subscriptions => '{}')", "0", "2 paused"),
    ] {
        assert_eq!(db.psql(&format!("select outbox.{call}")), count, "{call}");
        assert_eq!(db.psql(off), left, "{call}");
    }
    db.psql("update outbox.subscription set status = 'disabled' where id = 1; delete from outbox.subscription where id = 3");
    assert_eq!(db.psql("select outbox.pause(1)"), "0", "it is off already");
    assert_eq!(db.psql("select outbox.resume(subscriber => 'acme')"), "1", "the paused one of them");
    for (call, sqlstate, says) in [
        ("resume(1)", "OX025", "subscription 1 is disabled, not paused"),
        ("pause()", "OX025", "which subscriptions?"),
        ("enable(reason => 'x')", "OX025", "which subscriptions?"),
        ("pause(3)", "OX008", "subscription 3 is gone"),
        ("enable(subscriptions => '{1,99}')", "OX008", "no such subscription: 99"),
        ("enable(subscriptions => '{1,null}')", "OX008", "no such subscription: NULL"),
        ("resume(subscriber => 'nobody')", "OX008", "no such subscription: of subscriber 'nobody'"),
        ("pause(pattern => 'B')", "OX008", "no such subscription: any with pattern 'B'"),
        ("pause('acme')", "22P02", "invalid input syntax"),
    ] {
        let error = db.try_psql(&format!("select outbox.{call}")).unwrap_err();
        assert_eq!(error.sqlstate, sqlstate, "{call}: {}", error.raw);
        assert!(error.message.starts_with(says), "{call}: {}", error.raw);
    }
    // A failing one is failing still when it is resumed.
    db.psql(
        "select outbox.enable(1); select outbox.emit('A'); select fail(4); select outbox.pause(1);
            select outbox.resume(1)",
    );
    assert_eq!(db.psql(STATE), "failing||4|0|t");
}

#[test]
fn hold_keeps_what_comes_and_skip_does_not() {
    let db = stage("health_hold_and_skip", "while_off => 'skip'", 3);
    db.psql("select outbox.subscribe('holder', 'A', 'https://h.com/'); select outbox.emit('A')");
    let open = "select s.subscriber, count(d.id) from outbox.subscription s left join outbox.delivery d on d.subscription = s.id
        group by 1 order by 1";
    // One is being sent: it is left alone.
    db.psql("select outbox.claim('r', 1, '{}', '{}', 0); select outbox.pause(subscriptions => '{1,2}', reason => 'upgrade')");
    assert_eq!(db.psql(open), "acme|1\nholder|1");
    db.psql("select outbox.emit('A')");
    assert_eq!(db.psql(open), "acme|2\nholder|2");
    assert_eq!(db.psql("select outbox.keep_subscriptions(), outbox.keep_subscriptions()"), "1|0");
    // What came since housekeeping looked is not sent afterwards either, by whatever statement it is resumed.
    db.psql(
        "select outbox.emit('A'); update outbox.subscription set status = 'active' where status = 'paused';
            select outbox.emit('A')",
    );
    assert_eq!(db.psql(open), "acme|2\nholder|4");
    assert_eq!(
        db.psql(
            "select subscription, outcome, error, count(*) from outbox.attempt group by 1, 2, 3 order by 4"
        ),
        "1|skipped|the subscription was paused: upgrade|5"
    );
    // Also when it is disabled by itself; and what it held before it was told to skip goes then.
    db.psql("update outbox.delivery set leased_by = null; update outbox.subscription set disable_after_failures = 1;
            select die(1), die(1, 2)");
    assert_eq!(db.psql(open), "acme|0\nholder|3");
    db.psql("update outbox.subscription set while_off = 'skip'; select outbox.keep_subscriptions(2)");
    assert_eq!(db.psql(open), "acme|0\nholder|1");
    db.psql("select outbox.keep_subscriptions(2)");
    let why =
        db.psql("select distinct error from outbox.attempt where subscription = 2 and outcome = 'skipped'");
    assert_eq!(
        why,
        "the subscription was disabled: 1 delivery in a row ended dead (disable_after_failures): status 500"
    );
    assert_eq!(db.psql(open), "acme|0\nholder|0");
}

#[test]
fn events_tell_those_who_named_them_and_nobody_else() {
    let db = stage("health_events", "", 5);
    db.psql(
        "select outbox.subscribe('everything', '*', 'https://a.com/'),
            outbox.subscribe('operator', 'outbox.subscription.*', 'https://b.com/'),
            outbox.subscribe('alarm', 'outbox.subscription.disabled', 'https://c.com/'),
            outbox.subscribe('all of ours', 'outbox.*', 'https://d.com/'),
            outbox.subscribe('of one', 'outbox.subscription.*', 'https://e.com/', object_id => '2'),
            outbox.subscribe('of A', 'outbox.subscription.*', 'https://f.com/', filter => '{\"pattern\": \"A\"}')",
    );
    let told = "select e.type, e.object_id, string_agg(s.subscriber, ', ' order by s.id) from outbox.event e
        join outbox.delivery d on d.event_id = e.id join outbox.subscription s on s.id = d.subscription
        where e.type <> 'A' group by e.id, 1, 2 order by e.id";
    db.psql("select fail(4); select succeed()");
    assert_eq!(
        db.psql(told),
        "outbox.subscription.failing|1|operator, all of ours, of A\noutbox.subscription.active|1|operator, all of ours, of A"
    );
    assert_eq!(
        db.psql("select data from outbox.event where type = 'outbox.subscription.failing'"),
        concat!(
            r#"{"to": "failing", "from": "active", "reason": "3 failures in a row: status 500", "pattern": "A", "#,
            r#""endpoint": "https://e.com/in", "#,
            r#""severity": null, "last_error": "status 500", "subscriber": "acme", "subscription": 1, "#,
            r#""consecutive_failures": 3}"#,
        )
    );
    // Not of itself, and of whatever somebody does by hand.
    db.psql(
        "delete from outbox.delivery; delete from outbox.event;
            update outbox.subscription set status = 'disabled' where id in (2, 3);
        delete from outbox.subscription where id = 4",
    );
    assert_eq!(
        db.psql(told),
        "outbox.subscription.disabled|2|operator, alarm, all of ours, of one\noutbox.subscription.disabled|3|alarm, \
         all of ours\n\
         outbox.subscription.gone|4|operator, all of ours"
    );
    // What explains routing knows it too.
    assert_eq!(
        db.psql(
            "select subscriber, reason from outbox.route('outbox.subscription.paused', '{}', '1')
            where subscriber in ('everything', 'operator')"
        ),
        "operator|pattern outbox.subscription.* matches, held while it is disabled\n\
         everything|pattern * does not match outbox.subscription.paused"
    );
    // Nobody wants it: no event is written.
    db.psql(
        "delete from outbox.subscription where id > 2; delete from outbox.event;
            update outbox.subscription set status = 'paused' where id < 3",
    );
    assert_eq!(db.psql("select count(*) from outbox.event"), "0");
    assert_eq!(db.psql("select count(*) from outbox.subscription_change where to_status = 'paused'"), "2");
}

/// It fails four times and recovers, again and again: who is told of it, and how often the row that writers read is written.
#[test]
fn a_subscription_that_flaps_is_told_of_once_a_minute() {
    let db = stage("health_flapping", "", 30);
    db.psql("select outbox.subscribe('operator', 'outbox.subscription.*', 'https://b.com/')");
    let flap = "select fail(4), succeed() from generate_series(1, 8)";
    db.psql(flap);
    let written = "select s.version, (select count(*) from outbox.subscription_change), (select count(*)
            from outbox.event where type <> 'A')
        from outbox.subscription s where s.id = 1";
    assert_eq!(db.psql(written), "3|2|2");
    assert_eq!(db.psql(STATE), "active||0|0|f");
    db.psql("select fail(5)");
    assert_eq!(
        db.psql("select status, consecutive_failures from outbox.failing"),
        "active|5",
        "its counters are true meanwhile"
    );
    db.psql(
        "update outbox.subscription_change set changed_at = changed_at - interval '1 minute'; select fail(1)",
    );
    assert_eq!(db.psql(written), "4|3|3");
    db.psql(&format!("select succeed(); {flap}"));
    assert_eq!(db.psql(written), "5|4|4");
    // It does not keep from being disabled.
    db.psql("update outbox.subscription set disable_after_failures = 2; select die(2)");
    assert!(db.psql(STATE).starts_with("disabled"));
}

#[test]
fn an_edit_of_what_was_changed_meanwhile_is_refused() {
    let db = stage("health_version", "", 3);
    db.psql("update outbox.subscription set version = 1, concurrency = 2 where id = 1");
    let stale = "update outbox.subscription set version = 1, concurrency = 9 where id = 1";
    let error = db.try_psql(stale).unwrap_err();
    assert_eq!(
        (error.sqlstate.as_str(), error.message.as_str()),
        ("OX024", "subscription 1 has version 2, and this statement names 1")
    );
    assert!(error.hint.unwrap().contains("where id = 1"));
    // What a relay has made of it counts as well.
    db.psql("select fail(3)");
    assert_eq!(
        db.try_psql("update outbox.subscription set version = 2, status = 'active'").unwrap_err().sqlstate,
        "OX024"
    );
    assert_eq!(db.try_psql("update outbox.subscription set version = null").unwrap_err().sqlstate, "OX024");
    db.psql("update outbox.subscription set version = 3, concurrency = 4; update outbox.subscription set concurrency = 5");
    assert_eq!(db.psql("select version, concurrency from outbox.subscription"), "5|5");
}

/// A relay's outcomes wait for nobody who edits subscriptions, or keeps one locked.
#[tokio::test]
async fn settle_does_not_wait_for_people() {
    let db = stage("health_locked", "", 4);
    db.psql("select outbox.subscribe('b', 'A', 'https://b.com/'); select outbox.emit('A') from generate_series(1, 4)");
    let (dba, relay) = (db.session().await, db.session().await);
    relay.execute("set lock_timeout = '5s'; set statement_timeout = '10s'").await;
    dba.execute(
        "begin; update outbox.subscription set concurrency = 9 where id = 2;
            update outbox.subscription set concurrency = 9 where id = 1",
    )
    .await;
    relay.execute("select fail(4, 1), fail(4, 2)").await;
    dba.execute("commit").await;
    assert_eq!(
        db.psql("select status from outbox.subscription order by id"),
        "active\nactive",
        "left as they are for now"
    );
    relay.execute("select fail(1, 1), fail(1, 2)").await;
    assert_eq!(db.psql("select status from outbox.subscription order by id"), "failing\nfailing");
    // A success that found the row locked: housekeeping makes up for it.
    dba.execute("begin; select from outbox.subscription where id = 1 for update").await;
    relay.execute("select succeed(1)").await;
    dba.execute("commit").await;
    assert_eq!(db.psql(STATE), "failing||0|0|f");
    db.psql("select outbox.keep_subscriptions()");
    assert_eq!(db.psql(STATE), "active||0|0|f");
    // Somebody enables and goes for lunch: the outcome is recorded, and not counted.
    dba.execute("begin; select outbox.enable(2)").await;
    relay.execute("select fail(1, 2)").await;
    dba.execute("commit").await;
    assert_eq!(db.psql("select count(*) from outbox.attempt where subscription = 2"), "6");
    assert_eq!(
        db.psql("select consecutive_failures from outbox.subscription_health where subscription = 2"),
        "0"
    );
}

/// Reports of two subscriptions in opposite orders, from two relays at once: both count, and neither is broken off.
#[tokio::test]
async fn two_settles_that_cross_both_count() {
    let db = stage("health_crossing", "", 2);
    db.psql(
        "select outbox.subscribe('b', 'A', 'https://b.com/'); select outbox.emit('A') from generate_series(1, 2);
         insert into outbox.subscription_health (subscription) values (1), (2);
         create table claimed as select row_number() over (partition by subscription order by delivery) as n, c.*
            from outbox.claim('r', 100, '{}', '{}', 0) c;
         create function cross_over(which int, way int) returns void language sql as $$
            select outbox.settle('r', false, array_agg(delivery order by o), array_agg(attempt order by o),
            array_agg(subscription order by o),
                array_agg(event_slot order by o), array_agg(event_id order by o), '{1,1}', '{1,1}',
            '{rejected,rejected}', '{500,500}',
                '{null,null}', '{x,x}', '{null,null}', '{null,null}', '{60000,60000}')
            from (select *, subscription * way as o from claimed where n = which) c $$",
    );
    let (holder, up, down) = (db.session().await, db.session().await, db.session().await);
    holder.execute("begin; select from outbox.subscription_health where subscription = 1 for update").await;
    // Neither waits for long, as the holder might be a person.
    up.execute("set statement_timeout = '10s'; begin; select cross_over(1, 1)").await;
    assert_eq!(up.query_text("select sum(consecutive_failures) from outbox.subscription_health").await, "1");
    holder.execute("rollback").await;
    up.execute("rollback; begin; select cross_over(1, 1)").await;
    let waiting = down.clone();
    let task =
        tokio::spawn(async move { waiting.try_query_text("begin; select cross_over(2, -1); commit").await });
    db.wait_until_locked_out(down.pid(), SOON).await;
    up.execute("commit").await;
    task.await.unwrap().unwrap();
    assert_eq!(
        db.psql("select subscription, consecutive_failures from outbox.subscription_health order by 1"),
        "1|2\n2|2"
    );
}

/// What was right when it was written and would be refused today can be paused, and does not keep outcomes from being recorded.
#[test]
fn nothing_about_a_subscription_keeps_its_outcomes_from_being_recorded() {
    let db = installed("health_harmless");
    db.psql(&format!(
        "{HELPERS}; update outbox.setting set http_allowed = true; select outbox.subscribe('acme', 'A', 'http://e.com/');
         update outbox.setting set http_allowed = false; select outbox.emit('A') from generate_series(1, 3); select fail(3)"
    ));
    assert_eq!(db.psql(STATE), "failing||3|0|t");
    db.psql("select outbox.pause(1); select outbox.resume(1)");
    db.psql(
        "create function no() returns trigger language plpgsql as $$ begin raise exception 'not here'; end $$;
         create trigger no before update on outbox.subscription for each row execute function no();
         select succeed()",
    );
    assert_eq!(db.psql(STATE), "failing||0|0|f");
    let error = db.try_psql("update outbox.subscription set status = 'odd'").unwrap_err();
    assert_eq!(error.sqlstate, "P0001");
    db.psql("drop trigger no on outbox.subscription; select outbox.keep_subscriptions()");
    assert_eq!(db.psql(STATE), "active||0|0|f");
    db.psql("update outbox.setting set http_allowed = true");
    let error = db.try_psql("update outbox.subscription set status = 'odd'").unwrap_err();
    assert_eq!((error.sqlstate.as_str(), error.detail.is_none()), ("23514", true), "{}", error.raw);
}

/// A 410 that cannot be obeyed is asked for once more, and what else was settled with it is recorded.
#[test]
fn a_subscription_that_cannot_end_keeps_no_outcome_from_being_recorded() {
    let db = stage("health_gone_harmless", "", 2);
    db.psql(
        "create function no() returns trigger language plpgsql as $$ begin raise exception 'not here'; end $$;
         create trigger no before delete on outbox.subscription for each row execute function no();
         select post(1, 'rejected', 'gone', 5000)",
    );
    assert_eq!(db.psql(STATE), "active||1|0|t");
    let recorded = "select (select count(*) from outbox.attempt), (select count(*) from outbox.delivery)";
    assert_eq!(db.psql(recorded), "1|2");
    db.psql("drop trigger no on outbox.subscription; select post(1, 'rejected', 'gone', 5000)");
    assert!(db.psql(STATE).starts_with("gone"));
    let outcomes = "select string_agg(coalesce(outcome, 'again'), ',' order by id) from outbox.attempt";
    assert_eq!(db.psql(outcomes), "again,cancelled");
}

#[tokio::test]
async fn a_disabled_subscription_is_one_notification_where_commits_may_ring() {
    let db = stage("health_alert", "disable_after_failures => 1", 2);
    let listener = db.session().await;
    listener.execute("listen outbox_alert").await;
    db.psql("select die(1)");
    let notice = listener.notice(SOON).await;
    assert_eq!((notice.channel.as_str(), notice.payload.as_str()), ("outbox_alert", "1"));
    db.psql("select outbox.enable(1)");
    db.psql("set outbox.doorbell = off; select die(1)");
    assert!(db.psql(STATE).starts_with("disabled"));
    assert_eq!(listener.notices_so_far().await.len(), 0);
}
