//! Control and inspection: on each provider's port below `/_`, and on the process's control port.

use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode, Uri};
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use super::state::{Provider, Switch};

/// Answers `{what}` of one provider: `bill`, `control`, `seen` or `stats`.
pub(super) async fn provider_reply(
    provider: &Provider,
    what: &str,
    parts: &Parts,
    body: &[u8],
) -> Response<Bytes> {
    match (what, &parts.method) {
        ("control", &Method::POST) => change(provider, body).await,
        ("control", &Method::GET) => reply(StatusCode::OK, &json!(provider.control())),
        ("stats", &Method::GET) => reply(StatusCode::OK, &json!(provider.stats())),
        ("bill", &Method::GET) => reply(StatusCode::OK, &json!({"charges": provider.charges()})),
        ("seen", &Method::GET) => {
            let seen = provider.seen(limit(&parts.uri));
            let seen: Vec<Value> = seen.iter().map(super::seen::Seen::to_json).collect();
            reply(StatusCode::OK, &json!({"seen": seen}))
        }
        _ => unknown(parts),
    }
}

/// Answers a request on the control port.
pub(super) async fn fleet_reply(
    providers: &[Arc<Provider>],
    parts: &Parts,
    body: &[u8],
) -> Response<Bytes> {
    let path = parts.uri.path().trim_start_matches('/');
    match (path, &parts.method) {
        ("stats", &Method::GET) => {
            let all: Map<String, Value> = providers
                .iter()
                .map(|p| (p.config.name.clone(), json!(p.stats())))
                .collect();
            reply(StatusCode::OK, &Value::Object(all))
        }
        ("stats/reset", &Method::POST) => {
            providers.iter().for_each(|provider| provider.reset_stats());
            reply(StatusCode::OK, &json!({}))
        }
        _ => {
            let (name, what) = path.split_once('/').unwrap_or((path, ""));
            match providers.iter().find(|p| p.config.name == name) {
                Some(provider) => provider_reply(provider, what, parts, body).await,
                None => unknown(parts),
            }
        }
    }
}

async fn change(provider: &Provider, body: &[u8]) -> Response<Bytes> {
    let before = provider.control();
    let next = match before.changed(body) {
        Ok(next) => next,
        Err(problem) => return reply(StatusCode::BAD_REQUEST, &json!({"error": problem})),
    };
    if next.down != before.down
        && let Err(problem) = switch(provider, next.down).await
    {
        return reply(
            StatusCode::INTERNAL_SERVER_ERROR,
            &json!({"error": problem}),
        );
    }
    provider.set_control(next.clone());
    reply(StatusCode::OK, &json!(next))
}

/// Returns once the listener is closed or open, so that whoever asked can rely on it.
async fn switch(provider: &Provider, down: bool) -> Result<(), String> {
    let (done, answer) = oneshot::channel();
    let order = Switch { down, done };
    let gone = || "the provider is shutting down".to_owned();
    if provider.switch.send(order).await.is_err() {
        return Err(gone());
    }
    answer.await.unwrap_or_else(|_closed| Err(gone()))
}

fn limit(uri: &Uri) -> usize {
    uri.query()
        .into_iter()
        .flat_map(|query| query.split('&'))
        .find_map(|pair| pair.strip_prefix("limit=")?.parse().ok())
        .unwrap_or(usize::MAX)
}

fn unknown(parts: &Parts) -> Response<Bytes> {
    let problem = format!("no such endpoint: {} {}", parts.method, parts.uri.path());
    reply(StatusCode::NOT_FOUND, &json!({"error": problem}))
}

fn reply(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(format!("{body}\n")));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
