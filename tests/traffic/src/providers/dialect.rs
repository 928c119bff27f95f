//! What differs from one kind of provider to another: paths, credentials, bodies and errors.

use std::fmt::Debug;

use bytes::Bytes;
use hyper::{HeaderMap, Method, Uri};
use serde_json::Value;

use super::anthropic::Anthropic;
use super::bedrock::Bedrock;
use super::bill::Told;
use super::config::{Kind, ProviderConfig};
use super::gemini::{Gemini, Vertex};
use super::openai::{Azure, OpenAi};
use super::refusal::{Failing, Refusal};
use super::script::Script;
use super::sse::Events;
use super::vendors::Compatible;

/// A request as it came; endpoints may keep what its path names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a, 'b> {
    pub(super) config: &'b ProviderConfig,
    pub(super) method: &'b Method,
    pub(super) uri: &'a Uri,
    pub(super) headers: &'b HeaderMap,
    pub(super) body: &'b [u8],
}

/// What an answer depends on besides the request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    pub(super) config: &'a ProviderConfig,
    pub(super) script: &'a Script,
    pub(super) sequence: u64,
    /// Text to answer with in place of the ordinary sentence.
    pub(super) text: Option<&'a str>,
    /// What the answer costs, for the provider's own books.
    pub(super) told: &'a Told,
}

/// An answer with status 200.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// A JSON body that took this many tokens to make.
    Whole { body: Bytes, tokens: usize },
    /// A stream.
    Stream(Events),
}

/// An endpoint that was found and may be used.
pub(super) trait Endpoint: Send + Sync {
    /// Answers `body`, or says what is wrong with it.
    fn answer(&self, context: &Context<'_>, body: &[u8]) -> Result<Answer, Refusal>;

    /// Appends an error to a stream of this endpoint, if it has another form than the dialect's others.
    fn stream_error(&self, _kind: Option<&str>, _events: &mut Events) -> bool {
        false
    }
}

/// The API of one kind of provider.
pub(super) trait Dialect: Debug + Send + Sync {
    /// Finds the endpoint and checks the credential.
    fn route<'a>(&self, asked: &Asked<'a, '_>) -> Result<Box<dyn Endpoint + 'a>, Refusal>;

    /// What this provider says when it fails in this way.
    fn failure(&self, failing: Failing) -> Refusal;

    /// What it says when it fails with `status`.
    fn failed(&self, status: u16) -> Refusal {
        self.failure(Failing::of_status(status)).with_status(status)
    }

    /// The body of an error answer.
    fn error_body(&self, refusal: &Refusal, sequence: u64) -> String;

    /// The headers of an error answer; `retry_after_s` is the hint for the client, if any.
    fn error_headers(&self, refusal: &Refusal, retry_after_s: Option<u64>) -> Headers;

    /// The same refusal, with the hint in its body where this dialect has it there.
    fn hinted(&self, refusal: &Refusal, _retry_after_s: Option<u64>) -> Refusal {
        refusal.clone()
    }

    /// Appends an error to a stream that has begun, of the dialect's own type `kind` if given.
    fn stream_error(&self, kind: Option<&str>, events: &mut Events);

    /// An error as the body of an answer with status 200.
    fn hidden_error(&self) -> String {
        self.error_body(&self.failure(Failing::Server), 0)
    }

    /// What stands for an answer when the prompt is blocked; a refusal, or an answer that says so.
    fn blocked(&self, reason: Option<&str>, stream: bool) -> Result<Answer, Refusal>;

    /// The content type of streams.
    fn stream_type(&self) -> &'static str {
        "text/event-stream; charset=utf-8"
    }

    /// The headers of every answer, as real vendors add them.
    fn headers(&self, name: &str) -> Headers;

    /// The header that carries the provider's own id of a request.
    fn id_header(&self) -> Option<&'static str>;
}

/// Header names and values.
pub(super) type Headers = Vec<(&'static str, String)>;

/// The dialect that `config`'s provider speaks.
pub(super) fn dialect(config: &ProviderConfig) -> Box<dyn Dialect> {
    match config.kind {
        Kind::Openai => Box::new(OpenAi),
        Kind::AzureOpenai => Box::new(Azure),
        Kind::OpenaiCompatible => Box::new(Compatible::of(config)),
        Kind::Anthropic => Box::new(Anthropic),
        Kind::Gemini => Box::new(Gemini),
        Kind::Vertex => Box::new(Vertex),
        Kind::Bedrock => Box::new(Bedrock),
    }
}

/// The value of `name`, if it is text.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The token of `authorization: Bearer …`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    header(headers, "authorization")?.strip_prefix("Bearer ")
}

/// Sets a member of an object; nothing else has members.
pub(super) fn set(object: &mut Value, name: &str, value: impl Into<Value>) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value.into());
    }
}
