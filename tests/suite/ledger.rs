//! Claim and settle as relays call them: who gets what, and what a report changes.

use std::time::Duration;

use crate::installed::installed;
use crate::support::Database;

const SOON: Duration = Duration::from_secs(30);

/// `claim(relay, n)` gives delivery and attempt; `report(…)` settles one attempt, `outcome` null to try again at
/// once; `expire()` ends every lease.
const HELPERS: &str = "
    create function claim(relay text, n int) returns table (delivery bigint, attempt int) language sql as $$
        select delivery, attempt from outbox.claim(relay, n, '{}', '{}', 0) order by 1 $$;
    create table origin (delivery bigint, subscription bigint, slot smallint, event bigint);
    create function report(relay text, d bigint, attempt int, class text, outcome text, again boolean \
    default false)
        returns int language sql as $$
        select (outbox.settle(relay, again, array[d], array[attempt], array[o.subscription], array[o.slot], \
        array[o.event],
            '{10}', '{5}', array[class], array[null::int], array[null::text], array['words'], \
            array[null::text],
            array[outcome], '{0}')).late from origin o where o.delivery = d $$;
    create function expire() returns void language sql as $$
        update outbox.delivery set due_at = clock_timestamp() where leased_by is not null $$;";

const ATTEMPTS: &str = "select relay, attempt, class, outcome, late from outbox.attempt order by id";
const OPEN: &str = "select id, attempt, leased_by from outbox.delivery order by id";

/// A database with this many subscriptions, and this many events for each.
fn outbox(hint: &str, subscriptions: u32, events: u32) -> Database {
    let db = installed(hint);
    db.psql(&format!(
        "{HELPERS} select outbox.define_event_type('A');
         select outbox.subscribe('s' || n, 'A', 'https://e.com/') from generate_series(1, {subscriptions}) n;
         select outbox.emit('A') from generate_series(1, {events});
         insert into origin select id, subscription, event_slot, event_id from outbox.delivery"
    ));
    db
}

#[test]
fn a_claim_says_all_that_a_post_needs() {
    let db = outbox("claim_row", 1, 1);
    let row = db.psql(
        "select c.delivery, c.attempt, c.retry_base, c.subscription, c.version, c.event_type, c.body::jsonb \
            ->> 'type',
             (c.body::jsonb ->> 'id')::uuid = e.uid, (c.body::jsonb ->> 'sequence')::bigint = e.id,
             c.webhook_id = outbox.webhook_id(e.uid, s.key), abs(c.claimed_at - extract(epoch from \
             clock_timestamp())) < 5
         from outbox.claim('r', 10, '{}', '{}', 0) c join outbox.event e on e.id = c.event_id
             join outbox.subscription s on s.id = c.subscription",
    );
    assert_eq!(row, "1|1|0|1|1|A|A|t|t|t|t");
    assert_eq!(
        db.psql(
            "select leased_by, due_at - clock_timestamp() between '30 s' and '35 s' from outbox.delivery"
        ),
        "r|t",
        "the lease is the deadline of 20 s and 15 s"
    );
    db.psql("select expire(); delete from outbox.event");
    assert_eq!(
        db.psql("select delivery, webhook_id, body, event_type from outbox.claim('r', 1, '{}', '{}', 0)"),
        "1|||"
    );
}

#[tokio::test]
async fn two_relays_claim_different_deliveries_and_nobody_waits() {
    let db = outbox("claim_disjoint", 2, 5);
    let (first, second) = (db.session().await, db.session().await);
    let ids = "select string_agg(delivery::text, ',' order by delivery) from claim";
    let one = first.query_text(&format!("begin; {ids}('r1', 4)")).await;
    let two = second.query_text(&format!("begin; set local lock_timeout = '1ms'; {ids}('r2', 100)")).await;
    first.execute("commit").await;
    second.execute("commit").await;
    let mut all: Vec<u32> = one.split(',').chain(two.split(',')).map(|id| id.parse().unwrap()).collect();
    all.sort_unstable();
    assert_eq!(all, (1..=10).collect::<Vec<_>>());
    assert_eq!(db.psql("select count(*) from claim('r3', 100)"), "0");
    assert_eq!(
        db.psql("select leased_by, count(*) from outbox.delivery group by 1 order by 1"),
        "r1|4\nr2|6"
    );
}

#[tokio::test]
async fn a_row_somebody_has_locked_is_skipped() {
    let db = outbox("claim_locked", 1, 3);
    let dba = db.session().await;
    dba.execute("begin; select from outbox.delivery where id = 1 for update").await;
    let relay = db.session().await;
    relay.execute("set lock_timeout = '1ms'").await;
    assert_eq!(relay.query_text("select delivery from claim('r', 100)").await, "2\n3");
    dba.execute("rollback").await;
    assert_eq!(relay.query_text("select delivery from claim('r', 100)").await, "1");
}

#[tokio::test]
async fn a_claim_that_is_rolled_back_never_was() {
    let db = outbox("claim_rollback", 1, 1);
    let relay = db.session().await;
    relay.execute("begin; select claim('r', 1); rollback").await;
    assert_eq!(db.psql(OPEN), "1|0|");
    assert_eq!(db.psql("select * from claim('r', 1)"), "1|1");
}

#[test]
fn a_held_subscription_keeps_its_deliveries_until_it_is_resumed() {
    let db = outbox("claim_held", 1, 2);
    for status in ["paused", "disabled"] {
        db.psql(&format!("update outbox.subscription set status = '{status}'; select outbox.emit('A')"));
        assert_eq!(db.psql("select count(*) from claim('r', 10)"), "0", "{status}");
    }
    db.psql("update outbox.subscription set status = 'failing'");
    assert_eq!(db.psql("select count(*) from claim('r', 1)"), "1", "failing is not held");
    db.psql("update outbox.subscription set status = 'active'");
    assert_eq!(db.psql("select count(*) from claim('r', 10)"), "3", "held ones waited, the new ones too");
}

#[test]
fn a_subscription_gets_no_more_at_a_time_than_it_wants() {
    let db = outbox("claim_limits", 2, 5);
    db.psql("update outbox.subscription set concurrency = 2 where id = 1");
    let claimed = "select subscription, count(*) from outbox.claim('r', $) group by 1 order by 1";
    let cases = [
        ("100, '{}', '{}', 0", "1|2\n2|5"),
        ("100, '{1}', '{1}', 0", "1|1\n2|5"),
        ("100, '{1,2}', '{2,13}', 0", "2|3"),
        ("100, '{1,2}', '{3,16}', 0", ""),
        ("0, '{}', '{}', 0", ""),
        ("3, '{}', '{}', 0", "1|2\n2|1"),
        ("3, '{}', '{}', 1", "2|3"),
        ("3, '{2}', '{15}', 1", "1|2\n2|1"),
    ];
    for (arguments, expected) in cases {
        let seen = db.psql(&format!("begin; {}; rollback", claimed.replace('$', arguments)));
        assert_eq!(seen, expected, "{arguments}");
    }
}

#[test]
fn claims_go_around_so_that_nobody_waits_behind_others_for_ever() {
    let db = outbox("claim_around", 5, 3);
    let mut turn = Vec::new();
    let mut last = "0".to_owned();
    for _ in 0..10 {
        last = db.psql(&format!("select subscription from outbox.claim('r', 1, '{{}}', '{{}}', {last})"));
        turn.push(last.clone());
    }
    assert_eq!(turn.join(","), "1,2,3,4,5,1,2,3,4,5");
    let beyond = db.psql("select subscription from outbox.claim('r', 1, '{}', '{}', 99)");
    assert_eq!(beyond, "1", "after the last comes the first");
}

#[test]
fn the_oldest_due_delivery_of_a_subscription_comes_first() {
    let db = outbox("claim_oldest", 1, 3);
    db.psql(
        "update outbox.delivery set due_at = due_at - interval '1 h' where id = 3;
             update outbox.delivery set due_at = due_at + interval '1 h' where id = 2",
    );
    assert_eq!(db.psql("select delivery from claim('r', 1)"), "3");
    assert_eq!(db.psql("select delivery from claim('r', 9)"), "1", "what is not due is not claimed");
}

/// What two relays do with one delivery, one step after another; what is then open, and what is on record.
struct Script {
    promise: &'static str,
    steps: &'static str,
    open: &'static str,
    /// `relay|attempt|class|outcome|late` per line.
    attempts: &'static str,
    dead: &'static str,
}

const SCRIPTS: &[Script] = &[
    Script {
        promise: "a success finishes",
        steps: "claim('r1', 1); report('r1', 1, 1, 'delivered', 'delivered')",
        open: "",
        attempts: "r1|1|delivered|delivered|f",
        dead: "0",
    },
    Script {
        promise: "a failure waits for the next attempt, counted on",
        steps: "claim('r1', 1); report('r1', 1, 1, 'rejected', null); claim('r2', 1)",
        open: "1|2|r2",
        attempts: "r1|1|rejected||f",
        dead: "0",
    },
    Script {
        promise: "an expired lease is claimed by another, counted on",
        steps: "claim('r1', 1); expire(); claim('r2', 1)",
        open: "1|2|r2",
        attempts: "",
        dead: "0",
    },
    Script {
        promise: "a late failure changes nothing and is on record as late",
        steps: "claim('r1', 1); expire(); claim('r2', 1); report('r1', 1, 1, 'rejected', null)",
        open: "1|2|r2",
        attempts: "r1|1|rejected||t",
        dead: "0",
    },
    Script {
        promise: "a late death kills nothing",
        steps: "claim('r1', 1); expire(); claim('r2', 1); report('r1', 1, 1, 'rejected', 'dead')",
        open: "1|2|r2",
        attempts: "r1|1|rejected||t",
        dead: "0",
    },
    Script {
        promise: "a late failure after the new owner's failure does not end its pause",
        steps: "claim('r1', 1); expire(); claim('r2', 1); report('r2', 1, 2, 'unknown', null); report('r1', \
            1, 1, 'rejected', 'dead')",
        open: "1|2|",
        attempts: "r2|2|unknown||f\nr1|1|rejected||t",
        dead: "0",
    },
    Script {
        promise: "a late success completes an open delivery; the new owner's report is then the late one",
        steps: "claim('r1', 1); expire(); claim('r2', 1); report('r1', 1, 1, 'delivered', 'delivered'); \
                report('r2', 1, 2, 'rejected', 'dead')",
        open: "",
        attempts: "r1|1|delivered|delivered|f\nr2|2|rejected||t",
        dead: "0",
    },
    Script {
        promise: "two successes finish once",
        steps: "claim('r1', 1); expire(); claim('r2', 1); report('r2', 1, 2, 'delivered', 'delivered'); \
                report('r1', 1, 1, 'delivered', 'delivered')",
        open: "",
        attempts: "r2|2|delivered|delivered|f\nr1|1|delivered||t",
        dead: "0",
    },
    Script {
        promise: "a success after death is on record; the dead letter stays",
        steps: "claim('r1', 1); expire(); claim('r2', 1); report('r2', 1, 2, 'rejected', 'dead'); \
                report('r1', 1, 1, 'delivered', 'delivered')",
        open: "",
        attempts: "r2|2|rejected|dead|f\nr1|1|delivered||t",
        dead: "1",
    },
    Script {
        promise: "the last attempt makes a dead letter",
        steps: "claim('r1', 1); report('r1', 1, 1, 'not_sent', 'dead')",
        open: "",
        attempts: "r1|1|not_sent|dead|f",
        dead: "1",
    },
    Script {
        promise: "a report sent again after a commit in doubt is recorded once",
        steps: "claim('r1', 1); report('r1', 1, 1, 'rejected', null); report('r1', 1, 1, 'rejected', null, \
            true); \
                claim('r1', 1); report('r1', 1, 2, 'delivered', 'delivered'); \
                report('r1', 1, 2, 'delivered', 'delivered', true)",
        open: "",
        attempts: "r1|1|rejected||f\nr1|2|delivered|delivered|f",
        dead: "0",
    },
    Script {
        promise: "a report sent again although the first never arrived is recorded",
        steps: "claim('r1', 1); report('r1', 1, 1, 'rejected', 'dead', true)",
        open: "",
        attempts: "r1|1|rejected|dead|f",
        dead: "1",
    },
    Script {
        promise: "the number of attempts outlives death and retry, so a report from before is still late",
        steps: "claim('r1', 1); report('r1', 1, 1, 'rejected', 'dead'); outbox.retry(1); claim('r2', 1); \
                report('r1', 1, 1, 'rejected', 'dead')",
        open: "1|2|r2",
        // Between them the note of who has retried it.
        attempts: "r1|1|rejected|dead|f\n|0|||f\nr1|1|rejected||t",
        dead: "0",
    },
];

#[test]
fn only_the_current_owner_changes_a_delivery_save_that_a_success_completes_it() {
    for script in SCRIPTS {
        let db = outbox("settle_scripts", 1, 1);
        let steps: Vec<String> =
            script.steps.split("; ").map(|step| format!("select from {step};")).collect();
        db.psql(&steps.concat());
        assert_eq!(db.psql(OPEN), script.open, "{}: open", script.promise);
        assert_eq!(db.psql(ATTEMPTS), script.attempts, "{}: attempts", script.promise);
        assert_eq!(
            db.psql("select count(*) from outbox.dead_letter"),
            script.dead,
            "{}: dead",
            script.promise
        );
    }
}

/// A relay whose outcomes could not be recorded for longer than a lease reports both attempts at once.
#[test]
fn two_attempts_of_one_delivery_in_one_batch_end_it_once() {
    for (outcomes, classes, ended) in [
        ("null,delivered", "rejected,delivered", "1||t\n2|delivered|f"),
        ("delivered,dead", "delivered,rejected", "1|delivered|f\n2||t"),
        ("delivered,null", "delivered,rejected", "1|delivered|f\n2||t"),
        ("dead,delivered", "rejected,delivered", "1||t\n2|delivered|f"),
    ] {
        let db = outbox("settle_two", 1, 1);
        db.psql("select claim('r', 1); select expire(); select claim('r', 1)");
        db.psql(&format!(
            "select outbox.settle('r', false, array[o.delivery, o.delivery], '{{1,2}}', array[o.subscription, o.subscription], \
             array[o.slot, o.slot], array[o.event, o.event], '{{20,10}}', '{{5,5}}', '{{{classes}}}', '{{500,500}}', \
             '{{null,null}}', '{{a,b}}', '{{null,null}}', '{{{outcomes}}}', '{{1000,1000}}') from origin o"
        ));
        let seen = db.psql("select attempt, outcome, late from outbox.attempt order by attempt");
        assert_eq!(seen, ended, "{outcomes}");
        let left = "select (select count(*) from outbox.delivery), (select count(*) from outbox.dead_letter)";
        assert_eq!(db.psql(left), "0|0", "{outcomes}");
    }
}

#[test]
fn settle_says_how_many_reports_were_late() {
    let db = outbox("settle_late", 1, 2);
    db.psql("select claim('r1', 2); select expire(); select claim('r2', 2)");
    let late = db.psql(
        "select (outbox.settle('r1', false, array_agg(delivery), array[1, 2], array_agg(subscription), \
            array_agg(slot),
             array_agg(event), '{10,10}', '{5,5}', '{rejected,rejected}', '{500,500}', '{status,status}', \
             '{a,b}', '{c,d}',
             array[null, null], '{1000,1000}')).late from (select * from origin order by delivery) o",
    );
    assert_eq!(late, "1");
    assert_eq!(db.psql(OPEN), "1|2|r2\n2|2|");
}

#[tokio::test]
async fn settles_that_cross_wait_for_each_other_in_one_order() {
    let db = outbox("settle_order", 1, 2);
    db.psql("select claim('r', 2)");
    let settle = |order: &str| {
        format!(
            "select (outbox.settle('r', false, array_agg(delivery order by delivery {order}), '{{1,1}}',
                 array_agg(subscription), array_agg(slot), array_agg(event order by delivery {order}), \
                 '{{10,10}}', '{{5,5}}',
                 '{{delivered,delivered}}', '{{200,200}}', array[null, null], array[null, null], \
                 array[null, null],
                 '{{delivered,delivered}}', array[null, null]::float8[])).late from origin"
        )
    };
    let (dba, up, down) = (db.session().await, db.session().await, db.session().await);
    dba.execute("begin; select from outbox.delivery where id = 1 for update").await;
    let tasks: Vec<_> = [(up.clone(), settle("asc")), (down.clone(), settle("desc"))]
        .into_iter()
        .map(|(session, sql)| tokio::spawn(async move { session.try_query_text(&sql).await }))
        .collect();
    // Both wait for the lowest id, whatever order they were given: nobody holds the second one meanwhile.
    db.wait_until_locked_out(up.pid(), SOON).await;
    db.wait_until_locked_out(down.pid(), SOON).await;
    dba.execute("select from outbox.delivery where id = 2 for update nowait; commit").await;
    let mut late: Vec<String> = Vec::new();
    for task in tasks {
        late.push(task.await.unwrap().unwrap());
    }
    late.sort_unstable();
    assert_eq!(late, ["0", "2"], "one finished both, the other came late");
    assert_eq!(
        db.psql("select count(*) filter (where outcome = 'delivered'), count(*) from outbox.attempt"),
        "2|4"
    );
}

#[test]
fn health_counts_failures_since_the_last_success() {
    let db = outbox("settle_health", 1, 4);
    let health =
        "select consecutive_failures, failing_since is not null, last_class, last_success_at is not null
                  from outbox.subscription_health";
    db.psql(
        "select claim('r', 4); select report('r', 1, 1, 'rejected', null), report('r', 2, 1, \
        'not_sent', null)",
    );
    assert_eq!(db.psql(health), "2|t|not_sent|f");
    db.psql("select report('r', 3, 1, 'delivered', 'delivered')");
    assert_eq!(db.psql(health), "0|f|not_sent|t");
    db.psql("select report('r', 4, 1, 'unknown', null)");
    assert_eq!(db.psql(health), "1|t|unknown|t");
}

/// Shared buffers that a claim touches in a session where it has been called before: the least of several. Whatever else
/// happens in the cluster can only add to it: tables that other tests make have this session read its catalogs again.
fn buffers(db: &Database) -> u64 {
    let claim = "outbox.claim('r', 10, '{}', '{}', 0)";
    let explained = format!(
        "begin; explain (analyze, buffers, timing off, format json) select * from {claim}; rollback;"
    );
    let plans = db.psql(&format!("begin; select count(*) from {claim}; rollback; {}", explained.repeat(5)));
    let plans = serde_json::Deserializer::from_str(&plans[plans.find('[').unwrap()..]);
    let plans: Vec<serde_json::Value> = plans.into_iter().collect::<Result<_, _>>().unwrap();
    assert_eq!(plans.len(), 5);
    let buffers = plans.iter().map(|plan| {
        let root = &plan[0]["Plan"];
        // 18 writes 10.00.
        assert_eq!(root["Actual Rows"].as_f64(), Some(10.0));
        root["Shared Hit Blocks"].as_u64().unwrap() + root["Shared Read Blocks"].as_u64().unwrap()
    });
    buffers.min().unwrap()
}

#[test]
fn a_claim_does_not_get_dearer_with_subscriptions_that_have_nothing_to_do() {
    let db = outbox("claim_cost", 10, 10);
    db.psql("analyze");
    let few = buffers(&db);
    db.psql(
        "select outbox.define_event_type('B'); select count(outbox.subscribe('idle' || n, 'B', \
            'https://e.com/'))
         from generate_series(1, 5000) n; analyze",
    );
    let many = buffers(&db);
    assert!(many <= 2 * few, "{few} buffers with 10 subscriptions, {many} with 5,010");
}

#[test]
fn a_claim_does_not_get_dearer_with_a_deep_backlog() {
    let db = outbox("claim_depth", 10, 10);
    db.psql("analyze");
    let shallow = buffers(&db);
    db.psql("select count(outbox.emit('A')) from generate_series(1, 3000); analyze");
    let deep = buffers(&db);
    assert!(deep <= 2 * shallow, "{shallow} buffers with 100 open deliveries, {deep} with 30,100");
}
