//! Records outcomes, in batches: whatever has come in while the last batch was written is the next one.

use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;
use tracing::{error, info, warn};

use super::link::Link;
use super::outcomes::Outcomes;
use crate::model::Report;
use crate::store::{Detail, Settled, StatusChange, StoreError, Trouble};

/// Outcomes in one statement.
const BATCH_MAX: usize = 500;
/// After this, recording counts as failing until it is done.
const SLOW: Duration = Duration::from_secs(3);
/// After this beyond [`SLOW`], longer than the server's own limit for a statement, the session is given up.
const HUNG: Duration = Duration::from_secs(35);
/// With `once`, how often a batch is tried before it is given up.
const ONCE_TRIES: u32 = 5;

pub(super) struct Settler {
    link: Link,
    relay: String,
    outcomes: Outcomes,
    once: bool,
}

impl Settler {
    pub(super) fn new(link: Link, relay: String, outcomes: Outcomes, once: bool) -> Self {
        Self { link, relay, outcomes, once }
    }

    /// Until the channel is closed and empty.
    pub(super) async fn run(mut self, mut reports: UnboundedReceiver<Report>) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        if !self.once {
            tokio::select! {
                _ = self.link.wait() => {}
                // Nothing is claimed before: so it is closed.
                _ = reports.recv_many(&mut batch, BATCH_MAX) => {}
            }
            self.outcomes.set_stuck(false);
        }
        while reports.recv_many(&mut batch, BATCH_MAX).await > 0 {
            self.record(&batch).await;
            batch.clear();
        }
    }

    /// Records a batch, however long it takes. What the database refuses as data is recorded with less and less of what
    /// the subscriber said, and last one by one: one odd response does not hold up the others.
    async fn record(&mut self, batch: &[Report]) {
        let mut detail = Detail::Full;
        let mut again = false;
        let mut tries = 0;
        loop {
            tries += 1;
            let begun = Instant::now();
            let Some(result) = self.settle_in_time(batch, again, detail).await else {
                self.link.hung();
                again = true;
                if self.once && tries >= ONCE_TRIES {
                    return self.outcomes.give_up();
                }
                continue;
            };
            match result {
                Ok(Settled { late, changes, dead }) => {
                    if late > 0 {
                        info!(late, "outcomes came after their lease had ended");
                    }
                    changes.iter().for_each(tell);
                    self.link.worked();
                    self.outcomes.set_stuck(false);
                    self.outcomes.recorded(batch.len(), begun.elapsed(), late);
                    self.outcomes.settled(batch, &dead);
                    return;
                }
                Err(problem) => match self.link.failed(&problem) {
                    Trouble::Data if detail > Detail::Bare => {
                        warn!("{problem}; recording it with less detail");
                        detail = if detail == Detail::Full { Detail::Errors } else { Detail::Bare };
                    }
                    Trouble::Data => return self.record_each(batch, again, &problem).await,
                    _ if self.once && tries >= ONCE_TRIES => {
                        error!("{problem}; giving up");
                        return self.outcomes.give_up();
                    }
                    _ => {
                        again = true;
                        self.outcomes.set_stuck(true);
                    }
                },
            }
        }
    }

    /// Records a batch, or gives up on the session: `None` when it does not answer at all. What takes long counts as
    /// failing meanwhile: nothing new may be sent whose outcome might find no way into the database.
    async fn settle_in_time(
        &mut self,
        batch: &[Report],
        again: bool,
        detail: Detail,
    ) -> Option<Result<Settled, StoreError>> {
        let outcomes = self.outcomes.clone();
        let mut settling = std::pin::pin!(self.settle(batch, again, detail));
        if let Ok(result) = timeout(SLOW, &mut settling).await {
            return Some(result);
        }
        warn!(outcomes = batch.len(), "recording has taken {SLOW:?}; nothing is claimed until it is done");
        outcomes.set_stuck(true);
        timeout(HUNG, settling).await.ok()
    }

    async fn settle(&mut self, batch: &[Report], again: bool, detail: Detail) -> Result<Settled, StoreError> {
        let relay = self.relay.clone();
        self.link.wait().await.settle(&relay, again, detail, batch).await
    }

    /// The last resort for a batch that cannot be stored at all: what can be, is; the rest waits for its lease to end.
    async fn record_each(&mut self, batch: &[Report], mut again: bool, problem: &StoreError) {
        error!("{problem}; recording the batch one by one");
        for report in batch {
            let one = std::slice::from_ref(report);
            loop {
                let Some(result) = self.settle_in_time(one, again, Detail::Bare).await else {
                    self.link.hung();
                    again = true;
                    continue;
                };
                let problem = match result {
                    Ok(settled) => {
                        settled.changes.iter().for_each(tell);
                        self.outcomes.settled(one, &settled.dead);
                        break;
                    }
                    Err(problem) => problem,
                };
                if self.link.failed(&problem) == Trouble::Data {
                    error!(
                        delivery = report.claim.delivery,
                        "not recorded, it will be sent again: {problem}"
                    );
                    self.outcomes.refused();
                    break;
                }
                // The report is as good as before: only the database was away, or busy.
                self.outcomes.set_stuck(true);
                again = true;
            }
        }
        // The database answers: what it refuses is no reason to stand still.
        self.link.worked();
        self.outcomes.set_stuck(false);
    }
}

/// Says in the log what outcomes have made of a subscription.
fn tell(change: &StatusChange) {
    let StatusChange { subscription, subscriber, from, to, reason } = change;
    match to.as_str() {
        "disabled" => {
            error!(
                subscription,
                subscriber,
                from,
                to,
                reason,
                "disabled a subscription; when its cause is mended: select outbox.enable({subscription});"
            );
        }
        "failing" => warn!(subscription, subscriber, from, to, reason, "a subscription is failing"),
        _ => info!(subscription, subscriber, from, to, reason, "a subscription works again"),
    }
}
