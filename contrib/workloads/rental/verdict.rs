//! Whether what arrived is what must have arrived. Nothing here asks the builders, nor what outboxd believes to have sent.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::line;
use crate::event::Event;
use crate::stage::Stage;
use crate::support::Database;

/// The final state, worked out once more.
const TRUTH: &str = include_str!("../../examples/rental/check/truth.sql");

/// Object and id, as in `Film` and `7`.
type Key = (String, String);

/// What the subscriber has, by the uid of the event.
pub(super) type Received = HashMap<String, Event>;

/// Reads and verifies all POSTs. Nothing was in anybody's way, so none may have come twice.
pub(super) fn received(stage: &Stage, secret: &str) -> Result<Received, String> {
    let mut received = Received::new();
    for request in stage.receiver().requests() {
        let event = Event::verified(secret, &request)?;
        let id = request.header("webhook-id").unwrap_or_default();
        let uid = id.split('_').next().unwrap_or_default().to_owned();
        if received.insert(uid, event).is_some() {
            return Err(format!("{id} came twice"));
        }
    }
    Ok(received)
}

/// All that must hold of the events received.
pub(super) fn judge(database: &Database, received: &Received) -> Result<(), String> {
    nothing_extra_nothing_missing(database, received)?;
    let mut stories: BTreeMap<Key, Vec<&Event>> = BTreeMap::new();
    for event in received.values() {
        stories.entry((object_of(event).to_owned(), event.object_id.clone())).or_default().push(event);
    }
    for story in stories.values_mut() {
        story.sort_by_key(|event| event.sequence);
    }
    verbs_make_sense(database, &stories)?;
    last_events_are_the_truth(database, &stories)?;
    numbers_are_dense(database)?;
    one_event_per_transaction_and_object(database)
}

fn object_of(event: &Event) -> &str {
    event.kind.split('.').next().unwrap_or_default()
}

fn verb_of(event: &Event) -> &str {
    event.kind.split('.').nth(1).unwrap_or_default()
}

/// Exactly the events of the database have arrived, each delivered by one attempt.
fn nothing_extra_nothing_missing(database: &Database, received: &Received) -> Result<(), String> {
    let events = database.psql("select replace(uid::text, '-', ''), type, object_id from outbox.event");
    let mut missing: BTreeSet<&str> = received.keys().map(String::as_str).collect();
    for row in events.lines() {
        let mut columns = row.splitn(3, '|');
        let mut next = || columns.next().unwrap_or_default();
        let (uid, kind, id) = (next(), next(), next());
        match received.get(uid) {
            Some(event) if event.kind == kind && event.object_id == id => missing.remove(uid),
            Some(event) => return Err(format!("{row} arrived as {} {}", event.kind, event.object_id)),
            None => return Err(format!("{row} never arrived")),
        };
    }
    if let Some(uid) = missing.first() {
        return Err(format!("{} events arrived that are not in the database, one is {uid}", missing.len()));
    }
    let ledger = database.psql(
        "select count(*) filter (where outcome = 'delivered'), count(*) filter (where outcome is distinct from 'delivered') \
         from outbox.attempt",
    );
    if ledger != format!("{}|0", received.len()) {
        return Err(format!(
            "{} events arrived, and the ledger (delivered|other) says {ledger}",
            received.len()
        ));
    }
    Ok(())
}

/// An object comes once, changes while it is there, goes once, and is gone until it comes again.
fn verbs_make_sense(database: &Database, stories: &BTreeMap<Key, Vec<&Event>>) -> Result<(), String> {
    let beginning = keys(&database.psql("select json_build_array(object, object_id) from audit.beginning"))?;
    let mut verbs: BTreeMap<&str, usize> = BTreeMap::new();
    for (key, story) in stories {
        let mut exists = beginning.contains(key);
        for event in story {
            exists = match (exists, verb_of(event)) {
                (false, "Create") | (true, "Update") => true,
                (true, "Delete") => false,
                _ => {
                    let told: Vec<_> = story.iter().map(|event| (&event.kind, event.sequence)).collect();
                    return Err(format!("{key:?}: no such thing can have happened: {told:?}"));
                }
            };
            *verbs.entry(event.kind.as_str()).or_default() += 1;
        }
    }
    for (kind, n) in verbs {
        line(&format!("  {kind}"), n);
    }
    Ok(())
}

/// The last event of an object is its final state; objects without one are as they were.
fn last_events_are_the_truth(
    database: &Database,
    stories: &BTreeMap<Key, Vec<&Event>>,
) -> Result<(), String> {
    let mut truth = BTreeMap::new();
    for row in database.psql(TRUTH).lines() {
        let (key, data) = parsed(row)?;
        truth.insert(key, data);
    }
    let mut last: BTreeMap<&str, usize> = BTreeMap::new();
    for (key, story) in stories {
        let Some(event) = story.last() else { continue };
        match (verb_of(event), truth.get(key)) {
            ("Delete", None) => {}
            ("Create" | "Update", Some(data)) if *data == event.data => {}
            (_, Some(data)) => {
                return Err(format!(
                    "{key:?}: a superseded state came last.\n{} said   {}\nthe tables say {data}",
                    event.kind, event.data
                ));
            }
            (verb, None) => return Err(format!("{key:?} is gone and its last event is {verb}")),
        }
        *last.entry(key.0.as_str()).or_default() += 1;
    }
    for (object, n) in last {
        line(&format!("{object}: objects whose last event is the truth"), n);
    }
    let touched =
        keys(&database.psql("select distinct json_build_array(object, object_id)::text from audit.pair"))?;
    match stories.keys().find(|key| !touched.contains(*key)) {
        Some(key) => Err(format!("{key:?} has events and nobody has touched it")),
        None => Ok(()),
    }
}

/// The events of an object are numbered 1, 2, 3 … in their order.
fn numbers_are_dense(database: &Database) -> Result<(), String> {
    let gaps = database.psql("select count(*), (array_agg(g::text))[1:3] from audit.gap g");
    if gaps.starts_with("0|") { Ok(()) } else { Err(format!("gaps in the numbers of objects: {gaps}")) }
}

/// As many events as pairs of a transaction and an object that it has touched.
fn one_event_per_transaction_and_object(database: &Database) -> Result<(), String> {
    let verdicts = database.psql(
        "select verdict, count(*), (array_agg(concat_ws(' ', xid, object, object_id)))[1:3] from audit.judgement \
         group by verdict order by 2 desc",
    );
    println!("transactions and the objects they touched:");
    for row in verdicts.lines() {
        let mut columns = row.splitn(3, '|');
        let (verdict, n) = (columns.next().unwrap_or_default(), columns.next().unwrap_or_default());
        if verdict.starts_with("WRONG") {
            return Err(row.to_owned());
        }
        line(&format!("  {verdict}"), n.parse().unwrap_or(0));
    }
    Ok(())
}

fn keys(rows: &str) -> Result<BTreeSet<Key>, String> {
    rows.lines().map(|row| Ok(parsed(row)?.0)).collect()
}

/// A row `["Film", "7", {…}]`; the last part may be left out.
fn parsed(row: &str) -> Result<(Key, Value), String> {
    let mut row: Value = serde_json::from_str(row).map_err(|e| format!("{e} in {row}"))?;
    let text = |n: usize| row[n].as_str().unwrap_or_default().to_owned();
    let key = (text(0), text(1));
    Ok((key, row.get_mut(2).map(Value::take).unwrap_or_default()))
}
