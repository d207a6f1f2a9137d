create or replace function outbox.uid_mark() returns text
language sql volatile parallel safe
as $$
    -- The half of an event's uid that another event with the same id would not have: of the clock and of chance, in the form of a random uuid, which
    -- takes 2 us. Nothing that a session sets makes it the same twice. The other half is the id, with the highest bit set. Inlined; every name with its schema.
    -- Arguments: none.
    -- Returns: 16 hexadecimal digits.
    -- Touches: nothing.
    select pg_catalog.to_hex((pg_catalog.hashfloat8extended(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()),
            (pg_catalog.random() operator(pg_catalog.*) 9e18)::bigint)
        operator(pg_catalog.|) '-9223372036854775808'::bigint) operator(pg_catalog.&) '-61441'::bigint operator(pg_catalog.|) '16384'::bigint)
$$;
