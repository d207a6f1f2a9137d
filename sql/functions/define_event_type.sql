create or replace function outbox.define_event_type(name text, description text default '') returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Puts an event type into the catalogue, so that emit and subscriptions may name it. Twice is once; a new description
-- replaces the old one.
-- Arguments: name, words joined by dots (Invoice.Overdue); description, for people.
-- Raises: OX005 when the name is not well formed.
-- Touches: insert or update outbox.event_type.
begin
    if define_event_type.name is null
        or define_event_type.name !~ '^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$'
        or length(define_event_type.name) > 200
    then
        raise exception 'not an event type: %', coalesce(quote_literal(left(define_event_type.name, 200)), 'NULL')
            using errcode = 'OX005',
                detail = 'An event type is words of letters, digits and _ joined by dots, at most 200 characters.',
                hint = 'For example Order.Paid.';
    end if;
    insert into outbox.event_type as t (name, description)
    values (define_event_type.name, coalesce(define_event_type.description, ''))
    on conflict on constraint event_type_pkey do update set description = excluded.description
        where excluded.description not in ('', t.description);
end
$$;
