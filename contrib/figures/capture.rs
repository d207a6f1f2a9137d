//! What capture costs a writer.

use std::path::Path;

use crate::support::{Cluster, ClusterOptions, Database, Outboxd};
use crate::{median, pgbench};

/// Alternating runs of each.
const ROUNDS: usize = 3;
const SECONDS: u32 = 5;
const CLIENTS: u32 = 16;

/// The tables, each with what becomes of its changes.
const TABLES: [(&str, &str); 11] = [
    ("unwatched", "no trigger"),
    ("idle", "a statement trigger with transition tables that does nothing"),
    ("looks", "the same, looking once whether there is a subscription"),
    ("rowtrig", "a hand-written row trigger, one row in a plain outbox table"),
    ("tworows", "a hand-written row trigger, the rows of an event and of its delivery"),
    ("rendered", "the same at the commit: a number of the object's, its data by the builder, the two rows"),
    ("unheard", "watched, no subscription"),
    ("each", "mode each, one subscription, as all that follow"),
    ("coalesced", "mode transaction, the default"),
    ("diff", "the same with data => 'diff'"),
    ("composite", "an object of two tables with a builder, rendered at the commit"),
];

/// A row trigger as people write it.
const ROW_TRIGGER: &str = "
    create table plain_outbox (id bigserial primary key, type text, object_id text, data jsonb, at timestamptz default now());
    create function rowtrig() returns trigger language plpgsql security definer set search_path = public as $$
    begin
        insert into plain_outbox (type, object_id, data) values ('Order.Update', new.id::text, to_jsonb(new));
        return null;
    end
    $$;
    create trigger rowtrig after update on rowtrig for each row execute function rowtrig();";

/// What no capture can do without, written by hand and without all else that it promises: the floors.
const FLOORS: &str = "
    create function idle() returns trigger language plpgsql security definer as $$ begin return null; end $$;
    create trigger idle after update on idle referencing old table as old_rows new table as new_rows
        for each statement execute function idle();
    create function looks() returns trigger language plpgsql security definer as $$
    begin
        if exists (select from outbox.subscription s where s.pattern = any ('{*,Looks.*,Looks.Update}') and s.status <> 'gone') then
            raise 'nobody';
        end if;
        return null;
    end
    $$;
    create trigger looks after update on looks referencing old table as old_rows new table as new_rows
        for each statement execute function looks();
    create function write_two(object text, object_id text, data jsonb, seq bigint) returns void language plpgsql as $$
    declare
        _id   bigint := nextval('outbox.event_id');
        _now  timestamptz := clock_timestamp();
        _slot smallint := outbox.slot(_now);
    begin
        insert into outbox.event (slot, id, uid, type, object, object_id, occurred_at, data, seq)
        values (_slot, _id, gen_random_uuid(), object || '.Update', object, object_id, _now, data, seq);
        insert into outbox.delivery (subscription, event_slot, event_id, due_at)
        select s.id, _slot, _id, _now from outbox.subscription s
        where s.pattern = any (array[object || '.Update', object || '.*', '*']) and s.status <> 'gone';
    end
    $$;
    create function tworows() returns trigger language plpgsql security definer as $$
    begin
        perform write_two('Tworows', new.id::text, to_jsonb(new), null);
        return null;
    end
    $$;
    create trigger tworows after update on tworows for each row execute function tworows();
    create function rendered() returns trigger language plpgsql security definer as $$
    declare
        _seq bigint;
    begin
        insert into outbox.object_head as h (object, object_id) values ('Rendered', new.id::text)
        on conflict on constraint object_head_pkey do update set seq = h.seq + 1
        returning h.seq into _seq;
        perform write_two('Rendered', new.id::text, (select d.data from rendered_data(array[new.id]) d), _seq);
        return null;
    end
    $$;
    create constraint trigger rendered after update on rendered deferrable initially deferred
        for each row execute function rendered();";

/// A builder. It is set-based and keeps its plan: with an array of ids Postgres would plan its query at every call.
fn builder(table: &str) -> String {
    format!(
        "create function {table}_data(ids integer[]) returns table (id integer, data jsonb) language plpgsql stable
         set plan_cache_mode = force_generic_plan as $$
         begin
             return query
             select c.id, jsonb_build_object('id', c.id, 'name', c.name, 'amount', c.amount, 'members', (
                 select jsonb_agg(jsonb_build_object('id', m.id, 'note', m.note) order by m.id)
                 from public.member m where m.composite_id = c.id))
             from public.{table} c where c.id = any (ids);
         end
         $$"
    )
}

/// The watches.
const OBJECTS: &str = "
    create table member (id integer primary key, composite_id integer not null, note text);
    insert into member select n, n, 'note ' || n from generate_series(1, 100000) n;
    create index on member (composite_id);
    vacuum analyze member;
    select outbox.watch('unheard', 'Unheard'), outbox.watch('each', 'Each', mode => 'each'),
        outbox.watch('coalesced', 'Coalesced'), outbox.watch('diff', 'Diff', data => 'diff');
    select outbox.define_object('Composite', 'composite', builder => 'composite_data');
    select outbox.watch('member', 'Composite', id => 'composite_id');";

pub(crate) fn measure(outboxd: &Path) {
    let cluster = Cluster::start(&ClusterOptions {
        fsync: true,
        conf: vec!["shared_buffers = '256MB'".to_owned(), "max_wal_size = '4GB'".to_owned()],
        ..ClusterOptions::default()
    });
    let database = cluster.database("capture");
    let outboxd = Outboxd::new(outboxd);
    let url = database.url();
    assert_eq!(outboxd.run(&["migrate"], &[("DATABASE_URL", url.as_str())]).code, 0, "migrate works");
    for (table, _) in TABLES {
        pgbench::make_table(&database, table);
    }
    database.psql(ROW_TRIGGER);
    for table in ["rendered", "composite"] {
        database.psql(&builder(table));
    }
    database.psql(OBJECTS);
    database.psql(FLOORS);
    database.psql(
        "select outbox.define_event_type('Tworows.Update'), outbox.define_event_type('Rendered.Update')",
    );
    for object in ["Tworows", "Rendered", "Each", "Coalesced", "Diff", "Composite"] {
        database.psql(&format!("select outbox.subscribe('bench', '{object}.*', 'https://localhost/1')"));
    }
    let files = tempfile::tempdir().expect("a temporary folder");
    for (table, what) in TABLES {
        println!("{table:<10} {what}");
    }
    println!(
        "\nsingle-row UPDATEs per second, {CLIENTS} clients (median of {ROUNDS} alternating runs of {SECONDS} s)"
    );
    let single = compare(|table| {
        clear(&database);
        pgbench::update(&cluster, &database, files.path(), table, CLIENTS, SECONDS).tps
    });
    println!("UPDATE of 20,000 rows, statements per second (median of {ROUNDS})");
    let bulk = compare(|table| bulk(&database, table));
    println!("of what is written by hand");
    let of = |what: &str, ratio: f64| println!("  {what:<44} {ratio:>5.2}");
    of("single: unheard to looking once", single("unheard") / single("looks"));
    of("single: each to its two rows", single("each") / single("tworows"));
    of("single: composite to its number and rows", single("composite") / single("rendered"));
    of("bulk: each to its two rows", bulk("each") / bulk("tworows"));
    of("bulk: composite to its number and rows", bulk("composite") / bulk("rendered"));
    println!("what is aimed at");
    let aim = |what: &str, ratio: f64, aim: &str| println!("  {what:<44} {ratio:>5.2}   {aim}");
    aim("single: composite to each, rate", single("composite") / single("each"), "at least 0.70");
    aim("single: coalesced to each, rate", single("coalesced") / single("each"), "at least 0.85");
    aim("single: diff to each, rate", single("diff") / single("each"), "close to coalesced");
    aim("bulk: coalesced to each, time", bulk("each") / bulk("coalesced"), "at most 1.6");
    aim("bulk: each to unwatched, time", bulk("unwatched") / bulk("each"), "at most 3");
    aim("bulk: each to the row trigger, time", bulk("rowtrig") / bulk("each"), "at most 1");
}

/// Prints the median of each table, and gives them by name.
fn compare(measure: impl Fn(&str) -> f64) -> impl Fn(&str) -> f64 {
    let mut figures = vec![Vec::new(); TABLES.len()];
    for _ in 0..ROUNDS {
        for ((table, _), figures) in TABLES.iter().zip(&mut figures) {
            figures.push(measure(table));
        }
    }
    let figures: Vec<f64> = figures.into_iter().map(median).collect();
    for ((table, _), figure) in TABLES.iter().zip(&figures) {
        println!("  {table:<10} {figure:>10.2}   {:>4.0} %", 100.0 * figure / figures[0]);
    }
    move |name| {
        let place = TABLES.iter().position(|(table, _)| *table == name).expect("a table of the list");
        figures[place]
    }
}

fn clear(database: &Database) {
    database.psql(
        "delete from outbox.delivery; truncate outbox.event; truncate plain_outbox; vacuum outbox.delivery; checkpoint",
    );
}

fn bulk(database: &Database, table: &str) -> f64 {
    clear(database);
    // Over the commit: that is where objects with a builder are rendered.
    let printed = database.psql(&format!(
        "create temp table t as select clock_timestamp() as begun; \
         update {table} set amount = amount + 1 where id <= 20000; \
         select extract(epoch from clock_timestamp() - begun) from t"
    ));
    1.0 / printed.trim().parse::<f64>().expect("seconds")
}
