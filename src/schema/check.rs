//! Says whether the connected database fits this binary. Changes nothing and needs few rights.

use std::fmt;

use tokio_postgres::Client;

use super::error::SchemaError;
use super::lacking::lacking;
use super::ledger::{self, Definitions, Difference, Ledger};
use super::manifest::Manifest;
use super::roles;

/// How the installed schema compares with what a binary carries. [`Display`](fmt::Display) says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaState {
    /// Exactly this release's SQL.
    Current,
    /// Nothing of ours in this database.
    Missing,
    /// An upgrade was not run, or not to its end.
    Behind {
        /// Highest applied migration, 0 for none.
        installed: i32,
        /// Highest migration of this binary.
        expected: i32,
        /// What `outboxd migrate` would apply: migrations by name, then `definitions`.
        pending: Vec<String>,
    },
    /// A later release changed the tables.
    Ahead {
        /// The newest migration that this binary does not know.
        migration: String,
        /// The release whose definitions are installed, if any are.
        release: Option<String>,
        /// The release of this binary.
        ours: String,
    },
    /// The recorded migrations are not the ones in this binary.
    Edited {
        /// The first that differs.
        migration: String,
        /// True: recorded with another text or name. False: its row is absent among later ones.
        recorded: bool,
    },
    /// The definitions are this release's as far as the ledger knows, and somebody dropped some of what they make.
    Incomplete {
        /// What is not there, such as `function claim`; never empty.
        lacking: Vec<String>,
    },
    /// Same tables, but functions, views or grants of other files or for other roles.
    DefinitionsDiffer {
        /// The release that applied them.
        installed: String,
        /// The release of this binary.
        ours: String,
        /// The files are the same; a group role was made or dropped since.
        roles_only: bool,
    },
}

impl SchemaState {
    /// Whether a relay may start. During a rolling upgrade the definitions differ for a while, in either
    /// direction, and releases are made to work through that; tables that are not there cannot be. What was dropped may be
    /// nothing that a relay needs.
    #[must_use]
    pub fn fit_to_run(&self) -> bool {
        matches!(self, Self::Current | Self::DefinitionsDiffer { .. } | Self::Incomplete { .. })
    }

    /// What is so, without the command that [`remedy`](Self::remedy) is.
    #[must_use]
    pub fn sentence(&self) -> String {
        let whole = self.to_string();
        whole.split("; run `outboxd migrate`").take(1).collect()
    }

    /// What to run or to do about it; nothing when it is current. `outboxd migrate` refuses what is newer, and what was edited.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        const UPGRADE: &str = "upgrade outboxd on this machine, and check again with it";
        match self {
            Self::Current => None,
            Self::DefinitionsDiffer { installed, ours, roles_only: false }
                if ledger::newer(installed, ours) =>
            {
                Some(UPGRADE)
            }
            Self::Missing
            | Self::Behind { .. }
            | Self::Incomplete { .. }
            | Self::DefinitionsDiffer { .. } => Some("outboxd migrate"),
            Self::Ahead { .. } => Some(UPGRADE),
            Self::Edited { recorded: true, .. } => {
                Some("check with an outboxd built from the released files")
            }
            Self::Edited { recorded: false, .. } => Some("restore the row from a backup, and check again"),
        }
    }
}

impl fmt::Display for SchemaState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Current => write!(f, "the schema is current"),
            Self::Missing => {
                write!(f, "schema outbox is not installed in this database; run `outboxd migrate`")
            }
            Self::Behind { installed, expected, pending } => write!(
                f,
                "the database is at migration {installed} of {expected} and lacks {}; run `outboxd migrate`",
                pending.join(", ")
            ),
            Self::Ahead { migration, release, ours } => {
                write!(f, "the database has migration {migration}, which outboxd {ours} does not know; ")?;
                match release.as_deref().filter(|release| ledger::newer(release, ours)) {
                    Some(release) => write!(f, "install outboxd {release} or newer"),
                    None => write!(f, "install the release that brought it"),
                }
            }
            Self::Edited { migration, recorded: true } => write!(
                f,
                "migration {migration} was edited after it was applied to this database; use an outboxd \
                 built from the released file"
            ),
            Self::Edited { migration, recorded: false } => write!(
                f,
                "migration {migration} is not on record although later ones are; restore its row in {} \
                 from a backup",
                ledger::HISTORY
            ),
            Self::Incomplete { lacking } => write!(
                f,
                "schema outbox lacks {}, which somebody dropped; run `outboxd migrate` to make it again",
                lacking.join(", ")
            ),
            Self::DefinitionsDiffer { installed, ours, roles_only } => {
                differ(f, installed, ours, *roles_only)
            }
        }
    }
}

/// Which of the two should give way depends on which is newer.
fn differ(f: &mut fmt::Formatter<'_>, installed: &str, ours: &str, roles_only: bool) -> fmt::Result {
    if roles_only {
        write!(
            f,
            "group roles were made or dropped since outboxd {installed} applied its grants (this is \
             {ours}); run `outboxd migrate` to apply them again"
        )
    } else if ledger::newer(installed, ours) {
        write!(
            f,
            "the functions in this database come from outboxd {installed}, this is {ours}; upgrade this \
             binary to {installed}"
        )
    } else {
        write!(
            f,
            "the functions in this database come from outboxd {installed}, this is {ours} and carries \
             others; run `outboxd migrate`"
        )
    }
}

/// Compares the connected database with what this binary, of release `release`, carries.
///
/// Only reads, on a standby and in a read-only transaction too, and through any pooler.
///
/// # Errors
/// [`SchemaError::MayNotRead`] names the grant that the role lacks; [`SchemaError::Query`].
pub async fn check(client: &Client, release: &str) -> Result<SchemaState, SchemaError> {
    check_against(&Manifest::BUILT_IN, client, release).await
}

/// [`check`] against another set of files.
///
/// # Errors
/// As [`check`].
pub async fn check_against(
    manifest: &Manifest<'_>,
    client: &Client,
    release: &str,
) -> Result<SchemaState, SchemaError> {
    let Some(ledger) = ledger::read(client).await? else {
        return Ok(SchemaState::Missing);
    };
    let migrations = manifest.parsed()?;
    let ours = release.to_owned();
    match ledger.difference(&migrations) {
        Some(Difference::Edited(migration)) => {
            return Ok(SchemaState::Edited { migration, recorded: true });
        }
        Some(Difference::Skipped(migration)) => {
            return Ok(SchemaState::Edited { migration, recorded: false });
        }
        Some(Difference::Unknown(migration)) => {
            let release = ledger.release().map(str::to_owned);
            return Ok(SchemaState::Ahead { migration, release, ours });
        }
        None => {}
    }
    let installed = ledger.version();
    let later = migrations.iter().filter(|migration| migration.version() > installed);
    let mut pending: Vec<String> = later.map(ToString::to_string).collect();
    if let (true, Some(definitions)) = (pending.is_empty(), finished(&ledger)) {
        let digest = ledger::digest(manifest, &roles::present(client).await?)?;
        if ledger::same_files(&definitions.digest, &digest) {
            // Other files make other objects.
            let lacking = lacking(client, manifest).await?;
            if !lacking.is_empty() {
                return Ok(SchemaState::Incomplete { lacking });
            }
        }
        return Ok(compare(definitions, &digest, ours));
    }
    pending.push("definitions".to_owned());
    let expected = migrations.last().map_or(0, refinery::Migration::version);
    Ok(SchemaState::Behind { installed, expected, pending })
}

/// The definitions, if they were applied after the last migration. A `migrate` that was interrupted between
/// the two leaves functions for tables that have changed, and perhaps dropped some.
fn finished(ledger: &Ledger) -> Option<&Definitions> {
    ledger.definitions.as_ref().filter(|definitions| definitions.migration == ledger.version())
}

fn compare(definitions: &Definitions, digest: &str, ours: String) -> SchemaState {
    if definitions.digest == digest {
        return SchemaState::Current;
    }
    SchemaState::DefinitionsDiffer {
        installed: definitions.release.clone(),
        ours,
        roles_only: ledger::same_files(&definitions.digest, digest),
    }
}

#[cfg(test)]
mod tests {
    use super::SchemaState;

    #[test]
    fn only_working_tables_are_fit() {
        let differ = |installed: &str, roles_only| SchemaState::DefinitionsDiffer {
            installed: installed.into(),
            ours: "0.2.0".into(),
            roles_only,
        };
        assert!(SchemaState::Current.fit_to_run());
        assert!(differ("0.1.0", false).fit_to_run());
        assert!(!SchemaState::Missing.fit_to_run());
        let behind = SchemaState::Behind { installed: 1, expected: 2, pending: vec!["V2__b".into()] };
        assert!(!behind.fit_to_run());
        assert!(!SchemaState::Edited { migration: "V1__a".into(), recorded: true }.fit_to_run());
    }

    #[test]
    fn the_older_side_is_told_to_move() {
        let differ = |installed: &str, roles_only| {
            let installed = installed.to_owned();
            SchemaState::DefinitionsDiffer { installed, ours: "0.2.0".into(), roles_only }.to_string()
        };
        assert!(differ("0.3.0", false).ends_with("upgrade this binary to 0.3.0"));
        assert!(differ("0.1.0", false).ends_with("run `outboxd migrate`"));
        assert!(differ("0.2.0", true).contains("group roles"));
        assert_eq!(
            SchemaState::Missing.sentence(),
            "schema outbox is not installed in this database",
            "what is to be run is the remedy"
        );
        assert!(differ("0.1.0", false).contains("0.1.0") && differ("0.1.0", false).contains("0.2.0"));
    }
}
