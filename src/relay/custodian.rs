//! Minds the certificates: says in good time which run out, in the log, as a metric and in `outbox.certificate`.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{error, warn};

use super::Settings;
use super::link::Link;
use crate::delivery::Pool;
use crate::identity;
use crate::metrics::Expiry;
use crate::model::Certificate;
use crate::pem::Facts;
use crate::screen::date;

/// With so many days left it is told, once each; but a certificate that is made for a month is renewed monthly, so not before
/// the last third of its lifetime.
const DAYS: [i64; 3] = [1, 7, 30];
const DAY: i64 = 86_400;
/// Between two reports when nothing has changed.
const PAUSE: Duration = Duration::from_hours(1);

pub(super) struct Custodian {
    settings: Arc<Settings>,
    pool: Arc<Pool>,
    /// What the database has of us.
    reported: Vec<Certificate>,
    next: Instant,
    /// What was told, and with how many days left.
    told: HashSet<(Certificate, i64)>,
}

impl Custodian {
    pub(super) fn new(settings: Arc<Settings>, pool: Arc<Pool>) -> Self {
        Self { settings, pool, reported: Vec::new(), next: Instant::now(), told: HashSet::new() }
    }

    /// Looks, which needs no database.
    pub(super) fn look(&mut self) {
        let all = self.certificates();
        let ours = all.iter().filter(|one| one.usage != "peer");
        self.settings.metrics.expiries(ours.map(expiry).collect());
        self.told.retain(|(one, _)| all.contains(one));
        let now = identity::now();
        for one in all {
            if let Some(days) = due(&one, now).filter(|days| self.told.insert((one.clone(), *days))) {
                tell(&one, days, now);
            }
        }
    }

    /// Reports what has changed, and now and then all of it.
    pub(super) async fn report(&mut self, link: &mut Link) {
        let all = self.certificates();
        if all == self.reported && Instant::now() < self.next {
            return;
        }
        match link.wait().await.report_certificates(&self.settings.name, &all).await {
            Ok(()) => {
                link.worked();
                self.reported = all;
                self.next = Instant::now() + PAUSE;
            }
            Err(problem) => drop(link.failed(&problem)),
        }
    }

    fn certificates(&self) -> Vec<Certificate> {
        let mut all = Vec::new();
        for identity in self.settings.identities.all() {
            let mut add = |usage, facts: &Facts| all.push(certificate(usage, &identity.name, facts));
            identity.shown.iter().for_each(|facts| add("current", facts));
            let next = identity.next.as_ref().and_then(|next| next.shown.as_ref());
            if let Some(facts) = next {
                add("next", facts);
            }
            identity.trusted.iter().for_each(|facts| add("ca", facts));
        }
        all.extend(self.pool.peers().all().iter().map(|(name, facts)| certificate("peer", name, facts)));
        all
    }
}

fn certificate(usage: &'static str, name: &str, facts: &Facts) -> Certificate {
    Certificate {
        usage,
        name: name.to_owned(),
        fingerprint: facts.fingerprint.clone(),
        subject: facts.subject.clone(),
        not_before: facts.not_before,
        not_after: facts.not_after,
    }
}

fn expiry(one: &Certificate) -> Expiry {
    Expiry { identity: one.name.clone(), which: one.usage, not_after: one.not_after }
}

/// The days of the warning that is due: 0 when it has ended.
fn due(one: &Certificate, now: i64) -> Option<i64> {
    let left = one.not_after - now;
    if left < 0 {
        return Some(0);
    }
    let in_time = left < (one.not_after - one.not_before) / 3;
    DAYS.into_iter().find(|days| in_time && left < days * DAY)
}

fn tell(one: &Certificate, days: i64, now: i64) {
    let (subject, until) = (&one.subject, date(one.not_after));
    let (whose, remedy) = match one.usage {
        "peer" => (format!("the certificate that {} shows", one.name), "its owner must renew it"),
        "ca" => (format!("a CA that identity {} trusts", one.name), "put its successor beside it in ca.crt"),
        "next" => (format!("the next certificate of identity {}", one.name), "put another into next/"),
        _ => (
            format!("the certificate of identity {}", one.name),
            "put its successor into next/, or in its place",
        ),
    };
    if days == 0 {
        error!(subject, "{whose} has ended, on {until}: {remedy}");
    } else {
        let left = (one.not_after - now) / DAY;
        warn!(subject, left_days = left, "{whose} ends on {until}: {remedy}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_in_four_steps_and_not_before_the_last_third() {
        let one = |days| Certificate { not_after: days * DAY, ..Certificate::default() };
        for (life, day, expected) in [
            (365, 300, None),
            (365, 335, None),
            (365, 336, Some(30)),
            (365, 358, Some(30)),
            (365, 359, Some(7)),
            (365, 365, Some(1)),
            (365, 366, Some(0)),
            (30, 10, None),
            (30, 20, None),
            (30, 21, Some(30)),
            (30, 24, Some(7)),
            (3, 1, None),
            (3, 3, Some(1)),
        ] {
            assert_eq!(
                due(&one(life), day * DAY + i64::from(expected == Some(0))).or(None),
                expected,
                "{life} {day}"
            );
        }
    }
}
