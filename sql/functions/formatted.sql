create or replace function outbox.formatted(event outbox.event, format text) returns text
language sql stable parallel safe
as $$
    -- The bytes that an event has in the body of a POST, put together from stored text. The data are never read and written again.
    -- Arguments: event, a row of outbox.event; format, as in outbox.subscription.
    -- Returns: a JSON object, or for raw and cloudevents-binary the data alone.
    -- Touches: select outbox.setting.
    select case formatted.format
        when 'standard' then outbox.body(formatted.event)
        when 'cloudevents' then left(outbox.cloudevent(formatted.event)::text, -1) || ', "data": ' || (formatted.event).data || '}'
        else (formatted.event).data::text
    end
$$;
