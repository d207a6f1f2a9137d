//! Any history of writing, delivering, failing, days that pass and a ring that is turned, in part or whole, against
//! a model that forgets nothing.

use crate::ring::{emit, ring};
use crate::support::Database;

/// The model: every event and attempt there ever was, with the day of its writing, counted from the first.
const MODEL: &str = "
    create table calendar (today int, retention_h float8);
    create table seen_event (id bigint primary key, day int, data jsonb);
    create table seen_attempt (id bigint primary key, day int, delivery bigint, outcome text);
    create function remember() returns void language sql as $$
        insert into seen_event select e.id, c.today, e.data from outbox.event e, calendar c on conflict do nothing;
        insert into seen_attempt select a.id, c.today, a.delivery, a.outcome from outbox.attempt a, calendar c on
            conflict do nothing $$;
    -- What must be there and is not, or is there twice, or differs; nothing when all is well.
    create function wrong() returns table (problem text, id bigint) language sql as $$
        with needed as (select event_id, id as delivery, event_slot from outbox.delivery
            union all select event_id, delivery, event_slot from outbox.dead_letter)
        select 'event lost', n.event_id from needed n
        where not exists (select from outbox.event e join seen_event s on s.id = e.id and s.data = e.data
            where e.id = n.event_id and e.slot in (n.event_slot, n.event_slot + 8))
        union all
        select 'attempt lost', s.id from seen_attempt s join needed n on n.delivery = s.delivery
        where not exists (select from outbox.attempt a where a.id = s.id)
        union all
        select 'young event lost', s.id from seen_event s, calendar c
        where (c.today - s.day - 1) * 24 + 12 < c.retention_h and not exists (select from outbox.event e where e.id = s.id)
        union all
        select 'young attempt lost', s.id from seen_attempt s, calendar c
        where (c.today - s.day - 1) * 24 + 12 < c.retention_h and not exists (select from outbox.attempt a where a.id
            = s.id)
        union all select 'event twice', e.id from outbox.event e group by e.id having count(*) > 1
        union all select 'attempt twice', a.id from outbox.attempt a group by a.id having count(*) > 1 $$;
    -- What should be gone after a whole turn and a purge: neither young, nor needed, nor in a leaf with younger rows.
    create function stale() returns table (problem text, id bigint) language sql as $$
        select 'leaf ' || d.leaf, 0 from outbox.due_leaves(noon()) d
        union all
        select 'kept event', e.id from outbox.event_kept e
        where not exists (select from outbox.delivery d where d.event_id = e.id)
            and not exists (select from outbox.dead_letter l where l.event_id = e.id)
            and not exists (select from outbox.attempt a where a.event_id = e.id and a.slot < 8)
            and e.occurred_at < noon() - interval '7 days'
        union all
        select 'kept attempt', a.id from outbox.attempt_kept a
        where not exists (select from outbox.event e where e.id = a.event_id)
            and not exists (select from outbox.delivery d where d.id = a.delivery)
            and a.started_at < noon() - interval '7 days' $$;";

/// One random thing that happens.
fn happen(db: &Database, random: &mut fastrand::Rng) -> String {
    let some = "due_at = case when random() < 0.5 then clock_timestamp() else clock_timestamp() + interval '1 day' end";
    let what = match random.u32(0..12) {
        0..3 => {
            emit(db, random.u32(1..20));
            String::new()
        }
        3..6 => {
            let outcome = ["'delivered'", "'dead'", "null", "null"][random.usize(0..4)];
            format!("update outbox.delivery set {some}; select settle_all({outcome}); \
                     update outbox.delivery set due_at = clock_timestamp()")
        }
        6 => "select count(outbox.retry(delivery)) from (select delivery from outbox.dead_letter order by random() \
            limit 3) l".into(),
        7..9 => {
            let days = random.u32(1..4);
            format!("select days_pass({days}); update calendar set today = today + {days}")
        }
        9 => format!("select outbox.turn_ring('{{}}', noon(), {}) from generate_series(1, 1)", random.u32(1..9)),
        10 => "select outbox.purge_old(noon(), 5)".into(),
        _ => "call turn()".into(),
    };
    db.psql(&format!("{what}; select remember()"));
    what
}

#[test]
fn nothing_needed_or_young_is_ever_lost_and_leaves_get_empty() {
    for seed in [1, 2, 3] {
        let mut random = fastrand::Rng::with_seed(seed);
        let db = ring(&format!("ring_model_{seed}"));
        db.psql(MODEL);
        let hours = [1, 24, 60, 144][random.usize(0..4)];
        db.psql(&format!(
            "update outbox.setting set retention = '{hours} hours', dead_letter_retention = '20 days'; insert into \
                calendar values (0, {hours})"
        ));
        let mut history = Vec::new();
        for step in 0..60 {
            history.push(happen(&db, &mut random));
            let wrong = db.psql("select * from wrong() limit 5");
            assert_eq!(
                wrong,
                "",
                "seed {seed}, retention {hours} h, step {step}, after:\n{}",
                history.join("\n")
            );
            if step % 10 == 9 {
                db.psql("call turn(); select outbox.purge_old(noon())");
                let stale = db.psql("select * from stale() limit 5; select * from wrong() limit 5");
                assert_eq!(
                    stale,
                    "",
                    "seed {seed}, retention {hours} h, step {step}, after:\n{}",
                    history.join("\n")
                );
            }
        }
        // All is delivered or given up; in the end nothing is left.
        db.psql("select settle_all('delivered'); select days_pass(8); call turn(); select days_pass(21)");
        db.psql(
            "call turn(); select outbox.purge_old(noon(), 100000); select outbox.purge_old(noon(), 100000)",
        );
        assert_eq!(
            db.psql("select (select count(*) from outbox.event), (select count(*) from outbox.attempt)"),
            "0|0",
            "seed {seed}"
        );
        assert!(db.psql("select count(*) from seen_event").parse::<u32>().unwrap() > 50);
    }
}
