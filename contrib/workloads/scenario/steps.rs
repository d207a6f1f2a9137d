//! The steps of a scenario, read from its `steps.sql`: SQL as somebody would type it, and behind `-->` what must come of it.

/// SQL, and all that must come of it.
#[derive(Debug, Default)]
pub(crate) struct Step {
    /// `5. An address changes …`
    pub(crate) title: String,
    /// As it stands in the file.
    pub(crate) sql: String,
    /// The requests that must arrive; their order is left open.
    pub(crate) requests: Vec<Wanted>,
    /// What the SQL must print, line by line, if that is said.
    pub(crate) rows: Vec<String>,
    /// The SQL must fail with this code and a message that has this text.
    pub(crate) error: Option<(String, String)>,
    /// Attempts that no receiver sees: error class and subscriber, as `connect z`.
    pub(crate) unsent: Vec<String>,
    /// An SQL expression that is true when the step is over; otherwise it is when nothing is open that may be sent.
    pub(crate) until: Option<String>,
    /// It is said that nothing comes of it.
    nothing: bool,
}

/// A request that must arrive.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Where, as `receiver`.
    pub(crate) receiver: String,
    pub(crate) method: String,
    pub(crate) path: String,
    /// What the receiver says to it.
    pub(crate) answer: Answer,
    /// All headers that are not on every request.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// What a receiver says to a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 200.
    #[default]
    Takes,
    /// A status, and perhaps a header.
    Says(u16, Option<(String, String)>),
    /// Nothing.
    Hangs,
}

/// Reads a file of steps. `-- 1. …` begins a step; what stands above the first belongs to none.
pub(crate) fn parse(text: &str) -> Result<Vec<Step>, String> {
    let mut steps: Vec<Step> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let wrong = |why: &str| format!("line {}: {why}: {line}", at + 1);
        if let Some(title) = line.strip_prefix("-- ").filter(|rest| is_title(rest)) {
            if title.split('.').next().and_then(|n| n.parse().ok()) != Some(steps.len() + 1) {
                return Err(wrong("steps are numbered 1, 2, 3 …"));
            }
            steps.push(Step { title: title.to_owned(), ..Step::default() });
            continue;
        }
        let Some(step) = steps.last_mut() else { continue };
        match line.strip_prefix("-->") {
            Some(wish) => step.wish(wish).map_err(|why| wrong(&why))?,
            None if line.trim().is_empty() => {}
            None if step.is_decided() => return Err(wrong("SQL belongs above what must come of it")),
            None => {
                step.sql.push_str(line);
                step.sql.push('\n');
            }
        }
    }
    match steps.iter().find(|step| !step.is_decided()) {
        Some(step) => Err(format!("nothing is said of what must come of step {}", step.title)),
        None if steps.is_empty() => Err("there are no steps".to_owned()),
        None => Ok(steps),
    }
}

fn is_title(rest: &str) -> bool {
    rest.split_once(". ")
        .is_some_and(|(number, _)| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

impl Step {
    fn is_decided(&self) -> bool {
        self.nothing
            || self.error.is_some()
            || !(self.requests.is_empty() && self.rows.is_empty() && self.unsent.is_empty())
    }

    /// Takes what stands behind an arrow. More than one blank before it: it goes on with the request above.
    fn wish(&mut self, wish: &str) -> Result<(), String> {
        let text = wish.trim();
        if wish.starts_with("  ") {
            return self.requests.last_mut().ok_or("no request stands above")?.more(text);
        }
        if self.nothing || text == "nothing" && self.is_decided() {
            return Err("nothing and something cannot both come of it".to_owned());
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["nothing"] => self.nothing = true,
            ["error", code, ..] => {
                let message = text.split_once(code).map_or("", |(_, rest)| rest.trim());
                self.error = Some(((*code).to_owned(), message.to_owned()));
            }
            ["row", ..] => self.rows.push(text[3..].trim().to_owned()),
            ["unsent", ..] => self.unsent.push(text[6..].trim().to_owned()),
            ["until", ..] => self.until = Some(text[5..].trim().to_owned()),
            [receiver, method, path, answer @ ..] => {
                self.requests.push(Wanted::new(receiver, method, path, Answer::read(answer)?));
            }
            _ => return Err("neither nothing, error, row, unsent, until nor a request".to_owned()),
        }
        Ok(())
    }
}

impl Answer {
    /// `answers 503`, `answers 429 retry-after: 2`, `hangs`, or nothing.
    fn read(words: &[&str]) -> Result<Self, String> {
        let status = |word: &str| word.parse().map_err(|_| format!("{word} is not a status"));
        match words {
            [] => Ok(Self::Takes),
            ["hangs"] => Ok(Self::Hangs),
            ["answers", code] => Ok(Self::Says(status(code)?, None)),
            ["answers", code, name, value @ ..] if name.ends_with(':') => {
                let header = (name.trim_end_matches(':').to_owned(), value.join(" "));
                Ok(Self::Says(status(code)?, Some(header)))
            }
            _ => Err("what does it answer?".to_owned()),
        }
    }
}

impl Wanted {
    fn new(receiver: &str, method: &str, path: &str, answer: Answer) -> Self {
        let (receiver, method, path) = (receiver.to_owned(), method.to_owned(), path.to_owned());
        Self { receiver, method, path, answer, headers: Vec::new(), body: String::new() }
    }

    /// A header, or more of the body, which begins with its brace.
    fn more(&mut self, text: &str) -> Result<(), String> {
        if !self.body.is_empty() || text.starts_with('{') {
            self.body.push_str(text);
            return Ok(());
        }
        let (name, value) = text.split_once(": ").ok_or("neither a header nor a body")?;
        self.headers.push((name.to_owned(), value.to_owned()));
        Ok(())
    }
}
