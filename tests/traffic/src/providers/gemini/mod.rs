//! Google's Gemini API, and the same models in Vertex AI, after ai.google.dev/api and
//! cloud.google.com/vertex-ai/generative-ai/docs.

mod answer;
mod check;
mod embed;
mod errors;
mod shape;

use bytes::Bytes;
use serde_json::{Value, json};

use self::answer::{Generated, wish};
use super::dialect::{Answer, Asked, Context, Dialect, Endpoint, Headers, bearer, header};
use super::refusal::{Failing, Refusal};
use super::reply::Reply;
use super::sse::Events;

/// The Gemini API.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gemini;

/// Vertex AI.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vertex;

/// Which of the two it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Home {
    Gemini,
    Vertex,
}

impl Home {
    fn name(self) -> &'static str {
        match self {
            Self::Gemini => "gemini",
            Self::Vertex => "vertex",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Generate,
    /// Whether as server-sent events, or as one JSON list.
    Stream(bool),
    Embed,
    BatchEmbed,
    CountTokens,
}

/// An endpoint.
#[derive(Clone, Copy, Debug)]
struct Served<'a> {
    home: Home,
    method: Method,
    model: &'a str,
}

impl<'a> Served<'a> {
    fn find(home: Home, asked: &Asked<'a, '_>) -> Result<Self, Refusal> {
        let path = asked.uri.path();
        let unknown = || errors::no_path(path);
        let (before, rest) = path.split_once("/models/").ok_or_else(unknown)?;
        let (model, method) = rest.split_once(':').ok_or_else(unknown)?;
        let versions: &[&str] = match home {
            Home::Gemini => &["/v1beta", "/v1", "/v1alpha"],
            Home::Vertex => &["/v1beta1", "/v1"],
        };
        let good = match home {
            Home::Gemini => versions.contains(&before),
            Home::Vertex => {
                let place = before.strip_suffix("/publishers/google");
                place.is_some_and(|place| versions.iter().any(|v| place.starts_with(v)))
            }
        };
        if !good || model.is_empty() {
            return Err(unknown());
        }
        let sse = asked
            .uri
            .query()
            .is_some_and(|q| q.split('&').any(|pair| pair == "alt=sse"));
        let method = match method {
            "generateContent" => Method::Generate,
            "streamGenerateContent" => Method::Stream(sse),
            "embedContent" => Method::Embed,
            "batchEmbedContents" if home == Home::Gemini => Method::BatchEmbed,
            "countTokens" => Method::CountTokens,
            _ => return Err(unknown()),
        };
        if *asked.method != hyper::Method::POST {
            return Err(unknown());
        }
        check_credential(home, asked)?;
        Ok(Self {
            home,
            method,
            model,
        })
    }
}

fn check_credential(home: Home, asked: &Asked<'_, '_>) -> Result<(), Refusal> {
    let Some(key) = asked.config.key.as_deref() else {
        return Ok(());
    };
    let query = asked.uri.query().unwrap_or_default();
    let given = match home {
        Home::Vertex => bearer(asked.headers),
        Home::Gemini => header(asked.headers, "x-goog-api-key")
            .or_else(|| query.split('&').find_map(|pair| pair.strip_prefix("key="))),
    };
    match given {
        Some(given) if given == key => Ok(()),
        None if home == Home::Gemini => Err(errors::unregistered()),
        _ => Err(errors::failure(home, Failing::Authentication)),
    }
}

impl Endpoint for Served<'_> {
    fn answer(&self, context: &Context<'_>, body: &[u8]) -> Result<Answer, Refusal> {
        let request: Value = serde_json::from_slice(body)
            .map_err(|error| errors::invalid(format!("Invalid JSON payload received. {error}")))?;
        let models = &context.config.models;
        if !models.is_empty() && !models.iter().any(|known| known == self.model) {
            let mut refusal = errors::failure(self.home, Failing::NotFound);
            refusal.message = format!(
                "models/{} is not found for API version v1beta, or is not supported for this method. Call ListModels to see the list of available models and their supported methods.",
                self.model
            );
            return Err(refusal);
        }
        let request = check::named(self.method, request);
        check::check(self.method, self.model, &request)?;
        check::check_home(self.home.name(), &request)?;
        match self.method {
            Method::Embed => Ok(whole(&embed::one(&request, 0), 0)),
            Method::BatchEmbed => Ok(whole(&embed::batch(&request), 0)),
            Method::CountTokens => {
                let wish = wish(self.model, &request);
                let reply = Reply::to(&wish, context, body.len());
                Ok(whole(&answer::counted(reply.usage.prompt), 0))
            }
            Method::Generate => {
                let generated = self.generate(context, &request, body.len());
                Ok(whole(&generated.whole(), generated.tokens()))
            }
            Method::Stream(true) => {
                let generated = self.generate(context, &request, body.len());
                Ok(Answer::Stream(generated.stream()))
            }
            Method::Stream(false) => {
                let generated = self.generate(context, &request, body.len());
                let chunks = Value::Array(generated.chunks());
                Ok(whole(&chunks, generated.tokens()))
            }
        }
    }
}

impl Served<'_> {
    fn generate(&self, context: &Context<'_>, request: &Value, body_bytes: usize) -> Generated {
        let wish = wish(self.model, request);
        let reply = Reply::to(&wish, context, body_bytes);
        Generated::new(request, &wish, (reply, self.home.name()), context)
    }
}

fn whole(value: &Value, tokens: usize) -> Answer {
    Answer::Whole {
        body: Bytes::from(value.to_string()),
        tokens,
    }
}

/// An answer to a prompt that is blocked: without candidates.
fn blocked(reason: Option<&str>, stream: bool) -> Answer {
    let answer = json!({
        "promptFeedback": {"blockReason": reason.unwrap_or("SAFETY")},
        "usageMetadata": {"promptTokenCount": 10, "totalTokenCount": 10},
        "modelVersion": "gemini", "responseId": "blocked",
    });
    if !stream {
        return whole(&answer, 0);
    }
    let mut events = Events::default();
    events.push(|out| out.extend_from_slice(answer.to_string().as_bytes()));
    Answer::Stream(events.with_crlf())
}

fn stream_error(home: Home, kind: Option<&str>, events: &mut Events) {
    let refusal = errors::of_status_word(home, kind.unwrap_or("UNAVAILABLE"));
    let error = errors::body(&refusal);
    let mut one = Events::default();
    one.push(|out| out.extend_from_slice(error.to_string().as_bytes()));
    let framed = one
        .with_crlf()
        .pieces(&crate::providers::script::Script::default());
    events.push_frame(&framed.bytes);
}

macro_rules! google {
    ($dialect:ty, $home:expr, $server:literal) => {
        impl Dialect for $dialect {
            fn route<'a>(&self, asked: &Asked<'a, '_>) -> Result<Box<dyn Endpoint + 'a>, Refusal> {
                Ok(Box::new(Served::find($home, asked)?))
            }

            fn failure(&self, failing: Failing) -> Refusal {
                errors::failure($home, failing)
            }

            fn error_body(&self, refusal: &Refusal, _sequence: u64) -> String {
                errors::body(refusal).to_string()
            }

            /// The hint is in the body.
            fn error_headers(&self, _refusal: &Refusal, _retry_after_s: Option<u64>) -> Headers {
                Headers::new()
            }

            fn hinted(&self, refusal: &Refusal, retry_after_s: Option<u64>) -> Refusal {
                errors::hinted(refusal, retry_after_s)
            }

            fn stream_error(&self, kind: Option<&str>, events: &mut Events) {
                stream_error($home, kind, events);
            }

            fn blocked(&self, reason: Option<&str>, stream: bool) -> Result<Answer, Refusal> {
                Ok(blocked(reason, stream))
            }

            fn stream_type(&self) -> &'static str {
                "text/event-stream"
            }

            fn headers(&self, name: &str) -> Headers {
                vec![
                    ("server", $server.to_owned()),
                    ("server-timing", "gfet4t7; dur=42".to_owned()),
                    ("x-frame-options", "SAMEORIGIN".to_owned()),
                    ("x-goog-demo", name.to_owned()),
                    ("alt-svc", "h3=\":443\"; ma=2592000".to_owned()),
                ]
            }

            fn id_header(&self) -> Option<&'static str> {
                None
            }
        }
    };
}

google!(Gemini, Home::Gemini, "scaffolding on HTTPServer2");
google!(Vertex, Home::Vertex, "ESF");
