create or replace function outbox.subscription_settings(subscriptions bigint[]) returns table (
    id bigint, version integer, settings jsonb, secrets bytea[]
)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    -- What a relay needs to send to subscriptions; it asks when outbox.claim() shows a version that it does not know.
    -- Arguments: subscriptions, their ids.
    -- Returns: one row each: settings, by the names of the columns of outbox.subscription, spans of time in milliseconds, and
    --   http_allowed, for what the relay's name of an endpoint leads to; signing secrets: only outbox_relay may call this.
    --   settings.signing_keys says of each secret, in the same order, its kind, the name by which the relay knows one that is null
    --   here, and in how many milliseconds it ends.
    -- Touches: select outbox.subscription, outbox.signing_key, outbox.setting.
    select s.id, s.version,
        jsonb_build_object(
            'url', s.url, 'http_allowed', (select o.http_allowed from outbox.setting o),
            'headers', s.headers, 'identity', s.identity, 'auth', s.auth,
            'format', case when s.envelope is null then s.format else 'envelope' end,
            'concurrency', s.concurrency,
            'connect_deadline', extract(epoch from s.connect_deadline) * 1000, 'deadline', extract(epoch from s.deadline) * 1000,
            'http2', s.http2, 'batch_max', s.batch_max, 'batch_bytes', s.batch_bytes,
            'success_codes', s.success_codes, 'permanent_codes', s.permanent_codes, 'gone_codes', s.gone_codes,
            'immediate_retries', s.immediate_retries,
            'delays', (select jsonb_agg(extract(epoch from d.delay) * 1000 order by d.n) from unnest(s.delays) with ordinality as d (delay, n)),
            'backoff_base', extract(epoch from s.backoff_base) * 1000, 'backoff_cap', extract(epoch from s.backoff_cap) * 1000,
            'max_attempts', s.max_attempts,
            'max_age', extract(epoch from s.max_age) * 1000, 'ttl', extract(epoch from s.ttl) * 1000,
            'signing_keys', k.facts),
        coalesce(k.secrets, '{}')
    from outbox.subscription s cross join lateral (
        -- The newest first: that is the one a receiver tries first.
        select array_agg(k.secret order by k.id desc) as secrets,
            jsonb_agg(jsonb_build_object('kind', k.kind, 'reference', k.reference,
                'retires_in', extract(epoch from k.retires_at - clock_timestamp()) * 1000) order by k.id desc) as facts
        from outbox.signing_key k
        where k.subscription = s.id and (k.retires_at is null or k.retires_at > clock_timestamp())
    ) k
    where s.id = any (subscription_settings.subscriptions)
$$;
