//! From lines of the log to transactions: who typed what in which transaction, and which of them are worth telling of.
//!
//! A transaction is told of when it has got a number, which Postgres gives it with its first change. The log names a
//! transaction (`vxid`) from its begin on; its number stands in the lines that follow its changes. Statements that the
//! executor does not run (CALL, DO, COPY) have no such line when they are transactions of their own: those are found by the
//! time of their commit.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use super::server_log::{Entry, What};

/// For how long the end of a transaction that was begun by hand may be missing in the log: the server's log collector is a
/// process of its own, and a client may say Sync after the last line of a transaction.
const LOG_LAG: Duration = Duration::from_millis(500);
/// A transaction that is open for this long is shown as far as it is.
const SHOWN_AFTER: Duration = Duration::from_millis(300);
/// How many lines of one transaction are kept.
const LINES_MAX: usize = 1000;
/// How many statements that may turn out to have changed something are remembered.
const UTILITIES_MAX: usize = 64;
/// How many transactions are remembered so that late lines of theirs are known for what they are.
const PAST_MAX: usize = 1024;
/// The log's clock is cut down to milliseconds, the commit's is in microseconds.
const ROUNDING_MS: f64 = 1.0;

/// A line that somebody typed, or the error that came of it.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) clock: String,
    pub(crate) text: String,
    pub(crate) is_error: bool,
}

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Outcome {
    /// When, in microseconds since 1970; subtransactions have the moment of their transaction.
    Committed(i64),
    RolledBack,
}

#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) pid: i64,
    vxid: String,
    pub(crate) xid: Option<u32>,
    pub(crate) began_ms: f64,
    /// When a statement that is a transaction of its own ended.
    ended_ms: Option<f64>,
    pub(crate) lines: Vec<Line>,
    /// How many of the lines have been shown.
    pub(crate) shown: usize,
    /// It has been said that it is open.
    pub(crate) told_open: bool,
    seen: Instant,
    /// The executor ran something: if it had changed anything, it would have a number.
    executed: bool,
    /// The session has gone on to something else: no line can follow.
    left: bool,
    ended: Option<(Instant, Outcome)>,
}

impl Transaction {
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.ended.map(|(_, outcome)| outcome)
    }

    /// Whether all that belongs to it has been read, as far as one can know.
    fn is_complete(&self) -> bool {
        self.ended.is_some_and(|(since, _)| self.left || !self.is_a_block() || since.elapsed() > LOG_LAG)
    }

    /// Whether somebody said BEGIN: only then does a line follow its end.
    fn is_a_block(&self) -> bool {
        let first = self.lines.first().map(|line| line.text.trim_start().to_lowercase()).unwrap_or_default();
        first.starts_with("begin") || first.starts_with("start")
    }
}

/// All sessions of the server that are not ours.
#[derive(Default)]
pub(crate) struct Sessions {
    /// What each is at.
    current: HashMap<i64, Transaction>,
    /// Transactions with a number whose sessions have gone on.
    left: Vec<Transaction>,
    /// Statements without a number that may have changed something, the newest last.
    utilities: VecDeque<Transaction>,
    past: VecDeque<(i64, String)>,
    is_past: HashSet<(i64, String)>,
}

impl Sessions {
    /// Takes a line of the log.
    pub(crate) fn take(&mut self, entry: Entry) {
        if let (What::Ended, Some(transaction)) = (&entry.what, self.current.get_mut(&entry.pid)) {
            transaction.ended_ms = Some(entry.at_ms);
        }
        let Some(vxid) = entry.vxid else { return self.leave(entry.pid) };
        if self.is_past.contains(&(entry.pid, vxid.clone())) {
            return;
        }
        if self.current.get(&entry.pid).is_some_and(|transaction| transaction.vxid != vxid) {
            self.leave(entry.pid);
        }
        let transaction = self.current.entry(entry.pid).or_insert_with(|| Transaction {
            pid: entry.pid,
            vxid,
            xid: None,
            began_ms: entry.at_ms,
            ended_ms: None,
            lines: Vec::new(),
            shown: 0,
            told_open: false,
            seen: Instant::now(),
            executed: false,
            left: false,
            ended: None,
        });
        transaction.xid = transaction.xid.or(entry.xid);
        let (text, is_error) = match entry.what {
            What::Begins(text) if !is_psqls_own(&text) => (text, false),
            What::Failed(error) => {
                // No line says that it has ended.
                transaction.ended_ms = Some(entry.at_ms);
                (format!("ERROR: {error}"), true)
            }
            What::Executed => return transaction.executed = true,
            What::Begins(_) | What::Ended => return,
        };
        if transaction.lines.len() < LINES_MAX {
            transaction.lines.push(Line { clock: entry.clock, text, is_error });
        }
    }

    fn leave(&mut self, pid: i64) {
        let Some(mut transaction) = self.current.remove(&pid) else { return };
        transaction.left = true;
        if transaction.xid.is_some() {
            self.left.push(transaction);
        } else if !transaction.executed && !transaction.lines.is_empty() {
            self.utilities.push_back(transaction);
            if self.utilities.len() > UTILITIES_MAX {
                self.utilities.pop_front();
            }
        }
    }

    /// The numbers of transactions whose end is not known yet.
    pub(crate) fn under_way(&self) -> Vec<u32> {
        let all = self.current.values().chain(&self.left);
        all.filter(|transaction| transaction.ended.is_none())
            .filter_map(|transaction| transaction.xid)
            .collect()
    }

    /// When the oldest of them began, in milliseconds since 1970.
    pub(crate) fn oldest_ms(&self) -> Option<f64> {
        let all = self.current.values().chain(&self.left);
        all.filter(|transaction| transaction.xid.is_some()).map(|t| t.began_ms).min_by(f64::total_cmp)
    }

    /// A transaction has ended.
    pub(crate) fn end(&mut self, xid: u32, outcome: Outcome) {
        for transaction in self.current.values_mut().chain(&mut self.left) {
            if transaction.xid == Some(xid) && transaction.ended.is_none() {
                transaction.ended = Some((Instant::now(), outcome));
            }
        }
    }

    /// Hands over the transactions that have ended and are complete, in the order of their ends.
    pub(crate) fn finished(&mut self) -> Vec<Transaction> {
        let pids: Vec<i64> = self
            .current
            .iter()
            .filter(|(_, transaction)| transaction.is_complete())
            .map(|(pid, _)| *pid)
            .collect();
        let mut finished: Vec<_> = pids.iter().filter_map(|pid| self.current.remove(pid)).collect();
        finished.extend(self.left.extract_if(.., |transaction| transaction.is_complete()));
        finished.sort_by_key(|transaction| transaction.ended.map(|(since, _)| since));
        for transaction in &finished {
            let name = (transaction.pid, transaction.vxid.clone());
            self.past.push_back(name.clone());
            self.is_past.insert(name);
        }
        while self.past.len() > PAST_MAX {
            let oldest = self.past.pop_front();
            oldest.map(|name| self.is_past.remove(&name));
        }
        finished
    }

    /// The transactions that have changed something and stay open, with lines that have not been shown.
    pub(crate) fn open(&mut self) -> impl Iterator<Item = &mut Transaction> {
        let open = |t: &&mut Transaction| {
            t.xid.is_some() && t.ended.is_none() && t.seen.elapsed() > SHOWN_AFTER && t.shown < t.lines.len()
        };
        self.current.values_mut().filter(open)
    }

    /// Whether an event that was written and committed so belongs to a transaction that is still to be handed over.
    pub(crate) fn expect(&self, xid: u32, committed_us: i64) -> bool {
        let mut all = self.current.values().chain(&self.left);
        all.any(|t| t.xid == Some(xid) || t.outcome() == Some(Outcome::Committed(committed_us)))
    }

    /// The only statement without a number that was running at a commit of this moment, in microseconds since 1970.
    /// `None` also when it could have been one of several.
    pub(crate) fn utility_at(&mut self, commit_us: i64) -> Option<&mut Transaction> {
        #[allow(clippy::cast_precision_loss, reason = "microseconds since 1970 fit until 2255")]
        let at_ms = commit_us as f64 / 1000.0;
        let ran = |t: &&mut Transaction| {
            t.xid.is_none()
                && !t.executed
                && !t.is_a_block()
                && t.began_ms <= at_ms
                && t.ended_ms.is_none_or(|end| end + ROUNDING_MS >= at_ms)
        };
        let mut candidates = self.utilities.iter_mut().chain(self.current.values_mut()).filter(ran);
        candidates.next().filter(|_| candidates.next().is_none())
    }
}

/// What psql asks for by itself inside somebody's transaction: names to complete, its own savepoints.
fn is_psqls_own(statement: &str) -> bool {
    let statement = statement.trim_start();
    statement.contains("pg_psql_temporary_savepoint")
        || statement.starts_with("SELECT") && statement.contains("pg_catalog.")
}
