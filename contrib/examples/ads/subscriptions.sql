-- Who is told what, where and in which form. Run by the owner of schema outbox. The URLs are variables:
--   psql -v zenodo=https://… -v aas=https://… -v joss=https://… -v y=https://… -v z=https://… -f subscriptions.sql

-- Events that providers publish. One that is not here cannot be published, nor subscribed to.
select outbox.define_event_type('citation.software.detected', 'Software was cited');
select outbox.define_event_type('citation.paper.detected', 'A paper was cited');

-- The body that subscribers of the ADS have always been sent: DEFAULT_EVENT_DATA with the payload in it.
create function ads_event(event outbox.event) returns json
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select json_strip_nulls(json_build_object(
        'id', event.id,
        'event', case event.type
            when 'Citation.Create' then 'relation_added'
            when 'Citation.Delete' then 'relation_deleted'
            else event.type
        end,
        'creator', 'ADS',
        'source', 'ADS.Discovery',
        'description', 'ADS citation events',
        'time', extract(epoch from event.occurred_at)::text,
        'payload', event.data))
$$;

-- Only 200 is a success to the ADS. Wildcards were in its first version.
select outbox.subscribe(subscriber, pattern, url, envelope => 'public.ads_event', success_codes => '{200}')
from (values
    ('zenodo', 'citation.software.detected', :'zenodo'),
    ('aas',    'citation.*',                 :'aas'),
    ('joss',   'citation.software.*',        :'joss')
) as feeds (subscriber, pattern, url);

-- y answers within half a second or has failed.
select outbox.subscribe('y', 'Citation.Create', :'y', envelope => 'public.ads_event', success_codes => '{200}',
    deadline => '500 ms', max_attempts => 1);

-- z is switched off after five events in a row that it did not take, each tried once. What comes meanwhile is kept for it.
select outbox.subscribe('z', 'Citation.Delete', :'z', envelope => 'public.ads_event', success_codes => '{200}',
    deadline => '500 ms', max_attempts => 1, disable_after_failures => 5);
