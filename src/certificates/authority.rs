//! A certificate authority that lives as long as its value.

use std::fmt;
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509Name, X509NameRef};

use super::DAYS;

/// A clock that is a little late must not find a certificate not yet valid, seconds.
const BEGINS_BEFORE: i64 = 3600;
const DAY: i64 = 86_400;
/// The most that X.509 allows.
const SERIAL_BITS: i32 = 158;

/// A certificate cannot be made: the TLS library refuses.
#[derive(Debug, thiserror::Error)]
#[error("a certificate for {what} cannot be made: {source}")]
pub struct CertificatesError {
    what: String,
    source: ErrorStack,
}

/// A certificate and its private key, both PEM; the key PKCS#8, ECDSA P-256.
#[derive(Clone)]
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

impl fmt::Debug for Pair {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// A certificate authority with a key of its own, which goes with this value.
pub struct Authority {
    certificate: X509,
    pem: String,
    key: PKey<Private>,
}

impl Authority {
    /// A new authority; no two have the same key or name.
    ///
    /// # Errors
    /// When the TLS library refuses.
    pub fn new() -> Result<Self, CertificatesError> {
        Self::try_new().map_err(|source| CertificatesError { what: "an authority".to_owned(), source })
    }

    /// The authority's certificate, PEM: what the others are to trust.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate by which a client shows who it is: common name `name`, up to 64 characters.
    ///
    /// # Errors
    /// When the TLS library refuses, for instance a name that is too long.
    pub fn client(&self, name: &str) -> Result<Pair, CertificatesError> {
        self.leaf(name, &[], ExtendedKeyUsage::new().client_auth())
            .map_err(|source| CertificatesError { what: format!("client {name:?}"), source })
    }

    /// A certificate for a server that is reached by these names: DNS names or addresses.
    ///
    /// # Errors
    /// When the TLS library refuses.
    pub fn server<S: AsRef<str>>(&self, names: &[S]) -> Result<Pair, CertificatesError> {
        let names: Vec<_> = names.iter().map(AsRef::as_ref).collect();
        self.leaf("outboxd development receiver", &names, ExtendedKeyUsage::new().server_auth())
            .map_err(|source| CertificatesError { what: format!("server {names:?}"), source })
    }

    fn try_new() -> Result<Self, ErrorStack> {
        let (key, serial) = (new_key()?, new_serial()?);
        // Two of them in one trust store must not be taken for each other.
        let name =
            common_name(&format!("outboxd development CA {:.8}", serial.to_hex_str()?.to_lowercase()))?;
        let mut builder = begin(&name, &name, &key, &serial)?;
        builder.append_extension(BasicConstraints::new().critical().ca().pathlen(0).build()?)?;
        builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
        let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
        builder.append_extension(identifier)?;
        builder.sign(&key, MessageDigest::sha256())?;
        let certificate = builder.build();
        Ok(Self { pem: text(certificate.to_pem()?), certificate, key })
    }

    fn leaf(&self, name: &str, names: &[&str], usage: &ExtendedKeyUsage) -> Result<Pair, ErrorStack> {
        let key = new_key()?;
        let subject = common_name(name)?;
        let mut builder = begin(&subject, self.certificate.subject_name(), &key, &*new_serial()?)?;
        builder.append_extension(BasicConstraints::new().critical().build()?)?;
        builder.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
        builder.append_extension(usage.build()?)?;
        let mut others = SubjectAlternativeName::new();
        for name in names {
            let _ = if name.parse::<IpAddr>().is_ok() { others.ip(name) } else { others.dns(name) };
        }
        let context = builder.x509v3_context(Some(&self.certificate), None);
        let mut extensions = vec![
            SubjectKeyIdentifier::new().build(&context)?,
            AuthorityKeyIdentifier::new().keyid(true).build(&context)?,
        ];
        if !names.is_empty() {
            extensions.push(others.build(&context)?);
        }
        for extension in extensions {
            builder.append_extension(extension)?;
        }
        builder.sign(&self.key, MessageDigest::sha256())?;
        Ok(Pair { certificate: text(builder.build().to_pem()?), key: text(key.private_key_to_pem_pkcs8()?) })
    }
}

/// A certificate with all that is the same in every one.
fn begin(
    subject: &X509NameRef,
    issuer: &X509NameRef,
    key: &PKey<Private>,
    serial: &openssl::bn::BigNumRef,
) -> Result<X509Builder, ErrorStack> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let now = i64::try_from(now).unwrap_or(i64::MAX / 2);
    let mut builder = X509Builder::new()?;
    // Counted from 0: version 3.
    builder.set_version(2)?;
    builder.set_serial_number(&*serial.to_asn1_integer()?)?;
    builder.set_subject_name(subject)?;
    builder.set_issuer_name(issuer)?;
    builder.set_pubkey(key)?;
    builder.set_not_before(&*Asn1Time::from_unix(now - BEGINS_BEFORE)?)?;
    builder.set_not_after(&*Asn1Time::from_unix(now + i64::from(DAYS) * DAY)?)?;
    Ok(builder)
}

fn common_name(name: &str) -> Result<X509Name, ErrorStack> {
    let mut builder = X509Name::builder()?;
    builder.append_entry_by_nid(Nid::COMMONNAME, name)?;
    Ok(builder.build())
}

fn new_key() -> Result<PKey<Private>, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    PKey::from_ec_key(EcKey::generate(&group)?)
}

fn new_serial() -> Result<BigNum, ErrorStack> {
    let mut serial = BigNum::new()?;
    serial.rand(SERIAL_BITS, MsbOption::ONE, false)?;
    Ok(serial)
}

/// PEM is ASCII.
fn text(pem: Vec<u8>) -> String {
    String::from_utf8(pem).unwrap_or_default()
}
