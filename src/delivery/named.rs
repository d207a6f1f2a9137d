//! Endpoints by name: a subscription says `endpoint:NAME`, and the relay knows which URL that is where it runs. So one set of
//! SQL serves development, staging and production.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::endpoint::EndpointError;
use super::url_rules::url_problem;

/// How such a URL begins.
pub const NAMED: &str = "endpoint:";
/// As `outbox.check_url()` has it.
const NAME_MAX: usize = 100;

/// URLs by name, as they are at the moment. Clones are the same.
#[derive(Clone, Default)]
pub struct Named(Arc<RwLock<Read>>);

#[derive(Default)]
struct Read {
    by_name: BTreeMap<String, String>,
    /// Rises with every reading.
    generation: u64,
}

impl Named {
    /// The lines `NAME=URL` of a file, and what the environment has, which is heard where both know a name. Lines that are
    /// empty or begin with # say nothing.
    ///
    /// # Errors
    /// Everything that is wrong with any of them. No URL is repeated: it may hold a token.
    pub fn read(file: &str, environment: &[(String, String)]) -> Result<Self, Vec<String>> {
        let (mut by_name, mut problems) = (BTreeMap::new(), Vec::new());
        for (at, line) in file.lines().map(str::trim).enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let at = format!("line {}", at + 1);
            let Some((name, url)) = line.split_once('=') else {
                problems.push(format!("{at}: it must be NAME=URL, empty, or begin with #"));
                continue;
            };
            let (name, url) = (name.trim(), url.trim());
            match problem(name, url) {
                Some(problem) => problems.push(format!("{at}: {problem}")),
                None if by_name.insert(name.to_owned(), url.to_owned()).is_some() => {
                    problems.push(format!("{at}: {name} is there twice"));
                }
                None => {}
            }
        }
        for (name, url) in environment {
            match problem(name, url) {
                Some(problem) => problems.push(format!("OUTBOXD_ENDPOINT_{name}: {problem}")),
                None => drop(by_name.insert(name.clone(), url.clone())),
            }
        }
        let read = Read { by_name, generation: 0 };
        if problems.is_empty() { Ok(Self(Arc::new(RwLock::new(read)))) } else { Err(problems) }
    }

    /// The URL to POST to: `url` itself, or what it names with the path and query that it adds.
    ///
    /// # Errors
    /// When nobody knows the name, or its URL is one that subscriptions may not have.
    pub fn resolve<'a>(&self, url: &'a str, http_allowed: bool) -> Result<Cow<'a, str>, EndpointError> {
        let Some(named) = url.strip_prefix(NAMED) else { return Ok(Cow::Borrowed(url)) };
        let (name, added) = named.split_at(named.find(['/', '?']).unwrap_or(named.len()));
        let now = self.now();
        let Some(base) = now.by_name.get(name) else {
            return Err(EndpointError::UnknownEndpoint { name: name.to_owned(), known: known(&now.by_name) });
        };
        let url = joined(base, added);
        match url_problem(&url, http_allowed) {
            None => Ok(Cow::Owned(url)),
            Some(problem) => {
                Err(EndpointError::BadEndpoint { name: name.to_owned(), problem: problem.to_owned() })
            }
        }
    }

    /// Puts what was read later in place of what was read before, in all clones.
    pub fn replace(&self, later: &Self) {
        let by_name = later.now().by_name.clone();
        let mut now = self.0.write().unwrap_or_else(PoisonError::into_inner);
        now.by_name = by_name;
        now.generation += 1;
    }

    /// Rises whenever they were replaced.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.now().generation
    }

    fn now(&self) -> RwLockReadGuard<'_, Read> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn problem(name: &str, url: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(plain) {
        let shown: String = name.chars().take(NAME_MAX).collect();
        return Some(format!("{shown:?} is no name: take 1 to 100 letters, digits, '_', '.' and '-'"));
    }
    // Whether http is allowed is a setting of the database.
    url_problem(url, true).map(|problem| format!("the URL of {name} cannot be used: {problem}"))
}

fn known(by_name: &BTreeMap<String, String>) -> String {
    if by_name.is_empty() {
        "none".to_owned()
    } else {
        by_name.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

/// A URL with a further path at the end of its path, and a further query at the end of its query.
fn joined(base: &str, added: &str) -> String {
    let (base, base_query) = base.split_once('?').map_or((base, None), |(base, query)| (base, Some(query)));
    let (path, query) = added.split_once('?').map_or((added, None), |(path, query)| (path, Some(query)));
    let base = if path.is_empty() { base } else { base.strip_suffix('/').unwrap_or(base) };
    let queries = [base_query, query].into_iter().flatten().filter(|query| !query.is_empty());
    let query = queries.collect::<Vec<_>>().join("&");
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{base}{path}{mark}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, url)| ((*name).to_owned(), (*url).to_owned())).collect()
    }

    #[test]
    fn a_name_stands_for_a_url_and_may_be_followed_by_a_path() {
        let file = "# stage\n\nSYNC = https://sync.example.com/v1/\nroot=https://r.example\ntoken=https://t.example/a?k=1=2\n";
        let from_environment = [("SYNC-2.b", "http://two.example"), ("root", "https://over.example")];
        let named = Named::read(file, &environment(&from_environment)).expect("all of it is good");
        for (url, expected) in [
            ("https://as.it.is/endpoint:SYNC", "https://as.it.is/endpoint:SYNC"),
            ("endpoint:SYNC", "https://sync.example.com/v1/"),
            ("endpoint:SYNC/hooks?x=1", "https://sync.example.com/v1/hooks?x=1"),
            ("endpoint:SYNC?x=1", "https://sync.example.com/v1/?x=1"),
            ("endpoint:root", "https://over.example"),
            ("endpoint:root/", "https://over.example/"),
            ("endpoint:root?x=1", "https://over.example?x=1"),
            ("endpoint:token", "https://t.example/a?k=1=2"),
            ("endpoint:token/b?x=1", "https://t.example/a/b?k=1=2&x=1"),
            ("endpoint:SYNC-2.b/x", "http://two.example/x"),
        ] {
            assert_eq!(named.resolve(url, true).expect(url), expected);
        }
        let unknown = named.resolve("endpoint:sync", true).expect_err("names are as they are written");
        let told = "knows SYNC, SYNC-2.b, root, token";
        assert!(unknown.to_string().contains(told), "{unknown}");
        let http = named.resolve("endpoint:SYNC-2.b", false).expect_err("http is not allowed");
        assert!(http.to_string().contains("set outbox.setting.http_allowed"), "{http}");
        let none = Named::default().resolve("endpoint:a", true).expect_err("nothing is known");
        assert!(none.to_string().contains("knows none"), "{none}");
    }

    #[test]
    fn every_problem_is_told_and_no_url_is() {
        let file = "a=https://a.example\nnothing\n=https://b.example\nb c=https://x.example\na=https://c.example\n\
                    d=ftp://secret.example\ne=\nf=https://u:secret@e.example/\n";
        let long = "n".repeat(101);
        let found = Named::read(file, &environment(&[("g", "secret"), (&long, "https://a.example")]));
        let problems = found.err().expect("all of it is bad");
        let expected = [
            "line 2: it must be NAME=URL",
            "line 3: \"\" is no name",
            "line 4: \"b c\" is no name",
            "line 5: a is there twice",
            "line 6: the URL of d cannot be used: its scheme is not https",
            "line 7: the URL of e cannot be used: it is empty",
            "line 8: the URL of f cannot be used: it has a user name or password",
            "OUTBOXD_ENDPOINT_g: the URL of g cannot be used: it is not absolute",
            "is no name: take 1 to 100",
        ];
        assert_eq!(problems.len(), expected.len(), "{problems:?}");
        for (problem, expected) in problems.iter().zip(expected) {
            assert!(
                problem.contains(expected) && !problem.contains("secret"),
                "{problem}\nlacks: {expected}"
            );
        }
    }
}
