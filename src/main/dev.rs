//! `outboxd dev`.

#[path = "dev/ground.rs"]
mod ground;
#[path = "dev/guard.rs"]
pub(crate) mod guard;
#[path = "dev/load.rs"]
mod load;
#[path = "dev/screen.rs"]
mod screen;
#[path = "dev/set_up.rs"]
mod set_up;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use outboxd::cli::{Database, Dev};
use outboxd::dev::Plan;
use outboxd::receiver::{Received, Show, Verdict, text};
use outboxd::shutdown::Stop;
use outboxd::{config, dev, relay, shutdown};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::signals;
use ground::{Ground, News};
use screen::{Screen, complain};
use set_up::{Stage, set_up};

/// How long POSTs under way may go on at the end.
const GRACE: Duration = Duration::from_secs(1);

/// How long putting their outcomes on record may take besides.
const RECORDING: Duration = Duration::from_secs(3);

/// What may wait to be printed; then senders wait.
const WAITING_MAX: usize = 16;

/// How long there may be no room for a line that can wait.
const ROOM: Duration = Duration::from_millis(100);

/// What was seen.
#[derive(Default)]
struct Seen {
    webhooks: u64,
    verified: u64,
}

pub(crate) async fn dev(at: &Database, options: &Dev) -> Result<ExitCode> {
    let began = Instant::now();
    let plan = dev::check(options, at.database_url.as_deref()).map_err(config::ConfigError)?;
    let (stopper, stop) = shutdown::channel();
    signals::end_properly(stopper)?;
    let screen = Screen::open()?;
    let (last, result) = match from_start_to_end(&plan, &screen, stop, began).await {
        Ok(farewell) => (Some(farewell), Ok(ExitCode::SUCCESS)),
        Err(problem) => (None, Err(problem)),
    };
    screen.end(last).await;
    result
}

/// All of it; gives the last line.
async fn from_start_to_end(plan: &Plan, screen: &Screen, mut stop: Stop, began: Instant) -> Result<String> {
    let names: Vec<String> = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
    if let Some(line) = dev::unused(names.iter().map(String::as_str)) {
        screen.say(line).await;
    }
    let mut ground = Ground::open(&plan.database).await?;
    let staged = tokio::select! {
        staged = Box::pin(set_up(&mut ground, plan, screen, began)) => staged.map(Some),
        () = stop.wait() => Ok(None),
    };
    let mut seen = Seen::default();
    let result = match staged {
        Ok(Some(stage)) => play(&mut ground, stage, plan.show, screen, stop, &mut seen).await,
        Ok(None) => Ok(()),
        Err(problem) => Err(problem),
    };
    match (result, ground.end().await) {
        (Ok(()), gone) => Ok(dev::farewell(seen.webhooks, seen.verified, &gone?)),
        (Err(problem), gone) => {
            // The first is what is returned; the second must be told as well.
            if let Err(other) = gone {
                complain(&format!("outboxd: {other:#}"));
            }
            Err(problem)
        }
    }
}

/// Shows webhooks until the end is asked for, nobody reads any more, or something fails.
async fn play(
    ground: &mut Ground,
    stage: Stage,
    show: Show,
    screen: &Screen,
    mut stop: Stop,
    seen: &mut Seen,
) -> Result<()> {
    let (stopper, inner) = shutdown::channel();
    let (told, mut happenings) = mpsc::channel(WAITING_MAX);
    let mut relay = tokio::spawn(relay::run(stage.relay, inner.clone()));
    let mut receiver = tokio::spawn(stage.receiver.run(inner, told));
    let mut introduction = Some(stage.introduction);
    let mut result = Ok(());
    while result.is_ok() {
        tokio::select! {
            // What there is no room for stays where it is, and its sender waits.
            Some(room) = screen.room(), if introduction.is_some() => {
                room.send(introduction.take().unwrap_or_default());
            }
            Some((room, happened)) = next(screen, &mut happenings), if introduction.is_none() => {
                seen.count(&happened);
                room.send(text(&happened, show));
            }
            () = screen.gone() => break,
            () = stop.wait() => break,
            ended = &mut relay => result = Err(early("the relay", ended.map(|ended| ended.map(drop)))),
            ended = &mut receiver => result = Err(early("the receiver", ended)),
            news = ground.news() => match news {
                News::Relay(relay) => {
                    // Where nobody reads now, it is told at a later look.
                    if let Ok(Some(room)) = timeout(ROOM, screen.room()).await {
                        room.send(dev::company(&relay));
                        ground.told(relay);
                    }
                }
                News::Gone(problem) => {
                    // There is nothing left to put outcomes on record in.
                    relay.abort();
                    result = Err(problem);
                }
            },
        }
    }
    stopper.stop();
    // In this order: what is under way gets its answer, and then the answer goes on record. Nothing is shown any more.
    happenings.close();
    finish(receiver, GRACE).await;
    finish(relay, RECORDING).await;
    result
}

/// What happened, once there is room to show it.
async fn next<'a>(
    screen: &'a Screen,
    happenings: &mut mpsc::Receiver<Received>,
) -> Option<(mpsc::Permit<'a, String>, Received)> {
    let room = screen.room().await?;
    happenings.recv().await.map(|happened| (room, happened))
}

/// Why a task that runs to the end has ended before.
fn early<E>(what: &str, ended: Result<Result<(), E>, tokio::task::JoinError>) -> anyhow::Error
where
    E: std::error::Error + Send + Sync + 'static,
{
    match ended {
        Ok(Ok(())) => anyhow!("{what} ended by itself"),
        Ok(Err(problem)) => problem.into(),
        Err(problem) => anyhow::Error::new(problem).context(format!("{what} failed")),
    }
}

/// Waits for a task that was told to end, but not for ever.
async fn finish<T>(mut task: JoinHandle<T>, within: Duration) {
    if !task.is_finished() && timeout(within, &mut task).await.is_err() {
        task.abort();
    }
}

impl Seen {
    fn count(&mut self, happened: &Received) {
        if let Received::Webhook(webhook) = happened {
            self.webhooks += 1;
            self.verified += u64::from(matches!(webhook.verdict, Verdict::Verified { .. }));
        }
    }
}
