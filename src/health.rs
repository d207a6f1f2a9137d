//! Whether the relay lives and whether it is ready, from facts that its parts note. Plain data and a clock; nothing here
//! asks the database, so that the answer comes at once also when the database does not.
//!
//! *Live*: its tasks turn. Each task runs inside [`Health::beating`], which marks the task as alive between its steps; one
//! that blocks its thread, or has died, marks nothing. A database that is away stops no task.
//!
//! *Ready*: it does its work. Every reason against it is a fact that heals with its cause: claims that fail, outcomes that
//! cannot be recorded, a schema that does not fit, due deliveries that are never claimed, a stop.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::timeout;

/// Between two signs of life of a task.
const BEAT: Duration = Duration::from_secs(2);
/// A task without a sign of life for so long does not turn. Below the shortest lease, which is 15 s and the deadline.
const LIFELESS: Duration = Duration::from_secs(10);
/// Trouble that is over within this is no reason: a lock time-out, a failover of a pooler.
const TOLERATED: Duration = Duration::from_secs(3);
/// An answer of the database to a claim that takes longer is a reason.
const UNANSWERED: Duration = Duration::from_secs(5);
/// A delivery that was due before so long, and that nobody claims, is a reason.
const STALLED: f64 = 60.0;

/// The facts of one relay. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<Facts>>);

#[derive(Debug, Default)]
struct Facts {
    /// Last sign of life of each task that should turn.
    beats: BTreeMap<&'static str, Instant>,
    /// What has gone wrong with a job since when, and how.
    failing: BTreeMap<&'static str, Failing>,
    claimed_once: bool,
    /// A claim that was asked for and has not been answered.
    claiming_since: Option<Instant>,
    /// When the last claim began that has ended and could have taken more than it found.
    unfilled_at: Option<Instant>,
    /// Subscriptions that this relay takes nothing more of at the moment.
    limited: HashSet<i64>,
    stuck_since: Option<Instant>,
    schema: Option<String>,
    stopping: bool,
    /// Subscriptions with a due delivery at their head and room for it.
    heads: HashMap<i64, Head>,
}

#[derive(Debug)]
struct Failing {
    since: Instant,
    why: String,
    refused: bool,
}

#[derive(Debug)]
struct Head {
    waiting: Waiting,
    since: Instant,
    /// A claim that could have taken it passed it over between two measurements: true until something else is first.
    passed_over: bool,
}

/// A subscription with room for another POST whose first due delivery nobody has claimed.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// `outbox.subscription.id`.
    pub subscription: i64,
    /// Who it belongs to.
    pub subscriber: String,
    /// The first due delivery.
    pub delivery: i64,
    /// Since when it is due, by the database's clock, seconds since 1970: after a failed attempt since another instant.
    pub due_at: f64,
    /// How long ago that was, in seconds.
    pub due_for: f64,
}

impl Waiting {
    #[allow(clippy::float_cmp, reason = "the same instant of the database's clock, unchanged")]
    fn is(&self, other: &Self) -> bool {
        self.delivery == other.delivery && self.due_at == other.due_at
    }
}

impl Health {
    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a task's work to its end, marking it as alive meanwhile. A task that panics is missed from then on.
    pub async fn beating<F: Future>(&self, task: &'static str, work: F) -> F::Output {
        let mut work = pin!(work);
        loop {
            self.facts().beats.insert(task, Instant::now());
            if let Ok(output) = timeout(BEAT, &mut work).await {
                self.retire(task);
                return output;
            }
        }
    }

    /// A task has ended, or is being ended: it is not missed.
    pub fn retire(&self, task: &'static str) {
        self.facts().beats.remove(task);
    }

    /// A claim is about to be made.
    pub fn claiming(&self) {
        self.facts().claiming_since = Some(Instant::now());
    }

    /// A claim succeeded; `unfilled` when it could have taken more than there was.
    pub fn claimed(&self, unfilled: bool) {
        let mut facts = self.facts();
        facts.claimed_once = true;
        // It saw what was due when it began, and not what somebody resumed meanwhile.
        let began = facts.claiming_since.take();
        if unfilled {
            facts.unfilled_at = began.or_else(|| Some(Instant::now()));
        }
    }

    /// Subscriptions of which this relay takes nothing more at the moment, whatever is due: they are not passed over.
    pub fn limited(&self, subscriptions: Vec<i64>) {
        self.facts().limited = subscriptions.into_iter().collect();
    }

    /// A job's session or statement failed; `refused` when rights or schema do not fit.
    pub fn failed(&self, job: &'static str, why: &str, refused: bool) {
        let mut facts = self.facts();
        if job == "claim" {
            facts.claiming_since = None;
        }
        let since = facts.failing.get(job).map_or_else(Instant::now, |failing| failing.since);
        facts.failing.insert(job, Failing { since, why: one_line(why), refused });
    }

    /// A job did what it is for.
    pub fn worked(&self, job: &'static str) {
        self.facts().failing.remove(job);
    }

    /// Whether recording outcomes fails or takes too long at the moment.
    pub fn recording_is_stuck(&self, stuck: bool) {
        let mut facts = self.facts();
        facts.stuck_since = stuck.then(|| facts.stuck_since.unwrap_or_else(Instant::now));
    }

    /// Whether the database refuses what deliveries need: then the schema is worth a look.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        let facts = self.facts();
        ["claim", "settle"].iter().any(|job| facts.failing.get(job).is_some_and(|failing| failing.refused))
    }

    /// What does not fit about the schema, if anything.
    pub fn schema(&self, problem: Option<&str>) {
        self.facts().schema = problem.map(one_line);
    }

    /// A stop was asked for.
    pub fn stopping(&self) {
        self.facts().stopping = true;
    }

    /// When the last claim began that could have taken more than it found: to be noted before a measurement, for
    /// [`Health::measured`].
    #[must_use]
    pub fn last_look(&self) -> Option<Instant> {
        self.facts().unfilled_at
    }

    /// What was found due and unclaimed, in place of what was found before; nothing when it could not be looked at.
    /// `looked_at` is the last look for work from before this measurement: a look during it may have taken what it found.
    pub fn measured(&self, found: Vec<Waiting>, looked_at: Option<Instant>) {
        let now = Instant::now();
        let mut facts = self.facts();
        let mut before = std::mem::take(&mut facts.heads);
        let limited = std::mem::take(&mut facts.limited);
        facts.heads = found
            .into_iter()
            .filter(|waiting| !limited.contains(&waiting.subscription))
            .map(|waiting| {
                let same = before.remove(&waiting.subscription).filter(|head| head.waiting.is(&waiting));
                let since = same.as_ref().map_or(now, |head| head.since);
                let passed_over = same.is_some_and(|head| head.passed_over || Some(head.since) < looked_at);
                (waiting.subscription, Head { waiting, since, passed_over })
            })
            .collect();
        facts.limited = limited;
    }

    /// Why the process should be restarted; empty when it lives.
    #[must_use]
    pub fn lifeless(&self) -> Vec<String> {
        self.facts().lifeless(Instant::now())
    }

    /// Why it does not do its work; empty when it does.
    #[must_use]
    pub fn unready(&self) -> Vec<String> {
        self.facts().unready(Instant::now())
    }

    /// Whether it has begun to work, or waits for its database: what a service manager calls started.
    #[must_use]
    pub fn has_started(&self) -> bool {
        let facts = self.facts();
        facts.claimed_once || !facts.failing.is_empty()
    }
}

impl Facts {
    fn lifeless(&self, now: Instant) -> Vec<String> {
        let silent = self.beats.iter().map(|(task, last)| (task, now.saturating_duration_since(*last)));
        silent
            .filter(|(_, silence)| *silence > LIFELESS)
            .map(|(task, silence)| format!("task {task} has not turned for {} s", silence.as_secs()))
            .collect()
    }

    fn unready(&self, now: Instant) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.stopping {
            reasons.push("stopping".to_owned());
        }
        reasons.extend(self.schema.clone());
        for (job, what) in [("start", "the database cannot be used"), ("claim", "claims have failed")] {
            if let Some(failing) = self.failing.get(job) {
                let for_long = now.saturating_duration_since(failing.since);
                if for_long >= TOLERATED || !self.claimed_once {
                    reasons.push(format!("{what} for {} s: {}", for_long.as_secs(), failing.why));
                }
            }
        }
        let waits = self.claiming_since.map(|since| now.saturating_duration_since(since));
        if let Some(waits) = waits.filter(|waits| *waits >= UNANSWERED) {
            reasons.push(format!("the database has not answered a claim for {} s", waits.as_secs()));
        }
        let stuck = self.stuck_since.map(|since| now.saturating_duration_since(since));
        if let Some(stuck) = stuck.filter(|stuck| *stuck >= TOLERATED) {
            let why =
                self.failing.get("settle").map_or("the database takes its time", |failing| &failing.why);
            let stuck = stuck.as_secs();
            reasons.push(format!("outcomes cannot be recorded for {stuck} s, and nothing is claimed: {why}"));
        }
        reasons.extend(self.stalled());
        if reasons.is_empty() && !self.claimed_once {
            reasons.push("starting: nothing has been claimed yet".to_owned());
        }
        reasons
    }

    /// What two measurements in a row found due for long and unclaimed, although this relay looked for work in between,
    /// and could have taken more than it found. With a claim that works, only a row that somebody has locked is like this.
    fn stalled(&self) -> Option<String> {
        let passed_over = self.heads.values().filter(|head| head.passed_over).map(|head| &head.waiting);
        let stalled: Vec<&Waiting> = passed_over.filter(|waiting| waiting.due_for >= STALLED).collect();
        let first = stalled.iter().max_by(|a, b| a.due_for.total_cmp(&b.due_for))?;
        let others = match stalled.len() - 1 {
            0 => String::new(),
            others => format!(" and of {others} other subscriptions"),
        };
        Some(format!(
            "delivery is stalled: a delivery of subscription {} ({}){others} has been due for {:.0} s and no claim gets \
             it; its row may be locked, see pg_locks",
            first.subscription,
            one_line(&first.subscriber),
            first.due_for
        ))
    }
}

/// Text from elsewhere as part of a line.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests;
