//! `outboxd post`.

use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use outboxd::cli::Post;
use outboxd::config;
use outboxd::delivery::{Dialler, Pool, post as send};
use outboxd::model::{Attempt, Claim, Class, Context as EventContext, Format, Message};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use crate::output::say;

pub(crate) async fn post(options: &Post) -> Result<ExitCode> {
    let (endpoint, guard) = config::endpoint(options)?;
    let claim = claim(message(options)?);
    let Some(message) = claim.message.clone() else { return Ok(ExitCode::FAILURE) };
    say(format_args!(
        "POST {}  webhook-id {}, {} bytes\n",
        options.to,
        message.webhook_id,
        message.body.as_ref().map_or(0, String::len)
    ))?;
    let attempt = send(&endpoint, &Pool::new(Dialler::new(guard)), &claim, &message).await;
    say(format_args!("{}", told(&attempt)))?;
    Ok(if attempt.class == Class::Delivered { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn message(options: &Post) -> Result<Message> {
    let id = format!("{:032x}", fastrand::u128(..));
    let body = match options.file.as_deref() {
        None => ping(&id),
        Some(path) if path.as_os_str() == "-" => {
            std::io::read_to_string(std::io::stdin()).context("standard input is not text")?
        }
        Some(path) => std::fs::read_to_string(path).with_context(|| format!("{}", path.display()))?,
    };
    let webhook_id = format!("{id}_{:012x}", fastrand::u64(..1 << 48));
    Ok(Message {
        event_type: "outbox.ping".to_owned(),
        webhook_id,
        body: Ok(body),
        format: Format::default(),
        batch: None,
        context: EventContext::default(),
    })
}

/// As `outbox.ping()` makes one.
fn ping(id: &str) -> String {
    let mut now = String::new();
    let written = tracing_subscriber::fmt::time::SystemTime.format_time(&mut Writer::new(&mut now));
    debug_assert!(written.is_ok(), "a string takes what is written");
    let uuid = [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]].join("-");
    format!(
        r#"{{"type":"outbox.ping","timestamp":"{now}","id":"{uuid}","sequence":0,"object":null,"object_id":null,"data":{{}}}}"#
    )
}

fn claim(message: Message) -> Claim {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    Claim {
        delivery: 0,
        attempt: 1,
        retry_base: 0,
        subscription: 0,
        version: 0,
        event_slot: 0,
        event_id: 0,
        place: None,
        batch: None,
        message: Some(message),
        occurred_at: Some(now),
        aged_from: Some(now),
        claimed_at: now,
        asked: Instant::now(),
        lease: Duration::from_hours(1),
        received: Instant::now(),
    }
}

fn told(attempt: &Attempt) -> String {
    let took = attempt.duration.as_secs_f64() * 1000.0;
    let class = attempt.class.as_str().replace('_', " ");
    let mut text = match (attempt.status, &attempt.error) {
        (Some(status), None) => format!("{class}: {status} after {took:.1} ms\n"),
        (_, error) => format!("{class} after {took:.1} ms: {}\n", error.as_deref().unwrap_or_default()),
    };
    if let Some(response) = &attempt.response {
        // What a terminal would obey is shown, not done.
        let plain =
            response.trim_end().chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c });
        text.extend(plain.chain(['\n']));
    }
    text
}
