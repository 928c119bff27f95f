//! One request on a provider's port.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};

use super::admin;
use super::bill::{Due, Told};
use super::body::{AnswerBody, Pace};
use super::dialect::{Answer, Asked, Context, Endpoint, header};
use super::recording::Recording;
use super::refusal::{Failing, Refusal};
use super::reply::Usage;
use super::request::{BODY_LIMIT_BYTES, echo, leak, read_body, read_script, see};
use super::script::{Ending, Instead};
use super::sse::{Events, Pieces, strange_error};
use super::state::{Active, Arrival, Provider};
use super::wire::Fate;
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The connection is to be reset, without an answer.
#[derive(Debug)]
pub(super) struct Reset;

impl fmt::Display for Reset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("reset as scripted")
    }
}

impl std::error::Error for Reset {}

/// An answer's status and, where it is not ours alone, its content type.
struct Head {
    status: u16,
    content_type: HeaderValue,
}

/// One request that has been read, on its way to an answer.
struct Exchange<'a> {
    request_id: String,
    provider: &'a Arc<Provider>,
    fate: &'a Arc<Fate>,
    arrival: Arrival,
    active: Active,
}

/// Answers `request`, received on the connection of `fate`.
pub(super) async fn handle(
    provider: Arc<Provider>,
    fate: Arc<Fate>,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Reset> {
    let (mut parts, incoming) = request.into_parts();
    if let Some(path) = parts.uri.path().strip_prefix("/_") {
        fate.set_controlling();
        let body = read_body(incoming).await.unwrap_or_default();
        let reply = admin::provider_reply(&provider, path, &parts, &body).await;
        return Ok(reply.map(|bytes| AnswerBody::whole(bytes, None)));
    }
    let active = provider.activate();
    let Some(body) = read_body(incoming).await else {
        return Err(Reset);
    };
    let headers = std::mem::take(&mut parts.headers);
    let route = leak(&headers).map_or_else(
        || {
            provider.dialect.route(&Asked {
                config: &provider.config,
                method: &parts.method,
                uri: &parts.uri,
                headers: &headers,
                body: &body,
            })
        },
        Err,
    );
    let script = read_script(&headers, &provider.config.name);
    let echo = echo(&script, &headers);
    let request_id = header(&headers, "x-request-id")
        .unwrap_or_default()
        .to_owned();
    let seen = see(&provider, &parts, headers, &body);
    let plan = script.clone().unwrap_or_default();
    let exchange = Exchange {
        request_id,
        arrival: provider.admit(seen, plan),
        provider: &provider,
        fate: &fate,
        active,
    };
    let route = match (route, script) {
        _ if body.len() > BODY_LIMIT_BYTES => {
            let refusal = provider.dialect.failure(Failing::TooLarge);
            return Ok(exchange.refuse(&refusal.with_status(413)));
        }
        (Err(refusal), _) => return Ok(exchange.refuse(&refusal)),
        (_, Err(problem)) => return Ok(exchange.refuse(&bad_script(problem))),
        (Ok(route), Ok(_)) => route,
    };
    let script = exchange.arrival.script.clone();
    let told = Told::new();
    let context = Context {
        config: &provider.config,
        script: &script,
        sequence: exchange.arrival.sequence,
        text: echo.as_deref(),
        told: &told,
    };
    exchange.run(&context, &*route, &body).await
}

impl Exchange<'_> {
    async fn run(
        mut self,
        context: &Context<'_>,
        endpoint: &dyn Endpoint,
        body: &[u8],
    ) -> Result<Response<AnswerBody>, Reset> {
        let dialect = &self.provider.dialect;
        match &context.script.instead {
            None | Some(Instead::Ordinary | Instead::EchoHeaders) => {
                let answer = endpoint.answer(context, body);
                if let (Ok(_), Some(usage)) = (&answer, context.told.get()) {
                    self.owe(*usage);
                }
                Ok(self.answer(answer, endpoint).await)
            }
            Some(Instead::Status(status)) => {
                let refusal = dialect.failed(*status);
                self.wait_if_scripted().await;
                Ok(self.refuse(&refusal))
            }
            Some(Instead::Fail(failing)) => {
                let refusal = dialect.failure(*failing);
                self.wait_if_scripted().await;
                Ok(self.refuse(&refusal))
            }
            Some(Instead::Block(reason)) => {
                // What is no good is refused before anybody looks at what it says.
                let stream = match endpoint.answer(context, body) {
                    Ok(Answer::Whole { .. }) => false,
                    Ok(Answer::Stream(_)) => true,
                    Err(refusal) => return Ok(self.refuse(&refusal)),
                };
                let blocked = dialect.blocked(reason.as_deref(), stream);
                Ok(self.answer(blocked, endpoint).await)
            }
            Some(Instead::Reset) => {
                self.wait_if_scripted().await;
                self.provider.count_reset();
                self.active.finish();
                Err(Reset)
            }
            // Ends when the peer closes the connection: hyper drops this future then.
            Some(Instead::Hang) => {
                self.owe(Usage::of_prompt(body.len()));
                std::future::pending().await
            }
            Some(Instead::FirstEventError(kind)) => {
                let mut events = Events::default();
                self.append_error(endpoint, kind.as_deref(), &mut events);
                Ok(self.events(events).await)
            }
            Some(Instead::EmptyStream) => Ok(self.events(Events::default()).await),
            Some(Instead::Error200) => {
                let error = dialect.hidden_error();
                Ok(self.whole(200, JSON, Bytes::from(error), 0).await)
            }
            Some(Instead::Replay(name)) => match self.provider.recordings.get(name).cloned() {
                Some(recording) => Ok(self.replay(recording).await),
                None => {
                    let problem = format!("no recording `{name}`: see --recordings");
                    Ok(self.refuse(&bad_script(problem)))
                }
            },
        }
    }

    /// Charges for the answer that begins.
    fn owe(&mut self, usage: Usage) {
        let id = std::mem::take(&mut self.request_id);
        self.active.owe(Due::new(id, usage));
    }

    fn append_error(&self, endpoint: &dyn Endpoint, kind: Option<&str>, events: &mut Events) {
        if !endpoint.stream_error(kind, events) {
            self.provider.dialect.stream_error(kind, events);
        }
    }

    async fn answer(
        self,
        answer: Result<Answer, Refusal>,
        endpoint: &dyn Endpoint,
    ) -> Response<AnswerBody> {
        match answer {
            Ok(Answer::Whole { body, tokens }) => self.whole(200, JSON, body, tokens).await,
            Ok(Answer::Stream(mut events)) => {
                if let Some(Ending::Error(count)) = self.arrival.script.ending {
                    events.truncate(count);
                    self.append_error(endpoint, None, &mut events);
                }
                if let Some(Ending::StrangeError(count)) = self.arrival.script.ending {
                    events.truncate(count);
                    strange_error(&mut events);
                }
                self.events(events).await
            }
            Err(refusal) => self.refuse(&refusal),
        }
    }

    /// A stream of this provider's own.
    async fn events(self, events: Events) -> Response<AnswerBody> {
        let content_type = HeaderValue::from_static(self.provider.dialect.stream_type());
        self.stream(200, content_type, events).await
    }

    async fn replay(self, recording: Recording) -> Response<AnswerBody> {
        let content_type = HeaderValue::from_str(&recording.content_type).unwrap_or(JSON);
        if recording.content_type.starts_with("text/event-stream") {
            let events = Events::from_recording(&recording.body);
            return self.stream(recording.status, content_type, events).await;
        }
        self.whole(recording.status, content_type, recording.body, 0)
            .await
    }

    async fn whole(
        self,
        status: u16,
        content_type: HeaderValue,
        body: Bytes,
        tokens: usize,
    ) -> Response<AnswerBody> {
        let tokens = u32::try_from(tokens).unwrap_or(u32::MAX);
        let Arrival { ttft, tpot, .. } = self.arrival;
        pause(ttft.saturating_add(tpot.saturating_mul(tokens.saturating_sub(1)))).await;
        let head = Head {
            status,
            content_type,
        };
        self.respond(head, |active, _| AnswerBody::whole(body, Some(active)))
    }

    async fn stream(
        self,
        status: u16,
        content_type: HeaderValue,
        events: Events,
    ) -> Response<AnswerBody> {
        let pieces: Pieces = events.pieces(&self.arrival.script);
        let pace = Pace {
            first: self.arrival.ttft,
            gap: self.arrival.tpot,
        };
        if pieces.early == 0 {
            pause(pace.first).await;
        }
        let head = Head {
            status,
            content_type,
        };
        self.respond(head, |active, fate| {
            AnswerBody::paced(pieces, pace, Arc::clone(fate), active)
        })
    }

    fn refuse(self, refusal: &Refusal) -> Response<AnswerBody> {
        let dialect = &self.provider.dialect;
        let hint = self.arrival.script.answer.retry_after_s;
        let hint = hint.unwrap_or_else(|| (refusal.status == 429).then_some(1));
        let body = dialect.error_body(&dialect.hinted(refusal, hint), self.arrival.sequence);
        let own = dialect.error_headers(refusal, hint);
        let head = Head {
            status: refusal.status,
            content_type: JSON,
        };
        let mut response = self.respond(head, |active, _| AnswerBody::whole(body, Some(active)));
        for (name, value) in own {
            if let Ok(value) = HeaderValue::from_str(&value) {
                let name = HeaderName::from_static(name);
                response.headers_mut().insert(name, value);
            }
        }
        response
    }

    fn respond(
        self,
        head: Head,
        body: impl FnOnce(Active, &Arc<Fate>) -> AnswerBody,
    ) -> Response<AnswerBody> {
        self.provider.count_status(head.status);
        let scripted = self.arrival.script.headers;
        let mut response = Response::new(body(self.active, self.fate));
        *response.status_mut() =
            StatusCode::from_u16(head.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.clone_from(&self.provider.headers);
        headers.insert(CONTENT_TYPE, head.content_type);
        let named = self.provider.dialect.id_header();
        if let Some(name) = named.filter(|_| self.provider.config.vendor_headers) {
            let id = format!(
                "req_{}_{}",
                self.provider.config.name, self.arrival.sequence
            );
            if let Ok(id) = HeaderValue::try_from(id) {
                headers.insert(name, id);
            }
        }
        for (name, value) in scripted {
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                headers.insert(name, value);
            }
        }
        response
    }

    /// Failures are quick, unless a script says how slow.
    async fn wait_if_scripted(&self) {
        if let Some(ttft) = self.arrival.script.ttft {
            pause(ttft).await;
        }
    }
}

async fn pause(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}

fn bad_script(problem: String) -> Refusal {
    Refusal::invalid(problem, None).coded("invalid_demo_script")
}
