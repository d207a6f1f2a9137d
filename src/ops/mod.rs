//! The ops listener: `/livez`, `/readyz` and `/metrics` over plain HTTP/1.1, for probes and scrapers. Read-only.
//!
//! `listener` accepts and limits, `answer` answers, `host` keeps web pages out.

mod answer;
mod host;
mod listener;

pub use listener::{ListenError, Listener};

use crate::health::Health;
use crate::metrics::Metrics;

/// What there is to tell.
#[derive(Clone)]
pub struct Facts {
    /// For `/metrics`.
    pub metrics: Metrics,
    /// For `/livez` and `/readyz`.
    pub health: Health,
}
