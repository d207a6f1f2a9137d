//! A sender as good or bad as a test wants it: its certificate, its signature, its bytes.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{SystemTime, UNIX_EPOCH};

use openssl::pkey::PKey;
use openssl::ssl::{SslConnector, SslMethod, SslStream};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;
use standardwebhooks::Webhook;

use crate::stage::SOON;
use crate::support::CertPair;

/// One request; [`Post::signed`] makes one that a receiver accepts, everything may be changed afterwards.
#[derive(Clone)]
pub(super) struct Post {
    /// The first line, without the version.
    pub(super) line: &'static str,
    /// With `content-length`, unless a test takes it away.
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl Post {
    /// Signed with this secret, so many seconds after now.
    pub(super) fn signed_at(secret: &str, webhook_id: &str, body: &str, seconds: i64) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let timestamp = i64::try_from(now).unwrap() + seconds;
        let signature = Webhook::new(secret).unwrap().sign(webhook_id, timestamp, body.as_bytes()).unwrap();
        let headers = vec![
            ("content-length", body.len().to_string()),
            ("webhook-id", webhook_id.to_owned()),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signature),
        ];
        Self { line: "POST /hook", headers, body: body.into() }
    }

    /// Signed with this secret, now.
    pub(super) fn signed(secret: &str, webhook_id: &str, body: &str) -> Self {
        Self::signed_at(secret, webhook_id, body, 0)
    }

    /// With another value of a header.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(header, _)| *header != name);
        self.headers.push((name, value.into()));
        self
    }

    /// With another body, which nobody signed.
    pub(super) fn with_body(mut self, body: &[u8]) -> Self {
        body.clone_into(&mut self.body);
        let length = self.body.len().to_string();
        self.with("content-length", length)
    }

    /// As one chunk, so that nothing says how long the body is.
    pub(super) fn with_body_chunked(mut self) -> Self {
        self.body = [format!("{:x}\r\n", self.body.len()).as_bytes(), &self.body, b"\r\n0\r\n\r\n"].concat();
        self.with("transfer-encoding", "chunked")
    }

    /// The value of a header.
    pub(super) fn header(&self, name: &str) -> &str {
        &self.headers.iter().find(|(header, _)| *header == name).unwrap().1
    }

    fn bytes(&self) -> Vec<u8> {
        let headers: Vec<_> =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head =
            format!("{} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{}", self.line, headers.concat());
        [format!("{head}\r\n").as_bytes(), &self.body].concat()
    }
}

/// Who posts: the authority that the receiver's certificate must be of, and what is shown to it.
pub(super) struct Sender {
    pub(super) port: u16,
    pub(super) authority_pem: String,
    pub(super) certificate: Option<CertPair>,
}

impl Sender {
    /// Posts on a connection of its own and returns the status of the answer.
    pub(super) fn post(&self, post: &Post) -> u16 {
        let mut stream = self.connect().unwrap();
        // A receiver may answer before it has read all.
        let written = stream.write_all(&post.bytes());
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        let stuck = read.as_ref().is_err_and(|problem| problem.kind() == ErrorKind::WouldBlock);
        let answer = String::from_utf8(answer).unwrap();
        assert!(!stuck, "neither an answer nor its end within {SOON:?}: {answer}");
        let status = answer.split(' ').nth(1).unwrap_or_else(|| panic!("{written:?}, {read:?}"));
        status.parse().unwrap()
    }

    /// Connects and says no more; whether that is refused. TLS 1.3 tells of it with the first read, some by an alert, some
    /// by hanging up. Whoever is welcome would be waited for.
    pub(super) fn is_refused(&self) -> bool {
        let Ok(mut stream) = self.connect() else { return true };
        match stream.read(&mut [0]) {
            Ok(read) => read == 0,
            Err(problem) => problem.kind() != ErrorKind::WouldBlock,
        }
    }

    fn connect(&self) -> Result<SslStream<TcpStream>, String> {
        let mut builder = SslConnector::builder(SslMethod::tls()).unwrap();
        let mut store = X509StoreBuilder::new().unwrap();
        store.add_cert(X509::from_pem(self.authority_pem.as_bytes()).unwrap()).unwrap();
        builder.set_cert_store(store.build());
        if let Some(pair) = &self.certificate {
            builder.set_certificate(&X509::from_pem(pair.cert_pem.as_bytes()).unwrap()).unwrap();
            builder.set_private_key(&PKey::private_key_from_pem(pair.key_pem.as_bytes()).unwrap()).unwrap();
        }
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.set_nodelay(true).unwrap();
        builder.build().connect("localhost", stream).map_err(|error| error.to_string())
    }
}
