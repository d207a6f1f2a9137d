//! What in an existing database is in the way: a relay for development claims whatever is due there.

use crate::model::{OtherSubscription, SeenRelay};

/// Other subscriptions that are named one by one.
const NAMED_MAX: usize = 10;

/// Why development must not go on, with the way out, which is the statement `pause`; `None` when nothing is in the way.
#[must_use]
pub fn obstacle(
    relays: &[SeenRelay],
    others: &[OtherSubscription],
    deliver_all: bool,
    pause: &str,
) -> Option<String> {
    if let Some(relay) = relays.first() {
        return Some(format!(
            "relay {} on {} works on this database (seen {:.0} s ago): it would take deliveries that are meant for this \
             terminal, and this one would take its. Stop it and wait half a minute; or leave it alone, and let it deliver \
             to `outboxd listen`:\n  select outbox.subscribe('me', '*', 'https://host.that.it.reaches:8443/');",
            relay.name, relay.host, relay.seconds
        ));
    }
    if others.is_empty() || deliver_all {
        return None;
    }
    let mut lines = vec![
        "other subscriptions are active here, and their deliveries would be POSTed, for good, from here:"
            .to_owned(),
    ];
    let named = others.iter().take(NAMED_MAX);
    lines.extend(named.map(|other| {
        format!("  {}: {} {} to {}", other.id, other.subscriber, other.pattern, other.endpoint)
    }));
    if others.len() > NAMED_MAX {
        lines.push(format!("  and {} more", others.len() - NAMED_MAX));
    }
    lines.push("Pause them (they queue until they are active again):".to_owned());
    lines.push(format!("  {pause}"));
    lines.push("or, if that is what you want, say --deliver-all".to_owned());
    Some(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relays_first_then_subscriptions_unless_they_are_wanted() {
        let relays = [SeenRelay { name: "prod-1".to_owned(), host: "h".to_owned(), seconds: 3.4 }];
        let other = |id| OtherSubscription {
            id,
            subscriber: "acme".to_owned(),
            pattern: "*".to_owned(),
            endpoint: "https://acme.example".to_owned(),
        };
        let others: Vec<_> = (1..=12).map(other).collect();
        let text = obstacle(&relays, &others, true, "").expect("a relay");
        assert!(text.starts_with("relay prod-1 on h works on this database (seen 3 s ago)"), "{text}");
        let text = obstacle(&[], &others, false, "pause;").expect("others");
        assert!(text.contains("\n  10: acme * to https://acme.example\n  and 2 more\n"), "{text}");
        assert!(text.contains("\n  pause;\n") && text.contains("--deliver-all"), "{text}");
        assert_eq!(obstacle(&[], &others, true, ""), None);
        assert_eq!(obstacle(&[], &[], false, ""), None);
    }
}
