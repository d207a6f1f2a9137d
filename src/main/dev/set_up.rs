//! All that stands before the first webhook.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use outboxd::certificates::{Authority, LOCAL_NAMES};
use outboxd::delivery::{Allowed, Guard, Named};
use outboxd::dev::{self, LeftOut, Plan, Ready, Watch};
use outboxd::health::Health;
use outboxd::identity::{DEFAULT, Identities};
use outboxd::metrics::Metrics;
use outboxd::receiver::{self, Receiver, Secrets, Tls};
use outboxd::relay::Settings;
use outboxd::store::{FIRST_STEP, FIRST_STEPS, Workbench};
use outboxd::throwaway::Folder;
use outboxd::{config, database, schema};

use super::GRACE;
use super::ground::Ground;
use super::screen::Screen;
use crate::RELEASE;
use crate::run::host_name;

/// What plays.
pub(super) struct Stage {
    pub(super) relay: Settings,
    pub(super) receiver: Receiver,
    /// What to say before.
    pub(super) introduction: String,
}

pub(super) async fn set_up(
    ground: &mut Ground,
    plan: &Plan,
    screen: &Screen,
    began: Instant,
) -> Result<Stage> {
    let name = ground.identity.clone().unwrap_or_else(|| DEFAULT.to_owned());
    let (certificates, tls) = certify(ground.folder(), &name)?;
    let secrets = Secrets::default();
    let options = receiver::Options {
        tls: Some(tls),
        secrets: secrets.clone(),
        answers: plan.answers.clone(),
        ..receiver::Options::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    };
    let receiver = Receiver::bind(options)?;
    let url = receiver.url();

    ground.load().await?;
    migrate(ground, screen).await?;
    ground.require_free().await?;
    ground.watch_over()?;
    let workbench = &ground.workbench;
    let (statement, secret) = workbench.subscribe(&ground.name, &url, ground.identity.as_deref()).await?;
    secrets.add(&secret).context("the signing secret")?;
    let mut statements = vec![statement];
    let left_out = watch(workbench, plan, &mut statements).await?;

    let read = Identities::read(Some(&certificates.join("identities")));
    let identities =
        read.map_err(|found| config::ConfigError(found.iter().map(ToString::to_string).collect()))?;
    let introduction = dev::ready(&Ready {
        release: workbench.release().await?.split(' ').next().unwrap_or_default(),
        at: &ground.at(),
        psql: ground.psql(),
        url: &url,
        certificates: &certificates,
        statements: &statements,
        watched: &workbench.watched().await?,
        left_out: &left_out,
        first_steps: if ground.psql().is_some() { &FIRST_STEPS } else { &[FIRST_STEP] },
        seconds: began.elapsed().as_secs_f64(),
    });
    Ok(Stage { relay: settings(ground, identities), receiver, introduction })
}

/// Makes certificates for both sides. Piece by piece into folders that whoever cleans up may empty: at no moment is there
/// one that it could not remove.
fn certify(folder: &Folder, identity: &str) -> Result<(PathBuf, Tls)> {
    let authority = Authority::new()?;
    let (client, server) = (authority.client("outboxd dev")?, authority.server(&LOCAL_NAMES)?);
    let certificates = folder.make_folder("certificates")?;
    folder.make_folder("certificates/identities")?;
    for (place, pair) in [(format!("identities/{identity}"), &client), ("receiver".to_owned(), &server)] {
        let place = format!("certificates/{place}");
        folder.make_folder(&place)?;
        folder.write(&format!("{place}/tls.crt"), &pair.certificate)?;
        folder.write(&format!("{place}/tls.key"), &pair.key)?;
        folder.write(&format!("{place}/ca.crt"), authority.pem())?;
    }
    Ok((certificates, Tls::new(&server.certificate, &server.key, Some(authority.pem()))?))
}

async fn migrate(ground: &Ground, screen: &Screen) -> Result<()> {
    let mut connection = database::connect(&ground.info, "migrate").await?;
    let done = schema::migrate(&mut connection.client, RELEASE).await?;
    if ground.psql().is_none() {
        for migration in &done.migrations_applied {
            screen.say(format!("applied {migration}")).await;
        }
        if done.definitions_applied {
            screen.say(format!("functions, views and grants are those of {RELEASE}")).await;
        }
        for notice in &done.notices {
            screen.say(notice.clone()).await;
        }
    }
    Ok(schema::require_home(&connection.client).await?)
}

/// Watches what was asked for, and gives the tables that were left out.
async fn watch(workbench: &Workbench, plan: &Plan, statements: &mut Vec<String>) -> Result<Vec<LeftOut>> {
    for Watch { table, object } in &plan.watch {
        let name = workbench.name_of(table).await.with_context(|| format!("--watch {table}"))?;
        let Some(object) = object.clone().or_else(|| dev::object_of(&name)) else {
            bail!("--watch {table}: its name makes no object: say --watch '{table}=Name'");
        };
        let watched = workbench.watch(table, &object).await;
        statements.push(watched.with_context(|| format!("--watch {table}"))?);
    }
    if !plan.watch_all {
        return Ok(Vec::new());
    }
    let (wanted, mut left_out) = dev::everything(&workbench.tables().await?, &workbench.watched().await?);
    for Watch { table, object } in wanted {
        match workbench.watch(&table, &object.unwrap_or_default()).await {
            Ok(statement) => statements.push(statement),
            Err(problem) => left_out.push(LeftOut { table, why: problem.to_string() }),
        }
    }
    Ok(left_out)
}

/// The receiver is on this machine.
fn guard(ground: &Ground) -> Guard {
    let mut guard = Guard::new(Allowed::loopback().to_vec());
    for own in config::own_database(&ground.info) {
        guard.protect(own);
    }
    guard
}

fn settings(ground: &Ground, identities: Identities) -> Settings {
    Settings {
        database: ground.info.clone(),
        listen: Some(ground.info.clone()),
        identities,
        named: Named::default(),
        guard: guard(ground),
        secrets: outboxd::secrets::Secrets::default(),
        name: ground.name.clone(),
        host: host_name(),
        poll: std::time::Duration::from_secs(5),
        in_flight_max: 256,
        grace: GRACE,
        once: false,
        measure: false,
        metrics: Metrics::new(RELEASE),
        health: Health::default(),
    }
}
