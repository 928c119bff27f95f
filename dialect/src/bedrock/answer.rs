//! Reading a whole answer, and what streams and answers have in common.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use super::ANSWER_TOOL;
use super::error::read_error;
use super::family::Model;
use crate::chat::{ChatAnswer, Choice, Finish, Maker, Part, Signature, Source};
use crate::loss::{Field, Losses};
use crate::present::Present;
use crate::provider_error::{ErrorClass, ProviderError};
use crate::usage::Usage;

/// Text, borrowed where it has no escapes. (Serde borrows a `Cow` only as a field of its own, not
/// within an `Option`.)
#[derive(Debug, Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(borrow)]
    output: Option<Output<'a>>,
    #[serde(borrow)]
    stop_reason: Option<Text<'a>>,
    usage: Option<TokenUsage>,
    #[serde(borrow)]
    service_tier: Option<ServiceTier<'a>>,
    additional_model_response_fields: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    message: Option<Message<'a>>,
}

#[derive(Debug, Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Vec<Block<'a>>,
}

/// `ContentBlock`, of which one member is there; of the last two only that they are there.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Block<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    tool_use: Option<ToolUse<'a>>,
    #[serde(borrow)]
    reasoning_content: Option<Reasoning<'a>>,
    #[serde(borrow)]
    citations_content: Option<Citations<'a>>,
    #[serde(borrow)]
    image: Option<Image<'a>>,
    #[serde(default)]
    audio: Present,
    #[serde(default)]
    tool_result: Present,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolUse<'a> {
    #[serde(borrow)]
    tool_use_id: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(default)]
    input: Value,
    /// `server_tool_use`: the provider ran it.
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reasoning<'a> {
    #[serde(borrow)]
    reasoning_text: Option<ReasoningText<'a>>,
    #[serde(borrow)]
    redacted_content: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
struct ReasoningText<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    signature: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
struct Citations<'a> {
    #[serde(borrow, default)]
    content: Vec<Cited<'a>>,
    #[serde(default)]
    citations: Present,
}

#[derive(Debug, Deserialize)]
struct Cited<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
struct Image<'a> {
    #[serde(borrow)]
    format: Option<Text<'a>>,
    #[serde(borrow)]
    source: Option<ImageSource<'a>>,
}

#[derive(Debug, Deserialize)]
struct ImageSource<'a> {
    #[serde(borrow)]
    bytes: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
struct ServiceTier<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
}

/// `TokenUsage`; `inputTokens` does not count what went through the cache.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct TokenUsage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_write_input_tokens: Option<u64>,
}

impl TokenUsage {
    /// By the inclusive convention.
    pub(super) fn inclusive(self) -> Usage {
        let read = self.cache_read_input_tokens.unwrap_or_default();
        let written = self.cache_write_input_tokens.unwrap_or_default();
        Usage {
            input_tokens: self
                .input_tokens
                .unwrap_or_default()
                .saturating_add(read)
                .saturating_add(written),
            output_tokens: self.output_tokens.unwrap_or_default(),
            cached_tokens: read,
            cache_creation_tokens: written,
            ..Usage::default()
        }
    }
}

/// Reads an answer of a model that is not known: signatures in it count as Bedrock's.
///
/// # Errors
/// As [`read_answer_of`].
pub fn read_answer(body: &[u8]) -> Result<ChatAnswer, ProviderError> {
    read_answer_of("", body)
}

/// Reads an answer of `model`, by its id or ARN, which decides whose its signatures are.
///
/// An answer by [`ANSWER_TOOL`] becomes text; a second one is left out.
///
/// # Errors
/// What is an error in spite of its 200 (an unknown operation, when a path is wrong), what is no
/// answer, and an answer whose model wrote what Bedrock could not parse.
pub fn read_answer_of(model: &str, body: &[u8]) -> Result<ChatAnswer, ProviderError> {
    let answer: Answer<'_> = match serde_json::from_slice(body) {
        Ok(answer) => answer,
        Err(_) => return Err(read_error(200, body)),
    };
    let message = answer.output.and_then(|output| output.message);
    let Some(message) = message else {
        return Err(read_error(200, body));
    };
    let mut reader = Reader {
        maker: Model::of(model).maker(),
        parts: Vec::with_capacity(message.content.len()),
        calls: false,
        answered: false,
        foreign: Losses::default(),
    };
    for block in message.content {
        reader.block(block);
    }
    let ending = Ending {
        reason: answer.stop_reason.as_ref().map_or("", |reason| &reason.0),
        fields: answer.additional_model_response_fields.as_ref(),
        calls: reader.calls,
        answered: reader.answered,
    };
    Ok(ChatAnswer {
        choices: vec![Choice {
            finish: ending.finish()?,
            parts: reader.parts,
            logprobs: None,
        }],
        foreign: reader.foreign,
        usage: answer.usage.map(TokenUsage::inclusive),
        service_tier: answer
            .service_tier
            .and_then(|tier| Some(tier.kind?.0.into_owned())),
        ..ChatAnswer::default()
    })
}

struct Reader {
    maker: Maker,
    parts: Vec<Part>,
    calls: bool,
    answered: bool,
    foreign: Losses,
}

impl Reader {
    fn block(&mut self, block: Block<'_>) {
        self.note_foreign(&block);
        let cited = block.citations_content.into_iter().flat_map(|c| c.content);
        let texts = block.text.into_iter().chain(cited.filter_map(|c| c.text));
        self.parts.extend(
            texts
                .filter(|text| !text.0.is_empty())
                .map(|text| Part::text(text.0)),
        );
        if let Some(call) = block.tool_use.filter(|call| call.kind.is_none()) {
            self.call(call);
        }
        if let Some(reasoning) = block.reasoning_content {
            self.reasoning(reasoning);
        }
        if let Some(image) = block.image {
            self.parts.extend(image.part());
        }
    }

    fn note_foreign(&mut self, block: &Block<'_>) {
        let cited = block.citations_content.as_ref();
        let cites = cited.is_some_and(|cited| cited.citations.0);
        let tool = block.tool_use.as_ref();
        let served = tool.is_some_and(|tool| tool.kind.is_some()) || block.tool_result.0;
        self.foreign.note_if(cites, Field::AnswerAnnotations);
        self.foreign.note_if(block.audio.0, Field::AnswerAudio);
        self.foreign.note_if(served, Field::AnswerServerTools);
    }

    fn call(&mut self, call: ToolUse<'_>) {
        let arguments = Some(call.input).filter(|input| !input.is_null());
        let arguments = arguments.map_or_else(String::new, |input| input.to_string());
        if call.name != ANSWER_TOOL {
            self.calls = true;
            return self.parts.push(Part::ToolCall {
                id: call.tool_use_id.into_owned(),
                name: call.name.into_owned(),
                arguments,
                cache: None,
                signature: None,
            });
        }
        if !std::mem::replace(&mut self.answered, true) {
            self.parts.push(Part::text(match arguments.is_empty() {
                true => "{}".to_owned(),
                false => arguments,
            }));
        }
    }

    fn reasoning(&mut self, reasoning: Reasoning<'_>) {
        let sign = |data: Text<'_>| Signature {
            maker: self.maker,
            data: data.0.into_owned(),
        };
        if let Some(shown) = reasoning.reasoning_text {
            let signature = shown.signature.filter(|data| !data.0.is_empty()).map(sign);
            let text = shown
                .text
                .map_or_else(String::new, |text| text.0.into_owned());
            if signature.is_some() || !text.is_empty() {
                self.parts.push(Part::Reasoning { text, signature });
            }
        }
        if let Some(data) = reasoning.redacted_content {
            let signature = sign(data);
            self.parts.push(Part::RedactedReasoning { signature });
        }
    }
}

impl Image<'_> {
    fn part(self) -> Option<Part> {
        let data = self.source?.bytes?.0.into_owned();
        Some(Part::Image {
            source: Source::Base64 {
                media_type: format!("image/{}", self.format?.0),
                data,
            },
            detail: None,
            cache: None,
        })
    }
}

/// How an answer ended.
pub(super) struct Ending<'a> {
    /// `StopReason`.
    pub(super) reason: &'a str,
    /// `additionalModelResponseFields`.
    pub(super) fields: Option<&'a Value>,
    /// Whether tools of the client are called.
    pub(super) calls: bool,
    /// Whether the answer was given by [`ANSWER_TOOL`].
    pub(super) answered: bool,
}

impl Ending<'_> {
    /// Why the model stopped. A model that is not done although it says so calls tools: some say
    /// `end_turn` then. Output that Bedrock could not parse is an error, for it is not there.
    pub(super) fn finish(&self) -> Result<Finish, ProviderError> {
        Ok(match self.reason {
            "max_tokens" => Finish::Length,
            "model_context_window_exceeded" => Finish::ContextWindow,
            "guardrail_intervened" | "content_filtered" => Finish::ContentFilter,
            "refusal" => Finish::Refusal,
            "pause_turn" => Finish::Pause,
            "malformed_model_output" | "malformed_tool_use" => {
                return Err(ProviderError::new(
                    ErrorClass::Server,
                    "The model's output could not be read by the provider.",
                ));
            }
            _ if self.calls => Finish::ToolCalls,
            "stop_sequence" => Finish::StopSequence(self.stop_sequence()),
            "tool_use" if !self.answered => Finish::ToolCalls,
            _ => Finish::Stop,
        })
    }

    fn stop_sequence(&self) -> Option<String> {
        let fields = self.fields?;
        ["/stop_sequence", "/delta/stop_sequence"]
            .into_iter()
            .find_map(|path| fields.pointer(path)?.as_str())
            .map(str::to_owned)
    }
}
