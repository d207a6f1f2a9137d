create or replace function outbox.define_object(
    object text, root regclass, builder text default null, gate text default null, id text default null,
    mode text default 'transaction', data text default 'full', on_error text default 'abort', history boolean default false,
    only_columns text[] default null, ignored_columns text[] default null, condition text default null, verbs jsonb default null,
    row_bytes_max integer default 262144, path text default pg_catalog.current_setting('search_path')
) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Defines an object that is more than the row of a table: a builder makes its data of whatever belongs to it, once per transaction, when
-- that commits. Root is watched by it; members are added by outbox.watch(). Twice is once; other arguments change the object.
-- Arguments:
--   object    the name subscribers see, one word (Shipment)
--   root      the table whose rows are the objects, of the caller's: INSERT is Create, DELETE is Delete, all else Update
--   builder   a function of an id that returns jsonb, or of an array of ids that returns rows of id and jsonb (faster where many objects
--             change at once), or a view of id and jsonb; default: the row of root is the data
--   gate      a function of an id that returns boolean: there are events of the object only while it gives true
--   on_error  what an error of builder or gate does: abort the writer's transaction, or store the event with the error
--   the others as in outbox.watch(), for root
-- NULL from builder or gate is no event. Where root's owner could not become owner of schema outbox, builder and gate are SECURITY DEFINER
-- functions of a role that the caller is, and no view is taken.
-- Returns: the id of root's watch.
-- Raises: OX002, OX003, OX004, OX005, OX009, OX010 as outbox.watch(); OX015 builder, gate, or settings that exclude each other.
-- Touches: calls builder and gate once, on a row of root; outbox.register_object() writes the catalogue, outbox.watch() the rest.
declare
    _builder text;
    _kind    text;
    _gate    text;
begin
    perform outbox.check_watchable(define_object.root);
    if define_object.builder is not null then
        _builder := coalesce(outbox.resolve_function(define_object.builder, define_object.path), define_object.builder);
        _kind := outbox.check_builder(_builder, define_object.root);
        perform outbox.let_call(_builder);
    end if;
    if define_object.gate is not null then
        if define_object.builder is null then
            raise exception 'object % has a gate and no builder', define_object.object using errcode = 'OX015',
                hint = 'For one table give a condition: outbox.watch(…, condition => ''new.shown'').';
        end if;
        _gate := coalesce(outbox.resolve_function(define_object.gate, define_object.path), define_object.gate);
        perform outbox.check_called(_gate, define_object.root, 'gate', false);
        perform outbox.let_call(_gate);
    end if;
    if _builder is not null then
        perform outbox.try_builder(define_object.root, define_object.id, _builder, _kind, _gate);
    end if;
    perform outbox.register_object(define_object.object, define_object.root, _builder, _kind, _gate, define_object.mode, define_object.data,
        define_object.on_error, define_object.history);
    return outbox.watch(define_object.root, define_object.object, id => define_object.id, row_bytes_max => define_object.row_bytes_max,
        only_columns => define_object.only_columns, ignored_columns => define_object.ignored_columns, condition => define_object.condition,
        verbs => define_object.verbs, path => define_object.path);
end
$$;
