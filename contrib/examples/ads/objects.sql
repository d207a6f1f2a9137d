-- One table is one object: a row that comes is Citation.Create, one that goes Citation.Delete.
\connect - ads

select outbox.watch('citations', 'Citation');
