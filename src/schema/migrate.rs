//! Brings a database to this release.

use refinery::error::Kind;
use refinery::{Migration, Runner, Target};
use tokio_postgres::Client;

use super::error::SchemaError;
use super::lacking::lacking;
use super::ledger::{self, Difference, HISTORY, Ledger};
use super::manifest::Manifest;
use super::roles;
use super::session::{self, Facts, SETTINGS, Tries};

/// What [`migrate`] did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Migrated {
    /// File names without `.sql`, in the order in which they were applied; empty when there was nothing new.
    pub migrations_applied: Vec<String>,
    /// Whether functions, views, triggers and grants were applied (all of them, or none).
    pub definitions_applied: bool,
    /// What is left to do for someone with more rights: sentences, with SQL on lines of its own.
    pub notices: Vec<String>,
}

/// Brings the connected database to what this binary carries; `release` is put on record.
///
/// Safe to run at any time, any number of times and from any number of hosts at once. Each migration is a
/// transaction; after the last, all definitions are another one, so for that moment the old functions run
/// on the new tables. If it fails anywhere, run it again.
///
/// The connection must be direct (no transaction pooler) and have no transaction open. Its settings are
/// reset to those it was opened with. Dropping the future leaves the lock until the connection closes.
///
/// # Errors
/// Any [`SchemaError`] but those of removing; each says what to do.
pub async fn migrate(client: &mut Client, release: &str) -> Result<Migrated, SchemaError> {
    migrate_from(&Manifest::BUILT_IN, client, release).await
}

/// [`migrate`] with another set of files.
///
/// # Errors
/// As [`migrate`].
pub async fn migrate_from(
    manifest: &Manifest<'_>,
    client: &mut Client,
    release: &str,
) -> Result<Migrated, SchemaError> {
    // Before the lock, not to wait for it in vain; the schema is looked at again under it.
    let facts = Facts::read(client).await?;
    facts.check_server()?;
    facts.check_schema()?;
    session::enter(client).await?;
    let result = migrate_alone(manifest, client, release).await;
    session::leave(client).await;
    result
}

/// The work, with the lock held.
async fn migrate_alone(
    manifest: &Manifest<'_>,
    client: &mut Client,
    release: &str,
) -> Result<Migrated, SchemaError> {
    let facts = Facts::read(client).await?;
    facts.check_schema()?;
    if !facts.schema_exists() {
        let failed = SchemaError::during("creating schema outbox");
        client.batch_execute("create schema outbox").await.map_err(failed)?;
    }
    let migrations = manifest.parsed()?;
    let installed = ledger::read(client).await?;
    verify(installed.as_ref(), &migrations, release)?;
    refuse_older_release(manifest, installed.as_ref(), release)?;

    let version = installed.map_or(0, |ledger| ledger.version());
    let mut migrated = Migrated::default();
    for migration in migrations.iter().filter(|migration| migration.version() > version) {
        migrated.migrations_applied.extend(apply(client, &migrations, migration).await?);
    }
    let missing = roles::create_missing(client).await?;
    migrated.definitions_applied = define(manifest, client, release).await?;
    migrated.notices.extend(roles::notice(&missing));
    Ok(migrated)
}

/// Refuses a history that does not fit. refinery does so too, without saying what to do, and with a panic
/// at a checksum that is not a number.
fn verify(installed: Option<&Ledger>, migrations: &[Migration], release: &str) -> Result<(), SchemaError> {
    match installed.and_then(|ledger| ledger.difference(migrations)) {
        None => Ok(()),
        Some(Difference::Edited(migration)) => Err(SchemaError::Edited { migration }),
        Some(Difference::Skipped(migration)) => Err(SchemaError::Skipped { migration }),
        Some(Difference::Unknown(migration)) => {
            let needed = match installed.and_then(Ledger::release) {
                Some(installed) if ledger::newer(installed, release) => {
                    format!("{installed} or newer")
                }
                // The upgrade that brought the migration did not get as far as recording its release.
                _ => "of the release that brought it".to_owned(),
            };
            Err(SchemaError::NewerDatabase { migration, ours: release.to_owned(), needed })
        }
    }
}

/// Two deployments of different releases on the same tables would otherwise replace each other's functions
/// at every start. Nothing to refuse when the files are the same.
fn refuse_older_release(
    manifest: &Manifest<'_>,
    installed: Option<&Ledger>,
    release: &str,
) -> Result<(), SchemaError> {
    let Some(definitions) = installed.and_then(|ledger| ledger.definitions.as_ref()) else {
        return Ok(());
    };
    let same = ledger::same_files(&definitions.digest, &ledger::digest(manifest, &[])?);
    if same || !ledger::newer(&definitions.release, release) {
        return Ok(());
    }
    let (installed, ours) = (definitions.release.clone(), release.to_owned());
    Err(SchemaError::NewerDefinitions { installed, ours })
}

/// Applies one migration. One at a time, so that each starts from the same settings and can be tried again
/// on its own. Gives the names refinery reports.
async fn apply(
    client: &mut Client,
    migrations: &[Migration],
    migration: &Migration,
) -> Result<Vec<String>, SchemaError> {
    let mut runner = Runner::new(migrations).set_target(Target::Version(migration.version()));
    runner.set_migration_table_name(HISTORY);
    let mut tries = Tries::new();
    loop {
        let prepared = client.batch_execute(SETTINGS).await;
        prepared.map_err(SchemaError::during("preparing the session"))?;
        match runner.run_async(client).await {
            Ok(report) => {
                return Ok(report.applied_migrations().iter().map(ToString::to_string).collect());
            }
            Err(error) => {
                let doing = format!("applying migration {migration}");
                tries.again(translate(error, migration), &doing).await?;
            }
        }
    }
}

/// Makes refinery's errors ours. The first two were ruled out by [`verify`] a moment ago.
fn translate(error: refinery::Error, migration: &Migration) -> SchemaError {
    match error.kind() {
        Kind::DivergentVersion(applied, _) => SchemaError::Edited { migration: applied.to_string() },
        Kind::MissingVersion(missing) => SchemaError::Skipped { migration: missing.to_string() },
        Kind::RepeatedVersion(_) | Kind::InvalidName | Kind::InvalidVersion => SchemaError::Manifest(error),
        Kind::Connection(_, cause) => {
            let refused = cause.downcast_ref().and_then(tokio_postgres::Error::as_db_error);
            match refused.cloned().map(Box::new) {
                Some(source) => SchemaError::Migration { migration: migration.to_string(), source },
                None => SchemaError::Refinery(error),
            }
        }
        _ => SchemaError::Refinery(error),
    }
}

/// Applies all definitions if they, the migrations under them or the roles they grant to have changed, or if something that they
/// make was dropped.
///
/// The migration number counts because a migration may drop what a definition made: then no file changed
/// and yet all must be applied.
async fn define(manifest: &Manifest<'_>, client: &mut Client, release: &str) -> Result<bool, SchemaError> {
    let digest = ledger::digest(manifest, &roles::present(client).await?)?;
    let Some(installed) = ledger::read(client).await? else {
        return Ok(false);
    };
    let version = installed.version();
    let same = |had: &ledger::Definitions| had.migration == version && had.digest == digest;
    if installed.definitions.as_ref().is_some_and(same) && lacking(client, manifest).await?.is_empty() {
        return Ok(false);
    }
    let mut tries = Tries::new();
    loop {
        match apply_definitions(manifest, client, version, &digest, release).await {
            Ok(()) => return Ok(true),
            Err(error) => tries.again(error, "applying the definitions").await?,
        }
    }
}

async fn apply_definitions(
    manifest: &Manifest<'_>,
    client: &mut Client,
    version: i32,
    digest: &str,
    release: &str,
) -> Result<(), SchemaError> {
    let failed = SchemaError::during("recording the definitions");
    client.batch_execute(SETTINGS).await.map_err(SchemaError::during("preparing the session"))?;
    let transaction = client.transaction().await.map_err(&failed)?;
    for (path, sql) in manifest.definitions {
        transaction
            .batch_execute(sql)
            .await
            .map_err(|source| SchemaError::Definition { path: (*path).to_owned(), source })?;
    }
    let record = "insert into outbox.definition_history (migration, digest, release) values ($1, $2, $3)";
    transaction.execute(record, &[&version, &digest, &release]).await.map_err(&failed)?;
    transaction.commit().await.map_err(&failed)
}
