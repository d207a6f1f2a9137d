//! The group roles. They belong to the cluster, not to the database, and making them takes a right
//! that an installer need not have.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::error::SchemaError;
use super::session::Tries;

/// Who steers, who looks on, who relays: people and daemons become members. And who builders run as that cannot be trusted
/// with more (`outbox.write_calls`): of that the schema's owner becomes a member, and nobody else. None can log in.
pub const GROUP_ROLES: [&str; 4] = ["outbox_admin", "outbox_builder", "outbox_reader", "outbox_relay"];

/// The schema's owner must be a member to give it functions; a superuser need not be.
pub(super) const BECOME_BUILDER: &str = "\
do $outbox$
begin
    if not (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
        execute pg_catalog.format('grant outbox_builder to %I', current_user);
    end if;
end
$outbox$";

/// Which of the group roles exist, such as `admin,relay`.
///
/// It is part of the digest of the definitions, because `grants.sql` grants only to roles that exist: once a
/// DBA has made them, the next `migrate` must apply the grants although no file changed. Also used by the
/// printed script, so that both record the same text. Sorting by `name` ignores the locale.
pub(super) const PRESENT: &str = "\
(select coalesce(string_agg(pg_catalog.substr(rolname, 8), ',' order by rolname), '')
 from pg_catalog.pg_roles where rolname in ('outbox_admin', 'outbox_builder', 'outbox_reader', 'outbox_relay'))";

/// The statement that makes one of them.
pub(super) fn create(role: &str) -> String {
    format!("create role {role} nologin;")
}

/// The group roles that exist.
pub(super) async fn present(client: &Client) -> Result<Vec<&'static str>, SchemaError> {
    let row = client
        .query_typed(&format!("select {PRESENT}"), &[])
        .await
        .map_err(SchemaError::during("looking for the group roles"))?;
    let suffixes: &str = row.first().map_or("", |row| row.get(0));
    let suffixes: Vec<&str> = suffixes.split(',').collect();
    Ok(GROUP_ROLES.into_iter().filter(|role| suffixes.iter().any(|suffix| role[7..] == **suffix)).collect())
}

/// Makes the roles that are missing, if this role may. Returns those that are still missing.
pub(super) async fn create_missing(client: &Client) -> Result<Vec<&'static str>, SchemaError> {
    let exist = present(client).await?;
    let mut missing: Vec<_> = GROUP_ROLES.into_iter().filter(|role| !exist.contains(role)).collect();
    if missing.is_empty() || !may_create(client).await? {
        return Ok(missing);
    }
    for role in std::mem::take(&mut missing) {
        if !create_one(client, role).await? {
            missing.push(role);
        }
    }
    Ok(missing)
}

async fn may_create(client: &Client) -> Result<bool, SchemaError> {
    let sql = "select rolsuper or rolcreaterole from pg_catalog.pg_roles where rolname = current_user";
    let row = client.query_one(sql, &[]).await.map_err(SchemaError::during("asking for createrole"))?;
    Ok(row.get(0))
}

/// True when the role is there afterwards.
///
/// Our lock is per database, so an installer in another one may make the same role at this moment: then one
/// of us meets the other's row, by name check or by unique index, and either way the role exists. While
/// that transaction is open we wait for it, at most the lock timeout.
async fn create_one(client: &Client, role: &str) -> Result<bool, SchemaError> {
    let doing = "making the group roles";
    let mut tries = Tries::new();
    loop {
        let Err(error) = client.batch_execute(&create(role)).await else {
            if role == "outbox_builder" {
                client.batch_execute(BECOME_BUILDER).await.map_err(SchemaError::during(doing))?;
            }
            return Ok(true);
        };
        if matches!(error.code(), Some(&SqlState::DUPLICATE_OBJECT | &SqlState::UNIQUE_VIOLATION)) {
            return Ok(true);
        }
        if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
            return Ok(false);
        }
        tries.again(SchemaError::during(doing)(error), doing).await?;
    }
}

/// What a DBA has to do about roles that we could not make; none when all exist.
pub(super) fn notice(missing: &[&str]) -> Option<String> {
    if missing.is_empty() {
        return None;
    }
    let mut statements: Vec<String> = missing.iter().map(|role| create(role)).collect();
    if missing.contains(&"outbox_builder") {
        statements.push("grant outbox_builder to …;  -- the owner of schema outbox".to_owned());
    }
    Some(format!(
        "not all group roles exist and this role may not create roles. The owner of schema outbox needs \
         none; for others let a DBA run the following, then run `outboxd migrate` again to apply the \
         grants:\n  {}",
        statements.join("\n  ")
    ))
}

#[cfg(test)]
mod tests {
    use super::{GROUP_ROLES, PRESENT, notice};

    /// One list here, one inside SQL text; both sorted as Postgres sorts names.
    #[test]
    fn the_query_asks_for_the_same_roles() {
        let quoted: Vec<String> = GROUP_ROLES.iter().map(|role| format!("'{role}'")).collect();
        assert!(PRESENT.contains(&quoted.join(", ")));
        assert!(GROUP_ROLES.is_sorted());
        assert!(GROUP_ROLES.iter().all(|role| role.starts_with("outbox_")));
    }

    #[test]
    fn the_notice_holds_a_statement_for_each_missing_role() {
        assert_eq!(notice(&[]), None);
        let text = notice(&["outbox_admin", "outbox_relay"]).expect("a notice");
        assert!(text.contains("\n  create role outbox_admin nologin;\n  create role outbox_relay nologin;"));
        assert!(!text.contains("outbox_reader"));
    }
}
