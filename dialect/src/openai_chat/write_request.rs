//! A request in OpenAI's own words, for a client that asked in another dialect.

use serde::{Serialize, Serializer};
use serde_json::{Map, Number, Value};

use super::write_messages::{Message, messages};
use crate::chat::{ChatRequest, Effort, Format, Reasoning, TargetFacts, Tool, ToolChoice, Written};
use crate::loss::{Field, Losses};

/// Most texts that OpenAI takes as `stop`.
const STOP_LIMIT: usize = 4;
/// Longest `user` that OpenAI takes.
const USER_LIMIT_CHARS: usize = 64;

/// Writes a request for `/v1/chat/completions` (OpenAI's `CreateChatCompletionRequest`).
///
/// A stream always asks for its usage. What is not said in the same words but said is no loss: a
/// thinking budget becomes the nearest `reasoning_effort`, a plain-text document becomes text, and
/// images in a tool's result go into a user message right after it, because a `tool` message holds
/// text only. `metadata` is a loss, since OpenAI takes it only with `store`; so are cache marks, for
/// which OpenAI's models but the latest have no place.
#[must_use]
pub fn write_request(request: &ChatRequest, target: &TargetFacts<'_>) -> Written {
    let mut losses = Losses::default();
    let messages = messages(&request.turns, &mut losses);
    let has_tools = !request.tools.is_empty();
    let body = Body {
        model: target.model,
        messages,
        tools: request.tools.iter().map(tool).collect(),
        tool_choice: choice(request, &mut losses),
        parallel_tool_calls: request.parallel_tool_calls.filter(|_| has_tools),
        response_format: format(&request.format),
        max_completion_tokens: request.max_tokens,
        temperature: request.temperature.as_ref(),
        top_p: request.top_p.as_ref(),
        stop: request.stop.get(..STOP_LIMIT).unwrap_or(&request.stop),
        seed: request.seed.as_ref(),
        frequency_penalty: request.frequency_penalty.as_ref(),
        presence_penalty: request.presence_penalty.as_ref(),
        logit_bias: request.logit_bias.as_ref(),
        logprobs: request.logprobs,
        top_logprobs: request.top_logprobs.filter(|_| request.logprobs),
        n: request.n,
        reasoning_effort: request.reasoning.as_ref().and_then(effort),
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

fn fits(user: &str) -> bool {
    user.chars().nth(USER_LIMIT_CHARS).is_none()
}

fn note_losses(request: &ChatRequest, losses: &mut Losses) {
    let marked = request.tools.iter().any(|tool| tool.cache.is_some());
    losses.note_if(marked, Field::CacheControl);
    losses.note_if(request.top_k.is_some(), Field::TopK);
    losses.note_if(request.stop.len() > STOP_LIMIT, Field::Stop);
    losses.note_if(request.metadata.is_some(), Field::Metadata);
    let user = request.user.as_deref();
    losses.note_if(user.is_some_and(|user| !fits(user)), Field::User);
    let summary = request.reasoning.as_ref().and_then(|r| r.summary);
    losses.note_if(summary == Some(true), Field::Reasoning);
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
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'a Number>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logit_bias: Option<&'a Map<String, Value>>,
    #[serde(skip_serializing_if = "is_false")]
    logprobs: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<u64>,
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
fn is_false(flag: &bool) -> bool {
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

fn tool(tool: &Tool) -> ToolOut<'_> {
    ToolOut::Function {
        function: FunctionOut {
            name: &tool.name,
            description: tool.description.as_deref(),
            parameters: tool.parameters.as_ref(),
            strict: tool.strict,
        },
    }
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

fn format(format: &Format) -> Option<FormatOut<'_>> {
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
                strict: *strict,
            },
        }),
    }
}

/// What the model chooses itself is said by saying nothing.
fn effort(reasoning: &Reasoning) -> Option<&'static str> {
    let budget = reasoning.budget_tokens.map(Effort::of_budget);
    Some(match reasoning.effort.or(budget)? {
        Effort::None => "none",
        Effort::Minimal => "minimal",
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::Max => "xhigh",
    })
}

fn tier<'a>(request: &'a ChatRequest, losses: &mut Losses) -> Option<&'a str> {
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
