//! What a relay does besides delivering: cancelling what nobody wants any more, being seen.

use tokio_postgres::types::Type;

use super::{Store, StoreError};

/// Deliveries cancelled in one statement.
const CANCEL_BATCH: i32 = 1000;

impl Store {
    /// Cancels open deliveries of removed subscriptions; returns how many.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn cancel_gone(&self) -> Result<i32, StoreError> {
        let mut cancelled = 0;
        loop {
            let rows = self
                .run(
                    "cancelling deliveries of removed subscriptions",
                    "select outbox.cancel_gone($1)",
                    &[(&CANCEL_BATCH, Type::INT4)],
                )
                .await?;
            let batch: i32 = rows.first().map_or(0, |row| row.get(0));
            cancelled += batch;
            if batch < CANCEL_BATCH {
                return Ok(cancelled);
            }
        }
    }

    /// Shows the relay in `outbox.relay`.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn report_relay(&self, name: &str, host: &str, release: &str) -> Result<(), StoreError> {
        let pid = i32::try_from(std::process::id()).unwrap_or(0);
        self.run(
            "reporting the relay",
            "select outbox.report_relay($1, $2, $3, $4)",
            &[(&name, Type::TEXT), (&host, Type::TEXT), (&pid, Type::INT4), (&release, Type::TEXT)],
        )
        .await?;
        Ok(())
    }
}
