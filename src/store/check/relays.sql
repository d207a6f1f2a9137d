-- Relays that were seen, and whether there is something for them to do. $1: how many.
select json_build_object(
    'seen', (select count(*) from outbox.relay),
    'work', exists (select from outbox.delivery),
    'alive', (
        select coalesce(json_agg(json_build_object('name', r.name, 'host', r.host, 'release', r.release, 'doorbell', r.doorbell,
                'age_s', extract(epoch from clock_timestamp() - r.started_at))
            order by r.name), '[]')
        -- A relay reports every 10 s.
        from (
            select r.* from outbox.relay r
            where r.stopped_at is null and r.last_seen_at > clock_timestamp() - interval '35 s'
            order by r.name limit $1
        ) r),
    'last', (
        select json_build_object('seen_s_ago', extract(epoch from clock_timestamp() - r.last_seen_at),
            'stopped_s_ago', extract(epoch from clock_timestamp() - r.stopped_at))
        from outbox.relay r order by greatest(r.last_seen_at, r.stopped_at) desc limit 1),
    'doorbell_setting', (select s.doorbell from outbox.setting s)
)::text
