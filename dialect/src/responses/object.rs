//! The `response` object, which repeats the request.

use serde::Serialize;
use serde_json::{Map, Number, Value};

use super::item::Written;
use crate::chat::{AnswerContext, ChatRequest, Effort, Finish, Format, Tool, ToolChoice};
use crate::openai_chat::frame::bare;
use crate::provider_error::{ErrorClass, ProviderError};
use crate::usage::Usage;

/// What an answer says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// Without a prefix.
    pub(super) id: String,
    pub(super) model: String,
    pub(super) created: u64,
    pub(super) service_tier: Option<String>,
}

impl Head {
    /// From what the provider said, else from the context.
    pub(super) fn new(
        context: &AnswerContext,
        id: Option<&str>,
        model: Option<&str>,
        created: Option<u64>,
    ) -> Self {
        let id = id.filter(|id| !id.is_empty()).unwrap_or(&context.id);
        let model = model.filter(|model| !model.is_empty());
        Self {
            id: bare(id).to_owned(),
            model: model.unwrap_or(&context.model).to_owned(),
            created: created.unwrap_or(context.created),
            service_tier: None,
        }
    }
}

/// Where an answer is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status<'a> {
    InProgress,
    Completed,
    /// With the reason.
    Incomplete(&'static str),
    Failed(&'a ProviderError),
}

impl Status<'_> {
    /// The status of an answer that stopped so; `refused` when it holds a refusal's words.
    pub(super) fn of(finish: &Finish, refused: bool) -> Self {
        match finish {
            Finish::Stop | Finish::StopSequence(_) | Finish::ToolCalls | Finish::Pause => {
                Self::Completed
            }
            Finish::Length | Finish::ContextWindow => Self::Incomplete("max_output_tokens"),
            Finish::Refusal if refused => Self::Completed,
            Finish::ContentFilter | Finish::Refusal => Self::Incomplete("content_filter"),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Incomplete(_) => "incomplete",
            Self::Failed(_) => "failed",
        }
    }
}

/// The object on the wire. Members that nothing here can fill are `null` or left out.
#[derive(Serialize)]
pub(super) struct Object<'a> {
    id: String,
    object: &'static str,
    created_at: u64,
    status: &'static str,
    background: bool,
    error: Option<ErrorMember<'a>>,
    incomplete_details: Option<Reason>,
    /// They are a system turn like any other by now.
    instructions: Option<()>,
    max_output_tokens: Option<u64>,
    max_tool_calls: Option<u64>,
    metadata: Map<String, Value>,
    model: &'a str,
    output: Vec<Written<'a>>,
    parallel_tool_calls: bool,
    previous_response_id: Option<()>,
    prompt_cache_key: Option<&'a str>,
    reasoning: ReasoningMember,
    safety_identifier: Option<&'a str>,
    service_tier: Option<&'static str>,
    store: bool,
    temperature: Option<&'a Number>,
    text: TextMember<'a>,
    tool_choice: ChoiceMember<'a>,
    tools: Vec<ToolMember<'a>>,
    top_logprobs: Option<u64>,
    top_p: Option<&'a Number>,
    truncation: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageMember>,
}

impl<'a> Object<'a> {
    pub(super) fn new(head: &'a Head, request: &'a ChatRequest, status: Status<'a>) -> Self {
        Self {
            id: format!("resp_{}", head.id),
            object: "response",
            created_at: head.created,
            status: status.word(),
            background: false,
            error: match status {
                Status::Failed(error) => Some(ErrorMember {
                    code: failure_code(error.class),
                    message: &error.message,
                }),
                Status::InProgress | Status::Completed | Status::Incomplete(_) => None,
            },
            incomplete_details: match status {
                Status::Incomplete(reason) => Some(Reason { reason }),
                Status::InProgress | Status::Completed | Status::Failed(_) => None,
            },
            instructions: None,
            max_output_tokens: request.max_tokens,
            max_tool_calls: None,
            metadata: strings(request.metadata.as_ref()),
            model: &head.model,
            output: Vec::new(),
            parallel_tool_calls: request.parallel_tool_calls.unwrap_or(true),
            previous_response_id: None,
            prompt_cache_key: request.prompt_cache_key.as_deref(),
            reasoning: ReasoningMember::new(request),
            safety_identifier: request.user.as_deref(),
            service_tier: head.service_tier.as_deref().map(service_tier),
            store: false,
            temperature: request.temperature.as_ref(),
            text: TextMember::new(request),
            tool_choice: ChoiceMember::new(request.tool_choice.as_ref()),
            tools: request.tools.iter().map(ToolMember::new).collect(),
            top_logprobs: request.top_logprobs,
            top_p: request.top_p.as_ref(),
            truncation: "disabled",
            usage: None,
        }
    }

    pub(super) fn with(mut self, output: Vec<Written<'a>>, usage: Option<Usage>) -> Self {
        self.output = output;
        self.usage = usage.map(UsageMember::new);
        self
    }
}

/// The error codes of this object are a closed set; the more telling ones stand in `error` events.
fn failure_code(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::RateLimited => "rate_limit_exceeded",
        ErrorClass::ContextLength
        | ErrorClass::ContentPolicy
        | ErrorClass::InvalidRequest
        | ErrorClass::NotFound => "invalid_prompt",
        ErrorClass::Overloaded | ErrorClass::Auth | ErrorClass::Server => "server_error",
    }
}

/// A closed set too.
fn service_tier(word: &str) -> &'static str {
    match word {
        "auto" => "auto",
        "flex" => "flex",
        "scale" => "scale",
        "priority" => "priority",
        _ => "default",
    }
}

/// The values of `metadata` are strings.
fn strings(metadata: Option<&Map<String, Value>>) -> Map<String, Value> {
    let members = metadata.into_iter().flatten();
    let strings = members.filter(|(_, value)| value.is_string());
    strings
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[derive(Serialize)]
struct ErrorMember<'a> {
    code: &'static str,
    message: &'a str,
}

#[derive(Serialize)]
struct Reason {
    reason: &'static str,
}

#[derive(Serialize)]
struct ReasoningMember {
    effort: Option<&'static str>,
    summary: Option<&'static str>,
}

impl ReasoningMember {
    fn new(request: &ChatRequest) -> Self {
        let asked = request.reasoning.as_ref();
        Self {
            effort: asked.and_then(|r| r.effort).map(|effort| match effort {
                Effort::None => "none",
                Effort::Minimal => "minimal",
                Effort::Low => "low",
                Effort::Medium => "medium",
                Effort::High => "high",
                Effort::XHigh | Effort::Max => "xhigh",
            }),
            summary: wants_summary(request).then_some("auto"),
        }
    }
}

/// Whether reasoning is shown as a summary.
pub(super) fn wants_summary(request: &ChatRequest) -> bool {
    let asked = request.reasoning.as_ref().and_then(|r| r.summary);
    asked == Some(true)
}

#[derive(Serialize)]
struct TextMember<'a> {
    format: FormatMember<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum FormatMember<'a> {
    Text,
    JsonObject,
    JsonSchema {
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        schema: &'a Value,
        strict: Option<bool>,
    },
}

impl<'a> TextMember<'a> {
    fn new(request: &'a ChatRequest) -> Self {
        let verbosity = ["low", "medium", "high"]
            .into_iter()
            .find(|word| request.verbosity.as_deref() == Some(word));
        let format = match &request.format {
            Format::Text => FormatMember::Text,
            Format::JsonObject => FormatMember::JsonObject,
            Format::JsonSchema {
                name,
                description,
                schema,
                strict,
            } => FormatMember::JsonSchema {
                name,
                description: description.as_deref(),
                schema,
                strict: *strict,
            },
        };
        Self { format, verbosity }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum ChoiceMember<'a> {
    Word(&'static str),
    Tool {
        #[serde(rename = "type")]
        kind: &'static str,
        name: &'a str,
    },
    Allowed {
        #[serde(rename = "type")]
        kind: &'static str,
        mode: &'static str,
        tools: Vec<ChoiceMember<'a>>,
    },
}

impl<'a> ChoiceMember<'a> {
    fn new(choice: Option<&'a ToolChoice>) -> Self {
        match choice {
            None | Some(ToolChoice::Auto) => Self::Word("auto"),
            Some(ToolChoice::None) => Self::Word("none"),
            Some(ToolChoice::Required) => Self::Word("required"),
            Some(ToolChoice::Tool(name)) => Self::tool(name),
            Some(ToolChoice::Allowed { names, required }) => Self::Allowed {
                kind: "allowed_tools",
                mode: if *required { "required" } else { "auto" },
                tools: names.iter().map(|name| Self::tool(name)).collect(),
            },
        }
    }

    fn tool(name: &'a str) -> Self {
        let kind = "function";
        Self::Tool { kind, name }
    }
}

#[derive(Serialize)]
struct ToolMember<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
    description: Option<&'a str>,
    parameters: Option<&'a Value>,
    strict: Option<bool>,
}

impl<'a> ToolMember<'a> {
    fn new(tool: &'a Tool) -> Self {
        Self {
            kind: "function",
            name: &tool.name,
            description: tool.description.as_deref(),
            parameters: tool.parameters.as_ref(),
            strict: tool.strict,
        }
    }
}

#[derive(Serialize)]
struct UsageMember {
    input_tokens: u64,
    input_tokens_details: InputDetails,
    output_tokens: u64,
    output_tokens_details: OutputDetails,
    total_tokens: u64,
}

#[derive(Serialize)]
struct InputDetails {
    cached_tokens: u64,
    cache_write_tokens: u64,
}

#[derive(Serialize)]
struct OutputDetails {
    reasoning_tokens: u64,
}

impl UsageMember {
    fn new(usage: Usage) -> Self {
        Self {
            input_tokens: usage.input_tokens,
            input_tokens_details: InputDetails {
                cached_tokens: usage.cached_tokens,
                cache_write_tokens: usage.cache_creation_tokens,
            },
            output_tokens: usage.output_tokens,
            output_tokens_details: OutputDetails {
                reasoning_tokens: usage.reasoning_tokens,
            },
            total_tokens: usage.input_tokens.saturating_add(usage.output_tokens),
        }
    }
}
