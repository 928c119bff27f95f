//! Vendors that speak OpenAI's chat API with quirks of their own. A vendor is a row of [`VENDORS`].

mod check;
mod errors;
mod table;
mod words;

use super::config::ProviderConfig;
use super::dialect::{Answer, Asked, Dialect, Endpoint, Headers};
use super::openai::errors as openai;
use super::openai::route::{Flavour, Served};
use super::refusal::{Failing, Refusal};
use super::sse::Events;
pub(super) use table::{VENDORS, find};

/// How a vendor departs from OpenAI's chat API.
#[derive(Debug, PartialEq)]
pub(super) struct Vendor {
    /// Its name in configurations.
    pub(super) name: &'static str,
    /// The path before the API's own, with both slashes.
    pub(super) base: &'static str,
    /// All that a request may hold, where anything else is refused.
    pub(super) known: Option<&'static [&'static str]>,
    /// What it refuses, of what OpenAI takes.
    pub(super) refuses: &'static [Refuses],
    /// The roles that it knows.
    pub(super) roles: &'static [&'static str],
    /// The kinds of content parts that it takes.
    pub(super) parts: &'static [&'static str],
    /// The highest temperature.
    pub(super) hottest: f64,
    /// The most stop sequences.
    pub(super) stops: usize,
    /// Whether ids of tool calls must be nine letters and digits, as its own are.
    pub(super) short_call_ids: bool,
    /// The status of its word on a body that it does not understand.
    pub(super) misread: u16,
    /// How it words errors.
    pub(super) errors: ErrorForm,
    /// The member with the model's reasoning.
    pub(super) reasoning: Option<&'static str>,
    /// Where a stream has its usage.
    pub(super) usage: UsagePlace,
    /// How it tells cached tokens.
    pub(super) cache: CacheWord,
}

/// Something that a vendor refuses though OpenAI takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refuses {
    /// This parameter.
    Param(&'static str),
    /// This parameter in messages.
    MessageParam(&'static str),
    /// More than one choice.
    Choices,
    /// `tool_choice` of this word; `function` for a named one.
    ToolChoice(&'static str),
    /// `response_format` of this type.
    Format(&'static str),
    /// JSON mode without the word in the conversation.
    JsonWithoutWord,
    /// Images that are not in the request itself.
    ImageUrl,
    /// `enable_thinking` without a stream.
    ThinkingWithoutStream,
}

/// How a vendor words errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ErrorForm {
    /// As OpenAI.
    OpenAi,
    /// `{"object":"error","message":…}`, and a list of details for bodies not understood.
    Mistral,
    /// As OpenAI, with a `request_id` beside the error.
    Qwen,
    /// `{"error":{"code":"1214","message":…}}`.
    Glm,
    /// `{"error":{"message":…,"type":…}}`.
    Short,
    /// As OpenAI, with words like `InvalidParameter` for codes.
    Doubao,
    /// `{"type":"error","error":{"type":…,"message":…,"http_code":…}}`; `base_resp` in a 200.
    Minimax,
    /// As OpenAI, with the status as the code.
    Numeric,
}

/// Where a stream has its usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UsagePlace {
    /// In a chunk of its own without choices, when asked for.
    Asked,
    /// Always in the last chunk with a choice.
    LastChunk,
    /// Always in the last choice, and in a chunk of its own when asked for.
    LastChoice,
    /// Always in the last chunk's `x_groq`, and in a chunk of its own when asked for.
    XGroq,
}

/// How a vendor tells cached tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CacheWord {
    /// `prompt_tokens_details.cached_tokens`.
    Details,
    /// `prompt_cache_hit_tokens` and `prompt_cache_miss_tokens` as well.
    HitMiss,
    /// `cached_tokens`.
    Flat,
    /// Not at all.
    None,
}

impl Eq for Vendor {}

/// A vendor's API.
#[derive(Clone, Copy, Debug)]
pub(super) struct Compatible(&'static Vendor);

impl Compatible {
    /// That of `config`'s vendor, which the configuration has checked to be there.
    pub(super) fn of(config: &ProviderConfig) -> Self {
        let named = config.vendor.as_deref().and_then(find);
        Self(named.unwrap_or(&VENDORS[0]))
    }
}

impl Dialect for Compatible {
    fn route<'a>(&self, asked: &Asked<'a, '_>) -> Result<Box<dyn Endpoint + 'a>, Refusal> {
        Ok(Box::new(Served::find(Flavour::Vendor(self.0), asked)?))
    }

    fn failure(&self, failing: Failing) -> Refusal {
        self.0.failure(failing)
    }

    fn error_body(&self, refusal: &Refusal, sequence: u64) -> String {
        self.0.error_body(refusal, sequence).to_string()
    }

    fn error_headers(&self, _refusal: &Refusal, retry_after_s: Option<u64>) -> Headers {
        match retry_after_s {
            Some(seconds) => vec![("retry-after", seconds.to_string())],
            None => Vec::new(),
        }
    }

    fn stream_error(&self, kind: Option<&str>, events: &mut Events) {
        match kind {
            Some(kind) => openai::stream_error(Some(kind), events),
            None => {
                let error = self.error_body(&self.failure(Failing::Server), 0);
                events.push(|out| out.extend_from_slice(error.as_bytes()));
            }
        }
    }

    fn hidden_error(&self) -> String {
        self.0.hidden_error().to_string()
    }

    fn blocked(&self, _reason: Option<&str>, _stream: bool) -> Result<Answer, Refusal> {
        Err(self.failure(Failing::ContentPolicy))
    }

    fn headers(&self, name: &str) -> Headers {
        vec![
            ("server", self.0.name.to_owned()),
            ("x-ratelimit-limit-requests", "600".to_owned()),
            ("x-ratelimit-remaining-requests", "599".to_owned()),
            ("set-cookie", format!("session={name}; path=/; HttpOnly")),
        ]
    }

    fn id_header(&self) -> Option<&'static str> {
        Some("x-request-id")
    }
}
