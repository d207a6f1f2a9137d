//! What is printed.

use std::path::Path;

use super::watching::LeftOut;
use crate::model::SeenRelay;

/// What stands before the first webhook.
#[derive(Debug)]
pub struct Ready<'a> {
    /// The server's release.
    pub release: &'a str,
    /// Where it is: `127.0.0.1:20000`, or `user@host:port/dbname`.
    pub at: &'a str,
    /// How to get in with psql; `None` in a database that the user knows better.
    pub psql: Option<&'a str>,
    /// Where webhooks arrive.
    pub url: &'a str,
    /// Where the certificates are.
    pub certificates: &'a Path,
    /// The statements that were run, in order.
    pub statements: &'a [String],
    /// Objects and tables that are watched.
    pub watched: &'a [(String, String)],
    /// Tables that are not.
    pub left_out: &'a [LeftOut],
    /// Something to try where nothing is watched.
    pub first_steps: &'a [&'a str],
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// What was done, and what to do now.
#[must_use]
pub fn ready(ready: &Ready) -> String {
    let Ready { release, at, url, seconds, .. } = ready;
    let thrown = if ready.psql.is_some() { ", thrown away at the end" } else { "" };
    let certificates = ready.certificates.display();
    let mut lines = vec![
        format!("PostgreSQL {release} at {at}{thrown}; receiver at {url}; ready after {seconds:.1} s"),
        "\nWhat dev ran in it, besides outboxd migrate:".to_owned(),
    ];
    lines.extend(ready.statements.iter().map(|statement| format!("  {statement}")));
    lines.push(format!("Certificates, until the end: {certificates}"));
    lines.push("Without dev: outboxd migrate, certificates, listen and run, each with --help".to_owned());
    if !ready.left_out.is_empty() {
        lines.push("\nNot watched:".to_owned());
        lines.extend(ready.left_out.iter().map(|LeftOut { table, why }| format!("  {table}: {why}")));
    }
    if let Some(psql) = ready.psql {
        lines.push(format!("\nJoin in from another terminal:\n  {psql}"));
    }
    if ready.watched.is_empty() {
        lines.extend(nothing_watched(ready));
    } else {
        let watched = ready.watched.iter().map(|(object, table)| format!("{table} ({object})"));
        lines.push(format!("\nWatched: {}", watched.collect::<Vec<_>>().join(", ")));
    }
    lines.push("\nWebhooks appear here as they are committed. Ctrl-C ends it.\n".to_owned());
    lines.join("\n")
}

/// What to do where nothing is watched.
fn nothing_watched(ready: &Ready) -> Vec<String> {
    let (psql, or) = if ready.psql.is_some() {
        ("In psql:", "Or start with your own: outboxd dev --load schema.sql --watch-all")
    } else {
        ("In psql, for a table of yours:", "Or begin again with --watch the_table, or with --watch-all")
    };
    let mut lines = vec![format!("\nNothing is watched yet. {psql}")];
    lines.extend(ready.first_steps.iter().map(|statement| format!("  {statement}")));
    lines.push(or.to_owned());
    lines
}

/// The variables that name a server, a database, or who one is there. Of the others libpq has, none leads anywhere.
pub const LEADS: [&str; 9] = [
    "DATABASE_URL",
    "PGHOST",
    "PGHOSTADDR",
    "PGPORT",
    "PGDATABASE",
    "PGUSER",
    "PGPASSWORD",
    "PGSERVICE",
    "PGSERVICEFILE",
];

/// Which variables name a database that is not used; `None` when there are none.
#[must_use]
pub fn unused<'a>(variables: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut found: Vec<&str> = variables.filter(|name| LEADS.contains(name)).collect();
    found.sort_unstable();
    let are = if found.len() == 1 { "is set and" } else { "are set and" };
    let names = found.join(", ");
    (!found.is_empty())
        .then(|| format!("{names} {are} not used: only --database-url names a database for dev"))
}

/// The last line. `gone` says what became of all that was made.
#[must_use]
pub fn farewell(webhooks: u64, verified: u64, gone: &str) -> String {
    let s = if webhooks == 1 { "" } else { "s" };
    format!("{webhooks} webhook{s}, {verified} verified; {gone}")
}

/// What was removed of the subscriber `name` from a database that stays, and what was not.
#[must_use]
pub fn removed(name: &str, deliveries: u64, at: &str) -> String {
    format!(
        "subscription {name} and its {deliveries} open deliveries and the certificates are gone; schema outbox, watches and \
         what was recorded stay in {at}, {name} stays in outbox.subscriber (`outboxd uninstall --database-url …` takes all \
         that away)"
    )
}

/// A relay that came while we play.
#[must_use]
pub fn company(relay: &SeenRelay) -> String {
    format!(
        "relay {} on {} works on this database too, and takes some of the deliveries without reaching this receiver: stop it, \
         or end this",
        relay.name, relay.host
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_lead_to_a_database_are_named() {
        assert_eq!(unused(["HOME", "PGSSLMODE"].into_iter()), None);
        assert_eq!(
            unused(["PGHOST", "HOME", "DATABASE_URL"].into_iter()).as_deref(),
            Some("DATABASE_URL, PGHOST are set and not used: only --database-url names a database for dev")
        );
    }

    #[test]
    fn one_webhook_is_no_webhooks() {
        assert_eq!(farewell(1, 0, "all is gone"), "1 webhook, 0 verified; all is gone");
        assert_eq!(farewell(2, 2, "all is gone"), "2 webhooks, 2 verified; all is gone");
    }
}
