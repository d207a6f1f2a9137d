create or replace function outbox.repair(
    action text, reason text default null, deliveries bigint[] default null, subscription bigint default null,
    subscriber text default null, event_type text default null, object text default null, object_id text default null,
    filter jsonb default null, "from" timestamptz default null, "to" timestamptz default null, state text default 'all',
    dry_run boolean default true, batch integer default 10000
) returns table (subscription_id bigint, subscriber_name text, dead bigint, waiting bigint, under_way bigint, done bigint)
language plpgsql security definer
set search_path = pg_catalog, pg_temp set enable_nestloop = off set jit = off
as $$
-- Retries, skips or cancels many deliveries: all that fulfil every condition given. At first it only counts; with
-- dry_run => false it does it, to the oldest `batch` of them in one transaction, and says when there are more: call it again. Ids and
-- webhook-ids stay. What is being sent at this moment is counted and left alone.
-- Arguments:
--   action        retry, skip or cancel: as the functions of these names
--   reason        for the ledger; skip and cancel need one
--   deliveries    these; subscription, subscriber: those of it
--   event_type    an event type, Order.*, or *, which is all; object, object_id: events of this object
--   filter        events whose data contain this; "from", "to": events that occurred from then on, and before then
--   state         dead (dead letters), open, or all
--   dry_run       only count; batch: how many at most, 1 to 100000
-- Returns: per subscription how many there are: dead, waiting and under way; done, how many it was done to. Of those that wait a retry
--   counts the ones that are not due yet.
-- Raises: OX031 an action, state or batch that there is not, or no condition at all; OX032 reason; OX001, OX005 event_type; OX008 a
--   subscription, subscriber or delivery that there is not.
-- Locks: what it changes, in the order of ids.
-- Touches: select outbox.delivery, outbox.dead_letter, outbox.event, outbox.subscription; see outbox.reopen(),
--   outbox.end_deliveries().
declare
    _of        bigint[];
    _query     text;
    _words     text;
    _lost      bigint[];
    _to        bigint[];
    _dead      bigint[];
    _waiting   bigint[];
    _under_way bigint[];
    _ids       bigint[] := '{}';
    _ids_to    bigint[];
    _done      bigint[] := '{}';
begin
    if repair.action is null or repair.action not in ('retry', 'skip', 'cancel') then
        raise exception 'not a repair: %', coalesce(quote_literal(left(repair.action, 100)), 'NULL') using errcode = 'OX031',
            detail = 'It is retry, skip or cancel. To send what was delivered again: outbox.replay().';
    elsif repair.state is null or repair.state not in ('dead', 'open', 'all') then
        raise exception 'not a state: %', coalesce(quote_literal(left(repair.state, 100)), 'NULL') using errcode = 'OX031',
            detail = 'It is dead, open or all.';
    elsif repair.batch is null or repair.batch not between 1 and 100000 then
        raise exception 'batch is out of range: %', coalesce(repair.batch::text, 'NULL') using errcode = 'OX031',
            detail = 'It is 1 to 100000 deliveries.';
    elsif num_nonnulls(repair.deliveries, repair.subscription, repair.subscriber, repair.event_type, repair.object,
        repair.object_id, repair.filter, repair."from", repair."to") = 0
    then
        raise exception 'nothing says which deliveries' using errcode = 'OX031',
            hint = 'For example subscriber => ''acme''. All there are: event_type => ''*''.';
    end if;
    _words := outbox.by_hand(case repair.action when 'skip' then 'skipped' when 'cancel' then 'cancelled' else 'sent again' end,
        repair.reason, repair.action <> 'retry' and repair.dry_run is not true);
    _of := outbox.require_subscriptions(repair.subscription, repair.subscriber);
    if repair.event_type is not null then
        perform outbox.require_event_type(repair.event_type);
    end if;
    if repair.deliveries is not null then
        _lost := array(
            select i.id from unnest(repair.deliveries) as i (id)
            where not exists (select from outbox.delivery d where d.id = i.id)
                and not exists (select from outbox.dead_letter l where l.delivery = i.id)
            order by i.id limit 10);
        if _lost <> '{}' then
            raise exception 'deliveries that are neither open nor dead letters: %', array_to_string(_lost, ', ', 'NULL')
                using errcode = 'OX008', hint = 'What became of them is in outbox.delivery_history.';
        end if;
    end if;
    _query := concat(
        'select o.id, o.subscription, o.state from (
            select d.id, d.subscription, d.event_slot, d.event_id, d.due_at,
                case when d.leased_by is not null and d.due_at > clock_timestamp() then ''under way'' else ''waiting'' end as state
            from outbox.delivery d
            union all
            select l.delivery, l.subscription, l.event_slot, l.event_id, null, ''dead'' from outbox.dead_letter l) o ',
        -- No event is looked up that nothing is asked about; those that are gone fulfil no condition.
        case when num_nonnulls(nullif(repair.event_type, '*'), repair.object, repair.object_id, repair.filter, repair."from",
            repair."to") > 0 then
            'cross join lateral (
                select e.* from outbox.event e
                where e.slot = any (array[o.event_slot, (o.event_slot + 8)::smallint]) and e.id = o.event_id limit 1) e ' end,
        'where true',
        case repair.state when 'dead' then ' and o.state = ''dead''' when 'open' then ' and o.state <> ''dead''' end,
        case when repair.action = 'retry' then ' and (o.state <> ''waiting'' or o.due_at > clock_timestamp())
            and exists (select from outbox.subscription s where s.id = o.subscription and s.status <> ''gone'')' end,
        case when repair.deliveries is not null then ' and o.id = any ($1)' end,
        case when _of is not null then ' and o.subscription = any ($2)' end,
        case when repair.event_type <> '*' then ' and $3 = any (outbox.patterns(e.type))' end,
        case when repair.object is not null then ' and e.object = $4' end,
        case when repair.object_id is not null then ' and e.object_id = outbox.short_id($5)' end,
        case when repair.filter is not null then ' and e.data @> $6' end,
        case when repair."from" is not null then ' and e.occurred_at >= $7' end,
        case when repair."to" is not null then ' and e.occurred_at < $8' end);
    execute format(
        'select array_agg(c.subscription), array_agg(c.dead), array_agg(c.waiting), array_agg(c.under_way)
         from (
            select q.subscription, count(*) filter (where q.state = ''dead'') as dead,
                count(*) filter (where q.state = ''waiting'') as waiting, count(*) filter (where q.state = ''under way'') as under_way
            from (%s) q group by q.subscription) c', _query)
        into _to, _dead, _waiting, _under_way
        using repair.deliveries, _of, repair.event_type, repair.object, repair.object_id, repair.filter, repair."from", repair."to";
    if repair.dry_run is not true then
        execute format(
            'select coalesce(array_agg(p.id), ''{}''), array_agg(p.subscription)
             from (select q.id, q.subscription from (%s) q where q.state <> ''under way'' order by q.id limit $9) p', _query)
            into _ids, _ids_to
            using repair.deliveries, _of, repair.event_type, repair.object, repair.object_id, repair.filter, repair."from",
                repair."to", repair.batch;
        if repair.action = 'retry' then
            _done := outbox.reopen(_ids, repair.reason);
            perform outbox.ring();
        else
            _done := outbox.end_deliveries(_ids, split_part(_words, ' ', 1), array[_words]);
        end if;
        if cardinality(_ids) = repair.batch then
            raise notice 'done to %; there may be more: call it again', repair.batch;
        end if;
    end if;
    return query
    select s.id, s.subscriber, c.dead, c.waiting, c.under_way, coalesce(d.done, 0)
    from unnest(_to, _dead, _waiting, _under_way) as c (subscription, dead, waiting, under_way)
        left join outbox.subscription s on s.id = c.subscription
        left join (
            select i.subscription, count(*) as done
            from unnest(_ids, _ids_to) as i (id, subscription) join unnest(_done) as n (id) on n.id = i.id
            group by i.subscription
        ) d on d.subscription = c.subscription
    order by s.id;
end
$$;
