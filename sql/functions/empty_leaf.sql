create or replace function outbox.empty_leaf(leaf text, slot smallint, moment timestamptz) returns text
language plpgsql
set search_path = pg_catalog, pg_temp set lock_timeout = '100ms'
as $$
-- Empties a leaf of the ring, unless something in it is still needed: the last look and the TRUNCATE, in the caller's transaction.
--
-- First a lock that keeps writers off and lets readers go on. Whoever wrote into the leaf, be it days ago, has ended once we have
-- it, and the statements after it see what was committed. It excludes itself, so two that do this at once do not come to
-- wait for each other's second lock. Only then the lock that readers wait for: nobody does so for longer than the TRUNCATE takes,
-- or a tenth of a second when we do not get it.
-- Arguments: leaf and its slot; moment, when it is.
-- Returns: 'emptied', 'needed' (there is something to move first) or 'young' (somebody wrote into it lately).
-- Raises: 55P03 when a lock is not had within 100 ms, 40P01.
-- Locks: the leaf, SHARE ROW EXCLUSIVE, then ACCESS EXCLUSIVE.
-- Touches: truncate the leaf; select outbox.delivery, outbox.dead_letter, outbox.fan_out.
declare
    _needed boolean;
begin
    execute format('lock table outbox.%I in share row exclusive mode', leaf);
    if not exists (select from outbox.due_leaves(moment) d where d.leaf = empty_leaf.leaf) then
        return 'young';
    end if;
    execute format(
        case when leaf like 'event%' then
            'select exists (select from outbox.delivery d where d.event_slot = $1
                 and exists (select from outbox.%1$I e where e.slot = $1 and e.id = d.event_id))
             or exists (select from outbox.dead_letter l where l.event_slot = $1
                 and exists (select from outbox.%1$I e where e.slot = $1 and e.id = l.event_id))
             or exists (select from outbox.fan_out f where f.event_slot = $1
                 and exists (select from outbox.%1$I e where e.slot = $1 and e.id = f.event_id))'
        else
            'select exists (select from outbox.delivery d where (d.attempt > 0 or d.since is not null) and exists (select from outbox.%1$I a
                 where a.slot = $1 and a.event_id = d.event_id and a.subscription = d.subscription and a.delivery = d.id))
             or exists (select from outbox.dead_letter l where exists (select from outbox.%1$I a
                 where a.slot = $1 and a.event_id = l.event_id and a.subscription = l.subscription and a.delivery = l.delivery))'
        end, leaf) into _needed using slot;
    if _needed then
        return 'needed';
    end if;
    execute format('lock table outbox.%I in access exclusive mode', leaf);
    execute format('truncate outbox.%I', leaf);
    return 'emptied';
end
$$;
