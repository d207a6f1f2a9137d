create or replace function outbox.keep_needed(
    leaf text, slot smallint, walked_to bigint, batch integer, out looked integer, out moved bigint, out last bigint
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Moves what the next open deliveries and dead letters need from a leaf of the ring into the kept leaf, as slot + 8: their
-- events, and those in outbox.fan_out, or the attempts made for them. A delete and an insert in one statement, so that every reader sees a row in one place
-- and in one only. Whoever looks for slot n looks in n and n + 8; ids are never used twice, so that the rows of a later turn
-- cannot be mistaken for these, and what names them (delivery.event_slot) need not change.
--
-- It walks along the deliveries, by their primary key, and not along the leaf: the leaf may be huge and what is needed of it is little.
-- Arguments: leaf and its slot; walked_to, the last delivery looked at before, 0 at first; batch, how many to look at.
-- Returns: looked, how many there were; moved, how many rows of the leaf; last, the delivery to go on after.
-- Touches: delete from the leaf, insert outbox.event or outbox.attempt; select outbox.delivery, outbox.dead_letter,
--   outbox.fan_out.
declare
    _table   text := split_part(leaf, '_', 1);
    -- All there are, so that a column of a later release moves too.
    _columns text := (
        select string_agg(format('%I', a.attname), ', ' order by a.attnum)
        from pg_attribute a
        where a.attrelid = to_regclass('outbox.' || _table) and a.attnum > 0 and not a.attisdropped and a.attname <> 'slot');
begin
    execute format($statement$
        with looked as materialized (
            select o.id, o.subscription, o.event_slot, o.event_id, o.noted
            from (
                (select d.id, d.subscription, d.event_slot, d.event_id, d.attempt > 0 or d.since is not null as noted
                 from outbox.delivery d where d.id > $1 order by d.id limit $2)
                union all
                (select l.delivery, l.subscription, l.event_slot, l.event_id, true
                 from outbox.dead_letter l where l.delivery > $1 order by l.delivery limit $2)
            ) o
            order by o.id limit $2
        ), moved as (
            delete from outbox.%1$I m using %3$s where m.slot = $3 and %4$s
            returning m.*
        ), kept as (
            insert into outbox.%2$I (slot, %5$s) select m.slot + 8, %5$s from moved m
        )
        select (select count(*) from looked), (select count(*) from moved), (select max(id) from looked)
        $statement$,
        leaf, _table,
        case _table
            -- Of the latter there are few, and their deliveries come after all others.
            when 'event' then '(select l.event_id from looked l where l.event_slot = $3
                union select f.event_id from outbox.fan_out f where f.event_slot = $3) n'
            else '(select * from looked l where l.noted) n' end,
        case _table
            when 'event' then 'm.id = n.event_id'
            else 'm.event_id = n.event_id and m.subscription = n.subscription and m.delivery = n.id' end,
        _columns)
        into looked, moved, last using walked_to, batch, slot;
end
$$;
