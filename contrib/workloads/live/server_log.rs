//! What people typed, from the server's own log: the throw-away server writes each statement as a line of JSON, with the
//! session, the transaction and, once it has changed something, the transaction's number.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::event::time_of_day_ms;

/// How much of a statement is kept.
const STATEMENT_MAX: usize = 500;
/// Sessions of relays, and ours, call themselves `outboxd …`.
const OURS: &str = "outboxd ";

/// A line of the log that a client's session caused.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) pid: i64,
    /// The transaction as long as it runs, from its begin on; `None` in between.
    pub(crate) vxid: Option<String>,
    /// Its number, once it has changed something: the outermost transaction's, in savepoints too.
    pub(crate) xid: Option<u32>,
    /// `HH:MM:SS.mmm`, in UTC.
    pub(crate) clock: String,
    /// The same moment in milliseconds since 1970.
    pub(crate) at_ms: f64,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    /// A statement begins, as it was typed.
    Begins(String),
    /// The executor has been through a plan: the transaction's number is known if there is one.
    Executed,
    /// The statement has ended, and its transaction too if it is no longer named.
    Ended,
    /// It failed with this error.
    Failed(String),
}

/// The log, from where it ended when we began to follow it.
pub(crate) struct ServerLog {
    folder: PathBuf,
    file: Option<(PathBuf, File)>,
    /// The beginning of a line whose end is not written yet.
    rest: Vec<u8>,
}

impl ServerLog {
    /// Follows the newest file of the folder from its end on.
    pub(crate) fn follow(folder: &Path) -> Result<Self, String> {
        let mut log = Self { folder: folder.to_owned(), file: None, rest: Vec::new() };
        let newest = log.files().pop().ok_or("the server writes no log")?;
        let mut file = File::open(&newest).map_err(|e| format!("{}: {e}", newest.display()))?;
        file.seek(SeekFrom::End(0)).map_err(|e| format!("{}: {e}", newest.display()))?;
        log.file = Some((newest, file));
        Ok(log)
    }

    /// What has been written since the last call. What was read is removed with its file once the server has begun
    /// another: the log of a busy day does not fill the disk.
    pub(crate) fn read(&mut self) -> Vec<Entry> {
        let mut entries = Vec::new();
        // Listed before the file is read to its end: the server writes nothing more into one when there is a newer.
        let files = self.files();
        loop {
            self.read_file(&mut entries);
            let current = self.file.as_ref().map(|(path, _)| path);
            let Some(next) = files.iter().find(|path| current.is_none_or(|current| *path > current)) else {
                return entries;
            };
            if let Some(done) = current {
                drop(fs::remove_file(done));
            }
            self.rest.clear();
            self.file = File::open(next).ok().map(|file| (next.clone(), file));
            if self.file.is_none() {
                return entries;
            }
        }
    }

    /// The oldest first: their names are their dates.
    fn files(&self) -> Vec<PathBuf> {
        let listed = fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut files: Vec<_> = listed.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
        files.sort();
        files
    }

    fn read_file(&mut self, entries: &mut Vec<Entry>) {
        let Some((_, file)) = &mut self.file else { return };
        if file.read_to_end(&mut self.rest).is_err() {
            return;
        }
        let whole = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let later = self.rest.split_off(whole);
        entries.extend(self.rest.split(|byte| *byte == b'\n').filter_map(entry));
        self.rest = later;
    }
}

/// A line of the log, when a client that is none of us caused it and it is of a kind that we know.
fn entry(line: &[u8]) -> Option<Entry> {
    let line: Value = serde_json::from_slice(line).ok()?;
    let text = |name: &str| line[name].as_str().unwrap_or_default();
    if text("backend_type") != "client backend" || text("application_name").starts_with(OURS) {
        return None;
    }
    let clock = text("timestamp").split(' ').nth(1)?.to_owned();
    Some(Entry {
        pid: line["pid"].as_i64()?,
        // Without a transaction its local number is 0.
        vxid: Some(text("vxid")).filter(|id| !id.is_empty() && !id.ends_with("/0")).map(str::to_owned),
        xid: line["txid"].as_u64().and_then(|xid| u32::try_from(xid).ok()).filter(|xid| *xid != 0),
        at_ms: time_of_day_ms(&clock)?,
        clock,
        what: what(text("error_severity"), text("message"), text("detail"))?,
    })
}

fn what(severity: &str, message: &str, detail: &str) -> Option<What> {
    if severity == "ERROR" || severity == "FATAL" {
        return Some(What::Failed(message.chars().take(STATEMENT_MAX).collect()));
    }
    if message == "EXECUTOR STATISTICS" {
        return Some(What::Executed);
    }
    if message.starts_with("duration: ") {
        return Some(What::Ended);
    }
    let simple = message.strip_prefix("statement: ").map(str::to_owned);
    let statement = simple.or_else(|| {
        // The extended protocol: `execute name: update …`, the parameters apart.
        let (_, statement) = message.strip_prefix("execute ")?.split_once(": ")?;
        let parameters = detail.split_once(": ").map(|(_, parameters)| parameters);
        Some(parameters.map_or_else(|| statement.to_owned(), |p| format!("{statement} [{p}]")))
    })?;
    Some(What::Begins(statement.chars().take(STATEMENT_MAX).collect()))
}
