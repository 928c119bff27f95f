//! What the admin port serves, to people and to their monitoring. Never a secret.

mod body;
mod keys;
mod operator;

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Method, Request, StatusCode};

use super::access::{self, Refused, Who};
use super::audit;
use super::door::{self, Via};
use super::shared::{Shared, unix_ms};
use super::spend_api;
use crate::config::AdminConfig;
use crate::http::{self, Limits, Reply};
use crate::metrics;

/// Bounds of the admin port.
pub(super) const LIMITS: Limits = Limits {
    connections: 64,
    header_wait: Duration::from_secs(15),
    connection_age: Duration::from_secs(60),
};

/// Answers one request.
pub(super) async fn handle(
    shared: Arc<Shared>,
    reach: access::Reach,
    request: Request<Incoming>,
) -> Reply {
    let path = request.uri().path();
    if access::is_open(path) {
        return read(&shared, &request).await;
    }
    let who = match admit(&shared, reach, &request) {
        Ok(who) => who,
        Err(refused) => {
            let what = (request.method().as_str(), path);
            audit::refused(&shared, what, refused.status, &refused.reason);
            return refuse(&shared, &refused);
        }
    };
    match *request.method() {
        Method::GET | Method::HEAD => read(&shared, &request).await,
        Method::POST => change(&shared, &who, request).await,
        _ => http::text(StatusCode::METHOD_NOT_ALLOWED, "use GET or POST"),
    }
}

/// All metrics, those of what is to come worked out anew.
fn measured(shared: &Shared, now: crate::Ms) -> Result<String, std::fmt::Error> {
    let control = shared.control();
    shared
        .metrics()
        .forecasts()
        .show(&control.forecast_view(now));
    shared
        .metrics()
        .overload()
        .show_workers(control.worker_loads());
    shared.metrics().encode(control.worker_versions())
}

fn admit(
    shared: &Shared,
    reach: access::Reach,
    request: &Request<Incoming>,
) -> Result<Who, Refused> {
    let needs = access::needed(request.method(), request.uri().path());
    let via = request.extensions().get::<Via>();
    let is_change = !matches!(*request.method(), Method::GET | Method::HEAD);
    let scheme = via.map_or(door::CLEAR, |via| via.scheme);
    let change_by = is_change.then_some(scheme);
    let control = shared.control();
    let AdminConfig {
        tokens,
        certificates,
        ..
    } = &control.written().admin;
    let headers = request.headers();
    // Whoever shows a token is who that says.
    if !certificates.is_empty() && !headers.contains_key(AUTHORIZATION) {
        return match via.and_then(|via| door::role_of(&via.names, certificates)) {
            Some((id, role)) => {
                access::admit_known(Who { id, role }, (needs, ""), change_by, headers)
            }
            None => Err(access::refused(
                StatusCode::UNAUTHORIZED,
                "needs a certificate that admin.certificates names, or a token: \
                 authorization: Bearer TOKEN",
            )),
        };
    }
    if tokens.is_empty() && !certificates.is_empty() {
        let reason = "no token is known here: show a certificate";
        return Err(access::refused(StatusCode::UNAUTHORIZED, reason));
    }
    access::admit((reach, tokens), needs, change_by, headers)
}

fn refuse(shared: &Shared, refused: &Refused) -> Reply {
    shared.metrics().admin_refused();
    tracing::warn!(
        status = refused.status.as_u16(),
        reason = refused.reason,
        "refused a request on the admin port"
    );
    let mut reply = http::text(refused.status, &refused.reason);
    if refused.status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Bearer");
        reply.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    reply
}

fn said(refused: &Refused) -> Reply {
    http::text(refused.status, &refused.reason)
}

async fn read(shared: &Shared, request: &Request<Incoming>) -> Reply {
    let now = shared.now();
    match request.uri().path() {
        "/healthz" => http::text(StatusCode::OK, "ok"),
        "/readyz" => {
            let mut readiness = shared.control().readiness(now);
            readiness.audit_problem = shared.audit().and_then(|audit| audit.status().problem);
            let status = match readiness.ready {
                true => StatusCode::OK,
                false => StatusCode::SERVICE_UNAVAILABLE,
            };
            http::readable_json(status, &readiness)
        }
        // What is to come is worked out when it is asked for.
        "/v1/forecast" => http::readable_json(StatusCode::OK, &shared.control().forecast_view(now)),
        "/metrics" => match measured(shared, now) {
            Ok(text) => http::reply(StatusCode::OK, metrics::CONTENT_TYPE, text.into()),
            Err(error) => http::text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        },
        "/v1/scores" => http::readable_json(StatusCode::OK, &shared.control().scores_view(now)),
        "/v1/shadows" => http::readable_json(StatusCode::OK, &shared.control().shadows_view()),
        "/v1/config" => http::readable_json(StatusCode::OK, &shared.control().config_view(now)),
        "/v1/keys" => keys::list(shared),
        "/v1/providers" => {
            http::readable_json(StatusCode::OK, &shared.control().provider_views(now))
        }
        "/v1/canaries" => http::readable_json(StatusCode::OK, &shared.control().canary_views(now)),
        "/v1/commands" => http::readable_json(StatusCode::OK, &shared.commands_view()),
        "/v1/spend" => spend_api::spend(shared, request.uri().query()).await,
        "/v1/audit" => match shared.audit() {
            Some(audit) => http::readable_json(StatusCode::OK, &audit.status()),
            None => http::text(StatusCode::NOT_FOUND, "there is no audit log"),
        },
        "/v1/budgets" => spend_api::budgets(shared, request.uri().query()),
        "/v1/limits" => {
            let shown = shared.quota().shown(unix_ms() / 1_000);
            http::readable_json(StatusCode::OK, &shown)
        }
        "/v1/explain" | "/v1/drains" => http::text(
            StatusCode::METHOD_NOT_ALLOWED,
            "use POST with a JSON object",
        ),
        _ => nothing_here(),
    }
}

async fn change(shared: &Shared, who: &Who, request: Request<Incoming>) -> Reply {
    let path = request.uri().path().to_owned();
    match path.as_str() {
        "/v1/keys" => keys::create(shared, who, request).await,
        "/v1/explain" => explain(shared, request).await,
        "/v1/drains" => operator::drain(shared, who, request).await,
        "/v1/canaries" => operator::canary(shared, who, request).await,
        _ => match path
            .strip_prefix("/v1/keys/")
            .and_then(|rest| rest.split_once('/'))
        {
            Some((id, "rotate")) => keys::rotate(shared, (who, id), request).await,
            Some((id, "revoke")) => keys::revoke(shared, (who, id)),
            Some(_) | None => nothing_here(),
        },
    }
}

/// How paths of the admin port begin.
pub(super) const PATHS: [&str; 17] = [
    "/healthz",
    "/readyz",
    "/metrics",
    "/v1/scores",
    "/v1/config",
    "/v1/keys",
    "/v1/providers",
    "/v1/canaries",
    "/v1/drains",
    "/v1/commands",
    "/v1/shadows",
    "/v1/spend",
    "/v1/budgets",
    "/v1/forecast",
    "/v1/limits",
    "/v1/audit",
    "/v1/explain",
];

fn nothing_here() -> Reply {
    let there = format!("not found; there are {}", PATHS.join(" "));
    http::text(StatusCode::NOT_FOUND, &there)
}

async fn explain(shared: &Shared, request: Request<Incoming>) -> Reply {
    let question = match body::read(request).await {
        Ok(question) => question,
        Err(refused) => return said(&refused),
    };
    let answered = shared.control().explain(&question, shared.now());
    match answered {
        Ok(answered) => http::readable_json(StatusCode::OK, &answered),
        Err(problem) => http::text(StatusCode::UNPROCESSABLE_ENTITY, &problem),
    }
}
