create or replace function outbox.resume(
    subscription bigint default null, reason text default null, subscriptions bigint[] default null,
    subscriber text default null, pattern text default null
) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Goes on sending to paused subscriptions, and wakes relays: what was queued meanwhile is sent, or with while_off = 'skip' what comes
-- from now on. One that was failing is failing still, with its counters. Twice is once.
-- Arguments: one id, several, all of a subscriber, or all with this very pattern, as outbox.choose_subscriptions() has them; reason, for
--   outbox.subscription_change and the event: default: outbox.reason of the transaction.
-- Returns: how many were paused and are not any more.
-- Raises: OX025 nothing named; OX008 no such subscription, or it is gone;
--   OX025 one that is named by its id is disabled: outbox.enable() is for that.
-- Locks: the rows of outbox.subscription, in the order of their ids.
-- Touches: update outbox.subscription, and what follows from that: outbox.record_change(); select outbox.subscription_health.
declare
    _before   text := coalesce(current_setting('outbox.reason', true), '');
    _paused   bigint[];
    _disabled bigint;
    _count    integer;
begin
    select array_agg(c.id) filter (where c.status = 'paused'), min(c.id) filter (where c.status = 'disabled') into _paused, _disabled
    from outbox.choose_subscriptions(resume.subscription, resume.subscriptions, resume.subscriber, resume.pattern) c;
    if _disabled is not null and num_nonnulls(resume.subscription, resume.subscriptions) > 0 then
        raise exception 'subscription % is disabled, not paused', _disabled using errcode = 'OX025',
            detail = coalesce((
                select format('By %s at %s', c.changed_by, c.changed_at) || coalesce(': ' || c.reason, '') from outbox.subscription_change c
                where c.subscription = _disabled and c.to_status = 'disabled' order by c.id desc limit 1), 'It was made so.'),
            hint = format('When the cause is mended: select outbox.enable(%s);', _disabled);
    end if;
    perform set_config('outbox.reason', coalesce(resume.reason, _before), true);
    update outbox.subscription s
    set status = case when exists (
            select from outbox.subscription_health h
            where h.subscription = s.id and (h.consecutive_failures >= 3 or h.severity is not null)) then 'failing' else 'active' end
    where s.id = any (_paused);
    get diagnostics _count = row_count;
    perform set_config('outbox.reason', _before, true);
    return _count;
end
$$;
