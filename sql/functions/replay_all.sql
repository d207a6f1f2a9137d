create or replace procedure outbox.replay_all(
    event_type text, "from" timestamptz, "to" timestamptz, reason text, subscription bigint default null,
    subscriber text default null, object text default null, object_id text default null, filter jsonb default null,
    made_later boolean default false, after bigint default 0, batch integer default 10000
)
language plpgsql
as $$
-- Sends events of the past again, as outbox.replay(dry_run => false) does, batch by batch, and commits after each: so a million of them
-- are no giant transaction. Broken off, it goes on with the `after` that its last notice has told.
-- Arguments: as there.
-- Raises: 2D000 inside a transaction block; else as there.
-- Touches: see outbox.replay().
declare
    _after pg_catalog.int8 := replay_all.after;
begin
    -- Says so at once where it may not commit.
    commit;
    while _after is not null loop
        _after := (
            select pg_catalog.max(r.next_after)
            from outbox.replay(replay_all.event_type, replay_all."from", replay_all."to", replay_all.reason, false,
                replay_all.subscription, replay_all.subscriber, replay_all.object, replay_all.object_id, replay_all.filter,
                replay_all.made_later, _after, replay_all.batch) r);
        commit;
    end loop;
end
$$;
