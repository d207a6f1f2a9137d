//! A request over a connection, kept or new, and the answer to it within its limits.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::http::response::Parts;
use hyper::{Request, Response};
use tokio::time::{Instant as Deadline, timeout, timeout_at};

use super::connect::{Connection, connect_http1};
use super::endpoint::{Destination, Endpoint};
use super::facts;
use super::failure::Failure;
use super::http2::Place;
use super::pool::Pool;
use super::shared::Line;
use crate::model::Class;

/// How much of a response body is read before the connection is given up instead.
const RESPONSE_READ_MAX: usize = 64 * 1024;
/// How much of it is kept in the ledger.
pub(super) const RESPONSE_KEPT_MAX: usize = 4 * 1024;
/// Connections that are being closed, one after another, until it is enough.
const RESENT_MAX: u32 = 3;
/// After a 2xx head the delivery is a success; its body gets this long, so that the connection can be used again.
const BODY_LIMIT: Duration = Duration::from_secs(2);

/// One way to a subscriber.
pub(super) struct Via<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) pool: &'a Pool,
    pub(super) destination: Destination,
    /// How much of an answer is read beyond what is kept.
    pub(super) margin: usize,
    /// What is known of the connection in use.
    pub(super) tls: &'a mut Option<Arc<str>>,
}

/// The answer of a subscriber: all of its head, the beginning of its body.
pub(super) struct Answer {
    pub(super) head: Parts,
    pub(super) body: Bytes,
    /// Whether nothing of the body is missing.
    pub(super) whole: bool,
    /// Whether the body came to its end within its limits: otherwise the connection is of no more use.
    pub(super) ended: bool,
}

type Unsent = Option<Request<Full<Bytes>>>;

impl Via<'_> {
    /// Sends a request and reads what comes back.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        deadline: Deadline,
    ) -> Result<Answer, Failure> {
        let result = self.try_exchange(request, deadline).await;
        self.pool.rollover.sent(&self.destination, result.as_ref().map(drop));
        result
    }

    /// Sends the request and reads the answer. A kept connection that turns out to be closed before anything was written
    /// is replaced by a fresh one: the subscriber cannot have seen the request.
    async fn try_exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        deadline: Deadline,
    ) -> Result<Answer, Failure> {
        if self.destination.http2 {
            return self.exchange_on_shared(request, deadline).await;
        }
        let mut request = request;
        while let Some(mut connection) = self.pool.take(&self.destination) {
            self.tls.clone_from(&connection.shown.told);
            match self.send(&mut connection, request, deadline, false).await {
                Ok(response) => return Ok(self.read_and_keep(connection, response, deadline).await),
                Err((_, Some(unsent))) => request = unsent,
                Err((failure, None)) => return Err(failure),
            }
        }
        self.about_to_connect();
        let until = deadline.min(Deadline::now() + self.endpoint.connect_deadline);
        let mut connection = timeout_at(until, connect_http1(&self.destination, &self.pool.dialler, until))
            .await
            .map_err(|_| self.late(until == deadline))??;
        self.tls.clone_from(&connection.shown.told);
        if let Some(peer) = &connection.shown.peer {
            self.pool.peers().note(&self.destination, peer);
        }
        match self.send(&mut connection, request, deadline, true).await {
            Ok(response) => Ok(self.read_and_keep(connection, response, deadline).await),
            Err((failure, _)) => Err(failure),
        }
    }

    /// The same where HTTP/2 is offered, and the subscriber may take it or not. What a connection in use has certainly not
    /// brought to the subscriber's eyes, since it is being closed, goes on another one.
    async fn exchange_on_shared(
        &mut self,
        mut request: Request<Full<Bytes>>,
        deadline: Deadline,
    ) -> Result<Answer, Failure> {
        let mut tries = 0;
        loop {
            tries += 1;
            let until = deadline.min(Deadline::now() + self.endpoint.connect_deadline);
            self.about_to_connect();
            let line = self.pool.shared.line(self.pool, &self.destination, until);
            let (failure, unsent) =
                match timeout_at(until, line).await.map_err(|_| self.late(until == deadline))?? {
                    Line::Http1(mut connection, fresh) => {
                        self.tls.clone_from(&connection.shown.told);
                        match self.send(&mut connection, request, deadline, fresh).await {
                            Ok(response) => {
                                return Ok(self.read_and_keep(connection, response, deadline).await);
                            }
                            // The next new one would be closed as well.
                            Err((failure, unsent)) => (failure, unsent.filter(|_| !fresh)),
                        }
                    }
                    Line::Http2(place) => {
                        self.tls.clone_from(&place.shown().told);
                        match self.send_on(&place, request, deadline).await {
                            // The place is kept until the body has been read.
                            Ok(response) => return Ok(self.read(response, deadline).await),
                            Err(failed) => failed,
                        }
                    }
                };
            match unsent {
                Some(unsent) if tries <= RESENT_MAX => request = unsent,
                _ => return Err(failure),
            }
        }
    }

    /// What we are about to show, if it does not come to a connection.
    fn about_to_connect(&mut self) {
        *self.tls = self.destination.tls.as_ref().map(|identity| facts::told(identity, None));
    }

    /// There was no connection when the attempt's deadline, or that for connecting, had passed.
    fn late(&self, all: bool) -> Failure {
        let when = "before it had a connection";
        if all {
            Failure::deadline(self.endpoint.deadline, Class::NotSent, when)
        } else {
            Failure::connect_deadline(self.endpoint.connect_deadline, when, self.destination.http2)
        }
    }

    async fn send(
        &self,
        connection: &mut Connection,
        request: Request<Full<Bytes>>,
        deadline: Deadline,
        fresh: bool,
    ) -> Result<Response<Incoming>, (Failure, Unsent)> {
        match timeout_at(deadline, connection.sender.try_send_request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(mut error)) => {
                let unsent = error.take_message();
                Err((Failure::from_hyper(error.error(), &self.destination, fresh), unsent))
            }
            Err(_) => Err((self.unanswered(), None)),
        }
    }

    /// Gives the request back as it came: the next connection may be one of HTTP/1.1.
    async fn send_on(
        &self,
        place: &Place,
        request: Request<Full<Bytes>>,
        deadline: Deadline,
    ) -> Result<Response<Incoming>, (Failure, Unsent)> {
        let mut sent = request.clone();
        // What HTTP/1.1 says in the header Host is part of the URI here.
        sent.headers_mut().remove(HOST);
        *sent.uri_mut() = self.endpoint.uri.clone();
        match timeout_at(deadline, place.send(sent, &self.destination)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err((failure, elsewhere))) => Err((failure, elsewhere.then_some(request))),
            Err(_) => Err((self.unanswered(), None)),
        }
    }

    fn unanswered(&self) -> Failure {
        Failure::deadline(self.endpoint.deadline, Class::Unknown, "before the subscriber answered")
    }

    /// Reads the answer and keeps the connection if that got to the end of it.
    async fn read_and_keep(
        &self,
        connection: Connection,
        response: Response<Incoming>,
        deadline: Deadline,
    ) -> Answer {
        let answer = self.read(response, deadline).await;
        if answer.ended {
            self.keep(connection).await;
        }
        answer
    }

    /// Reads the body within its limits.
    async fn read(&self, response: Response<Incoming>, deadline: Deadline) -> Answer {
        let (head, mut body) = response.into_parts();
        let mut kept = Vec::new();
        let end = async {
            let mut seen = 0;
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else { return false };
                let Some(data) = frame.data_ref() else { continue };
                seen += data.len();
                let room = RESPONSE_KEPT_MAX + self.margin - kept.len();
                kept.extend_from_slice(&data[..data.len().min(room)]);
                if seen > RESPONSE_READ_MAX {
                    return false;
                }
            }
            true
        };
        let limit = deadline.min(Deadline::now() + BODY_LIMIT);
        let ended = timeout_at(limit, end).await.unwrap_or(false);
        let cut = kept.len() >= RESPONSE_KEPT_MAX + self.margin;
        Answer { head, body: Bytes::from(kept), whole: ended && !cut, ended }
    }

    /// The connection's task may need a moment to see that the response is over.
    async fn keep(&self, mut connection: Connection) {
        if let Ok(Ok(())) = timeout(Duration::from_millis(50), connection.sender.ready()).await {
            self.pool.put(&self.destination, connection);
        }
    }
}
