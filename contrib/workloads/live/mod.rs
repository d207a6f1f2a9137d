//! The demo that stays open: join in by psql, see each statement become a POST, break things.

mod help;
mod inbox;
mod lookout;
mod screen;
mod server_log;
mod sessions;
mod subscriber;
mod tally;
mod timeline;
mod told;

use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

pub(crate) use help::Lines;
use inbox::Message;
use lookout::Lookout;
use screen::Screen;
use server_log::ServerLog;
use subscriber::{SLOW, Subscriber};
use timeline::Timeline;
use told::{age, answer};

use crate::stage::{SOON, Stage};
use crate::support::RelayProcess;

/// How often the log is looked at.
const TICK: Duration = Duration::from_millis(30);
/// How often what changes more slowly is looked at: failures, the relay.
const SELDOM: Duration = Duration::from_millis(200);

/// How somebody who does not want to wait for the next attempt goes on.
const AT_ONCE: &str = "; not to wait: select outbox.retry(id) from outbox.delivery;";

/// Stays open until somebody ends it.
pub(crate) fn stay(stage: &Stage, lines: &Lines) -> Result<(), String> {
    let (sender, inbox) = inbox::open()?;
    make_it_tell(stage);
    let relay = stage.relay();
    let mut live = Live {
        stage,
        lines,
        subscriber: Subscriber::new(&stage.stations, sender),
        relay: Some(relay),
        log: ServerLog::follow(&stage.cluster.base_dir().join("data/log"))?,
        lookout: Lookout::new(&stage.database)?,
        timeline: Timeline::new(),
        screen: Screen::new(),
        in_trouble: false,
        last_look: Instant::now(),
    };
    live.help();
    loop {
        let mut next = inbox.recv_timeout(TICK);
        while let Ok(message) = next {
            if !live.heed(message) {
                answer(&mut live.screen, "ending …");
                return Ok(());
            }
            next = inbox.try_recv().map_err(|_| RecvTimeoutError::Timeout);
        }
        live.look();
        if live.screen.is_gone {
            return Ok(());
        }
    }
}

/// From now on the server's log says who commits what; and failures are tried again soon enough to be watched.
fn make_it_tell(stage: &Stage) {
    let patience = "update outbox.subscription \
         set deadline = '5 s', backoff_base = '1 s', backoff_cap = '20 s', breaker_after = null;";
    println!("demo=# {patience}");
    stage.database.psql(patience);
    for setting in ["log_statement = 'all'", "log_executor_stats = on", "log_duration = on"] {
        stage.database.psql(&format!("alter system set {setting}"));
    }
    stage.database.psql("select pg_reload_conf()");
    // Whoever connects from now on logs: the server itself has read it before it tells its sessions.
    stage.database.wait_until("select current_setting('log_duration') = 'on'", SOON);
}

struct Live<'a> {
    stage: &'a Stage,
    lines: &'a Lines,
    subscriber: Subscriber<'a>,
    relay: Option<RelayProcess>,
    log: ServerLog,
    lookout: Lookout,
    timeline: Timeline,
    screen: Screen,
    /// It has been said that the database does not answer.
    in_trouble: bool,
    last_look: Instant,
}

impl Live<'_> {
    /// Does what is asked; `false` when that is to end.
    fn heed(&mut self, message: Message) -> bool {
        match message {
            Message::Stop => return false,
            Message::Resized => self.screen.measure(),
            Message::Arrived(arrival) => self.timeline.arrived(*arrival),
            Message::Typed(key) => match key.to_lowercase().as_str() {
                "q" => return false,
                "s" => self.stop_or_start_subscriber(),
                "h" => self.slow_down_or_speed_up(),
                "k" => self.kill_or_start_relay(),
                "?" => self.help(),
                "" => {}
                _ => {
                    answer(&mut self.screen, &format!("{key:?} is no key here: s, k, h, ? or q, then Enter"));
                }
            },
        }
        true
    }

    fn look(&mut self) {
        let entries = self.log.read();
        self.timeline.go_on(&mut self.screen, &mut self.lookout, entries);
        if self.last_look.elapsed() < SELDOM {
            return;
        }
        self.last_look = Instant::now();
        self.subscriber.forget();
        self.timeline.tell_failures(&mut self.screen, &mut self.lookout);
        let why = match (&self.relay, self.subscriber.listens) {
            (None, _) => "no relay runs (k Enter starts one)",
            (_, false) => "the subscriber is stopped (s Enter starts it)",
            _ => "select * from outbox.backlog; says more",
        };
        self.timeline.tell_rest(&mut self.screen, &mut self.lookout, why);
        self.lookout.mark(self.timeline.oldest_ms());
        self.notice_relay();
        self.notice_database();
    }

    fn notice_relay(&mut self) {
        if let Some(relay) = self.relay.take_if(|relay| !relay.is_running()) {
            let code = relay.wait(SOON);
            self.stage.relay_is_gone();
            answer(
                &mut self.screen,
                &format!("the relay {} has ended, exit code {code}; k Enter starts another", relay.pid()),
            );
            self.tell_leases();
        }
    }

    fn notice_database(&mut self) {
        let trouble = self.lookout.trouble.as_deref();
        if trouble.is_some() != self.in_trouble {
            self.in_trouble = trouble.is_some();
            let text = trouble.map_or_else(
                || "the database answers again".to_owned(),
                |why| format!("the timeline cannot look into the database: {why}"),
            );
            answer(&mut self.screen, &text);
        }
    }

    fn stop_or_start_subscriber(&mut self) {
        // Asked before: what is due at once is under way after.
        let waiting = self.lookout.waiting();
        self.subscriber.switch();
        if !self.subscriber.listens {
            return answer(
                &mut self.screen,
                "s: the subscriber is stopped, connections to it are refused. Change a row and watch the attempts; \
                 in psql: select * from outbox.failing; s Enter starts it again.",
            );
        }
        let waiting = match waiting {
            None | Some((0, ..)) => "nothing waits.".to_owned(),
            Some((1, due, _)) => format!("1 delivery is due in {}{AT_ONCE}", age(due)),
            Some((n, first, last)) => {
                format!("{n} deliveries are due in {} to {}{AT_ONCE}", age(first), age(last))
            }
        };
        answer(&mut self.screen, &format!("s: the subscriber is back; {waiting}"));
    }

    fn slow_down_or_speed_up(&mut self) {
        self.subscriber.slow_down();
        let text = if self.subscriber.is_slow {
            format!(
                "h: the subscriber thinks for {} s before it answers. What you change now is in flight for that long; \
                 no COMMIT waits for it. h Enter: at once again.",
                SLOW.as_secs()
            )
        } else {
            "h: the subscriber answers at once again.".to_owned()
        };
        answer(&mut self.screen, &text);
    }

    fn kill_or_start_relay(&mut self) {
        let Some(relay) = self.relay.take() else {
            let relay = self.stage.start_relay();
            answer(&mut self.screen, &format!("k: a relay was started, pid {}.", relay.pid()));
            self.relay = Some(relay);
            return;
        };
        let pid = relay.pid();
        // Dropping it is kill -9.
        drop(relay);
        self.stage.relay_is_gone();
        let text =
            format!("k: kill -9 {pid}. Go on committing, nothing is lost; k Enter starts another relay.");
        answer(&mut self.screen, &text);
        self.tell_leases();
    }

    /// What a relay that is gone had under way comes again when its lease has ended.
    fn tell_leases(&mut self) {
        let text = match self.lookout.leased() {
            Some((n, ends)) if n > 0 => format!(
                "{} in flight: nobody knows whether the subscriber has it, so it comes again with the same \
                 webhook-id, when its lease has ended (in {}) and a relay runs.",
                counted_deliveries(n),
                age(ends)
            ),
            _ => "Nothing was in flight. (h Enter makes the subscriber slow: then something is.)".to_owned(),
        };
        answer(&mut self.screen, &text);
    }

    fn help(&mut self) {
        let relay = self.relay.as_ref().map(RelayProcess::pid);
        help::show(&mut self.screen, self.stage, self.lines, relay);
    }
}

fn counted_deliveries(n: i64) -> String {
    if n == 1 { "1 delivery".to_owned() } else { format!("{n} deliveries") }
}
