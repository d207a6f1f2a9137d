-- What the team that owns the tables says about them: which objects there are, what is told of them, and when.
-- This file takes the place of every TriggerEvent() in MilMove's handlers.
\connect - mymove

-- Base64 of the moment as Go prints it (RFC3339Nano: no zeros at the end of the fraction).
create function etag(updated_at timestamptz) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select encode(convert_to(
        rtrim(rtrim(to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), '0'), '.') || 'Z', 'UTF8'), 'base64')
$$;

-- PaymentRequest: a request with its service items --------------------------------------------------------------------

-- Builder for one object: called when the transaction commits, so it sees what all of its statements have made of it.
create function payment_request_payload(_id uuid) returns jsonb
language plpgsql stable security definer
set search_path = public, pg_temp
as $$
begin
    return (
        select jsonb_build_object(
            'id', r.id,
            'isFinal', r.is_final,
            'moveTaskOrderID', r.move_id,
            'paymentRequestNumber', r.payment_request_number,
            'rejectionReason', r.rejection_reason,
            'status', r.status,
            'paymentServiceItems', (
                select coalesce(jsonb_agg(jsonb_build_object(
                    'id', i.id, 'paymentRequestID', i.payment_request_id, 'status', i.status, 'priceCents', i.price_cents)
                    order by i.id), '[]')
                from payment_service_items i where i.payment_request_id = r.id),
            'eTag', etag(r.updated_at))
        from payment_requests r where r.id = _id);
end
$$;

-- Gate: nothing leaves while it does not give true. It may look at any table.
create function payment_request_is_for_prime(_id uuid) returns boolean
language plpgsql stable security definer
set search_path = public, pg_temp
as $$
begin
    return (
        select m.show and m.available_to_prime_at is not null
        from payment_requests r join moves m on m.id = r.move_id where r.id = _id);
end
$$;

-- They read with the rights of mymove, so nobody may call them; define_object() lets the outbox do it.
revoke execute on function payment_request_payload(uuid), payment_request_is_for_prime(uuid) from public;

-- A change of updated_at alone is no news.
select outbox.define_object('PaymentRequest', 'payment_requests', builder => 'payment_request_payload',
    gate => 'payment_request_is_for_prime', ignored_columns => '{updated_at}');
-- A changed service item is a changed request.
select outbox.watch('payment_service_items', 'PaymentRequest', id => 'payment_request_id');

-- MTOShipment: a shipment with its addresses and agents ---------------------------------------------------------------

-- Builder for all objects of a transaction at once: one call for an UPDATE of 20,000 shipments.
create function mto_shipment_payloads(_ids uuid[]) returns table (id uuid, data jsonb)
language plpgsql stable security definer
set search_path = public, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    select s.id, jsonb_build_object(
        'id', s.id,
        'moveTaskOrderID', s.move_id,
        'status', s.status,
        'shipmentType', s.shipment_type,
        'pickupAddress', to_jsonb(p),
        'destinationAddress', to_jsonb(d),
        'agents', (
            select coalesce(jsonb_agg(jsonb_build_object('id', a.id, 'agentType', a.agent_type, 'firstName', a.first_name,
                'lastName', a.last_name, 'email', a.email) order by a.id), '[]')
            from mto_agents a where a.mto_shipment_id = s.id),
        'eTag', etag(s.updated_at))
    from mto_shipments s
        left join lateral (
            select a.id, a.street_address_1 as "streetAddress1", a.city, a.state, a.postal_code as "postalCode"
            from addresses a where a.id = s.pickup_address_id) p on true
        left join lateral (
            select a.id, a.street_address_1 as "streetAddress1", a.city, a.state, a.postal_code as "postalCode"
            from addresses a where a.id = s.destination_address_id) d on true
    where s.id = any (_ids);
end
$$;

create function mto_shipment_is_for_prime(_id uuid) returns boolean
language plpgsql stable security definer
set search_path = public, pg_temp
as $$
begin
    return (
        select m.show and m.available_to_prime_at is not null and not s.uses_external_vendor
        from mto_shipments s join moves m on m.id = s.move_id where s.id = _id);
end
$$;

-- They read with the rights of mymove, so nobody may call them; define_object() lets the outbox do it.
revoke execute on function mto_shipment_payloads(uuid[]), mto_shipment_is_for_prime(uuid) from public;

-- Verbs of its own: an UPDATE that fulfils one of these is that event, and not MTOShipment.Update.
select outbox.define_object('MTOShipment', 'mto_shipments', builder => 'mto_shipment_payloads',
    gate => 'mto_shipment_is_for_prime', ignored_columns => '{updated_at}',
    verbs => '{
        "Shipment.Approve":             "old.status <> new.status and new.status = ''APPROVED''",
        "Shipment.Reject":              "old.status <> new.status and new.status = ''REJECTED''",
        "Shipment.RequestDiversion":    "old.status <> new.status and new.status = ''DIVERSION_REQUESTED''",
        "Shipment.RequestCancellation": "old.status <> new.status and new.status = ''CANCELLATION_REQUESTED''"
    }');
-- A changed agent is a changed shipment; a changed address is a change of each shipment that begins or ends there.
select outbox.watch('mto_agents', 'MTOShipment', id => 'mto_shipment_id');
select outbox.watch('addresses', 'MTOShipment',
    through => 'select s.id from changed c join mto_shipments s on c.id in (s.pickup_address_id, s.destination_address_id)');
