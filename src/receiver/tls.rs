//! The server's side of TLS, which may ask clients for a certificate; `native_tls` cannot do that.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use openssl::asn1::Asn1Time;
use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{Ssl, SslAcceptor, SslMethod, SslRef, SslVerifyMode, SslVersion};
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::{X509, X509Ref, X509StoreContext, X509StoreContextRef};

/// Where the common name goes that a client shows, also when its certificate is refused.
type Shown = Arc<Mutex<Option<String>>>;

/// How a receiver speaks TLS: 1.2 or 1.3.
#[derive(Clone)]
pub struct Tls {
    acceptor: SslAcceptor,
    shown: Index<Ssl, Shown>,
    asks: bool,
    expired: bool,
}

/// Why certificates cannot be used. Each message is complete without its `source()`.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// No certificate, or a damaged one.
    #[error("{what} holds no certificate that can be read: -----BEGIN CERTIFICATE----- is needed")]
    Certificate {
        /// Where it was looked for.
        what: String,
    },
    /// No key, a damaged one, or one with a passphrase.
    #[error("{what} holds no private key that can be read: PEM without a passphrase is needed")]
    Key {
        /// Where it was looked for.
        what: String,
    },
    /// All is sound, but not together.
    #[error("the TLS library refuses {what}, or the key is of another certificate: {source}")]
    Unusable {
        /// Whose they are.
        what: String,
        /// What the TLS library said.
        source: ErrorStack,
    },
}

impl fmt::Debug for Tls {
    /// Without certificates and key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("asks", &self.asks).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads `tls.crt`, `tls.key` and, if it is there, `ca.crt`: clients must then show a certificate signed by it.
    ///
    /// # Errors
    /// All that is wrong with the files.
    pub fn read(folder: &Path) -> Result<Self, Vec<TlsError>> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|source| TlsError::Unreadable { path, source })
        };
        let mut problems = Vec::new();
        let mut keep =
            |result: Result<Vec<u8>, TlsError>| result.map_err(|problem| problems.push(problem)).ok();
        let (certificate, key) = (keep(read("tls.crt")), keep(read("tls.key")));
        let ca = match read("ca.crt") {
            Err(TlsError::Unreadable { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Some(None)
            }
            other => keep(other).map(Some),
        };
        let (Some(certificate), Some(key), Some(ca)) = (certificate, key, ca) else { return Err(problems) };
        let at = |name: &str| folder.join(name).display().to_string();
        let certificate = (at("tls.crt"), certificate.as_slice());
        let ca = ca.as_deref().map(|ca| (at("ca.crt"), ca));
        Self::build(&certificate, &(at("tls.key"), &key), ca.as_ref()).map_err(|problem| vec![problem])
    }

    /// From texts: a certificate (with its intermediates, if any follow it), its key, and the CAs of clients.
    ///
    /// # Errors
    /// When one of them is not what it should be.
    pub fn new(certificate: &str, key: &str, ca: Option<&str>) -> Result<Self, TlsError> {
        let certificate = ("the certificate".to_owned(), certificate.as_bytes());
        let key = ("the key".to_owned(), key.as_bytes());
        Self::build(&certificate, &key, ca.map(|ca| ("the CA".to_owned(), ca.as_bytes())).as_ref())
    }

    /// Whether clients are asked for a certificate.
    #[must_use]
    pub fn asks(&self) -> bool {
        self.asks
    }

    /// Whether our certificate had expired when it was read: clients refuse it.
    #[must_use]
    pub fn expired(&self) -> bool {
        self.expired
    }

    fn build(
        certificate: &(String, &[u8]),
        key: &(String, &[u8]),
        ca: Option<&(String, &[u8])>,
    ) -> Result<Self, TlsError> {
        let chain = certificates(certificate)?;
        // The library would ask the terminal for a passphrase.
        let private = PKey::private_key_from_pem_callback(key.1, |_| Ok(0))
            .map_err(|_| TlsError::Key { what: key.0.clone() })?;
        let roots = ca.map(certificates).transpose()?;
        let unusable =
            |source| TlsError::Unusable { what: format!("{} and {}", certificate.0, key.0), source };
        acceptor(&chain, &private, roots).map_err(unusable)
    }

    /// One session, to be accepted.
    pub(super) fn session(&self) -> Result<Ssl, ErrorStack> {
        let mut session = Ssl::new(self.acceptor.context())?;
        session.set_ex_data(self.shown, Shown::default());
        Ok(session)
    }

    /// The common name of the certificate that the client showed, also of one that was refused.
    pub(super) fn shown(&self, session: &SslRef) -> Option<String> {
        let accepted = session.peer_certificate().and_then(|certificate| common_name(&certificate));
        accepted
            .or_else(|| session.ex_data(self.shown)?.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

fn acceptor(chain: &[X509], key: &PKey<Private>, roots: Option<Vec<X509>>) -> Result<Tls, ErrorStack> {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls())?;
    let Some((leaf, others)) = chain.split_first() else { return Err(ErrorStack::get()) };
    builder.set_certificate(leaf)?;
    for other in others {
        builder.add_extra_chain_cert(other.clone())?;
    }
    builder.set_private_key(key)?;
    builder.check_private_key()?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    // Without it OpenSSL refuses to resume a session that had a client certificate.
    builder.set_session_id_context(b"outboxd")?;
    let shown = Ssl::new_ex_index::<Shown>()?;
    let asks = roots.is_some();
    if let Some(roots) = roots {
        let mut store = X509StoreBuilder::new()?;
        for root in roots {
            builder.add_client_ca(&root)?;
            store.add_cert(root)?;
        }
        builder.set_verify_cert_store(store.build())?;
        let mode = SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT;
        builder.set_verify_callback(mode, move |good, context| {
            note(context, shown);
            good
        });
    }
    let expired = leaf.not_after() < Asn1Time::days_from_now(0)?;
    Ok(Tls { acceptor: builder.build(), shown, asks, expired })
}

/// Notes the client's name: once its certificate is refused, the session does not have it any more.
fn note(context: &X509StoreContextRef, shown: Index<Ssl, Shown>) {
    let session = X509StoreContext::ssl_idx().ok().and_then(|index| context.ex_data(index));
    let leaf = if context.error_depth() == 0 { context.current_cert() } else { None };
    if let (Some(session), Some(leaf)) = (session, leaf)
        && let Some(place) = session.ex_data(shown)
    {
        *place.lock().unwrap_or_else(PoisonError::into_inner) = common_name(leaf);
    }
}

fn certificates((what, pem): &(String, &[u8])) -> Result<Vec<X509>, TlsError> {
    let found = X509::stack_from_pem(pem).unwrap_or_default();
    if found.is_empty() { Err(TlsError::Certificate { what: what.clone() }) } else { Ok(found) }
}

fn common_name(certificate: &X509Ref) -> Option<String> {
    let entry = certificate.subject_name().entries_by_nid(Nid::COMMONNAME).next()?;
    Some(entry.data().to_string().ok()?.clone())
}
