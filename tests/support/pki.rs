//! Certificates made on the spot, so that none ever expires in the repository.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};

/// A certificate and its private key (ECDSA P-256, PKCS#8), both PEM.
#[derive(Clone, Debug)]
pub struct CertPair {
    /// The certificate.
    pub cert_pem: String,
    /// The private key.
    pub key_pem: String,
}

/// A certificate authority.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// The years between which (January to January) a certificate holds.
#[derive(Clone, Copy)]
struct Validity(i32, i32);

const VALID: Validity = Validity(2020, 2090);
const EXPIRED: Validity = Validity(2020, 2021);
const NOT_YET_VALID: Validity = Validity(2089, 2090);

const SERVER: ExtendedKeyUsagePurpose = ExtendedKeyUsagePurpose::ServerAuth;
const CLIENT: ExtendedKeyUsagePurpose = ExtendedKeyUsagePurpose::ClientAuth;

impl Authority {
    /// A new authority with its own key.
    pub fn new(name: &str) -> Self {
        let mut params = params(name, VALID);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, new_key()).expect("an authority can be made");
        Self { issuer }
    }

    /// An authority whose own certificate ended in 2021.
    pub fn expired(name: &str) -> Self {
        let mut params = params(name, EXPIRED);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, new_key()).expect("an authority can be made");
        Self { issuer }
    }

    /// The authority's certificate.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A server certificate for these DNS names and addresses.
    pub fn server(&self, names: &[&str]) -> CertPair {
        self.leaf(names[0], names, SERVER, VALID)
    }

    /// A server certificate that ended in 2021.
    pub fn server_expired(&self, names: &[&str]) -> CertPair {
        self.leaf(names[0], names, SERVER, EXPIRED)
    }

    /// A server certificate that begins in 2089.
    pub fn server_not_yet_valid(&self, names: &[&str]) -> CertPair {
        self.leaf(names[0], names, SERVER, NOT_YET_VALID)
    }

    /// A certificate for these names that only a client may use.
    pub fn server_with_client_usage(&self, names: &[&str]) -> CertPair {
        self.leaf(names[0], names, CLIENT, VALID)
    }

    /// A client certificate.
    pub fn client(&self, common_name: &str) -> CertPair {
        self.leaf(common_name, &[], CLIENT, VALID)
    }

    /// A client certificate that ends so many days from now.
    pub fn client_for_days(&self, common_name: &str, days: u32) -> CertPair {
        let key = new_key();
        let mut params = params(common_name, VALID);
        params.not_after = (SystemTime::now() + Duration::from_hours(24 * u64::from(days))).into();
        params.extended_key_usages = vec![CLIENT];
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate can be signed");
        CertPair { cert_pem: certificate.pem(), key_pem: key.serialize_pem() }
    }

    /// A client certificate that ended in 2021.
    pub fn client_expired(&self, common_name: &str) -> CertPair {
        self.leaf(common_name, &[], CLIENT, EXPIRED)
    }

    /// A certificate presented by a client although only a server may use it.
    pub fn client_with_server_usage(&self, common_name: &str) -> CertPair {
        self.leaf(common_name, &[], SERVER, VALID)
    }

    fn leaf(
        &self,
        common_name: &str,
        names: &[&str],
        usage: ExtendedKeyUsagePurpose,
        validity: Validity,
    ) -> CertPair {
        let key = new_key();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = params(common_name, validity);
        params.subject_alt_names = CertificateParams::new(names).expect("names are ASCII").subject_alt_names;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate can be signed");
        CertPair { cert_pem: certificate.pem(), key_pem: key.serialize_pem() }
    }
}

/// Writes DIR/NAME/tls.crt, tls.key and ca.crt, the layout of a Kubernetes TLS secret. What is not
/// given is removed, so that a second call replaces an identity.
pub fn write_identity(dir: &Path, name: &str, pair: Option<&CertPair>, ca_pem: Option<&str>) {
    let home = dir.join(name);
    fs::create_dir_all(&home).expect("the identity's directory can be made");
    write_or_remove(&home.join("tls.crt"), pair.map(|pair| pair.cert_pem.as_str()), 0o644);
    write_or_remove(&home.join("tls.key"), pair.map(|pair| pair.key_pem.as_str()), 0o600);
    write_or_remove(&home.join("ca.crt"), ca_pem, 0o644);
}

fn write_or_remove(path: &Path, text: Option<&str>, mode: u32) {
    let Some(text) = text else {
        // Not being there is what was wanted.
        drop(fs::remove_file(path));
        return;
    };
    fs::write(path, text).expect("the identity's file can be written");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the file's mode can be set");
}

fn params(common_name: &str, Validity(first, last): Validity) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = date_time_ymd(first, 1, 1);
    params.not_after = date_time_ymd(last, 1, 1);
    params
}

fn new_key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key can be made")
}
