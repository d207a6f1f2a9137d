//! `outbox.measure()` and `outbox.count_troubled()`.

use tokio_postgres::types::Type;

use super::{Store, StoreError};
use crate::model::Measured;

impl Store {
    /// What is open, for at most so many subscriptions one by one and for all others together.
    ///
    /// # Errors
    /// When the statement fails; with a very large backlog it may exceed the session's `statement_timeout`.
    pub async fn measure(&self, subscriptions_max: i32) -> Result<Vec<Measured>, StoreError> {
        let rows = self
            .run(
                "measuring the backlog",
                "select subscription, subscriber, open, dead, oldest_age, due_at, due_for, first_due, held \
                 from outbox.measure($1)",
                &[(&subscriptions_max, Type::INT4)],
            )
            .await?;
        let measured = |row: &tokio_postgres::Row| Measured {
            subscription: row.get("subscription"),
            subscriber: row.get("subscriber"),
            open: row.get("open"),
            dead: row.get("dead"),
            oldest_age: row.get("oldest_age"),
            due_at: row.get("due_at"),
            due_for: row.get("due_for"),
            first_due: row.get("first_due"),
            held: row.get("held"),
        };
        Ok(rows.iter().map(measured).collect())
    }

    /// How many subscriptions have each of the statuses that they should not have.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn count_troubled(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let rows = self
            .run(
                "counting troubled subscriptions",
                "select status, subscriptions from outbox.count_troubled()",
                &[],
            )
            .await?;
        Ok(rows.iter().map(|row| (row.get("status"), row.get("subscriptions"))).collect())
    }
}
