//! Several connections at once that play the script as the application's role.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::script::{self, Transaction};
use crate::support::{Database, Session};

/// Whom the application logs in as.
pub(super) const APPLICATION: &str = "video_app";

/// How often a transaction that others were in the way of is tried again.
const TRIES_MAX: usize = 100;

/// What became of the transactions.
#[derive(Debug, Default, Clone)]
pub(super) struct Tally {
    /// Committed, by isolation level.
    pub(super) committed: BTreeMap<&'static str, usize>,
    pub(super) taken_back: usize,
    /// Refused by a constraint of the tables.
    pub(super) refused: usize,
    /// Played again because another transaction was in the way (40001, 40P01).
    pub(super) repeated: usize,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        for (isolation, n) in &other.committed {
            *self.committed.entry(isolation).or_default() += n;
        }
        self.taken_back += other.taken_back;
        self.refused += other.refused;
        self.repeated += other.repeated;
    }
}

/// How a try ended.
enum End {
    Committed,
    TakenBack,
    Refused,
    InTheWay,
}

/// Plays so many transactions, shared among the writers.
pub(super) fn write(
    database: &Database,
    writers: usize,
    transactions: usize,
    seed: u64,
) -> Result<Tally, String> {
    let mut tally = Tally::default();
    let ends: Vec<_> = std::thread::scope(|scope| {
        let start = |writer: usize| {
            let share = transactions / writers + usize::from(writer < transactions % writers);
            let rng = Rng::with_seed(seed.wrapping_mul(1000).wrapping_add(writer as u64));
            scope.spawn(move || one(database, share, rng))
        };
        let threads: Vec<_> = (0..writers).map(start).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| "a writer panicked".to_owned())).collect()
    });
    for end in ends {
        tally.add(&end??);
    }
    Ok(tally)
}

fn one(database: &Database, transactions: usize, mut rng: Rng) -> Result<Tally, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|e| format!("no runtime: {e}"))?.block_on(async {
        let session = database.session_as(APPLICATION).await;
        let mut tally = Tally::default();
        for _ in 0..transactions {
            play(&session, &script::next(&mut rng), &mut tally).await?;
        }
        Ok(tally)
    })
}

async fn play(session: &Session, transaction: &Transaction, tally: &mut Tally) -> Result<(), String> {
    for _ in 0..TRIES_MAX {
        match attempt(session, transaction).await? {
            End::Committed => *tally.committed.entry(transaction.isolation).or_default() += 1,
            End::TakenBack => tally.taken_back += 1,
            End::Refused => tally.refused += 1,
            End::InTheWay => {
                tally.repeated += 1;
                continue;
            }
        }
        return Ok(());
    }
    Err(format!("others were in the way {TRIES_MAX} times of: {}", transaction.statements.join("; ")))
}

async fn attempt(session: &Session, transaction: &Transaction) -> Result<End, String> {
    let begin = format!("begin isolation level {}", transaction.isolation);
    let last = if transaction.takes_back { "rollback" } else { "commit" };
    let mut statements = vec![begin];
    statements.extend(transaction.statements.iter().cloned());
    statements.push(last.to_owned());
    if transaction.at_once {
        statements = vec![statements.join("; ")];
    }
    for statement in &statements {
        let Err(error) = session.try_execute(statement).await else { continue };
        session.try_execute("rollback").await.map_err(|e| format!("rollback: {}", e.message))?;
        return match error.sqlstate.as_str() {
            "40001" | "40P01" => Ok(End::InTheWay),
            "23503" | "23505" => Ok(End::Refused),
            // Whatever else fails, fails because of us: no event may cost the application its transaction.
            state => Err(format!("a write failed: {state} {}\nin: {statement}", error.message)),
        };
    }
    Ok(if transaction.takes_back { End::TakenBack } else { End::Committed })
}
