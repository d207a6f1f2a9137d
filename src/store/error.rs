//! What a failed statement means for the relay, from its SQLSTATE.

use tokio_postgres::error::SqlState;

use crate::database;

/// A statement that failed, with what it was for.
#[derive(Debug, thiserror::Error)]
#[error("{doing} failed: {}", explain(.cause))]
pub struct StoreError {
    doing: &'static str,
    /// Not its `source()`: the sentence has all of it.
    cause: tokio_postgres::Error,
}

/// The error for people. Of data that could not be stored, Postgres' detail shows the whole row, and with it what the
/// subscriber answered: that stays out of the log.
fn explain(source: &tokio_postgres::Error) -> String {
    match source.as_db_error() {
        Some(problem) if trouble(problem.code()) == Trouble::Data => {
            format!("{} {}: {}", problem.severity(), problem.code().code(), problem.message())
        }
        _ => database::explain(source),
    }
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The session is gone or useless: open another.
    Session,
    /// Nothing is wrong with the statement: do it again.
    Again,
    /// The server has no room: wait, keep the session.
    Room,
    /// Rights or schema do not fit: a person must act; try again slowly.
    Refused,
    /// What we sent cannot be stored as it is.
    Data,
}

impl StoreError {
    pub(super) fn new(doing: &'static str, cause: tokio_postgres::Error) -> Self {
        Self { doing, cause }
    }

    /// Whether the role lacks a right.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        self.cause.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE)
    }

    /// Sorts the error by what to do about it.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        self.cause.code().map_or(Trouble::Session, trouble)
    }
}

/// By class of SQLSTATE (Postgres manual, appendix A). 25006 is an old primary that has become a standby.
fn trouble(code: &SqlState) -> Trouble {
    match code.code() {
        "40001" | "40P01" | "55P03" | "57014" => Trouble::Again,
        "25006" | "25P03" => Trouble::Session,
        code => match &code[..2] {
            "53" => Trouble::Room,
            "08" | "57" | "58" | "XX" => Trouble::Session,
            "22" | "23" | "54" => Trouble::Data,
            _ => Trouble::Refused,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_of_trouble() {
        for (code, expected) in [
            ("40001", Trouble::Again),
            ("40P01", Trouble::Again),
            ("55P03", Trouble::Again),
            ("57014", Trouble::Again),
            ("57P01", Trouble::Session),
            ("08006", Trouble::Session),
            ("25006", Trouble::Session),
            ("53100", Trouble::Room),
            ("42501", Trouble::Refused),
            ("42883", Trouble::Refused),
            ("22021", Trouble::Data),
            ("23514", Trouble::Data),
            ("54000", Trouble::Data),
        ] {
            assert_eq!(trouble(&SqlState::from_code(code)), expected, "{code}");
        }
    }
}
