//! What an operator may command: drains, and canaries.

use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Request, StatusCode};
use serde::{Deserialize, Serialize};

use super::super::access::Who;
use super::super::audit;
use super::super::shared::Shared;
use super::{body, said};
use crate::canary::Action;
use crate::http::{self, Reply};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Drain {
    provider: String,
    drain: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OnCanary {
    model: String,
    action: Action,
}

pub(super) async fn drain(shared: &Shared, who: &Who, request: Request<Incoming>) -> Reply {
    let Drain { provider, drain } = match body::read(request).await {
        Ok(command) => command,
        Err(refused) => return said(&refused),
    };
    let now = shared.now();
    let done = shared.control().drain(&provider, drain, now);
    if done.is_ok() {
        tracing::info!(target: "ark::audit", actor = who.id, action = "provider.drain", provider, drain, "changed");
        audit::changed(
            shared,
            who,
            "provider.drain",
            serde_json::json!({ "provider": provider, "drain": drain }),
        );
    }
    answer(shared, done)
}

pub(super) async fn canary(shared: &Shared, who: &Who, request: Request<Incoming>) -> Reply {
    let OnCanary { model, action } = match body::read(request).await {
        Ok(command) => command,
        Err(refused) => return said(&refused),
    };
    let now = shared.now();
    let done = shared.control().act_on_canary(&model, action, now);
    if done.is_ok() {
        tracing::info!(target: "ark::audit", actor = who.id, action = "canary", model, command = ?action, "changed");
        audit::changed(
            shared,
            who,
            "canary",
            serde_json::json!({ "model": model, "command": format!("{action:?}") }),
        );
    }
    answer(shared, done)
}

/// What was commanded is on disk before it is answered; where it could not be written, the answer says so.
fn answer<T: Serialize>(shared: &Shared, done: Result<T, String>) -> Reply {
    match done {
        Ok(view) => {
            let mut reply = http::readable_json(StatusCode::OK, &view);
            if !shared.keep_commands() {
                let no = HeaderValue::from_static("no");
                reply.headers_mut().insert("x-ark-kept", no);
            }
            reply
        }
        Err(reason) => http::text(StatusCode::NOT_FOUND, &reason),
    }
}
