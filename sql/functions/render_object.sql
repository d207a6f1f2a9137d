create or replace function outbox.render_object(object text, touched outbox.touched[], heads outbox.object_head[]) returns boolean
language plpgsql
as $$
-- Renders what was touched of one object with a builder, set-based, under the locks of outbox.lock_heads(), and writes its events. Part of
-- outbox.seal(), with its rights and settings.
-- Arguments: object; touched, what the transaction has touched, of whatever object; heads, what outbox.lock_heads() returned.
-- Returns: whether a delivery was made.
-- Raises: whatever builder or gate raise, where the object says abort; where it says store, the event has the error instead of data.
-- Touches: select outbox.object; outbox.render() calls builder and gate; outbox.write_rendered() writes.
declare
    _object   outbox.object := (select o from outbox.object o where o.name = render_object.object);
    _asked    text[] := array(select t.object_id from unnest(render_object.touched) t where t.object = render_object.object and t.last_op is distinct from 'D');
    _rendered outbox.rendered[];
begin
    if cardinality(_asked) > 0 then
        if _object.on_error = 'abort' then
            _rendered := array(select r from outbox.render(_object.name, _asked) r);
        else
            _rendered := outbox.render_bravely(_object.name, _asked);
        end if;
    end if;
    return outbox.write_rendered(_object, render_object.touched, render_object.heads, _rendered);
end
$$;
