//! Measures the backlog for those who watch it. Counting costs as much as there is open, so its rhythm depends on that.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use super::Settings;
use super::link::Link;
use crate::health::Waiting;
use crate::metrics::Backlog;
use crate::model::Measured;
use crate::store::Trouble;

/// Subscriptions that are told one by one; the others are one sum.
const SUBSCRIPTIONS_MAX: i32 = 200;
/// Between two measurements, when they are quick.
const PAUSE: Duration = Duration::from_secs(10);
/// Measuring takes at most one hundredth of the time.
const PAUSE_FACTOR: u32 = 100;
/// After the database refused: only a person can mend that.
const REFUSED_PAUSE: Duration = Duration::from_mins(5);

pub(super) struct Measurer {
    settings: Arc<Settings>,
    next: Instant,
}

impl Measurer {
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        Self { settings, next: Instant::now() }
    }

    /// Says that what was measured last does not count any more.
    pub(super) fn forget(&self) {
        self.settings.metrics.forget_backlog();
        self.settings.health.measured(Vec::new(), None);
    }

    /// Measures if it is time to, and anybody can see it.
    pub(super) async fn measure(&mut self, link: &mut Link) {
        // Rounds come at their own rhythm: a little early is better than a round late.
        if !self.settings.measure || Instant::now() + PAUSE / 10 < self.next {
            return;
        }
        let Settings { metrics, health, .. } = &*self.settings;
        let store = link.wait().await;
        let begun = Instant::now();
        let looked_at = health.last_look();
        let result = match store.measure(SUBSCRIPTIONS_MAX).await {
            Ok(rows) => store.count_troubled().await.map(|statuses| (rows, statuses)),
            Err(problem) => Err(problem),
        };
        let took = begun.elapsed();
        self.next = Instant::now() + PAUSE.max(took * PAUSE_FACTOR);
        match result {
            Ok((rows, statuses)) => {
                link.worked();
                health.measured(rows.iter().filter_map(waiting).collect(), looked_at);
                metrics.backlog(rows.into_iter().map(backlog).collect(), statuses, took);
            }
            Err(problem) => {
                // Old numbers would be taken for what is so now.
                metrics.forget_backlog();
                health.measured(Vec::new(), None);
                if link.failed(&problem) == Trouble::Refused {
                    self.next = Instant::now() + REFUSED_PAUSE;
                }
                let pause = self.next.saturating_duration_since(Instant::now()).as_secs();
                warn!("the backlog is not measured for the next {pause} s: {problem}");
            }
        }
    }
}

fn waiting(row: &Measured) -> Option<Waiting> {
    Some(Waiting {
        subscription: row.subscription?,
        subscriber: row.subscriber.clone().unwrap_or_default(),
        due_at: row.due_at?,
        due_for: row.due_for?,
        delivery: row.first_due?,
    })
}

fn backlog(row: Measured) -> Backlog {
    Backlog {
        subscription: row.subscription,
        subscriber: row.subscriber.unwrap_or_else(|| "other".to_owned()),
        open: row.open,
        dead: row.dead,
        oldest_age: row.oldest_age,
        held: row.held,
    }
}
