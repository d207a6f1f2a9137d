create or replace function outbox.check_filter(filter jsonb, filter_path jsonpath, exclude_source text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- Refuses what cannot narrow a subscription down: it would be looked at with every commit, and match nothing.
-- Arguments: as in outbox.subscription.
-- Raises: OX016, saying which one and what to write instead. No value of a filter is repeated: it may be a subscriber's data.
-- Touches: nothing.
begin
    if jsonb_typeof(check_filter.filter) <> 'object' then
        raise exception 'filter is not a JSON object but: %', jsonb_typeof(check_filter.filter) using errcode = 'OX016',
            detail = 'It is what the data of an event must contain.',
            hint = 'For example {"status": "PAID"}; conditions on data that are no object go into filter_path.';
    end if;
    if octet_length(check_filter.filter::text) > 8192 then
        raise exception 'filter is too large: % bytes', octet_length(check_filter.filter::text) using errcode = 'OX016',
            detail = 'The limit is 8192 bytes.', hint = 'Several small subscriptions are found faster than one large one.';
    end if;
    if octet_length(check_filter.filter_path::text) > 1024 then
        raise exception 'filter_path is too large: % bytes', octet_length(check_filter.filter_path::text) using errcode = 'OX016',
            detail = 'The limit is 1024 bytes.', hint = 'What containment can say goes into filter, which may have 8192.';
    end if;
    begin
        perform jsonb_path_match('{}', check_filter.filter_path);
    exception when others then
        raise exception 'filter_path is not a predicate' using errcode = 'OX016', detail = 'On an empty object: ' || sqlerrm || '.',
            hint = 'It must come to true or false: $.amount > 100, $.paid == true, exists($.lines[*] ? (@.amount > 100)).';
    end;
    if length(check_filter.exclude_source) not between 1 and 200 then
        raise exception 'exclude_source has % characters', length(check_filter.exclude_source) using errcode = 'OX016',
            detail = 'It has 1 to 200, as transactions set outbox.source.', hint = 'NULL excludes none.';
    end if;
end
$$;
