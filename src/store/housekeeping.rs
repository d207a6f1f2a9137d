//! What a relay does besides delivering: being seen, and what one relay at a time does for all of them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::{Store, StoreError};
use crate::model::Certificate;

/// Deliveries cancelled or skipped in one statement.
const BATCH: i32 = 1000;
/// The name of the work in `outbox.duty`.
const DUTY: &str = "housekeeping";

/// What one call of `outbox.turn_ring()` came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// No leaf is due, but those that were to be skipped.
    Nothing,
    /// A batch was looked at, and so many rows moved to where they are kept.
    Moving(i64),
    /// This leaf is empty now.
    Emptied(String),
    /// This leaf cannot be emptied yet, and why; `None` when somebody else is at it.
    Later(Option<String>, String),
}

/// What `outbox.purge_old()` deleted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Purged {
    /// Dead letters past their time.
    pub letters: i64,
    /// Events that had outlived their leaf, and are not needed any more.
    pub events: i64,
    /// Attempts of such events.
    pub attempts: i64,
    /// Keys of published events that hold nobody any more.
    pub keys: i64,
}

impl Purged {
    /// Nothing at all.
    #[must_use]
    pub fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

impl Store {
    /// Shows the relay in `outbox.relay`, and takes or renews the duty of keeping house; true while it has it.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn report(
        &self,
        name: &str,
        host: &str,
        release: &str,
        doorbell: &str,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        let pid = i32::try_from(std::process::id()).unwrap_or(0);
        let row = self
            .one(
                "reporting the relay",
                "select outbox.take_duty($1, $2, make_interval(secs => $3)) from outbox.report_relay($2, $4, $5, $6, $7)",
                &[
                    (&DUTY, Type::TEXT),
                    (&name, Type::TEXT),
                    (&lease.as_secs_f64(), Type::FLOAT8),
                    (&host, Type::TEXT),
                    (&pid, Type::INT4),
                    (&release, Type::TEXT),
                    (&doorbell, Type::TEXT),
                ],
            )
            .await?;
        Ok(row.is_some_and(|row| row.get(0)))
    }

    /// Shows in `outbox.relay` that the relay ends, and gives the duty of keeping house back, if it has it.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn leave(&self, name: &str, host: &str) -> Result<(), StoreError> {
        let pid = i32::try_from(std::process::id()).unwrap_or(0);
        let parameters: [(&(dyn ToSql + Sync), Type); 4] =
            [(&DUTY, Type::TEXT), (&name, Type::TEXT), (&host, Type::TEXT), (&pid, Type::INT4)];
        let statement = "select outbox.leave_duty($1, $2) from outbox.report_stop($2, $3, $4)";
        self.one("taking leave", statement, &parameters).await?;
        Ok(())
    }

    /// Shows in `outbox.certificate` what the relay has in use and has seen, and nothing else of it.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn report_certificates(&self, name: &str, all: &[Certificate]) -> Result<(), StoreError> {
        let one = |one: &Certificate| {
            json!({
                "use": one.usage, "name": one.name, "fingerprint": one.fingerprint, "subject": one.subject,
                "not_before": one.not_before, "not_after": one.not_after,
            })
        };
        let all = all.iter().map(one).collect::<Value>().to_string();
        let parameters: [(&(dyn ToSql + Sync), Type); 2] = [(&name, Type::TEXT), (&all, Type::TEXT)];
        let statement = "select outbox.report_certificates($1, $2::jsonb)";
        self.one("reporting certificates", statement, &parameters).await?;
        Ok(())
    }

    /// Ends subscriptions whose time is over, and cancels open deliveries of those that have ended, for at most about this long;
    /// returns how many deliveries.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn cancel_gone(&self, within: Duration) -> Result<i32, StoreError> {
        let doing = "cancelling deliveries of removed subscriptions";
        self.batches(doing, "select outbox.cancel_gone($1)", within).await
    }

    /// Skips open deliveries of paused and disabled subscriptions that want that, for at most about this long; returns how many.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn keep_subscriptions(&self, within: Duration) -> Result<i32, StoreError> {
        let doing = "skipping deliveries of paused and disabled subscriptions";
        self.batches(doing, "select outbox.keep_subscriptions($1)", within).await
    }

    /// Batch after batch, until one is not full.
    async fn batches(
        &self,
        doing: &'static str,
        statement: &str,
        within: Duration,
    ) -> Result<i32, StoreError> {
        let (begun, mut all) = (Instant::now(), 0);
        loop {
            let row = self.one(doing, statement, &[(&BATCH, Type::INT4)]).await?;
            let batch: i32 = row.map_or(0, |row| row.get(0));
            all += batch;
            if batch < BATCH || begun.elapsed() > within {
                return Ok(all);
            }
        }
    }

    /// Does the next step in emptying leaves of the ring whose time is over, except `skip`.
    ///
    /// # Errors
    /// When the statement fails. A lock that is not had is no error but [`Turn::Later`].
    pub async fn turn_ring(&self, skip: &[String]) -> Result<Turn, StoreError> {
        let row = self
            .one(
                "emptying old leaves",
                // Not waiting for standbys while nobody can read the leaf; the local disk is waited for anyway.
                "select r.leaf, r.step, r.moved from \
                 (select pg_catalog.set_config('synchronous_commit', 'local', true)) as here, outbox.turn_ring($1) as r",
                &[(&skip, Type::TEXT_ARRAY)],
            )
            .await?;
        let Some(row) = row else { return Ok(Turn::Nothing) };
        let (leaf, step): (Option<String>, Option<String>) = (row.get("leaf"), row.get("step"));
        Ok(match (leaf, step.as_deref()) {
            (_, None) => Turn::Nothing,
            (_, Some("moving")) => Turn::Moving(row.get::<_, Option<i64>>("moved").unwrap_or(0)),
            (Some(leaf), Some("emptied")) => Turn::Emptied(leaf),
            (leaf, Some(step)) => Turn::Later(leaf, step.to_owned()),
        })
    }

    /// Deletes a batch of what was kept and has had its time.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn purge_old(&self) -> Result<Purged, StoreError> {
        let statement = "select letters, events, attempts, keys from outbox.purge_old()";
        let row = self.one("purging what has had its time", statement, &[]).await?;
        Ok(row.map_or_else(Purged::default, |row| Purged {
            letters: row.get("letters"),
            events: row.get("events"),
            attempts: row.get("attempts"),
            keys: row.get("keys"),
        }))
    }

    async fn one(
        &self,
        doing: &'static str,
        statement: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.run(doing, statement, parameters).await?.into_iter().next())
    }
}
