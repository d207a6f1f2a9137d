//! Whether what the definitions make is there: the ledger says what was applied, not what was dropped since.

use tokio_postgres::Client;

use super::error::SchemaError;
use super::manifest::Manifest;

/// Functions that one of the files writes, of whatever objects there are; captures call them.
const WRITTEN: [&str; 2] = ["reach", "render"];

/// A query for the objects that files of `functions/`, `views/` and `triggers/` are named after and that are not there, such as
/// `function claim`. Each file makes one, which a test sees to. Everybody may read the catalogue.
///
/// With their names in it, so that the printed script can ask the same.
pub(super) fn query(manifest: &Manifest<'_>) -> String {
    let files = manifest.definitions.iter().map(|(path, _)| *path);
    let made = files.clone().filter_map(made);
    let written = WRITTEN.iter().filter(|_| files.clone().any(|path| path == "functions/write_calls.sql"));
    let made: Vec<_> = made
        .chain(written.map(|name| ("function", *name)))
        .map(|(kind, name)| format!("('{kind}', '{name}')"))
        .collect();
    // `values` needs a row; no object has no name.
    let made = if made.is_empty() { "('', '')".to_owned() } else { made.join(", ") };
    format!(
        "select d.kind || ' ' || d.name as lacking from (values {made}) as d (kind, name)
    where d.name <> '' and (d.kind, d.name) not in (
        select 'function', p.proname::text
        from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'outbox'
        union all
        select case c.relkind when 'v' then 'view' else '' end, c.relname::text
        from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'outbox'
        union all
        select 'trigger', t.tgname::text
        from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid
            join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'outbox')
    order by d.kind, d.name"
    )
}

fn made(path: &str) -> Option<(&'static str, &str)> {
    let (folder, file) = path.split_once('/')?;
    let kind = match folder {
        "functions" => "function",
        "views" => "view",
        "triggers" => "trigger",
        _ => return None,
    };
    Some((kind, file.strip_suffix(".sql")?))
}

/// Asks for them. One unnamed statement, so that this also works through a transaction pooler.
///
/// # Errors
/// [`SchemaError::Query`].
pub(super) async fn lacking(client: &Client, manifest: &Manifest<'_>) -> Result<Vec<String>, SchemaError> {
    let rows = client.query_typed(&query(manifest), &[]).await;
    let rows = rows.map_err(SchemaError::during("looking for functions, views and triggers"))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

#[cfg(test)]
mod tests {
    use super::made;
    use crate::schema::manifest::DEFINITIONS;

    #[test]
    fn every_file_but_the_grants_makes_something() {
        let nothing: Vec<_> = DEFINITIONS.iter().filter(|(path, _)| made(path).is_none()).collect();
        assert!(nothing.len() == 1 && nothing[0].0 == "grants.sql");
        assert_eq!(made("functions/claim.sql"), Some(("function", "claim")));
    }
}
