//! What the timeline asks the database, by a session of its own that survives whatever happens to the database.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tokio::runtime::Runtime;

use super::sessions::Outcome;
use crate::event::{Event, since_1970_ms};
use crate::support::{Database, Session};

/// How long a question may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// What our session calls itself: as those of relays, it is left out of the timeline.
const OURS: &str = "outboxd demo";
/// It adds nothing to the log that we read.
const SILENT: &str = "set log_statement = none; set log_executor_stats = off; set log_duration = off";
/// All slots of the ring: with them a leaf's primary key is used from its id on.
const SLOTS: &str = "'{0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15}'";
/// Attempts are recorded in batches, so a number may become visible after a higher one.
const ATTEMPTS_OVERLAP: i64 = 1000;
/// How many failed attempts are looked at at a time.
const FAILURES_MAX: usize = 1000;

/// An event in the outbox.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) uid: String,
    /// The transaction that wrote it: the outermost one's number, or a savepoint's.
    pub(crate) xid: u32,
    /// In microseconds since 1970. A savepoint's is that of its transaction.
    pub(crate) committed_us: i64,
    pub(crate) captured_us: i64,
    id: u64,
    kind: String,
    object_id: String,
}

impl Stored {
    /// The event, as a POST that arrived then (milliseconds since 1970) brings it.
    pub(crate) fn event(&self, arrived_ms: f64) -> Event {
        #[allow(clippy::cast_precision_loss, reason = "microseconds since 1970 fit until 2255")]
        let captured_ms = self.captured_us as f64 / 1000.0;
        let (kind, object_id) = (self.kind.clone(), self.object_id.clone());
        Event { kind, object_id, sequence: self.id, data: Value::Null, age_ms: arrived_ms - captured_ms }
    }
}

/// An attempt that failed, or a delivery that ended undelivered.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) id: i64,
    pub(crate) object: String,
    pub(crate) webhook_id: String,
    pub(crate) attempt: i64,
    pub(crate) outcome: Option<String>,
    pub(crate) error: Option<String>,
    /// From the capture to the end of the attempt.
    pub(crate) age_ms: f64,
    /// Until the next attempt.
    pub(crate) next_ms: Option<f64>,
}

pub(crate) struct Lookout {
    runtime: Runtime,
    database: Database,
    session: Option<Session>,
    /// Why the last question was not answered.
    pub(crate) trouble: Option<String>,
    /// The highest event id at some moments, in milliseconds since 1970: what is written later has a higher one.
    heights: VecDeque<(f64, i64)>,
    /// From which attempt on failures are looked for.
    attempts_from: i64,
}

impl Lookout {
    pub(crate) fn new(database: &Database) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| format!("no runtime: {e}"))?;
        let mut lookout = Self {
            runtime,
            database: database.clone(),
            session: None,
            trouble: None,
            heights: VecDeque::new(),
            attempts_from: 0,
        };
        lookout.mark(None);
        let last = lookout.ask("select last_value from outbox.attempt_id");
        lookout.attempts_from = last.as_ref().and_then(Value::as_i64).unwrap_or(0) + 1;
        lookout.trouble.take().map_or(Ok(lookout), Err)
    }

    /// Asks for one JSON value. `None` when there is no answer; the next question tries a new session.
    fn ask(&mut self, sql: &str) -> Option<Value> {
        let answer = self.runtime.block_on(async {
            let answer = tokio::time::timeout(PATIENCE, async {
                if self.session.is_none() {
                    let session = self.database.try_session(OURS).await?;
                    session.try_execute(SILENT).await?;
                    self.session = Some(session);
                }
                self.session
                    .as_ref()
                    .map(|session| session.try_query_text(sql))
                    .ok_or_else(Default::default)?
                    .await
            });
            answer.await
        });
        self.trouble = match answer {
            Ok(Ok(text)) => {
                self.trouble = None;
                return serde_json::from_str(&text).ok();
            }
            Ok(Err(error)) => Some(error.message),
            Err(_) => Some(format!("no answer within {} s", PATIENCE.as_secs())),
        };
        self.session = None;
        None
    }

    fn rows(&mut self, sql: &str) -> Vec<Vec<Value>> {
        let answer = self.ask(&format!("select coalesce(json_agg(r), '[]') from ({sql}) q (r)"));
        let rows = answer.and_then(|rows| match rows {
            Value::Array(rows) => Some(rows),
            _ => None,
        });
        rows.into_iter().flatten().filter_map(|row| row.as_array().cloned()).collect()
    }

    /// Remembers how high the event ids are by now. Moments before the oldest transaction under way but one are forgotten.
    pub(crate) fn mark(&mut self, oldest_ms: Option<f64>) {
        let now = since_1970_ms(SystemTime::now());
        let height = self.ask("select last_value from outbox.event_id");
        self.heights.extend(height.as_ref().and_then(Value::as_i64).map(|id| (now, id)));
        let needed = oldest_ms.unwrap_or(f64::MAX).min(now - 10_000.0);
        while self.heights.get(1).is_some_and(|(at, _)| *at < needed) {
            self.heights.pop_front();
        }
    }

    /// Which of these transactions have ended, and how.
    pub(crate) fn ended(&mut self, xids: &[u32]) -> Vec<(u32, Outcome)> {
        let rows = self.rows(&format!(
            "select json_build_array(x::text, pg_xact_status(x), \
                 (extract(epoch from pg_xact_commit_timestamp(x::xid)) * 1000000)::bigint) \
             from unnest('{{{}}}'::xid8[]) x where pg_xact_status(x) is distinct from 'in progress'",
            list(xids)
        ));
        let outcome = |row: &[Value]| match (row.get(1)?.as_str(), row.get(2)?.as_i64()) {
            (Some("committed"), Some(at)) => Some(Outcome::Committed(at)),
            _ => Some(Outcome::RolledBack),
        };
        rows.iter().filter_map(|row| Some((row.first()?.as_str()?.parse().ok()?, outcome(row)?))).collect()
    }

    /// The events of transactions that began at the earliest then and were committed at these moments.
    pub(crate) fn events(&mut self, began_ms: f64, committed_us: &[i64]) -> Vec<Stored> {
        let before = self.heights.iter().rev().find(|(at, _)| *at < began_ms).or(self.heights.front());
        let from = before.map_or(0, |(_, id)| *id);
        self.stored(&format!("e.slot = any ({SLOTS}) and e.id >= {from}"), Some(committed_us))
    }

    /// The events with these uids, of whatever time.
    pub(crate) fn events_named(&mut self, uids: &[&str]) -> Vec<Stored> {
        let plain: Vec<_> = uids.iter().filter(|uid| uid.bytes().all(|b| b.is_ascii_hexdigit())).collect();
        self.stored(&format!("e.uid = any ('{{{}}}')", list(&plain)), None)
    }

    fn stored(&mut self, which: &str, committed_us: Option<&[i64]>) -> Vec<Stored> {
        let then = committed_us.map_or_else(String::new, |at| format!("where us = any ('{{{}}}')", list(at)));
        let rows = self.rows(&format!(
            "select json_build_array(uid, xid, us, captured, id, type, object_id) \
             from (select replace(e.uid::text, '-', ''), e.xmin::text, \
                 (extract(epoch from pg_xact_commit_timestamp(e.xmin)) * 1000000)::bigint, \
                 (extract(epoch from e.occurred_at) * 1000000)::bigint, e.id, e.type, e.object_id \
             from outbox.event e where {which} order by e.id) e (uid, xid, us, captured, id, type, object_id) {then}"
        ));
        let stored = |row: &Vec<Value>| {
            Some(Stored {
                uid: row.first()?.as_str()?.to_owned(),
                xid: row.get(1)?.as_str()?.parse().ok()?,
                committed_us: row.get(2)?.as_i64().unwrap_or(0),
                captured_us: row.get(3)?.as_i64()?,
                id: row.get(4)?.as_u64()?,
                kind: row.get(5)?.as_str()?.to_owned(),
                object_id: row.get(6)?.as_str().unwrap_or_default().to_owned(),
            })
        };
        rows.iter().filter_map(stored).collect()
    }

    /// Which attempt it was that arrived then (milliseconds since 1970). A claim raises the number before the POST leaves,
    /// and when the outcome is on record already, so is the number. When an attempt began is reckoned back from its
    /// record, and so comes out late by what lies between: of several the nearest.
    pub(crate) fn attempt(&mut self, event: u64, key: &str, arrived_ms: f64) -> Option<i64> {
        let answer = self.ask(&format!(
            "select coalesce((select a.attempt from outbox.attempt a where a.event_id = {event} and a.subscription = s.id \
                 and a.started_at <= t.at + interval '250 ms' \
                 and a.started_at + make_interval(secs => a.duration_ms / 1000) >= t.at - interval '10 ms' \
                 order by abs(extract(epoch from a.started_at - t.at)) limit 1), \
                 (select d.attempt from outbox.delivery d where d.event_id = {event} and d.subscription = s.id)) \
             from outbox.subscription s, lateral (select to_timestamp({arrived_ms} / 1000)) t (at) where s.key = '{key}'"
        ));
        answer.and_then(|attempt| attempt.as_i64())
    }

    /// Attempts that failed and deliveries given up, put on record since the last call, the oldest first. Some may be told
    /// twice.
    pub(crate) fn failures(&mut self) -> Vec<Failure> {
        let last = self.ask("select last_value from outbox.attempt_id").and_then(|last| last.as_i64());
        let rows = self.rows(&format!(
            "select json_build_array(a.id, concat_ws(' ', e.type, e.object_id), outbox.webhook_id(e.uid, s.key), a.attempt, \
                 a.outcome, a.error, \
                 extract(epoch from a.started_at - e.occurred_at) * 1000 + coalesce(a.duration_ms, 0), \
                 extract(epoch from d.due_at - clock_timestamp()) * 1000) \
             from outbox.attempt a \
                 join outbox.event e on e.slot = any (array[a.event_slot, (a.event_slot + 8)::smallint]) and e.id = a.event_id \
                 join outbox.subscription s on s.id = a.subscription \
                 left join outbox.delivery d on d.id = a.delivery and d.attempt = a.attempt and d.leased_by is null \
                     and d.due_at < 'infinity' \
             where a.slot = any ({SLOTS}) and a.id >= {} and a.class is distinct from 'delivered' \
                 and (a.class is not null or a.outcome is not null) \
             order by a.id limit {FAILURES_MAX}",
            self.attempts_from
        ));
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let failure = |row: &Vec<Value>| {
            Some(Failure {
                id: row.first()?.as_i64()?,
                object: text(row.get(1))?,
                webhook_id: text(row.get(2))?,
                attempt: row.get(3)?.as_i64()?,
                outcome: text(row.get(4)),
                error: text(row.get(5)),
                age_ms: row.get(6)?.as_f64()?,
                next_ms: row.get(7)?.as_f64(),
            })
        };
        let failures: Vec<Failure> = rows.iter().filter_map(failure).collect();
        // With as many as were asked for there may be more.
        let all = rows.len() < FAILURES_MAX;
        let next = if all { last.map(|last| last - ATTEMPTS_OVERLAP) } else { failures.last().map(|f| f.id) };
        self.attempts_from = self.attempts_from.max(next.unwrap_or(0));
        failures
    }

    /// How many deliveries a relay has under way, and in how many milliseconds the last lease ends.
    pub(crate) fn leased(&mut self) -> Option<(i64, f64)> {
        let answer = self.ask(
            "select json_build_array(count(*), extract(epoch from max(due_at) - clock_timestamp()) * 1000) \
             from outbox.delivery where leased_by is not null and due_at > clock_timestamp()",
        )?;
        Some((answer.get(0)?.as_i64()?, answer.get(1)?.as_f64().unwrap_or(0.0)))
    }

    /// How many deliveries wait, and in how many milliseconds the first and the last of them are due.
    pub(crate) fn waiting(&mut self) -> Option<(i64, f64, f64)> {
        let answer = self.ask(
            "select json_build_array(count(*), extract(epoch from min(due_at) - clock_timestamp()) * 1000, \
             extract(epoch from max(due_at) - clock_timestamp()) * 1000) from outbox.delivery where due_at < 'infinity'",
        )?;
        let due = |at| answer.get(at).and_then(Value::as_f64).unwrap_or(0.0).max(0.0);
        Some((answer.get(0)?.as_i64()?, due(1), due(2)))
    }

    /// How many deliveries of these events are open.
    pub(crate) fn undelivered(&mut self, uids: &[&str]) -> Option<i64> {
        let answer = self.ask(&format!(
            "select count(*) from outbox.event e join outbox.delivery d on d.event_id = e.id \
             where e.uid = any ('{{{}}}')",
            list(uids)
        ));
        answer.and_then(|count| count.as_i64())
    }

    /// Subscriber and signing secret of the subscription with this key.
    pub(crate) fn secret(&mut self, key: &str) -> Option<(String, String)> {
        let plain = key.bytes().all(|b| b.is_ascii_hexdigit());
        let answer = self.ask(&format!(
            "select json_build_array(subscriber, outbox.signing_secret(id)) from outbox.subscription where key = '{}'",
            if plain { key } else { "" }
        ))?;
        Some((answer.get(0)?.as_str()?.to_owned(), answer.get(1)?.as_str()?.to_owned()))
    }
}

fn list<T: ToString>(values: &[T]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
