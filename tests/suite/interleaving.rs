//! The doorbell's protocol, played step by step against Postgres in every order of the steps of a writer and a relay.
//!
//! The relay is the real rule (`relay::doorbell`) on the real session (`store::Bell`); only time and the order of the steps
//! are the test's. A wake-up is lost when a delivery is committed, nobody has claimed it, the relay sleeps and nobody
//! has rung. The same play is then made with one part of the protocol taken away, and must lose one: a check that cannot
//! fail would prove nothing.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use outboxd::conninfo::Conninfo;
use outboxd::relay::doorbell::{Bell as Hears, Doorbell, Step};
use outboxd::store::{Bell, Store, Wanted};
use tokio::time::Instant;

use crate::installed::migrate;
use crate::support::{Cluster, ClusterOptions, Session};

/// Steps of the relay that are put in order with those of the writer: from its first look to its sleep takes five when
/// nobody writes, and two more for each look that finds a writer running. What is left is played afterwards.
const RELAY_STEPS: usize = 7;

/// What is taken from the relay's half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relay {
    Whole,
    WithoutArm,
    ArmsOnlyWhenNotArmed,
    HorizonBeforeArm,
    HorizonFromSnapshot,
    WithoutLook,
    WithoutLastClaim,
}

/// A writer: one list of statements, each a step.
struct Writer {
    steps: Vec<Write>,
}

enum Write {
    /// Statements of the writer's session.
    Run(String),
    /// What `outbox.emit()` does after its insert: looks at the flag, and rings when it is armed.
    LookAndRing,
    /// As that, but the ring comes as a later step, or not at all if the flag was not armed.
    Look,
    Ring,
    /// Another relay, which kept the bell until now, clears the flag with its last breath.
    Disarm,
    /// Another relay that listens looks for work.
    OtherClaims,
    /// Another relay that listens fails to claim, and lets go what it had locked: it rings the others.
    OtherFails,
    /// What `outbox.ring()` does in one, step by step: asks whether any relay listens, clears the flag if not, lets others
    /// ask again, rings if one does.
    Ask,
    DisarmIfNobody,
    RingIfAnybody,
}

/// The stage on which all is played; a cluster of its own, for other databases' transactions count too.
struct Theatre {
    writer: Session,
    other: Session,
    info: Conninfo,
    /// A session that listens from the beginning, or none: then the relay opens its own as its first step.
    bell: Option<Rc<Bell>>,
    rings: Arc<AtomicUsize>,
    store: Store,
    _cluster: Cluster,
}

impl Theatre {
    async fn open(conf: &[&str]) -> Self {
        // What autovacuum does takes transaction ids too, and the relay would wait for them.
        let conf = conf.iter().chain(&["autovacuum = off"]).map(|line| (*line).to_owned()).collect();
        let cluster = Cluster::start(&ClusterOptions { conf, ..ClusterOptions::default() });
        let db = cluster.database("interleaving");
        migrate(&db);
        db.psql("select outbox.subscribe('all', '*', 'https://example.com/')");
        let info = Conninfo::resolve(Some(&db.url()), &|_| None).unwrap();
        let store = Store::open(&info, "claim").await.unwrap();
        let (writer, other) = (db.session().await, db.session().await);
        let rings = Arc::new(AtomicUsize::new(0));
        let mut theatre = Self { writer, other, info, bell: None, rings, store, _cluster: cluster };
        theatre.bell = Some(theatre.listen().await);
        theatre
    }

    /// Opens a session that listens and keeps the bell.
    async fn listen(&self) -> Rc<Bell> {
        let heard = Arc::clone(&self.rings);
        let rung = move || {
            heard.fetch_add(1, Ordering::SeqCst);
        };
        let bell = Bell::open(&self.info, &self.info, "nonce", rung).await.unwrap();
        // The one before it may not be quite gone.
        while !bell.heartbeat(false).await.unwrap().keeper {}
        Rc::new(bell)
    }

    /// Plays one order; true when the wake-up was lost.
    async fn loses(&self, relay: Relay, writer: &Writer, order: &[bool], armed_before: bool) -> bool {
        self.other
            .execute("delete from outbox.delivery; delete from outbox.fan_out; delete from outbox.event")
            .await;
        self.other.execute(&format!("select setval('outbox.doorbell', {})", i32::from(armed_before))).await;
        if self.bell.is_none() {
            // The one of the play before takes a moment to go: until then a writer would find that somebody listens.
            let listens = "select exists (select from pg_locks where objid = 1870160898)";
            while self.other.query_text(listens).await == "t" {}
        }
        self.rings.store(0, Ordering::SeqCst);
        let start = Instant::now();
        let mut player = Player {
            theatre: self,
            relay,
            bell: self.bell.clone(),
            rule: Doorbell::new(Duration::from_hours(1), start),
            now: start,
            found: false,
            early_horizon: 0,
            was_armed: false,
        };
        if player.bell.is_some() {
            player.rule.set_bell(Hears::Kept, start);
        }
        let mut armed = false;
        let mut left = writer.steps.iter();
        for relays_turn in order {
            if *relays_turn {
                player.step().await;
            } else if let Some(write) = left.next() {
                self.write(write, &mut armed).await;
            }
        }
        for write in left {
            self.write(write, &mut armed).await;
        }
        // The longest pause is that between two looks for a writer that has ended by now.
        for _ in 0..20 {
            player.step().await;
        }
        // A round trip, so that every ring that was committed is counted.
        player.bell.as_ref().expect("it was opened").heartbeat(true).await.unwrap();
        let open =
            "select (select count(*) from outbox.delivery where attempt = 0) + count(*) from outbox.fan_out";
        let open = self.other.query_text(open).await;
        assert!(player.rule.is_asleep() || player.found, "the relay comes to rest");
        open != "0" && player.rule.is_asleep() && self.rings.load(Ordering::SeqCst) == 0
    }

    async fn write(&self, write: &Write, armed: &mut bool) {
        let look = "select last_value = 1 from outbox.doorbell";
        match write {
            // A transaction that rang cannot be prepared: that fails, and there is nothing to deliver.
            Write::Run(sql) => drop(self.writer.try_execute(sql).await),
            Write::LookAndRing => {
                if self.writer.query_text(look).await == "t" {
                    self.writer.execute("select outbox.ring()").await;
                }
            }
            Write::Look => *armed = self.writer.query_text(look).await == "t",
            Write::Ring if *armed => self.writer.execute("select outbox.ring()").await,
            Write::Disarm => self.other.execute("select setval('outbox.doorbell', 0)").await,
            Write::OtherClaims => {
                self.other.execute("select from outbox.claim('other', 10, '{}', '{}', 0)").await;
            }
            Write::OtherFails => {
                let locks = "begin; select from outbox.delivery for update skip locked";
                self.other.execute(locks).await;
                self.other.execute("rollback; select pg_notify('outbox', '')").await;
            }
            Write::Ask => {
                let ask = "savepoint ask; select pg_try_advisory_xact_lock(8031453476610925570)";
                // True when there is somebody to ring for.
                *armed = self.writer.query_text(ask).await == "f";
            }
            Write::DisarmIfNobody if !*armed => {
                self.writer.execute("select setval('outbox.doorbell', 0); rollback to savepoint ask").await;
            }
            Write::RingIfAnybody if *armed => {
                self.writer.execute("select pg_notify('outbox', '')").await;
            }
            Write::Ring | Write::DisarmIfNobody | Write::RingIfAnybody => {}
        }
    }

    async fn loses_nothing(&self, writer: &Writer, armed_before: bool) {
        let lost = self.lost(Relay::Whole, writer, armed_before).await;
        assert!(lost.is_empty(), "armed before: {armed_before}: {lost:?}");
    }

    /// Plays all orders of the steps; the ones in which a wake-up is lost.
    async fn lost(&self, relay: Relay, writer: &Writer, armed_before: bool) -> Vec<Vec<bool>> {
        let mut lost = Vec::new();
        // Long writers would make thousands of orders; what they add is in the first steps of the relay.
        let relay_steps = if writer.steps.len() > 3 { 5 } else { RELAY_STEPS };
        for order in orders(writer.steps.len(), relay_steps) {
            if self.loses(relay, writer, &order, armed_before).await {
                lost.push(order);
            }
        }
        lost
    }
}

/// The relay in one play.
struct Player<'a> {
    theatre: &'a Theatre,
    relay: Relay,
    bell: Option<Rc<Bell>>,
    rule: Doorbell,
    now: Instant,
    found: bool,
    /// Taken a step before arming.
    early_horizon: u64,
    /// The flag, as seen a step before arming.
    was_armed: bool,
}

impl Player<'_> {
    /// One step that reaches the database. A pause is none: time passes at once, but nobody sleeps for ever.
    async fn step(&mut self) {
        let Some(bell) = self.bell.clone() else {
            // Until the writer gives it back, the relay would wait.
            let held =
                "select exists (select from pg_locks where objid = 1870160898 and mode = 'ExclusiveLock')";
            if self.theatre.other.query_text(held).await == "t" {
                return;
            }
            self.bell = Some(self.theatre.listen().await);
            return self.rule.set_bell(Hears::Kept, self.now);
        };
        if let Step::Wait(until) = self.rule.next(self.now) {
            if self.rule.is_asleep() || self.found {
                return;
            }
            self.now = until;
        }
        match self.rule.next(self.now) {
            Step::Claim => {
                let skipped = self.relay == Relay::WithoutLastClaim && self.rule.is_last_claim();
                let found = !skipped && self.claim().await;
                self.found |= found;
                let flag = "select last_value = 1 from outbox.doorbell";
                self.was_armed = self.theatre.other.query_text(flag).await == "t";
                if self.relay == Relay::HorizonBeforeArm {
                    self.early_horizon = bell.horizon().await.unwrap();
                }
                self.rule.claimed(found, self.now);
            }
            Step::Arm => {
                let skip = match self.relay {
                    Relay::WithoutArm => true,
                    Relay::ArmsOnlyWhenNotArmed => self.was_armed,
                    _ => false,
                };
                if !skip {
                    bell.arm().await.unwrap();
                }
                self.rule.armed(self.now);
            }
            Step::Horizon => {
                let id = match self.relay {
                    Relay::HorizonBeforeArm => self.early_horizon,
                    Relay::HorizonFromSnapshot => {
                        let xmax = "select pg_snapshot_xmax(pg_current_snapshot())";
                        self.theatre.other.query_text(xmax).await.parse().unwrap()
                    }
                    _ => bell.horizon().await.unwrap(),
                };
                self.rule.horizon(id, self.now);
            }
            Step::Look(id) => {
                let passed = self.relay == Relay::WithoutLook || bell.has_passed(id).await.unwrap();
                self.rule.looked(passed);
            }
            Step::Disarm => {
                bell.disarm().await.unwrap();
                self.rule.disarmed();
            }
            Step::Wait(_) => {}
        }
    }

    async fn claim(&self) -> bool {
        let wanted = Wanted { free: 10, others_limit: 10, ..Wanted::default() };
        let store = &self.theatre.store;
        !store.claim("relay", &wanted).await.unwrap().is_empty() || store.expand().await.unwrap().is_some()
    }
}

/// All orders of `writes` steps of the writer (false) and `reads` of the relay (true).
fn orders(writes: usize, reads: usize) -> Vec<Vec<bool>> {
    match (writes, reads) {
        (0, _) => vec![vec![true; reads]],
        (_, 0) => vec![vec![false; writes]],
        _ => {
            let after = |first: bool, rest: Vec<Vec<bool>>| {
                rest.into_iter().map(move |order| [vec![first], order].concat())
            };
            after(false, orders(writes - 1, reads)).chain(after(true, orders(writes, reads - 1))).collect()
        }
    }
}

fn run(sql: &str) -> Write {
    Write::Run(sql.to_owned())
}

/// What a capture does with its deliveries, in one statement.
const INSERT: &str = "with e as (insert into outbox.event (slot, type, data) values (0, 't', '{}') returning id) \
    insert into outbox.delivery (subscription, event_slot, event_id, due_at) \
    select s.id, 0, e.id, clock_timestamp() from outbox.subscription s, e";

/// What it does when very many subscriptions want the event: relays make the deliveries.
const LEAVE: &str = "with e as (insert into outbox.event (slot, type, data) values (0, 'outbox.ping', '{}') returning id) \
    insert into outbox.fan_out (event_slot, event_id) select 0, e.id from e";

fn insert(before: &str) -> Write {
    run(&format!("{before}; {INSERT}"))
}

/// The ordinary one: inserts, looks and rings, commits.
fn writer() -> Writer {
    Writer { steps: vec![insert("begin"), Write::LookAndRing, run("commit")] }
}

#[test]
fn no_order_of_writer_and_relay_loses_a_wake_up() {
    play(&[], async |theatre| {
        theatre.loses_nothing(&writer(), false).await;
        theatre.loses_nothing(&writer(), true).await;
        // As the functions themselves do it.
        let emit = || run("select outbox.emit('outbox.ping', '{}')");
        let whole = Writer { steps: vec![run("begin"), emit(), run("commit")] };
        theatre.loses_nothing(&whole, false).await;
        // The ring itself is not at the same moment as the look.
        let slow = Writer { steps: vec![insert("begin"), Write::Look, Write::Ring, run("commit")] };
        theatre.loses_nothing(&slow, false).await;
        // Deliveries that are left to relays to make.
        let wide = || vec![run(&format!("begin; {LEAVE}")), Write::LookAndRing, run("commit")];
        theatre.loses_nothing(&Writer { steps: wide() }, false).await;
        theatre.loses_nothing(&Writer { steps: wide() }, true).await;
        // One who writes twice, and one whose deliveries are in a subtransaction, one of them rolled back.
        let twice = [insert("begin"), Write::LookAndRing, insert(""), Write::LookAndRing, run("commit")];
        theatre.loses_nothing(&Writer { steps: twice.into() }, false).await;
        let nested = vec![
            insert("begin; savepoint a"),
            run("rollback to savepoint a"),
            insert("savepoint b"),
            Write::LookAndRing,
            run("release savepoint b; commit"),
        ];
        theatre.loses_nothing(&Writer { steps: nested }, false).await;
    });
}

#[test]
fn a_transaction_prepared_before_the_relay_armed_is_waited_for() {
    play(&["max_prepared_transactions = 5"], async |theatre| {
        theatre.other.execute("update outbox.setting set doorbell = 'on'").await;
        let prepared = Writer {
            steps: vec![
                insert("begin"),
                Write::LookAndRing,
                run("prepare transaction 'x'"),
                run("commit prepared 'x'"),
            ],
        };
        theatre.loses_nothing(&prepared, false).await;
        let lost = theatre.lost(Relay::WithoutLook, &prepared, false).await;
        assert!(!lost.is_empty());
    });
}

/// The relay before this one left the flag armed, and clears it with its last breath: before this one arms, since there is
/// one keeper at a time.
#[test]
fn a_relay_that_takes_the_bell_over_arms_whatever_the_flag_says() {
    play(&[], async |theatre| {
        let steps = vec![Write::Disarm, insert("begin"), Write::LookAndRing, run("commit")];
        let writer = Writer { steps };
        let mut lost = 0;
        for order in orders(writer.steps.len(), RELAY_STEPS) {
            // The first step is a claim, the second arms.
            if order.iter().take_while(|relays_turn| **relays_turn).count() < 2 {
                assert!(!theatre.loses(Relay::Whole, &writer, &order, true).await, "{order:?}");
                lost += usize::from(theatre.loses(Relay::ArmsOnlyWhenNotArmed, &writer, &order, true).await);
            }
        }
        assert!(lost > 0, "arming only when the flag is not armed would do");
    });
}

/// Another relay may find what was written before this one does, or not, or fail in the middle of it.
#[test]
fn a_second_relay_that_listens_loses_nothing_either() {
    play(&[], async |theatre| {
        for at in 0..=3 {
            for other in [Write::OtherClaims, Write::OtherFails] {
                let mut writer = writer();
                writer.steps.insert(at, other);
                theatre.loses_nothing(&writer, false).await;
            }
        }
    });
}

/// The flag was left armed by a relay that is gone; a writer finds that nobody listens, and clears it, while another
/// relay starts.
#[test]
fn a_writer_that_clears_a_stale_flag_does_not_clear_that_of_a_relay_that_starts() {
    play(&[], async |theatre| {
        theatre.bell = None;
        let whole = vec![insert("begin"), Write::LookAndRing, run("commit")];
        theatre.loses_nothing(&Writer { steps: whole }, true).await;
        let asks = || [insert("begin"), Write::Ask];
        let clears = || [Write::DisarmIfNobody, Write::RingIfAnybody, run("commit")];
        let in_steps: Vec<_> = asks().into_iter().chain(clears()).collect();
        theatre.loses_nothing(&Writer { steps: in_steps }, true).await;
        // With the lock given back before the flag is cleared, the next one to write finds a sleeping relay and no flag.
        let asks = [run("begin; select pg_current_xact_id()"), Write::Ask, run("rollback to savepoint ask")];
        let too_late = asks.into_iter().chain(clears());
        let next = [insert("begin"), Write::LookAndRing, run("commit")];
        let writer = Writer { steps: too_late.chain(next).collect() };
        let order = "www RRRR w R ww RRRR www".chars().filter(|step| *step != ' ').map(|step| step == 'R');
        let order: Vec<_> = order.collect();
        assert!(theatre.loses(Relay::Whole, &writer, &order, true).await, "the lock is needed for nothing");
    });
}

#[test]
fn without_arming_a_wake_up_is_lost() {
    loses(Relay::WithoutArm);
}

#[test]
fn with_the_horizon_taken_before_arming_a_wake_up_is_lost() {
    loses(Relay::HorizonBeforeArm);
}

/// A single writer with the newest id of all. Setting a logged sequence happens to take an id as well, which would be above
/// the writer's; the horizon is right without that.
#[test]
fn with_the_snapshots_xmax_as_horizon_a_wake_up_is_lost() {
    play(&[], async |theatre| {
        theatre.other.execute("alter sequence outbox.doorbell set unlogged").await;
        let lost = theatre.lost(Relay::HorizonFromSnapshot, &writer(), false).await;
        assert!(!lost.is_empty(), "any horizon would do");
        theatre.loses_nothing(&writer(), false).await;
    });
}

#[test]
fn without_waiting_for_the_horizon_a_wake_up_is_lost() {
    loses(Relay::WithoutLook);
}

#[test]
fn without_a_claim_after_the_last_look_a_wake_up_is_lost() {
    loses(Relay::WithoutLastClaim);
}

#[test]
fn when_writers_look_before_they_insert_a_wake_up_is_lost() {
    play(&[], async |theatre| {
        let early = Writer { steps: vec![run("begin"), Write::Look, insert(""), Write::Ring, run("commit")] };
        let lost = theatre.lost(Relay::Whole, &early, false).await;
        assert!(!lost.is_empty());
    });
}

fn loses(relay: Relay) {
    play(&[], async |theatre| {
        let lost = theatre.lost(relay, &writer(), false).await;
        assert!(!lost.is_empty(), "{relay:?} is needed for nothing");
    });
}

/// On a single-threaded runtime: the order of the steps is the test's alone.
fn play(conf: &[&str], test: impl AsyncFnOnce(&mut Theatre)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut theatre = Theatre::open(conf).await;
        test(&mut theatre).await;
    });
}
