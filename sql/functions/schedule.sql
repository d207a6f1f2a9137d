create or replace function outbox.schedule(wanted text default null) returns table (
    name text, description text, deadline interval, success_codes integer[], immediate_retries integer, delays interval[],
    max_attempts integer, severity_thresholds interval[], breaker_after integer
)
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
-- Published retry schedules, ready to subscribe with: outbox.subscribe(…, schedule => 'standard'). select * from outbox.schedule().
--   standard  the example of Standard Webhooks 1.0: ten attempts within 75:35:05
--   github    like GitHub: one attempt, 10 s, a person sends again (outbox.retry)
--   shopify   like Shopify: 5 s to answer, eight more attempts within four hours
--   milmove   as the MilMove webhook client has it: three attempts at once, then each minute, only 200 will do, and severity
--             3, 2 and 1 while it fails for up to 30 minutes, up to 4 hours, and longer, which disables it
-- Arguments: wanted, the name of one; null for all.
-- Returns: the columns of outbox.subscription that it sets; null where it leaves the default. No row without a name that is one.
-- Raises: OX021 no such schedule.
-- Touches: nothing.
begin
    return query
    select s.*
    from (
        values
            ('standard', 'the example of Standard Webhooks', interval '20 s', null::integer[], 0,
                '{5 s,5 min,30 min,2 h,5 h,10 h,14 h,20 h,24 h}'::interval[], 10, null::interval[], null::integer),
            ('github', 'like GitHub: once', '10 s', null, 0, null, 1, null, null),
            ('shopify', 'like Shopify: nine within four hours', '5 s', null, 0,
                '{1 min,2 min,4 min,8 min,16 min,32 min,64 min,113 min}', 9, null, null),
            ('milmove', 'as MilMove: three at once, then each minute, until its severity is 1', '30 s', '{200}', 2,
                '{1 min}', 1000, '{30 min,4 h}', 1000)
    ) s (name, description, deadline, success_codes, immediate_retries, delays, max_attempts, severity_thresholds, breaker_after)
    where schedule.wanted is null or s.name = schedule.wanted;
    if not found then
        raise exception 'no such schedule: %', quote_literal(left(schedule.wanted, 100)) using errcode = 'OX021',
            hint = 'select name, description from outbox.schedule()';
    end if;
end
$$;
