create or replace function outbox.capture_planned(statements text) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    -- Statements for many rows, for the body of a watch's trigger function. Their plans are made without nested loops, which would pair 20,000 rows in
    -- minutes, and without jit, which would take them for expensive; and they are made once: with what variables hold they would be made again at each
    -- call, which takes longer than all the rest. Not by a SET clause of the function: that takes 5 us of every call.
    -- Arguments: statements, PL/pgSQL.
    -- Returns: them, between settings that are put on and put back.
    -- Touches: nothing.
    select format($q$        capture._planned := array[pg_catalog.current_setting('enable_nestloop'), pg_catalog.current_setting('jit'),
            pg_catalog.current_setting('plan_cache_mode')];
        perform pg_catalog.set_config('enable_nestloop', 'off', true), pg_catalog.set_config('jit', 'off', true),
            pg_catalog.set_config('plan_cache_mode', 'force_generic_plan', true);
%s        perform pg_catalog.set_config('enable_nestloop', capture._planned[1], true), pg_catalog.set_config('jit', capture._planned[2], true),
            pg_catalog.set_config('plan_cache_mode', capture._planned[3], true);
$q$, statements)
$$;
