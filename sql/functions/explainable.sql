create or replace function outbox.explainable(sql text, path text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Refuses what outbox.explain() cannot roll back or cannot look into: anything but one SELECT, VALUES, INSERT, UPDATE, DELETE or
-- MERGE. Postgres judges it: a cursor is opened for one statement only, and before anything runs; PREPARE takes no utility
-- statement. Nothing is executed.
-- Arguments: sql; path, the search_path by which it is understood.
-- Raises: OX018; syntax errors and the like as they are.
-- Touches: nothing.
declare
    _cursor  refcursor;
    _utility boolean := false;
begin
    if explainable.sql is null then
        raise exception 'there is no statement to explain' using errcode = 'OX018',
            hint = 'For example: select * from outbox.explain(''update orders set …'').';
    end if;
    perform pg_catalog.set_config('search_path', explainable.path, true);
    begin
        open _cursor for execute pg_catalog.concat('explain (costs off) ', explainable.sql);
        close _cursor;
    exception
        when invalid_cursor_definition then
            raise exception 'more than one statement' using errcode = 'OX018',
                hint = 'outbox.explain() takes one; a function or a WITH may hold several.';
        when syntax_error then
            -- Is it a statement at all?
            begin
                open _cursor for execute explainable.sql;
                close _cursor;
                _utility := true;
            exception when invalid_cursor_definition then
                _utility := true;
            end;
            if not _utility then
                raise;
            end if;
    end;
    if not _utility then
        begin
            execute pg_catalog.concat('prepare outbox_explained as ', explainable.sql);
            deallocate outbox_explained;
        exception when syntax_error or invalid_prepared_statement_definition then
            _utility := true;
        end;
    end if;
    if _utility then
        raise exception 'not a statement that can be explained: %', pg_catalog.left(explainable.sql, 200) using errcode = 'OX018',
            detail = 'It is SELECT, VALUES, INSERT, UPDATE, DELETE or MERGE. What others do cannot always be rolled back.';
    end if;
end
$$;
