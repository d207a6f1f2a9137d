//! The TLS side of the receivers. `native_tls` cannot ask a client for a certificate; OpenSSL can.

use std::sync::atomic::{AtomicUsize, Ordering};

use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::ssl::{AlpnError, SslAcceptor, SslMethod, SslRef, SslVerifyMode, SslVersion};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;

use super::pki::CertPair;

/// How a receiver speaks TLS.
#[derive(Clone)]
pub struct TlsOptions {
    pair: CertPair,
    client_ca_pem: Option<String>,
    client_required: bool,
    min: SslVersion,
    max: SslVersion,
    /// On how many connections HTTP/2 is taken.
    http2: usize,
}

impl TlsOptions {
    /// TLS 1.2 and 1.3 with this server certificate; clients are not asked for one.
    pub fn new(pair: CertPair) -> Self {
        Self {
            pair,
            client_ca_pem: None,
            client_required: false,
            min: SslVersion::TLS1_2,
            max: SslVersion::TLS1_3,
            http2: 0,
        }
    }

    /// Asks for a client certificate and refuses one of other authorities; none at all is fine.
    #[must_use]
    pub fn client_ca(mut self, pem: &str) -> Self {
        self.client_ca_pem = Some(pem.to_owned());
        self
    }

    /// Refuses clients without a certificate of this authority: mutual TLS.
    #[must_use]
    pub fn require_client(mut self, ca_pem: &str) -> Self {
        self.client_required = true;
        self.client_ca(ca_pem)
    }

    /// Speaks only these versions.
    #[must_use]
    pub fn versions(mut self, min: SslVersion, max: SslVersion) -> Self {
        (self.min, self.max) = (min, max);
        self
    }

    /// Takes HTTP/2 from clients that offer it.
    #[must_use]
    pub fn http2(mut self) -> Self {
        self.http2 = usize::MAX;
        self
    }

    /// Takes HTTP/2 on so many connections, and then no more.
    #[must_use]
    pub fn http2_at_first(mut self, connections: usize) -> Self {
        self.http2 = connections;
        self
    }

    /// What accepts connections that way.
    pub fn acceptor(&self) -> SslAcceptor {
        let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).expect("OpenSSL has TLS");
        let chain = X509::stack_from_pem(self.pair.cert_pem.as_bytes()).expect("the certificate is PEM");
        let key = PKey::private_key_from_pem(self.pair.key_pem.as_bytes()).expect("the key is PEM");
        let (leaf, others) = chain.split_first().expect("one certificate at least");
        builder.set_certificate(leaf).expect("the certificate is usable");
        for other in others {
            builder.add_extra_chain_cert(other.clone()).expect("the chain is usable");
        }
        builder.set_private_key(&key).expect("the key fits the certificate");
        builder.set_min_proto_version(Some(self.min)).expect("the version is known");
        builder.set_max_proto_version(Some(self.max)).expect("the version is known");
        // Without it OpenSSL refuses to resume a session that had a client certificate.
        builder.set_session_id_context(b"receiver").expect("a short context");
        if self.http2 > 0 {
            let (connections, at_first) = (AtomicUsize::new(0), self.http2);
            builder.set_alpn_select_callback(move |_, offered| {
                let taken = connections.fetch_add(1, Ordering::SeqCst) < at_first;
                let protocol: &[u8] = if taken { b"\x02h2" } else { b"\x08http/1.1" };
                openssl::ssl::select_next_proto(protocol, offered).ok_or(AlpnError::NOACK)
            });
        }
        if let Some(pem) = &self.client_ca_pem {
            let mut store = X509StoreBuilder::new().expect("a store can be made");
            for ca in X509::stack_from_pem(pem.as_bytes()).expect("the client authorities are PEM") {
                builder.add_client_ca(&ca).expect("a client authority has a name");
                store.add_cert(ca).expect("a client authority is usable");
            }
            builder.set_verify_cert_store(store.build()).expect("the store is usable");
            let required = SslVerifyMode::FAIL_IF_NO_PEER_CERT;
            let extra = if self.client_required { required } else { SslVerifyMode::empty() };
            builder.set_verify(SslVerifyMode::PEER | extra);
        }
        builder.build()
    }
}

/// The common name of the certificate the client presented.
pub fn peer_common_name(ssl: &SslRef) -> Option<String> {
    let certificate = ssl.peer_certificate()?;
    let entry = certificate.subject_name().entries_by_nid(Nid::COMMONNAME).next()?;
    Some(entry.data().to_string().ok()?.clone())
}
