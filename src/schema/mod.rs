//! Installing, checking and removing the SQL side of outboxd.
//!
//! Two kinds of SQL are built into the binary. A *migration* changes state (tables, types, indexes): it
//! runs once, in order, and is frozen when released. A *definition* describes behaviour (functions, views,
//! triggers on our own tables, grants): it is edited in place and all of them are applied again whenever
//! they, or the migrations under them, changed, or one of the objects that they make is gone.
//!
//! | file | what it answers |
//! |---|---|
//! | `manifest` | which SQL is built in, in which order |
//! | `migrate` | bring a database to this release |
//! | `print` | the same, as a psql script for those who apply DDL by hand |
//! | `check` | is this database fit for this binary? (reads only) |
//! | `uninstall` | take everything away again |
//! | `lacking`, `lost` | what definitions, or migrations, made and somebody dropped since |
//! | `home` | is this the database that delivers, or a copy? |
//! | `roles` | the three group roles |
//! | `ledger` | what a database says was applied to it |
//! | `session` | the installation lock, the settings DDL runs under, and who may install |
//!
//! Everything that writes takes one advisory lock per database first, because refinery takes none: without
//! it two installers that start together fail with one of several errors about objects that already exist.
//! All of it needs a direct connection. Behind a transaction pooler a session lock protects nothing.

mod check;
mod error;
mod home;
mod lacking;
mod ledger;
mod lost;
pub mod manifest;
mod migrate;
mod print;
mod roles;
mod session;
mod uninstall;

pub use check::{SchemaState, check, check_against};
pub use error::{ForeignTable, SchemaError};
pub use home::require_home;
pub use lost::{Lost, kept, lost};
pub use manifest::Manifest;
pub use migrate::{Migrated, migrate, migrate_from};
pub use print::{print, print_from};
pub use roles::GROUP_ROLES;
pub use session::INSTALL_LOCK;
pub use uninstall::{Uninstalled, uninstall};
