-- What the database administrator does, once: two roles, a schema, and leave to watch its tables.
--   video_owner  owns the tables, the builders and the objects; has no right in schema outbox but to watch
--   video_app    what the application logs in as: rights on the tables, none in schema outbox
do $$
begin
    if to_regrole('video_owner') is null then create role video_owner login; end if;
    if to_regrole('video_app') is null then create role video_app login; end if;
exception when duplicate_object or unique_violation then null;   -- somebody else makes them just now
end
$$;
create schema video authorization video_owner;
select outbox.permit_watch('video_owner');
