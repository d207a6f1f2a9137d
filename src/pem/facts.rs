//! What people want to know of a certificate: whose it is, which it is, and until when it holds.

use std::path::Path;

use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::x509::{X509, X509Ref};

/// Facts of one certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The first name of its subjectAltName, else its common name.
    pub subject: String,
    /// SHA-256 of it, in hex: `openssl x509 -noout -fingerprint -sha256` without the colons.
    pub fingerprint: String,
    /// From when it holds, seconds since 1970.
    pub not_before: i64,
    /// Until when it holds.
    pub not_after: i64,
}

impl Facts {
    /// Of all certificates in a PEM file, in its order; none when it cannot be read.
    #[must_use]
    pub fn in_file(path: &Path) -> Vec<Self> {
        let read = std::fs::read(path).ok().and_then(|text| X509::stack_from_pem(&text).ok());
        read.unwrap_or_default().iter().filter_map(|one| Self::of(one)).collect()
    }

    /// Of one that came over the network, as DER.
    #[must_use]
    pub fn in_der(der: &[u8]) -> Option<Self> {
        let one = X509::from_der(der).ok()?;
        Self::of(&one)
    }

    fn of(one: &X509Ref) -> Option<Self> {
        let names = one.subject_alt_names();
        let name = names.as_ref().and_then(|names| {
            names.iter().find_map(|name| Some(name.dnsname().or_else(|| name.uri())?.to_owned()))
        });
        let common = || {
            let entry = one.subject_name().entries_by_nid(Nid::COMMONNAME).next()?;
            Some(entry.data().to_string().ok()?.clone())
        };
        let digest = one.digest(MessageDigest::sha256()).ok()?;
        Some(Self {
            // A certificate of somebody else's may call itself anything.
            subject: name
                .or_else(common)
                .unwrap_or_default()
                .chars()
                .filter(|c| !c.is_control())
                .take(100)
                .collect(),
            fingerprint: hex(&digest),
            not_before: unix(one.not_before())?,
            not_after: unix(one.not_after())?,
        })
    }

    /// Whether it holds at that time.
    #[must_use]
    pub fn holds(&self, now: i64) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }
}

fn unix(time: &Asn1TimeRef) -> Option<i64> {
    let since = Asn1Time::from_unix(0).ok()?.diff(time).ok()?;
    Some(i64::from(since.days) * 86_400 + i64::from(since.secs))
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
