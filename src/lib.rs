//! outboxd turns a Postgres database into a dependable source of webhooks.
//!
//! The SQL side (`migrations/`, `sql/`) turns committed changes into events and deliveries; this crate installs it and
//! delivers. Data flows one way: `main` wires, [`relay`] decides, [`store`] and [`delivery`] do, the rest is plain data.
//! README.md is for those who use it, ARCHITECTURE.md for those who change it.
//!
//! | to | read |
//! |---|---|
//! | follow a delivery | [`relay`], then [`store`] (claim, settle) and [`delivery`] (one POST) |
//! | see how the schema gets into a database | [`schema`] |
//! | see how a connection string is understood | [`conninfo`], [`database`] |
//! | see which certificates and secrets are used | [`identity`], [`pem`], [`secrets`] |
//! | see how a developer receives | [`receiver`], [`certificates`] |
//! | see how it is tried out | [`dev`], [`throwaway`] |
//! | see what operators see | [`metrics`], [`health`], [`ops`] |

pub mod certificates;
pub mod check;
pub mod cli;
pub mod config;
pub mod conninfo;
pub mod database;
pub mod delivery;
pub mod dev;
pub mod health;
pub mod identity;
pub mod metrics;
pub mod model;
pub mod ops;
pub mod pem;
pub mod receiver;
pub mod relay;
pub mod schedule;
pub mod schema;
pub mod screen;
pub mod secrets;
pub mod shutdown;
pub mod status;
pub mod store;
pub mod throwaway;
