//! outboxd turns a Postgres database into a dependable source of webhooks.

pub mod backoff;
pub mod cli;
pub mod config;
pub mod conninfo;
pub mod database;
pub mod delivery;
pub mod identity;
pub mod model;
pub mod pem;
pub mod relay;
pub mod schema;
pub mod shutdown;
pub mod store;
