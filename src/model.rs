//! The words of the outbox as plain data: what is claimed, what a POST came to, what follows from it. No I/O.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::schedule::Schedule;

/// One delivery under a lease of ours: a row of `outbox.claim()`.
#[derive(Debug, Clone)]
pub struct Claim {
    /// `outbox.delivery.id`.
    pub delivery: i64,
    /// Number of this attempt, from 1; never lowered, so it fences off stale owners when the outcome is recorded.
    pub attempt: i32,
    /// Attempts made before the delivery was last retried by hand: they do not count against the budget.
    pub retry_base: i32,
    /// `outbox.subscription.id`.
    pub subscription: i64,
    /// Version of the subscription when the claim was made; newer than what we know means: read it again.
    pub version: i32,
    /// Leaf of the ring in which the event is.
    pub event_slot: i16,
    /// `outbox.event.id`, the order of events.
    pub event_id: i64,
    /// Deliveries of a subscription with equal numbers are one POST, whose body is an array of theirs; `None`: a POST by itself.
    pub batch: Option<i32>,
    /// What there is to send; `None` when the event's row is gone.
    pub message: Option<Message>,
    /// When the event happened, by the database's clock, seconds since 1970; `None` when its row is gone.
    pub occurred_at: Option<f64>,
    /// The database's clock at the claim, seconds since 1970: what we send is stamped by that clock, not by ours.
    pub claimed_at: f64,
    /// Our monotonic clock before the claim was sent: the lease began after it.
    pub asked: Instant,
    /// Our monotonic clock when the claim's answer was read.
    pub received: Instant,
}

/// The parts of a POST that come from the event.
#[derive(Debug, Clone)]
pub struct Message {
    /// For logs; the body has it too.
    pub event_type: String,
    /// Value of the `webhook-id` header.
    pub webhook_id: String,
    /// The bytes to sign and send, exactly; or why the subscription's envelope made none.
    pub body: Result<String, String>,
    /// What the body is.
    pub format: Format,
    /// How many events the body is an array of; `None` when it is not an array.
    pub batch: Option<usize>,
    /// What of the event goes into headers.
    pub context: Context,
}

/// The form that a body has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// A JSON object with type, timestamp and data.
    #[default]
    Standard,
    /// A `CloudEvent`, whole.
    CloudEvents,
    /// The data alone, JSON; where the event is a `CloudEvent`, the rest of it is in headers.
    Data,
    /// What the subscription's envelope made.
    Envelope,
}

/// What of an event goes into headers: any text at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// Attributes of a `CloudEvent` whose body is the data alone, names and values.
    pub attributes: Vec<(String, String)>,
    /// What the subscription copies from the event, names and values.
    pub copied: Vec<(String, String)>,
    /// `outbox.traceparent`, for the header `traceparent`.
    pub traceparent: Option<String>,
    /// `outbox.trace_id`, for the header `outbox-trace-id`.
    pub trace_id: Option<String>,
    /// `outbox.header.*`, names and values.
    pub headers: Vec<(String, String)>,
}

/// How to send to one subscription: a row of `outbox.subscription_settings()`. Its default is what a row of the table has
/// that says nothing.
#[derive(Clone)]
pub struct Subscription {
    /// `outbox.subscription.id`.
    pub id: i64,
    /// Rises with every change of the row.
    pub version: i32,
    /// Where to POST.
    pub url: String,
    /// Extra request headers.
    pub headers: Vec<(String, String)>,
    /// Name of the client certificate and CA to use; `None` is the relay's default.
    pub identity: Option<String>,
    /// Signing secrets; all of them sign.
    pub secrets: Vec<Vec<u8>>,
    /// POSTs at a time from one relay.
    pub concurrency: usize,
    /// Limit until there is a connection: name, TCP and TLS.
    pub connect_deadline: Duration,
    /// Limit of one attempt, from connect to the last byte of the answer.
    pub deadline: Duration,
    /// Whether HTTP/2 is offered.
    pub http2: bool,
    /// What follows from an attempt.
    pub policy: Policy,
}

/// What follows from an attempt: which answers mean what, and when and how often a failure is tried again.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Statuses that are a success; `None` is any 2xx.
    pub success_codes: Option<Vec<u16>>,
    /// Statuses after which no other attempt is made.
    pub permanent_codes: Vec<u16>,
    /// Statuses by which the receiver ends the subscription.
    pub gone_codes: Vec<u16>,
    /// Pauses between attempts.
    pub schedule: Schedule,
    /// Attempts before the delivery is dead.
    pub max_attempts: i32,
    /// No attempt begins when the delivery is older: it is dead.
    pub max_age: Option<Duration>,
    /// No attempt begins when the delivery is older: it has expired.
    pub ttl: Option<Duration>,
}

impl Default for Subscription {
    fn default() -> Self {
        Self {
            id: 0,
            version: 0,
            url: String::new(),
            headers: Vec::new(),
            identity: None,
            secrets: Vec::new(),
            concurrency: 16,
            connect_deadline: Duration::from_secs(5),
            deadline: Duration::from_secs(20),
            http2: false,
            policy: Policy::default(),
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            success_codes: None,
            permanent_codes: vec![413, 415],
            gone_codes: vec![410],
            schedule: Schedule::DEFAULT,
            max_attempts: 30,
            max_age: None,
            ttl: None,
        }
    }
}

/// What a POST came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A 2xx status arrived, whatever became of the body after it.
    Delivered,
    /// Another status arrived.
    Rejected,
    /// The subscriber cannot have seen the request.
    NotSent,
    /// Bytes were written and no status came back: the subscriber may have acted on it.
    Unknown,
}

impl Claim {
    /// How much longer than the deadline of its attempt a lease is: `outbox.claim()` has the same number.
    const SLACK: Duration = Duration::from_secs(15);

    /// Whether an attempt that begins now and takes its whole deadline still ends within the lease. False when this
    /// process stood still in between: then somebody else may be sending already.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.asked.elapsed() < Self::SLACK
    }

    /// What is left when it has been sent: a batch may be of many megabytes.
    #[must_use]
    pub fn without_message(&self) -> Self {
        Self { message: None, ..*self }
    }
}

impl Format {
    /// The format of a word in `outbox.claim()`.
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word {
            "cloudevents" => Self::CloudEvents,
            "cloudevents-binary" | "raw" => Self::Data,
            "envelope" => Self::Envelope,
            _ => Self::Standard,
        }
    }
}

impl Report {
    /// Of a delivery that had its POST for itself.
    #[must_use]
    pub fn new(claim: Claim, attempt: Option<Attempt>, verdict: Verdict) -> Self {
        Self { claim, attempt, verdict, alone: false, follows: false }
    }
}

impl Class {
    /// The word in `outbox.attempt.class`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Rejected => "rejected",
            Self::NotSent => "not_sent",
            Self::Unknown => "unknown",
        }
    }
}

/// One POST and its outcome.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// What it came to.
    pub class: Class,
    /// The HTTP status, if one arrived.
    pub status: Option<u16>,
    /// Short word for grouping (`tls_unknown_ca`, `timeout`), when there is no status.
    pub error_class: Option<&'static str>,
    /// A sentence a person can act on.
    pub error: Option<String>,
    /// Beginning of the response body, as text.
    pub response: Option<String>,
    /// How long the subscriber asked to be left alone, by a Retry-After.
    pub hold: Option<Duration>,
    /// What is known of the connection, for `outbox.attempt.tls`: a JSON object.
    pub tls: Option<Arc<str>>,
    /// When it began.
    pub started: Instant,
    /// How long it took.
    pub duration: Duration,
}

/// What becomes of the delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Finished: the subscriber has it.
    Delivered,
    /// Given up: a dead letter.
    Dead,
    /// There is nothing to send any more.
    Cancelled,
    /// Due again after this pause.
    Retry(Duration),
}

impl Verdict {
    /// The word in `outbox.attempt.outcome`, and `retry` for what has none yet.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
            Self::Retry(_) => "retry",
        }
    }
}

/// What is open for one subscription: a row of `outbox.measure()`.
#[derive(Debug, Clone)]
pub struct Measured {
    /// `outbox.subscription.id`; `None` for the sum of all that are not told one by one.
    pub subscription: Option<i64>,
    /// Who it belongs to.
    pub subscriber: Option<String>,
    /// Open deliveries.
    pub open: i64,
    /// Dead letters.
    pub dead: i64,
    /// Age of the oldest event with an open delivery, in seconds; `None` when its row is gone.
    pub oldest_age: Option<f64>,
    /// Since when the first due delivery waits, by the database's clock, seconds since 1970; `None` when none is due,
    /// when the subscription may not be sent to, or has as many POSTs under way as it may.
    pub due_at: Option<f64>,
    /// How long ago that was, in seconds.
    pub due_for: Option<f64>,
    /// Which delivery that is.
    pub first_due: Option<i64>,
}

/// What goes into the ledger: one element of `outbox.settle()`.
#[derive(Debug, Clone)]
pub struct Report {
    /// The claim this is about.
    pub claim: Claim,
    /// The POST; `None` when there was nothing to send.
    pub attempt: Option<Attempt>,
    /// What follows.
    pub verdict: Verdict,
    /// Whether it is to share no POST any more.
    pub alone: bool,
    /// Whether another report tells of the same POST: it is one failure, or one success.
    pub follows: bool,
}

/// A table outside schema outbox, as far as watching goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// As it is written in SQL: `orders`, `shop."Odd name"`.
    pub sql: String,
    /// Its name alone.
    pub name: String,
    /// Why it cannot be watched, as the rest of a sentence.
    pub obstacle: Option<String>,
}

/// A relay that has been seen lately.
#[derive(Debug, Clone)]
pub struct SeenRelay {
    /// Its name.
    pub name: String,
    /// Its machine.
    pub host: String,
    /// How long ago, by the database's clock.
    pub seconds: f64,
}

/// A subscription that a relay would deliver for.
#[derive(Debug, Clone)]
pub struct OtherSubscription {
    /// `outbox.subscription.id`.
    pub id: i64,
    /// Who receives.
    pub subscriber: String,
    /// What.
    pub pattern: String,
    /// Where, without path or query, which may hold secrets.
    pub endpoint: String,
}
