//! What the shops' clerks do: transactions made up by chance, the same ones for the same seed.

use fastrand::Rng;

/// One transaction.
pub(super) struct Transaction {
    /// `read committed`, …
    pub(super) isolation: &'static str,
    pub(super) statements: Vec<String>,
    /// All statements at once, or one after another: then others come in between.
    pub(super) at_once: bool,
    /// It changes its mind in the end.
    pub(super) takes_back: bool,
}

/// Makes up the statements of one thing to do.
type Deed = fn(&mut Rng) -> Vec<String>;

/// Whether a deed links rows, or changes rows that others are linked to. Somebody may link an object to what somebody else is
/// changing: under READ COMMITTED whoever commits second sees the first, and an older snapshot sees neither. So those deeds
/// are done under READ COMMITTED.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Links {
    Changes,
    Leaves,
}

/// What is done, and how often.
const DEEDS: &[(u32, Links, Deed)] = &[
    (12, Links::Changes, rename_actor),
    (6, Links::Changes, rename_city),
    (1, Links::Changes, rename_country),
    (1, Links::Changes, rename_category),
    (1, Links::Changes, rename_language),
    (5, Links::Changes, retitle_film),
    (4, Links::Changes, move_address),
    (2, Links::Changes, move_city),
    (10, Links::Leaves, change_customer),
    (5, Links::Changes, move_customer),
    (2, Links::Leaves, renumber_customer),
    (3, Links::Leaves, come_and_go),
    (14, Links::Changes, rent),
    (10, Links::Leaves, bring_back),
    (5, Links::Leaves, cancel_rental),
    (6, Links::Changes, rent_again),
    (5, Links::Changes, rewrite_rental),
    (4, Links::Leaves, rebook_payment),
    (3, Links::Changes, move_disc),
    (6, Links::Changes, new_film),
    (4, Links::Leaves, remove_film),
    (6, Links::Changes, recast),
    (3, Links::Changes, merge_cast),
    (4, Links::Changes, sort_into_category),
    (3, Links::Leaves, reprice_many),
    (4, Links::Leaves, change_nothing),
    (6, Links::Changes, change_mind_halfway),
    (4, Links::Changes, fail_inside_a_block),
];

/// Makes up the next transaction.
pub(super) fn next(rng: &mut Rng) -> Transaction {
    let isolation = match rng.u32(..100) {
        ..78 => "read committed",
        78..92 => "repeatable read",
        _ => "serializable",
    };
    let mut statements = Vec::new();
    for _ in 0..rng.usize(1..=3) {
        statements.extend(choose(rng, isolation == "read committed")(rng));
    }
    Transaction { isolation, statements, at_once: rng.bool(), takes_back: rng.u32(..100) < 5 }
}

/// A deed; one that leaves links alone unless `any` will do.
fn choose(rng: &mut Rng, any: bool) -> Deed {
    let fit = || DEEDS.iter().filter(|(_, links, _)| any || *links == Links::Leaves);
    let all: u32 = fit().map(|(weight, ..)| weight).sum();
    let mut left = rng.u32(..all);
    for (weight, _, deed) in fit() {
        match left.checked_sub(*weight) {
            Some(rest) => left = rest,
            None => return *deed,
        }
    }
    change_nothing
}

/// Numbers up to this one; a few of them are everybody's favourites, so that writers meet.
fn one_of(rng: &mut Rng, last: u32) -> u32 {
    let favourite = rng.u32(..3) == 0;
    rng.u32(1..=if favourite { last.min(8) } else { last })
}

// Rows that were there from the beginning; see contrib/examples/rental/data.sql.
fn actor(rng: &mut Rng) -> u32 {
    one_of(rng, 80)
}
fn address(rng: &mut Rng) -> u32 {
    one_of(rng, 150)
}
fn category(rng: &mut Rng) -> u32 {
    one_of(rng, 10)
}
fn city(rng: &mut Rng) -> u32 {
    one_of(rng, 48)
}
fn customer(rng: &mut Rng) -> u32 {
    one_of(rng, 240)
}
fn disc(rng: &mut Rng) -> u32 {
    one_of(rng, 400)
}
/// The last ones are new, or not there.
fn film(rng: &mut Rng) -> u32 {
    one_of(rng, 170)
}
fn rental(rng: &mut Rng) -> u32 {
    one_of(rng, 650)
}
fn number(rng: &mut Rng) -> u32 {
    rng.u32(..)
}
fn amount(rng: &mut Rng) -> String {
    format!("{}.{:02}", rng.u32(1..9), rng.u32(..100))
}

fn rename_actor(rng: &mut Rng) -> Vec<String> {
    vec![format!("update video.actor set last_name = 'Name {}' where id = {}", number(rng), actor(rng))]
}

fn rename_city(rng: &mut Rng) -> Vec<String> {
    vec![format!("update video.city set name = 'City {}' where id = {}", number(rng), city(rng))]
}

fn rename_country(rng: &mut Rng) -> Vec<String> {
    vec![format!("update video.country set name = 'Land {}' where id = {}", number(rng), one_of(rng, 12))]
}

fn rename_category(rng: &mut Rng) -> Vec<String> {
    vec![format!("update video.category set name = 'Kind {}' where id = {}", number(rng), category(rng))]
}

fn rename_language(rng: &mut Rng) -> Vec<String> {
    vec![format!("update video.language set name = 'Tongue {}' where id = {}", number(rng), one_of(rng, 6))]
}

/// An object's own row, and that of a member of others.
fn retitle_film(rng: &mut Rng) -> Vec<String> {
    vec![format!("update video.film set title = 'Title {}' where id = {}", number(rng), film(rng))]
}

fn move_address(rng: &mut Rng) -> Vec<String> {
    vec![format!("update video.address set city_id = {} where id = {}", city(rng), address(rng))]
}

fn move_city(rng: &mut Rng) -> Vec<String> {
    vec![format!("update video.city set country_id = {} where id = {}", one_of(rng, 12), city(rng))]
}

fn change_customer(rng: &mut Rng) -> Vec<String> {
    vec![match rng.u32(..3) {
        0 => format!("update video.customer set active = not active where id = {}", customer(rng)),
        1 => format!("update video.customer set email = null where id = {}", customer(rng)),
        _ => {
            format!("update video.customer set name = 'Client {}' where id = {}", number(rng), customer(rng))
        }
    }]
}

/// To a new address, which becomes part of the object in the same transaction.
fn move_customer(rng: &mut Rng) -> Vec<String> {
    vec![
        format!(
            "with home as (insert into video.address (street, city_id) values ('{} New Street', {}) returning id) \
             update video.customer set address_id = home.id from home where customer.id = {}",
            number(rng),
            city(rng),
            customer(rng)
        ),
        format!("update video.address set postal_code = '{}' where id = {}", rng.u32(..99999), address(rng)),
    ]
}

/// Identity is the key: one goes and another one comes, and so do the rentals' references.
fn renumber_customer(rng: &mut Rng) -> Vec<String> {
    let (from, to) = (customer(rng), rng.u32(100_000..200_000));
    vec![if rng.bool() {
        format!("update video.customer set id = {to} where id = {from}")
    } else {
        format!(
            "update video.customer set id = {from} where id = (select max(id) from video.customer) \
             and not exists (select from video.customer where id = {from})"
        )
    }]
}

/// Of what came and went in one transaction nobody hears.
fn come_and_go(rng: &mut Rng) -> Vec<String> {
    let id = rng.u32(200_000..900_000);
    vec![
        format!(
            "insert into video.customer (id, shop_id, name, address_id) values ({id}, 1, 'Nobody', {})",
            address(rng)
        ),
        format!("update video.customer set name = 'Nobody else' where id = {id}"),
        format!("delete from video.customer where id = {id}"),
    ]
}

/// Root and member in one statement.
fn rent(rng: &mut Rng) -> Vec<String> {
    vec![format!(
        "with rented as (insert into video.rental (inventory_id, customer_id, staff_id) \
         select {}, id, {} from video.customer where id = {} returning id, staff_id) \
         insert into video.payment (rental_id, staff_id, amount) select id, staff_id, {} from rented",
        disc(rng),
        one_of(rng, 9),
        customer(rng),
        amount(rng)
    )]
}

fn bring_back(rng: &mut Rng) -> Vec<String> {
    let id = rental(rng);
    let mut statements =
        vec![format!("update video.rental set returned_at = clock_timestamp() where id = {id}")];
    if rng.bool() {
        statements.push(format!(
            "insert into video.payment (rental_id, staff_id, amount) \
             select id, staff_id, {} from video.rental where id = {id}",
            amount(rng)
        ));
    }
    statements
}

/// The payments go with it.
fn cancel_rental(rng: &mut Rng) -> Vec<String> {
    vec![format!("delete from video.rental where id = {}", rental(rng))]
}

/// What was deleted comes again, in a later transaction.
fn rent_again(rng: &mut Rng) -> Vec<String> {
    let (id, disc, clerk) = (rental(rng).min(600), disc(rng), one_of(rng, 9));
    vec![format!(
        "insert into video.rental (id, inventory_id, customer_id, staff_id) \
         select {id}, {disc}, min(id), {clerk} from video.customer on conflict do nothing"
    )]
}

/// Deleted and made again in the same transaction.
fn rewrite_rental(rng: &mut Rng) -> Vec<String> {
    let id = rental(rng).min(600);
    vec![
        format!("delete from video.rental where id = {id}"),
        format!(
            "insert into video.rental (id, inventory_id, customer_id, staff_id) \
             select {id}, {}, max(id), {} from video.customer",
            disc(rng),
            one_of(rng, 9)
        ),
    ]
}

/// From one rental to another: both are touched.
fn rebook_payment(rng: &mut Rng) -> Vec<String> {
    vec![format!(
        "update video.payment set rental_id = r.id, amount = {} \
         from video.rental r where r.id = {} and payment.id = {}",
        amount(rng),
        rental(rng),
        rental(rng).min(600)
    )]
}

fn move_disc(rng: &mut Rng) -> Vec<String> {
    vec![format!("update video.inventory set film_id = {} where id = {}", film(rng).min(150), disc(rng))]
}

fn new_film(rng: &mut Rng) -> Vec<String> {
    let (actor, other) = (rng.u32(1..=40), rng.u32(41..=80));
    vec![
        format!(
            "insert into video.film (title, released, language_id, extras) values ('Sequel {}', 2024, {}, '{{\"\"}}')",
            number(rng),
            one_of(rng, 6)
        ),
        format!(
            "insert into video.film_actor (film_id, actor_id, part) \
             select currval('video.film_id_seq'), a, 'The \\ \"Guest\"' from unnest(array[{actor}, {other}]) a"
        ),
        format!("insert into video.film_category values (currval('video.film_id_seq'), {})", category(rng)),
    ]
}

/// Refused where there are discs of it.
fn remove_film(rng: &mut Rng) -> Vec<String> {
    let film = film(rng);
    vec![if rng.u32(..4) == 0 {
        format!("delete from video.film where id = {film}")
    } else {
        format!(
            "delete from video.film f where id > {film} and id % 7 = {} \
             and not exists (select from video.inventory i where i.film_id = f.id)",
            film % 7
        )
    }]
}

fn recast(rng: &mut Rng) -> Vec<String> {
    vec![match rng.u32(..3) {
        0 => format!("delete from video.film_actor where film_id = {}", film(rng)),
        1 => format!(
            "update video.film_actor set actor_id = {} where film_id = {} and actor_id % 3 = 0",
            actor(rng),
            film(rng)
        ),
        _ => format!(
            "insert into video.film_actor (film_id, actor_id) select id, {} from video.film where id in ({}, {}) \
             on conflict do nothing",
            actor(rng),
            film(rng),
            film(rng)
        ),
    }]
}

fn merge_cast(rng: &mut Rng) -> Vec<String> {
    vec![format!(
        "merge into video.film_actor t using (select f.id as film, {} as actor from video.film f where f.id in ({}, {})) s \
         on t.film_id = s.film and t.actor_id = s.actor \
         when matched and t.part is null then update set part = 'Part {}' when matched then delete \
         when not matched then insert (film_id, actor_id) values (s.film, s.actor)",
        actor(rng),
        film(rng),
        film(rng),
        number(rng)
    )]
}

fn sort_into_category(rng: &mut Rng) -> Vec<String> {
    let (film, category) = (film(rng), category(rng));
    vec![
        format!("delete from video.film_category where film_id = {film}"),
        format!("insert into video.film_category select id, {category} from video.film where id = {film}"),
    ]
}

/// One statement, many objects; one of them is not changed.
fn reprice_many(rng: &mut Rng) -> Vec<String> {
    let n = rng.u32(..12);
    vec![format!(
        "update video.film set rental_rate = case when id % 5 = 0 then rental_rate else {} end where id % 12 = {n}",
        amount(rng)
    )]
}

fn change_nothing(rng: &mut Rng) -> Vec<String> {
    vec![
        format!("update video.actor set last_name = last_name where id = {}", actor(rng)),
        format!("update video.film set rating = rating where id % 40 = {}", rng.u32(..40)),
        "delete from video.payment where id < 0".to_owned(),
    ]
}

/// A savepoint is rolled back; what stands before and after it stays.
fn change_mind_halfway(rng: &mut Rng) -> Vec<String> {
    let mut statements = vec![
        format!(
            "update video.rental set staff_id = {}, returned_at = null where id = {}",
            one_of(rng, 9),
            rental(rng)
        ),
        "savepoint halfway".to_owned(),
        format!("delete from video.rental where id = {}", rental(rng)),
        format!("update video.city set name = 'Nowhere' where id = {}", city(rng)),
        "rollback to savepoint halfway".to_owned(),
    ];
    statements.extend(rename_actor(rng));
    statements.push("release savepoint halfway".to_owned());
    statements
}

/// A subtransaction that an error ends.
fn fail_inside_a_block(rng: &mut Rng) -> Vec<String> {
    vec![format!(
        "do $$ begin update video.film set title = 'Never', released = 1900 where id = {}; \
         insert into video.film_category values (1, -1); \
         exception when foreign_key_violation then update video.customer set name = 'Block {}' where id = {}; end $$",
        film(rng),
        number(rng),
        customer(rng)
    )]
}
