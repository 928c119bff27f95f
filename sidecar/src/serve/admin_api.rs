//! What the admin port serves, to people and to their monitoring. Reads only, no secret.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};

use super::shared::Shared;
use crate::http::{self, Limits, Reply};
use crate::metrics;

/// Bounds of the admin port.
pub(super) const LIMITS: Limits = Limits {
    connections: 64,
    header_wait: Duration::from_secs(15),
    connection_age: Duration::from_secs(60),
};

/// Answers one request; a body is not read.
#[allow(clippy::unused_async, reason = "the service takes futures")]
pub(super) async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> Reply {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return http::text(StatusCode::METHOD_NOT_ALLOWED, "use GET");
    }
    let now = shared.now();
    match request.uri().path() {
        "/healthz" => http::text(StatusCode::OK, "ok"),
        "/readyz" => {
            let readiness = shared.control().readiness(now);
            let status = match readiness.ready {
                true => StatusCode::OK,
                false => StatusCode::SERVICE_UNAVAILABLE,
            };
            http::readable_json(status, &readiness)
        }
        "/metrics" => match shared.metrics().encode(shared.control().worker_versions()) {
            Ok(text) => http::reply(StatusCode::OK, metrics::CONTENT_TYPE, text.into()),
            Err(error) => http::text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        },
        "/v1/scores" => http::readable_json(StatusCode::OK, &shared.control().scores_view(now)),
        "/v1/config" => http::readable_json(StatusCode::OK, &shared.control().config_view(now)),
        _ => http::text(
            StatusCode::NOT_FOUND,
            "not found; there are /healthz /readyz /metrics /v1/scores /v1/config",
        ),
    }
}
