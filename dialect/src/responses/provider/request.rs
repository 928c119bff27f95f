//! A request.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::items::{Item, items};
use crate::chat::{ChatRequest, Effort, Format, TargetFacts, Tool, ToolChoice, Written};
use crate::loss::{Field, Losses};
use crate::openai_chat::family::Family;
use crate::openai_chat::write_request::{fits, is_false, note_unsaid, strictness, tier, word};
use crate::openai_chat::write_sampling::{Sampling, sampling};

/// Least `max_output_tokens` that OpenAI takes.
const LEAST_OUTPUT_TOKENS: u64 = 16;

/// Writes a request for `/v1/responses` (OpenAI's `CreateResponse`), of which nothing is stored.
///
/// Of a model that OpenAI names, only what it takes is written, as for the chat API; here functions and
/// reasoning go together. A summary of the reasoning is asked for where the client wants to read what is
/// thought, and the proof of it always. `stop`, `seed`, `n`, penalties and `logit_bias` are losses, for
/// which this API has no place; so is a bound on output tokens that is smaller than the least that is
/// taken.
#[must_use]
pub fn write_request(request: &ChatRequest, target: &TargetFacts<'_>) -> Written {
    let mut losses = Losses::default();
    let input = items(&request.turns, &mut losses);
    let family = Family::of(target.model).by_responses();
    let effort = family.effort(request, &mut losses);
    let mut takes = family.sampling(effort);
    (takes.rest, takes.seed) = (false, false);
    let mut sampled = sampling(request, takes, &mut losses);
    let logprobs = std::mem::take(&mut sampled.logprobs);
    let thinks = family.reasons() || effort.is_some_and(|effort| effort != Effort::None);
    let proofs = thinks || input.iter().any(|i| matches!(i, Item::Reasoning { .. }));
    let body = Body {
        model: target.model,
        tools: tools(&request.tools, &mut losses),
        tool_choice: choice(request, &mut losses),
        parallel_tool_calls: request
            .parallel_tool_calls
            .filter(|_| !request.tools.is_empty()),
        reasoning: reasoning(request, (effort, thinks), &mut losses),
        text: text(request, &mut losses),
        max_output_tokens: request.max_tokens.map(|most| most.max(LEAST_OUTPUT_TOKENS)),
        sampling: sampled,
        include: include(proofs, logprobs),
        store: false,
        stream: request.stream,
        service_tier: tier(request, &mut losses),
        user: request.user.as_deref().filter(|user| fits(user)),
        metadata: request.metadata.as_ref(),
        prompt_cache_key: request.prompt_cache_key.as_deref(),
        input,
    };
    let bound = request.max_tokens;
    losses.note_if(
        bound.is_some_and(|most| most < LEAST_OUTPUT_TOKENS),
        Field::MaxTokens,
    );
    losses.note_if(request.n.is_some_and(|n| n > 1), Field::N);
    note_unsaid(request, &mut losses);
    Written {
        // What is in it always serialises into memory: the default is never taken.
        body: serde_json::to_vec(&body).unwrap_or_default(),
        losses: losses.into_vec(),
    }
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    input: Vec<Item<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ChoiceOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<ReasoningOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<TextOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(flatten)]
    sampling: Sampling<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    include: Vec<&'static str>,
    store: bool,
    #[serde(skip_serializing_if = "is_false")]
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_cache_key: Option<&'a str>,
}

/// A function, or no more than its name.
#[derive(Serialize)]
struct ToolOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Parameters<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

/// A schema, which must be there.
struct Parameters<'a>(Option<&'a Value>);

impl Serialize for Parameters<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(schema) = self.0 {
            return schema.serialize(serializer);
        }
        let mut none = serializer.serialize_map(Some(2))?;
        none.serialize_entry("type", "object")?;
        none.serialize_entry("properties", &Map::new())?;
        none.end()
    }
}

impl<'a> ToolOut<'a> {
    fn named(name: &'a str) -> Self {
        Self {
            kind: "function",
            name,
            description: None,
            parameters: None,
            strict: None,
        }
    }
}

/// A function of which nothing is said is strict in this API, unlike in the others.
fn tools<'a>(tools: &'a [Tool], losses: &mut Losses) -> Vec<ToolOut<'a>> {
    let mut written = Vec::with_capacity(tools.len());
    for tool in tools {
        let schema = tool.parameters.as_ref();
        let strict = strictness(tool.strict, schema, Field::StrictTools, losses);
        written.push(ToolOut {
            description: tool.description.as_deref(),
            parameters: Some(Parameters(schema)),
            strict: Some(strict == Some(true)),
            ..ToolOut::named(&tool.name)
        });
    }
    written
}

#[derive(Serialize)]
#[serde(untagged)]
enum ChoiceOut<'a> {
    Word(&'static str),
    Tool(ToolOut<'a>),
    Allowed {
        #[serde(rename = "type")]
        kind: &'static str,
        mode: &'static str,
        tools: Vec<ToolOut<'a>>,
    },
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
        ToolChoice::Tool(name) => ChoiceOut::Tool(ToolOut::named(name)),
        ToolChoice::Allowed { names, required } => ChoiceOut::Allowed {
            kind: "allowed_tools",
            mode: if *required { "required" } else { "auto" },
            tools: names.iter().map(|name| ToolOut::named(name)).collect(),
        },
    })
}

#[derive(Serialize)]
struct ReasoningOut {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'static str>,
}

/// A client of Anthropic's that turns thinking on reads it unless it says otherwise, one of OpenAI's
/// when it says so.
fn reasoning(
    request: &ChatRequest,
    (effort, thinks): (Option<Effort>, bool),
    losses: &mut Losses,
) -> Option<ReasoningOut> {
    let asked = request.reasoning.as_ref();
    let shown = asked.is_some_and(|asked| {
        let thinking = asked.budget_tokens.is_some() || asked.adaptive;
        asked.summary.unwrap_or(thinking)
    });
    let silent = !thinks || effort == Some(Effort::None);
    let said = asked.and_then(|asked| asked.summary) == Some(true);
    losses.note_if(said && !thinks, Field::Reasoning);
    let summary = (shown && !silent).then_some("auto");
    let effort = effort.map(word);
    (effort.is_some() || summary.is_some()).then_some(ReasoningOut { effort, summary })
}

#[derive(Serialize)]
struct TextOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<FormatOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum FormatOut<'a> {
    JsonObject,
    JsonSchema {
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        schema: &'a Value,
        #[serde(skip_serializing_if = "Option::is_none")]
        strict: Option<bool>,
    },
}

fn text<'a>(request: &'a ChatRequest, losses: &mut Losses) -> Option<TextOut<'a>> {
    let format = match &request.format {
        Format::Text => None,
        Format::JsonObject => Some(FormatOut::JsonObject),
        Format::JsonSchema {
            name,
            description,
            schema,
            strict,
        } => Some(FormatOut::JsonSchema {
            // OpenAI demands a name, other dialects have none.
            name: if name.is_empty() { "answer" } else { name },
            description: description.as_deref(),
            schema,
            strict: strictness(*strict, Some(schema), Field::ResponseFormat, losses),
        }),
    };
    let verbosity = request.verbosity.as_deref();
    (format.is_some() || verbosity.is_some()).then_some(TextOut { format, verbosity })
}

fn include(proofs: bool, logprobs: bool) -> Vec<&'static str> {
    let wishes = [
        (proofs, "reasoning.encrypted_content"),
        (logprobs, "message.output_text.logprobs"),
    ];
    let wished = wishes.into_iter().filter(|(wished, _)| *wished);
    wished.map(|(_, name)| name).collect()
}
