//! Everything against a real Postgres and real receivers. One binary, so that all tests share one cluster.
#![allow(clippy::unwrap_used, reason = "a test that fails should say where")]

#[path = "../support/mod.rs"]
mod support;

mod architecture;
mod capture;
mod connection;
mod crash;
mod emit;
mod harmless;
mod installed;
mod ledger;
mod migrate;
mod relay;
mod stage;
mod subscription;
mod support_selftest;
mod tls;
mod views;
mod watch;
mod wire;
