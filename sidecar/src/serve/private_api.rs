//! What the Unix socket serves: the filter's syncs and Envoy's discovery.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use ark_gateway_core::quota::QuotaReport;
use ark_gateway_core::sync::SyncRequest;
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use super::shared::{Shared, unix_ms};
use super::{audit, clean, ledger};
use crate::http::{self, Limits, Reply};
use crate::xds::{Answer, DiscoveryRequest, Kind};

/// Bounds of the socket: each of Envoy's workers and each of its subscriptions has a connection.
pub(super) const LIMITS: Limits = Limits {
    connections: 2_048,
    header_wait: Duration::from_secs(60),
    connection_age: Duration::from_secs(600),
};

/// A worker's records; the filter's queue is smaller.
const SYNC_LIMIT_BYTES: usize = 16 * 1024 * 1024;
/// Envoy describes itself in 77 kB.
const DISCOVERY_LIMIT_BYTES: usize = 4 * 1024 * 1024;
/// Over a local socket a body is there, or its sender is not well.
const BODY_DEADLINE: Duration = Duration::from_secs(5);

/// Longest wait for news; Envoy gives up after the bootstrap's `request_timeout` of 1 s.
const HOLD: Duration = Duration::from_millis(700);

/// Answers one request.
pub(super) async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> Reply {
    let path = request.uri().path();
    if let Some(name) = path.strip_prefix("/identity/v1/jwks/") {
        return jwks(&shared, name);
    }
    let kind = path
        .strip_prefix("/v3/discovery:")
        .and_then(|name| Kind::ALL.into_iter().find(|kind| kind.as_str() == name));
    let is_quota = path == "/filter/v1/quota";
    if kind.is_none() && !is_quota && path != "/filter/v1/sync" {
        return http::text(StatusCode::NOT_FOUND, "no such endpoint");
    }
    if request.method() != Method::POST {
        return http::text(StatusCode::METHOD_NOT_ALLOWED, "use POST");
    }
    match kind {
        Some(kind) => discover(&shared, kind, request).await,
        None if is_quota => quota(&shared, request).await,
        None => sync(&shared, request).await,
    }
}

/// The keys of an issuer that has them in a file: Envoy asks for them as it does for those at a URL.
fn jwks(shared: &Shared, name: &str) -> Reply {
    match shared.control().jwks(name) {
        Some(keys) => {
            let body = keys.expose().to_owned().into();
            http::reply(StatusCode::OK, "application/json", body)
        }
        None => http::text(StatusCode::NOT_FOUND, "no such issuer"),
    }
}

async fn sync(shared: &Shared, request: Request<Incoming>) -> Reply {
    let form = Form::of(&request);
    let read = (ark_link::read_sync_request as Read<_>, SYNC_LIMIT_BYTES);
    let mut request: SyncRequest = match form.read(shared, request, read).await {
        Ok(request) => request,
        Err(reply) => return reply,
    };
    clean::records(&mut request);
    let lines = ledger::lines(shared, &request);
    let events = audit::events(shared, &request);
    let response = shared.control().sync(request, shared.now());
    match response {
        Ok(mut response) => {
            // The ledger first: what is sent again is known there, and in the audit log.
            response.resend =
                ledger::write_down(shared, lines).await || audit::write_down(shared, events).await;
            form.reply(&response, ark_link::write_sync_response)
        }
        Err(_too_many) => refuse(
            shared,
            StatusCode::SERVICE_UNAVAILABLE,
            "too many workers, or a name too long",
        ),
    }
}

/// A worker's leases. Neither its clock nor ours is trusted with the other's.
async fn quota(shared: &Shared, request: Request<Incoming>) -> Reply {
    let form = Form::of(&request);
    let read = (ark_link::read_quota_report as Read<_>, SYNC_LIMIT_BYTES);
    let report: QuotaReport = match form.read(shared, request, read).await {
        Ok(report) => report,
        Err(reply) => return reply,
    };
    let rules = shared.control().rules();
    let at = (shared.metrics(), unix_ms());
    let answer = shared.quota().exchange(&rules, &report, at).await;
    form.reply(&answer, ark_link::write_quota_answer)
}

async fn discover(shared: &Shared, kind: Kind, request: Request<Incoming>) -> Reply {
    let request: DiscoveryRequest = match read_json(shared, request, DISCOVERY_LIMIT_BYTES).await {
        Ok(request) => request,
        Err(reply) => return reply,
    };
    match long_poll(shared, kind, &request).await {
        Answer::Unchanged => http::bare(StatusCode::NOT_MODIFIED),
        Answer::Resources(body) => http::reply(StatusCode::OK, "application/json", body),
    }
}

/// Envoy pauses between two questions, so an answer without news waits a little for some: that
/// makes changes faster, and questions fewer.
async fn long_poll(shared: &Shared, kind: Kind, request: &DiscoveryRequest) -> Answer {
    let until = Instant::now() + HOLD;
    loop {
        let mut news = pin!(shared.news().notified());
        // From here on no news is missed.
        news.as_mut().enable();
        let answer = shared.control().discover(kind, request, shared.now());
        if answer != Answer::Unchanged || timeout_at(until, news).await.is_err() {
            return answer;
        }
    }
}

type Read<T> = fn(&[u8]) -> Result<T, ark_link::Bad>;

/// How a message is written: by the filter, or by a person.
#[derive(Clone, Copy)]
enum Form {
    Link,
    Json,
}

impl Form {
    fn of(request: &Request<Incoming>) -> Self {
        let said = request.headers().get(hyper::header::CONTENT_TYPE);
        match said.is_some_and(|said| said == ark_link::CONTENT_TYPE) {
            true => Self::Link,
            false => Self::Json,
        }
    }

    async fn read<T: DeserializeOwned>(
        self,
        shared: &Shared,
        request: Request<Incoming>,
        (read, limit_bytes): (Read<T>, usize),
    ) -> Result<T, Reply> {
        match self {
            Self::Json => read_json(shared, request, limit_bytes).await,
            Self::Link => {
                let body = read_body(shared, request, limit_bytes).await?;
                read(&body).map_err(|bad| refuse(shared, StatusCode::BAD_REQUEST, &bad.to_string()))
            }
        }
    }

    fn reply<T: Serialize, E>(self, answer: &T, write: fn(&T) -> Result<Vec<u8>, E>) -> Reply {
        match (self, write(answer)) {
            (Self::Link, Ok(bytes)) => {
                http::reply(StatusCode::OK, ark_link::CONTENT_TYPE, bytes.into())
            }
            (Self::Link, Err(_)) => http::text(StatusCode::INTERNAL_SERVER_ERROR, "not written"),
            (Self::Json, _) => http::json(answer),
        }
    }
}

async fn read_json<T: DeserializeOwned>(
    shared: &Shared,
    request: Request<Incoming>,
    limit_bytes: usize,
) -> Result<T, Reply> {
    let body = read_body(shared, request, limit_bytes).await?;
    serde_json::from_slice(&body)
        .map_err(|error| refuse(shared, StatusCode::BAD_REQUEST, &error.to_string()))
}

async fn read_body(
    shared: &Shared,
    request: Request<Incoming>,
    limit_bytes: usize,
) -> Result<Bytes, Reply> {
    http::read_capped(request.into_body(), limit_bytes, BODY_DEADLINE)
        .await
        .map_err(|error| {
            let status = match error {
                http::ReadError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
                http::ReadError::Late(_) => StatusCode::REQUEST_TIMEOUT,
                http::ReadError::Broken(_) => StatusCode::BAD_REQUEST,
            };
            refuse(shared, status, &error.to_string())
        })
}

fn refuse(shared: &Shared, status: StatusCode, reason: &str) -> Reply {
    shared.metrics().bad_request();
    tracing::warn!(
        status = status.as_u16(),
        reason,
        "refused a request on the socket"
    );
    http::text(status, reason)
}
