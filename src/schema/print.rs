//! What `migrate` does, as a psql script for a DBA who applies DDL by hand.
//!
//! The script decides in the database, as `migrate` does, what is still to be done, so one text serves a new
//! database, an older one and one that is current. psql's `\if` skips what is there already.

use refinery::{AsyncMigrate, Migration};
use tokio_postgres::Client;

use super::error::SchemaError;
use super::lacking;
use super::ledger::HISTORY;
use super::manifest::Manifest;
use super::roles::{GROUP_ROLES, PRESENT};
use super::session::{INSTALL_LOCK, PATIENT, SETTINGS};

/// The script for this binary, which is of release `release`. Apply it with
/// `psql -X -v ON_ERROR_STOP=1 -1 -f`: a single transaction, all or nothing.
///
/// Afterwards the database is as after [`migrate`](super::migrate()), its histories included.
///
/// # Errors
/// [`SchemaError::Manifest`]; a unit test keeps that from a release.
pub fn print(release: &str) -> Result<String, SchemaError> {
    print_from(&Manifest::BUILT_IN, release)
}

/// [`print()`] with another set of files.
///
/// # Errors
/// As [`print()`].
pub fn print_from(manifest: &Manifest<'_>, release: &str) -> Result<String, SchemaError> {
    let migrations = manifest.parsed()?;
    let fingerprint = manifest.fingerprint()?;
    let mut script = format!("-- outboxd {release}: the schema. {HEAD}");
    script += &opening();
    script += &history(&migrations);
    for migration in &migrations {
        script += &one_migration(migration);
    }
    script += &roles();
    script += &definitions(manifest, &migrations, fingerprint, release);
    script += "\n-- ---- end\nreset all;\n";
    Ok(script)
}

/// The guard comes first: without a transaction a failure would leave half of the schema behind, and the
/// lock would be free again after its own statement. It looks at a setting that lasts only as long as a
/// transaction does. Read committed, because a snapshot from before the wait for the lock would hide what
/// the other installer did.
const HEAD: &str = r"Apply it to the database in question, in one transaction:
--   psql -X -v ON_ERROR_STOP=1 -1 -f <this file>
-- It may be applied again, and to a database with an older release.
\set ON_ERROR_STOP on
\encoding UTF8
set transaction isolation level read committed;
set local outbox.in_transaction = 'yes';
do $outbox$
begin
    if coalesce(pg_catalog.current_setting('outbox.in_transaction', true), '') <> 'yes' then
        raise exception 'this script must run in one transaction' using hint = 'Give psql the option -1.';
    end if;
end
$outbox$;
";

/// The same refusals as `session::Facts` makes, in fewer words: a DBA reads them.
const REFUSALS: &str = r"
do $outbox$
declare
    _owner regrole;
    _marked boolean;
begin
    if pg_catalog.current_setting('server_version_num')::int < 150000 then
        raise exception 'outboxd needs PostgreSQL 15 or newer';
    end if;
    if pg_catalog.getdatabaseencoding() in ('SQL_ASCII', 'MULE_INTERNAL') then
        raise exception 'text in encoding % cannot be converted to UTF-8 reliably',
            pg_catalog.getdatabaseencoding();
    end if;
    select n.nspowner, exists (select from pg_catalog.pg_class c
               where c.relnamespace = n.oid and c.relname = 'refinery_schema_history')
    into _owner, _marked
    from pg_catalog.pg_namespace n where n.nspname = 'outbox';
    if not _marked and exists (
        select from pg_catalog.pg_depend p join pg_catalog.pg_namespace n on n.oid = p.refobjid
        where p.refclassid = 'pg_catalog.pg_namespace'::regclass and n.nspname = 'outbox')
    then
        raise exception 'schema outbox exists but outboxd did not make it'
            using hint = 'If it is no longer needed: alter schema outbox rename to outbox_old;';
    end if;
    if not pg_catalog.pg_has_role(_owner, 'usage') then
        raise exception 'schema outbox belongs to %, not to %', _owner, current_user;
    end if;
end
$outbox$;

select not exists (select from pg_catalog.pg_namespace where nspname = 'outbox') as outbox_todo \gset
\if :outbox_todo
create schema outbox;
\endif
";

fn opening() -> String {
    format!(
        "{PATIENT}\n\
         do $outbox$ begin perform pg_catalog.pg_advisory_xact_lock({INSTALL_LOCK}); end $outbox$;\n\
         {SETTINGS}\n{REFUSALS}"
    )
}

/// refinery's table, by refinery's own statement, and the refusals of `ledger::difference`.
fn history(migrations: &[Migration]) -> String {
    let table = <Client as AsyncMigrate>::assert_migrations_table_query(HISTORY);
    let known: Vec<String> = migrations
        .iter()
        .map(|m| format!("({}, {}, '{}')", m.version(), literal(m.name()), m.checksum()))
        .collect();
    // `values` needs a row; version 0 stands for none.
    let known = if known.is_empty() { "(0, '', '')".to_owned() } else { known.join(",\n        ") };
    format!(
        r"
set client_min_messages = warning;
{table}
reset client_min_messages;
do $outbox$
declare
    _at text;
    _problem text;
begin
    with known (version, name, checksum) as (values
        {known}
    ), highest (version) as (
        select max(version) from {HISTORY}
    )
    select 'V' || version || '__' || coalesce(a.name, k.name),
           case when k.version is null then 'is unknown to this release: use a newer one'
                when a.version is null then 'was never applied although later ones were'
                else 'was edited after it was applied' end
    into _at, _problem
    from known k full join {HISTORY} a using (version)
    where case when a.version is null then version < (select version from highest) and version > 0
               else (a.name, a.checksum) is distinct from (k.name, k.checksum) end
    order by version limit 1;
    if found then
        raise exception 'migration % %', _at, _problem;
    end if;
end
$outbox$;
"
    )
}

/// Lays the time out as refinery does, which parses it when it reads the row.
fn one_migration(migration: &Migration) -> String {
    let (version, name, checksum) = (migration.version(), migration.name(), migration.checksum());
    let name = literal(name);
    format!(
        r#"
-- ---- migration {migration}
select not exists (select from {HISTORY} where version = {version}) as outbox_todo \gset
\if :outbox_todo
{SETTINGS}
{sql}
;
insert into {HISTORY} (version, name, applied_on, checksum) values ({version}, {name},
    pg_catalog.to_char(pg_catalog.clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    '{checksum}');
\endif
"#,
        sql = migration.sql().unwrap_or_default(),
    )
}

/// One that cannot be made is left out with a notice; the grants skip it, and so does the digest.
fn roles() -> String {
    let roles: Vec<String> = GROUP_ROLES.iter().map(|role| format!("'{role}'")).collect();
    let roles = roles.join(", ");
    format!(
        r"
-- ---- group roles
{SETTINGS}
do $outbox$
declare
    _role text;
begin
    foreach _role in array array[{roles}] loop
        begin
            if not exists (select from pg_catalog.pg_roles where rolname = _role) then
                execute pg_catalog.format('create role %I nologin', _role);
                if _role = 'outbox_builder' and not (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
                    execute pg_catalog.format('grant outbox_builder to %I', current_user);
                end if;
            end if;
        exception
            when insufficient_privilege then
                raise notice 'role % is missing and % may not create it; when it exists apply this again',
                    _role, current_user;
            when duplicate_object or unique_violation then
                null; -- another database of this cluster was faster
        end;
    end loop;
end
$outbox$;
"
    )
}

/// All definitions, unless the newest row of their history says that nothing changed since, and what they make is there.
fn definitions(manifest: &Manifest<'_>, migrations: &[Migration], fingerprint: u64, release: &str) -> String {
    let version = migrations.last().map_or(0, Migration::version);
    let digest = format!("'{fingerprint}/roles=' || {PRESENT}");
    let lacking = lacking::query(manifest);
    let older = refuse_older(fingerprint, release);
    let file = |(path, sql): &(&str, &str)| format!("\n-- ---- sql/{path}\n{sql}\n;\n");
    let files = manifest.definitions.iter().map(file).collect::<Vec<_>>().concat();
    let release = literal(release);
    format!(
        r"
-- ---- definitions
select coalesce((select (migration, digest) is distinct from ({version}, {digest})
                 from outbox.definition_history order by id desc limit 1), true)
    or exists ({lacking}) as outbox_todo \gset
\if :outbox_todo
{older}{files}
insert into outbox.definition_history (migration, digest, release)
values ({version}, {digest}, {release});
\endif
"
    )
}

/// The rule of `ledger::newer`: three numbers on both sides or no opinion.
fn refuse_older(fingerprint: u64, release: &str) -> String {
    let release = literal(release);
    let triple = r"'^(\d+)\.(\d+)\.(\d+)(?:[-+]|$)'";
    format!(
        r"do $outbox$
declare
    _release text;
begin
    select d.release into _release from (
        select release, digest from outbox.definition_history order by id desc limit 1
    ) as d
    where pg_catalog.split_part(d.digest, '/', 1) <> '{fingerprint}'
      and pg_catalog.regexp_match(d.release, {triple})::numeric[]
          > pg_catalog.regexp_match({release}, {triple})::numeric[];
    if found then
        raise exception 'the functions in this database come from outboxd %, which is newer', _release;
    end if;
end
$outbox$;
"
    )
}

/// A string constant of SQL. Settings see to it that a backslash is an ordinary character.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::{literal, print_from};
    use crate::schema::manifest::Manifest;

    #[test]
    fn constants_are_quoted() {
        assert_eq!(literal("it's"), "'it''s'");
    }

    #[test]
    fn files_keep_their_order_and_each_migration_is_conditional() {
        let manifest = Manifest {
            migrations: &[("V1__a", "create table outbox.a ();"), ("V2__b", "create table outbox.b ();")],
            definitions: &[("views/v.sql", "select 'v';"), ("grants.sql", "select 'g'; -- end")],
        };
        let script = print_from(&manifest, "0.1.0").expect("a script");
        let at = |text: &str| script.find(text).unwrap_or_else(|| panic!("{text} is not in the script"));
        let order = ["outbox.a ()", "outbox.b ()", "create role", "select 'v'", "select 'g'"].map(at);
        assert!(order.is_sorted());
        assert!(at("pg_advisory_xact_lock") < at("create schema outbox"));
        assert_eq!(script.matches("\n\\if ").count(), script.matches("\n\\endif\n").count());
        assert!(
            script.contains("-- end\n;\n"),
            "a comment at the end of a file must not swallow the semicolon"
        );
    }
}
