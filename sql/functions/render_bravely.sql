create or replace function outbox.render_bravely(object text, ids text[]) returns outbox.rendered[]
language plpgsql
as $$
-- Renders objects whose errors are to be stored: all at once, and one by one when that fails, so that one that cannot be rendered takes
-- no other with it. What is not the builder's fault is raised all the same: conflicts, which the writer's next try solves, and want of resources.
-- Part of outbox.seal(), with its rights and settings.
-- Arguments: object, ids.
-- Returns: what was rendered, with the error where there is one.
-- Touches: outbox.render() calls builder and gate.
declare
    _rendered outbox.rendered[] := '{}';
    _id       text;
    _message  text;
    _context  text;
begin
    begin
        return array(select r from outbox.render(render_bravely.object, render_bravely.ids) r);
    exception when others then
        if left(sqlstate, 2) in ('40', '53', '57', '58', 'XX') then
            raise;
        end if;
    end;
    foreach _id in array render_bravely.ids loop
        begin
            _rendered := _rendered || array(select r from outbox.render(render_bravely.object, array[_id]) r);
        exception when others then
            if left(sqlstate, 2) in ('40', '53', '57', '58', 'XX') then
                raise;
            end if;
            get stacked diagnostics _message = message_text, _context = pg_exception_context;
            _rendered := _rendered || row(_id, null, left(format('%s: %s (%s)', sqlstate, _message, split_part(_context, E'\n', 1)), 1000))::outbox.rendered;
        end;
    end loop;
    return _rendered;
end
$$;
