create or replace function outbox.judge_subscriptions(subscriptions bigint[]) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Changes the status of subscriptions to what their health says, from active or failing, which are no more than that:
--   active    when the last attempt was delivered
--   failing   after three failures in a row, with severity_thresholds after the first
--   disabled  when severity has come to 1; when as many deliveries in a row as disable_after_failures have ended dead; when three
--             failures or more lie further apart than disable_after
-- paused and disabled are left by people only.
--
-- A subscriber that fails and recovers in turns would rewrite a row that all writers read, and tell of it, all the time. So after a
-- recovery it is not failing again for a minute: two changes a minute are the most there can be, whatever is sent to it. Hence
-- events about subscriptions cannot feed each other either.
--
-- Nobody is waited for: a row that somebody is editing is left as it is, and looked at again with the next outcome, or by
-- outbox.keep_subscriptions(). Nor does an error, as a trigger of somebody else may raise it, keep outcomes from being recorded.
--
-- Arguments: subscriptions to look at.
-- Returns: the changes, an array of objects: subscription, subscriber, from, to, reason, severity; null when there are none.
-- Locks: the rows of outbox.subscription that change, in the order of their ids, FOR NO KEY UPDATE SKIP LOCKED.
-- Touches: update outbox.subscription; select outbox.subscription_health, outbox.subscription_change.
declare
    _before  text := coalesce(current_setting('outbox.reason', true), '');
    _changes jsonb;
    _one     record;
begin
    for _one in
        select s.id, s.subscriber, s.status, j.status as to_status, h.severity,
            case
                when j.status = 'active' then 'an attempt was delivered'
                when j.status = 'failing' then format('%s in a row: %s',
                    case h.consecutive_failures when 1 then '1 failure' else h.consecutive_failures || ' failures' end, e.error)
                when h.severity = 1 then format('severity 1, failing for %s: %s', e.span, e.error)
                when h.dead_in_a_row >= s.disable_after_failures then format('%s in a row ended dead (disable_after_failures): %s',
                    case h.dead_in_a_row when 1 then '1 delivery' else h.dead_in_a_row || ' deliveries' end, e.error)
                else format('failing for %s (disable_after): %s', e.span, e.error)
            end as reason
        from outbox.subscription_health h
            join outbox.subscription s on s.id = h.subscription
            cross join lateral (
                select coalesce(h.last_error, 'status ' || h.last_status, h.last_class, 'unknown') as error,
                    date_trunc('second', h.last_failure_at - h.failing_since) as span
            ) e
            cross join lateral (
                select case
                    when h.consecutive_failures = 0 then 'active'
                    when h.severity = 1 or h.dead_in_a_row >= s.disable_after_failures
                        or h.consecutive_failures >= 3 and h.last_failure_at - h.failing_since >= s.disable_after then 'disabled'
                    when s.status = 'active' and (h.consecutive_failures >= 3 or h.consecutive_failures > 0 and s.severity_thresholds is not null)
                        and not coalesce((
                            select c.from_status = 'failing' and c.to_status = 'active' and c.changed_at > clock_timestamp() - interval '1 minute'
                            from outbox.subscription_change c where c.subscription = s.id order by c.id desc limit 1), false)
                    then 'failing'
                    else s.status
                end as status
            ) j
        where h.subscription = any (judge_subscriptions.subscriptions) and s.status in ('active', 'failing') and j.status <> s.status
        order by s.id
        for no key update of s skip locked
    loop
        begin
            perform set_config('outbox.reason', _one.reason, true);
            update outbox.subscription s set status = _one.to_status where s.id = _one.id;
            perform set_config('outbox.reason', _before, true);
            _changes := coalesce(_changes, '[]') || jsonb_build_object('subscription', _one.id, 'subscriber', _one.subscriber,
                'from', _one.status, 'to', _one.to_status, 'reason', _one.reason, 'severity', _one.severity);
        exception when others then
            raise warning 'subscription % stays %, though %: %', _one.id, _one.status, _one.reason, sqlerrm;
        end;
    end loop;
    return _changes;
end
$$;
