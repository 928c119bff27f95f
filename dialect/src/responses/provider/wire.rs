//! What a provider answers: `Response` and `ResponseStreamEvent` of OpenAI's OpenAPI document.

use serde::Deserialize;
use serde_json::Value;

use crate::chat::{Maker, Part, Signature};
use crate::loss::Field;
use crate::openai_chat::lenient::{Count, JsonText, Many, Maybe, Text};
use crate::openai_chat::wire::WireUsage;
use crate::present::Present;
use crate::provider_error::ProviderError;
use crate::responses::signature::named;

/// An event. What most have not is boxed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Event<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    pub(super) output_index: Count,
    #[serde(borrow)]
    pub(super) delta: Text<'a>,
    #[serde(borrow)]
    pub(super) arguments: Text<'a>,
    pub(super) logprobs: Many<Value>,
    #[serde(borrow)]
    pub(super) item: Maybe<Box<Item<'a>>>,
    #[serde(borrow)]
    pub(super) response: Maybe<Box<Response<'a>>>,
    /// Of errors that have no type.
    pub(super) error: Present,
}

/// An answer; within a stream, as far as it has come.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Response<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) model: Text<'a>,
    pub(super) created_at: Count,
    #[serde(borrow)]
    pub(super) status: Text<'a>,
    #[serde(borrow)]
    pub(super) service_tier: Text<'a>,
    #[serde(borrow)]
    pub(super) output: Many<Item<'a>>,
    #[serde(borrow)]
    incomplete_details: Maybe<Incomplete<'a>>,
    usage: Maybe<Box<WireUsage>>,
    error: Option<Box<Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Incomplete<'a> {
    #[serde(borrow)]
    reason: Text<'a>,
}

impl Response<'_> {
    /// What it used.
    pub(super) fn usage(&self) -> Option<crate::usage::Usage> {
        self.usage.0.as_ref()?.read()
    }

    /// Why it is not whole; empty when it is, or nobody said.
    pub(super) fn cut_by(&self) -> &str {
        let details = self.incomplete_details.0.as_ref();
        details.map_or("", |details| details.reason.as_str())
    }

    /// Why it failed.
    pub(super) fn failure(&self) -> Option<ProviderError> {
        let error = self.error.as_ref();
        let failed = error.is_some() || self.status.as_str() == "failed";
        let error = error.map_or("null".to_owned(), |error| error.to_string());
        failed.then(|| ProviderError::from_value(error.as_bytes()))
    }
}

/// An item of the output.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Item<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) call_id: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) arguments: JsonText<'a>,
    #[serde(borrow)]
    pub(super) content: Many<Content<'a>>,
    #[serde(borrow)]
    summary: Many<Content<'a>>,
    #[serde(borrow)]
    encrypted_content: Text<'a>,
}

/// A part of a message, or of what was thought.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Content<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    refusal: Text<'a>,
    annotations: Present,
    pub(super) logprobs: Many<Value>,
}

impl Item<'_> {
    /// What it says, but for its proof, and what of it no other dialect has a place for.
    pub(super) fn parts(&self, say: &mut dyn FnMut(Result<Part, Field>)) {
        match self.kind.as_str() {
            "message" => {
                for part in &self.content.0 {
                    part.read(say);
                }
            }
            "reasoning" => {
                let text = self.thought();
                let signature = self.proof();
                if !text.is_empty() || signature.is_some() {
                    say(Ok(Part::Reasoning { text, signature }));
                }
            }
            "function_call" => say(Ok(Part::ToolCall {
                id: self.call_id.as_str().to_owned(),
                name: self.name.as_str().to_owned(),
                arguments: self.arguments.0.as_str().to_owned(),
                cache: None,
                signature: None,
            })),
            "image_generation_call" => say(Err(Field::AnswerImages)),
            kind if kind.ends_with("_call") || kind.starts_with("mcp_") => {
                say(Err(Field::AnswerServerTools));
            }
            kind if kind.ends_with("_output") => say(Err(Field::AnswerServerTools)),
            _ => say(Err(Field::AnswerOther)),
        }
    }

    /// What was thought: open models show it, OpenAI's a summary of it.
    fn thought(&self) -> String {
        let texts = |parts: &[Content<'_>]| -> Vec<String> {
            let texts = parts.iter().map(|part| part.text.as_str().to_owned());
            texts.collect()
        };
        let open = texts(&self.content.0).concat();
        if open.is_empty() {
            texts(&self.summary.0).join("\n\n")
        } else {
            open
        }
    }

    /// The proof of what was thought.
    pub(super) fn proof(&self) -> Option<Signature> {
        let encrypted = self.encrypted_content.as_str();
        (!encrypted.is_empty()).then(|| Signature {
            maker: Maker::Openai,
            data: named(self.id.as_str(), encrypted),
        })
    }
}

impl Content<'_> {
    fn read(&self, say: &mut dyn FnMut(Result<Part, Field>)) {
        match self.kind.as_str() {
            "output_text" | "text" => say(Ok(Part::text(self.text.as_str()))),
            "refusal" => say(Ok(Part::Refusal {
                text: self.refusal.as_str().to_owned(),
            })),
            _ => say(Err(Field::AnswerOther)),
        }
        if self.annotations.0 {
            say(Err(Field::AnswerAnnotations));
        }
    }
}

/// OpenAI's `logprobs` object, as chat knows it.
pub(super) fn odds(tokens: Vec<Value>) -> Option<Value> {
    let object = || serde_json::json!({ "content": tokens, "refusal": null });
    (!tokens.is_empty()).then(object)
}
