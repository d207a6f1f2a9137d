//! Several events in one POST: their bodies as one JSON array, under an id that follows from theirs.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::model::{Context, Message};

/// Hex digits of the id: 128 bits, as in a uid.
const DIGITS: usize = 32;

/// The message of a POST that carries these, in this order, which is that of their events. `None` when one of them has no body.
/// The same messages give the same bytes and the same `webhook-id`. What one of them had for headers of its own is left out.
#[must_use]
pub fn batch(messages: &[&Message]) -> Option<Message> {
    let mut body = String::with_capacity(
        messages.iter().map(|message| message.body.as_ref().map_or(0, String::len) + 1).sum::<usize>() + 1,
    );
    let mut digest = Sha256::new();
    for message in messages {
        body.push(if body.is_empty() { '[' } else { ',' });
        body.push_str(message.body.as_ref().ok()?);
        digest.update(message.webhook_id.as_bytes());
        digest.update(b",");
    }
    body.push(']');
    let mut id = String::with_capacity(2 * DIGITS);
    for byte in digest.finalize().iter().take(DIGITS / 2) {
        // A string takes what is written.
        let _ = write!(id, "{byte:02x}");
    }
    let first = messages.first()?;
    Some(Message {
        event_type: first.event_type.clone(),
        webhook_id: format!("batch_{id}"),
        body: Ok(body),
        format: first.format,
        batch: Some(messages.len()),
        context: Context::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Format;

    fn message(id: &str, body: &str) -> Message {
        Message {
            event_type: "Order.Update".into(),
            webhook_id: id.into(),
            body: Ok(body.into()),
            format: Format::Data,
            batch: None,
            context: Context { trace_id: Some("t".into()), ..Context::default() },
        }
    }

    #[test]
    fn the_same_members_in_the_same_order_are_the_same_message() {
        let (one, two) = (message("a_1", "1.50"), message("a_2", "{ }"));
        let both = batch(&[&one, &two]).expect("both have bodies");
        assert_eq!(both.body.as_deref(), Ok("[1.50,{ }]"));
        // printf 'a_1,a_2,' | sha256sum
        assert_eq!(both.webhook_id, "batch_acded1c3a0d491a7d660563c4ce091b3");
        assert_eq!(
            (both.batch, both.format, both.context.clone()),
            (Some(2), Format::Data, Context::default())
        );
        assert_eq!(batch(&[&one, &two]).map(|same| same.webhook_id), Some(both.webhook_id.clone()));
        for other in [&[&two, &one][..], &[&one], &[&two], &[&one, &two, &two]] {
            assert_ne!(batch(other).map(|other| other.webhook_id), Some(both.webhook_id.clone()));
        }
        assert_eq!(batch(&[&one]).map(|alone| alone.body), Some(Ok("[1.50]".into())));
    }

    #[test]
    fn what_has_no_body_is_in_no_batch() {
        let failed = Message { body: Err("no luck".into()), ..message("a_2", "") };
        assert!(batch(&[&message("a_1", "1"), &failed]).is_none());
        assert!(batch(&[]).is_none());
    }
}
