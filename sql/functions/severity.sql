create or replace function outbox.severity(thresholds interval[], elapsed interval) returns integer
language sql immutable parallel safe
as $$
    -- How bad a failure of this length is: with n thresholds n + 1 before the first is over, one less for each that is, in the end 1.
    -- Arguments: thresholds, outbox.subscription.severity_thresholds, in any order; elapsed, how long it has failed.
    -- Returns: the level; null without thresholds, and when it does not fail.
    -- Touches: nothing.
    select case when elapsed is not null then
        (select cardinality(thresholds) + 1 - (count(*) filter (where t.threshold <= elapsed))::integer from unnest(thresholds) as t (threshold)) end
    where thresholds is not null
$$;
