create or replace function outbox.lock_heads(touched outbox.touched[]) returns outbox.object_head[]
language plpgsql
as $$
-- Lets one writer at a time render an object, and gives the object its next number. Those who come later wait here until it has
-- committed. Sorted, so that two writers with several objects in common do not wait for each other.
-- Part of outbox.seal(), with its rights and settings. PL/pgSQL keeps the plan; as an SQL function it took 150 us more.
-- Arguments: touched, what a transaction has touched.
-- Returns: the rows that are locked now, each with its next number.
-- Locks: the rows of outbox.object_head.
-- Touches: insert or update outbox.object_head.
declare
    _heads outbox.object_head[];
begin
    with head as (
        insert into outbox.object_head as h (object, object_id)
        select t.object, t.object_id from unnest(lock_heads.touched) t order by t.object, t.object_id
        on conflict on constraint object_head_pkey do update set seq = h.seq + 1
        returning h.*
    )
    select array_agg(h::outbox.object_head) into _heads from head h;
    return _heads;
end
$$;
