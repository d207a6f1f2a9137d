//! Everything against a real Postgres and real receivers. One binary, so that all tests share one cluster.
#![allow(clippy::unwrap_used, reason = "a test that fails should say where")]

#[path = "../support/mod.rs"]
mod support;

mod architecture;
mod capture;
mod connection;
mod crash;
mod definitions;
mod demo;
mod emit;
mod exposition;
mod golden;
mod harmless;
mod hosts;
mod installed;
mod installing;
mod ledger;
mod login;
mod metrics;
mod migrate;
mod ops_client;
mod ops_http;
mod print;
mod readiness;
mod relay;
mod reload;
mod roles;
mod sizes;
mod source;
mod stage;
mod subscription;
mod support_selftest;
mod systemd;
mod tls;
mod uninstall;
mod upgrade;
mod views;
mod watch;
mod wire;
