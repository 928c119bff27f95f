//! A provider of the simulation behind a real socket, in OpenAI's chat dialect.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ark_gateway_core::record::Verdict;
use ark_sidecar::config::Endpoint;
use ark_sidecar::http::read_capped;
use ark_sidecar::replay::Us;
use ark_sidecar::replay::server::{Ask, Fate};
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::driver::INDEX;
use crate::paced::{Ending, Paced, Presence};
use crate::stage::Stage;

/// Parts of a streamed answer at most: its pace, not each of its tokens.
const PARTS: u32 = 16;
const BODY_LIMIT_BYTES: usize = 4 * 1024 * 1024;
const BODY_DEADLINE: Duration = Duration::from_secs(10);

type Answer = Response<Paced>;

/// Where a provider of the configuration listens.
pub(crate) fn address(endpoint: &Endpoint) -> Result<SocketAddr, String> {
    let authority = endpoint.authority();
    authority
        .parse()
        .map_err(|_not| format!("{authority} is no address and port of this machine"))
}

pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    if !address.ip().is_loopback() {
        return Err(format!("{address} is not loopback"));
    }
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| format!("cannot listen on {address}: {error}"))
}

/// Serves for ever.
pub(crate) async fn serve(door: TcpListener, stage: Arc<Stage>, provider: usize) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = door.accept().await {
        let _late = stream.set_nodelay(true);
        while connections.try_join_next().is_some() {}
        let stage = Arc::clone(&stage);
        connections.spawn(async move {
            let service = service_fn(|request| answer(Arc::clone(&stage), provider, request));
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            // How it ended is what was to be played.
            let _end = connection.await;
        });
    }
}

/// An error takes the connection down without an answer.
async fn answer(
    stage: Arc<Stage>,
    provider: usize,
    request: Request<Incoming>,
) -> io::Result<Answer> {
    let index = request.headers().get(INDEX).and_then(|v| v.to_str().ok());
    let index = index.and_then(|text| text.parse::<u64>().ok());
    read_capped(request.into_body(), BODY_LIMIT_BYTES, BODY_DEADLINE)
        .await
        .map_err(|error| io::Error::other(error.to_string()))?;
    let arrived = stage.now();
    let played = index.and_then(|index| stage.arrives(provider, index));
    let (ask, fate) = played.ok_or_else(|| io::Error::other("not of this load"))?;
    let presence = Presence(Arc::clone(&stage), provider);
    match fate.verdict {
        Verdict::Ok | Verdict::Cut => {
            let first = fate.first_byte.unwrap_or(fate.end);
            sleep_until(stage.instant(first)).await;
            Ok(success(&stage, &ask, &fate, presence))
        }
        Verdict::Unreachable => {
            sleep_until(stage.instant(fate.end)).await;
            Err(io::Error::other("refused"))
        }
        Verdict::Timeout => {
            // Longer than anybody waits, yet not for ever.
            sleep_until(stage.instant(arrived) + Duration::from_secs(60)).await;
            Err(io::Error::other("hung"))
        }
        Verdict::RateLimited => refused(&stage, &fate, 429, presence).await,
        Verdict::Overloaded => refused(&stage, &fate, 503, presence).await,
        Verdict::ServerError
        | Verdict::Auth
        | Verdict::ClientError
        | Verdict::FirstEvent
        | Verdict::Abandoned
        | Verdict::Hedged => refused(&stage, &fate, 500, presence).await,
    }
}

async fn refused(
    stage: &Stage,
    fate: &Fate,
    status: u16,
    presence: Presence,
) -> io::Result<Answer> {
    sleep_until(stage.instant(fate.end)).await;
    let body = json!({"error": {"message": "played", "type": "server_error", "code": null}});
    let parts = VecDeque::from([(Instant::now(), Bytes::from(body.to_string()))]);
    let mut answer = json_answer(Paced::new(parts, Ending::Whole, presence));
    *answer.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(ms) = fate.retry_after_ms {
        answer
            .headers_mut()
            .insert("retry-after-ms", HeaderValue::from(ms));
    }
    Ok(answer)
}

fn json_answer(body: Paced) -> Answer {
    let mut answer = Response::new(body);
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, json);
    answer
}

fn success(stage: &Stage, ask: &Ask, fate: &Fate, presence: Presence) -> Answer {
    let ending = match fate.verdict == Verdict::Cut {
        true => Ending::Broken(stage.instant(fate.end)),
        false => Ending::Whole,
    };
    if !ask.stream {
        let whole = (stage.instant(fate.end), Bytes::from(whole(ask).to_string()));
        return json_answer(Paced::new(VecDeque::from([whole]), ending, presence));
    }
    let mut answer = Response::new(Paced::new(stream(stage, ask, fate), ending, presence));
    let events = HeaderValue::from_static("text/event-stream");
    answer.headers_mut().insert(CONTENT_TYPE, events);
    answer
}

fn usage(ask: &Ask) -> Value {
    json!({
        "prompt_tokens": ask.input_tokens, "completion_tokens": ask.output_tokens,
        "total_tokens": u64::from(ask.input_tokens) + u64::from(ask.output_tokens),
    })
}

fn whole(ask: &Ask) -> Value {
    let content = "word ".repeat(usize::try_from(ask.output_tokens).unwrap_or(1));
    let message = json!({"role": "assistant", "content": content});
    json!({
        "id": "chatcmpl-played", "object": "chat.completion", "created": 0, "model": "played",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": usage(ask),
    })
}

/// The first token when it is due, the others in up to [`PARTS`] parts, the end at the end. Of one that
/// breaks, the parts until then.
fn stream(stage: &Stage, ask: &Ask, fate: &Fate) -> VecDeque<(Instant, Bytes)> {
    let first = fate.first_byte.unwrap_or(fate.end);
    let parts = ask.output_tokens.clamp(1, PARTS);
    let mut events = VecDeque::new();
    for part in 0..parts {
        let share = Us::from(part) * (fate.end - first) / Us::from(parts);
        let tokens = ask.output_tokens * (part + 1) / parts - ask.output_tokens * part / parts;
        let content = "word ".repeat(usize::try_from(tokens.max(1)).unwrap_or(1));
        let delta = json!({"role": "assistant", "content": content});
        events.push_back((
            stage.instant(first + share),
            event(&delta, Value::Null, Value::Null),
        ));
    }
    if fate.verdict == Verdict::Ok {
        let end = stage.instant(fate.end);
        events.push_back((end, event(&json!({}), json!("stop"), Value::Null)));
        let last = json!({
            "id": "chatcmpl-played", "object": "chat.completion.chunk", "created": 0,
            "model": "played", "choices": [], "usage": usage(ask),
        });
        events.push_back((
            end,
            Bytes::from(format!("data: {last}\n\ndata: [DONE]\n\n")),
        ));
    }
    events
}

fn event(delta: &Value, finish: Value, usage: Value) -> Bytes {
    let chunk = json!({
        "id": "chatcmpl-played", "object": "chat.completion.chunk", "created": 0, "model": "played",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], "usage": usage,
    });
    Bytes::from(format!("data: {chunk}\n\n"))
}
