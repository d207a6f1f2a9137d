//! A small shop, played from psql.

use crate::event::Event;
use crate::live::Lines;
use crate::stage::{SOON, Stage};
use crate::support::{Reply, Request};

/// Statements of one transaction each, and the POSTs that must come of them.
struct Step {
    title: &'static str,
    sql: &'static str,
    posts: &'static [(&'static str, &'static str)],
    /// How many attempts the subscriber answers with 503 first.
    failures: usize,
}

const SETUP: &str = "
create table customer (id integer primary key, name text not null);
create table orders (id integer primary key, customer integer not null references customer, status text not null);
create table order_line (order_id integer references orders on delete cascade, line integer, article text,
                         quantity numeric(20, 3), primary key (order_id, line));
insert into customer values (1, 'Ada'), (2, 'Grace');
";

const STEPS: &[Step] = &[
    Step {
        title: "An order and its lines",
        sql: "insert into orders values (17, 1, 'new'); \
              insert into order_line values (17, 1, 'lamp', 2), (17, 2, 'bulb', 12345678901234567.125)",
        posts: &[("Order.Create", "17"), ("OrderLine.Create", "[17, 1]"), ("OrderLine.Create", "[17, 2]")],
        failures: 0,
    },
    Step {
        title: "An ordinary UPDATE",
        sql: "update orders set status = 'paid' where id = 17",
        posts: &[("Order.Update", "17")],
        failures: 0,
    },
    Step {
        title: "An UPDATE that changes nothing",
        sql: "update orders set status = 'paid' where id = 17",
        posts: &[],
        failures: 0,
    },
    Step {
        title: "A rollback",
        sql: "update orders set status = 'lost' where id = 17; rollback",
        posts: &[],
        failures: 0,
    },
    Step {
        title: "A savepoint rolled back, the rest committed",
        sql: "savepoint s; delete from orders where id = 17; rollback to s; \
              update order_line set article = 'LED' where order_id = 17 and line = 2",
        posts: &[("OrderLine.Update", "[17, 2]")],
        failures: 0,
    },
    Step {
        title: "A table that nobody watches",
        sql: "update customer set name = 'Ada L.' where id = 1",
        posts: &[],
        failures: 0,
    },
    Step {
        title: "The subscriber fails twice and recovers: three attempts, one webhook-id",
        sql: "update orders set status = 'shipped' where id = 17",
        posts: &[("Order.Update", "17")],
        failures: 2,
    },
    Step {
        title: "A foreign key deletes the lines",
        sql: "delete from orders where id = 17",
        posts: &[("OrderLine.Delete", "[17, 1]"), ("OrderLine.Delete", "[17, 2]"), ("Order.Delete", "17")],
        failures: 0,
    },
];

/// Rows of the bulk steps.
const BULK: usize = 1000;

/// What there is to play with afterwards.
const LINES: Lines = Lines {
    change: &[
        "insert into orders values (2001, 1, 'new');",
        "update orders set status = 'paid' where id in (1, 2001);",
        "delete from orders where id = 2001;",
    ],
    rollback: "begin; delete from orders; rollback;",
    crowd: None,
};

pub(crate) fn play(stage: &Stage) -> Result<Lines, String> {
    stage.database.psql(SETUP);
    for statement in
        ["select outbox.watch('orders', 'Order');", "select outbox.watch('order_line', 'OrderLine');"]
    {
        println!("demo=# {statement}");
        stage.database.psql(statement);
    }
    let secret = stage.subscribe("*", ", backoff_base => '200 ms', backoff_cap => '200 ms'");
    let relay = stage.relay();

    println!("\nSQL → POST, object, milliseconds from the change to its arrival");
    let mut seen = 0;
    for step in STEPS {
        seen = take(stage, &secret, step, seen)?;
    }
    bulk(stage, &secret, seen)?;
    books(stage)?;
    relay.signal("TERM");
    let code = relay.wait(SOON);
    stage.relay_is_gone();
    println!("$ kill -TERM {}   # exit code {code}", relay.pid());
    if code != 0 {
        return Err(format!("the relay ended with exit code {code}:\n{}", relay.lines().join("\n")));
    }
    println!("\nExactly the expected POSTs arrived, every signature verified, every attempt on record.");
    Ok(LINES)
}

/// Plays a step and checks what arrived since the one before: these POSTs, no more, no fewer.
fn take(stage: &Stage, secret: &str, step: &Step, seen: usize) -> Result<usize, String> {
    println!("\n-- {}", step.title);
    let failures = step.failures;
    stage.receiver().reply_with(move |_, nth| Reply::status(if nth <= seen + failures { 503 } else { 200 }));
    stage.database.psql(&format!("begin; {}; commit;", step.sql));
    stage.drained(SOON);
    let requests: Vec<Request> = stage.receiver().requests().split_off(seen);
    let events = requests
        .iter()
        .map(|request| Event::verified(secret, request))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|why| format!("{}: {why}", step.title))?;
    for statement in step.sql.split("; ") {
        println!("demo=# {statement};");
    }
    for event in &events {
        show(&event.kind, &event.object_id, event.age_ms);
    }
    if events.is_empty() {
        println!("    → nothing");
    }
    let mut expected: Vec<(&str, &str)> = step.posts.to_vec();
    expected.extend(std::iter::repeat_n(step.posts.first().copied().unwrap_or_default(), step.failures));
    expected.sort_unstable();
    let mut arrived: Vec<(&str, &str)> =
        events.iter().map(|event| (event.kind.as_str(), event.object_id.as_str())).collect();
    arrived.sort_unstable();
    if arrived != expected {
        return Err(format!("{}: expected {expected:?}, arrived {arrived:?}", step.title));
    }
    let mut ids: Vec<_> = requests.iter().filter_map(|request| request.header("webhook-id")).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.len() != step.posts.len() {
        return Err(format!("{}: {} webhook-ids for {} events", step.title, ids.len(), step.posts.len()));
    }
    Ok(seen + requests.len())
}

/// One statement for many rows is as many events; together they are shown as one line.
fn bulk(stage: &Stage, secret: &str, seen: usize) -> Result<(), String> {
    println!("\n-- Statements for {BULK} rows (the time is that of the last POST)");
    stage.receiver().reply(Reply::status(200));
    for sql in [
        format!("insert into orders select n, 1, 'new' from generate_series(1, {BULK}) n"),
        "update orders set status = 'archived'".to_owned(),
    ] {
        println!("demo=# {sql};");
        stage.database.psql(&sql);
        stage.drained(SOON);
    }
    let requests = stage.receiver().requests().split_off(seen);
    for kind in ["Order.Create", "Order.Update"] {
        let mut ids = Vec::new();
        let mut slowest = 0.0_f64;
        for request in &requests {
            let event = Event::verified(secret, request)?;
            if event.kind == kind {
                slowest = slowest.max(event.age_ms);
                ids.push(event.object_id);
            }
        }
        ids.sort_unstable();
        ids.dedup();
        show(kind, &format!("{} different ids", ids.len()), slowest);
        if ids.len() != BULK {
            return Err(format!("{BULK} different {kind} were expected, {} arrived", ids.len()));
        }
    }
    if requests.len() != 2 * BULK {
        return Err(format!("{} POSTs were expected, {} arrived", 2 * BULK, requests.len()));
    }
    Ok(())
}

/// The ledger must tell the same story as the subscriber.
fn books(stage: &Stage) -> Result<(), String> {
    let sql = "select class, count(*) from outbox.delivery_history group by class order by class;";
    let table = stage.database.psql(sql);
    println!("\ndemo=# {sql}\n{table}");
    let recorded: usize = stage.database.psql("select count(*) from outbox.attempt").parse().unwrap_or(0);
    let arrived = stage.receiver().count();
    if recorded == arrived {
        Ok(())
    } else {
        Err(format!("{arrived} POSTs arrived and {recorded} attempts are on record"))
    }
}

fn show(kind: &str, object: &str, age_ms: f64) {
    println!("    → {kind:<18} {object:<20} {age_ms:>8.1}");
}
