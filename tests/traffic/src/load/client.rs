//! One connection that is used again and again.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Response;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::CONTENT_TYPE;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::events::EventCounter;
use super::request::Template;
use super::tally::{Failure, Outcome};

/// A connection, opened when needed.
#[derive(Debug, Default)]
pub(super) struct Client {
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    /// Sends a request that is due since `due`, and reads the answer to its end.
    pub(super) async fn exchange(&mut self, template: &Template, due: Instant) -> Outcome {
        let Some(mut sender) = self.connected(&template.authority).await else {
            return Outcome::failed(Failure::Connect);
        };
        let Ok(response) = sender.send_request(template.request()).await else {
            return Outcome::failed(Failure::Reset);
        };
        let outcome = read(response, template.stream, due).await;
        if outcome.failure != Some(Failure::Truncated) {
            self.sender = Some(sender);
        }
        outcome
    }

    /// Gives the connection up, with whatever is under way on it.
    pub(super) fn disconnect(&mut self) {
        self.sender = None;
    }

    /// Takes the open connection, or opens one. A request that is given up takes it along.
    async fn connected(&mut self, authority: &str) -> Option<SendRequest<Full<Bytes>>> {
        if let Some(mut sender) = self.sender.take()
            && sender.ready().await.is_ok()
        {
            return Some(sender);
        }
        let stream = TcpStream::connect(authority).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
        // Its errors reach the requests that they concern.
        tokio::spawn(connection);
        Some(sender)
    }
}

async fn read(response: Response<Incoming>, stream: bool, due: Instant) -> Outcome {
    let ttfb = due.elapsed();
    let (parts, mut body) = response.into_parts();
    let is_stream = parts
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"));
    let mut counter = EventCounter::default();
    let mut first_event = None;
    let mut bytes = 0_u64;
    let mut broken = false;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            broken = true;
            break;
        };
        let Some(data) = frame.data_ref() else {
            continue;
        };
        bytes += u64::try_from(data.len()).unwrap_or(u64::MAX);
        if is_stream {
            counter.feed(data);
            if counter.events > 0 && first_event.is_none() {
                first_event = Some(due.elapsed());
            }
        }
    }
    let failure = if !parts.status.is_success() {
        Some(Failure::Status(parts.status.as_u16()))
    } else if counter.error {
        Some(Failure::StreamError)
    } else if broken || (is_stream && !counter.done) {
        Some(Failure::Truncated)
    } else if stream && !is_stream {
        Some(Failure::NotStream)
    } else {
        None
    };
    Outcome {
        failure,
        ttfb: Some(ttfb),
        first_event,
        events: counter.events,
        bytes,
        provider: parts.headers.get("x-ark-provider").cloned(),
        attempts: parts.headers.get("x-ark-attempts").cloned(),
    }
}
