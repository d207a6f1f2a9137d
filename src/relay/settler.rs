//! Records outcomes, in batches: whatever has come in while the last batch was written is the next one.

use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tracing::{error, info, warn};

use super::link::Link;
use super::outcomes::Outcomes;
use crate::model::Report;
use crate::store::{Detail, StoreError, Trouble};

/// Outcomes in one statement.
const BATCH_MAX: usize = 500;
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
            let result = self.settle(batch, again, detail).await;
            tries += 1;
            match result {
                Ok(late) => {
                    if late > 0 {
                        info!(late, "outcomes came after their lease had ended");
                    }
                    self.link.worked();
                    self.outcomes.set_stuck(false);
                    self.outcomes.settled(batch);
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

    async fn settle(&mut self, batch: &[Report], again: bool, detail: Detail) -> Result<i32, StoreError> {
        let relay = self.relay.clone();
        self.link.wait().await.settle(&relay, again, detail, batch).await
    }

    /// The last resort for a batch that cannot be stored at all: what can be, is; the rest waits for its lease to end.
    async fn record_each(&mut self, batch: &[Report], again: bool, problem: &StoreError) {
        error!("{problem}; recording the batch one by one");
        for report in batch {
            let one = std::slice::from_ref(report);
            if let Err(problem) = self.settle(one, again, Detail::Bare).await {
                error!(delivery = report.claim.delivery, "not recorded, it will be sent again: {problem}");
                self.link.failed(&problem);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        self.outcomes.settled(batch);
    }
}
