//! A database with schema `outbox` in it, made by copying one that was installed once.

use std::path::Path;
use std::sync::OnceLock;

use crate::support::{Cluster, Database, Outboxd, shared};

/// What happened, one line per event: type and object id, `-` where there is none.
pub(crate) const EVENTS: &str = "select type || ' ' || coalesce(object_id, '-') from outbox.event order by \
    id";

/// Installs schema `outbox` as an operator would.
pub(crate) fn migrate(database: &Database) {
    let outboxd = Outboxd::new(Path::new(env!("CARGO_BIN_EXE_outboxd")));
    let output = outboxd.run(&["migrate"], &[("DATABASE_URL", &database.url())]);
    assert_eq!(output.code, 0, "migrate failed: {}", output.stderr);
}

/// A database of the shared cluster with the schema installed.
pub(crate) fn installed(hint: &str) -> Database {
    static TEMPLATE: OnceLock<String> = OnceLock::new();
    let template = TEMPLATE.get_or_init(|| {
        let database = shared().database("template_of_outbox");
        migrate(&database);
        database.name().to_owned()
    });
    let database = shared().database(hint);
    let (name, admin) = (database.name(), shared().admin());
    // Renamed away rather than dropped: that would cost a checkpoint each time.
    admin.psql(&format!("alter database \"{name}\" rename to \"{name}_empty\""));
    admin.psql(&format!("create database \"{name}\" template \"{template}\""));
    database.psql("select outbox.adopt_database()");
    database
}

/// As [`installed`], with one subscription that wants everything.
pub(crate) fn subscribed(hint: &str) -> Database {
    let database = installed(hint);
    database.psql("select outbox.subscribe('all', '*', 'https://example.com/')");
    database
}

/// Makes LOGIN roles of the cluster that are not there yet.
pub(crate) fn login_roles(cluster: &Cluster, names: &[&str]) {
    for name in names {
        cluster.admin().psql(&format!(
            "do $$ begin create role \"{name}\" login; \
             exception when duplicate_object or unique_violation then null; end $$"
        ));
    }
}
