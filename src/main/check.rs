//! `outboxd check`: asks the database, the files and the network, and lets `check` make findings of the answers.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use futures_util::{StreamExt, stream};
use outboxd::check::{self, Certificate, Finding, Level, Place, Report, Stranger};
use outboxd::cli::{Check, Database};
use outboxd::conninfo::{Conninfo, Host, Roots};
use outboxd::database::Connection;
use outboxd::delivery::{self, Destination, Dialler, Failure};
use outboxd::identity::{Identities, subfolders};
use outboxd::schema::{SchemaError, SchemaState};
use outboxd::store::{Topic, examine, is_direct};
use outboxd::{config, database, schema};
use serde_json::Value;

use crate::RELEASE;
use crate::connection::conninfo;
use crate::reload::environment;
use crate::status::{columns, print};

/// What makes findings of an answer.
type Finder = fn(&Value) -> Vec<Finding>;

/// A statement that failed may have waited for a lock, or for too long.
const AGAIN: &str = "outboxd check  # once more: its statements wait 1 s for a lock and take 10 s at most";
/// Handshakes under way at once.
const AT_ONCE: usize = 8;

pub(crate) async fn check(at: &Database, options: &Check) -> Result<ExitCode> {
    let mut guard = config::guard(&options.allow_address)?;
    let endpoints = config::named(options.endpoints.as_deref(), &environment())?;
    let info = conninfo(at);
    info.iter().flat_map(config::own_database).for_each(|own| guard.protect(own));
    let database = info.as_ref().map_or_else(|_| "no database".to_owned(), Conninfo::describe);
    let mut report = Report { release: RELEASE, database, findings: Vec::new() };
    let mut found = match &info {
        Ok(info) => look(info, &mut report.findings).await,
        Err(problems) => {
            report.findings.extend(problems.0.iter().map(|problem| check::settings(problem)));
            None
        }
    };
    let folder = options.identities.as_deref();
    report.findings.extend(folder.map(|folder| check::identities(folder, check::now())).unwrap_or_default());
    let (secrets, told) = check::secrets(options.secrets.as_deref(), &environment());
    report.findings.extend(told);
    if let (Some(facts), Some(secrets)) = (found.as_ref().and_then(|found| found.secrets.as_ref()), &secrets)
    {
        report.findings.extend(check::unknown(facts, secrets, options.secrets.as_deref()));
    }
    if let Some(facts) = found.as_mut().and_then(|found| found.destinations.as_mut()) {
        let resolve =
            |url: &str| endpoints.resolve(url, true).map(Into::into).map_err(|problem| problem.to_string());
        report.findings.extend(check::resolved(facts, resolve));
        report.findings.extend(check::http(facts));
        let names = folder.and_then(|folder| subfolders(folder).ok()).map(|folders| names(&folders));
        let shown = folder.map(|folder| folder.display().to_string()).unwrap_or_default();
        report.findings.extend(check::named(facts, names.as_ref(), &shown));
        if options.handshake {
            report.findings.extend(handshakes(facts, folder, &Dialler::new(guard)).await);
        }
    } else if options.handshake {
        let what = "no endpoint was tried: the database did not say which there are";
        report
            .findings
            .push(Finding::warning("handshake", what).remedy("see the findings above, and check again"));
    }
    print(&if options.json {
        outboxd::screen::json(&report.document()) + "\n"
    } else {
        report.screen(Some(columns()))
    })?;
    Ok(if report.count(Level::Problem) == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn names(folders: &[PathBuf]) -> BTreeSet<String> {
    folders.iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect()
}

/// What subscriptions name, to be compared with files and tried; each if that could be asked.
struct Named {
    destinations: Option<Value>,
    secrets: Option<Value>,
}

/// All that the database and the files of its connection say; returns what subscriptions name.
async fn look(info: &Conninfo, findings: &mut Vec<Finding>) -> Option<Named> {
    let (certificates, keys): (Vec<_>, Vec<_>) =
        info.identity.iter().map(|files| (files.cert.clone(), files.key.clone())).unzip();
    let roots = info.roots.iter().filter_map(|roots| match roots {
        Roots::File(path) => Some(path.clone()),
        Roots::System => None,
    });
    findings.extend(check::connection_files(&certificates, &roots.collect::<Vec<_>>(), &keys, check::now()));
    let connection = match database::connect(info, "check").await {
        Ok(connection) => connection,
        Err(problem) => {
            let (told, code) = (problem.to_string(), problem.sqlstate().map(|state| state.code().to_owned()));
            findings.push(check::unreachable(&told, code.as_deref(), problem.is_transient(), &place(info)));
            return None;
        }
    };
    let server = server(info, &connection, findings).await?;
    installed(&connection, &server, findings).await
}

fn place(info: &Conninfo) -> Place {
    let (host, port) = info.targets.first().map_or((String::new(), 0), |target| match &target.host {
        Host::Tcp(host) => (host.clone(), target.port),
        Host::Unix(folder) => (folder.display().to_string(), target.port),
    });
    Place { host, port, user: info.user.clone(), dbname: info.dbname.clone() }
}

async fn server(info: &Conninfo, connection: &Connection, findings: &mut Vec<Finding>) -> Option<Value> {
    let (asked, before) = (Instant::now(), SystemTime::now());
    let facts = match examine(&connection.client, Topic::Server).await {
        Ok(facts) => facts,
        Err(problem) => {
            findings.push(check::unreachable(&problem.to_string(), None, true, &place(info)));
            return None;
        }
    };
    let took = asked.elapsed();
    let ours = before.duration_since(UNIX_EPOCH).unwrap_or_default() + took / 2;
    let direct = match database::connect(info, "probe").await {
        Ok(other) => is_direct(&connection.client, &other.client).await.ok(),
        Err(_) => None,
    };
    findings.extend(check::session(&facts, direct));
    findings.extend(check::server(&facts));
    let theirs = facts["clock_s"].as_f64().unwrap_or_default();
    findings.push(check::clock(theirs, ours.as_secs_f64(), took.as_secs_f64()));
    Some(facts)
}

/// Which release is installed, and whether all of it is there; none where it is not one to be looked at.
async fn release(connection: &Connection, rights: &Value, findings: &mut Vec<Finding>) -> Option<bool> {
    let state = match schema::check(&connection.client, RELEASE).await {
        Ok(state) => state,
        Err(SchemaError::MayNotRead { role, grant, .. }) => {
            let what = format!("role {role} may not read which release is installed");
            findings.push(Finding::problem("schema", what).remedy(grant));
            return None;
        }
        Err(problem) => {
            findings.push(Finding::problem("schema", problem.to_string()).remedy(AGAIN));
            return None;
        }
    };
    let (told, remedy) = (state.sentence(), state.remedy().unwrap_or_default());
    if !state.fit_to_run() {
        findings.push(Finding::problem("schema", told).remedy(remedy));
        return None;
    }
    let lost = match schema::lost(&connection.client).await {
        Ok(lost) => lost,
        Err(problem) => {
            findings.push(Finding::problem("schema", problem.to_string()).remedy(AGAIN));
            return Some(true);
        }
    };
    findings.extend(lost.iter().map(|lost| check::lost(&lost.what, lost.with_it, lost.remedy.as_deref())));
    match state {
        SchemaState::Incomplete { lacking } => {
            // Triggers are told one by one.
            let lacking: Vec<_> = lacking.into_iter().filter(|what| !what.starts_with("trigger ")).collect();
            if lacking.is_empty() {
                return Some(lost.is_empty());
            }
            let what = format!("schema outbox lacks {}", lacking.join(", "));
            findings.push(Finding::problem("schema", what).remedy(remedy));
            return Some(false);
        }
        SchemaState::Current if lost.is_empty() => {
            findings.push(Finding::ok("schema", format!("schema outbox is that of {RELEASE}")));
        }
        SchemaState::Current => {}
        _ => {
            findings.extend(check::absent(rights));
            findings.push(Finding::warning("schema", told).remedy(remedy));
        }
    }
    Some(lost.is_empty())
}

/// Schema `outbox` and what is in it, as far as this role may look.
async fn installed(connection: &Connection, server: &Value, findings: &mut Vec<Finding>) -> Option<Named> {
    let rights = examine(&connection.client, Topic::Rights).await.unwrap_or_default();
    if rights.is_object() {
        findings.extend(check::rights(&rights));
    }
    let whole = release(connection, &rights, findings).await?;
    let mut answers = Answers { left_out: Vec::new(), failed: Vec::new() };
    let installation = answers.ask(connection, Topic::Installation).await;
    findings.extend(installation.as_ref().map(check::home));
    findings.extend(
        answers
            .ask(connection, Topic::Triggers)
            .await
            .map(|facts| check::triggers(&facts))
            .unwrap_or_default(),
    );
    let relays = answers.ask(connection, Topic::Relays).await;
    let setting = relays.as_ref().and_then(|facts| facts["doorbell_setting"].as_str());
    findings.extend(check::silent(server));
    findings.extend(installation.iter().flat_map(|facts| check::doorbell(facts, server, setting)));
    findings.extend(relays.iter().flat_map(check::relays));
    let finders: [(Topic, Finder); 3] = [
        (Topic::Watches, check::watches),
        (Topic::Subscriptions, check::subscriptions),
        (Topic::House, check::house),
    ];
    for (topic, finder) in finders {
        findings.extend(answers.ask(connection, topic).await.iter().flat_map(finder));
    }
    let destinations = answers.ask(connection, Topic::Destinations).await;
    let secrets = answers.ask(connection, Topic::Secrets).await;
    findings.extend(check::looks(&rights, &answers.left_out));
    // Of one that is not whole, what fails for that is not told again.
    if whole {
        findings.append(&mut answers.failed);
    }
    Some(Named { destinations, secrets })
}

/// What came of asking.
struct Answers {
    /// Topics that this role may not look at.
    left_out: Vec<&'static str>,
    /// Topics that failed for another reason.
    failed: Vec<Finding>,
}

impl Answers {
    async fn ask(&mut self, connection: &Connection, topic: Topic) -> Option<Value> {
        match examine(&connection.client, topic).await {
            Ok(facts) => return Some(facts),
            Err(problem) if problem.is_denied() => self.left_out.push(topic.name()),
            Err(problem) => {
                let what = format!("{} could not be checked", topic.name());
                self.failed.push(Finding::problem("schema", what).why(problem.to_string()).remedy(AGAIN));
            }
        }
        None
    }
}

async fn handshakes(facts: &Value, folder: Option<&Path>, dialler: &Dialler) -> Vec<Finding> {
    // What is wrong with them is a finding already.
    let Ok(identities) = Identities::read(folder) else {
        let what = "no endpoint was tried: the identities cannot be used";
        return vec![Finding::warning("handshake", what).remedy("see the findings above, and check again")];
    };
    let destinations = check::destinations(facts);
    if destinations.is_empty() {
        return vec![Finding::ok("handshake", "no subscription is active: no endpoint was tried")];
    }
    let tried = destinations.iter().map(|at| handshake(at, &identities, dialler));
    let findings: Vec<Vec<Finding>> = stream::iter(tried).buffered(AT_ONCE).collect().await;
    findings.into_iter().flatten().collect()
}

/// With the current certificate, and where there is a successor with that.
async fn handshake(at: &check::Destination, identities: &Identities, dialler: &Dialler) -> Vec<Finding> {
    let destination = match Destination::new(&at.endpoint, at.identity.as_deref(), identities) {
        Ok(destination) => destination,
        Err(problem) => {
            return vec![check::shaken(at, Err(problem.to_string()), Stranger::Ourselves, check::now())];
        }
    };
    let shaken = delivery::handshake(&destination, dialler).await;
    let next = destination.tls.as_ref().and_then(|identity| identity.next.clone());
    // Who cannot be reached cannot be asked that either.
    let next = next.filter(|_| shaken.as_ref().map_or_else(refuses_us, |_| true));
    let mut findings = vec![current(at, destination.clone(), shaken, dialler).await];
    if let Some(next) = next {
        let outcome = delivery::handshake(&Destination { tls: Some(next), ..destination }, dialler).await;
        findings.push(check::shaken_with_next(at, outcome.map(drop).map_err(|failure| failure.sentence)));
    }
    findings
}

/// An alert, or an end right after a handshake that went well: so certificates are refused.
fn refuses_us(failure: &Failure) -> bool {
    ["tls_client_certificate", "connection_closed"].contains(&failure.word)
}

/// What came of the current certificate; as a stranger once more, to see whether one is demanded.
async fn current(
    at: &check::Destination,
    destination: Destination,
    shaken: Result<Option<Vec<u8>>, Failure>,
    dialler: &Dialler,
) -> Finding {
    let now = check::now();
    let leaf = match shaken {
        Ok(leaf) => leaf,
        Err(failure) => return check::shaken(at, Err(failure.sentence), Stranger::Ourselves, now),
    };
    let certificate =
        leaf.and_then(|leaf| Certificate::in_der(&format!("the certificate of {}", at.endpoint), &leaf));
    let shows = destination.tls.as_ref().filter(|identity| identity.certificate.is_some());
    let stranger = match shows.and_then(|identity| identity.without_certificate().ok()) {
        Some(stranger) => {
            let destination = Destination { tls: Some(stranger.into()), ..destination };
            match delivery::handshake(&destination, dialler).await {
                Ok(_) => Stranger::Taken,
                Err(failure) if refuses_us(&failure) => Stranger::Refused,
                Err(failure) => Stranger::Unknown(failure.sentence),
            }
        }
        None => Stranger::Ourselves,
    };
    check::shaken(at, Ok(certificate), stranger, now)
}
