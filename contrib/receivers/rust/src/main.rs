//! Receives webhooks over mTLS, verifies them, handles each event once. ../README.md has the rules and how to start it.
#![allow(clippy::print_stdout, reason = "it shows what arrives")]

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::env;
use std::fmt::Display;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use openssl::nid::Nid;
use openssl::ssl::{Ssl, SslAcceptor, SslFiletype, SslMethod, SslVerifyMode};
use openssl::x509::X509Ref;
use serde_json::{Value, json};
use standardwebhooks::{HEADER_WEBHOOK_ID, Webhook};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};
use tokio_openssl::SslStream;

/// 1 MiB of data and what is around it.
const BODY_MAX: u64 = 1024 * 1024 + 64 * 1024;
/// For a handshake, for a body, and for the next event on an open connection.
const PATIENCE: Duration = Duration::from_mins(1);

/// Forgets what was written longest ago: at most so many are kept, each with its turn, and whose turn each is.
struct Bounded<K, V> {
    most: usize,
    turn: u64,
    values: HashMap<K, (V, u64)>,
    turns: BTreeMap<u64, K>,
}

impl<K: Clone + Eq + Hash, V> Bounded<K, V> {
    fn new(most: usize) -> Self {
        Self { most, turn: 0, values: HashMap::new(), turns: BTreeMap::new() }
    }

    fn get(&self, key: &K) -> Option<&V> {
        self.values.get(key).map(|(value, _)| value)
    }

    fn insert(&mut self, key: K, value: V) {
        self.turn += 1;
        if let Some((_, before)) = self.values.insert(key.clone(), (value, self.turn)) {
            self.turns.remove(&before);
        }
        self.turns.insert(self.turn, key);
        if self.turns.len() > self.most
            && let Some((_, oldest)) = self.turns.pop_first()
        {
            self.values.remove(&oldest);
        }
    }
}

/// In production both are in your database: a table with a unique webhook-id, a column `sequence` beside your copy of the
/// object, written in the same transaction as your change. Here they are forgotten with the process.
struct Memory {
    seen: Bounded<String, ()>,
    newest: Bounded<(String, String), u64>,
}

type Answer = Response<Empty<Bytes>>;

struct Receiver {
    webhooks: Vec<Webhook>,
    client_name: Option<String>,
    memory: Mutex<Memory>,
}

impl Receiver {
    fn new() -> anyhow::Result<Self> {
        let secrets = variable("WEBHOOK_SECRET")?;
        // Two secrets, separated by a blank, while one replaces the other: either will do.
        let webhooks: Vec<_> = secrets.split_whitespace().map(Webhook::new).collect::<Result<_, _>>()?;
        ensure!(
            !webhooks.is_empty() && !secrets.split_whitespace().any(|s| s == "whsec_"),
            "WEBHOOK_SECRET is empty"
        );
        let most =
            env::var("REMEMBERED_MAX").map_or(Ok(100_000), |most| most.parse()).context("REMEMBERED_MAX")?;
        let memory = Memory { seen: Bounded::new(most), newest: Bounded::new(most) };
        Ok(Self { webhooks, client_name: env::var("CLIENT_NAME").ok(), memory: Mutex::new(memory) })
    }

    /// Answers a request of a sender whose certificate has these names.
    async fn receive(&self, request: Request<Incoming>, names: &[String]) -> Answer {
        // The CA may sign others too: the name says who it is. Without CLIENT_NAME anybody with its certificate may send.
        if self.client_name.as_ref().is_some_and(|name| !names.contains(name)) {
            return refuse(StatusCode::FORBIDDEN, "a certificate of another name");
        }
        if request.method() != Method::POST {
            return refuse(StatusCode::METHOD_NOT_ALLOWED, "not a POST");
        }
        let (head, body) = request.into_parts();
        match body.size_hint().exact() {
            None => return refuse(StatusCode::LENGTH_REQUIRED, "no length"),
            Some(length) if length > BODY_MAX => {
                return refuse(StatusCode::PAYLOAD_TOO_LARGE, "a body that is too large");
            }
            Some(_) => {}
        }
        // The bytes that were signed: verify first, parse then.
        let body = match timeout(PATIENCE, body.collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            _ => return refuse(StatusCode::REQUEST_TIMEOUT, "the body did not come"),
        };
        let verify = |webhook: &Webhook| webhook.verify(&body, &head.headers).err();
        let problems: Option<Vec<_>> = self.webhooks.iter().map(verify).collect();
        if let Some(problem) = problems.as_ref().and_then(|problems| problems.last()) {
            return refuse(StatusCode::UNAUTHORIZED, problem);
        }
        let webhook_id = head.headers.get(HEADER_WEBHOOK_ID).and_then(|id| id.to_str().ok());
        match self.handle(webhook_id.unwrap_or_default(), &body) {
            Ok(()) => answer(StatusCode::NO_CONTENT),
            // It comes again.
            Err(problem) => refuse(StatusCode::INTERNAL_SERVER_ERROR, problem),
        }
    }

    fn handle(&self, webhook_id: &str, body: &[u8]) -> anyhow::Result<()> {
        let event: Value = serde_json::from_slice(body)?;
        let sequence = event["sequence"].as_u64().context("no sequence")?;
        let what = (event["object"].to_string(), event["object_id"].to_string());
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = if memory.seen.get(&webhook_id.to_owned()).is_some() {
            "repeat"
        } else if !event["object"].is_null()
            && memory.newest.get(&what).is_some_and(|newest| *newest >= sequence)
        {
            "late" // An event has all of its object, so an older one has nothing to add.
        } else {
            memory.newest.insert(what, sequence); // Your change goes here, or a row in your own queue if it may take seconds.
            "new"
        };
        memory.seen.insert(webhook_id.to_owned(), ());
        println!(
            "{outcome} {webhook_id} {}",
            json!([event["type"], event["object"], event["object_id"], sequence])
        );
        Ok(())
    }
}

fn answer(status: StatusCode) -> Answer {
    let mut answer = Response::new(Empty::new());
    *answer.status_mut() = status;
    answer
}

fn refuse(status: StatusCode, reason: impl Display) -> Answer {
    println!("refused {} {reason}", status.as_u16());
    let mut answer = answer(status);
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

fn variable(name: &str) -> anyhow::Result<String> {
    env::var(name).with_context(|| name.to_owned())
}

fn names(certificate: &X509Ref) -> Vec<String> {
    let common = certificate.subject_name().entries_by_nid(Nid::COMMONNAME);
    let common = common.filter_map(|name| Some(name.data().to_string().ok()?.clone()));
    let others = certificate.subject_alt_names().into_iter().flatten();
    common.chain(others.filter_map(|name| name.dnsname().map(str::to_owned))).collect()
}

fn acceptor() -> anyhow::Result<SslAcceptor> {
    let mut tls = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    tls.set_certificate_chain_file(variable("TLS_CRT")?).context("TLS_CRT")?;
    tls.set_private_key_file(variable("TLS_KEY")?, SslFiletype::PEM).context("TLS_KEY")?;
    tls.set_ca_file(variable("CLIENT_CA")?).context("CLIENT_CA")?;
    tls.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    // Without it no session with a client certificate is resumed.
    tls.set_session_id_context(b"receiver")?;
    Ok(tls.build())
}

async fn serve(
    stream: TcpStream,
    tls: SslAcceptor,
    receiver: Arc<Receiver>,
    open: Weak<GracefulShutdown>,
) -> anyhow::Result<()> {
    let mut stream = SslStream::new(Ssl::new(tls.context())?, stream)?;
    timeout(PATIENCE, Pin::new(&mut stream).accept()).await??;
    // From here on the end waits for it.
    let Some(open) = open.upgrade().map(|open| open.watcher()) else { return Ok(()) };
    let names = stream.ssl().peer_certificate().map(|sender| names(&sender)).unwrap_or_default();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    let service = service_fn(|request| {
        let answer = receiver.receive(request, &names);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    Ok(open.watch(http.serve_connection(TokioIo::new(stream), service)).await?)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (receiver, tls) = (Arc::new(Receiver::new()?), acceptor()?);
    let listener = TcpListener::bind(("0.0.0.0", variable("PORT")?.parse()?)).await?;
    println!("listening on port {}", listener.local_addr()?.port());
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let open = Arc::new(GracefulShutdown::new());
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = term.recv() => break,
            _ = int.recv() => break,
        };
        let Ok((stream, _)) = stream else {
            // Out of file descriptors, most likely.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let served = serve(stream, tls.clone(), Arc::clone(&receiver), Arc::downgrade(&open));
        tokio::spawn(async move {
            if let Err(problem) = served.await {
                println!("refused {problem}");
            }
        });
    }
    // Whoever is in the middle of an event ends it; what was not answered comes again.
    if let Some(open) = Arc::into_inner(open) {
        let _ = timeout(Duration::from_secs(10), open.shutdown()).await;
    }
    Ok(())
}
