//! What an error and its causes say, for the ledger and the log.

use std::error::Error as StdError;

/// An error with its causes, none twice, in one line.
pub(super) fn chain_of(error: &(dyn StdError + 'static)) -> String {
    let mut text = words_of(error);
    let mut source = error.source();
    while let Some(cause) = source {
        let part = words_of(cause);
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        source = cause.source();
    }
    text
}

/// An error without its causes. What the peer adds to a GOAWAY is text of its own choice and of any length, maybe our
/// request: nothing of it is repeated.
fn words_of(error: &(dyn StdError + 'static)) -> String {
    let Some((error, reason)) =
        error.downcast_ref::<h2::Error>().and_then(|error| Some((error, error.reason()?)))
    else {
        return error.to_string();
    };
    let what = if error.is_go_away() { "connection error" } else { "stream error" };
    let whose = if error.is_remote() { "received" } else { "detected" };
    format!("{what} {whose}: {reason}")
}
