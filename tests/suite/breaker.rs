//! What holds a subscription back: its breaker, and a subscriber that asks to be left alone. In SQL, as relays call it.

use crate::installed::installed;
use crate::support::Database;

/// `post(n, class)` claims up to n and reports each so; it says how many there were. `pass()` ends what holds a subscription,
/// as the clock would; `expire()` ends leases.
const HELPERS: &str = "
    create function report(c outbox.delivery, class text, hold_ms float8 default null, word text default null) returns int
    language sql as $$
        select (outbox.settle('r', false, array[c.id], array[c.attempt], array[c.subscription], array[c.event_slot],
            array[c.event_id], '{10}', '{5}', array[class], array[null::int], array[word], array['words'], array[null::text],
            array[case when class = 'delivered' then 'delivered' end], '{3600000}', array[hold_ms])).late $$;
    create function post(n int, class text, hold_ms float8 default null, word text default null) returns int
    language plpgsql as $$
    declare
        _ids bigint[] := array(select delivery from outbox.claim('r', n, '{}', '{}', 0));
    begin
        perform report(d, class, hold_ms, word) from outbox.delivery d where d.id = any (_ids);
        return cardinality(_ids);
    end $$;
    create function pass() returns void language sql as $$
        update outbox.subscription_health set held_until = clock_timestamp() where held_until is not null $$;
    create function expire() returns void language sql as $$
        update outbox.delivery set due_at = clock_timestamp(), leased_by = null $$;
    create view held as select subscription, breaker_opened as opened, held_why as why,
        round(extract(epoch from held_until - held_since)) as s from outbox.subscription_health order by 1";

/// A database with one subscription, whose breaker opens at the third failure, and so many events for it.
fn outbox(hint: &str, events: u32) -> Database {
    let db = installed(hint);
    db.psql(&format!(
        "{HELPERS}; select outbox.define_event_type('A');
         select outbox.subscribe('a', 'A', 'https://e.com/', breaker_after => 3);
         select count(outbox.emit('A')) from generate_series(1, {events})"
    ));
    db
}

/// How long the subscription is held, in whole seconds.
#[track_caller]
fn held_s(db: &Database) -> f64 {
    db.psql("select s from held").parse().unwrap()
}

#[test]
fn it_opens_at_the_failure_it_is_set_to_and_everybody_can_see_it() {
    let db = outbox("breaker_opens", 10);
    db.psql(
        "select outbox.subscribe('b', 'A', 'https://e.com/'), outbox.emit('A');
         update outbox.subscription set breaker_after = null where id = 2;
         update outbox.delivery set due_at = clock_timestamp() + '1 day' where subscription = 2",
    );
    assert_eq!(db.psql("select post(2, 'not_sent')"), "2");
    assert_eq!(db.psql("select opened, why from held where subscription = 1"), "0|");
    assert_eq!(db.psql("select post(1, 'rejected')"), "1");
    assert_eq!(
        db.psql("select opened, why, s between 8 and 12 from held where subscription = 1"),
        "1|breaker|t"
    );
    assert_eq!(db.psql("select post(10, 'not_sent')"), "0", "nothing is claimed, so no attempt is used up");
    assert_eq!(
        db.psql(
            "select outbox.next_due(0) / 1000 - extract(epoch from held_until - clock_timestamp()) between -1 and 1
             from outbox.subscription_health where subscription = 1"
        ),
        "t",
        "and a relay sleeps until then"
    );
    assert_eq!(db.psql("select outbox.next_due(0, '{1}') > 100000"), "t", "if it has room for it");
    for view in ["outbox.failing", "outbox.backlog"] {
        let seen = db.psql(&format!(
            "select held_why, held_until > clock_timestamp() from {view} where subscription = 1"
        ));
        assert_eq!(seen, "breaker|t", "{view}");
    }
    assert_eq!(db.psql("select held, due_at from outbox.measure(10) where subscription = 1"), "1|");
    // Another one, without a breaker, fails as often as it likes.
    db.psql(
        "update outbox.delivery set due_at = clock_timestamp() where subscription = 2;
         select count(outbox.emit('A')) from generate_series(1, 5)",
    );
    assert_eq!(db.psql("select post(100, 'unknown')"), "6");
    assert_eq!(db.psql("select opened, why from held where subscription = 2"), "0|");
    assert_eq!(db.psql("select held, due_at from outbox.measure(1) where subscription is null"), "0|");
}

#[tokio::test]
async fn when_the_pause_is_over_one_delivery_in_the_whole_cluster_tries() {
    let db = outbox("breaker_probe", 10);
    db.psql("select post(3, 'not_sent'), pass()");
    let (first, second) = (db.session().await, db.session().await);
    let claim = "select count(*) from outbox.claim('r', 100, '{}', '{}', 0)";
    let one = first.query_text(&format!("begin; {claim}")).await;
    let other = second.query_text(&format!("begin; set local lock_timeout = '1 ms'; {claim}; commit")).await;
    first.execute("commit").await;
    assert_eq!(
        (one.as_str(), other.as_str()),
        ("1", "0"),
        "who comes second does not wait, and gets nothing"
    );
    assert_eq!(second.query_text(claim).await, "0", "nor later, while the first tries");
    assert_eq!(
        db.psql(
            "select probe = (select id from outbox.delivery where leased_by = 'r'), s, opened
             from held, outbox.subscription_health"
        ),
        "t|35|1",
        "it has until the end of its lease"
    );
}

#[test]
fn each_failure_of_a_probe_holds_it_for_twice_as_long_up_to_five_minutes() {
    let db = outbox("breaker_doubles", 30);
    db.psql("select post(3, 'not_sent')");
    for expected in [10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0] {
        let held = held_s(&db);
        assert!((expected * 0.8 - 1.0..=expected * 1.2).contains(&held), "{held} s instead of {expected}");
        assert_eq!(db.psql("select pass(), post(9, 'unknown')"), "|1");
    }
    assert_eq!(db.psql("select opened from held"), "8");
}

/// Sixteen that were under way when the endpoint died are one failure more, not thirteen pauses.
#[test]
fn failures_of_what_was_under_way_when_it_opened_change_nothing() {
    let db = outbox("breaker_stale", 10);
    db.psql("select count(*) from outbox.claim('r', 6, '{}', '{}', 0)");
    db.psql("select report(d, 'not_sent') from outbox.delivery d where leased_by = 'r' order by id limit 3");
    let held = "select opened, held_until, probe from held, outbox.subscription_health";
    let opened = db.psql(held);
    db.psql("select report(d, 'not_sent') from outbox.delivery d where leased_by = 'r'");
    assert_eq!(db.psql(held), opened);
    db.psql("select count(*) from outbox.claim('r', 6, '{}', '{}', 0)");
    assert_eq!(db.psql("select consecutive_failures from outbox.subscription_health"), "6");
}

#[test]
fn a_success_closes_it_and_everything_due_flows() {
    let db = outbox("breaker_closes", 10);
    db.psql("select post(3, 'not_sent'), pass()");
    assert_eq!(db.psql("select post(10, 'delivered')"), "1");
    assert_eq!(db.psql("select opened, why, s, probe from held, outbox.subscription_health"), "0|||");
    assert_eq!(db.psql("select post(10, 'delivered')"), "6");
    // It begins anew: the first pause is short again.
    db.psql("select expire(), post(3, 'not_sent')");
    assert_eq!(db.psql("select opened, s <= 12 from held"), "1|t");
    // One that was sent before it opened, and arrives after all, closes it too.
    let db = outbox("breaker_closes_late", 10);
    db.psql("select count(*) from outbox.claim('r', 4, '{}', '{}', 0)");
    db.psql("select report(d, 'not_sent') from outbox.delivery d where leased_by = 'r' order by id limit 3");
    assert_eq!(db.psql("select opened from held"), "1");
    db.psql("select report(d, 'delivered') from outbox.delivery d where leased_by = 'r'");
    assert_eq!(db.psql("select opened, why from held"), "0|");
}

#[test]
fn a_probe_that_is_lost_or_given_back_is_followed_by_another() {
    let db = outbox("breaker_lost", 10);
    db.psql("select post(3, 'not_sent'), pass()");
    let claim = "select count(*) from outbox.claim('r', 100, '{}', '{}', 0)";
    assert_eq!(db.psql(claim), "1");
    let lost = db.psql("select probe from outbox.subscription_health");
    db.psql("select pass()");
    assert_eq!(db.psql(claim), "1", "the relay has crashed, its lease is over");
    let held = "select probe, opened, held_until from held, outbox.subscription_health";
    let second = db.psql(held);
    assert!(!second.starts_with(&format!("{lost}|")), "{second}");
    db.psql(&format!("select report(d, 'not_sent') from outbox.delivery d where id = {lost}"));
    assert_eq!(db.psql(held), second, "what the first comes to is no news");
    db.psql(
        "select report(d, 'unknown', word => 'stopped')
         from outbox.delivery d, outbox.subscription_health h where d.id = h.probe",
    );
    assert_eq!(
        db.psql("select probe, opened, s from held, outbox.subscription_health"),
        "|1|",
        "a relay that stops has not tried"
    );
    assert_eq!(db.psql(claim), "1");
}

/// A relay that is stopped, stood still or failed itself says nothing of the subscriber.
#[test]
fn what_ends_by_the_relays_own_doing_is_no_failure_of_the_subscriber() {
    let db = outbox("breaker_ours", 40);
    db.psql("update outbox.subscription set severity_thresholds = '{1 s, 2 s, 3 s}'");
    for word in ["stopped", "lease", "settings", "panic"] {
        assert_eq!(db.psql(&format!("select post(5, 'unknown', word => '{word}')")), "5");
        assert_eq!(
            db.psql(
                "select s.status, coalesce(h.consecutive_failures, 0), h.failing_since, h.held_until
                 from outbox.subscription s left join outbox.subscription_health h on h.subscription = s.id"
            ),
            "active|0||",
            "{word}"
        );
    }
    assert_eq!(
        db.psql("select count(*) from outbox.attempt where class = 'unknown'"),
        "20",
        "it is on record"
    );
    // A probe that came to nothing by it makes room for another.
    db.psql("select post(3, 'not_sent'), pass()");
    assert_eq!(db.psql("select post(9, 'unknown', word => 'lease')"), "1");
    assert_eq!(db.psql("select opened, s from held"), "1|");
    assert_eq!(db.psql("select post(9, 'delivered'), opened from held"), "1|1");
    assert_eq!(db.psql("select opened from held"), "0");
}

/// What began before the endpoint was changed tells of the one before.
#[test]
fn what_the_former_endpoint_says_holds_nothing_back() {
    let db = outbox("breaker_former", 10);
    db.psql("select count(*) from outbox.claim('r', 4, '{}', '{}', 0)");
    db.psql("update outbox.subscription set url = 'https://new.example/'");
    let former =
        "select report(d, 'rejected', hold_ms => 86400000) from outbox.delivery d where leased_by = 'r'";
    // They began when they were claimed.
    let began = "alter function report(outbox.delivery, text, float8, text) rename to report_now;
        create function report(c outbox.delivery, class text, hold_ms float8 default null, word text default null) returns int
        language sql as $$
            select (outbox.settle('r', false, array[c.id], array[c.attempt], array[c.subscription], array[c.event_slot],
                array[c.event_id], '{60000}', '{50000}', array[class], array[429], array[word], array['words'], '{null}',
                '{null}', '{3600000}', array[hold_ms])).late $$";
    db.psql(began);
    db.psql(former);
    assert_eq!(db.psql("select count(*) from outbox.attempt where status = 429"), "4");
    assert_eq!(db.psql("select status from outbox.subscription"), "active");
    assert_eq!(db.psql("select count(*) from held where opened > 0 or why is not null"), "0");
    // A success is one, wherever it was.
    db.psql("select count(*) from outbox.claim('r', 1, '{}', '{}', 0)");
    db.psql("select report(d, 'delivered') from outbox.delivery d where leased_by = 'r'");
    assert_eq!(db.psql("select last_success_at is not null from outbox.subscription_health"), "t");
    // What the new one says, which began after the change.
    db.psql("select count(*) from outbox.claim('r', 1, '{}', '{}', 0)");
    db.psql(
        "select report_now(d, 'rejected', hold_ms => 86400000) from outbox.delivery d where leased_by = 'r'",
    );
    assert_eq!(db.psql("select why from held"), "retry-after");
}

/// After an outage most of what waits may be of no use any more: it ends many at a time, and the probe is one that is.
#[test]
fn what_is_too_old_is_no_probe_and_does_not_wait_for_one() {
    for (limit, settings) in
        [("ttl", ""), ("max_age", ""), ("ttl", ", batch_max => 5"), ("ttl", ", ordering => 'object'")]
    {
        let db = outbox("breaker_old", 0);
        db.psql(&format!(
            "select outbox.subscribe('a', 'A', 'https://e.com/', breaker_after => 3, concurrency => 20{settings});
             update outbox.subscription set {limit} = '1 min';
             select count(outbox.emit('A')) from generate_series(1, 100);
             select post(3, 'not_sent'), pass();
             update outbox.event set occurred_at = occurred_at - interval '1 h';
             update outbox.delivery set due_at = clock_timestamp();
             select outbox.emit('A')"
        ));
        let claim = "select count(*), count(*) filter (where event_id = 101), count(batch)
            from outbox.claim('r', 50, '{}', '{}', 0)";
        let batches = i32::from(settings.contains("batch"));
        assert_eq!(db.psql(claim), format!("21|1|{batches}"), "{limit}{settings}");
        let probe =
            "select d.event_id from outbox.subscription_health h join outbox.delivery d on d.id = h.probe";
        assert_eq!(db.psql(probe), "101", "{limit}{settings}");
        assert_eq!(db.psql("select count(*) from outbox.claim('r', 50, '{}', '{}', 0)"), "0");
        // They end, as a relay says it, and the probe is still the probe.
        let end = "select outbox.settle('r', false, array[d.id], array[d.attempt], array[d.subscription], array[d.event_slot],
                array[d.event_id], '{0}', '{null}', '{null}', '{null}', '{null}', '{null}', '{null}', '{expired}', '{null}')
            from outbox.delivery d where d.leased_by = 'r' and d.event_id < 101";
        db.psql(end);
        assert_eq!(db.psql(&format!("{probe}; select count(*) from outbox.delivery")), "101\n81");
        assert_eq!(db.psql("select count(*) from outbox.claim('r', 50, '{}', '{}', 0)"), "0");
        db.psql("select report(d, 'not_sent') from outbox.delivery d where d.event_id = 101; select pass()");
        // None that is not too old: they end all the same, and the next one that comes is the probe.
        assert_eq!(db.psql(claim), "20|0|0", "{limit}{settings}");
        assert_eq!(db.psql(&probe.replace("select d.event_id", "select count(*)")), "0", "{limit}{settings}");
        db.psql(end);
        db.psql("select outbox.emit('A')");
        assert_eq!(db.psql("select count(*) from outbox.claim('r', 50, '{}', '{}', 0)"), "21");
        assert_eq!(db.psql(probe), "102", "{limit}{settings}");
    }
}

#[test]
fn a_subscriber_that_asks_to_be_left_alone_is() {
    let db = outbox("breaker_retry_after", 10);
    assert_eq!(db.psql("select post(1, 'rejected', hold_ms => 60000)"), "1");
    assert_eq!(db.psql("select why, s, opened from held"), "retry-after|60|0");
    assert_eq!(db.psql("select post(1, 'delivered'), held_why from outbox.failing"), "0|retry-after");
    db.psql("select pass()");
    assert_eq!(db.psql("select post(2, 'delivered')"), "2", "then everything flows: no breaker is open");
    // Two were under way; the shorter wish does not shorten the longer, a success does not lift it.
    db.psql("select count(*) from outbox.claim('r', 3, '{}', '{}', 0)");
    for (class, hold) in [("rejected", "120000"), ("rejected", "1000"), ("delivered", "null")] {
        db.psql(&format!(
            "select report(d, '{class}', hold_ms => {hold}) from outbox.delivery d where leased_by = 'r' order by id limit 1"
        ));
        assert_eq!(db.psql("select why, s from held"), "retry-after|120", "{class} {hold}");
    }
    for (hold, expected) in
        [("1e18", "86400"), ("'Infinity'", "86400"), ("'NaN'", "86400"), ("-5", ""), ("0", "")]
    {
        db.psql(
            "update outbox.subscription_health set held_until = null, held_why = null, consecutive_failures = 0;
             select expire()",
        );
        assert_eq!(db.psql(&format!("select post(1, 'rejected', hold_ms => {hold})")), "1");
        assert_eq!(db.psql("select s from held"), expected, "{hold}: a day at most");
    }
}

#[test]
fn a_wish_that_is_longer_than_the_breaker_counts_and_the_probe_comes_after_it() {
    let db = outbox("breaker_both", 10);
    db.psql("select post(3, 'rejected', hold_ms => 3600000)");
    assert_eq!(db.psql("select why, s, opened from held"), "retry-after|3600|1");
    assert_eq!(db.psql("select pass(), post(9, 'delivered')"), "|1", "half open");
    assert_eq!(db.psql("select opened, why from held"), "0|");
}

#[test]
fn whoever_changes_where_it_goes_or_says_that_it_is_back_does_not_wait() {
    let db = outbox("breaker_edit", 30);
    db.psql("select post(3, 'not_sent')");
    db.psql("update outbox.subscription set concurrency = 5");
    assert_eq!(db.psql("select post(9, 'not_sent')"), "0", "that does not concern the endpoint");
    for edit in
        ["url = 'https://e.com/2'", "identity = 'x'", "headers = '{\"X\": \"1\"}'", "deadline = '9 s'"]
    {
        db.psql(&format!("update outbox.subscription set {edit}"));
        assert_eq!(db.psql("select held_until from outbox.failing"), "", "{edit}");
        assert_eq!(db.psql("select post(9, 'not_sent')"), "1", "{edit}: one tries");
        assert_eq!(db.psql("select post(9, 'not_sent')"), "0", "{edit}");
    }
    assert_eq!(db.psql("select outbox.close_breaker(1)"), "t");
    assert_eq!(db.psql("select outbox.close_breaker(1)"), "f");
    assert_eq!(db.psql("select post(4, 'delivered')"), "4");
    db.psql("select post(3, 'not_sent'); update outbox.subscription set breaker_after = null");
    assert_eq!(db.psql("select post(4, 'not_sent'), opened from held"), "4|1", "no breaker, no wait");
    assert_eq!(db.psql("select opened, why from held"), "0|");
    for unknown in ["99", "null"] {
        assert_eq!(
            db.try_psql(&format!("select outbox.close_breaker({unknown})")).unwrap_err().sqlstate,
            "OX008"
        );
    }
}

#[test]
fn without_its_row_a_subscription_is_open() {
    let db = outbox("breaker_no_row", 10);
    db.psql("select post(3, 'not_sent'); delete from outbox.subscription_health");
    assert_eq!(db.psql("select post(4, 'not_sent')"), "4");
    assert_eq!(db.psql("select opened from held"), "1");
}

/// A million deliveries of one that is held are not looked at.
#[test]
fn what_is_held_costs_a_claim_nothing_however_much_it_is() {
    let db = outbox("breaker_cost", 2000);
    db.psql("select post(3, 'not_sent'); vacuum analyze outbox.delivery");
    let plan = "explain (analyze, buffers, timing off, format json) select * from outbox.claim('r', 100, '{}', '{}', 0)";
    let plans = db.psql(&format!(
        "select count(*) from outbox.claim('r', 100, '{{}}', '{{}}', 0); {plan}; {plan}; {plan}"
    ));
    let plans = serde_json::Deserializer::from_str(&plans[plans.find('[').unwrap()..]);
    let plans: Vec<serde_json::Value> = plans.into_iter().collect::<Result<_, _>>().unwrap();
    let touched = |plan: &serde_json::Value| plan[0]["Plan"]["Shared Hit Blocks"].as_u64().unwrap();
    assert!(plans.iter().map(touched).min().unwrap() < 50, "{plans:?}");
}
