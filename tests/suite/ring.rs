//! What the tests of retention share: days that pass, and a ring that is turned until nothing moves any more.

use std::time::Duration;

use crate::installed::installed;
use crate::support::Database;

/// Longer than anything here takes on a laden machine.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// `days_pass(n)` makes everything n days older and puts it where it would be then. `noon()` is today's, so that no
/// test depends on the time of day. `turn()` turns the ring until nothing moves, and says what it did.
/// `settle_all(outcome)` claims and settles what is due. `place(event)` says where an event is.
const HELPERS: &str = "
    create function noon() returns timestamptz language sql as $$
        select (date_trunc('day', clock_timestamp() at time zone 'UTC') + interval '12 h') at time zone 'UTC' $$;
    create function shifted(slot int, days int) returns smallint language sql immutable as $$
        select ((slot / 8) * 8 + mod(mod(slot, 8) - mod(days, 8) + 8, 8))::smallint $$;
    create function days_pass(n int) returns void language sql as $$
        update outbox.event set slot = shifted(slot, n), occurred_at = occurred_at - make_interval(days => n);
        update outbox.attempt set slot = shifted(slot, n), event_slot = shifted(event_slot, n),
            started_at = started_at - make_interval(days => n);
        update outbox.delivery set event_slot = shifted(event_slot, n);
        update outbox.fan_out set event_slot = shifted(event_slot, n);
        update outbox.dead_letter set event_slot = shifted(event_slot, n), died_at = died_at - make_interval(days => n) $$;
    create procedure turn(inout said text default '') language plpgsql as $$
    declare
        _step record; _skip text[] = '{}'; _said text[] = '{}';
    begin
        loop
            select * into _step from outbox.turn_ring(_skip, noon(), 7);
            commit;
            exit when _step.step is null;
            if _step.step not in ('moving', 'emptied') then _skip = _skip || _step.leaf; end if;
            if _step.step <> 'moving' then _said = _said || (_step.leaf || ' ' || _step.step); end if;
        end loop;
        said = array_to_string(_said, ', ');
    end $$;
    create function settle_all(outcome text, relay text default 'r') returns bigint language sql as $$
        with c as materialized (select * from outbox.claim(relay, 1000, '{}', '{}', 0))
        select coalesce(sum((outbox.settle(relay, false, array[c.delivery], array[c.attempt], array[c.subscription],
            array[c.event_slot], array[c.event_id], '{10}', '{5}',
            array[case outcome when 'delivered' then 'delivered' else 'rejected' end], array[500], array[null::text],
            array['no'], array[null::text], array[outcome], array[0::float8])).late), 0) from c $$;
    create function place(id bigint) returns text language sql as $$
        select coalesce(string_agg(e.tableoid::regclass::text, ' ' order by 1), 'nowhere') from outbox.event e where
            e.id = $1 $$;
    select outbox.define_event_type('A');
    select outbox.subscribe('a', 'A', 'https://e.com/', concurrency => 1000);
    update outbox.subscription set breaker_after = null";

/// A database with a subscription for events of type A, and the helpers of this file.
pub(crate) fn ring(hint: &str) -> Database {
    let db = installed(hint);
    db.psql(HELPERS);
    db
}

/// Adds the helpers to a database.
pub(crate) fn add_helpers(db: &Database) {
    let (functions, _) = HELPERS.split_once("select outbox.define_event_type").unwrap();
    db.psql(functions);
}

/// Publishes so many events of type A.
pub(crate) fn emit(db: &Database, events: u32) {
    db.psql(&format!(
        "select count(outbox.emit('A', to_jsonb(n), 'Thing', n::text)) from generate_series(1, {events}) n"
    ));
}
