//! The rental shops of `contrib/examples/rental`: the demo's check, that it notices what is wrong, and the lock that lets one
//! writer at a time render an object.

use std::process::{Command, Output};

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

/// What each of the two writers counts, in the data of film 1: the part of the first of its cast, and the name of its last category.
const COUNTERS: &str = "select id, (data #>> '{cast,0,part}')::int as part, (data #>> '{categories,-1}')::int as category \
    from outbox.event where object = 'Film' and object_id = '1' and id > ";

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
            "a member nobody watches",
            "do $$ declare t record; begin \
             for t in select tgname from pg_trigger where tgrelid = 'video.film_category'::regclass and tgname ~ '^zz_outbox' loop \
             execute format('drop trigger %I on video.film_category', t.tgname); end loop; end $$"
                .to_owned(),
            "",
        ),
    ];
    for (what, sql, notice) in cases {
        let output = play(&["--transactions", "60", "--sabotage", &sql]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(
            output.status.code(),
            Some(1),
            "{what} went unnoticed:\n{}",
            String::from_utf8_lossy(&output.stdout)
        );
        assert!(said.contains("NOT AS EXPECTED") && said.contains(notice), "{what}: {said}");
    }
}

/// Film 1 of a database of its own, and two writers, each of a member of it.
struct Film {
    db: Database,
    actor: Session,
    category: Session,
    /// Events up to this one are of the preparation.
    before: String,
    counted: usize,
}

impl Film {
    async fn new(hint: &str) -> Self {
        let db = subscribed(hint);
        for (role, sql) in EXAMPLE {
            db.psql_as(role, sql);
        }
        db.psql_as(
            "video_app",
            "insert into video.category (id, name) values (99, '0'); \
             insert into video.film_category values (1, 99); \
             update video.film_actor set part = '0' where film_id = 1",
        );
        let before = db.psql("select max(id) from outbox.event");
        let (actor, category) = (db.session_as("video_app").await, db.session_as("video_app").await);
        Self { db, actor, category, before, counted: 0 }
    }

    /// Both count on, each in transactions of its own, as fast as they can.
    async fn count(&mut self, transactions: usize) {
        let numbers = self.counted + 1..=self.counted + transactions;
        self.counted += transactions;
        tokio::join!(
            async {
                for n in numbers.clone() {
                    let sql = format!("update video.film_actor set part = '{n}' where film_id = 1");
                    self.actor.execute(&sql).await;
                }
            },
            async {
                for n in numbers.clone() {
                    let sql = format!("update video.category set name = '{n}' where id = 99");
                    self.category.execute(&sql).await;
                }
            },
        );
    }

    /// Events that bring back a value which an earlier event had superseded.
    fn superseded(&self) -> usize {
        let counted = self.db.psql(&format!(
            "select count(*) from (select part, category, lag(part) over w as part_before, \
             lag(category) over w as category_before from ({COUNTERS} {}) as e window w as (order by id)) as e \
             where part < part_before or category < category_before",
            self.before
        ));
        counted.parse().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_writers_of_two_members_of_one_object_bring_no_superseded_value_back() {
    let mut film = Film::new("rental_lock").await;
    film.count(400).await;
    assert_eq!(film.superseded(), 0);
    let events = film.db.psql(&format!(
        "select count(*), count(distinct xid) from ({COUNTERS} {}) e join outbox.event using (id)",
        film.before
    ));
    assert_eq!(events, "800|800", "one event for each transaction");
    let turns = film.db.psql(&format!(
        "select count(*) from (select part = lag(part) over w as same_part, lag(part) over w = lag(part, 2) over w as same_before \
         from ({COUNTERS} {}) as e window w as (order by id)) as e where same_part <> same_before",
        film.before
    ));
    assert!(turns.parse::<usize>().unwrap() > 20, "the writers hardly met: they took turns {turns} times");
    let last = film.db.psql(
        "select data from outbox.event where object = 'Film' and object_id = '1' order by id desc limit 1",
    );
    let truth = film.db.psql(&format!(
        "select t.json -> 2 from ({}) as t (json) where t.json ->> 0 = 'Film' and t.json ->> 1 = '1'",
        TRUTH.trim_end().trim_end_matches(';')
    ));
    let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(parsed(&last), parsed(&truth));
    let gaps = film.db.psql("select count(*) from (select seq, row_number() over (order by id) as n from outbox.event where object = 'Film' and object_id = '1') e where seq <> n");
    assert_eq!(gaps, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_lock_superseded_values_come_back() {
    let mut film = Film::new("rental_no_lock").await;
    let function = "outbox.lock_heads(outbox.touched[])";
    assert_eq!(film.db.psql(&format!("select to_regprocedure('{function}') is not null")), "t");
    film.db.psql(
        "create or replace function outbox.lock_heads(touched outbox.touched[]) returns void language plpgsql as $$ begin \
         insert into outbox.object_head (object, object_id) select t.object, t.object_id from unnest(touched) t \
         order by t.object, t.object_id on conflict do nothing; end $$",
    );
    for _ in 0..40 {
        film.count(50).await;
        if film.superseded() > 0 {
            return;
        }
    }
    panic!(
        "{} transactions of each writer without the lock, and no superseded value came back",
        film.counted
    );
}
