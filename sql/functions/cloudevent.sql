create or replace function outbox.cloudevent(event outbox.event) returns jsonb
language sql stable parallel safe
as $$
    -- The attributes of an event as CloudEvents 1.0.2 names them: the same over all attempts and subscriptions.
    -- Arguments: event, a row of outbox.event.
    -- Returns: an object of name and string. subject and partitionkey are the object's id, where that is a string that CloudEvents
    --   allow (no control characters, no noncharacters); sequence is of 20 digits, so that it sorts as text; traceparent is there
    --   when the transaction has set a valid one.
    -- Touches: select outbox.setting.
    select jsonb_strip_nulls(jsonb_build_object(
        'specversion', '1.0',
        'id', (cloudevent.event).uid,
        'source', outbox.cloudevents_source(),
        'type', (cloudevent.event).type,
        'time', to_char((cloudevent.event).occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'datacontenttype', 'application/json',
        'sequence', lpad((cloudevent.event).id::text, 20, '0'),
        'subject', s.subject,
        'partitionkey', s.subject,
        'traceparent', substring((cloudevent.event).traceparent
            from '^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$')))
    from (
        select case when (cloudevent.event).object_id ~ '^[^\u0001-\u001f\u007f-\u009f\ufdd0-\ufdef\ufffe\uffff]+$'
            then (cloudevent.event).object_id end as subject
    ) s
$$;
