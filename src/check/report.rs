//! All findings together.

use serde_json::{Value, json};

use super::{Finding, Level};
use crate::screen::{count, plain, wrap};

/// What `outboxd check` found, in the order in which it looked.
#[derive(Debug)]
pub struct Report {
    /// The release that looked.
    pub release: &'static str,
    /// `user@host:port/dbname`, or why there is none.
    pub database: String,
    /// What it found.
    pub findings: Vec<Finding>,
}

impl Report {
    /// How many findings are of a level.
    #[must_use]
    pub fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|finding| finding.level == level).count()
    }

    /// For scripts; the keys are documented in `outboxd check --help`.
    #[must_use]
    pub fn document(&self) -> Value {
        let finding = |finding: &Finding| {
            json!({
                "level": finding.level.as_str(), "subject": finding.subject, "what": finding.what,
                "why": finding.why, "remedy": finding.remedy,
            })
        };
        json!({
            "release": self.release,
            "database": self.database,
            "ok": self.count(Level::Problem) == 0,
            "problems": self.count(Level::Problem),
            "warnings": self.count(Level::Warning),
            "findings": self.findings.iter().map(finding).collect::<Vec<_>>(),
        })
    }

    /// For people: problems first, then warnings, then what is as it should be; `None` wraps nothing. Remedies stand alone on
    /// their line and whole, to be copied.
    #[must_use]
    pub fn screen(&self, width: Option<usize>) -> String {
        let width = width.unwrap_or(usize::MAX);
        let mut text = format!("outboxd {} checks {}\n\n", self.release, plain(&self.database));
        for level in [Level::Problem, Level::Warning, Level::Ok] {
            for finding in self.findings.iter().filter(|finding| finding.level == level) {
                text += &one(finding, width);
            }
        }
        let of = |level, one| count(i64::try_from(self.count(level)).unwrap_or(0), one);
        text + &format!(
            "\n{}, {}, nothing was changed\n",
            of(Level::Problem, "problem"),
            of(Level::Warning, "warning")
        )
    }
}

fn one(finding: &Finding, width: usize) -> String {
    const INDENT: usize = 9;
    let why = finding.why.as_deref().map_or_else(String::new, |why| format!(": {why}"));
    let sentence = plain(&format!("{}: {}{why}", finding.subject, finding.what));
    let mut text = wrap(&format!("{:<7}  {sentence}", finding.level.as_str()), width, INDENT) + "\n";
    if let Some(remedy) = &finding.remedy {
        text.extend([&" ".repeat(INDENT), "> ", &plain(remedy), "\n"]);
    }
    text
}
