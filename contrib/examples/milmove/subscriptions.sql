-- Who is told what, where, with which client certificate and in which form. Run by the owner of schema outbox.
-- The URLs are variables, since every stage has its own:
--   psql -v prime=https://primelocal:9443/support/v1/webhook-notify -v audit=https://… -f subscriptions.sql

-- The body that the Prime has always been sent: the object is JSON in a string, and the two times are those of a Go struct
-- that nobody filled. What is null is left out. The order of keys is part of it; jsonb has one of its own, so it is said here.
create function prime_notification(event outbox.event) returns json
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select json_strip_nulls(json_build_object(
        'eventKey', event.type,
        'moveTaskOrderID', event.data -> 'moveTaskOrderID',
        'objectID', event.object_id,
        'traceID', event.trace_id,
        'object', json_strip_nulls(case event.object
            when 'PaymentRequest' then json_build_object(
                'id', event.data -> 'id',
                'isFinal', event.data -> 'isFinal',
                'moveTaskOrderID', event.data -> 'moveTaskOrderID',
                'paymentRequestNumber', event.data -> 'paymentRequestNumber',
                'recalculationOfPaymentRequestID', event.data -> 'recalculationOfPaymentRequestID',
                'rejectionReason', event.data -> 'rejectionReason',
                'status', event.data -> 'status',
                'paymentServiceItems', (
                    select json_agg(json_build_object('id', i -> 'id', 'paymentRequestID', i -> 'paymentRequestID',
                        'status', i -> 'status', 'priceCents', i -> 'priceCents') order by n)
                    from jsonb_array_elements(event.data -> 'paymentServiceItems') with ordinality as items (i, n)),
                'eTag', event.data -> 'eTag')
            when 'MTOShipment' then json_build_object(
                'id', event.data -> 'id',
                'moveTaskOrderID', event.data -> 'moveTaskOrderID',
                'status', event.data -> 'status',
                'shipmentType', event.data -> 'shipmentType',
                'pickupAddress', event.data -> 'pickupAddress',
                'destinationAddress', event.data -> 'destinationAddress',
                'agents', event.data -> 'agents',
                'eTag', event.data -> 'eTag')
        end)::text,
        'createdAt', '0001-01-01T00:00:00.000Z',
        'updatedAt', '0001-01-01T00:00:00.000Z'))
$$;

-- The Prime hears of what others do, not of what it has done itself (exclude_source). Payment requests are tried as MilMove's own
-- client does it: three times at once, then each minute, only 200 will do; after 30 minutes it is more severe, after four hours over.
select outbox.subscribe('Prime McPrime Contractor', 'PaymentRequest.Update', :'prime', identity => 'prime',
    exclude_source => 'prime', envelope => 'public.prime_notification', schedule => 'milmove');
select outbox.subscribe('Prime McPrime Contractor', 'MTOShipment.Update', :'prime', identity => 'prime',
    exclude_source => 'prime', envelope => 'public.prime_notification');
select outbox.subscribe('Prime McPrime Contractor', 'Shipment.Approve', :'prime', identity => 'prime',
    exclude_source => 'prime', envelope => 'public.prime_notification');

-- Somebody else, somewhere else, with another certificate, in the standard form.
select outbox.subscribe('Audit Partner', 'MTOShipment.*', :'audit', identity => 'audit');
