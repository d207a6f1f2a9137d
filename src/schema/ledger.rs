//! What a database records about the SQL applied to it. Reads only, in a read-only transaction too.

use refinery::Migration;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use super::error::SchemaError;
use super::manifest::Manifest;
use super::roles;

/// refinery's table, qualified: refinery pastes the name into its statements as it is.
pub(super) const HISTORY: &str = "outbox.refinery_schema_history";

/// One row of refinery's table.
pub(super) struct Applied {
    pub(super) version: i32,
    pub(super) name: String,
    /// Kept as text: refinery would panic on one that is not a number.
    pub(super) checksum: String,
}

impl Applied {
    /// The name of the file it came from.
    pub(super) fn file(&self) -> String {
        format!("V{}__{}", self.version, self.name)
    }

    fn is(&self, migration: &Migration) -> bool {
        self.name == migration.name() && self.checksum == migration.checksum().to_string()
    }
}

/// The newest row of `outbox.definition_history`.
///
/// Only the newest counts: a file that was edited and later reverted must be applied again, although its
/// digest is on record from before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Definitions {
    pub(super) migration: i32,
    pub(super) digest: String,
    pub(super) release: String,
}

/// The two histories.
pub(super) struct Ledger {
    pub(super) applied: Vec<Applied>,
    /// None when the first migration did not get through, or nothing after the migrations did.
    pub(super) definitions: Option<Definitions>,
}

/// How the recorded migrations differ from those of a manifest.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Difference {
    /// The recorded one has another name or checksum.
    Edited(String),
    /// The database has one that the manifest has not.
    Unknown(String),
    /// The manifest has one that the database has not, although the database has later ones.
    Skipped(String),
}

impl Ledger {
    /// Compares as refinery would, and gives the first difference; the worst kind first.
    pub(super) fn difference(&self, migrations: &[Migration]) -> Option<Difference> {
        let ours = |applied: &Applied| migrations.iter().find(|ours| ours.version() == applied.version);
        let edited = |applied: &&Applied| ours(applied).is_some_and(|ours| !applied.is(ours));
        if let Some(applied) = self.applied.iter().find(edited) {
            return Some(Difference::Edited(applied.file()));
        }
        // The newest unknown one says most about which release is needed.
        if let Some(applied) = self.applied.iter().rev().find(|applied| ours(applied).is_none()) {
            return Some(Difference::Unknown(applied.file()));
        }
        let skipped = |ours: &&Migration| {
            ours.version() < self.version()
                && self.applied.iter().all(|applied| applied.version != ours.version())
        };
        migrations.iter().find(skipped).map(|ours| Difference::Skipped(ours.to_string()))
    }

    /// The highest applied migration, 0 for none.
    pub(super) fn version(&self) -> i32 {
        self.applied.last().map_or(0, |applied| applied.version)
    }

    /// The release that the definitions came from.
    pub(super) fn release(&self) -> Option<&str> {
        self.definitions.as_ref().map(|definitions| definitions.release.as_str())
    }
}

/// The text recorded for a set of definitions: their fingerprint and the roles that grants found.
pub(super) fn digest(manifest: &Manifest<'_>, roles: &[&str]) -> Result<String, SchemaError> {
    let roles: Vec<&str> = roles.iter().map(|role| &role["outbox_".len()..]).collect();
    Ok(format!("{}/roles={}", manifest.fingerprint()?, roles.join(",")))
}

/// Whether two digests are of the same files, whatever roles there were.
pub(super) fn same_files(one: &str, other: &str) -> bool {
    one.split_once('/').map(|(files, _)| files) == other.split_once('/').map(|(files, _)| files)
}

/// Whether release `a` comes after `b`. Compares major, minor and patch; what follows them, or a text that
/// has no such three numbers, decides nothing, and so a development build is never locked out.
pub(super) fn newer(a: &str, b: &str) -> bool {
    let triple = |release: &str| -> Option<[u64; 3]> {
        let numbers = release.split(['-', '+']).next()?.split('.').map(|part| part.parse().ok());
        numbers.collect::<Option<Vec<u64>>>()?.try_into().ok()
    };
    matches!((triple(a), triple(b)), (Some(a), Some(b)) if a > b)
}

/// Looks the tables up in the catalogue, which everyone may read, since naming a table in a schema that
/// one may not use is an error in itself.
const WHERE: &str = "\
select h.oid is not null,
       d.oid is not null,
       coalesce(pg_catalog.has_schema_privilege(n.oid, 'usage')
            and pg_catalog.has_table_privilege(h.oid, 'select')
            and coalesce(pg_catalog.has_table_privilege(d.oid, 'select'), true), false),
       pg_catalog.quote_ident(current_user),
       pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(n.nspowner))
from (values (1)) as always
left join pg_catalog.pg_namespace n on n.nspname = 'outbox'
left join pg_catalog.pg_class h on h.relnamespace = n.oid and h.relname = 'refinery_schema_history'
left join pg_catalog.pg_class d on d.relnamespace = n.oid and d.relname = 'definition_history'";

const APPLIED: &str = "\
select version, name, coalesce(checksum, '') from outbox.refinery_schema_history order by version";

const NEWEST: &str = "\
select migration, digest, release from outbox.definition_history order by id desc limit 1";

/// Unnamed statements, so that this also works through a transaction pooler.
async fn rows(client: &Client, sql: &str) -> Result<Vec<Row>, SchemaError> {
    let none: &[(&(dyn tokio_postgres::types::ToSql + Sync), Type)] = &[];
    client.query_typed(sql, none).await.map_err(SchemaError::during("reading what is installed"))
}

/// Reads both histories; none when there is nothing of ours.
///
/// # Errors
/// [`SchemaError::MayNotRead`] when the role lacks the right, [`SchemaError::Query`].
pub(super) async fn read(client: &Client) -> Result<Option<Ledger>, SchemaError> {
    let found = rows(client, WHERE).await?;
    let Some(found) = found.first().filter(|row| row.get(0)) else {
        return Ok(None);
    };
    if !found.get::<_, bool>(2) {
        let role: String = found.get(3);
        let grant = grant_to(&role, &roles::present(client).await?);
        return Err(SchemaError::MayNotRead { role, owner: found.get(4), grant });
    }
    let applied = rows(client, APPLIED).await?.iter().map(applied).collect();
    let mut newest = Vec::new();
    if found.get(1) {
        newest = rows(client, NEWEST).await?;
    }
    let definitions = newest.first().map(definitions);
    Ok(Some(Ledger { applied, definitions }))
}

fn applied(row: &Row) -> Applied {
    let name: Option<String> = row.get(1);
    Applied { version: row.get(0), name: name.unwrap_or_default(), checksum: row.get(2) }
}

fn definitions(row: &Row) -> Definitions {
    Definitions { migration: row.get(0), digest: row.get(1), release: row.get(2) }
}

/// The relay needs more than these two tables, so membership is the better advice where the role exists.
fn grant_to(role: &str, present: &[&str]) -> String {
    if present.contains(&"outbox_relay") {
        return format!("grant outbox_relay to {role};");
    }
    format!(
        "grant usage on schema outbox to {role}; \
         grant select on {HISTORY}, outbox.definition_history to {role};"
    )
}

#[cfg(test)]
mod tests {
    use super::{Applied, Difference, Ledger, newer, same_files};
    use refinery::Migration;

    fn ours(names: &[&str]) -> Vec<Migration> {
        names.iter().map(|name| Migration::unapplied(name, "select 1;").expect("a name")).collect()
    }

    fn difference(applied: &[&str], built_in: &[&str]) -> Option<Difference> {
        let recorded = |migration: &Migration| Applied {
            version: migration.version(),
            name: migration.name().to_owned(),
            checksum: migration.checksum().to_string(),
        };
        let applied = ours(applied).iter().map(recorded).collect();
        Ledger { applied, definitions: None }.difference(&ours(built_in))
    }

    #[test]
    fn differences_are_named() {
        assert_eq!(difference(&[], &["V1__a"]), None);
        assert_eq!(difference(&["V1__a"], &["V1__a", "V2__b"]), None);
        let edited = Difference::Edited("V1__x".into());
        assert_eq!(difference(&["V1__x", "V2__b"], &["V1__a"]), Some(edited));
        let unknown = Difference::Unknown("V3__c".into());
        assert_eq!(difference(&["V1__a", "V2__b", "V3__c"], &["V1__a"]), Some(unknown));
        let skipped = Difference::Skipped("V2__b".into());
        assert_eq!(difference(&["V1__a", "V3__c"], &["V1__a", "V2__b", "V3__c"]), Some(skipped));
    }

    #[test]
    fn releases_compare_by_number() {
        assert!(newer("0.10.0", "0.9.9"));
        assert!(newer("1.0.0", "0.99.99"));
        assert!(!newer("0.1.0", "0.1.0"));
        assert!(!newer("0.1.0", "0.1.1"));
        assert!(newer("0.2.0-rc.1", "0.1.9"));
        assert!(!newer("0.2.0", "0.2.0-rc.1"));
        assert!(!newer("head", "0.1.0"));
        assert!(!newer("9.9", "0.1.0"));
    }

    #[test]
    fn roles_do_not_make_files_differ() {
        assert!(same_files("12/roles=", "12/roles=admin"));
        assert!(!same_files("12/roles=", "13/roles="));
    }
}
