create or replace function outbox.doorbell_silence() returns text
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    -- Why commits of this session do not ring. A NOTIFY that fails would fail the application's COMMIT, so it is not tried
    --   * while the queue of notifications fills up, because somebody listens and does not read: full, it fails COMMIT (54000);
    --   * where transactions may be prepared: PREPARE TRANSACTION fails after a NOTIFY, and whether there was one depends
    --     on whether a relay slept. `update outbox.setting set doorbell = 'on'` says that nobody prepares transactions.
    -- A role, session or transaction that does (`set outbox.doorbell = off`) can be quiet by itself.
    -- Arguments: none.
    -- Returns: the reason, or null when they ring.
    -- Touches: select outbox.setting.
    select case
        when current_setting('outbox.doorbell', true) = 'off' then 'outbox.doorbell is off in this session'
        when s.doorbell = 'off' then 'outbox.setting.doorbell is off'
        when coalesce(s.doorbell, 'auto') = 'auto' and current_setting('max_prepared_transactions')::integer > 0
            then 'max_prepared_transactions is not 0, and PREPARE TRANSACTION fails after a NOTIFY; if no application prepares '
                'transactions: update outbox.setting set doorbell = ''on'''
        when pg_notification_queue_usage() > 0.25
            then 'the queue of notifications is filling up: some session listens and does not read'
    end
    from (values (true)) as always left join outbox.setting s on true
$$;
