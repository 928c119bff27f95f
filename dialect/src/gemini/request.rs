//! Writing a request.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::config::{GenerationConfig, generation_config};
use super::contents::contents;
use super::generation::{Generation, Size};
use super::tools::{ToolConfig, ToolSet, tools};
use crate::chat::{ChatRequest, TargetFacts, Written};
use crate::loss::{Field, Losses};

/// The body of `generateContent` and `streamGenerateContent`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body<'a> {
    /// Only within a `countTokens` body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<String>,
    pub(super) contents: Vec<Content<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) system_instruction: Option<Instruction<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tools: Vec<ToolSet<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_config: Option<ToolConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) generation_config: Option<GenerationConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) service_tier: Option<&'static str>,
}

/// `Content` without a role.
#[derive(Serialize)]
pub(super) struct Instruction<'a> {
    pub(super) parts: Vec<Part<'a>>,
}

#[derive(Serialize)]
pub(super) struct Content<'a> {
    pub(super) role: &'static str,
    pub(super) parts: Vec<Part<'a>>,
}

/// A part: one of its members, and a signature.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) thought: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inline_data: Option<Blob<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file_data: Option<FileData<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function_call: Option<FunctionCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function_response: Option<FunctionResponse<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thought_signature: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Blob<'a> {
    pub(super) mime_type: Cow<'a, str>,
    pub(super) data: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileData<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mime_type: Option<&'static str>,
    pub(super) file_uri: &'a str,
}

#[derive(Serialize)]
pub(super) struct FunctionCall<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
    pub(super) name: &'a str,
    pub(super) args: Args<'a>,
}

#[derive(Serialize)]
pub(super) struct FunctionResponse<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
    pub(super) name: &'a str,
    pub(super) response: Outcome,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) parts: Vec<Part<'a>>,
}

/// A call's arguments: an object.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Args<'a> {
    /// As the client wrote it, numbers and all.
    Raw(&'a RawValue),
    /// None.
    None {},
    /// What is no object, in one.
    Wrapped { arguments: &'a str },
}

impl<'a> Args<'a> {
    /// Arguments as the object that Gemini wants.
    pub(super) fn of(arguments: &'a str) -> Self {
        if arguments.trim().is_empty() {
            return Self::None {};
        }
        match serde_json::from_str::<&RawValue>(arguments) {
            Ok(raw) if raw.get().starts_with('{') => Self::Raw(raw),
            Ok(_) | Err(_) => Self::Wrapped { arguments },
        }
    }
}

/// What a tool gave back: an object.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    Result(Said),
    Error(Said),
}

/// What a tool said.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Said {
    /// JSON, as the client wrote it.
    Raw(Box<RawValue>),
    Text(String),
}

impl<'a> Part<'a> {
    pub(super) fn text(text: &'a str) -> Self {
        Self {
            text: Some(Cow::Borrowed(text)),
            ..Self::default()
        }
    }
}

/// What is known of the model that a body is written for.
#[derive(Clone, Copy)]
pub(super) struct Model {
    pub(super) generation: Generation,
    pub(super) size: Size,
}

impl Model {
    pub(super) fn of(target: &TargetFacts<'_>) -> Self {
        let name = target.model.to_ascii_lowercase();
        Self {
            generation: Generation::of(&name),
            size: Size::of(&name),
        }
    }
}

/// Writes a request; the path ([`super::path`]) names the model and says whether it streams.
///
/// - System and developer turns make the `systemInstruction`, in order. One that stood after the
///   conversation began moves there too and is noted as a loss of [`Field::Messages`]: its
///   authority matters more than its place. Neighbours of one role become one content.
/// - Ids of calls go out unless they are of our own making (see [`super::read_answer`]), since the
///   model gave none.
/// - From Gemini 3 on, function calls must bear Google's signature. A step that has none, for
///   another provider's model took it, gets the word by which Google lets such a history pass
///   (<https://ai.google.dev/gemini-api/docs/thought-signatures>).
/// - Structured output beside functions is refused before Gemini 3: the functions stay.
#[must_use]
pub fn write_request(request: &ChatRequest, target: &TargetFacts<'_>) -> Written {
    let mut losses = Losses::default();
    let body = body(request, target, &mut losses);
    Written {
        body: json(&body),
        losses: losses.into_vec(),
    }
}

pub(super) fn body<'a>(
    request: &'a ChatRequest,
    target: &TargetFacts<'_>,
    losses: &mut Losses,
) -> Body<'a> {
    let model = Model::of(target);
    let (system, contents) = contents(request, model, losses);
    let (tools, tool_config) = tools(request, model, losses);
    let generation_config = generation_config(request, model, !tools.is_empty(), losses);
    note_unsaid(request, losses);
    Body {
        model: None,
        contents,
        system_instruction: (!system.is_empty()).then_some(Instruction { parts: system }),
        tools,
        tool_config,
        generation_config,
        service_tier: service_tier(request, losses),
    }
}

pub(super) fn json(body: &impl Serialize) -> Vec<u8> {
    // Strings, numbers and JSON values always serialise into memory: the default is never taken.
    serde_json::to_vec(body).unwrap_or_default()
}

/// Members that Gemini has no place for.
fn note_unsaid(request: &ChatRequest, losses: &mut Losses) {
    losses.note_if(
        request
            .logit_bias
            .as_ref()
            .is_some_and(|map| !map.is_empty()),
        Field::LogitBias,
    );
    losses.note_if(request.verbosity.is_some(), Field::Verbosity);
    losses.note_if(request.user.is_some(), Field::User);
    losses.note_if(
        request.metadata.as_ref().is_some_and(|map| !map.is_empty()),
        Field::Metadata,
    );
    losses.note_if(request.prompt_cache_key.is_some(), Field::CacheControl);
    for name in &request.unknown {
        losses.note(Field::of_unknown(name));
    }
}

/// `ServiceTier` of `google-genai`: `standard`, `flex`, `priority`.
fn service_tier(request: &ChatRequest, losses: &mut Losses) -> Option<&'static str> {
    match request.service_tier.as_deref()? {
        "flex" => Some("flex"),
        "priority" => Some("priority"),
        "default" | "standard" | "standard_only" => Some("standard"),
        "auto" => None,
        _ => {
            losses.note(Field::ServiceTier);
            None
        }
    }
}
