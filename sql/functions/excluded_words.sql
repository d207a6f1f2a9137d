create or replace function outbox.excluded_words(source text) returns text
language sql immutable parallel safe
as $$
    -- What the ledger says of an event that a subscription does not get because of who has made the change.
    -- Arguments: source, as in outbox.event.
    -- Returns: a sentence.
    -- Touches: nothing.
    select pg_catalog.concat('made by source ', excluded_words.source, ', which this subscription excludes')
$$;
