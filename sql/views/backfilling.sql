-- Backfills, the newest first: how far each has come, and how much longer it takes. of is how many rows root had when it began,
-- as Postgres estimates it; eta goes by what was done per second so far, pauses included. One that nobody steps is resumed as
-- remedy says.
create or replace view outbox.backfilling as
select r.id as run, r.object, r.condition, r.subscription,
    case when r.cancelled then 'cancelled' when r.ended_at is not null then 'ended' else 'open' end as state,
    r.walked, r.sent, r.objects as of,
    case when r.ended_at is not null and not r.cancelled then 100
        when r.objects > 0 then least(round(100.0 * r.walked / r.objects, 1), 99.9) end as percent,
    case when r.ended_at is null then make_interval(secs => extract(epoch from r.stepped_at - r.started_at)::double precision
        * greatest(r.objects - r.walked, 0) / nullif(r.walked, 0)) end as eta,
    r.started_at, r.started_by, r.stepped_at, r.ended_at,
    case when r.ended_at is null then format('call outbox.backfill(%L%s%s)', r.object,
        ', ' || quote_literal(r.condition), ', subscription => ' || r.subscription) end as remedy
from outbox.backfill_run r
order by r.id desc;
