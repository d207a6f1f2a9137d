//! Whether what the migrations made is there. A migration runs once, so nothing of it comes back by itself.

use std::collections::BTreeMap;

use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use super::error::SchemaError;
use super::manifest::MIGRATIONS;

/// Something that a migration made and that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// What it is, such as `index delivery_ready`.
    pub what: String,
    /// What went with it, where that matters.
    pub with_it: Option<&'static str>,
    /// The statements that make it again; none where only a backup has it.
    pub remedy: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Table,
    Leaf,
    Index,
    Sequence,
    Type,
}

/// One relation as its migration makes it.
struct Made {
    kind: Kind,
    name: &'static str,
    /// What an index or a leaf belongs to.
    of: Option<&'static str>,
    /// On one line, without the semicolon. That of a table is not kept: its rows are what matters.
    statement: String,
}

/// What the migrations say, one after another. They are written so that each statement begins its line and has its name on it; a
/// test compares this with an installation.
fn made() -> Vec<Made> {
    MIGRATIONS.iter().flat_map(|(_, sql)| sql.split("\ncreate ").skip(1)).filter_map(one).collect()
}

fn one(text: &'static str) -> Option<Made> {
    // What follows it at once has taken its line feed.
    let statement =
        text.split_once(";\n").map_or_else(|| text.trim_end_matches(';'), |(statement, _)| statement);
    let (head, name_first) = statement.split_once("outbox.")?;
    let named = |text: &'static str| {
        let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
        &text[..end]
    };
    let leaf_of = statement.split_once(" partition of outbox.").map(|(_, of)| named(of));
    let (kind, name, of) = match head.trim() {
        "table" | "unlogged table" if leaf_of.is_some() => (Kind::Leaf, named(name_first), leaf_of),
        "table" | "unlogged table" => (Kind::Table, named(name_first), None),
        "sequence" => (Kind::Sequence, named(name_first), None),
        "type" => (Kind::Type, named(name_first), None),
        index => {
            let (_, name) = index.split_once("index ")?;
            (Kind::Index, name.split_once(" on").map_or(name, |(name, _)| name), Some(named(name_first)))
        }
    };
    let words: Vec<&str> = statement.split_whitespace().collect();
    Some(Made { kind, name, of, statement: format!("create {}", words.join(" ")) })
}

impl Made {
    /// A leaf that is `detached` is there, and no part of its table.
    fn lost(&self, all: &[Self], detached: bool) -> Lost {
        let (kind, with_it, remedy) = match self.kind {
            Kind::Table => ("table", Some("its rows are gone with it, and what was made on it"), None),
            Kind::Type => ("type", None, Some(format!("{};", self.statement))),
            Kind::Leaf if detached => {
                ("leaf", Some("it was detached, and what it holds is not found"), Some(self.attached(true)))
            }
            Kind::Leaf => (
                "leaf",
                Some("the rows that it held are gone; a backup has them"),
                Some(self.attached(false)),
            ),
            Kind::Index => {
                // A leaf's parent takes no CONCURRENTLY; any other table's writers need not wait.
                let parts = all.iter().any(|other| other.kind == Kind::Leaf && other.of == self.of);
                let concurrently = if parts { "index " } else { "index concurrently " };
                let statement = self.statement.replacen("index ", concurrently, 1);
                (
                    "index",
                    Some("what is looked up by it is slow, or not unique any more"),
                    Some(statement + ";"),
                )
            }
            Kind::Sequence => ("sequence", None, Some(self.again())),
        };
        Lost { what: format!("{kind} {}", self.name), with_it, remedy }
    }

    /// Rows of a leaf that is gone go to the parent's default leaf, from which they must be moved.
    fn attached(&self, detached: bool) -> String {
        let (name, of) = (self.name, self.of.unwrap_or_default());
        match self.statement.split_once(" for values in ") {
            None if detached => {
                format!("alter table outbox.{of} attach partition outbox.{name} default;")
            }
            None => format!("{};", self.statement),
            Some((_, slot)) => format!(
                "begin; create table if not exists outbox.{name} (like outbox.{of} including all); \
                 with moved as (delete from outbox.{of}_kept where slot in {slot} returning *) \
                 insert into outbox.{name} select * from moved; \
                 alter table outbox.{of} attach partition outbox.{name} for values in {slot}; commit;"
            ),
        }
    }

    /// It goes on where it was, and whoever used it uses it again: what it is the default of lost that with it.
    fn again(&self) -> String {
        let (statement, name) = (&self.statement, self.name);
        match name.strip_suffix("_id") {
            None => format!(
                "{statement}; select setval('outbox.{name}', 0); \
                 grant select, update on sequence outbox.{name} to outbox_relay;"
            ),
            Some(table) => format!(
                "{statement}; select setval('outbox.{name}', coalesce(max(id), 0) + 1000) from outbox.{table}; \
                 alter table outbox.{table} {};",
                defaults_of(name)
            ),
        }
    }
}

/// What gives the columns that use a sequence their defaults back, as the migrations have them.
fn defaults_of(sequence: &str) -> String {
    let uses = format!("('outbox.{sequence}'");
    let columns =
        MIGRATIONS.iter().flat_map(|(_, sql)| sql.split(",\n")).filter(|column| column.contains(&uses));
    let given = columns.filter_map(|column| {
        let (head, default) = column.split_once("default ")?;
        Some(format!("alter {} set default {default}", head.split_whitespace().next()?))
    });
    given.collect::<Vec<_>>().join(", ")
}

/// What the migrations of this binary made and the connected database, which has had all of them, lacks: tables, their leaves,
/// indexes, sequences and types. What belongs to a table that is gone itself is not told. Everybody may read the catalogue.
///
/// # Errors
/// [`SchemaError::Query`].
pub async fn lost(client: &Client) -> Result<Vec<Lost>, SchemaError> {
    let all = made();
    let names = |kind: Option<Kind>| -> Vec<&str> {
        all.iter().filter(|made| kind.is_none_or(|kind| made.kind == kind)).map(|made| made.name).collect()
    };
    let (names, leaves) = (names(None), names(Some(Kind::Leaf)));
    let sql = "select k.name, c.oid is not null from unnest($1) as k (name)
        left join (pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace and n.nspname = 'outbox')
            on c.relname = k.name
        where c.oid is null or k.name = any ($2) and not c.relispartition";
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&names, Type::TEXT_ARRAY), (&leaves, Type::TEXT_ARRAY)];
    let rows = client.query_typed(sql, &parameters).await;
    let rows = rows.map_err(SchemaError::during("looking for tables and indexes"))?;
    let gone: BTreeMap<&str, bool> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let told = all.iter().filter(|made| !made.of.is_some_and(|of| gone.contains_key(of)));
    Ok(told.filter_map(|made| gone.get(made.name).map(|detached| made.lost(&all, *detached))).collect())
}

/// The names of all that [`lost`] looks for.
#[must_use]
pub fn kept() -> Vec<&'static str> {
    made().iter().map(|made| made.name).collect()
}

#[cfg(test)]
mod tests {
    use super::{Kind, made};

    /// Each goes on in its own way, which `again` has to know.
    #[test]
    fn every_sequence_is_one_that_can_go_on() {
        let all = made();
        let sequences: Vec<_> = all
            .iter()
            .filter(|made| made.kind == Kind::Sequence)
            .map(|made| (made.name, made.again()))
            .collect();
        let names: Vec<_> = sequences.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["doorbell", "event_id", "attempt_id"]);
        let defaults = |again: &str| again.matches(" set default ").count();
        let defaults: Vec<_> = sequences.iter().map(|(_, again)| defaults(again)).collect();
        assert_eq!(defaults, [0, 2, 1], "ids, and the uid of an event, which has its id in it");
    }
}
