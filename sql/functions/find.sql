create or replace function outbox.find(webhook_id text) returns table (
    event bigint, event_type text, object text, object_id text, occurred_at timestamptz, trace_id text, data jsonb,
    subscription bigint, subscriber text, endpoint text, delivery bigint, state text, due_at timestamptz,
    attempt integer, started_at timestamptz, duration_ms double precision, class text, status integer, error text, response text
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
-- What happened to a webhook, from the id that the subscriber has seen.
-- Arguments: webhook_id, the value of the webhook-id header; without its subscription part (32 hex digits, or the event's
--   uid) it finds the deliveries of the event to all subscriptions.
-- Returns: one row per attempt, newest last, or one row without attempt; state is the delivery's outcome, or 'due',
--   'waiting' for its next attempt, or without due_at for its turn, 'in flight' or 'held' (paused, disabled) while it is open.
-- Raises: OX011 when this is not a webhook-id.
-- Touches: select on the event, its deliveries and their attempts.
declare
    _text text := lower(trim(find.webhook_id));
    _uid  uuid;
    _key  text;
begin
    if _text !~ '^([0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})(_[0-9a-f]{12})?$' or _text is null then
        raise exception 'not a webhook-id: %', coalesce(quote_literal(left(find.webhook_id, 100)), 'NULL')
            using errcode = 'OX011', hint = case when _text like 'batch\_%'
                then 'It names a POST of several events: look for one of them, by the id in its element of the body.'
                else 'It is 32 hex digits, _ and 12 hex digits: the header webhook-id.' end;
    end if;
    _uid := split_part(_text, '_', 1)::uuid;
    _key := nullif(split_part(_text, '_', 2), '');
    return query
    with found as (
        select e.slot, e.id, e.type, e.object, e.object_id, e.occurred_at, e.trace_id, e.data from outbox.event e
        where e.slot = any ('{0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15}') and e.id = outbox.event_of(_uid) and e.uid = _uid
    ), sent as (
        select d.subscription, d.id as delivery from found f join outbox.delivery d on d.event_id = f.id and d.event_slot = mod(f.slot, 8::smallint)
        union
        select a.subscription, a.delivery from found f join outbox.attempt a on a.event_id = f.id
    )
    select f.id, f.type, f.object, f.object_id, f.occurred_at, f.trace_id, f.data,
        s.id, s.subscriber, outbox.endpoint(s.url), t.delivery,
        case
            when d.id is null then (
                select b.outcome from outbox.attempt b
                where b.event_id = f.id and b.subscription = t.subscription and b.delivery = t.delivery and b.outcome is not null
                order by b.id desc limit 1)
            when d.leased_by is not null and d.due_at > clock_timestamp() then 'in flight'
            when s.status not in ('active', 'failing') then 'held'
            when d.due_at > clock_timestamp() then 'waiting'
            else 'due'
        end,
        nullif(d.due_at, 'infinity'), a.attempt, a.started_at, a.duration_ms, a.class, a.status, a.error, a.response
    from found f
        cross join sent t
        join outbox.subscription s on s.id = t.subscription and (_key is null or s.key = _key)
        left join outbox.delivery d on d.id = t.delivery
        left join outbox.attempt a on a.event_id = f.id and a.subscription = t.subscription and a.delivery = t.delivery
    order by s.id, t.delivery, a.id;
end
$$;
