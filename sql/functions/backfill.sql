create or replace procedure outbox.backfill(
    object text, condition text default null, batch integer default 1000, subscription bigint default null
)
language plpgsql
as $$
-- Sends the objects that exist as events <object>.Snapshot to whoever wants these, batch by batch, and commits after each. Called
-- again with the same object, condition and subscription it goes on where it was, whatever ended it; after it has come to its end it begins
-- anew. Without SET, which would forbid COMMIT: every name comes with its schema, and the condition is understood by the caller's
-- search_path.
-- Arguments: object, of a table the caller owns; condition, an expression over the columns of its root, without old and new;
--   batch, how many rows at a time; subscription, only to this one, whatever types its pattern names: one that is new, say. What else
--   narrows it down holds.
-- Raises: 2D000 inside a transaction block: there outbox.backfill_step() does one batch; else as outbox.backfill_start() and
--   outbox.backfill_step().
-- Touches: see outbox.backfill_step().
declare
    _run bigint;
begin
    -- Says so at once where it may not commit.
    commit;
    _run := outbox.backfill_start(backfill.object, backfill.condition, backfill.subscription);
    loop
        commit;
        exit when outbox.backfill_step(_run, backfill.batch, backfill.condition) is null;
    end loop;
    commit;
end
$$;
