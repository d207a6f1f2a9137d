//! What was asked for, checked: every problem at once.

use std::path::PathBuf;

use super::watching::Watch;
use crate::cli::Dev;
use crate::receiver::{Answers, Show};

/// What `outboxd dev` is to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where.
    pub database: Database,
    /// Tables to watch by name.
    pub watch: Vec<Watch>,
    /// Whether to watch all there are besides.
    pub watch_all: bool,
    /// What the receiver answers.
    pub answers: Option<Answers>,
    /// How much of a webhook is shown.
    pub show: Show,
}

/// Where.
#[derive(Debug, Clone)]
pub enum Database {
    /// In a server made for it.
    Throwaway {
        /// Its port; `None` takes a free one.
        port: Option<u16>,
        /// What to run first.
        load: Vec<PathBuf>,
    },
    /// In a database that is there and stays.
    Existing {
        /// Its connection string.
        url: String,
        /// Whether deliveries of others may be sent.
        deliver_all: bool,
    },
}

/// Checks the options.
///
/// # Errors
/// All that is wrong with them, a sentence each.
pub fn check(options: &Dev, url: Option<&str>) -> Result<Plan, Vec<String>> {
    let mut problems = Vec::new();
    let watch: Vec<Watch> = options
        .watch
        .iter()
        .filter_map(|text| text.parse().map_err(|problem| problems.push(problem)).ok())
        .collect();
    let answers = options.answer.as_deref().map(str::parse::<Answers>).transpose();
    let answers = answers.map_err(|problem| problems.push(format!("--answer: {problem}"))).ok().flatten();
    let show = options.show.parse::<Show>();
    let show =
        show.map_err(|problem| problems.push(format!("--show is {:?}: it {problem}", options.show))).ok();
    let port = options.port.as_deref().and_then(|text| match text.parse() {
        Ok(port) if port > 0 => Some(port),
        _ => {
            problems.push(format!("--port is {text:?}: it must be 1 to 65535"));
            None
        }
    });
    for file in options.load.iter().filter(|file| !file.is_file()) {
        problems.push(format!("--load is {}, which is no file that can be read", file.display()));
    }
    let database = if let Some(url) = url {
        problems.extend(only_for_throwaway(options, url));
        Database::Existing { url: url.to_owned(), deliver_all: options.deliver_all }
    } else {
        if options.deliver_all {
            problems.push("--deliver-all is for --database-url".to_owned());
        }
        Database::Throwaway { port, load: options.load.clone() }
    };
    match show {
        Some(show) if problems.is_empty() => {
            Ok(Plan { database, watch, watch_all: options.watch_all, answers, show })
        }
        _ => Err(problems),
    }
}

/// What makes no sense in a database that is there.
fn only_for_throwaway(options: &Dev, url: &str) -> Vec<String> {
    let problems = [
        (url.trim().is_empty(), "--database-url is empty: leave it away for a throw-away Postgres"),
        (options.port.is_some(), "--port is for a throw-away Postgres, --database-url for one that is there"),
        (
            !options.load.is_empty(),
            "--load is for a throw-away Postgres: load into your own what you want with psql",
        ),
    ];
    problems.into_iter().filter(|(wrong, _)| *wrong).map(|(_, problem)| problem.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Dev {
        Dev {
            database: crate::cli::Database::default(),
            load: Vec::new(),
            watch: Vec::new(),
            watch_all: false,
            port: None,
            answer: None,
            show: "line".to_owned(),
            deliver_all: false,
        }
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let bad = Dev {
            load: vec!["/nowhere.sql".into()],
            watch: vec!["=X".to_owned()],
            port: Some("70000".to_owned()),
            answer: Some("teapot".to_owned()),
            show: "all".to_owned(),
            deliver_all: true,
            ..options()
        };
        let problems = check(&bad, None).expect_err("bad");
        let begins = [
            "--watch is \"=X\"",
            "--answer: ",
            "--show is \"all\"",
            "--port is \"70000\"",
            "--load is /nowhere.sql",
        ];
        for (problem, begin) in problems.iter().zip(begins) {
            assert!(problem.starts_with(begin), "{problem}");
        }
        assert_eq!(problems.len(), 6, "{problems:?}");
    }

    #[test]
    fn what_belongs_to_one_kind_of_database_is_refused_for_the_other() {
        let given = Dev { port: Some("5555".to_owned()), ..options() };
        assert!(check(&given, None).is_ok());
        assert_eq!(check(&given, Some("postgres://x")).expect_err("a port of what?").len(), 1);
        assert!(matches!(
            check(&options(), Some("postgres://x")).expect("fine").database,
            Database::Existing { deliver_all: false, .. }
        ));
    }
}
