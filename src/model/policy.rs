//! What a subscription says about its failures.

use std::time::Duration;

use crate::schedule::Schedule;

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
