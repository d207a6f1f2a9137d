//! SQL → POST: each transaction that changed something, then what became of it at the subscriber.
//!
//! The log says which transaction (by its number) was typed how; the database says how it ended, when it was committed and
//! which events were committed at that very moment. An event does not always bear its transaction's number: below a
//! savepoint it has the savepoint's. But all of a transaction has one moment of commit.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant, SystemTime};

use super::lookout::{Failure, Lookout, Stored};
use super::screen::Screen;
use super::server_log::Entry;
use super::sessions::{Outcome, Sessions, Transaction};
use super::subscriber::Arrival;
use super::tally::{Budget, Tally};
use super::told::{self, Post, age, counted};
use crate::event::{Event, signed, since_1970_ms};

/// How long a POST waits for its statement to appear in the log, in the worst case and before a statement without a number
/// is considered.
const HELD_MAX: Duration = Duration::from_secs(3);
const LOG_LAG: Duration = Duration::from_millis(150);
/// After this time it is said that an event waits.
const LATE: Duration = Duration::from_millis(1200);
/// From this difference on it is said that a change was made before its commit.
const COMMIT_LATE_MS: f64 = 100.0;
/// How many lines of transactions and of attempts are told singly in a second.
const TRANSACTION_LINES: usize = 24;
const POST_LINES: usize = 12;
/// How many webhooks are remembered.
const REMEMBERED: usize = 50_000;

/// A POST whose statement has not been shown yet.
struct Held {
    arrival: Arrival,
    webhook_id: String,
    uid: String,
    origin: Origin,
}

/// What the outbox knows of a POST's event.
enum Origin {
    NotAsked,
    Nothing,
    Stored(Stored),
}

/// Events of a transaction that was shown, and that have not been heard of since.
struct Awaited {
    since: Instant,
    uids: HashSet<String>,
}

/// Names, the oldest of which are forgotten.
#[derive(Default)]
struct Memory {
    known: HashSet<String>,
    order: VecDeque<String>,
}

pub(crate) struct Timeline {
    sessions: Sessions,
    /// What was committed before is not ours to tell.
    opened_us: i64,
    /// Events whose transactions have been told.
    told: Memory,
    /// Webhooks that have arrived.
    arrived: Memory,
    held: VecDeque<Held>,
    awaited: Vec<Awaited>,
    failures: HashSet<i64>,
    last_error: Option<String>,
    /// Subscriber and secret by the key that ends a webhook-id.
    secrets: HashMap<String, (String, String)>,
    transactions: Budget,
    posts: Budget,
    tally: Tally,
}

impl Timeline {
    pub(crate) fn new() -> Self {
        #[allow(clippy::cast_possible_truncation, reason = "microseconds since 1970 fit")]
        let opened_us = (since_1970_ms(SystemTime::now()) * 1000.0) as i64;
        Self {
            sessions: Sessions::default(),
            opened_us,
            told: Memory::default(),
            arrived: Memory::default(),
            held: VecDeque::new(),
            awaited: Vec::new(),
            failures: HashSet::new(),
            last_error: None,
            secrets: HashMap::new(),
            transactions: Budget::new(TRANSACTION_LINES),
            posts: Budget::new(POST_LINES),
            tally: Tally::new(),
        }
    }

    /// A POST has arrived.
    pub(crate) fn arrived(&mut self, arrival: Arrival) {
        let webhook_id = arrival.request.header("webhook-id").unwrap_or_default().to_owned();
        let uid = webhook_id.split('_').next().unwrap_or_default().to_owned();
        self.held.push_back(Held { arrival, webhook_id, uid, origin: Origin::NotAsked });
    }

    /// Takes lines of the log and shows what has come of them and of the POSTs.
    pub(crate) fn go_on(&mut self, screen: &mut Screen, lookout: &mut Lookout, log: Vec<Entry>) {
        for entry in log {
            self.sessions.take(entry);
        }
        let under_way = self.sessions.under_way();
        if !under_way.is_empty() {
            for (xid, outcome) in lookout.ended(&under_way) {
                self.sessions.end(xid, outcome);
            }
        }
        for transaction in self.sessions.open() {
            told::lines(screen, transaction);
            if !std::mem::replace(&mut transaction.told_open, true) {
                told::note(screen, "… not committed: nothing leaves before COMMIT");
            }
        }
        let finished = self.sessions.finished();
        if !finished.is_empty() {
            self.tell_transactions(screen, lookout, finished);
        }
        self.tell_posts(screen, lookout);
    }

    fn tell_transactions(&mut self, screen: &mut Screen, lookout: &mut Lookout, finished: Vec<Transaction>) {
        let commits: Vec<i64> = finished
            .iter()
            .filter_map(|transaction| match transaction.outcome() {
                Some(Outcome::Committed(at)) => Some(at),
                _ => None,
            })
            .collect();
        let began_ms = finished.iter().map(|transaction| transaction.began_ms).fold(f64::MAX, f64::min);
        let stored = if commits.is_empty() { Vec::new() } else { lookout.events(began_ms, &commits) };
        let mut events: HashMap<u32, Vec<Stored>> = HashMap::new();
        for event in stored {
            if let Some(xid) = writer(&finished, &event) {
                events.entry(xid).or_default().push(event);
            }
        }
        for transaction in finished {
            let events = transaction.xid.and_then(|xid| events.remove(&xid)).unwrap_or_default();
            self.tell_transaction(screen, transaction, &events);
        }
    }

    fn tell_transaction(&mut self, screen: &mut Screen, mut transaction: Transaction, events: &[Stored]) {
        for event in events {
            self.told.remember(&event.uid);
        }
        let rolled_back = transaction.outcome() == Some(Outcome::RolledBack);
        if transaction.shown == 0 && !self.transactions.spend(transaction.lines.len()) {
            return self.tally.transaction(rolled_back);
        }
        told::lines(screen, &mut transaction);
        if rolled_back {
            return told::note(screen, "→ nothing leaves: rolled back");
        }
        if events.is_empty() {
            return told::aside(screen, "→ nothing to announce: no watched row changed");
        }
        if events.len() > 1 {
            told::aside(screen, &format!("{}, committed together", counted(events.len(), "event")));
        }
        let first = events.iter().map(|event| event.captured_us).min().unwrap_or_default();
        if let Some(Outcome::Committed(at)) = transaction.outcome() {
            #[allow(clippy::cast_precision_loss, reason = "a time span")]
            let before_ms = (at - first) as f64 / 1000.0;
            if before_ms > COMMIT_LATE_MS {
                told::aside(screen, &format!("ages count from the change, {} before COMMIT", age(before_ms)));
            }
        }
        let uids = events.iter().map(|event| event.uid.clone()).collect();
        self.awaited.push(Awaited { since: Instant::now(), uids });
    }

    /// Shows the POSTs whose statements have been shown, or will not be.
    fn tell_posts(&mut self, screen: &mut Screen, lookout: &mut Lookout) {
        let unknown = |held: &&Held| matches!(held.origin, Origin::NotAsked);
        let uids: Vec<&str> = self.held.iter().filter(unknown).map(|held| held.uid.as_str()).collect();
        let mut found: HashMap<String, Stored> = HashMap::new();
        if !uids.is_empty() {
            found = lookout.events_named(&uids).into_iter().map(|event| (event.uid.clone(), event)).collect();
        }
        let mut waiting = VecDeque::new();
        for mut held in std::mem::take(&mut self.held) {
            if matches!(held.origin, Origin::NotAsked) {
                // Several subscriptions may have sent the same one.
                held.origin = found.get(&held.uid).cloned().map_or(Origin::Nothing, Origin::Stored);
            }
            if self.may_be_told(screen, &held) {
                self.tell_post(screen, lookout, &held);
            } else {
                waiting.push_back(held);
            }
        }
        self.held = waiting;
    }

    fn may_be_told(&mut self, screen: &mut Screen, held: &Held) -> bool {
        let Origin::Stored(stored) = &held.origin else { return true };
        let held_for = held.arrival.at.elapsed();
        if self.told.knows(&held.uid) || stored.committed_us < self.opened_us {
            return true;
        }
        if held_for < LOG_LAG || held_for < HELD_MAX && self.sessions.expect(stored.xid, stored.committed_us)
        {
            return false;
        }
        if let Some(utility) = self.sessions.utility_at(stored.committed_us) {
            told::lines(screen, utility);
            self.told.remember(&held.uid);
            return true;
        }
        held_for >= HELD_MAX
    }

    fn tell_post(&mut self, screen: &mut Screen, lookout: &mut Lookout, held: &Held) {
        self.heard_of(&held.uid);
        let again = !self.arrived.remember(&held.webhook_id);
        let (subscriber, event) = match self.verified(lookout, held) {
            Ok(verified) => verified,
            Err(why) => return told::alarm(screen, &format!("✗ a POST that is NOT VERIFIED: {why}")),
        };
        if !self.posts.spend(1) {
            return self.tally.post(&event.kind, event.age_ms);
        }
        let key = held.webhook_id.rsplit('_').next().unwrap_or_default();
        let arrived_ms = since_1970_ms(held.arrival.request.arrived_at);
        let slowly = held.arrival.after;
        let in_time = if slowly.is_zero() { String::new() } else { format!(" in {} s", slowly.as_secs()) };
        let post = Post {
            object: &format!("{} {}", event.kind, event.object_id),
            age_ms: event.age_ms,
            answer: &format!("{}{in_time}", held.arrival.status),
            attempt: lookout.attempt(event.sequence, key, arrived_ms),
            webhook_id: &held.webhook_id,
            again,
            subscriber: Some(subscriber.as_str()).filter(|name| *name != "demo"),
        };
        told::post(screen, &post);
        self.last_error = None;
    }

    /// Who was meant and what it is about: the body has whatever form the subscriber wants. Secrets may have changed since
    /// they were last asked for.
    fn verified(&mut self, lookout: &mut Lookout, held: &Held) -> Result<(String, Event), String> {
        let request = &held.arrival.request;
        let key = held.webhook_id.rsplit('_').next().unwrap_or_default();
        let known = self.secrets.get(key).filter(|(_, secret)| signed(secret, request).is_ok());
        let subscriber = if let Some((subscriber, _)) = known {
            subscriber.clone()
        } else {
            let (subscriber, secret) = lookout.secret(key).ok_or("nobody has a subscription with its key")?;
            signed(&secret, request)?;
            self.secrets.insert(key.to_owned(), (subscriber.clone(), secret));
            subscriber
        };
        let event = match &held.origin {
            Origin::Stored(stored) => stored.event(since_1970_ms(request.arrived_at)),
            Origin::NotAsked | Origin::Nothing => Event::of_body(request)?,
        };
        Ok((subscriber, event))
    }

    fn heard_of(&mut self, uid: &str) {
        for awaited in &mut self.awaited {
            awaited.uids.remove(uid);
        }
        self.awaited.retain(|awaited| !awaited.uids.is_empty());
    }

    /// Shows attempts that came to nothing.
    pub(crate) fn tell_failures(&mut self, screen: &mut Screen, lookout: &mut Lookout) {
        for failure in lookout.failures() {
            if self.failures.insert(failure.id) {
                self.tell_failure(screen, &failure);
            }
        }
    }

    fn tell_failure(&mut self, screen: &mut Screen, failure: &Failure) {
        self.heard_of(failure.webhook_id.split('_').next().unwrap_or_default());
        if !self.posts.spend(1) {
            return self.tally.failure();
        }
        let number = failure.attempt;
        let what = match (failure.outcome.as_deref(), failure.next_ms) {
            (Some("dead"), _) => format!("attempt {number} failed, given up: outbox.dead_letter"),
            (Some(outcome), _) => outcome.to_owned(),
            (None, Some(next)) => format!("attempt {number} failed, next in {}", age(next)),
            (None, None) => format!("attempt {number} failed, next at once"),
        };
        told::failed(screen, failure.age_ms, &failure.object, &what, &failure.webhook_id);
        if failure.error.is_some() && failure.error != self.last_error {
            told::aside(screen, failure.error.as_deref().unwrap_or_default());
        }
        self.last_error.clone_from(&failure.error);
    }

    /// Says once a second what was not told singly, and of events that wait, why.
    pub(crate) fn tell_rest(&mut self, screen: &mut Screen, lookout: &mut Lookout, why: &str) {
        for awaited in self.awaited.extract_if(.., |awaited| awaited.since.elapsed() > LATE) {
            let uids: Vec<&str> = awaited.uids.iter().map(String::as_str).collect();
            match lookout.undelivered(&uids) {
                Some(0) | None => told::aside(screen, "kept in outbox.event; nobody subscribes to it"),
                Some(1) => told::note(screen, &format!("its delivery waits: {why}")),
                Some(n) => told::note(screen, &format!("{n} deliveries wait: {why}")),
            }
        }
        for line in self.tally.due() {
            told::aside(screen, &line);
        }
    }

    /// When the oldest transaction under way began, in milliseconds since 1970.
    pub(crate) fn oldest_ms(&self) -> Option<f64> {
        self.sessions.oldest_ms()
    }
}

/// The number of the transaction that an event was committed with. Two that were committed in the same microsecond are told
/// apart by number: a savepoint's is higher than its transaction's.
fn writer(finished: &[Transaction], event: &Stored) -> Option<u32> {
    let same = Some(Outcome::Committed(event.committed_us));
    let candidates = finished.iter().filter(|transaction| transaction.outcome() == same);
    candidates.filter_map(|transaction| transaction.xid).filter(|xid| *xid <= event.xid).max()
}

impl Memory {
    /// Whether it was new.
    fn remember(&mut self, name: &str) -> bool {
        let new = self.known.insert(name.to_owned());
        if new {
            self.order.push_back(name.to_owned());
        }
        if self.order.len() > REMEMBERED {
            let oldest = self.order.pop_front();
            oldest.map(|name| self.known.remove(&name));
        }
        new
    }

    fn knows(&self, name: &str) -> bool {
        self.known.contains(name)
    }
}
