create or replace function outbox.check_batch(
    envelope text, format text, batch_max integer, ordering text
) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- Refuses to put several events into one POST where its body could not be a JSON array of them, or they must go one by one.
-- Arguments: columns of outbox.subscription; envelope has passed outbox.check_envelope().
-- Raises: OX029.
-- Touches: select pg_proc, pg_namespace.
begin
    if check_batch.batch_max > 1 then
        if check_batch.ordering <> 'none' then
            raise exception 'ordering is %, and batch_max is %', check_batch.ordering, check_batch.batch_max using errcode = 'OX029',
                detail = 'What has an order goes one by one, each when the subscriber has taken the one before.',
                hint = 'One of the two: ordering => ''none'', or batch_max => 1.';
        end if;
        if check_batch.envelope is null and check_batch.format = 'cloudevents-binary' then
            raise exception 'a POST in the format cloudevents-binary carries one event, batch_max is %', check_batch.batch_max
                using errcode = 'OX029', detail = 'What CloudEvents say of an event is in the headers then.',
                    hint = 'The format cloudevents can be batched.';
        end if;
        if exists (
            select from pg_proc p join pg_namespace n on n.oid = p.pronamespace
            where array[n.nspname, p.proname]::text[] = parse_ident(check_batch.envelope)
                and p.proargtypes[0] = 'outbox.event'::regtype and p.prorettype = 'text'::regtype)
        then
            raise exception 'envelope % returns text, which need not be JSON, and batch_max is %', check_batch.envelope, check_batch.batch_max
                using errcode = 'OX029', detail = 'The body of a POST of several events is a JSON array.',
                    hint = 'Have it return json: a text is sent as it is by ::json.';
        end if;
    end if;
end
$$;
