//! What a receiver answers, and when.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use tokio::sync::watch;

/// A body as hyper sends it.
pub(super) type ReplyBody = UnsyncBoxBody<Bytes, Infallible>;

/// The `content-length` of a body that never comes.
const STALLED_LENGTH: &str = "64";

/// An answer. The default is an empty 200 at once.
#[derive(Clone)]
pub struct Reply {
    ending: Ending,
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
    delay: Duration,
    gate: Option<Gate>,
}

#[derive(Clone, Copy)]
enum Ending {
    Answer,
    StallBody,
    Hang,
    Close,
    Reset(h2::Reason),
}

impl Default for Reply {
    fn default() -> Self {
        Self::status(200)
    }
}

impl Reply {
    /// An empty answer with this status.
    pub fn status(status: u16) -> Self {
        Self {
            ending: Ending::Answer,
            status,
            headers: Vec::new(),
            body: Bytes::new(),
            delay: Duration::ZERO,
            gate: None,
        }
    }

    /// Never answers; the connection stays open until the client gives up.
    pub fn hang() -> Self {
        Self { ending: Ending::Hang, ..Self::default() }
    }

    /// Closes the connection instead of answering.
    pub fn close() -> Self {
        Self { ending: Ending::Close, ..Self::default() }
    }

    /// Ends the stream instead of answering, over HTTP/2.
    pub fn reset(reason: h2::Reason) -> Self {
        Self { ending: Ending::Reset(reason), ..Self::default() }
    }

    /// A 200 that promises a body and never sends it.
    pub fn stall_body() -> Self {
        Self { ending: Ending::StallBody, ..Self::default() }
    }

    /// Gives the answer a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Answers (or closes) only after this time.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Answers (or closes) only once the gate is open. The request is recorded before.
    #[must_use]
    pub fn gate(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    /// Waits as told and gives the answer.
    ///
    /// # Errors
    /// There is none: the stream is to end for this reason, or the connection to close.
    pub(super) async fn resolve(self) -> Result<Response<ReplyBody>, Option<h2::Reason>> {
        if let Some(gate) = &self.gate {
            gate.passed().await;
        }
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        match self.ending {
            Ending::Answer => Ok(self.respond(Full::new(self.body.clone()).boxed_unsync())),
            Ending::StallBody => {
                let nothing = futures_util::stream::pending::<Result<Frame<Bytes>, Infallible>>();
                let reply = self.header("content-length", STALLED_LENGTH);
                Ok(reply.respond(StreamBody::new(nothing).boxed_unsync()))
            }
            Ending::Hang => std::future::pending().await,
            Ending::Close => Err(None),
            Ending::Reset(reason) => Err(Some(reason)),
        }
    }

    fn respond(&self, body: ReplyBody) -> Response<ReplyBody> {
        let status = StatusCode::from_u16(self.status).expect("a status between 100 and 999");
        let mut response = Response::builder().status(status);
        for (name, value) in &self.headers {
            response = response.header(name, value);
        }
        response.body(body).expect("the headers are well formed")
    }
}

/// Holds answers back until a test lets them through. Clones are the same gate.
#[derive(Clone)]
pub struct Gate(watch::Sender<bool>);

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Lets everything through that waits, and all that comes later until it is closed again.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Holds back what comes from now on.
    pub fn close(&self) {
        self.0.send_replace(false);
    }

    /// How many answers wait here now.
    pub fn waiting(&self) -> usize {
        self.0.receiver_count()
    }

    async fn passed(&self) {
        let mut state = self.0.subscribe();
        // Fails only when the sender is gone, and this very value is one.
        drop(state.wait_for(|open| *open).await);
    }
}
