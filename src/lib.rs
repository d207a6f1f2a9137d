//! outboxd turns a Postgres database into a dependable source of webhooks.

pub mod conninfo;
pub mod database;
pub mod pem;
