create or replace function outbox.subscription_settings(subscriptions bigint[]) returns table (
    id bigint, version integer, url text, headers jsonb, identity text, secrets bytea[], concurrency integer,
    deadline_ms double precision, max_attempts integer, backoff_base_ms double precision, backoff_cap_ms double precision
)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    -- What a relay needs to send to subscriptions; it asks when outbox.claim() shows a version that it does not know.
    -- Arguments: subscriptions, their ids.
    -- Returns: one row each, signing secrets included: only outbox_relay may call this.
    -- Touches: select outbox.subscription, outbox.signing_key.
    select s.id, s.version, s.url, s.headers, s.identity,
        array(select k.secret from outbox.signing_key k where k.subscription = s.id order by k.id),
        s.concurrency, extract(epoch from s.deadline)::double precision * 1000, s.max_attempts,
        extract(epoch from s.backoff_base)::double precision * 1000, extract(epoch from s.backoff_cap)::double precision * 1000
    from outbox.subscription s
    where s.id = any (subscription_settings.subscriptions)
$$;
