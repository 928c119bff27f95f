//! Anthropic's Messages API, after docs.anthropic.com and the types of the official SDK.

mod answer;
mod check;
mod shape;
mod stream;
mod wording;

use bytes::Bytes;
use serde_json::{Value, json};

use self::answer::{Message, wish};
use self::check::Version;
use super::dialect::{Answer, Asked, Context, Dialect, Endpoint, Headers, bearer, header};
use super::refusal::{Failing, Refusal};
use super::reply::{Reply, Usage};
use super::sse::{Events, KeepAlive};

/// Anthropic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anthropic;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Messages,
    CountTokens,
}

/// An endpoint, in the version of the API that the request names.
#[derive(Clone, Copy, Debug)]
struct Served {
    place: Place,
    version: Version,
}

impl Dialect for Anthropic {
    fn route<'a>(&self, asked: &Asked<'a, '_>) -> Result<Box<dyn Endpoint + 'a>, Refusal> {
        let place = match asked.uri.path() {
            "/v1/messages" => Place::Messages,
            "/v1/messages/count_tokens" => Place::CountTokens,
            _ => return Err(Refusal::new(404, "not_found_error", "Not found")),
        };
        if *asked.method != hyper::Method::POST {
            return Err(Refusal::new(
                405,
                "invalid_request_error",
                "Method Not Allowed",
            ));
        }
        // Where both are there, the older header counts.
        let given = header(asked.headers, "x-api-key");
        if asked.config.key.is_some()
            && given.or_else(|| bearer(asked.headers)) != asked.config.key.as_deref()
        {
            let message = match (given, bearer(asked.headers)) {
                (Some(_), _) => "invalid x-api-key",
                (None, Some(_)) => "Invalid bearer token",
                (None, None) => "x-api-key header is required",
            };
            return Err(Refusal::new(401, "authentication_error", message));
        }
        let version = Version::read(header(asked.headers, "anthropic-version"))?;
        let content_type = header(asked.headers, "content-type").unwrap_or_default();
        if !content_type.starts_with("application/json") {
            return Err(invalid("Input should be sent as `application/json`."));
        }
        Ok(Box::new(Served { place, version }))
    }

    fn failure(&self, failing: Failing) -> Refusal {
        let (status, kind, message) = match failing {
            Failing::Authentication => (401, "authentication_error", "invalid x-api-key"),
            Failing::Permission => (
                403,
                "permission_error",
                "Your API key does not have permission to use the specified resource.",
            ),
            Failing::NotFound => (404, "not_found_error", "model: gone"),
            Failing::Invalid => (400, "invalid_request_error", "The request was refused."),
            Failing::ContextLength => (
                400,
                "invalid_request_error",
                "prompt is too long: 212034 tokens > 200000 maximum",
            ),
            Failing::ContentPolicy => (
                400,
                "invalid_request_error",
                "Output blocked by content filtering policy",
            ),
            Failing::TooLarge => (413, "request_too_large", "Request exceeds the maximum size"),
            Failing::RateLimit => (
                429,
                "rate_limit_error",
                "This request would exceed your organization's rate limit.",
            ),
            Failing::Quota => (
                400,
                "invalid_request_error",
                "Your credit balance is too low to access the Anthropic API.",
            ),
            Failing::Overloaded => (529, "overloaded_error", "Overloaded"),
            Failing::Timeout => (504, "timeout_error", "Request timed out"),
            Failing::Server => (500, "api_error", "Internal server error"),
        };
        Refusal::new(status, kind, message)
    }

    fn error_body(&self, refusal: &Refusal, sequence: u64) -> String {
        json!({
            "type": "error",
            "error": {"type": refusal.kind, "message": refusal.message},
            "request_id": format!("req_{sequence}"),
        })
        .to_string()
    }

    fn error_headers(&self, refusal: &Refusal, retry_after_s: Option<u64>) -> Headers {
        let mut headers = Headers::new();
        if let Some(seconds) = retry_after_s {
            headers.push(("retry-after", seconds.to_string()));
        }
        if refusal.status == 429 {
            headers.push(("anthropic-ratelimit-requests-remaining", "0".to_owned()));
        }
        if matches!(refusal.status, 429 | 529) {
            headers.push(("x-should-retry", "true".to_owned()));
        }
        headers
    }

    fn stream_error(&self, kind: Option<&str>, events: &mut Events) {
        let kind = kind.unwrap_or("overloaded_error");
        let message = match kind {
            "overloaded_error" => "Overloaded",
            _ => "Internal server error",
        };
        let error = json!({"type": "error", "error": {"type": kind, "message": message}});
        events.push_named("error", |out| {
            out.extend_from_slice(error.to_string().as_bytes());
        });
    }

    fn blocked(&self, _reason: Option<&str>, stream: bool) -> Result<Answer, Refusal> {
        let message = Message::refused();
        Ok(if stream {
            Answer::Stream(message.stream().kept_alive_by(KeepAlive::Ping))
        } else {
            whole(&message.whole(), 0)
        })
    }

    fn headers(&self, name: &str) -> Headers {
        let reset = "2026-01-01T00:00:00Z".to_owned();
        vec![
            ("anthropic-organization-id", format!("org-{name}")),
            ("anthropic-ratelimit-requests-limit", "4000".to_owned()),
            ("anthropic-ratelimit-requests-remaining", "3999".to_owned()),
            ("anthropic-ratelimit-requests-reset", reset.clone()),
            ("anthropic-ratelimit-tokens-limit", "400000".to_owned()),
            ("anthropic-ratelimit-tokens-remaining", "399000".to_owned()),
            ("anthropic-ratelimit-tokens-reset", reset.clone()),
            (
                "anthropic-ratelimit-input-tokens-limit",
                "300000".to_owned(),
            ),
            (
                "anthropic-ratelimit-input-tokens-remaining",
                "299000".to_owned(),
            ),
            ("anthropic-ratelimit-input-tokens-reset", reset.clone()),
            (
                "anthropic-ratelimit-output-tokens-limit",
                "100000".to_owned(),
            ),
            (
                "anthropic-ratelimit-output-tokens-remaining",
                "99000".to_owned(),
            ),
            ("anthropic-ratelimit-output-tokens-reset", reset),
            ("server", "cloudflare".to_owned()),
            (
                "set-cookie",
                format!("_cfuvid=demo-{name}; path=/; HttpOnly"),
            ),
        ]
    }

    fn id_header(&self) -> Option<&'static str> {
        Some("request-id")
    }
}

impl Endpoint for Served {
    fn answer(&self, context: &Context<'_>, body: &[u8]) -> Result<Answer, Refusal> {
        let request: Value = serde_json::from_slice(body)
            .map_err(|error| invalid(&format!("The request body is not valid JSON: {error}")))?;
        let counting = self.place == Place::CountTokens;
        check::check(&request, self.version, counting)?;
        let model = request
            .get("model")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let models = &context.config.models;
        if !models.is_empty() && !models.iter().any(|known| known == model) {
            return Err(Refusal::new(
                404,
                "not_found_error",
                format!("model: {model}"),
            ));
        }
        let wish = wish(&request);
        let mut reply = Reply::to(&wish, context, body.len());
        mark_cached(&mut reply.usage, &request, context);
        if counting {
            return Ok(whole(&json!({"input_tokens": reply.usage.prompt}), 0));
        }
        let message = Message::new(&request, &wish, reply, context);
        Ok(if request.get("stream") == Some(&Value::Bool(true)) {
            Answer::Stream(message.stream().kept_alive_by(KeepAlive::Ping))
        } else {
            whole(&message.whole(), message.tokens())
        })
    }
}

/// A marked prompt is written to the cache, unless the script has the counts.
fn mark_cached(usage: &mut Usage, request: &Value, context: &Context<'_>) {
    let script = &context.script.answer;
    if check::cache_marks(request) > 0 && script.cached.is_none() && script.written.is_none() {
        usage.written = usage.prompt / 2;
    }
}

fn whole(value: &Value, tokens: usize) -> Answer {
    Answer::Whole {
        body: Bytes::from(value.to_string()),
        tokens,
    }
}

fn invalid(message: &str) -> Refusal {
    Refusal::new(400, "invalid_request_error", message)
}
