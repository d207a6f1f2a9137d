create or replace function outbox.throttle(subscription bigint, wanted integer) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- How many deliveries of a subscription may be claimed now, where more decides than how many POSTs it may have at a time: its
-- breaker has opened, or it has a rate. outbox.claim() asks for those alone, and says with outbox.throttle_taken() what it took.
--
-- The answer is given under the lock of the subscription's row in outbox.subscription_health, kept until the claim commits. Who
-- does not get the lock gets nothing: another relay is claiming of it at this moment, or a failure is being recorded.
--   Half open, the time of the breaker being over: one, as a probe.
--   Rate: what outbox.rate_left() says.
-- Without a row there is no breaker to be open; for a rate the row is made.
--
-- Arguments: subscription; wanted, how many the relay has room for.
-- Returns: 0 to wanted.
-- Locks: its row of outbox.subscription_health, FOR UPDATE SKIP LOCKED; once, that of outbox.subscription likewise.
-- Touches: select or insert outbox.subscription_health; select outbox.subscription.
declare
    _now timestamptz := clock_timestamp();
    _s   record;
    _h   record;
begin
    if throttle.wanted <= 0 then
        return 0;
    end if;
    select s.rate, s.breaker_after, s.endpoint_since into _s from outbox.subscription s where s.id = throttle.subscription;
    for _try in 1..2 loop
        select h.held_since, h.held_until, h.breaker_opened, h.tat into _h
        from outbox.subscription_health h where h.subscription = throttle.subscription for update skip locked;
        exit when found;
        if _try = 2 or exists (select from outbox.subscription_health h where h.subscription = throttle.subscription) then
            return 0;
        elsif _s.rate is null then
            return throttle.wanted;
        end if;
        -- One at a time: whoever else makes the row has it until its claim commits.
        perform from outbox.subscription s where s.id = throttle.subscription for no key update skip locked;
        if not found then
            return 0;
        end if;
        insert into outbox.subscription_health (subscription) values (throttle.subscription) on conflict do nothing;
    end loop;
    if _h.held_until > _now and _h.held_since >= _s.endpoint_since then
        return 0;
    end if;
    return least(
        case when _h.breaker_opened > 0 and _s.breaker_after is not null then 1 else throttle.wanted end,
        -- A thousandth of a POST may be lost by rounding to microseconds.
        case when _s.rate is not null then greatest(floor(outbox.rate_left(_s.rate, _h.tat, _now) + 0.001), 0) end);
end
$$;
