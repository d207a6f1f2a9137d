create or replace function outbox.mismatch(
    pattern text, only_object_id text, filter jsonb, filter_path jsonpath, exclude_source text, status text,
    event_type text, data jsonb, object_id text, source text
) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- Why a subscription does not get an event, as outbox.deliver() decides it, in words; the first reason there is.
-- Arguments: what the subscription has in outbox.subscription, only_object_id being its object_id; what the event has in
--   outbox.event.
-- Returns: a sentence, or null when the subscription gets it.
-- Touches: nothing.
declare
    _key text;
begin
    if mismatch.status = 'gone' then
        return 'the subscription is gone';
    elsif not mismatch.pattern = any (outbox.patterns(mismatch.event_type)) then
        return format('pattern %s does not match %s', mismatch.pattern, mismatch.event_type);
    elsif mismatch.only_object_id is not null and mismatch.only_object_id is distinct from mismatch.object_id then
        return format('it wants object id %s only, and this is %s', mismatch.only_object_id, coalesce(mismatch.object_id,
            'none'));
    elsif mismatch.filter is not null and not coalesce(mismatch.data @> mismatch.filter, false) then
        -- The first member that is not as the filter says tells more than the whole.
        if jsonb_typeof(mismatch.filter) = 'object' and jsonb_typeof(mismatch.data) = 'object' then
            select f.key into _key
            from jsonb_each(mismatch.filter) f
            where not coalesce(mismatch.data @> jsonb_build_object(f.key, f.value), false)
            order by f.key limit 1;
        end if;
        if _key is null then
            return format('the data do not contain filter %s', left(mismatch.filter::text, 200));
        end if;
        return format('filter wants %s %s, and it is %s', to_json(_key), left((mismatch.filter -> _key)::text, 200),
            coalesce(left((mismatch.data -> _key)::text, 200), 'not in the data'));
    elsif mismatch.filter_path is not null and not outbox.path_holds(mismatch.data, mismatch.filter_path) then
        return format('filter_path %s is not true of the data', left(mismatch.filter_path::text, 200));
    elsif mismatch.exclude_source = mismatch.source then
        return outbox.excluded_words(mismatch.source);
    end if;
    return null;
end
$$;
