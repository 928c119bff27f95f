//! What an OpenAI-shaped provider answers: `chat.completion` and `chat.completion.chunk` of OpenAI's
//! OpenAPI document, and where compatible vendors put the same things.
//!
//! Reasoning is `reasoning_content` (DeepSeek, Qwen, Kimi, GLM, Doubao, vLLM), `reasoning` (Groq,
//! Ollama, newer vLLM, OpenRouter) or `reasoning_details` (OpenRouter); usage is at the top, in
//! `choices[0]` (Kimi) or in `x_groq` (Groq).

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::lenient::{Content, Count, Few, JsonText, Many, Maybe, Text};
use crate::loss::Field;
use crate::present::Present;
use crate::usage::Usage;

/// An answer, or a chunk of one. What most chunks have not is boxed: the rest is moved about for each
/// of them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) object: Text<'a>,
    pub(super) created: Count,
    #[serde(borrow)]
    pub(super) model: Text<'a>,
    #[serde(borrow)]
    pub(super) choices: Few<Choice<'a>>,
    usage: Maybe<Box<WireUsage>>,
    x_groq: Maybe<Box<XGroq>>,
    #[serde(borrow)]
    pub(super) service_tier: Text<'a>,
    pub(super) error: Option<IgnoredAny>,
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) message: Text<'a>,
    pub(super) base_resp: Maybe<Box<BaseResponse>>,
    /// Sources beside the answer: of xAI and Perplexity, and of GLM.
    citations: Present,
    web_search: Present,
}

impl Answer<'_> {
    /// Whether it names sources beside what is said.
    pub(super) fn has_sources(&self) -> bool {
        self.citations.0 || self.web_search.0
    }

    /// The usage, wherever it stands.
    pub(super) fn usage(&self) -> Option<Usage> {
        let top = self.usage.0.as_ref().and_then(|usage| usage.read());
        let groq = || self.x_groq.0.as_ref()?.usage.0.as_ref()?.read();
        let choice = || {
            let mut choices = self.choices.iter();
            choices.find_map(|choice| choice.usage.0.as_ref()?.read())
        };
        top.or_else(groq).or_else(choice)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct XGroq {
    usage: Maybe<Box<WireUsage>>,
}

/// How MiniMax says that something went wrong, with a 200.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct BaseResponse {
    pub(super) status_code: Count,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Choice<'a> {
    pub(super) index: Count,
    #[serde(borrow)]
    pub(super) delta: Maybe<Said<'a>>,
    #[serde(borrow)]
    pub(super) message: Maybe<Box<Said<'a>>>,
    pub(super) logprobs: Option<Box<Value>>,
    #[serde(borrow)]
    pub(super) finish_reason: Text<'a>,
    usage: Maybe<Box<WireUsage>>,
}

/// A message, or a piece of one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Said<'a> {
    #[serde(borrow)]
    pub(super) content: Content<'a>,
    #[serde(borrow)]
    pub(super) reasoning_content: Text<'a>,
    #[serde(borrow)]
    pub(super) reasoning: Text<'a>,
    #[serde(borrow)]
    pub(super) reasoning_details: Many<Detail<'a>>,
    #[serde(borrow)]
    pub(super) refusal: Text<'a>,
    #[serde(borrow)]
    pub(super) audio: Maybe<Box<Sound<'a>>>,
    #[serde(borrow)]
    pub(super) tool_calls: Many<Call<'a>>,
    #[serde(borrow)]
    pub(super) function_call: Maybe<Box<Function<'a>>>,
    annotations: Present,
    /// Of OpenRouter and of vendors whose models draw.
    images: Present,
}

impl Said<'_> {
    /// Tells of what no other dialect has a place for.
    pub(super) fn foreign(&self, mut note: impl FnMut(Field)) {
        let sound = self.audio.0.as_ref();
        let odd = self.content.odd;
        if self.annotations.0 || odd.references {
            note(Field::AnswerAnnotations);
        }
        if self.images.0 || odd.images {
            note(Field::AnswerImages);
        }
        if sound.is_some_and(|sound| sound.data.0) {
            note(Field::AnswerAudio);
        }
        if odd.others {
            note(Field::AnswerOther);
        }
    }
}

/// What the model spoke: only its words have a place elsewhere.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sound<'a> {
    #[serde(borrow)]
    pub(super) transcript: Text<'a>,
    data: Present,
}

/// An element of `reasoning_details`, as OpenRouter documents it, and `span`, which is ours.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Detail<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    #[serde(borrow)]
    pub(super) summary: Text<'a>,
    #[serde(borrow)]
    pub(super) signature: Text<'a>,
    #[serde(borrow)]
    pub(super) data: Text<'a>,
    #[serde(borrow)]
    pub(super) format: Text<'a>,
    pub(super) index: Count,
    pub(super) span: Maybe<Span>,
}

/// Which bytes of `reasoning_content` a detail is about.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Span {
    pub(super) start: Count,
    pub(super) end: Count,
}

/// A tool call, or a piece of one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Call<'a> {
    pub(super) index: Count,
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) function: Maybe<Function<'a>>,
    #[serde(borrow)]
    pub(super) extra_content: Maybe<Extra<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Function<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) arguments: JsonText<'a>,
}

/// Where Google's OpenAI endpoint puts what only Google has.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Extra<'a> {
    #[serde(borrow)]
    pub(super) google: Maybe<GoogleExtra<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct GoogleExtra<'a> {
    #[serde(borrow)]
    pub(super) thought_signature: Text<'a>,
}

/// `usage` in every vendor's words.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WireUsage {
    prompt_tokens: Count,
    input_tokens: Count,
    completion_tokens: Count,
    output_tokens: Count,
    total_tokens: Count,
    prompt_tokens_details: Maybe<InputDetails>,
    completion_tokens_details: Maybe<OutputDetails>,
    /// As Responses call them.
    input_tokens_details: Maybe<InputDetails>,
    output_tokens_details: Maybe<OutputDetails>,
    /// Kimi.
    cached_tokens: Count,
    /// DeepSeek.
    prompt_cache_hit_tokens: Count,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct InputDetails {
    cached_tokens: Count,
    cache_write_tokens: Count,
    audio_tokens: Count,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    reasoning_tokens: Count,
    audio_tokens: Count,
}

impl WireUsage {
    /// `None` when it counts neither input nor output.
    pub(crate) fn read(&self) -> Option<Usage> {
        let input = self.prompt_tokens.0.or(self.input_tokens.0);
        let output = self.completion_tokens.0.or(self.output_tokens.0);
        input.or(output)?;
        let (input, output) = (input.unwrap_or_default(), output.unwrap_or_default());
        let of_input = self.prompt_tokens_details.0.as_ref();
        let of_input = of_input.or(self.input_tokens_details.0.as_ref());
        let of_output = self.completion_tokens_details.0.as_ref();
        let of_output = of_output.or(self.output_tokens_details.0.as_ref());
        let reasoning = of_output.and_then(|d| d.reasoning_tokens.0);
        let reasoning = reasoning.unwrap_or_default();
        // xAI counts reasoning in the total only.
        let beside =
            self.total_tokens.0 == Some(input.saturating_add(output).saturating_add(reasoning));
        Some(Usage {
            input_tokens: input,
            output_tokens: if beside {
                output.saturating_add(reasoning)
            } else {
                output
            },
            cached_tokens: of_input
                .and_then(|d| d.cached_tokens.0)
                .or(self.cached_tokens.0)
                .or(self.prompt_cache_hit_tokens.0)
                .unwrap_or_default(),
            cache_creation_tokens: of_input
                .and_then(|d| d.cache_write_tokens.0)
                .unwrap_or_default(),
            reasoning_tokens: reasoning,
            input_audio_tokens: of_input.and_then(|d| d.audio_tokens.0).unwrap_or_default(),
            output_audio_tokens: of_output.and_then(|d| d.audio_tokens.0).unwrap_or_default(),
        })
    }
}
