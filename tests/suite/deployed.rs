//! A machine as a unit or a manifest describes it: the folders it mentions, made somewhere else, and the command that it
//! starts, read as the binary reads it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use clap::{CommandFactory as _, Parser as _};
use outboxd::cli::{Cli, Command};
use outboxd::config;
use outboxd::conninfo::Conninfo;
use outboxd::relay::Settings;
use tempfile::TempDir;

use crate::support::{Authority, write_identity};

/// Where deployments put things.
const PLACES: [&str; 2] = ["/etc/outboxd", "/run/secrets"];

/// Environment variables by name.
pub(super) type Environment = BTreeMap<String, String>;

/// The files of a deployment, below a folder of the test's own.
pub(super) struct Machine {
    root: TempDir,
    authority: Authority,
}

/// What a command line is.
pub(super) enum Started {
    /// A relay, with the settings it would have.
    Relay(Box<Settings>),
    /// `migrate`, and where.
    Migrate(Box<Conninfo>),
}

impl Machine {
    pub(super) fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap(), authority: Authority::new("deployed") }
    }

    /// Where a path of the deployment is here.
    fn here(&self, path: &str) -> PathBuf {
        assert!(PLACES.iter().any(|place| path.starts_with(place)), "{path} is nowhere that is known");
        let path = self.root.path().join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    /// Makes a file that only its owner may read.
    pub(super) fn private_file(&self, path: &str, text: &str) {
        let path = self.here(path);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Makes a file with a certificate authority.
    pub(super) fn authority_file(&self, path: &str) {
        fs::write(self.here(path), self.authority.pem()).unwrap();
    }

    /// Makes an identity's folder, with the three files that a secret of cert-manager has.
    pub(super) fn identity(&self, folder: &str) {
        let folder = self.here(folder);
        let name = folder.file_name().unwrap().to_str().unwrap();
        let pair = self.authority.client(name);
        write_identity(folder.parent().unwrap(), name, Some(&pair), Some(&self.authority.pem()));
    }

    /// Reads a command line, without the program's name, and an environment as the binary would.
    ///
    /// # Panics
    /// When the binary would refuse any of it, or would not look at a variable.
    #[track_caller]
    pub(super) fn start(&self, arguments: &[&str], environment: &Environment) -> Started {
        let mut values = environment.clone();
        for value in values.values_mut() {
            for place in PLACES {
                let here = self.root.path().join(place.trim_start_matches('/'));
                *value = value.replace(place, here.to_str().unwrap());
            }
        }
        let (line, of_options) = with_options(arguments, &values);
        let cli = Cli::try_parse_from(&line).unwrap_or_else(|refusal| panic!("{line:?}: {refusal}"));
        let asked = RefCell::new(BTreeSet::new());
        let database = match &cli.command {
            Command::Run(options) => &options.database,
            Command::Migrate(options) => &options.database,
            _ => panic!("no deployment starts {line:?}"),
        };
        let database = Conninfo::resolve(database.database_url.as_deref(), &|name| {
            asked.borrow_mut().insert(name.to_owned());
            values.get(name).cloned()
        });
        let asked = asked.into_inner();
        for name in environment.keys().filter(|name| !of_options.contains(*name)) {
            assert!(asked.contains(name), "nobody reads {name}: {line:?}");
        }
        if let Command::Run(options) = &cli.command {
            let settings = config::relay(
                options,
                database.map_err(|found| found.problems),
                None,
                "here",
                &BTreeMap::new(),
            );
            Started::Relay(Box::new(settings.unwrap_or_else(|problem| panic!("{line:?}: {problem}"))))
        } else {
            Started::Migrate(Box::new(database.unwrap_or_else(|problem| panic!("{problem}"))))
        }
    }

    /// As [`Machine::start`], for what must be a relay.
    #[track_caller]
    pub(super) fn relay(&self, arguments: &[&str], environment: &Environment) -> Settings {
        match self.start(arguments, environment) {
            Started::Relay(settings) => *settings,
            Started::Migrate(_) => panic!("{arguments:?} is no relay"),
        }
    }
}

/// The command line with the environment's options as arguments, which is how clap takes them, and their names.
fn with_options(arguments: &[&str], values: &Environment) -> (Vec<String>, BTreeSet<String>) {
    let mut line: Vec<String> =
        std::iter::once(&"outboxd").chain(arguments).map(ToString::to_string).collect();
    let mut names = BTreeSet::new();
    let cli = Cli::command();
    let chosen = cli.find_subcommand(arguments[0]).unwrap_or_else(|| panic!("no command {arguments:?}"));
    for option in cli.get_arguments().chain(chosen.get_arguments()) {
        let Some(name) = option.get_env().and_then(|name| name.to_str()) else { continue };
        let Some(value) = values.get(name) else { continue };
        let long = format!("--{}", option.get_long().unwrap());
        // What is on the line overrules the environment.
        if !line.contains(&long) {
            if option.get_action().takes_values() {
                line.extend([long, value.clone()]);
            } else {
                assert!(["true", "false"].contains(&value.as_str()), "{name}={value}");
                line.extend((value == "true").then_some(long));
            }
        }
        names.insert(name.to_owned());
    }
    (line, names)
}

#[test]
#[should_panic(expected = "nobody reads OUTBOXD_GRACE: ")]
fn a_variable_that_nobody_reads_is_noticed() {
    let environment = [("PGUSER", "u"), ("OUTBOXD_GRACE", "25")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    Machine::new().start(&["run"], &environment.into());
}

#[test]
#[should_panic(expected = "--grace-s is \"25s\"")]
fn a_value_that_is_refused_is_noticed() {
    let environment =
        [("PGUSER", "u"), ("OUTBOXD_GRACE_S", "25s")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    Machine::new().start(&["run"], &environment.into());
}
