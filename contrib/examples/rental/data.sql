-- Something to begin with, made up by arithmetic: the same rows each time. Played as video_owner.
insert into video.country (name) select 'Country ' || n from generate_series(1, 12) n;
insert into video.city (name, country_id) select 'City ' || n, 1 + n * 7 % 12 from generate_series(1, 48) n;
insert into video.address (street, postal_code, city_id)
    select n || ' ' || (array['Mill', 'Harbour', 'Station', 'Garden', 'Church'])[1 + n % 5] || ' Road', to_char(n * 37, 'FM00000'), 1 + n * 11 % 48
    from generate_series(1, 150) n;
insert into video.shop (name, address_id) select 'Shop ' || n, n from generate_series(1, 3) n;
insert into video.staff (name, shop_id) select 'Clerk ' || n, 1 + n % 3 from generate_series(1, 9) n;
-- Families: two customers share most addresses.
insert into video.customer (shop_id, name, email, address_id, joined_on)
    select 1 + n % 3, 'Customer ' || n, case when n % 9 > 0 then 'customer' || n || '@example.com' end, 4 + n * 13 % 140, date '2020-01-01' + n
    from generate_series(1, 240) n;
insert into video.language (name) select name from unnest(array['English', 'Español', 'Français', 'Deutsch', '日本語', 'Română']) as language (name);
insert into video.category (name)
    select name from unnest(array['Action', 'Animation', 'Comedy', 'Documentary', 'Drama', 'Family', 'Horror', 'Music', 'Sport', 'Travel']) as category (name);
insert into video.actor (first_name, last_name)
    select (array['Ada', 'Bo', 'Cleo', 'Dan', 'Eva', 'Finn', 'Gita'])[1 + n % 7],
        (array['Stone', 'Rivers', 'Hill', 'Marsh', 'Brook'])[1 + n % 5] || ' ' || n
    from generate_series(1, 80) n;
insert into video.film (title, synopsis, released, language_id, rental_rate, length_minutes, rating, extras)
    select 'The ' || (array['Silent', 'Golden', 'Last', 'Hidden', 'Second'])[1 + n % 5] || ' '
            || (array['Voyage', 'Garden', 'Witness', 'Winter'])[1 + n % 4] || ' ' || n,
        case when n % 3 > 0 then 'Things go wrong ' || n || ' times, and "once" they do not.' end,
        1950 + n % 70, 1 + n * n % 6, 0.99 + n % 5, 60 + n * 7 % 120, (array['G', 'PG', 'R'])[1 + n % 3],
        case n % 3 when 0 then '{}' when 1 then array['trailer'] else array['trailer', 'outtakes'] end
    from generate_series(1, 160) n;
insert into video.film_actor (film_id, actor_id, part)
    select f, 1 + (f * 5 + a * 17) % 80, case when a % 2 = 0 then 'Part ' || a end
    from generate_series(1, 160) f cross join generate_series(1, 4) a where a <= 1 + f % 4;
insert into video.film_category (film_id, category_id)
    select f, 1 + (f + c * 3) % 10 from generate_series(1, 160) f cross join generate_series(1, 2) c where c <= 1 + f % 2;
insert into video.inventory (film_id, shop_id) select 1 + n % 150, 1 + n % 3 from generate_series(1, 400) n;
insert into video.rental (inventory_id, customer_id, staff_id, rented_at, returned_at)
    select 1 + n * 7 % 400, 1 + n * 11 % 240, 1 + n % 9, timestamptz '2024-03-01 10:00:00Z' + n * interval '37 minutes',
        case when n % 5 > 0 then timestamptz '2024-03-03 18:30:00Z' + n * interval '41 minutes' end
    from generate_series(1, 600) n;
insert into video.payment (rental_id, staff_id, amount, paid_at)
    select r, 1 + r % 9, 2.50 + p, timestamptz '2024-03-01 10:05:00Z' + r * interval '37 minutes'
    from generate_series(1, 600) r cross join generate_series(1, 2) p where p <= r % 3;
