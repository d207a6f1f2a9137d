//! One POST: from an endpoint and a message to what came of it. Decides nothing about retries and knows no database.
//!
//! `endpoint` is a subscription made ready to send to, `named` where its URL leads, by the rules of `url_rules`;
//! `address` says what may be dialled and `dial` dials it; `connect` opens connections (name, TCP, TLS); `pool` keeps
//! them alive between POSTs, and those of `http2`, on which several go at a time, `shared`; `signature` signs; `format`
//! and `context` make headers of what the event brings, `trace` of its trace; `batch` puts several messages into one;
//! `post` is the one attempt with its one deadline, `exchange` what of it goes over a connection; `answer` reads what the
//! subscriber says about further attempts; `failure` puts what went wrong into a class and a sentence, with the `causes`
//! of an error; `handshake` tries a destination and sends nothing; `rollover` chooses between a certificate and its
//! successor; `auth` and `oauth` prove who we are by secrets of the relay's; `scrub` takes those out of answers; `facts`
//! and `peers` are what is told of certificates.

mod address;
mod answer;
mod auth;
mod batch;
mod causes;
mod connect;
mod context;
mod dial;
mod endpoint;
mod exchange;
mod facts;
mod failure;
mod format;
mod handshake;
mod http2;
mod named;
mod oauth;
mod peers;
mod pool;
mod post;
mod rollover;
mod scrub;
mod shared;
mod signature;
mod trace;
mod url_rules;

pub use address::{Allowed, Guard, Own, OwnHost};
pub use batch::batch;
pub use dial::Dialler;
pub use endpoint::{Destination, Endpoint, EndpointError};
pub use failure::Failure;
pub use handshake::handshake;
pub use named::{NAMED, Named};
pub use peers::Peers;
pub use pool::Pool;
pub use post::post;
pub use signature::{Key, Keys};
pub use url_rules::url_problem;
