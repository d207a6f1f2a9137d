create or replace function outbox.body(
    type text, occurred_at timestamptz, uid uuid, id bigint, object text, object_id text, data jsonb
) returns text
language sql stable parallel safe
as $$
    -- The bytes of the POST: what Standard Webhooks asks for (type, timestamp, data), with the event's uid, its sequence and
    -- the object it is about. Put together from stored values by text alone, so that every attempt sends the same bytes and
    -- no number or key order is touched on the way.
    -- Arguments: the columns of outbox.event.
    -- Returns: a JSON object as text; sequence rises with every change of one object.
    -- Touches: nothing.
    select '{"type":' || to_json(body.type)
        || ',"timestamp":"' || to_char(body.occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        || '","id":"' || body.uid || '","sequence":' || body.id
        || ',"object":' || coalesce(to_json(body.object)::text, 'null')
        || ',"object_id":' || coalesce(to_json(body.object_id)::text, 'null')
        || ',"data":' || body.data || '}'
$$;
