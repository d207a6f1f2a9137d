create or replace function outbox.capture_knows(relation regclass, named text[], capture regprocedure) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- Whether columns that the trigger function of a watch computes with have the types that it was written for.
    -- Arguments: relation; named, the columns; capture, the function.
    -- Returns: true when they have, and when one of them is not there at all, which is another matter.
    -- Touches: select pg_attribute, pg_proc.
    select (
            select count(*) from pg_attribute a
            where a.attrelid = capture_knows.relation and a.attname = any (capture_knows.named) and a.attnum > 0 and not a.attisdropped
        ) < (select count(distinct n) from unnest(capture_knows.named) as n)
        or exists (
            select from pg_proc p
            where p.oid = capture_knows.capture
                and position(format(') = %L', outbox.capture_signature(capture_knows.relation, capture_knows.named)) in p.prosrc) > 0)
$$;
