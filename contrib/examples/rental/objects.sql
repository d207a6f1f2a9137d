-- What subscribers see: Film, Customer and Rental, each made of several tables. Played as video_owner, who owns the tables.

-- ── Film: the film, its language, its cast, its categories ──────────────────────────────────────────────────────────────────
create function video.film_document(ids integer[]) returns table (id integer, data jsonb)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    select f.id, jsonb_build_object(
        'id', f.id, 'title', f.title, 'synopsis', f.synopsis, 'released', f.released, 'rating', f.rating, 'rate', f.rental_rate,
        'extras', f.extras, 'language', l.name,
        'cast', (
            select coalesce(jsonb_agg(jsonb_build_object('id', a.id, 'name', a.first_name || ' ' || a.last_name, 'part', fa.part)
                order by a.id), '[]')
            from video.film_actor fa join video.actor a on a.id = fa.actor_id where fa.film_id = f.id),
        'categories', (
            select coalesce(jsonb_agg(c.name order by c.id), '[]')
            from video.film_category fc join video.category c on c.id = fc.category_id where fc.film_id = f.id))
    from video.film f join video.language l on l.id = f.language_id
    where f.id = any (film_document.ids);
end
$$;
select outbox.define_object('Film', 'video.film', builder => 'video.film_document');
select outbox.watch('video.film_actor', 'Film', id => 'film_id');
select outbox.watch('video.film_category', 'Film', id => 'film_id');
select outbox.watch('video.actor', 'Film',
    through => 'select fa.film_id from changed c join video.film_actor fa on fa.actor_id = c.id');
select outbox.watch('video.category', 'Film',
    through => 'select fc.film_id from changed c join video.film_category fc on fc.category_id = c.id');
select outbox.watch('video.language', 'Film',
    through => 'select f.id from changed c join video.film f on f.language_id = c.id');

-- ── Customer: the customer and where they live; a city that n customers live in gives n events ──────────────────────────────
create function video.customer_document(ids integer[]) returns table (id integer, data jsonb)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    select cu.id, jsonb_build_object(
        'id', cu.id, 'name', cu.name, 'email', cu.email, 'active', cu.active, 'joined_on', cu.joined_on, 'shop', cu.shop_id,
        'address', jsonb_build_object('street', a.street, 'postal_code', a.postal_code, 'city', ci.name, 'country', co.name))
    from video.customer cu
        join video.address a on a.id = cu.address_id
        join video.city ci on ci.id = a.city_id
        join video.country co on co.id = ci.country_id
    where cu.id = any (customer_document.ids);
end
$$;
select outbox.define_object('Customer', 'video.customer', builder => 'video.customer_document');
select outbox.watch('video.address', 'Customer',
    through => 'select cu.id from changed c join video.customer cu on cu.address_id = c.id');
select outbox.watch('video.city', 'Customer',
    through => 'select cu.id from changed c join video.address a on a.city_id = c.id join video.customer cu on cu.address_id = a.id');
select outbox.watch('video.country', 'Customer',
    through => 'select cu.id from changed c join video.city ci on ci.country_id = c.id join video.address a on a.city_id = ci.id
        join video.customer cu on cu.address_id = a.id');

-- ── Rental: the rental, which disc and film it is, what was paid. Of a film only the title is of interest here ──────────────
create function video.rental_document(ids integer[]) returns table (id integer, data jsonb)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    select r.id, jsonb_build_object(
        'id', r.id, 'customer', r.customer_id,
        -- Without a time zone: what a timestamptz looks like depends on the session that writes.
        'rented_at', r.rented_at at time zone 'UTC', 'returned_at', r.returned_at at time zone 'UTC',
        'disc', r.inventory_id, 'film', jsonb_build_object('id', f.id, 'title', f.title),
        'paid', coalesce(p.sum, 0), 'payments', coalesce(p.list, '[]'))
    from video.rental r
        join video.inventory i on i.id = r.inventory_id
        join video.film f on f.id = i.film_id
        left join lateral (
            select sum(p.amount), jsonb_agg(jsonb_build_object('id', p.id, 'amount', p.amount) order by p.id) as list
            from video.payment p where p.rental_id = r.id) p on true
    where r.id = any (rental_document.ids);
end
$$;
select outbox.define_object('Rental', 'video.rental', builder => 'video.rental_document');
select outbox.watch('video.payment', 'Rental', id => 'rental_id');
select outbox.watch('video.inventory', 'Rental',
    through => 'select r.id from changed c join video.rental r on r.inventory_id = c.id');
select outbox.watch('video.film', 'Rental', only_columns => '{title}',
    through => 'select r.id from changed c join video.inventory i on i.film_id = c.id join video.rental r on r.inventory_id = i.id');
