create or replace function outbox.webhook_id(event_uid uuid, subscription_key text) returns text
language sql immutable parallel safe
as $$
    -- The webhook-id header: the same over all attempts, retries and replays of one event to one subscription, and
    -- reversible by outbox.find(). It is derived, so that it need not be stored with every open delivery.
    -- Arguments: event_uid; subscription_key, as in outbox.subscription.key.
    -- Returns: 32 hex digits, _, 12 hex digits.
    -- Touches: nothing.
    select replace(webhook_id.event_uid::text, '-', '') || '_' || webhook_id.subscription_key
$$;
