//! `outbox.emit()` under a key, and for later.

use std::time::Duration;

use crate::ring::ring;
use crate::stage::{SOON, Stage};
use crate::support::Database;

fn events(db: &Database) -> String {
    db.psql("select (select count(*) from outbox.event), (select count(*) from outbox.delivery)")
}

#[test]
fn the_same_key_within_its_window_is_the_same_event() {
    let db = ring("dedupe_window");
    let emit = |rest: &str| db.psql(&format!("select outbox.emit('A', '1', {rest})"));
    let first = emit("dedupe_key => 'k'");
    assert_eq!(emit("dedupe_key => 'k'"), first);
    assert_eq!(db.psql(&format!("select uid = '{first}' from outbox.event")), "t");
    assert_eq!(events(&db), "1|1", "nothing was written");
    assert_ne!(emit("dedupe_key => 'K'"), first);
    assert_ne!(emit("object => 'k'"), emit("object => 'k'"), "off unless asked for");
    assert_eq!(events(&db), "4|4");
    db.psql("select outbox.define_event_type('B')");
    assert_ne!(db.psql("select outbox.emit('B', dedupe_key => 'k')"), first, "of another type");
    // Long keys differ by their end.
    let long = "dedupe_key => repeat('x', 5000)";
    assert_eq!(emit(long), emit(long));
    assert_ne!(emit(long), emit(&format!("{long} || 'y'")));
    // Its window is over: an event of its own, which has the key from now on.
    db.psql("update outbox.dedupe set held_until = clock_timestamp()");
    let second = emit("dedupe_key => 'k', dedupe_window => '365 days'");
    assert_ne!(second, first);
    assert_eq!(emit("dedupe_key => 'k'"), second);
    // Once its event is gone, and until the window is over.
    db.psql("truncate outbox.event, outbox.delivery; select keys from outbox.purge_old(clock_timestamp() + interval '364 days')");
    assert_eq!(emit("dedupe_key => 'k'"), second);
    assert_eq!(db.psql("select count(*) from outbox.dedupe"), "1", "expired keys are purged");
    assert_eq!(
        db.psql(
            "select letters, events, attempts, keys from outbox.purge_old(clock_timestamp() + \
        interval '366 days')"
        ),
        "0|0|0|1"
    );
    let cases: &[(&str, &str, &str)] = &[
        ("dedupe_key => ''", "OX033", "empty"),
        ("dedupe_key => 'k', dedupe_window => null", "OX033", "NULL"),
        ("dedupe_key => 'k', dedupe_window => '1 ms'", "OX033", "1 s to 365 days"),
        ("dedupe_key => 'k', dedupe_window => '366 days'", "OX033", "1 s to 365 days"),
    ];
    for (arguments, sqlstate, says) in cases {
        let error = db.try_psql(&format!("select outbox.emit('A', '1', {arguments})")).unwrap_err();
        assert_eq!(
            (error.sqlstate.as_str(), error.raw.contains(says)),
            (*sqlstate, true),
            "{arguments}: {}",
            error.raw
        );
    }
    assert_eq!(emit("dedupe_window => null").len(), 36, "without a key nobody looks");
}

/// The second waits for what becomes of the first: no event is lost, and none is doubled.
#[tokio::test]
async fn of_two_at_once_the_second_waits_for_the_first() {
    let db = ring("dedupe_at_once");
    let emit = "select outbox.emit('A', dedupe_key => 'k')";
    for (ending, same) in [("commit", true), ("rollback", false), ("rollback to before; commit", false)] {
        db.psql("truncate outbox.dedupe, outbox.event, outbox.delivery");
        let (first, second) = (db.session().await, db.session().await);
        let one = first.query_text(&format!("begin; savepoint before; {emit}")).await;
        let pid = second.pid();
        let waiting = tokio::spawn(async move { second.query_text(emit).await });
        db.wait_until_locked_out(pid, SOON).await;
        first.execute(ending).await;
        let two = waiting.await.unwrap();
        assert_eq!(one == two, same, "{ending}");
        assert_eq!(events(&db), "1|1", "{ending}");
        assert_eq!(db.psql(&format!("select uid = '{two}' from outbox.event")), "t", "{ending}");
        // Who finds the key taken does not hold up others.
        let (third, fourth) = (db.session().await, db.session().await);
        third.execute(&format!("begin; {emit}")).await;
        assert_eq!(fourth.query_text(&format!("set lock_timeout = '5 s'; {emit}")).await, two);
        third.execute("commit").await;
    }
    // One whose snapshot is older than the key cannot know, and is told to try again.
    db.psql("truncate outbox.dedupe, outbox.event, outbox.delivery");
    let old = db.session().await;
    old.execute("begin isolation level repeatable read; select 1 from outbox.setting").await;
    db.psql(emit);
    assert_eq!(old.try_query_text(emit).await.unwrap_err().sqlstate, "40001");
}

#[test]
fn what_is_for_later_waits_and_outlives_its_leaf() {
    let db = ring("dedupe_later");
    db.psql("select outbox.emit('A', '\"later\"', due_at => clock_timestamp() + interval '300 days')");
    let claim = "select count(*), min(body::jsonb ->> 'data') from outbox.claim('r', 9, '{}', '{}', 0)";
    assert_eq!(db.psql(claim), "0|");
    let row = "select since = due_at, due_at > clock_timestamp() + interval '299 days', (select \
        outbox.next_due() > 299 * 86400000.0) from outbox.delivery";
    assert_eq!(db.psql(row), "t|t|t");
    assert_eq!(
        db.psql("select open, waiting, oldest_age is null from outbox.backlog"),
        "1|1|t",
        "it is not late"
    );
    assert_eq!(db.psql("select open, oldest_age from outbox.measure(1)"), "1|0");
    db.psql("select days_pass(20); call turn()");
    assert_eq!(db.psql("select place(event_id) from outbox.delivery"), "outbox.event_kept");
    assert_eq!(db.psql("select events from outbox.purge_old(noon() + interval '200 days')"), "0");
    db.psql("update outbox.delivery set due_at = clock_timestamp()");
    assert_eq!(db.psql(claim), "1|later");
    // What has passed is at once; the year is the limit.
    db.psql("select outbox.emit('A', due_at => clock_timestamp() - interval '1 day'), outbox.emit('A', due_at => '-infinity')");
    assert_eq!(
        db.psql("select count(*) from outbox.delivery where since is null and due_at <= clock_timestamp()"),
        "2"
    );
    for (due_at, fine) in
        [("'infinity'", false), ("now() + interval '367 days'", false), ("now() + interval '364 days'", true)]
    {
        let done = db.try_psql(&format!("select outbox.emit('A', due_at => {due_at}, dedupe_key => 'k')"));
        assert_eq!(
            done.as_ref().map_err(|error| error.sqlstate.as_str()).map(|_| ()).err(),
            (!fine).then_some("OX034"),
            "{due_at}"
        );
    }
    // An event that very many want: whoever makes the deliveries keeps the time.
    db.psql(
        "insert into outbox.subscription (subscriber, pattern, url)
         select 'many', 'A', 'https://e.com/' || n from generate_series(1, 250) n;
         delete from outbox.delivery; select outbox.emit('A', due_at => clock_timestamp() + interval '2 days'); \
             select outbox.expand(1000)",
    );
    let made = "select count(*), min(due_at) = max(since), min(due_at) > clock_timestamp() + interval '1 day' \
        from outbox.delivery";
    assert_eq!(db.psql(made), "251|t|t");
    db.psql("insert into outbox.object (name, owner, mode) values ('Latest', 'postgres', 'latest')");
    let error = db
        .try_psql(
            "select outbox.emit('A', object => 'Latest', object_id => '1', due_at => now() + interval '1 h')",
        )
        .unwrap_err();
    assert_eq!(error.sqlstate, "OX034");
}

/// A relay that sleeps wakes for it, and neither sooner nor at the next poll.
#[test]
fn a_relay_sends_it_when_it_is_due() {
    let stage = Stage::new("dedupe_relay");
    stage.subscribe("");
    stage.emit(1);
    let _relay = stage.relay_with(&["--poll-ms", "60000"]);
    stage.receiver.wait_for(1, SOON);
    stage.db.psql(
        "create table due as select clock_timestamp() + interval '700 ms' as at;
         select outbox.emit('Order.Update', '\"later\"', due_at => due.at) from due",
    );
    let requests = stage.receiver.wait_for(2, Duration::from_secs(20));
    assert_eq!(requests[1].json()["data"], "later");
    stage.wait_until_drained();
    let early = "select count(*) from outbox.attempt a join outbox.event e on e.id = a.event_id \
        where e.data = '\"later\"' and a.started_at < (select at from due)";
    assert_eq!(stage.db.psql(early), "0");
}
