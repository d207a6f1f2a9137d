create or replace function outbox.is_home() returns boolean
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    -- Whether this database is the one that delivers, and no copy: restored from a dump, or made by CREATE DATABASE … TEMPLATE.
    -- The cluster counts where it was on record and can be seen now: the right to see it may come and go.
    -- Returns: true or false, also when no home is on record.
    -- Touches: select outbox.setting.
    select coalesce((
        select split_part(s.home, '/', 1) = split_part(h.here, '/', 1)
            and (split_part(s.home, '/', 2) = split_part(h.here, '/', 2)
                or '' in (split_part(s.home, '/', 2), split_part(h.here, '/', 2)))
        from outbox.setting s cross join (select outbox.home()) as h (here)
    ), false)
$$;
