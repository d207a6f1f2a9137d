//! Certificates that run out are told: in the log, as a metric, and in `outbox.expiring`.

use crate::ops_client::Ops;
use crate::stage::{LOCAL, SOON, Stage};
use crate::support::{Receiver, ReceiverOptions, write_identity};

const LOG: &str = "the certificate of identity default ends on";

#[test]
fn what_runs_out_is_in_the_log_once_in_a_metric_and_in_a_view() {
    let stage = Stage::new("expiring");
    let ca = stage.authority.pem();
    let short = stage.authority.client_for_days("short", 5);
    write_identity(stage.identities(), "default", Some(&short), Some(&ca));
    write_identity(
        &stage.identities().join("default"),
        "next",
        Some(&stage.authority.client("successor")),
        None,
    );
    let ended = Receiver::start(&ReceiverOptions::https(stage.authority.server(&LOCAL)));
    stage.subscribe_url(&ended.url("/"), "");
    stage.emit(1);
    let relay = stage.relay_with(&["--ops-listen", "0"]);
    let ops = Ops::of(&relay);
    let line = relay.wait_for_line(LOG, SOON);
    assert!(line.contains("WARN") && line.contains("put its successor into next/"), "{line}");
    stage.wait_until_drained();
    stage.db.wait_until("select count(*) = 4 from outbox.expiring", SOON);
    assert_eq!(
        stage.db.psql(
            "select use, case use when 'peer' then split_part(name, ':', 1) else name end, subject, \
             days_left between 4.9 and 5, relays from outbox.expiring order by not_after, use"
        ),
        "current|default|short|t|{\"relay 1\"}\n\
         ca|default|stage authority|f|{\"relay 1\"}\n\
         next|default|successor|f|{\"relay 1\"}\n\
         peer|localhost|localhost|f|{\"relay 1\"}"
    );
    let series = |which: &str| {
        format!("outboxd_certificate_expiry_timestamp_seconds{{identity=\"default\",which=\"{which}\"}}")
    };
    let seen = ops.metrics();
    let until = |name: &str| {
        stage.db.psql(&format!(
            "select extract(epoch from not_after)::bigint from outbox.expiring where use = '{name}'"
        ))
    };
    for which in ["current", "next", "ca"] {
        assert_eq!(
            seen.get(&series(which)).map(|value| format!("{value:.0}")),
            Some(until(which)),
            "{which}"
        );
    }
    // Put in its place, by hand: what is gone is not shown any more, and the good one is nothing to talk about.
    write_identity(stage.identities(), "default", Some(&stage.authority.client("successor")), Some(&ca));
    relay.signal("HUP");
    stage.db.wait_until("select not exists (select from outbox.expiring where subject = 'short')", SOON);
    assert_eq!(relay.lines().iter().filter(|line| line.contains(LOG)).count(), 1);
    relay.signal("TERM");
    relay.wait(SOON);
    assert_eq!(stage.count("outbox.expiring"), 0, "of relays that run");
}
