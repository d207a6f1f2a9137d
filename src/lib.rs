//! outboxd turns a Postgres database into a dependable source of webhooks.
