create or replace function outbox.claim_key(type text, key text, "window" interval, inout uid uuid, out is_new boolean)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- The part of outbox.emit() that decides whether an event with this key was published before.
-- Arguments: as there; uid, of the event that is to be written.
-- Returns: uid, of the event with this key; is_new, whether it is still to be written.
-- Raises: OX033 an empty key, or a window out of range; 40001, as told there.
-- Locks: the key: whoever comes second waits for the end of the first transaction. One that is found to be taken is not locked.
-- Touches: insert or update outbox.dedupe.
declare
    _key constant text := outbox.short_id(claim_key.key);
    _uid constant uuid := claim_key.uid;
    _now timestamptz := clock_timestamp();
begin
    if claim_key.key = '' then
        raise exception 'dedupe_key is empty' using errcode = 'OX033', hint = 'NULL means that there is none.';
    elsif claim_key."window" is null or claim_key."window" not between '1 s' and '365 days' then
        raise exception 'dedupe_window is out of range: %', coalesce(claim_key."window"::text, 'NULL') using errcode = 'OX033',
            detail = 'It is 1 s to 365 days.';
    end if;
    is_new := false;
    select d.uid into uid from outbox.dedupe d where d.type = claim_key.type and d.key = _key and d.held_until > _now;
    if found then
        return;
    end if;
    insert into outbox.dedupe as d (type, key, uid, held_until)
    values (claim_key.type, _key, _uid, _now + claim_key."window")
    on conflict on constraint dedupe_pkey do update set uid = excluded.uid, held_until = excluded.held_until
        where d.held_until <= _now
    returning d.uid into uid;
    is_new := found;
    if not found then
        -- In a statement of its own, which sees what it has waited for; that row is locked now.
        select d.uid into uid from outbox.dedupe d where d.type = claim_key.type and d.key = _key;
    end if;
end
$$;
