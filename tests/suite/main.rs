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
mod migrate;
mod pooler;
mod print;
mod publication;
mod relay;
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
mod tls;
mod uninstall;
mod upgrade;
mod views;
mod watch;
mod wire;
