//! What a check came to.

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, and somebody should know.
    Warning,
    /// It does not work, or soon will not.
    Problem,
}

impl Level {
    /// The word in the report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What was looked at: one word, always the same, for scripts.
    pub subject: &'static str,
    /// What is so, as a sentence.
    pub what: String,
    /// Why that matters.
    pub why: Option<String>,
    /// A line to run, or what to do.
    pub remedy: Option<String>,
}

impl Finding {
    /// As it should be.
    pub fn ok(subject: &'static str, what: impl Into<String>) -> Self {
        Self { level: Level::Ok, subject, what: what.into(), why: None, remedy: None }
    }

    /// It works, and somebody should know.
    pub fn warning(subject: &'static str, what: impl Into<String>) -> Self {
        Self { level: Level::Warning, ..Self::ok(subject, what) }
    }

    /// It does not work.
    pub fn problem(subject: &'static str, what: impl Into<String>) -> Self {
        Self { level: Level::Problem, ..Self::ok(subject, what) }
    }

    /// Adds why it matters.
    #[must_use]
    pub fn why(self, why: impl Into<String>) -> Self {
        Self { why: Some(why.into()), ..self }
    }

    /// Adds the way out.
    #[must_use]
    pub fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }
}
