create or replace function outbox.reach_query(watch integer) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- How to ask the way from changed rows to objects when the table or the function has another name than when the watch was written.
-- Arguments: watch.
-- Returns: a query of ids over $1, the rows as text; null when the function is gone and the object stores errors: then outbox.uncaptured says so.
-- Raises: OX015 when the function is gone and the object's on_error is abort.
-- Touches: select outbox.watch, outbox.object; insert outbox.uncaptured.
declare
    _watch    outbox.watch := (select w from outbox.watch w where w.id = reach_query.watch);
    _function regprocedure := outbox.through_of(_watch.through, _watch.relation);
begin
    if _function is null then
        if (select o.on_error from outbox.object o where o.name = _watch.object) = 'store' then
            -- Once: the way is asked when the rows change and again at the commit.
            insert into outbox.uncaptured (relation, operation, rows)
            select _watch.relation, 'through', 0
            where not exists (
                select from outbox.uncaptured u
                where u.xid = pg_current_xact_id() and u.relation = _watch.relation and u.operation = 'through');
            return null;
        end if;
        raise exception 'function % is not there any more', _watch.through
            using errcode = 'OX015', hint = 'Make it again, or call outbox.watch() with another through.';
    end if;
    return format('select x.id::text collate "C" from %s($1::%s[]) as x (id)', outbox.function_name(_function::text), _watch.relation);
end
$$;
