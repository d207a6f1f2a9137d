//! Certificates as far as their dates go.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::nid::Nid;
use openssl::x509::{X509, X509Ref};

use super::Finding;
use crate::screen::{date, span};

/// Who runs out within this time should know, seconds: 30 days. But a certificate that is made for a month is renewed monthly,
/// and a warning that is always there is read by nobody: it comes in the last third of the lifetime at the earliest.
const SOON: i64 = 30 * 86_400;

/// One certificate and when it holds; seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// What it is called in a sentence: its file, or whose it is.
    pub of: String,
    /// The common name it is made out to, if it has one.
    pub name: String,
    /// From when it holds.
    pub not_before: i64,
    /// Until when it holds.
    pub not_after: i64,
}

/// This machine's clock, seconds since 1970.
#[must_use]
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

impl Certificate {
    /// All certificates of a PEM file; none when it cannot be read, which `pem` has the words for.
    #[must_use]
    pub fn in_file(path: &Path) -> Vec<Self> {
        let stack =
            std::fs::read(path).ok().and_then(|text| X509::stack_from_pem(&text).ok()).unwrap_or_default();
        stack.iter().filter_map(|one| Self::of(path.display().to_string(), one)).collect()
    }

    /// One that came over the network, as DER.
    #[must_use]
    pub fn in_der(of: &str, der: &[u8]) -> Option<Self> {
        let one = X509::from_der(der).ok()?;
        Self::of(of.to_owned(), &one)
    }

    fn of(of: String, one: &X509Ref) -> Option<Self> {
        let common = one.subject_name().entries_by_nid(Nid::COMMONNAME).next();
        let name = common.and_then(|name| name.data().to_string().ok());
        Some(Self {
            of,
            name: name.unwrap_or_else(|| "without a name".to_owned()),
            not_before: unix(one.not_before())?,
            not_after: unix(one.not_after())?,
        })
    }

    /// Whether it holds at that time.
    #[must_use]
    pub fn holds(&self, now: i64) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }

    /// `until 2027-01-31, 300 d left`.
    #[must_use]
    pub fn until(&self, now: i64) -> String {
        format!("until {}, {} left", date(self.not_after), ago(self.not_after - now))
    }

    /// What its dates come to; nothing when they are good for a while.
    #[must_use]
    pub fn judge(&self, subject: &'static str, now: i64, remedy: &str) -> Option<Finding> {
        let this = format!("{} ({})", self.of, self.name);
        let finding = if now > self.not_after {
            let (day, since) = (date(self.not_after), ago(now - self.not_after));
            Finding::problem(subject, format!("{this} expired on {day}, {since} ago"))
        } else if now < self.not_before {
            Finding::problem(subject, format!("{this} is not valid before {}", date(self.not_before)))
                .why("it is issued for later, or this machine's clock is wrong")
        } else if self.not_after - now < SOON.min((self.not_after - self.not_before) / 3) {
            Finding::warning(
                subject,
                format!("{this} expires on {}, in {}", date(self.not_after), ago(self.not_after - now)),
            )
        } else {
            return None;
        };
        Some(finding.remedy(remedy))
    }
}

fn ago(seconds: i64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "to the hour")]
    span(seconds as f64)
}

fn unix(time: &Asn1TimeRef) -> Option<i64> {
    let since = Asn1Time::from_unix(0).ok()?.diff(time).ok()?;
    Some(i64::from(since.days) * 86_400 + i64::from(since.secs))
}

/// The key beside a certificate that others than its owner and group may read.
pub(super) fn open_to_all(key: &Path) -> Option<(PathBuf, u32)> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(key).ok()?.permissions().mode() & 0o777;
    (mode & 0o004 != 0).then(|| (key.to_owned(), mode))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Level;

    #[test]
    fn one_that_lives_shortly_is_called_short_of_time_in_its_last_third() {
        let day = 86_400;
        let one = Certificate { of: "tls.crt".into(), name: "us".into(), not_before: 0, not_after: 30 * day };
        for (now, soon) in [(1, false), (20 * day, false), (20 * day + 1, true), (30 * day, true)] {
            assert_eq!(one.judge("certificates", now, "renew it").is_some(), soon, "{now}");
        }
    }

    #[test]
    fn dates_are_judged_by_the_day() {
        let day = 86_400;
        let one = Certificate {
            of: "tls.crt".into(),
            name: "us".into(),
            not_before: 10 * day,
            not_after: 100 * day,
        };
        assert_eq!(one.until(70 * day + 3600), "until 1970-04-11, 29 d 23 h left");
        for (now, level) in [
            (9 * day, Some(Level::Problem)),
            (10 * day, None),
            (70 * day, None),
            (70 * day + 1, Some(Level::Warning)),
            (100 * day, Some(Level::Warning)),
            (100 * day + 1, Some(Level::Problem)),
        ] {
            let finding = one.judge("certificates", now, "renew it");
            assert_eq!(finding.as_ref().map(|finding| finding.level), level, "{now}: {finding:?}");
        }
    }
}
