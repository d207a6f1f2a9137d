//! The words of the outbox as plain data: what is claimed, what a POST came to, what follows from it. No I/O.

mod message;
mod policy;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use message::{Context, Format, Message};
pub use policy::Policy;

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
    /// Its place in the order that the subscription wants; `None` when it wants none.
    pub place: Option<Place>,
    /// Deliveries of a subscription with equal numbers are one POST, whose body is an array of theirs; `None`: a POST by itself.
    pub batch: Option<i32>,
    /// What there is to send; `None` when the event's row is gone.
    pub message: Option<Message>,
    /// When the event happened, by the database's clock, seconds since 1970; `None` when its row is gone.
    pub occurred_at: Option<f64>,
    /// From when the delivery's age counts, likewise: the event, or what somebody has done to the delivery since.
    pub aged_from: Option<f64>,
    /// The database's clock at the claim, seconds since 1970: what we send is stamped by that clock, not by ours.
    pub claimed_at: f64,
    /// Our monotonic clock before the claim was sent: the lease began after it.
    pub asked: Instant,
    /// How long the lease is.
    pub lease: Duration,
    /// Our monotonic clock when the claim's answer was read.
    pub received: Instant,
}

/// Where a delivery stands in its lane: so that a receiver sees that it missed nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// The event's number among those of its object, where it has one.
    pub seq: Option<i64>,
    /// `outbox.event.id` of what the subscriber took last of this lane.
    pub previous_event: Option<i64>,
    /// That event's number among those of its object.
    pub previous_seq: Option<i64>,
}

/// How to send to one subscription: a row of `outbox.subscription_settings()`. Its default is what a row of the table has
/// that says nothing.
#[derive(Clone)]
pub struct Subscription {
    /// `outbox.subscription.id`.
    pub id: i64,
    /// Rises with every change of the row.
    pub version: i32,
    /// Where to POST: a URL, or `endpoint:NAME` and what is added to the URL of that name.
    pub url: String,
    /// Whether the URL of a name may be one without TLS.
    pub http_allowed: bool,
    /// Extra request headers.
    pub headers: Vec<(String, String)>,
    /// Name of the client certificate and CA to use; `None` is the relay's default.
    pub identity: Option<String>,
    /// How the relay proves who it is, besides its certificate.
    pub auth: Option<Auth>,
    /// Signing secrets; all of them sign.
    pub secrets: Vec<SigningSecret>,
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

/// How the relay proves who it is: a row's `auth`. `secret` is a name; the relay alone knows what is behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// `Authorization: Bearer`, and the secret.
    Bearer {
        /// Name of the token.
        secret: String,
    },
    /// `Authorization: Basic`.
    Basic {
        /// Who we are.
        username: String,
        /// Name of the password.
        secret: String,
    },
    /// A header of any name.
    Header {
        /// The header.
        name: String,
        /// Name of its value.
        secret: String,
    },
    /// `Authorization: Bearer`, and a token that is fetched by OAuth 2 client credentials.
    OAuth2 {
        /// Where.
        token_url: String,
        /// Who we are there.
        client_id: String,
        /// Name of the client's secret.
        secret: String,
        /// What for, if that has to be said.
        scope: Option<String>,
    },
    /// Of a type that this release does not know.
    Unknown,
}

/// One signing secret of a subscription.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret {
    /// What signs.
    pub key: SigningKey,
    /// When it ends, if its successor is there already.
    pub ends: Option<Instant>,
}

/// What signs. No `Debug`: it is secret.
#[derive(Clone, PartialEq, Eq)]
pub enum SigningKey {
    /// HMAC-SHA256, signature scheme v1.
    Hmac(Vec<u8>),
    /// ed25519, scheme v1a: the seed, and the public key where it is known.
    Ed25519(Vec<u8>),
    /// The relay has it, under this name.
    Reference(String),
}

impl Default for Subscription {
    fn default() -> Self {
        Self {
            id: 0,
            version: 0,
            url: String::new(),
            http_allowed: false,
            headers: Vec::new(),
            identity: None,
            auth: None,
            secrets: Vec::new(),
            concurrency: 16,
            connect_deadline: Duration::from_secs(5),
            deadline: Duration::from_secs(20),
            http2: false,
            policy: Policy::default(),
        }
    }
}

/// What a POST came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A status that is a success arrived, whatever became of the body after it.
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
    /// What came of an attempt is recorded within the lease, too.
    const RECORDING: Duration = Duration::from_secs(3);

    /// Whether an attempt that begins now and takes its whole deadline still ends within the lease. False when this
    /// process stood still in between: then somebody else may be sending already.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.asked.elapsed() + Self::RECORDING < Self::SLACK
    }

    /// How long an attempt that begins now may take: no less than its deadline was at the claim.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.lease.saturating_sub(self.asked.elapsed()).saturating_sub(Self::RECORDING)
    }

    /// How old the delivery is now: by the database's clock until the claim, by ours since then.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        Some(self.since(self.aged_from?))
    }

    /// How long ago the event happened, likewise.
    #[must_use]
    pub fn event_age(&self) -> Option<Duration> {
        Some(self.since(self.occurred_at?))
    }

    fn since(&self, moment: f64) -> Duration {
        let before = Duration::try_from_secs_f64(self.claimed_at - moment).unwrap_or_default();
        before + self.received.elapsed()
    }

    /// What is left when it has been sent: a batch may be of many megabytes.
    #[must_use]
    pub fn without_message(&self) -> Self {
        Self { message: None, ..*self }
    }
}

impl Report {
    /// Of a delivery that had its POST for itself, where the verdict says all.
    #[must_use]
    pub fn new(claim: Claim, attempt: Option<Attempt>, verdict: Verdict) -> Self {
        Self { claim, attempt, verdict, hold: None, reason: None, alone: false, follows: None }
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
    /// How long to wait before the next attempt, as the subscriber said it: a `Retry-After`.
    pub retry_after: Option<Duration>,
    /// Whether the subscriber wants no other attempt: `outbox-retry: no`.
    pub declined: bool,
    /// Whether there was an answer whose body did not come to its end within the limits: that cost the connection.
    pub cut_off: bool,
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
    /// Too old to be of use.
    Expired,
    /// There is nothing to send any more.
    Cancelled,
    /// The subscriber has ended its subscription.
    Gone,
    /// Due again after this pause.
    Retry(Duration),
}

impl Verdict {
    /// The word for `outbox.settle()`, and in `outbox.attempt.outcome`, save that what is gone is cancelled there; `retry` for
    /// what has none yet.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Gone => "gone",
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
    /// Subscriptions that a breaker or a Retry-After holds: 0 or 1, save in the sum of all others.
    pub held: i64,
}

/// A certificate in use or seen: an element of `outbox.report_certificates()`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Certificate {
    /// `current`, `next`, `ca` or `peer`.
    pub usage: &'static str,
    /// The identity; of a peer, host and port.
    pub name: String,
    /// SHA-256 of it, in hex.
    pub fingerprint: String,
    /// Whom it is made out to.
    pub subject: String,
    /// From when it holds, seconds since 1970.
    pub not_before: i64,
    /// Until when it holds.
    pub not_after: i64,
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
    /// How long nothing may be sent to the subscription at all.
    pub hold: Option<Duration>,
    /// Why, where there was no attempt.
    pub reason: Option<String>,
    /// Whether it is to share no POST any more.
    pub alone: bool,
    /// Of a POST of several events: whether another report counts it, which is one failure, or one success. `None` for a POST
    /// of one.
    pub follows: Option<bool>,
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
