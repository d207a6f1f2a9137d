//! Scenarios: what teams have done so far with code, queues and cron, as files of SQL under `contrib/examples`. A scenario is
//! played from nothing; each step says which requests must come of it, and exactly those must arrive.

mod compare;
mod examples;
mod show;
mod steps;

use compare::{Arrived, Known};
pub(crate) use examples::{ADS, CTP, MILMOVE, WEBPUSH};
use steps::{Answer, Step, Wanted};

use crate::live::Lines;
use crate::stage::{Place, SOON, Stage};
use crate::support::{Reply, verify_signature};

/// The role of whoever installs; it owns schema outbox.
const ADMIN: &str = "postgres";
/// Nothing is open any more that may be sent.
const SETTLED: &str = "not exists (select from outbox.delivery d join outbox.subscription s on s.id = d.subscription \
     where s.status in ('active', 'failing')) and not exists (select from outbox.fan_out)";
/// What got no answer since an attempt: error class and subscriber, then the error.
const UNANSWERED: &str = "select a.error_class || ' ' || s.subscriber || E'\t' || a.error \
     from outbox.attempt a join outbox.subscription s on s.id = a.subscription \
     where a.class in ('not_sent', 'unknown') and a.id > ";

/// An example, as its folder has it.
pub(crate) struct Scenario {
    /// The receivers; the name of each is also the psql variable that holds its URL.
    pub(crate) places: &'static [Place],
    /// What is installed, in this order: name and text.
    pub(crate) files: &'static [(&'static str, &'static str)],
    pub(crate) steps: &'static str,
    pub(crate) lines: Lines,
}

/// Installs a scenario and plays its steps, or others in their place.
pub(crate) fn play(stage: &Stage, scenario: &Scenario, other_steps: Option<&str>) -> Result<Lines, String> {
    let steps =
        steps::parse(other_steps.unwrap_or(scenario.steps)).map_err(|why| format!("steps.sql: {why}"))?;
    let variables = variables(stage);
    for (name, sql) in scenario.files {
        println!("$ psql -f {name}");
        let installed = stage.database.try_psql(&format!("{variables}{sql}"));
        installed.map_err(|error| format!("{name}: {}", error.raw))?;
    }
    let relay = stage.relay();
    let (mut known, mut seen) = (Known::default(), 0);
    for step in &steps {
        seen +=
            take(stage, step, &variables, &mut known).map_err(|why| format!("step {}: {why}", step.title))?;
    }
    books(stage, seen)?;
    relay.signal("TERM");
    let code = relay.wait(SOON);
    stage.relay_is_gone();
    println!("\n$ kill -TERM {}   # exit code {code}", relay.pid());
    if code != 0 {
        return Err(format!("the relay ended with exit code {code}:\n{}", relay.lines().join("\n")));
    }
    println!(
        "\nExactly the expected requests arrived: {seen} in {} steps, byte for byte, signatures verified.",
        steps.len()
    );
    Ok(scenario.lines)
}

/// What the files leave open: the URLs of the receivers, and who installs.
fn variables(stage: &Stage) -> String {
    let urls =
        stage.stations.iter().map(|station| format!("\\set {} '{}'\n", station.place.name, station.url()));
    urls.chain([format!("\\set admin {ADMIN}\n")]).collect()
}

/// Plays a step: these requests, no more, no fewer. Returns how many they were.
fn take(stage: &Stage, step: &Step, variables: &str, known: &mut Known) -> Result<usize, String> {
    show::step(step);
    for station in &stage.stations {
        let is_here = |wish: &&Wanted| wish.receiver == station.place.name;
        let answers: Vec<_> = step.requests.iter().filter(is_here).map(|wish| wish.answer.clone()).collect();
        station.receiver.clear();
        station.receiver.reply_with(move |_, nth| answers.get(nth - 1).map_or_else(Reply::default, reply));
    }
    let mark = stage.database.psql("select coalesce(max(id), 0) from outbox.attempt");
    let printed = stage.database.try_psql(&format!("{variables}{}", step.sql));
    let unanswered = format!("{UNANSWERED}{mark} order by a.id");
    let hanging = step.requests.iter().filter(|wish| wish.answer == Answer::Hangs).count();
    let expected = step.unsent.len() + hanging;
    let until = step.until.as_deref().unwrap_or(SETTLED);
    // Over as well when something went wrong that the step does not ask for.
    let over = format!("select ({until}) or (select count(*) from ({unanswered}) u) > {expected}");
    stage.database.wait_until(&over, SOON);
    let mut arrived = arrived(stage);
    arrived.sort_by_key(|arrived| arrived.request.arrived);
    for arrived in &arrived {
        show::request(arrived);
    }
    match (&step.error, printed) {
        (None, Ok(printed)) => rows(step, &printed, known)?,
        (None, Err(error)) => return Err(format!("psql failed: {}", error.raw)),
        (Some((code, text)), Ok(_)) => return Err(format!("error {code} {text} is missing")),
        (Some((code, text)), Err(error)) => {
            show::error(&error);
            if error.sqlstate != *code || !error.message.contains(text) {
                return Err(format!("should fail with {code} {text}, fails with {}", error.raw));
            }
        }
    }
    unsent(step, hanging, &stage.database.psql(&unanswered))?;
    for arrived in &arrived {
        signature(stage, arrived)?;
    }
    let outcome = compare::check(&step.requests, &arrived, known);
    show::verdict(step, outcome.is_ok());
    outcome.map(|()| arrived.len())
}

fn reply(answer: &Answer) -> Reply {
    match answer {
        Answer::Takes => Reply::default(),
        Answer::Says(status, None) => Reply::status(*status),
        Answer::Says(status, Some((name, value))) => Reply::status(*status).header(name, value),
        Answer::Hangs => Reply::hang(),
    }
}

/// What got no answer must be what the step says: those that hang, and those that reach nobody.
fn unsent(step: &Step, mut hanging: usize, unanswered: &str) -> Result<(), String> {
    let mut wanted = step.unsent.clone();
    for line in unanswered.lines() {
        let (what, error) = line.split_once('\t').unwrap_or((line, ""));
        if let Some(at) = wanted.iter().position(|wish| wish == what) {
            wanted.remove(at);
        } else if hanging > 0 && what.starts_with("timeout ") {
            hanging -= 1;
        } else {
            let subscriber = what.split_once(' ').map_or(what, |(_, subscriber)| subscriber);
            return Err(format!("a request did not get through, to {subscriber}: {error}"));
        }
        println!("  → {what}: {error}");
    }
    if wanted.is_empty() { Ok(()) } else { Err(format!("got through, and should not: {wanted:?}")) }
}

fn arrived(stage: &Stage) -> Vec<Arrived<'_>> {
    let of_one = |station: &'_ crate::stage::Station| {
        let authority = format!("localhost:{}", station.receiver.port());
        let (receiver, common_name) = (station.place.name, station.place.common_name);
        let request = move |request| Arrived { receiver, common_name, authority: authority.clone(), request };
        station.receiver.requests().into_iter().map(request).collect::<Vec<_>>()
    };
    stage.stations.iter().flat_map(of_one).collect()
}

/// The signature is that of the subscription whose key ends the webhook-id. One that has ended has taken its secret along.
fn signature(stage: &Stage, arrived: &Arrived<'_>) -> Result<(), String> {
    let id = arrived.request.header("webhook-id").unwrap_or_default();
    let key: String =
        id.rsplit('_').next().unwrap_or_default().chars().filter(char::is_ascii_hexdigit).collect();
    let sql = format!(
        "select outbox.signing_secret(id) from outbox.subscription where key = '{key}' and status <> 'gone'"
    );
    let secret = stage.database.psql(&sql);
    if secret.is_empty() {
        return Ok(());
    }
    verify_signature(&secret, &arrived.request)
        .map_err(|why| format!("a request to {} is not signed as it should be: {why}", arrived.receiver))
}

/// What the SQL must print, where that is said.
fn rows(step: &Step, printed: &str, known: &mut Known) -> Result<(), String> {
    if step.rows.is_empty() {
        return Ok(());
    }
    show::rows(printed);
    let is: Vec<&str> = printed.lines().collect();
    let fit = is.len() == step.rows.len() && step.rows.iter().zip(&is).all(|(wish, is)| known.fits(wish, is));
    if fit { Ok(()) } else { Err(format!("should print {:?}, prints {is:?}", step.rows)) }
}

/// The ledger must tell the same story as the receivers.
fn books(stage: &Stage, arrived: usize) -> Result<(), String> {
    let sql = "select count(*) from outbox.attempt where class <> 'not_sent'";
    let recorded: usize = stage.database.psql(sql).parse().unwrap_or(0);
    if recorded == arrived {
        Ok(())
    } else {
        Err(format!("{arrived} requests arrived and {recorded} attempts are on record"))
    }
}
