//! What is done now and then: removed subscriptions, idle connections, being seen.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tracing::info;

use super::link::Link;
use super::measurer::Measurer;
use super::{RelayError, Settings};
use crate::delivery::Pool;
use crate::shutdown::Stop;

/// Between two rounds.
const ROUND: Duration = Duration::from_secs(1);
/// Rounds between two signs of life in `outbox.relay`.
const SEEN_ROUNDS: u32 = 10;

pub(super) struct Housekeeper {
    link: Link,
    settings: Arc<Settings>,
    pool: Arc<Pool>,
}

impl Housekeeper {
    pub(super) fn new(link: Link, settings: Arc<Settings>, pool: Arc<Pool>) -> Self {
        Self { link, settings, pool }
    }

    /// Round after round until `stop`.
    pub(super) async fn run(mut self, mut stop: Stop) {
        let mut ticks = tokio::time::interval(ROUND);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut round = 0_u32;
        let mut measurer = Measurer::new(Arc::clone(&self.settings));
        loop {
            tokio::select! {
                () = stop.wait() => return,
                _ = ticks.tick() => {}
            }
            self.pool.sweep();
            self.keep(round.is_multiple_of(SEEN_ROUNDS)).await;
            measurer.measure(&mut self.link).await;
            round = round.wrapping_add(1);
        }
    }

    /// What a run that drains and exits does of it.
    pub(super) async fn once(mut self) -> Result<(), RelayError> {
        self.link.open().await?.cancel_gone().await?;
        Ok(())
    }

    async fn keep(&mut self, be_seen: bool) {
        let store = self.link.wait().await;
        let result = async {
            if be_seen {
                let Settings { name, host, .. } = &*self.settings;
                store.report_relay(name, host, env!("CARGO_PKG_VERSION")).await?;
            }
            store.cancel_gone().await
        };
        match result.await {
            Ok(cancelled) => {
                if cancelled > 0 {
                    info!(cancelled, "cancelled deliveries of removed subscriptions");
                }
                self.link.worked();
            }
            Err(problem) => {
                self.link.failed(&problem);
            }
        }
    }
}
