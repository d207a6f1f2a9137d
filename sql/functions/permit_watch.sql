create or replace function outbox.permit_watch(role regrole) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Lets a role that owns tables, and nothing in schema outbox, watch and unwatch them. It can read nothing here by that. An
-- object belongs to the owner of the table that was named first: nobody else gives it events. Its builder runs whenever one of its
-- tables is written, as the owner's own triggers would.
-- Arguments: role.
-- Touches: grants usage on schema outbox and execute on what outbox.watch(), outbox.define_object(), outbox.rewatch(),
--   outbox.unwatch() and outbox.backfill() call.
begin
    execute format('grant usage on schema outbox to %s', permit_watch.role);
    execute format(
        'grant execute on function outbox.watch(regclass, text, text, boolean, integer, text[], text[], text, jsonb, text, text, text, text), '
        'outbox.define_object(text, regclass, text, text, text, text, text, text, boolean, text[], text[], text, jsonb, integer, text), '
        'outbox.unwatch(regclass, text), outbox.check_watchable(regclass), outbox.resolve_function(text, text), '
        'outbox.make_through(regclass, text, text, text), outbox.check_called(text, regclass, text, boolean), outbox.let_call(text), '
        'outbox.check_builder(text, regclass), outbox.try_builder(regclass, text, text, text, text), outbox.capture_is_trusted(regclass), outbox.runs_apart(text, regclass), outbox.function_name(text), '
        'outbox.probe_id(regclass, text), outbox.probe_conditions(regclass, text[]), outbox.condition_of(oid), '
        'outbox.register_object(text, regclass, text, text, text, text, text, text, boolean), '
        'outbox.register_watch(regclass, text, regclass, regclass, text[], boolean, integer, text[], text[], text, text, text), '
        'outbox.missing_triggers(regclass, integer), outbox.add_triggers(regclass, integer), outbox.take_over(regclass, text), '
        'outbox.rewatch(regclass), outbox.reopen_watches(regclass), outbox.descendants(regclass), outbox.drop_through(regclass, text), outbox.through_of(text, regclass), outbox.find_function(text), '
        'outbox.seal_watch(integer), outbox.lock_for_triggers(regclass, text), outbox.watches_of(regclass), '
        'outbox.forget_watch(integer) to %s', permit_watch.role);
    execute format(
        'grant execute on routine outbox.backfill(text, text, integer, bigint), outbox.backfill_start(text, text, bigint), outbox.backfill_cancel(bigint), '
        'outbox.backfill_step(bigint, integer, text, text), outbox.backfill_plan(bigint, text), outbox.backfill_lock(bigint, text[]), '
        'outbox.backfill_send(bigint, text, integer, text[], jsonb[], boolean), outbox.explain(text, text) to %s', permit_watch.role);
end
$$;
