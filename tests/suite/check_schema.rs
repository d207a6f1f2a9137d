//! `outboxd check`: what is gone from schema `outbox`, or put out of action there, is found and comes back as it says.

use crate::check::{found, healthy};
use crate::source::files_below;

/// Each of them, whatever was done to it: silence would be the loss of events.
#[test]
fn a_trigger_of_ours_that_does_not_fire_is_found_and_what_it_says_mends_it() {
    let db = healthy("check_triggers");
    let triggers = db.psql(
        "select tgname, tgrelid::regclass from pg_trigger t join pg_class c on c.oid = t.tgrelid
         where c.relnamespace = 'outbox'::regnamespace and not t.tgisinternal order by tgname",
    );
    assert_eq!(triggers.lines().count(), files_below("sql/triggers").len());
    for (name, table) in triggers.lines().filter_map(|line| line.split_once('|')) {
        for (break_it, state) in [
            (format!("drop trigger {name} on {table}"), "is missing"),
            (format!("alter table {table} disable trigger {name}"), "is disabled"),
            (
                format!("alter table {table} enable replica trigger {name}"),
                "fires for replicated changes only",
            ),
        ] {
            db.psql(&break_it);
            let bad = found(&db.url(), &[]);
            assert_eq!(bad.len(), 1, "{break_it}: {bad:?}");
            let (kind, what, remedy) = &bad[0];
            let sentence = format!("trigger {name} on {table} {state}: ");
            assert!(kind == "problem triggers" && what.starts_with(&sentence), "{break_it}: {bad:?}");
            db.psql(remedy);
            assert_eq!(found(&db.url(), &[]), [], "{break_it}: {remedy}");
        }
    }
}
