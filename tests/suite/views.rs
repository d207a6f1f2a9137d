//! What a DBA reads: each view gives the numbers it promises.

use crate::installed::installed;
use crate::support::Database;

/// Five events for `a`: one in flight, one waiting after a failure, one dead, two due; one, delivered, for `b`.
fn some_of_everything(hint: &str) -> Database {
    let db = installed(hint);
    db.psql(
        "select outbox.define_event_type(t) from unnest('{A,B}'::text[]) t;
         select outbox.subscribe('a', 'A', 'https://e.com/in?token=hush', headers => '{\"X\": \"hush\"}', \
         concurrency => 3),
             outbox.subscribe('b', 'B', 'https://b.com/');
         select outbox.emit('A', to_jsonb(n), 'Thing', n::text) from generate_series(1, 5) n; select \
         outbox.emit('B');
         create table claimed as select * from outbox.claim('r', 100, '{}', '{}', 0);
         create function report(d bigint, c text, s int, e text, o text, pause float8) returns int language \
         sql as $$
             select (outbox.settle('r', false, array[d], array[attempt], array[subscription], \
             array[event_slot],
                 array[event_id], '{10}', '{5}', array[c], array[s], array[e], array[e], array['said no'], \
                 array[o], array[pause])).late
             from claimed where delivery = d $$;
         select report(2, 'rejected', 503, 'status', null, 3600000), report(3, 'not_sent', null, 'refused', \
         'dead', null),
             report(6, 'delivered', 204, null, 'delivered', null)",
    );
    db
}

#[test]
fn backlog_says_how_much_is_open_since_when_and_why() {
    let db = some_of_everything("view_backlog");
    let numbers = "select subscriber, pattern, endpoint, status, open, due, in_flight, waiting, attempts_max,
            next_attempt_at - clock_timestamp() between '59 min' and '60 min',
            oldest_at = (select min(e.occurred_at) from outbox.event e where e.type = 'A'), oldest_age > '0'
        from outbox.backlog";
    assert_eq!(db.psql(numbers), "a|A|https://e.com/in|active|4|2|1|1|1|t|t|t");
    db.psql(
        "update outbox.subscription set status = 'paused'; update outbox.delivery set due_at = \
        clock_timestamp()",
    );
    assert_eq!(db.psql("select status, open, due, in_flight, waiting from outbox.backlog"), "paused|4|4|0|0");
    db.psql("delete from outbox.subscription");
    assert_eq!(db.psql("select status, open from outbox.backlog"), "gone|4");
    db.psql("select outbox.cancel_gone()");
    assert_eq!(db.psql("select count(*) from outbox.backlog"), "0");
}

#[test]
fn delivery_history_says_what_was_sent_to_whom_and_what_came_back() {
    let db = some_of_everything("view_history");
    assert_eq!(
        db.psql(
            "select event_type, object, object_id, subscriber, endpoint, attempt, class, status, outcome, \
                error, late, relay, response,
                 duration_ms from outbox.delivery_history order by delivery"
        ),
        "A|Thing|2|a|https://e.com/in|1|rejected|503||status|f|r|said no|5\n\
         A|Thing|3|a|https://e.com/in|1|not_sent||dead|refused|f|r|said no|5\n\
         B|||b|https://b.com/|1|delivered|204|delivered||f|r|said no|5"
    );
    let found = db.psql(
        "select count(*) from outbox.delivery_history h, outbox.find(h.webhook_id) f where \
        f.delivery = h.delivery",
    );
    assert_eq!(found, "3", "its webhook_id is the one that find() takes");
}

#[test]
fn failing_says_since_when_with_which_error_and_what_hangs_on_it() {
    let db = some_of_everything("view_failing");
    assert_eq!(
        db.psql(
            "select subscriber, endpoint, status, consecutive_failures, failing_since is not null, \
                last_success_at,
                 last_class, last_status, last_error_class, open, dead_letters, next_attempt_at < \
                 clock_timestamp() from outbox.failing"
        ),
        "a|https://e.com/in|active|2|t||not_sent||refused|4|1|t"
    );
    db.psql("select report(1, 'delivered', 200, null, 'delivered', null)");
    assert_eq!(
        db.psql("select consecutive_failures, failing_since, open, dead_letters from outbox.failing"),
        "0||3|1"
    );
    db.psql("delete from outbox.dead_letter");
    assert_eq!(db.psql("select count(*) from outbox.failing"), "0");
}

#[test]
fn no_view_shows_a_secret() {
    let db = some_of_everything("view_secrets");
    for view in ["backlog", "delivery_history", "failing", "broken_watch", "oldest_xmin"] {
        let rows = db.psql(&format!("select v::text from outbox.{view} v"));
        assert!(!rows.contains("hush"), "{view}: {rows}");
    }
    let found = db.psql("select f::text from outbox.event e, outbox.find(e.uid::text) f");
    assert!(found.contains("e.com/in") && !found.contains("hush"), "{found}");
}

#[test]
fn every_view_and_function_says_what_it_is_for_in_its_own_text() {
    let db = installed("view_comments");
    let silent = db.psql(
        "select p.proname from pg_proc p where p.pronamespace = 'outbox'::regnamespace
             and p.prosrc !~ '-- .+\\n' and p.proname !~ '^capture_[0-9]'",
    );
    assert_eq!(silent, "");
}

#[test]
fn definer_functions_fix_their_search_path_and_are_not_for_everybody() {
    let db = installed("view_definers");
    db.psql("create table item (id int primary key); select outbox.watch('item', 'Item')");
    let loose = db.psql(
        "select p.oid::regprocedure from pg_proc p where p.pronamespace = 'outbox'::regnamespace
             -- Captures name everything with its schema instead; tests/suite/harmless.rs lays traps for them.
             and (p.prosecdef and p.proname !~ '^capture_[0-9]+$'
                     and not coalesce('search_path=pg_catalog, pg_temp' = any (p.proconfig), false)
                 or has_function_privilege('public', p.oid, 'execute'))",
    );
    assert_eq!(loose, "");
}

#[test]
fn signing_says_what_signs_and_until_when() {
    let db = installed("view_signing");
    db.psql(
        "select outbox.subscribe(name, '*', 'https://e.com/', secret => secret) from (values
             ('both', null), ('named', 'ref:acme-signing'), ('none', null), ('retired', null)) as s (name, secret);
         select outbox.rotate_signing_secret(id, '1 day') from outbox.subscription where subscriber = 'both';
         delete from outbox.signing_key k using outbox.subscription s
         where s.id = k.subscription and s.subscriber = 'none';
         update outbox.signing_key k set retires_at = clock_timestamp() from outbox.subscription s
         where s.id = k.subscription and s.subscriber = 'retired'",
    );
    assert_eq!(
        db.psql(
            "select subscriber, status, kind, reference, created_at < clock_timestamp(),
                 retires_at between clock_timestamp() + '23 hours' and clock_timestamp() + '1 day'
             from outbox.signing order by subscription, retires_at"
        ),
        "both|active|v1||t|t\n\
         both|active|v1||t|\n\
         named|active|reference|acme-signing|t|\n\
         none|active||||\n\
         retired|active||||"
    );
    let columns = "select string_agg(attname, ' ' order by attnum) from pg_attribute
        where attrelid = 'outbox.signing'::regclass";
    assert_eq!(db.psql(columns), "subscription subscriber status kind reference created_at retires_at");
    db.psql("delete from outbox.subscription");
    assert_eq!(db.psql("select count(*) from outbox.signing"), "0");
}
