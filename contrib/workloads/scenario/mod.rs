//! Scenarios: what teams have done so far with code, queues and cron, as files of SQL under `contrib/examples`. A scenario is
//! played from nothing; each step says which requests must come of it, and exactly those must arrive.

mod compare;
mod show;
mod steps;

use compare::{Arrived, Known};
use steps::{Step, Wanted};

use crate::live::Lines;
use crate::stage::{Place, SOON, Stage};
use crate::support::{Reply, verify_signature};

/// The role of whoever installs; it owns schema outbox.
const ADMIN: &str = "postgres";
/// Nothing is open any more, or something went wrong that no step asks for.
const SETTLED: &str = "select not exists (select from outbox.delivery) and not exists (select from outbox.fan_out) \
         or exists (select from outbox.attempt where class in ('not_sent', 'unknown'))";
/// What went wrong first.
const UNSENT: &str = "select s.subscriber || ': ' || a.error \
     from outbox.attempt a join outbox.subscription s on s.id = a.subscription \
     where a.class in ('not_sent', 'unknown') order by a.id limit 1";

/// An example, as its folder has it.
pub(crate) struct Scenario {
    /// The receivers; the name of each is also the psql variable that holds its URL.
    pub(crate) places: &'static [Place],
    /// What is installed, in this order: name and text.
    files: &'static [(&'static str, &'static str)],
    steps: &'static str,
    lines: Lines,
}

macro_rules! files {
    ($folder:literal) => {
        &[
            ("roles.sql", include_str!(concat!("../../examples/", $folder, "/roles.sql"))),
            ("schema.sql", include_str!(concat!("../../examples/", $folder, "/schema.sql"))),
            ("objects.sql", include_str!(concat!("../../examples/", $folder, "/objects.sql"))),
            ("subscriptions.sql", include_str!(concat!("../../examples/", $folder, "/subscriptions.sql"))),
        ]
    };
}

/// Notifications to the Prime, and to an audit partner with another certificate.
pub(crate) const MILMOVE: Scenario = Scenario {
    places: &[
        Place {
            name: "prime",
            path: "/support/v1/webhook-notify",
            identity: "prime",
            common_name: "milmove-to-prime",
        },
        Place { name: "audit", path: "/audit/shipments", identity: "audit", common_name: "milmove-to-audit" },
    ],
    files: files!("milmove"),
    steps: include_str!("../../examples/milmove/steps.sql"),
    lines: Lines {
        change: &[
            "update payment_requests set status = 'PAID', updated_at = now() where payment_request_number = '1234-5678-1';",
            "update addresses set street_address_1 = '1 Main St' where city = 'Austin';",
            "update moves set available_to_prime_at = now() where locator = 'NOTYET';",
            "update payment_requests set status = 'TPPS_RECEIVED', updated_at = now();",
        ],
        rollback: "begin; update mto_shipments set status = 'APPROVED'; rollback;",
        crowd: None,
    },
};

/// Events of customers and vehicles, dispatched to downstream systems.
pub(crate) const CTP: Scenario = Scenario {
    places: &[
        place("CUSTOMER_CENTRAL_SYNC_URI", "/customer-central"),
        place("SERVCO_SYNC_URI", "/servco"),
        place("TC_SAFETY_SYNC_URI", "/tc-safety"),
        place("TC_SYNC_URI", "/tc"),
        place("ROADSIDE_SYNC_URI", "/roadside"),
    ],
    files: files!("ctp"),
    steps: include_str!("../../examples/ctp/steps.sql"),
    lines: Lines {
        change: &[
            "insert into customer_account values ('guid-2', 'Grace', 'Hopper', 'grace@example.com');",
            "begin; set local outbox.header.X_CorrelationId = 'by hand';",
            "  insert into vehicle_subscription values ('guid-2', 'VIN2', 'TRIAL'); commit;",
            "update vehicle_subscription set status = 'ACTIVE';",
        ],
        rollback: "begin; delete from vehicle_subscription; rollback;",
        crowd: None,
    },
};

const fn place(name: &'static str, path: &'static str) -> Place {
    Place { name, path, identity: "default", common_name: "ctp-dispatcher" }
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
        "\nExactly the expected requests arrived: {seen} in {} steps, byte for byte, every signature verified.",
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
        let answers: Vec<u16> = step.requests.iter().filter(is_here).map(|wish| wish.answer).collect();
        station.receiver.clear();
        station
            .receiver
            .reply_with(move |_, nth| Reply::status(answers.get(nth - 1).copied().unwrap_or(200)));
    }
    let printed = stage.database.try_psql(&format!("{variables}{}", step.sql));
    stage.database.wait_until(SETTLED, SOON);
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
    let unsent = stage.database.psql(UNSENT);
    if !unsent.is_empty() {
        return Err(format!("a request did not get through, to {unsent}"));
    }
    for arrived in &arrived {
        signature(stage, arrived)?;
    }
    let outcome = compare::check(&step.requests, &arrived, known);
    show::verdict(step, outcome.is_ok());
    outcome.map(|()| arrived.len())
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

/// The signature is that of the subscription whose key ends the webhook-id.
fn signature(stage: &Stage, arrived: &Arrived<'_>) -> Result<(), String> {
    let id = arrived.request.header("webhook-id").unwrap_or_default();
    let key: String =
        id.rsplit('_').next().unwrap_or_default().chars().filter(char::is_ascii_hexdigit).collect();
    let sql = format!("select outbox.signing_secret(id) from outbox.subscription where key = '{key}'");
    verify_signature(&stage.database.psql(&sql), &arrived.request)
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
    let sql = "select count(*) from outbox.attempt where class is not null";
    let recorded: usize = stage.database.psql(sql).parse().unwrap_or(0);
    if recorded == arrived {
        Ok(())
    } else {
        Err(format!("{arrived} requests arrived and {recorded} attempts are on record"))
    }
}
