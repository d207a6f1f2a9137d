create or replace function outbox.body(event outbox.event) returns text
language sql stable parallel safe
as $$
    -- The bytes of the POST where the subscription has no envelope: what Standard Webhooks asks for (type, timestamp, data),
    -- with the event's uid, its sequence and the object it is about. Put together from stored values by text alone, so that
    -- every attempt sends the same bytes and no number or key order is touched on the way.
    -- Arguments: event, a row of outbox.event.
    -- Returns: a JSON object as text; sequence rises with every change of one object; trace_id is there when the event has one.
    -- Touches: nothing.
    select '{"type":' || to_json((body.event).type)
        || ',"timestamp":"' || to_char((body.event).occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        || '","id":"' || (body.event).uid || '","sequence":' || (body.event).id
        || ',"object":' || coalesce(to_json((body.event).object)::text, 'null')
        || ',"object_id":' || coalesce(to_json((body.event).object_id)::text, 'null')
        || coalesce(',"trace_id":' || to_json((body.event).trace_id), '')
        || ',"data":' || (body.event).data || '}'
$$;
