//! A request in OpenAI's own words, for a client that asked in another dialect.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::family::Family;
use super::strict;
use super::write_messages::{Message, messages};
use super::write_sampling::{Sampling, sampling};
use crate::chat::{ChatRequest, Effort, Format, TargetFacts, Tool, ToolChoice, Written};
use crate::loss::{Field, Losses};

/// Longest `user` that OpenAI takes.
const USER_LIMIT_CHARS: usize = 64;

/// Whether what the model thought in earlier turns is sent back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasoningBack {
    /// No: there is no place for it.
    LeftOut,
    /// As `reasoning_content`.
    Taken,
    /// As `reasoning_content`, which every message that calls tools must have, if empty.
    Demanded,
}

/// Writes a request for `/v1/chat/completions` (OpenAI's `CreateChatCompletionRequest`).
///
/// A stream always asks for its usage. What is not said in the same words but said is no loss: a
/// thinking budget becomes the nearest `reasoning_effort`, a plain-text document becomes text, and
/// images in a tool's result go into a user message right after it, because a `tool` message holds
/// text only. `metadata` is a loss, since OpenAI takes it only with `store`; so are cache marks, for
/// which OpenAI's models but the latest have no place.
///
/// Of a model that OpenAI names, only what it takes is written: its words for efforts, and sampling
/// only while it does not reason. From gpt-5.4 on this endpoint refuses functions beside reasoning
/// (<https://github.com/openai/openai-openapi/issues/541>): the functions stay, `reasoning_effort`
/// is `none`. A schema that is stricter than OpenAI's strictness allows is not strict.
#[must_use]
pub fn write_request(request: &ChatRequest, target: &TargetFacts<'_>) -> Written {
    write_request_with(request, target, ReasoningBack::LeftOut)
}

/// The same for a vendor that has a place for what the model thought.
pub(crate) fn write_request_with(
    request: &ChatRequest,
    target: &TargetFacts<'_>,
    reasoning: ReasoningBack,
) -> Written {
    let mut losses = Losses::default();
    let messages = messages(&request.turns, reasoning, &mut losses);
    let has_tools = !request.tools.is_empty();
    let family = Family::of(target.model);
    let effort = family.effort(request, &mut losses);
    let body = Body {
        model: target.model,
        messages,
        tools: tools(&request.tools, &mut losses),
        tool_choice: choice(request, &mut losses),
        parallel_tool_calls: request.parallel_tool_calls.filter(|_| has_tools),
        response_format: format(&request.format, &mut losses),
        max_completion_tokens: request.max_tokens,
        sampling: sampling(request, family.sampling(effort), &mut losses),
        n: request.n,
        reasoning_effort: effort.map(word),
        verbosity: request.verbosity.as_deref(),
        stream: request.stream,
        stream_options: request.stream.then_some(StreamOptions {
            include_usage: true,
        }),
        service_tier: tier(request, &mut losses),
        user: request.user.as_deref().filter(|user| fits(user)),
        prompt_cache_key: request.prompt_cache_key.as_deref(),
    };
    note_losses(request, &mut losses);
    Written {
        // What is in it always serialises into memory: the default is never taken.
        body: serde_json::to_vec(&body).unwrap_or_default(),
        losses: losses.into_vec(),
    }
}

pub(crate) fn fits(user: &str) -> bool {
    user.chars().nth(USER_LIMIT_CHARS).is_none()
}

fn note_losses(request: &ChatRequest, losses: &mut Losses) {
    losses.note_if(request.metadata.is_some(), Field::Metadata);
    let summary = request.reasoning.as_ref().and_then(|r| r.summary);
    losses.note_if(summary == Some(true), Field::Reasoning);
    note_unsaid(request, losses);
}

/// What none of OpenAI's APIs has a place for.
pub(crate) fn note_unsaid(request: &ChatRequest, losses: &mut Losses) {
    let marked = request.tools.iter().any(|tool| tool.cache.is_some());
    losses.note_if(marked, Field::CacheControl);
    losses.note_if(request.top_k.is_some(), Field::TopK);
    let user = request.user.as_deref();
    losses.note_if(user.is_some_and(|user| !fits(user)), Field::User);
    for name in &request.unknown {
        losses.note(Field::of_unknown(name));
    }
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ChoiceOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<FormatOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    #[serde(flatten)]
    sampling: Sampling<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_cache_key: Option<&'a str>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes by reference"
)]
pub(crate) fn is_false(flag: &bool) -> bool {
    !flag
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ToolOut<'a> {
    Function { function: FunctionOut<'a> },
}

#[derive(Serialize)]
struct FunctionOut<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

fn tools<'a>(tools: &'a [Tool], losses: &mut Losses) -> Vec<ToolOut<'a>> {
    tools.iter().map(|tool| function(tool, losses)).collect()
}

fn function<'a>(tool: &'a Tool, losses: &mut Losses) -> ToolOut<'a> {
    let parameters = tool.parameters.as_ref();
    ToolOut::Function {
        function: FunctionOut {
            name: &tool.name,
            description: tool.description.as_deref(),
            parameters,
            strict: strictness(tool.strict, parameters, Field::StrictTools, losses),
        },
    }
}

/// Strictness that the schema allows.
pub(crate) fn strictness(
    asked: Option<bool>,
    schema: Option<&Value>,
    field: Field,
    losses: &mut Losses,
) -> Option<bool> {
    let loose = asked == Some(true) && schema.is_some_and(|schema| !strict::conforms(schema));
    losses.note_if(loose, field);
    asked.map(|strict| strict && !loose)
}

fn named(name: &str) -> ToolOut<'_> {
    ToolOut::Function {
        function: FunctionOut {
            name,
            description: None,
            parameters: None,
            strict: None,
        },
    }
}

enum ChoiceOut<'a> {
    Word(&'static str),
    Tool(&'a str),
    Allowed { names: &'a [String], required: bool },
}

#[derive(Serialize)]
struct AllowedOut<'a> {
    mode: &'static str,
    tools: Vec<ToolOut<'a>>,
}

impl Serialize for ChoiceOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Choice<'a> {
            #[serde(rename = "type")]
            kind: &'static str,
            allowed_tools: AllowedOut<'a>,
        }
        match *self {
            Self::Word(word) => serializer.serialize_str(word),
            Self::Tool(name) => named(name).serialize(serializer),
            Self::Allowed { names, required } => Choice {
                kind: "allowed_tools",
                allowed_tools: AllowedOut {
                    mode: if required { "required" } else { "auto" },
                    tools: names.iter().map(|name| named(name)).collect(),
                },
            }
            .serialize(serializer),
        }
    }
}

/// OpenAI refuses a choice without tools; without tools, `none` and `auto` say nothing.
fn choice<'a>(request: &'a ChatRequest, losses: &mut Losses) -> Option<ChoiceOut<'a>> {
    let choice = request.tool_choice.as_ref()?;
    if request.tools.is_empty() {
        let said = !matches!(choice, ToolChoice::None | ToolChoice::Auto);
        losses.note_if(said, Field::ToolChoice);
        return None;
    }
    Some(match choice {
        ToolChoice::None => ChoiceOut::Word("none"),
        ToolChoice::Auto => ChoiceOut::Word("auto"),
        ToolChoice::Required => ChoiceOut::Word("required"),
        ToolChoice::Tool(name) => ChoiceOut::Tool(name),
        ToolChoice::Allowed { names, required } => ChoiceOut::Allowed {
            names,
            required: *required,
        },
    })
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum FormatOut<'a> {
    JsonObject,
    JsonSchema { json_schema: SchemaOut<'a> },
}

#[derive(Serialize)]
struct SchemaOut<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    schema: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

fn format<'a>(format: &'a Format, losses: &mut Losses) -> Option<FormatOut<'a>> {
    match format {
        Format::Text => None,
        Format::JsonObject => Some(FormatOut::JsonObject),
        Format::JsonSchema {
            name,
            description,
            schema,
            strict,
        } => Some(FormatOut::JsonSchema {
            json_schema: SchemaOut {
                // OpenAI demands a name, other dialects have none.
                name: if name.is_empty() { "answer" } else { name },
                description: description.as_deref(),
                schema,
                strict: strictness(*strict, Some(schema), Field::ResponseFormat, losses),
            },
        }),
    }
}

pub(crate) fn word(effort: Effort) -> &'static str {
    match effort {
        Effort::None => "none",
        Effort::Minimal => "minimal",
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::XHigh | Effort::Max => "xhigh",
    }
}

pub(crate) fn tier<'a>(request: &'a ChatRequest, losses: &mut Losses) -> Option<&'a str> {
    match request.service_tier.as_deref()? {
        // Anthropic's word for "no priority capacity".
        "standard_only" => Some("default"),
        tier @ ("auto" | "default" | "flex" | "scale" | "priority" | "fast") => Some(tier),
        _ => {
            losses.note(Field::ServiceTier);
            None
        }
    }
}
