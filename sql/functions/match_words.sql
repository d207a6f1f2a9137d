create or replace function outbox.match_words(
    pattern text, only_object_id text, filter jsonb, filter_path jsonpath, exclude_source text, status text
) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    -- Why a subscription gets an event, where outbox.mismatch() finds nothing against it.
    -- Arguments: as in outbox.mismatch().
    -- Returns: a sentence.
    -- Touches: nothing.
    select concat_ws(', ',
        'pattern ' || match_words.pattern || ' matches',
        'object id ' || match_words.only_object_id || ' is the one it wants',
        case when match_words.filter is not null then 'the data contain its filter' end,
        case when match_words.filter_path is not null then 'its filter_path is true of the data' end,
        case when match_words.exclude_source is not null then 'the source is not ' || match_words.exclude_source end,
        case when match_words.status in ('paused', 'disabled') then 'held while it is ' || match_words.status end)
$$;
