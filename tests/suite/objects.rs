//! Objects of several tables: what is rendered at the commit, when, and with whose rights.

use crate::installed::{login_roles, migrate, subscribed};
use crate::support::{Cluster, ClusterOptions, Database, shared};

/// A shipment with agents by id and addresses by a query; the builder shows all of it.
const SHIPMENT: &str = "
    create table shipment (id int primary key, status text, pickup int, drop_off int);
    create table agent (id int primary key, shipment int references shipment on delete cascade on update cascade, name text);
    create table address (id int primary key, street text);
    create function shipment_json(id int) returns jsonb language sql stable security definer set search_path = public as $$
        select jsonb_build_object('status', s.status, 'agents', (select coalesce(string_agg(a.name, ' ' order by
            a.id), '') from agent a where a.shipment = s.id),
            'streets', (select coalesce(string_agg(d.street, ' ' order by d.id), '') from address d where d.id in
                (s.pickup, s.drop_off)))
        from shipment s where s.id = shipment_json.id $$;
    select outbox.define_object('Shipment', 'shipment', 'shipment_json', verbs =>
        '{\"Shipment.Approve\": \"new.status = ''OK'' and old.status <> ''OK''\"}');
    select outbox.watch('agent', 'Shipment', id => 'shipment');
    select outbox.watch('address', 'Shipment', through =>
        'select s.id from changed c join shipment s on c.id in (s.pickup, s.drop_off)');
    insert into address values (1, 'Elm'), (2, 'Oak');
    insert into shipment values (1, 'NEW', 1, 2), (2, 'NEW', 1, null), (3, 'NEW', null, null); insert into agent
        values (10, 1, 'ann'), (20, 2, 'bob');
    truncate outbox.event, outbox.delivery;";

const EVENTS: &str =
    "select substr(type, 10) || ' ' || object_id || ' ' || coalesce(data ->> 'status', '-') || ' ['
    || coalesce(data ->> 'agents', '')
    || '] [' || coalesce(data ->> 'streets', '') || ']' from outbox.event order by object_id::int, id";

/// One transaction, and the events: verb, id, status, agents, streets.
struct Case {
    promise: &'static str,
    act: &'static str,
    events: &'static str,
}

const CASES: &[Case] = &[
    Case {
        promise: "a change of the root",
        act: "update shipment set status = 'OK' where id = 1",
        events: "Approve 1 OK [ann] [Elm Oak]",
    },
    Case {
        promise: "a change of a member",
        act: "update agent set name = 'cid' where id = 10",
        events: "Update 1 NEW [cid] [Elm Oak]",
    },
    Case {
        promise: "one address of two shipments",
        act: "update address set street = 'Ash' where id = 1",
        events: "Update 1 NEW [ann] [Ash Oak]\nUpdate 2 NEW [bob] [Ash]",
    },
    Case {
        promise: "touched by root and two members, once",
        act: "update shipment set status = 'OK' where id = 1; update agent set name = 'cid'; update address set street
            = street || '!'; \
              delete from agent where id = 10",
        events: "Approve 1 OK [] [Elm! Oak!]\nUpdate 2 NEW [cid] [Elm!]",
    },
    Case {
        promise: "a member that moves is news of both",
        act: "update agent set shipment = 3 where id = 10",
        events: "Update 1 NEW [] [Elm Oak]\nUpdate 3 NEW [ann] []",
    },
    Case {
        promise: "a new one with all that belongs to it",
        act: "insert into shipment values (4, 'NEW', 3, null); insert into address values (3, 'Fir'); insert into
            agent values (40, 4, 'dan')",
        events: "Create 4 NEW [dan] [Fir]",
    },
    Case {
        promise: "a deleted one with all that belonged to it, as its row was",
        act: "delete from shipment where id = 1",
        events: "Delete 1 NEW [] []",
    },
    Case {
        promise: "another key is a Delete and a Create",
        act: "update shipment set id = 5 where id = 1",
        events: "Delete 1 NEW [] []\nCreate 5 NEW [ann] [Elm Oak]",
    },
    Case {
        promise: "a change that is rolled back touches nothing",
        act: "savepoint s; update agent set name = 'x'; rollback to s; savepoint t; update agent set name = 'y' where
            id = 10; release t",
        events: "Update 1 NEW [y] [Elm Oak]",
    },
    Case {
        promise: "an exception block",
        act: "do $$ begin begin update agent set name = 'x'; perform 1 / 0; exception when division_by_zero then
            update shipment set status = 'ERR' where id = 3; end; end $$",
        events: "Update 3 ERR [] []",
    },
    Case {
        promise: "what becomes of it after SET CONSTRAINTS ALL IMMEDIATE is a further event, and the last is what was
            committed",
        act: "update agent set name = 'x' where id = 10; set constraints all immediate; update agent set name = 'y'
            where id = 10; \
              update shipment set status = 'OK' where id = 1",
        events: "Update 1 NEW [x] [Elm Oak]\nUpdate 1 NEW [y] [Elm Oak]\nApprove 1 OK [y] [Elm Oak]",
    },
    Case {
        promise: "ddl in between",
        act: "update agent set name = 'x' where id = 10; alter table agent add extra int; create index on agent (extra); \
              alter table shipment add extra int; update agent set extra = 1 where id = 20; truncate agent",
        events: "Update 1 NEW [] [Elm Oak]\nUpdate 2 NEW [] [Elm]",
    },
    Case {
        promise: "a column renamed under a member costs its way, not the write",
        act: "alter table agent rename shipment to belongs; update agent set name = 'x'",
        events: "",
    },
];

fn stage(hint: &str) -> Database {
    let db = subscribed(hint);
    db.psql(SHIPMENT);
    db
}

#[test]
fn an_object_is_rendered_once_with_all_that_belongs_to_it() {
    let db = stage("objects_rendered");
    db.psql("create table kept as select 1");
    for Case { promise, act, events } in CASES {
        db.psql("drop table if exists agent, shipment, address cascade; drop function shipment_json; delete from
            outbox.watch; delete from outbox.object; truncate outbox.event, outbox.delivery, outbox.object_head");
        db.psql(SHIPMENT);
        db.psql(&format!("begin; {act}; commit"));
        assert_eq!(db.psql(EVENTS), *events, "{promise}");
        let delivered = db.psql("select count(*) from outbox.delivery");
        assert_eq!(delivered, events.lines().count().to_string(), "{promise}");
        let left =
            "select (select count(*) from outbox.touched) + (select count(*) from outbox.sealing) + (select
            count(*) from outbox.changed)";
        assert_eq!(db.psql(left), "0", "{promise}");
        let gaps = "select count(*) from (select seq - lag(seq) over (partition by object_id order by id) as step from
            outbox.event) e where step <> 1";
        assert_eq!(db.psql(gaps), "0", "{promise}: numbers without a gap");
    }
}

#[test]
fn nothing_is_written_when_nobody_subscribes() {
    let db = stage("objects_nobody");
    db.psql("delete from outbox.subscription; delete from outbox.object_head; update shipment set status = 'X'; update
        agent set name = 'y'; update address set street = 'z'");
    assert_eq!(
        db.psql("select (select count(*) from outbox.event), (select count(*) from outbox.touched), (select count(*)
            from outbox.object_head)"),
        "0|0|0"
    );
}

#[test]
fn an_event_that_nobody_wants_is_not_kept() {
    let db = stage("objects_partial");
    db.psql("update outbox.subscription set pattern = 'Shipment.Approve'; update agent set name = 'x'; update shipment
        set status = 'OK' where id = 1");
    assert_eq!(db.psql(EVENTS), "Approve 1 OK [x] [Elm Oak]");
    assert_eq!(db.psql("select count(*) from outbox.delivery"), "1");
}

/// Two writers on two members of one object, in every isolation level: the last event is what was committed.
#[tokio::test]
async fn two_writers_of_one_object_end_with_what_both_committed() {
    let db = stage("objects_two_writers");
    let (first, second) = (db.session().await, db.session().await);
    first.execute("begin; update agent set name = 'first' where id = 10").await;
    second
        .execute("begin; update address set street = 'second' where id = 2; set constraints all immediate")
        .await;
    let committing = first.clone();
    let task = tokio::spawn(async move { committing.try_execute("commit").await });
    db.wait_until_locked_out(first.pid(), std::time::Duration::from_secs(20)).await;
    second.execute("commit").await;
    task.await.unwrap().unwrap();
    assert_eq!(db.psql(EVENTS).lines().last(), Some("Update 1 NEW [first] [Elm second]"));
    assert_eq!(db.psql("select seq - min(seq) over () from outbox.event order by id"), "0\n1");

    // There is no newer snapshot under REPEATABLE READ: who comes second tries again.
    db.psql("truncate outbox.event");
    for level in ["repeatable read", "serializable"] {
        first
            .execute(&format!(
                "begin isolation level {level}; update agent set name = '{level}' where id = 10"
            ))
            .await;
        second
            .execute(&format!(
                "begin isolation level {level}; update agent set name = 'x' where id = 20; update
            shipment set status = '{level}' where id = 1; commit"
            ))
            .await;
        let error = first.try_execute("commit").await.unwrap_err();
        assert_eq!(error.sqlstate, "40001", "{level}");
        first
            .execute(&format!(
                "begin isolation level {level}; update agent set name = '{level}' where id = 10; commit"
            ))
            .await;
        let last = db.psql(
            "select data ->> 'status', data ->> 'agents' from outbox.event where object_id = '1' order
            by id desc limit 1",
        );
        assert_eq!(last, format!("{level}|{level}"));
    }
}

#[tokio::test]
async fn two_writers_of_two_objects_do_not_wait_for_each_other() {
    let db = stage("objects_deadlock");
    let (first, second) = (db.session().await, db.session().await);
    first.execute("begin; update agent set name = 'a' where id = 10").await;
    second.execute("begin; update shipment set status = 'b' where id = 2").await;
    first.execute("insert into agent values (21, 2, 'a')").await;
    second.execute("insert into agent values (11, 1, 'b')").await;
    let (one, two) = (first.clone(), second.clone());
    let tasks = (
        tokio::spawn(async move { one.try_execute("commit").await }),
        tokio::spawn(async move { two.try_execute("commit").await }),
    );
    tasks.0.await.unwrap().unwrap();
    tasks.1.await.unwrap().unwrap();
    let last =
        "select distinct on (object_id) data ->> 'agents' from outbox.event order by object_id, id desc";
    assert_eq!(db.psql(last), "a b\nbob a");
}

#[test]
fn a_prepared_transaction_renders_what_it_touched() {
    let conf = vec!["max_prepared_transactions = 5".to_owned()];
    let cluster = Cluster::start(&ClusterOptions { conf, ..ClusterOptions::default() });
    let db = cluster.database("objects_2pc");
    migrate(&db);
    db.psql(&format!("select outbox.subscribe('all', '*', 'https://example.com/'); {SHIPMENT}"));
    db.psql("begin; update agent set name = 'x' where id = 10; prepare transaction 'yes'; begin; update agent set name
        = 'y' where id = 20; prepare transaction 'no'");
    db.psql("commit prepared 'yes'; rollback prepared 'no'");
    assert_eq!(db.psql(EVENTS), "Update 1 NEW [x] [Elm Oak]");
}

#[test]
fn a_deferred_trigger_of_the_users_that_changes_a_member_is_not_missed() {
    let db = stage("objects_deferred");
    db.psql(
        "create function late() returns trigger language plpgsql as $$ begin update agent set name = 'late' where
            shipment = new.id and name <> 'late'; return null; end $$;
         create constraint trigger late after update on shipment deferrable initially deferred for each row execute
             function late();
         update shipment set status = 'OK' where id = 1",
    );
    assert_eq!(db.psql(EVENTS).lines().last(), Some("Approve 1 OK [late] [Elm Oak]"));
}

/// The application's role may write the tables and nothing else: it cannot reach what notes and renders.
#[test]
fn the_applications_role_reaches_nothing_of_it() {
    let db = stage("objects_application");
    login_roles(shared(), &["object_writer"]);
    db.psql("grant usage on schema outbox to object_writer; grant select, insert, update, delete on shipment, agent,
        address to object_writer");
    for sql in [
        "insert into outbox.touched (xid, object, object_id) values (pg_current_xact_id(), 'Shipment', '1')",
        "delete from outbox.touched",
        "insert into outbox.sealing default values",
        "delete from outbox.sealing",
        "delete from outbox.awaiting",
        "update outbox.object_head set seq = 1",
        "select outbox.render_object('Shipment', null, null)",
        "select outbox.render('Shipment', '{1}')",
        "select outbox.deliver(0::smallint, '{1}')",
        "select outbox.merge_events(1, 0::smallint, '{1}', 1, false, false)",
        "select outbox.await_commit(0::smallint, '{1}')",
        "select outbox.skip_capture('shipment'::regclass, 'UPDATE', 1)",
        "select outbox.seal()",
    ] {
        let error = db.try_psql_as("object_writer", sql).unwrap_err();
        assert_eq!(error.sqlstate, "42501", "{sql}: {}", error.raw);
    }
    db.psql_as(
        "object_writer",
        "begin; update agent set name = 'x' where id = 10; set constraints all deferred; reset all; commit",
    );
    assert_eq!(db.psql(EVENTS), "Update 1 NEW [x] [Elm Oak]");
}

/// A database whose table has an owner that is nobody in schema outbox, and who tries to have code run with its owner's rights.
fn owned(hint: &str) -> Database {
    let db = subscribed(hint);
    login_roles(shared(), &["object_owner", "object_rival"]);
    db.psql(
        "grant create on schema public to object_owner, object_rival;
         select outbox.permit_watch('object_owner'), outbox.permit_watch('object_rival')",
    );
    db.psql_as(
        "object_owner",
        "create table thing (id int primary key, n int);
         create function tell() returns void language plpgsql as $$
         begin if current_user not in ('object_owner', 'outbox_builder') then raise exception 'this runs as %',
             current_user; end if; end $$;
         create function thing_json(id int) returns jsonb language plpgsql security definer as $$
         begin perform public.tell(); return to_jsonb(t) from public.thing t where t.id = thing_json.id; end $$;
         create function thing_gate(id int) returns boolean language plpgsql security definer as $$ begin perform
             public.tell(); return true; end $$;
         create function thing_through(changed thing[]) returns setof int language plpgsql security definer as $$
         begin perform public.tell(); return query select c.id from unnest(changed) c; end $$;
         create table part (id int primary key, thing int);
         select outbox.define_object('Thing', 'thing', 'thing_json', gate => 'thing_gate'); insert into thing values (1, 1)",
    );
    db
}

/// With its owner's rights, or with those of a role that has none, whatever became of the function.
#[test]
fn an_owners_functions_never_run_with_the_rights_of_the_outbox() {
    let db = owned("objects_owner");
    for ddl in [
        "alter function thing_json(int) security invoker",
        "alter function thing_gate(int) security invoker",
        "alter function thing_json(int) rename to old_json;
         create function thing_json(id int) returns jsonb language plpgsql as $$ begin perform public.tell(); return
             '1'; end $$",
        "create function thing_json(id bigint) returns jsonb language plpgsql as $$ begin perform public.tell();
            return '1'; end $$",
        "create function thing_json(id text) returns jsonb language plpgsql as $$ begin perform public.tell(); return
            '1'; end $$",
        "create function thing_json(id anyelement) returns jsonb language plpgsql as $$ begin perform public.tell();
            return '1'; end $$",
    ] {
        db.psql_as("object_owner", ddl);
        for writer in ["object_owner", "postgres"] {
            if let Err(error) = db.try_psql_as(writer, "update thing set n = n + 1") {
                assert!(!error.raw.contains("this runs as"), "{writer} after {ddl}: {}", error.raw);
            }
        }
    }
}

#[test]
fn what_could_run_with_other_rights_is_refused_when_it_is_named() {
    let db = owned("objects_refused");
    db.psql_as(
        "object_rival",
        "create function rival_json(id int) returns jsonb language sql security definer as $$
        select '1'::jsonb $$",
    );
    db.psql_as(
        "object_owner",
        "create function invoker_json(id int) returns jsonb language sql as $$ select '1'::jsonb $$;
         create function two_json(id int, more int) returns jsonb language sql security definer as $$ select '1'::jsonb $$;
         create view thing_view as select id, '1'::jsonb as data from thing;
         create function bad_json(id int) returns jsonb language plpgsql security definer as $$ begin raise exception
             'bad'; end $$",
    );
    for (builder, says) in [
        ("invoker_json", "SECURITY DEFINER"),
        ("two_json", "one argument"),
        ("thing_view", "view"),
        ("rival_json", "another role"),
        ("nosuch", "no such function"),
        ("bad_json", "bad"),
    ] {
        let error = db
            .try_psql_as(
                "object_owner",
                &format!("select outbox.define_object('Thing', 'thing', '{builder}')"),
            )
            .unwrap_err();
        assert_eq!(error.sqlstate, "OX015", "{builder}: {}", error.raw);
        assert!(error.raw.contains(says), "{builder}: {}", error.raw);
        // The other half does not trust the first.
        let direct = format!(
            "select outbox.register_object('Thing', 'thing', coalesce(to_regproc('{builder}')::regprocedure::text,
                '{builder}'), 'one', null, 'transaction', 'full', 'abort', false)"
        );
        if builder != "bad_json" {
            let error = db.try_psql_as("object_owner", &direct).unwrap_err();
            assert_eq!(error.sqlstate, "OX015", "{builder}: {}", error.raw);
        }
    }
}

#[test]
fn an_object_belongs_to_who_named_it_first() {
    let db = owned("objects_names");
    db.psql_as(
        "object_rival",
        "create table rival (id int primary key); create function rival_json(id int) returns
        jsonb language sql security definer as $$ select '1'::jsonb $$",
    );
    for call in [
        "outbox.watch('rival', 'Thing')",
        "outbox.define_object('Thing', 'rival', 'rival_json')",
        "outbox.watch('rival', 'Thing', through => 'select id from changed')",
        "outbox.watch('rival', 'Mine', verbs => '{\"Thing.Update\": \"new.id > 1\"}')",
    ] {
        let error = db.try_psql_as("object_rival", &format!("select {call}")).unwrap_err();
        assert_eq!(error.sqlstate, "OX003", "{call}: {}", error.raw);
    }
}
