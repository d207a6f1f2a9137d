//! One POST: from an endpoint and a message to what came of it. Decides nothing about retries and knows no database.
//!
//! `endpoint` is a subscription made ready to send to; `connect` opens connections (name, TCP, TLS); `pool` keeps them alive
//! between POSTs, and those of `http2`, on which several go at a time, `shared`; `signature` signs; `format` and `context`
//! make headers of what the event brings, `trace` of its trace; `batch` puts several messages into one; `post` is the one
//! attempt with its one deadline; `failure` puts what went wrong into a class and a sentence; `handshake` tries a destination
//! and sends nothing.

mod batch;
mod connect;
mod context;
mod endpoint;
mod failure;
mod format;
mod handshake;
mod http2;
mod pool;
mod post;
mod shared;
mod signature;
mod trace;

pub use batch::batch;
pub use endpoint::{Destination, Endpoint, EndpointError};
pub use failure::Failure;
pub use handshake::handshake;
pub use pool::Pool;
pub use post::post;
pub use signature::{secret, sign};
