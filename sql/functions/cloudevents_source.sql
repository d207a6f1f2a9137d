create or replace function outbox.cloudevents_source() returns text
language sql stable parallel safe
as $$
    -- The attribute source of CloudEvents: outbox.setting.cloudevents_source, or / and the name of the database.
    -- Returns: a URI-reference.
    -- Touches: select outbox.setting.
    select coalesce((select s.cloudevents_source from outbox.setting s), '/' || (
        select string_agg(case when c.character ~ '^[A-Za-z0-9._~-]$' then c.character
            else regexp_replace(upper(encode(convert_to(c.character, 'UTF8'), 'hex')), '..', '%\&', 'g') end, '' order by c.n)
        from regexp_split_to_table(current_database()::text, '') with ordinality as c (character, n)))
$$;
