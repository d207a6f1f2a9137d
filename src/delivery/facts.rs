//! What is known of a connection's TLS, for `outbox.attempt.tls`: put into words once per connection.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::identity::Identity;
use crate::pem::Facts;
use crate::screen::date;

/// So much of a fingerprint is enough to tell certificates apart, and to find one by.
const PREFIX: usize = 16;

/// Which certificates were shown, by us and by the subscriber, as a JSON object.
pub(super) fn told(identity: &Identity, peer: Option<&Facts>) -> Arc<str> {
    let mut facts = Map::new();
    let mut set = |name: &str, value: &str| drop(facts.insert(name.to_owned(), Value::from(value)));
    set("identity", &identity.name);
    if let Some(shown) = &identity.shown {
        set("which", identity.which());
        set("certificate", prefix(shown));
    }
    if let Some(peer) = peer {
        set("peer", prefix(peer));
        set("peer_name", &peer.subject);
        set("peer_until", &date(peer.not_after));
    }
    Value::Object(facts).to_string().into()
}

fn prefix(facts: &Facts) -> &str {
    facts.fingerprint.get(..PREFIX).unwrap_or(&facts.fingerprint)
}
