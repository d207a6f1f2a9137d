-- Whoever changed what, noted by triggers that know nothing of outboxd: which transaction touched which object. Played as a superuser.
--
-- Each statement is looked at twice, before and after outboxd's own triggers (by name: aa_ fires before zz_outbox_, zzz_ after it), and
-- once more each when the transaction commits. Somebody else may commit a new link in between, under READ COMMITTED. What both
-- looks at the statement have seen must have become an event, and what no look has seen must not.
create schema audit;
create table audit.pair (
    xid       xid8,
    moment    text,
    object    text,
    object_id text,
    primary key (xid, object, object_id, moment)
);
-- What became of the objects' own rows: I inserted, D deleted.
create table audit.root_change (
    id        bigint generated always as identity primary key,
    xid       xid8    not null default pg_current_xact_id(),
    object    text    not null,
    object_id text    not null,
    op        "char"  not null
);
create index on audit.root_change (xid, object, object_id);
-- Changed rows whose objects are found by way of other tables, to be looked at again.
create table audit.changed (
    id       bigint generated always as identity primary key,
    xid      xid8  not null default pg_current_xact_id(),
    relation text  not null,
    rows     jsonb not null
);
-- What there was before the first transaction.
create table audit.beginning (
    object    text,
    object_id text,
    primary key (object, object_id)
);
insert into audit.beginning
    select 'Film', id from video.film union all select 'Customer', id from video.customer union all select 'Rental', id from video.rental;

-- The objects that rows of a table are part of.
create function audit.objects_of(relation text, changed jsonb) returns table (object text, object_id integer)
language sql stable
as $$
    with this as (select r, (r ->> 'id')::integer as id from jsonb_array_elements(changed) as r)
    select initcap(relation), id from this where relation in ('film', 'customer', 'rental')
    union select 'Film', (r ->> 'film_id')::integer from this where relation in ('film_actor', 'film_category')
    union select 'Rental', (r ->> 'rental_id')::integer from this where relation = 'payment'
    union select 'Film', film_id from video.film_actor where relation = 'actor' and actor_id in (select id from this)
    union select 'Film', film_id from video.film_category where relation = 'category' and category_id in (select id from this)
    union select 'Film', id from video.film where relation = 'language' and language_id in (select id from this)
    union select 'Customer', id from video.customer where address_id in (
        select id from this where relation = 'address'
        union select id from video.address where relation = 'city' and city_id in (select id from this)
        union select id from video.address where relation = 'country' and city_id in (
            select id from video.city where country_id in (select id from this)))
    union select 'Rental', id from video.rental where inventory_id in (
        select id from this where relation = 'inventory'
        union select id from video.inventory where relation = 'film.title' and film_id in (select id from this))
$$;

create function audit.note() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    _relation text := tg_table_name;
    _old jsonb := '[]';
    _new jsonb := '[]';
    _changed jsonb;
begin
    if tg_op <> 'INSERT' then _old := (select coalesce(jsonb_agg(to_jsonb(o)), '[]') from old_rows o); end if;
    if tg_op <> 'DELETE' then _new := (select coalesce(jsonb_agg(to_jsonb(n)), '[]') from new_rows n); end if;
    if tg_argv[1] = 'title' then
        _relation := 'film.title';
        _old := (select coalesce(jsonb_agg(jsonb_build_object('id', r -> 'id', 'title', r -> 'title')), '[]') from jsonb_array_elements(_old) r);
        _new := (select coalesce(jsonb_agg(jsonb_build_object('id', r -> 'id', 'title', r -> 'title')), '[]') from jsonb_array_elements(_new) r);
    end if;
    -- Rows that are the same before and after have not changed.
    _changed := (
        select coalesce(jsonb_agg(r), '[]') from (
            (select r from jsonb_array_elements(_old) r except all select r from jsonb_array_elements(_new) r)
            union all
            (select r from jsonb_array_elements(_new) r except all select r from jsonb_array_elements(_old) r)) as difference (r));
    insert into audit.pair
        select pg_current_xact_id(), tg_argv[0], o.object, o.object_id from audit.objects_of(_relation, _changed) o
        on conflict do nothing;
    if _changed <> '[]' and _relation in ('actor', 'category', 'language', 'address', 'city', 'country', 'inventory', 'film.title') then
        insert into audit.changed (relation, rows) values (_relation, _changed);
    end if;
    if tg_argv[0] = 'before' and _relation in ('film', 'customer', 'rental') then
        insert into audit.root_change (object, object_id, op)
            select initcap(_relation), o ->> 'id', 'D' from jsonb_array_elements(_old) o
                where o -> 'id' not in (select n -> 'id' from jsonb_array_elements(_new) n)
            union all
            select initcap(_relation), n ->> 'id', 'I' from jsonb_array_elements(_new) n
                where n -> 'id' not in (select o -> 'id' from jsonb_array_elements(_old) o);
    end if;
    return null;
end
$$;

create function audit.note_again() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into audit.pair
        select new.xid, 'commit', o.object, o.object_id from audit.objects_of(new.relation, new.rows) o
        on conflict do nothing;
    return null;
end
$$;
create constraint trigger note_again after insert on audit.changed deferrable initially deferred
    for each row execute function audit.note_again();

do $$
declare
    _table regclass;
    _look record;
begin
    foreach _table in array array['video.film', 'video.film_actor', 'video.film_category', 'video.actor', 'video.category',
        'video.language', 'video.customer', 'video.address', 'video.city', 'video.country', 'video.rental', 'video.payment',
        'video.inventory']::regclass[]
    loop
        for _look in
            select l.name, l.moment, p.part
            from (values ('aa_audit', 'before'), ('zzz_audit', 'after')) as l (name, moment), (values ('all'), ('title')) as p (part)
            where p.part = 'all' or _table = 'video.film'::regclass
        loop
            execute format('create trigger %s_%s_i after insert on %s referencing new table as new_rows '
                'for each statement execute function audit.note(%L, %L)', _look.name, _look.part, _table, _look.moment, _look.part);
            execute format('create trigger %s_%s_u after update on %s referencing old table as old_rows new table as new_rows '
                'for each statement execute function audit.note(%L, %L)', _look.name, _look.part, _table, _look.moment, _look.part);
            execute format('create trigger %s_%s_d after delete on %s referencing old table as old_rows '
                'for each statement execute function audit.note(%L, %L)', _look.name, _look.part, _table, _look.moment, _look.part);
        end loop;
    end loop;
end
$$;

-- ── Afterwards ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
-- Each transaction and object it touched, what it did to the object's own row first and last, and how many events it has.
create view audit.account as
    with touched as (
        select xid, object, object_id, bool_or(moment = 'before') and bool_or(moment = 'after') as certain
        from audit.pair group by 1, 2, 3
    ), root as (
        select xid, object, object_id, (array_agg(op order by id))[1] as first_op, (array_agg(op order by id desc))[1] as last_op
        from audit.root_change group by 1, 2, 3
    ), made as (
        select xid, object, object_id, count(*) as events from outbox.event where object is not null group by 1, 2, 3
    )
    select xid, object, object_id, coalesce(certain, false) as certain, certain is not null as touched, first_op, last_op,
        coalesce(events, 0) as events
    from touched full join root using (xid, object, object_id) full join made using (xid, object, object_id);

-- When objects came and went, by the commits (needs track_commit_timestamp).
create view audit.life as
    select distinct on (object, object_id, xid) xid, object, object_id, op, pg_xact_commit_timestamp(xid::xid) as at
    from audit.root_change order by object, object_id, xid, id desc;

-- How each of them is to be judged.
create view audit.judgement as
    select a.*, case
        when events > 1 then 'WRONG: several events of one object in one transaction'
        when not touched then 'WRONG: an event of an object that was not touched'
        when first_op = 'I' and last_op = 'D' then case events when 0 then 'made and removed: no event' else 'WRONG: an event of nothing' end
        when events = 1 and not certain then 'linked by somebody else meanwhile: one event'
        when events = 1 then 'one event'
        -- Of those that committed before, the last one to make or remove the object removed it: there is nothing left to tell.
        when first_op is null and 'D' = (
            select l.op from audit.life l
            where l.object = a.object and l.object_id = a.object_id and l.at <= pg_xact_commit_timestamp(a.xid::xid) and l.xid <> a.xid
            order by l.at desc limit 1) then 'gone before the commit: no event'
        when not certain then 'linked by somebody else meanwhile: no event'
        else 'WRONG: no event'
    end as verdict
    from audit.account a;

-- Numbers of an object's events that are not 1, 2, 3 … in the order of the events.
create view audit.gap as
    select object, object_id, seq, place from (
        select object, object_id, seq, row_number() over (partition by object, object_id order by id) as place
        from outbox.event where object is not null) as numbered
    where seq is distinct from place;
