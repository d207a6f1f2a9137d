create or replace function outbox.why(event text, subscription bigint default null) returns table (
    event_id bigint, event_type text, object text, object_id text, occurred_at timestamptz,
    subscription_id bigint, subscriber text, state text, reason text
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
-- Why a subscription got an event of the past, or did not.
-- Arguments: event, the webhook-id that the subscriber has seen, the uid or the number of the event; subscription, its id;
--   default: the one that the webhook-id names, or else all.
-- Returns: one row per subscription: state is the outcome, or 'due', 'waiting' for its next attempt, 'in flight', 'held' (paused,
--   disabled) or 'fanning out' while it is open, and 'none' where there was never a delivery.
-- Raises: OX008 no such subscription; OX011 not an event, or none that is kept.
-- Touches: select on the event, its deliveries and attempts, outbox.fan_out, outbox.subscription.
#variable_conflict use_column
declare
    _text  text := lower(trim(why.event));
    _event outbox.event;
    _key   text;
begin
    if _text ~ '^[0-9]{1,18}$' then
        select e.* into _event from outbox.event e
        where e.slot = any (array[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]::smallint[]) and e.id = _text::bigint;
    elsif _text ~ '^([0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})(_[0-9a-f]{12})?$' then
        select e.* into _event from outbox.event e
        where e.slot = any ('{0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15}') and e.id = outbox.event_of(split_part(_text, '_', 1)::uuid)
            and e.uid = split_part(_text, '_', 1)::uuid;
        _key := nullif(split_part(_text, '_', 2), '');
    else
        raise exception 'not an event: %', coalesce(quote_literal(left(why.event, 100)), 'NULL')
            using errcode = 'OX011', hint = 'It is the header webhook-id, the event''s uid, or its number.';
    end if;
    if _event.id is null then
        raise exception 'there is no event %', _text using errcode = 'OX011',
            detail = 'It was not committed, or nobody wanted it, or it is older than outbox.setting.retention.';
    end if;
    if why.subscription is not null and not exists (select from outbox.subscription s where s.id = why.subscription) then
        raise exception 'there is no subscription %', why.subscription using errcode = 'OX008';
    end if;
    return query
    select _event.id, _event.type, _event.object, _event.object_id, _event.occurred_at, s.id, s.subscriber,
        case
            when d.id is not null and d.leased_by is not null and d.due_at > clock_timestamp() then 'in flight'
            when d.id is not null and s.status not in ('active', 'failing') then 'held'
            when d.id is not null and d.due_at > clock_timestamp() then 'waiting'
            when d.id is not null then 'due'
            when o.outcome is not null then o.outcome
            when f.event_id is not null and m.why_not is null then 'fanning out'
            else 'none'
        end,
        case
            when d.id is not null then concat_ws(', ',
                case when s.status not in ('active', 'failing') then 'the subscription is ' || s.status end,
                case when l.id is null then 'not tried yet' when l.class is null then l.error
                    else format('attempt %s: %s', l.attempt, coalesce(l.error, 'status ' || l.status, l.class)) end,
                case when d.due_at > clock_timestamp() and d.leased_by is null then 'next at ' || d.due_at end)
            when o.outcome = 'delivered' then format('attempt %s, status %s, at %s', o.attempt, o.status, o.started_at)
            when o.outcome is not null then coalesce(o.error, 'status ' || o.status, o.class, 'no reason on record')
            when _event.error is not null then 'the event has no data: ' || _event.error
            when f.event_id is not null and m.why_not is null then 'very many subscriptions want it: a relay makes the delivery'
            when s.created_at > _event.occurred_at then format('the subscription was made later, at %s', s.created_at)
            when s.updated_at > greatest(_event.occurred_at, s.created_at)
                then format('the subscription was changed at %s; as it is now: %s', s.updated_at, coalesce(m.why_not,
                    'it matches'))
            else coalesce(m.why_not, 'it matches, and nothing is on record')
        end
    from outbox.subscription s
        cross join lateral outbox.mismatch(s.pattern, s.object_id, s.filter, s.filter_path, s.exclude_source, s.status,
            _event.type, _event.data, _event.object_id, _event.source) as m (why_not)
        left join lateral (
            select i.* from outbox.delivery i
            where i.subscription = s.id and i.event_id = _event.id and i.event_slot = mod(_event.slot, 8::smallint)
                order by i.id desc limit 1
        ) d on true
        left join lateral (
            select a.* from outbox.attempt a
            where a.event_id = _event.id and a.subscription = s.id and a.outcome is not null order by a.id desc limit 1
        ) o on true
        left join lateral (
            select a.* from outbox.attempt a
            where a.event_id = _event.id and a.subscription = s.id and a.delivery = d.id order by a.id desc limit 1
        ) l on true
        left join outbox.fan_out f on f.event_id = _event.id and f.event_slot = mod(_event.slot, 8::smallint)
            and f.walked_to < s.id
    where case when why.subscription is not null then s.id = why.subscription when _key is not null then s.key = _key
        else s.status <> 'gone' or o.outcome is not null or d.id is not null end
    order by s.id;
end
$$;
