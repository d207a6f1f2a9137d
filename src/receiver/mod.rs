//! A receiver for developers: takes webhooks over mTLS, TLS or plain HTTP, verifies them, answers as it is told.
//!
//! It is the other side. It knows no database and nothing of how we sign: `verify` asks the reference library. `connections`
//! accepts and limits, `conversation` speaks TLS and HTTP with one sender, `reply` judges one request; what happened comes out
//! as plain data (`received`), which `text` and `json` put into words. Nothing here prints.

mod answer;
mod clock;
mod connections;
mod conversation;
mod escape;
mod facts;
mod handshake;
mod json;
mod json_text;
mod options;
mod received;
mod reply;
mod seen;
mod text;
mod tls;
mod verify;

pub use answer::{Action, Answer, AnswerError, Answers};
pub use connections::{Receiver, ReceiverError};
pub use json::json;
pub use options::{HeaderError, Options, parse_header};
pub use received::{Handshake, Received, Refused, Webhook};
pub use text::{Show, text};
pub use tls::{Tls, TlsError};
pub use verify::{SecretError, Secrets, Verdict};
