//! The rental shops of `contrib/examples/rental`: the demo's check, that it notices what is wrong, and the lock that lets one
//! writer at a time render an object.

use std::process::{Command, Output};

use serde_json::Value;

use crate::demo::demo;
use crate::installed::subscribed;
use crate::support::{Database, Session};

/// The example, in the order it is played, and as whom.
const EXAMPLE: [(&str, &str); 4] = [
    ("postgres", include_str!("../../contrib/examples/rental/roles.sql")),
    ("video_owner", include_str!("../../contrib/examples/rental/schema.sql")),
    ("video_owner", include_str!("../../contrib/examples/rental/data.sql")),
    ("video_owner", include_str!("../../contrib/examples/rental/objects.sql")),
];
const TRUTH: &str = include_str!("../../contrib/examples/rental/check/truth.sql");

/// A column of a member of film 1 that a writer counts in, and where that is in the film's data.
#[derive(Clone, Copy)]
struct Counter {
    set: &'static str,
    of: &'static str,
    path: &'static str,
}

const PART: Counter =
    Counter { set: "film_actor set part", of: "film_id = 1 and actor_id = 23", path: "{cast,0,part}" };
const OTHER_PART: Counter =
    Counter { set: "film_actor set part", of: "film_id = 1 and actor_id = 40", path: "{cast,1,part}" };
/// Leads to the film through a query: the last of its categories, which no other film has.
const CATEGORY: Counter = Counter { set: "category set name", of: "id = 99", path: "{categories,-1}" };

fn play(arguments: &[&str]) -> Output {
    Command::new(demo())
        .args(["--workload", "rental", "--once", "--outboxd", env!("CARGO_BIN_EXE_outboxd")])
        .args(arguments)
        .env_remove("DATABASE_URL")
        .output()
        .unwrap()
}

#[test]
fn three_objects_of_many_tables_are_told_as_they_are() {
    let output = play(&["--transactions", "240"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("Every event is as it must be"), "{said}");
}

#[test]
fn the_check_of_the_rental_shops_notices_what_is_wrong() {
    let on_event = |what: &str| {
        format!(
            "create function public.break_it() returns trigger language plpgsql as $$ begin {what} return new; end $$; \
             create trigger break_it before insert on outbox.event for each row execute function public.break_it()"
        )
    };
    let cases = [
        (
            "a builder that forgets a member",
            "create or replace function video.rental_document(ids integer[]) returns table (id integer, data jsonb) \
             language sql stable security definer set search_path = pg_catalog, pg_temp as \
             $$ select id, to_jsonb(r) from video.rental r where id = any (ids) $$"
                .to_owned(),
            "a superseded state came last",
        ),
        (
            "a delivery that vanishes",
            "create function public.break_it() returns trigger language plpgsql as \
             $$ begin return case when new.event_id % 20 > 0 then new end; end $$; \
             create trigger break_it before insert on outbox.delivery for each row execute function public.break_it()"
                .to_owned(),
            "never arrived",
        ),
        (
            "a verb that is wrong",
            on_event("new.type := replace(new.type, 'Create', 'Update');"),
            "no such thing can have happened",
        ),
        ("a gap in an object's numbers", on_event("new.seq := new.seq + 1;"), "gaps in the numbers"),
        (
            "an object told of twice in a transaction",
            "create function public.break_it() returns trigger language plpgsql as \
             $$ begin set constraints all immediate; return null; end $$; \
             create trigger break_it after insert on video.film for each statement execute function public.break_it()"
                .to_owned(),
            "several events of one object in one transaction",
        ),
        (
            "an object that is not noted",
            "create function public.break_it() returns trigger language plpgsql as \
             $$ begin return case when new.object <> 'Rental' then new end; end $$; \
             create trigger break_it before insert on outbox.touched for each row execute function public.break_it()"
                .to_owned(),
            "WRONG: no event",
        ),
    ];
    // Side by side, because much of it is waiting for the disk.
    for some in cases.chunks(3) {
        std::thread::scope(|scope| {
            for (what, sql, notice) in some {
                scope.spawn(move || {
                    let output = play(&["--transactions", "40", "--sabotage", sql]);
                    let said = String::from_utf8_lossy(&output.stderr).into_owned();
                    assert_eq!(output.status.code(), Some(1), "{what} went unnoticed: {said}");
                    assert!(said.contains("NOT AS EXPECTED") && said.contains(notice), "{what}: {said}");
                });
            }
        });
    }
}

/// What the last event of an object says.
fn last_event(db: &Database, object: &str, id: u32) -> Value {
    let data = db.psql(&format!(
        "select data from outbox.event where object = '{object}' and object_id = '{id}' order by id desc limit 1"
    ));
    serde_json::from_str(&data).unwrap()
}

/// What the tables say of it, not by its builder.
fn truth(db: &Database, object: &str, id: u32) -> Value {
    let all = TRUTH.trim_end().trim_end_matches(';');
    let data = db.psql(&format!(
        "select t.row -> 2 from ({all}) as t (row) where t.row ->> 0 = '{object}' and t.row ->> 1 = '{id}'"
    ));
    serde_json::from_str(&data).unwrap()
}

/// The example without a demo, and somebody who subscribes to all of it.
fn shops(hint: &str) -> Database {
    let db = subscribed(hint);
    for (role, sql) in EXAMPLE {
        db.psql_as(role, sql);
    }
    db
}

/// Film 1 of a database of its own, and two writers, each of a member of it.
struct Film {
    db: Database,
    counters: [Counter; 2],
    writers: [Session; 2],
    /// The events of the two, without those of the preparation: id, xid, one, other.
    events: String,
    counted: usize,
}

impl Film {
    async fn new(hint: &str, counters: [Counter; 2]) -> Self {
        let db = shops(hint);
        db.psql_as(
            "video_app",
            "insert into video.category (id, name) values (99, '0'); \
             insert into video.film_category values (1, 99); \
             update video.film_actor set part = '0' where film_id = 1",
        );
        let [one, other] = counters.map(|counter| counter.path);
        let before = db.psql("select max(id) from outbox.event");
        let events = format!(
            "select id, xid, (data #>> '{one}')::int as one, (data #>> '{other}')::int as other \
             from outbox.event where object = 'Film' and object_id = '1' and id > {before}"
        );
        let writers = [db.session_as("video_app").await, db.session_as("video_app").await];
        Self { db, counters, writers, events, counted: 0 }
    }

    /// Both count on, each in transactions of its own, as fast as they can.
    async fn count(&mut self, transactions: usize) {
        let numbers = self.counted + 1..=self.counted + transactions;
        self.counted += transactions;
        let write = async |writer: usize| {
            let Counter { set, of, .. } = self.counters[writer];
            for n in numbers.clone() {
                self.writers[writer].execute(&format!("update video.{set} = '{n}' where {of}")).await;
            }
        };
        tokio::join!(write(0), write(1));
    }

    /// Events that bring back a value which an earlier event had superseded.
    fn superseded(&self) -> usize {
        self.counted_in("one < one_before or other < other_before")
    }

    /// How many events follow their predecessor like this.
    fn counted_in(&self, condition: &str) -> usize {
        let number = self.db.psql(&format!(
            "select count(*) from (select one, other, lag(one) over w as one_before, lag(other) over w as other_before, \
             lag(one, 2) over w as one_earlier from ({}) as e window w as (order by id)) as e where {condition}",
            self.events
        ));
        number.parse().unwrap()
    }
}

async fn two_writers(hint: &str, counters: [Counter; 2]) {
    let mut film = Film::new(hint, counters).await;
    film.count(300).await;
    assert_eq!(film.superseded(), 0);
    let events = film.db.psql(&format!("select count(*), count(distinct xid) from ({}) as e", film.events));
    assert_eq!(events, "600|600", "one event for each transaction");
    let turns = film.counted_in("(one = one_before) <> (one_before = one_earlier)");
    assert!(turns > 20, "the writers hardly met: they took turns {turns} times");
    assert_eq!(last_event(&film.db, "Film", 1), truth(&film.db, "Film", 1));
    let gaps = film.db.psql(
        "select count(*) from (select seq, row_number() over (order by id) as n from outbox.event \
         where object = 'Film' and object_id = '1') as e where seq <> n",
    );
    assert_eq!(gaps, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_writers_of_two_members_of_one_object_bring_no_superseded_value_back() {
    two_writers("rental_lock", [PART, OTHER_PART]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_a_writer_of_what_leads_to_the_object_through_a_query() {
    two_writers("rental_lock_through", [PART, CATEGORY]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_lock_superseded_values_come_back() {
    let mut film = Film::new("rental_no_lock", [PART, OTHER_PART]).await;
    // The lock is the upsert of the object's head. Of one that is there nothing is upserted now.
    film.db.psql(
        "create function public.spare_it() returns trigger language plpgsql as $$ begin \
         return case when not exists (select from outbox.object_head h \
         where h.object = new.object and h.object_id = new.object_id) then new end; end $$; \
         create trigger spare_it before insert on outbox.object_head for each row execute function public.spare_it()",
    );
    for _ in 0..40 {
        film.count(50).await;
        if film.superseded() > 0 {
            return;
        }
    }
    panic!("{} transactions of each writer without the lock, and nothing superseded", film.counted);
}

/// A customer moves to a country while that is being renamed; the two have no object in common when they change their rows.
async fn move_while_renaming(db: &Database) {
    let (renames, moves) = (db.session_as("video_app").await, db.session_as("video_app").await);
    renames.execute("begin; update video.country set name = 'Renamed' where id = 1").await;
    moves
        .execute(
            "update video.customer set address_id = (select max(a.id) from video.address a \
             join video.city c on c.id = a.city_id where c.country_id = 1) where id = 100",
        )
        .await;
    renames.execute("commit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_linked_to_what_somebody_changes_is_told_of_the_change() {
    let db = shops("rental_link");
    move_while_renaming(&db).await;
    assert_eq!(truth(&db, "Customer", 100)["address"]["country"], "Renamed", "they did not meet");
    assert_eq!(last_event(&db, "Customer", 100), truth(&db, "Customer", 100));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_asking_again_at_the_commit_it_is_not_told() {
    let db = shops("rental_no_link");
    let function = "outbox.reach_again(xid8)";
    assert_eq!(db.psql(&format!("select to_regprocedure('{function}') is not null")), "t");
    db.psql(
        "create or replace function outbox.reach_again(xid xid8) returns void language sql as \
         $$ delete from outbox.changed c where c.xid = reach_again.xid $$",
    );
    move_while_renaming(&db).await;
    assert_ne!(last_event(&db, "Customer", 100), truth(&db, "Customer", 100));
}
