create or replace function outbox.backfill_lock(run bigint, ids text[]) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Keeps writers from rendering objects with a builder until the caller's transaction ends: what its next statement sees of them
-- is what the snapshot will tell, and whatever they commit later has a later event.
-- Arguments: run; ids, as events have them.
-- Raises: OX003, OX017.
-- Locks: the rows of outbox.object_head, in sorted order.
-- Touches: insert or update outbox.object_head.
declare
    _object outbox.object := outbox.require_backfill((select r.object from outbox.backfill_run r where r.id = backfill_lock.run));
begin
    -- Without a number yet: outbox.lock_heads() gives the next.
    insert into outbox.object_head as h (object, object_id, seq)
    select distinct _object.name, outbox.short_id(i.id), 0 from unnest(backfill_lock.ids) as i (id) where i.id is not null
        order by 2
    on conflict on constraint object_head_pkey do update set seq = h.seq;
end
$$;
