//! What `outboxd check` asks the database, topic by topic: a topic that one may not look at hides no other.

use serde_json::Value;
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use super::look::look;
use super::{RELAY_FUNCTIONS, StoreError};

/// How many rows of a kind are told one by one.
const ROWS: i64 = 20;
/// How many subscriptions' endpoints, identities and secrets are looked at.
const DESTINATIONS: i64 = 10_000;

/// What there is to ask; each is one statement in a file of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// The server, the session and the role, without schema `outbox`.
    Server,
    /// What the role may do.
    Rights,
    /// Whether this is the database that delivers, whether functions work, whether commits ring.
    Installation,
    /// The triggers on outboxd's own tables.
    Triggers,
    /// Watches, and what nobody hears.
    Watches,
    /// Subscriptions in trouble.
    Subscriptions,
    /// Endpoints and identities.
    Destinations,
    /// Secrets that subscriptions name.
    Secrets,
    /// Relays that were seen.
    Relays,
    /// What keeps old rows.
    House,
}

impl Topic {
    /// What is looked at, for messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Server => "the server",
            Self::Rights => "rights",
            Self::Installation => "the home of the database",
            Self::Triggers => "triggers",
            Self::Watches => "watches",
            Self::Subscriptions => "subscriptions",
            Self::Destinations => "endpoints",
            Self::Secrets => "names of secrets",
            Self::Relays => "relays",
            Self::House => "old rows",
        }
    }
}

/// Asks about a topic. Writes nothing.
///
/// # Errors
/// When the statement fails; [`StoreError::is_denied`] when a right is lacking.
pub async fn examine(client: &Client, topic: Topic) -> Result<Value, StoreError> {
    let functions = RELAY_FUNCTIONS.as_slice();
    let limit = |rows: &'static i64| vec![(rows as &(dyn ToSql + Sync), Type::INT8)];
    let (sql, parameters) = match topic {
        Topic::Server => (include_str!("check/server.sql"), vec![]),
        Topic::Rights => {
            (include_str!("check/rights.sql"), vec![(&functions as &(dyn ToSql + Sync), Type::TEXT_ARRAY)])
        }
        Topic::Installation => (include_str!("check/installation.sql"), vec![]),
        Topic::Triggers => (include_str!("check/triggers.sql"), vec![]),
        Topic::Watches => (include_str!("check/watches.sql"), limit(&ROWS)),
        Topic::Subscriptions => (include_str!("check/subscriptions.sql"), limit(&ROWS)),
        Topic::Destinations => (include_str!("check/destinations.sql"), limit(&DESTINATIONS)),
        Topic::Secrets => (include_str!("check/secrets.sql"), limit(&DESTINATIONS)),
        Topic::Relays => (include_str!("check/relays.sql"), limit(&ROWS)),
        Topic::House => (include_str!("check/house.sql"), limit(&ROWS)),
    };
    look(client, topic.name(), sql, &parameters).await
}
