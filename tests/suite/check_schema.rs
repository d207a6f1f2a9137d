//! `outboxd check`: what is gone from schema `outbox`, or put out of action there, is found and comes back as it says.

use crate::check::{found, healthy};
use crate::installed::login_roles;
use crate::source::files_below;
use crate::stage::outboxd;
use crate::support::{Database, shared};

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

/// What was dropped, what is told of it first, and whether `outboxd migrate` or SQL makes it again.
const GONE: [(&str, &str); 20] = [
    ("drop function outbox.settle cascade", "schema outbox lacks function settle"),
    ("drop function outbox.claim", "schema outbox lacks function claim"),
    ("drop function outbox.capture_finish cascade", "schema outbox lacks function capture_finish"),
    ("drop function outbox.judge_subscriptions cascade", "schema outbox lacks function judge_subscriptions"),
    ("drop function outbox.is_home cascade", "schema outbox lacks function is_home"),
    ("drop procedure outbox.backfill", "schema outbox lacks function backfill"),
    ("drop function outbox.seal cascade", "schema outbox lacks function seal"),
    ("drop view outbox.failing", "schema outbox lacks view failing"),
    ("drop view outbox.backlog cascade", "schema outbox lacks view backlog"),
    ("drop index outbox.delivery_ready", "schema outbox lacks index delivery_ready"),
    ("drop index outbox.event_by_object", "schema outbox lacks index event_by_object"),
    ("drop index outbox.one_subscription_per_pattern_and_url", "one_subscription_per_pattern_and_url"),
    ("drop table outbox.event_3", "schema outbox lacks leaf event_3"),
    ("drop table outbox.attempt_kept", "schema outbox lacks leaf attempt_kept"),
    ("drop function outbox.render", "schema outbox lacks function render"),
    ("alter table outbox.event detach partition outbox.event_3", "lacks leaf event_3: it was detached"),
    ("alter table outbox.event detach partition outbox.event_kept", "lacks leaf event_kept: it was detached"),
    ("drop sequence outbox.doorbell", "schema outbox lacks sequence doorbell"),
    ("drop sequence outbox.event_id cascade", "schema outbox lacks sequence event_id"),
    ("drop sequence outbox.attempt_id cascade", "schema outbox lacks sequence attempt_id"),
];

#[test]
fn what_was_dropped_is_found_and_comes_back_as_it_says() {
    let db = healthy("check_gone");
    login_roles(shared(), &["check_gone"]);
    db.psql("grant outbox_relay, outbox_reader to check_gone");
    let url = db.url_as("check_gone");
    let defaults = "select adrelid::regclass, adnum, pg_get_expr(adbin, adrelid) from pg_attrdef
        where adrelid in ('outbox.event'::regclass, 'outbox.event_3'::regclass, 'outbox.attempt'::regclass) order by 1, 2";
    let before = db.psql(defaults);
    for (break_it, sentence) in GONE {
        db.psql(break_it);
        let mut bad = found(&url, &[]);
        let (kind, what, remedy) = bad.remove(0);
        assert!(kind == "problem schema" && what.contains(sentence), "{break_it}: {kind} {what}: {bad:?}");
        // Triggers that went with their function come back with it.
        assert!(
            bad.iter().all(|(_, what, other)| what.contains("is missing") && *other == remedy),
            "{bad:?}"
        );
        mend(&db, &remedy);
        assert_eq!(found(&url, &[]), [], "{break_it}: {remedy}");
        db.psql(
            "insert into orders select max(id) + 1 from (select id from orders union all select 0) o (id)",
        );
    }
    assert_eq!(db.psql(defaults), before);
    assert_eq!(db.psql("select count(*) = count(distinct id) and count(*) > 9 from outbox.event"), "t");
}

/// As somebody does who copies the line.
fn mend(db: &Database, remedy: &str) {
    if remedy == "outboxd migrate" {
        let asked = outboxd().run(&["migrate", "--check"], &[("DATABASE_URL", &db.url())]);
        assert!(asked.code == 1 && asked.stdout.contains("schema outbox lacks "), "{asked:?}");
        let done = outboxd().run(&["migrate"], &[("DATABASE_URL", &db.url())]);
        assert!(
            done.code == 0 && done.stdout.contains("functions, views and grants are those of"),
            "{done:?}"
        );
    } else {
        db.psql(remedy);
    }
}

/// What was to be in the leaf has gone to the default one meanwhile.
#[test]
fn a_leaf_that_comes_back_takes_its_rows() {
    let db = healthy("check_leaf");
    db.psql("insert into orders values (1)");
    let leaf = db.psql("select tableoid::regclass from outbox.event");
    db.psql(&format!("drop table {leaf}; insert into orders values (2)"));
    assert_eq!(db.psql("select tableoid::regclass from outbox.event"), "outbox.event_kept");
    let bad = found(&db.url(), &[]);
    assert!(bad[0].1.contains("a backup has them"), "{bad:?}");
    db.psql(&bad[0].2);
    assert_eq!(db.psql("select tableoid::regclass, object_id from outbox.event"), format!("{leaf}|2"));
    assert_eq!(found(&db.url(), &[]), []);
}

#[test]
fn a_table_that_was_dropped_is_in_a_backup_and_nowhere_else() {
    let db = healthy("check_table");
    db.psql("drop table outbox.dead_letter cascade");
    let bad = found(&db.url(), &[]);
    let (kind, what, remedy) = &bad[0];
    assert!(
        kind == "problem schema" && what.starts_with("schema outbox lacks table dead_letter: "),
        "{bad:?}"
    );
    assert!(remedy.starts_with("restore schema outbox from a backup"), "{bad:?}");
    assert!(bad[1].1.starts_with("schema outbox lacks view "), "{bad:?}");
}

/// One that is not looked for would be missed by nobody.
#[test]
fn everything_that_migrations_make_is_looked_for() {
    let db = healthy("check_kept");
    let made = db.psql(
        r#"select c.relname from pg_class c
         where c.relnamespace = 'outbox'::regnamespace and c.relkind not in ('v', 't') and c.relname <> 'refinery_schema_history'
             and not exists (select from pg_constraint k where k.conindid = c.oid and k.contype <> 'f')
             and not (c.relkind = 'i' and c.relispartition)
             and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'i' and c.relkind = 'S')
         order by c.relname collate "C""#,
    );
    let mut kept = outboxd::schema::kept();
    kept.sort_unstable();
    assert_eq!(made.lines().collect::<Vec<_>>(), kept);
}

/// Each statement is one that Postgres takes, and makes what there was.
#[test]
fn every_index_comes_back_as_it_was() {
    let db = healthy("check_indexes");
    let indexes = "select indexrelid::regclass, pg_get_indexdef(indexrelid)
        from pg_index i join pg_class c on c.oid = i.indexrelid
        where c.relnamespace = 'outbox'::regnamespace order by c.relname";
    let before = db.psql(indexes);
    db.psql(
        "do $$ declare _index regclass; begin
             for _index in select indexrelid from pg_index i join pg_class c on c.oid = i.indexrelid
                 where c.relnamespace = 'outbox'::regnamespace and not c.relispartition
                     and not exists (select from pg_constraint k where k.conindid = c.oid)
             loop execute format('drop index %s', _index); end loop;
         end $$",
    );
    let bad = found(&db.url(), &[]);
    assert!(bad.len() > 20, "{bad:?}");
    for (_, _, remedy) in &bad {
        db.psql(remedy);
    }
    assert_eq!(db.psql(indexes), before);
    assert_eq!(found(&db.url(), &[]), []);
}
