create or replace function outbox.turn_ring(
    skip text[] default '{}', moment timestamptz default clock_timestamp(), batch integer default 5000,
    out leaf text, out step text, out moved bigint
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp set lock_timeout = '100ms'
as $$
-- Does the next step in emptying the leaves of the ring whose time is over (outbox.due_leaves), one step per transaction:
--   moving   what open deliveries and dead letters need of a leaf is moved into the kept leaf, batch by batch;
--   waiting  until the transactions have ended that had a snapshot when the last batch had been moved: for one that has not
--            looked at the leaf yet, TRUNCATE would make rows vanish that it must see;
--   emptied  and then the leaf is emptied by TRUNCATE: no dead rows, no vacuum, whatever was in it.
-- It can be broken off between any two steps, and done by two at once: one does it then, the other is told so. A lock that is not had
-- within 100 ms is no error but a reason to try again later. Nobody writes into these leaves, so no writer waits.
-- outbox.turn shows what is under way, and what is in its way.
-- Arguments: skip, leaves that this round has tried in vain; moment, when it is; batch, how many deliveries to look at in one step.
-- Returns: leaf and step ('moving', 'emptied': call again; any other: put the leaf into skip); all null when nothing is due, leaf
--   alone when somebody else is at it; moved, how many rows were moved.
-- Raises: OX013 in a transaction that does not see what others commit meanwhile.
-- Locks: an advisory lock of the transaction; see outbox.empty_leaf().
-- Touches: outbox.turn; see outbox.keep_needed(), outbox.empty_leaf().
declare
    _due   record;
    _turn  outbox.turn;
    _walk  record;
    _alive text[];
begin
    if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
        raise exception 'the ring is turned under READ COMMITTED only' using errcode = 'OX013',
            detail = 'The last look before a leaf is emptied must see what others have committed.',
            hint = 'begin isolation level read committed';
    end if;
    moved := 0;
    begin
        if not pg_try_advisory_xact_lock('outbox.turn'::regclass::oid::integer, 0) then
            step := 'locked';
            return;
        end if;
        select d.* into _due from outbox.due_leaves(turn_ring.moment) d where d.leaf <> all (turn_ring.skip) limit 1;
        if not found then
            moved := null;
            if turn_ring.skip = '{}' then
                -- Nothing is due: what had not been emptied before it was written again is not under way any more.
                delete from outbox.turn;
            end if;
            return;
        end if;
        leaf := _due.leaf;
        -- A row of an earlier turn says nothing about this one.
        insert into outbox.turn as t (leaf, written_on) values (_due.leaf, _due.written_on)
        on conflict on constraint turn_pkey do update set written_on = excluded.written_on, walked_to = 0, readers = null,
            since = clock_timestamp(), obstacle = null
            where t.written_on <> excluded.written_on;
        select t.* into _turn from outbox.turn t where t.leaf = _due.leaf;
        if _turn.walked_to is not null then
            _walk := outbox.keep_needed(_due.leaf, _due.slot, _turn.walked_to, turn_ring.batch);
            moved := _walk.moved;
            step := 'moving';
            update outbox.turn t
            set walked_to = case when _walk.looked = turn_ring.batch then _walk.last end, obstacle = null
            where t.leaf = _due.leaf;
            return;
        end if;
        -- Not before now: only since the last batch was committed does every new snapshot see what was moved.
        _alive := outbox.readers();
        if _turn.readers is null then
            _turn.readers := _alive;
        end if;
        if _turn.readers && _alive then
            step := 'waiting';
            update outbox.turn t
            set readers = _turn.readers, obstacle = 'transactions that began before it was ready are still open'
            where t.leaf = _due.leaf;
            return;
        end if;
        step := outbox.empty_leaf(_due.leaf, _due.slot, turn_ring.moment);
        if step = 'needed' then
            step := 'moving';
            update outbox.turn t set walked_to = 0, readers = null, obstacle = null where t.leaf = _due.leaf;
        else
            delete from outbox.turn t where t.leaf = _due.leaf;
        end if;
    exception when lock_not_available or deadlock_detected then
        step := 'locked';
        update outbox.turn t
        set readers = _turn.readers, obstacle = 'somebody holds a lock on it: select * from pg_locks where relation = '
            || quote_literal('outbox.' || turn_ring.leaf) || '::regclass'
        where t.leaf = turn_ring.leaf;
    end;
end
$$;
