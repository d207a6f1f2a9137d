-- Who is told what, where and in which form; formerly collector.go and env.yml. Run by the owner of schema outbox.
-- The URLs are variables, named as they always were, since every stage has its own:
--   psql -v CUSTOMER_CENTRAL_SYNC_URI=https://… -v SERVCO_SYNC_URI=https://… … -f subscriptions.sql

-- What the dispatcher's queue carried and every sync service was sent.
create function combined(event outbox.event) returns json
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select json_strip_nulls(json_build_object(
        'eventType', case event.type
            when 'CustomerAccount.Create' then 'CustomerCreate'
            when 'CustomerAccount.Update' then 'CustomerUpdate'
            else 'Subscription_Event'
        end,
        'guid', event.data -> 'guid',
        'vin', event.data -> 'vin',
        'headers', coalesce(event.headers, '{}')))
$$;

-- Customer Central wants the customer's details with it. The sync service that fetched them from OCPR is this function.
create function cc_specified(event outbox.event) returns json
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select json_strip_nulls(json_build_object(
        'guid', event.data -> 'guid',
        'firstName', event.data -> 'first_name',
        'lastName', event.data -> 'last_name',
        'email', event.data -> 'email',
        'correlationId', event.headers -> 'X-CorrelationId'))
$$;

-- The routing table: nine rows.
select outbox.subscribe(subscriber, pattern, url, envelope => envelope)
from (values
    ('Customer Central', 'CustomerAccount.Create',     :'CUSTOMER_CENTRAL_SYNC_URI', 'public.cc_specified'),
    ('Servco',           'CustomerAccount.Create',     :'SERVCO_SYNC_URI',           'public.combined'),
    ('Customer Central', 'CustomerAccount.Update',     :'CUSTOMER_CENTRAL_SYNC_URI', 'public.cc_specified'),
    ('Servco',           'CustomerAccount.Update',     :'SERVCO_SYNC_URI',           'public.combined'),
    ('TC Safety',        'CustomerAccount.Update',     :'TC_SAFETY_SYNC_URI',        'public.combined'),
    ('TC',               'VehicleSubscription.Create', :'TC_SYNC_URI',               'public.combined'),
    ('Servco',           'VehicleSubscription.Create', :'SERVCO_SYNC_URI',           'public.combined'),
    ('TC',               'VehicleSubscription.Update', :'TC_SYNC_URI',               'public.combined'),
    ('Servco',           'VehicleSubscription.Update', :'SERVCO_SYNC_URI',           'public.combined')
) as routes (subscriber, pattern, url, envelope);

-- TC is tried three times in quick succession, so that steps.sql need not wait for its dead letter.
update outbox.subscription set max_attempts = 3, backoff_base = '100 ms', backoff_cap = '100 ms' where subscriber = 'TC';
