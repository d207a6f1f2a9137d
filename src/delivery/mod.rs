//! One POST: from an endpoint and a message to what came of it. Decides nothing about retries and knows no database.
//!
//! `endpoint` is a subscription made ready to send to, `named` where its URL leads, by the rules of `url_rules`; `address`
//! says what may be dialled and `dial` dials it; `connect` opens connections (name, TCP, TLS); `pool` keeps them alive
//! between POSTs; `signature` signs; `context` adds what the writer had set; `post` is the one attempt with its one
//! deadline; `failure` puts what went wrong into a class and a sentence; `handshake` tries a destination and sends nothing.

mod address;
mod connect;
mod context;
mod dial;
mod endpoint;
mod failure;
mod handshake;
mod named;
mod pool;
mod post;
mod signature;
mod url_rules;

pub use address::{Allowed, Guard, Own, OwnHost};
pub use dial::Dialler;
pub use endpoint::{Destination, Endpoint, EndpointError};
pub use failure::Failure;
pub use handshake::handshake;
pub use named::{NAMED, Named};
pub use pool::Pool;
pub use post::post;
pub use signature::{secret, sign};
pub use url_rules::url_problem;
