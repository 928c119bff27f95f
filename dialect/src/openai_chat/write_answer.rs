//! A whole answer for a client of Chat Completions.

use serde::Serialize;
use serde_json::{Map, Value};

use super::finish::{self, Said};
use super::frame::{Head, UsageOut};
use super::reasoning::{self, DetailOut};
use crate::chat::{AnswerContext, ChatAnswer, Choice, Maker, Part, Signature};

/// What every id of an answer begins with.
pub(super) const ID_PREFIX: &str = "chatcmpl-";

/// Writes a `chat.completion` (OpenAI's `CreateChatCompletionResponse`).
///
/// Texts of one choice are joined; parts that the dialect has no place for, such as images, are left
/// out. Reasoning is `reasoning_content`, its signatures are `reasoning_details`.
#[must_use]
pub fn write_answer(answer: &ChatAnswer, context: &AnswerContext) -> Vec<u8> {
    let said = (
        answer.id.as_deref(),
        answer.created,
        answer.model.as_deref(),
    );
    let head = Head::new(context, ID_PREFIX, said);
    let legacy = context.request.legacy_functions;
    let choices = answer.choices.iter().enumerate();
    let body = Body {
        id: &head.id,
        object: "chat.completion",
        created: head.created,
        model: &head.model,
        choices: choices
            .map(|(index, written)| choice(index, written, legacy))
            .collect(),
        usage: answer.usage.as_ref().map(UsageOut::from),
        service_tier: answer.service_tier.as_deref().and_then(tier),
    };
    serde_json::to_vec(&body).unwrap_or_default()
}

#[derive(Serialize)]
struct Body<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<ChoiceOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
}

#[derive(Serialize)]
struct ChoiceOut<'a> {
    index: usize,
    message: MessageOut<'a>,
    logprobs: Option<Logprobs<'a>>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct MessageOut<'a> {
    role: &'static str,
    content: Option<String>,
    refusal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasoning_details: Vec<DetailOut<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<CallOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<FunctionOut<'a>>,
}

/// A tool call, or in a stream its beginning, which has an index.
#[derive(Debug, Serialize)]
pub(super) struct CallOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) index: Option<u32>,
    pub(super) id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    pub(super) function: FunctionOut<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<Extra<'a>>,
}

#[derive(Debug, Serialize)]
pub(super) struct FunctionOut<'a> {
    name: &'a str,
    arguments: &'a str,
}

#[derive(Debug, Serialize)]
struct Extra<'a> {
    google: Google<'a>,
}

#[derive(Debug, Serialize)]
struct Google<'a> {
    thought_signature: &'a str,
}

impl<'a> CallOut<'a> {
    pub(super) fn new(
        id: &'a str,
        function: FunctionOut<'a>,
        signature: Option<&'a Signature>,
    ) -> Self {
        let google = signature.filter(|signature| signature.maker == Maker::Google);
        Self {
            index: None,
            id,
            kind: "function",
            function,
            extra_content: google.map(|signature| Extra {
                google: Google {
                    thought_signature: &signature.data,
                },
            }),
        }
    }
}

impl<'a> FunctionOut<'a> {
    /// The beginning of a call.
    pub(super) fn begun(name: &'a str) -> Self {
        let arguments = "";
        Self { name, arguments }
    }

    fn whole(name: &'a str, arguments: &'a str) -> Self {
        let arguments = if arguments.is_empty() {
            "{}"
        } else {
            arguments
        };
        Self { name, arguments }
    }
}

/// OpenAI's `logprobs`, of which both members must be there.
#[derive(Debug, Serialize)]
pub(super) struct Logprobs<'a> {
    content: Option<&'a Value>,
    refusal: Option<&'a Value>,
}

impl<'a> Logprobs<'a> {
    pub(super) fn new(logprobs: &'a Value) -> Option<Self> {
        let logprobs: &Map<String, Value> = logprobs.as_object()?;
        Some(Self {
            content: logprobs.get("content"),
            refusal: logprobs.get("refusal"),
        })
    }
}

/// OpenAI's word for a class of service, if it has one.
pub(super) fn tier(word: &str) -> Option<&'static str> {
    const WORDS: [&str; 6] = ["auto", "default", "flex", "scale", "priority", "fast"];
    match word {
        // Anthropic's.
        "standard" => Some("default"),
        _ => WORDS.into_iter().find(|known| *known == word),
    }
}

fn choice(index: usize, choice: &Choice, legacy: bool) -> ChoiceOut<'_> {
    let (mut text, mut thought, mut refusal) = (None, None, None);
    let mut tool_calls = Vec::new();
    let mut function_call = None;
    let join = |to: &mut Option<String>, text: &str| {
        to.get_or_insert_default().push_str(text);
    };
    for part in &choice.parts {
        match part {
            Part::Text { text: piece, .. } => join(&mut text, piece),
            Part::Reasoning { text: piece, .. } if !piece.is_empty() => join(&mut thought, piece),
            Part::Refusal { text: piece } => join(&mut refusal, piece),
            Part::ToolCall {
                id,
                name,
                arguments,
                signature,
                ..
            } => {
                let function = FunctionOut::whole(name, arguments);
                if legacy {
                    // The old form has room for one.
                    function_call.get_or_insert(function);
                } else {
                    tool_calls.push(CallOut::new(id, function, signature.as_ref()));
                }
            }
            Part::Reasoning { .. }
            | Part::RedactedReasoning { .. }
            | Part::Image { .. }
            | Part::File { .. }
            | Part::Audio { .. }
            | Part::ToolResult { .. }
            | Part::Foreign { .. } => {}
        }
    }
    let said = Said {
        calls: function_call.is_some() || !tool_calls.is_empty(),
        refusal: refusal.is_some(),
        legacy,
    };
    if !said.calls && !said.refusal {
        text.get_or_insert_default();
    }
    ChoiceOut {
        index,
        message: MessageOut {
            role: "assistant",
            content: text,
            refusal,
            reasoning_content: thought,
            reasoning_details: reasoning::details(&choice.parts),
            tool_calls,
            function_call,
        },
        logprobs: choice.logprobs.as_ref().and_then(Logprobs::new),
        finish_reason: finish::word(&choice.finish, said),
    }
}
