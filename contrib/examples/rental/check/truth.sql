-- What subscribers should know in the end, worked out from the tables once more and in other words: nothing of objects.sql is called.
with part as (
    select fa.film_id, to_jsonb(who) as person, who.id
    from video.film_actor fa cross join lateral (
        select a.id, concat_ws(' ', a.first_name, a.last_name) as name, fa.part from video.actor a where a.id = fa.actor_id) as who
), genre as (
    select fc.film_id, array_agg(c.name order by c.id) as names
    from video.category c, video.film_category fc where fc.category_id = c.id group by fc.film_id
), film as (
    select f.id, f.title, f.synopsis, f.released, f.rating, f.rental_rate as rate, f.extras,
        (select name from video.language where language.id = f.language_id) as language,
        coalesce(array_agg(p.person order by p.id) filter (where p.id is not null), '{}') as "cast",
        coalesce(g.names, '{}') as categories
    from video.film f left join part p on p.film_id = f.id left join genre g on g.film_id = f.id
    group by f.id, g.names
), home as (
    select a.id, row_to_json(h) as address
    from video.country co join video.city ci on ci.country_id = co.id join video.address a on a.city_id = ci.id
        cross join lateral (select a.street, a.postal_code, ci.name as city, co.name as country) as h
), customer as (
    select cu.id, cu.name, cu.email, cu.active, cu.joined_on, cu.shop_id as shop, h.address
    from home h join video.customer cu on cu.address_id = h.id
), paid as (
    select rental_id, sum(amount) as paid, json_agg(json_build_object('amount', amount, 'id', id) order by id) as payments
    from video.payment group by rental_id
), rental as (
    select r.id, r.customer_id as customer, timezone('UTC', r.rented_at) as rented_at, timezone('UTC', r.returned_at) as returned_at,
        i.id as disc, (select row_to_json(x) from (select f.id, f.title) as x) as film,
        case when p.rental_id is null then 0 else p.paid end as paid, coalesce(p.payments, '[]') as payments
    from video.film f, video.inventory i, video.rental r left join paid p on p.rental_id = r.id
    where i.id = r.inventory_id and f.id = i.film_id
)
select json_build_array('Film', id::text, to_jsonb(film)) from film
union all select json_build_array('Customer', id::text, to_jsonb(customer)) from customer
union all select json_build_array('Rental', id::text, to_jsonb(rental)) from rental;
