create or replace function outbox.permit_watch(role regrole) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Lets a role that owns tables, and nothing in schema outbox, watch and unwatch them. It can read nothing here by that. But
-- it may give its events the name of any object, also of one that another owner watches: permit only whom subscribers trust.
-- Arguments: role.
-- Touches: grants usage on schema outbox and execute on what outbox.watch() and outbox.unwatch() call.
begin
    execute format('grant usage on schema outbox to %s', permit_watch.role);
    execute format(
        'grant execute on function outbox.watch(regclass, text, text, boolean, integer), outbox.unwatch(regclass, text), '
        'outbox.probe_id(regclass, text), outbox.register_watch(regclass, text, regclass, boolean, integer), '
        'outbox.seal_watch(integer), outbox.lock_for_triggers(regclass, text), outbox.watches_of(regclass), '
        'outbox.forget_watch(integer) to %s', permit_watch.role);
end
$$;
