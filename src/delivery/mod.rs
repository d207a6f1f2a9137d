//! One POST: from an endpoint and a message to what came of it. Decides nothing about retries and knows no database.
//!
//! `endpoint` is a subscription made ready to send to; `connect` opens connections (name, TCP, TLS); `pool` keeps them
//! alive between POSTs; `signature` signs; `post` is the one attempt with its one deadline; `failure` puts what went wrong
//! into a class and a sentence.

mod connect;
mod endpoint;
mod failure;
mod pool;
mod post;
mod signature;

pub use endpoint::{Endpoint, EndpointError};
pub use failure::Failure;
pub use pool::Pool;
pub use post::post;
pub use signature::sign;
