//! Everything against a real Postgres and real receivers. One binary, so that all tests share one cluster.
#![allow(clippy::unwrap_used, reason = "a test that fails should say where")]

#[path = "../support/mod.rs"]
mod support;

mod architecture;
mod capture;
mod connection;
mod definitions;
mod golden;
mod hosts;
mod installing;
mod login;
mod migrate;
mod print;
mod relay;
mod roles;
mod sizes;
mod source;
mod subscription;
mod support_selftest;
mod tls;
mod uninstall;
mod upgrade;
mod wire;
