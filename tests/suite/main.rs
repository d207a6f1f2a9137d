//! Everything against a real Postgres and real receivers. One binary, so that all tests share one cluster.
#![allow(clippy::unwrap_used, reason = "a test that fails should say where")]

#[path = "../support/mod.rs"]
mod support;

mod architecture;
mod capture;
mod catalogue;
mod connection;
mod crash;
mod definitions;
mod demo;
mod doorbell;
mod doorbell_faults;
mod emit;
mod exposition;
mod golden;
mod harmless;
mod horizon;
mod hosts;
mod house;
mod installed;
mod installing;
mod interleaving;
mod ledger;
mod login;
mod metrics;
mod migrate;
mod ops_client;
mod ops_http;
mod pooler;
mod print;
mod publication;
mod readiness;
mod relay;
mod reload;
mod restore;
mod retention;
mod ring;
mod ring_model;
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
