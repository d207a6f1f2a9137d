//! Certificates and private keys read from PEM files, with errors that say which file and what to do.
//!
//! The TLS library accepts only a PKCS#8 key whose text starts with the `BEGIN` line, takes a file without
//! any certificate for an empty list, and notices a key of another certificate late. All of that is met here.

mod facts;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use native_tls::{Certificate, Identity, TlsConnector};
use openssl::pkey::PKey;
use openssl::x509::X509;

pub use facts::Facts;

/// Why a PEM file cannot be used. Each message is complete without its `source()`.
#[derive(Debug, thiserror::Error)]
pub enum PemError {
    /// The file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file holds no certificate.
    #[error("{} holds no certificate: a -----BEGIN CERTIFICATE----- block is needed", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// There is a certificate block, but it cannot be decoded.
    #[error("{} holds a damaged certificate: {source}", path.display())]
    BadCertificate {
        /// The file.
        path: PathBuf,
        /// What the TLS library said.
        source: native_tls::Error,
    },
    /// The file holds no private key.
    #[error("{} holds no private key: expected a -----BEGIN PRIVATE KEY----- block", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The key is in a format which the TLS library does not read.
    #[error(
        "{} holds a key of the kind `{label}`, but PKCS#8 without a passphrase is needed; \
         convert it with: {}",
        path.display(),
        conversion(path, label)
    )]
    KeyFormat {
        /// The file.
        path: PathBuf,
        /// What stands between `BEGIN` and the dashes.
        label: String,
    },
    /// The key block cannot be decoded.
    #[error("{} holds a damaged private key: {source}", path.display())]
    BadKey {
        /// The file.
        path: PathBuf,
        /// What the TLS library said.
        source: native_tls::Error,
    },
    /// Both files are sound, but not together.
    #[error("the key in {} does not belong to the first certificate in {}", key.display(), cert.display())]
    Mismatch {
        /// The file of the certificate.
        cert: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// They belong together, and cannot be used.
    #[error("the TLS library refuses the key in {} with the certificate in {}: {source}", key.display(), cert.display())]
    Refused {
        /// The file of the certificate.
        cert: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// What the TLS library said.
        source: native_tls::Error,
    },
}

/// Reads the certificate authorities of a bundle; there is at least one in the result.
///
/// # Errors
///
/// The file is unreadable, holds no certificate, or a damaged one.
pub fn read_roots(path: &Path) -> Result<Vec<Certificate>, PemError> {
    certificates(path, &read(path)?)
}

/// Reads a client certificate (with its intermediates, if any follow it) and its private key. The key may
/// stand in the same file.
///
/// # Errors
///
/// A file is unreadable, lacks its certificate or key, the key needs converting, or the two do not match.
pub fn read_identity(cert: &Path, key: &Path) -> Result<Identity, PemError> {
    let chain = read(cert)?;
    certificates(cert, &chain)?;
    let key_text = read(key)?;
    let block = private_key(key, &String::from_utf8_lossy(&key_text))?;
    // The certificates were just decoded, so a refusal here is about the key.
    let identity = Identity::from_pkcs8(&chain, block.as_bytes())
        .map_err(|source| PemError::BadKey { path: key.to_owned(), source })?;
    // Two of different kinds the TLS library takes, and then shows no certificate at all.
    if !belongs(&chain, &block) {
        return Err(PemError::Mismatch { cert: cert.to_owned(), key: key.to_owned() });
    }
    // What else it has against them it says to a connector; without this, the first handshake would fail.
    TlsConnector::builder()
        .identity(identity.clone())
        .disable_built_in_roots(true)
        .build()
        .map_err(|source| PemError::Refused { cert: cert.to_owned(), key: key.to_owned(), source })?;
    Ok(identity)
}

/// Whether a key is that of the first certificate.
fn belongs(chain: &[u8], key: &str) -> bool {
    let public = X509::from_pem(chain).and_then(|first| first.public_key());
    let own = PKey::private_key_from_pem(key.as_bytes());
    matches!((public, own), (Ok(public), Ok(own)) if own.public_eq(&public))
}

fn read(path: &Path) -> Result<Vec<u8>, PemError> {
    fs::read(path).map_err(|source| PemError::Unreadable { path: path.to_owned(), source })
}

fn certificates(path: &Path, text: &[u8]) -> Result<Vec<Certificate>, PemError> {
    let found = Certificate::stack_from_pem(text)
        .map_err(|source| PemError::BadCertificate { path: path.to_owned(), source })?;
    if found.is_empty() { Err(PemError::NoCertificate { path: path.to_owned() }) } else { Ok(found) }
}

/// Cuts the first private key out of a file that may hold comments, parameters and certificates around it.
fn private_key(path: &Path, text: &str) -> Result<String, PemError> {
    const BEGIN: &str = "-----BEGIN ";
    let text = text.replace("\r\n", "\n");
    for (at, _) in text.match_indices(BEGIN) {
        let block = &text[at..];
        let Some((label, _)) = block[BEGIN.len()..].split_once("-----") else {
            break;
        };
        if label == "PRIVATE KEY" {
            return Ok(block.to_owned());
        }
        if label.ends_with("PRIVATE KEY") {
            return Err(PemError::KeyFormat { path: path.to_owned(), label: label.to_owned() });
        }
    }
    Err(PemError::NoKey { path: path.to_owned() })
}

/// The command that turns a key into what is needed (it asks for the passphrase if there is one).
fn conversion(path: &Path, label: &str) -> String {
    let path = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%".contains(c);
    let quote = |path: &str| {
        if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
    };
    if label == "OPENSSH PRIVATE KEY" {
        // openssl does not read this kind, and ssh-keygen converts in place.
        return format!("ssh-keygen -p -N '' -m PKCS8 -f {}", quote(&path));
    }
    // Into a file of its own first: openssl would empty the one it reads.
    let (key, converted) = (quote(&path), quote(&format!("{path}.pk8")));
    format!("openssl pkcs8 -topk8 -nocrypt -in {key} -out {converted} && mv {converted} {key}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::ec::{EcGroup, EcKey};
    use openssl::nid::Nid;
    use openssl::rsa::Rsa;
    use openssl::symm::Cipher;
    use std::process::Command;

    struct Pair {
        cert: String,
        key: String,
    }

    fn issue() -> Pair {
        let made = rcgen::generate_simple_self_signed(vec!["relay".to_owned()]).expect("a certificate");
        Pair { cert: made.cert.pem(), key: made.signing_key.serialize_pem() }
    }

    fn utf8(bytes: Result<Vec<u8>, openssl::error::ErrorStack>) -> String {
        String::from_utf8(bytes.expect("a key")).expect("PEM is text")
    }

    fn p256() -> EcKey<openssl::pkey::Private> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("the curve");
        EcKey::generate(&group).expect("a key")
    }

    /// Writes both texts to files and reads them as an identity; the error as text, without the directory.
    fn identity(cert: &str, key: &str) -> Result<(), String> {
        let dir = tempfile::tempdir().expect("a directory");
        let (cert_path, key_path) = (dir.path().join("c.crt"), dir.path().join("c.key"));
        fs::write(&cert_path, cert).expect("written");
        fs::write(&key_path, key).expect("written");
        let prefix = format!("{}/", dir.path().display());
        read_identity(&cert_path, &key_path).map(|_| ()).map_err(|e| e.to_string().replace(&prefix, ""))
    }

    #[test]
    fn a_pkcs8_key_is_accepted_however_it_is_wrapped() {
        let Pair { cert, key } = issue();
        let crlf = key.replace('\n', "\r\n");
        let wrapped = [
            key.clone(),
            format!("\n\n  \n{key}"),
            format!("Bag Attributes\n    friendlyName: relay\n{key}"),
            crlf.clone(),
            format!("\r\n{crlf}"),
            format!("\u{feff}{key}"),
            format!("{cert}{key}"),
            format!("{key}{cert}"),
            format!("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{key}"),
        ];
        for key in wrapped {
            assert_eq!(identity(&cert, &key), Ok(()), "{key}");
        }
        assert_eq!(identity(&cert.replace('\n', "\r\n"), &key), Ok(()));
        assert_eq!(identity(&format!("subject=relay\n{cert}{}", issue().cert), &key), Ok(()), "with a chain");
    }

    #[test]
    fn other_kinds_of_key_are_named_with_the_command_that_converts_them() {
        let rsa = Rsa::generate(2048).expect("a key");
        let ec = utf8(p256().private_key_to_pem());
        let pkcs8 = PKey::from_ec_key(p256()).expect("a key");
        let encrypted = utf8(pkcs8.private_key_to_pem_pkcs8_passphrase(Cipher::aes_128_cbc(), b"secret"));
        let parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
        let cases = [
            (utf8(rsa.private_key_to_pem()), "RSA PRIVATE KEY"),
            (ec.clone(), "EC PRIVATE KEY"),
            (format!("{parameters}{ec}"), "EC PRIVATE KEY"),
            (encrypted, "ENCRYPTED PRIVATE KEY"),
        ];
        for (key, label) in cases {
            let expected = format!(
                "c.key holds a key of the kind `{label}`, but PKCS#8 without a passphrase is needed; \
                 convert it with: openssl pkcs8 -topk8 -nocrypt -in c.key -out c.key.pk8 && \
                 mv c.key.pk8 c.key"
            );
            assert_eq!(identity(&issue().cert, &key), Err(expected));
        }
    }

    #[test]
    fn the_command_in_the_message_does_what_it_says() {
        let dir = tempfile::Builder::new().prefix("with space").tempdir().expect("a directory");
        let key = p256();
        let pkcs8 = utf8(PKey::from_ec_key(key.clone()).expect("a key").private_key_to_pem_pkcs8());
        let pair = rcgen::KeyPair::from_pem(&pkcs8).expect("a key pair");
        let params = rcgen::CertificateParams::new(vec!["relay".to_owned()]).expect("parameters");
        let cert = params.self_signed(&pair).expect("a certificate").pem();
        let (cert_path, key_path) = (dir.path().join("c.crt"), dir.path().join("c.key"));
        fs::write(&cert_path, cert).expect("written");
        fs::write(&key_path, utf8(key.private_key_to_pem())).expect("written");
        let message = read_identity(&cert_path, &key_path).map(|_| ()).expect_err("an EC key").to_string();
        let (_, command) = message.split_once("with: ").expect("a command");
        assert!(Command::new("sh").args(["-c", command]).status().expect("sh").success(), "{command}");
        read_identity(&cert_path, &key_path).expect("the converted key fits");
    }

    #[test]
    fn an_ssh_key_is_sent_to_the_tool_that_reads_it() {
        let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
        let error = identity(&issue().cert, key).expect_err("refused");
        assert!(error.ends_with("ssh-keygen -p -N '' -m PKCS8 -f c.key"), "{error}");
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        let Pair { cert, key } = issue();
        let damaged_cert = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let damaged_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let ed25519 = utf8(PKey::generate_ed25519().expect("a key").private_key_to_pem_pkcs8());
        let rsa = PKey::from_rsa(Rsa::generate(2048).expect("a key")).expect("a key");
        let rsa = utf8(rsa.private_key_to_pem_pkcs8());
        let cases = [
            ("hello", &*key, "c.crt holds no certificate"),
            ("", &key, "c.crt holds no certificate"),
            (&key, &key, "c.crt holds no certificate"),
            (damaged_cert, &key, "c.crt holds a damaged certificate: "),
            (&cert, "hello", "c.key holds no private key"),
            (&cert, &cert, "c.key holds no private key"),
            (&cert, damaged_key, "c.key holds a damaged private key: "),
            (&cert, &issue().key, "the key in c.key does not belong to the first certificate in c.crt"),
            (&cert, &ed25519, "the key in c.key does not belong to the first certificate in c.crt"),
            (&cert, &rsa, "the key in c.key does not belong to the first certificate in c.crt"),
        ];
        for (cert, key, expected) in cases {
            let error = identity(cert, key).expect_err(expected);
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn missing_files_are_named() {
        let missing = Path::new("/nonexistent/ca.crt");
        let error = read_roots(missing).map(|_| ()).expect_err("no such file");
        assert!(error.to_string().starts_with("cannot read /nonexistent/ca.crt: "), "{error}");
        assert!(std::error::Error::source(&error).is_some());
        assert!(matches!(read_identity(missing, missing), Err(PemError::Unreadable { .. })));
    }

    #[test]
    fn every_root_of_a_bundle_is_read() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("ca.crt");
        fs::write(&path, format!("# ours\n{}\r\n# theirs\n{}", issue().cert, issue().cert)).expect("written");
        assert_eq!(read_roots(&path).expect("two roots").len(), 2);
        fs::write(&path, "hello").expect("written");
        assert!(matches!(read_roots(&path), Err(PemError::NoCertificate { .. })));
    }
}
