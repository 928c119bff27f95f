//! Writing a request for a provider that speaks Anthropic's dialect.
//!
//! Strict about what Anthropic refuses with 400; where two things that the client said cannot be
//! said together, one gives way, and that is a loss:
//!
//! - Thinking and a forced tool: thinking gives way, as a program that forces a tool cannot go on
//!   without the call. Where the model takes no forced tool at all, `tool_choice` becomes `auto`.
//! - A thinking budget and `max_tokens`: a bound that the client set stays, and the budget shrinks
//!   to half of it; where the client set none, the bound is the default plus the budget.
//! - A thinking budget and tools under way: a turn that calls tools must begin with thinking of
//!   Anthropic's own. Where it does not (another provider wrote it), thinking is left out.
//! - Sampling and thinking: sampling gives way. `temperature` above 1 becomes 1; beside
//!   `temperature`, `top_p` gives way where a model takes only one of them.
//! - `response_format: json_object`: Anthropic has no JSON without a schema, so an instruction is
//!   added to the system prompt.
//! - Cache marks beyond four: the last four stay, since a later mark covers the prompt before it.
//! - System turns within the conversation become text of the user, in `<system>` tags, where they
//!   stand: that keeps the order and the prompt cache.

mod conversation;
mod parts;
mod sampling;
mod schema;
#[cfg(test)]
mod tests;
mod thinking;
mod tools;

use serde_json::Value;

use super::block::{Block, Mark, write_all};
use super::generation::Generation;
use super::json::Json;
use crate::chat::said::JSON_INSTRUCTION;
use crate::chat::{ChatRequest, Format, TargetFacts, Written};
use crate::loss::{Field, Losses};
use conversation::Conversation;
use sampling::Sampling;
use thinking::{Thinking, ThinkingPlan};
use tools::Tools;

/// Output tokens to allow when neither client nor target has a bound.
const FALLBACK_MAX_TOKENS: u64 = 4096;

/// What is written, once everything is decided.
struct Plan<'a> {
    request: &'a ChatRequest,
    model: &'a str,
    conversation: Conversation<'a>,
    tools: Tools<'a>,
    thinking: ThinkingPlan,
    sampling: Sampling,
    schema: Option<Value>,
    stop: Vec<&'a str>,
    tier: Option<&'static str>,
}

/// Writes `request` for an Anthropic provider, in the version [`super::headers::VERSION`].
///
/// The form follows the generation of `target.model`, told by its name.
#[must_use]
pub fn write_request(request: &ChatRequest, target: &TargetFacts<'_>) -> Written {
    let mut losses = Losses::default();
    let plan = Plan::of(request, target, &mut losses);
    Written {
        body: Json::body(|json| plan.write(json)),
        losses: losses.into_vec(),
    }
}

/// Writes `request` for `POST /v1/messages/count_tokens`, which takes only what the prompt is made
/// of: SDK type `MessageCountTokensParams`.
#[must_use]
pub fn write_count_tokens_request(request: &ChatRequest, target: &TargetFacts<'_>) -> Written {
    let mut losses = Losses::default();
    let plan = Plan::of(request, target, &mut losses);
    Written {
        body: Json::body(|json| plan.write_prompt(None, json)),
        losses: losses.into_vec(),
    }
}

impl<'a> Plan<'a> {
    fn of(request: &'a ChatRequest, target: &TargetFacts<'a>, losses: &mut Losses) -> Self {
        let generation = Generation::of(target.model);
        let mut conversation = Conversation::of(&request.turns, generation, losses);
        let mut tools = Tools::of(request, &conversation, generation, losses);
        let schema = format(request, &mut conversation, losses);
        limit_marks(&mut tools, &mut conversation, losses);
        let facts = thinking::Facts {
            generation,
            forced_tool: tools.forces(),
            in_tool_loop: conversation.calls_without_thinking(),
            default_max_tokens: match target.default_max_tokens {
                0 => FALLBACK_MAX_TOKENS,
                tokens => tokens,
            },
        };
        let thinking = thinking::plan(request, &facts, losses);
        let thinks = matches!(
            thinking.thinking,
            Thinking::Enabled { .. } | Thinking::Adaptive
        );
        note_unsayable(request, losses);
        Self {
            request,
            model: target.model,
            sampling: Sampling::of(request, generation, thinks, losses),
            stop: stop(&request.stop, losses),
            tier: tier(request.service_tier.as_deref(), losses),
            conversation,
            tools,
            thinking,
            schema,
        }
    }

    fn write(&self, json: &mut Json<'_>) {
        self.write_prompt(Some(self.thinking.max_tokens), json);
        self.sampling.write(json);
        if !self.stop.is_empty() {
            json.key("stop_sequences").array(|json| {
                for text in &self.stop {
                    json.string(text);
                }
            });
        }
        if let Some(user) = &self.request.user {
            json.key("metadata")
                .object(|json| json.key("user_id").string(user));
        }
        if let Some(tier) = self.tier {
            json.key("service_tier").string(tier);
        }
        if self.request.stream {
            json.key("stream").boolean(true);
        }
    }

    /// What the prompt is made of.
    fn write_prompt(&self, max_tokens: Option<u64>, json: &mut Json<'_>) {
        json.key("model").string(self.model);
        if let Some(max_tokens) = max_tokens {
            json.key("max_tokens").number(max_tokens);
        }
        if !self.conversation.system.is_empty() {
            json.key("system")
                .array(|json| write_all(&self.conversation.system, json));
        }
        json.key("messages")
            .array(|json| self.conversation.write_messages(json));
        self.tools.write(json);
        self.thinking.write(json);
        self.write_output_config(json);
    }

    fn write_output_config(&self, json: &mut Json<'_>) {
        let effort = self.thinking.effort;
        if effort.is_none() && self.schema.is_none() {
            return;
        }
        json.key("output_config").object(|json| {
            if let Some(effort) = effort {
                json.key("effort").string(effort);
            }
            if let Some(schema) = &self.schema {
                json.key("format").object(|json| {
                    json.key("type").string("json_schema");
                    json.key("schema").value(schema);
                });
            }
        });
    }
}

/// The schema to follow; asks for JSON in words where there is none.
fn format<'a>(
    request: &'a ChatRequest,
    conversation: &mut Conversation<'a>,
    losses: &mut Losses,
) -> Option<Value> {
    match &request.format {
        Format::Text => None,
        Format::JsonObject => {
            conversation.system.push(Block::text(JSON_INSTRUCTION));
            losses.note(Field::ResponseFormat);
            None
        }
        Format::JsonSchema {
            description,
            schema,
            ..
        } => {
            let (mut schema, whole) = schema::supported(schema);
            losses.note_if(!whole, Field::ResponseFormat);
            if let (Some(text), Value::Object(members)) = (description, &mut schema) {
                members
                    .entry("description")
                    .or_insert_with(|| Value::String(text.clone()));
            }
            Some(schema)
        }
    }
}

/// Most cache marks that Anthropic takes in a request.
const MARKS_LIMIT: usize = 4;

fn limit_marks(tools: &mut Tools<'_>, conversation: &mut Conversation<'_>, losses: &mut Losses) {
    let mut marks = 0_usize;
    tools.for_each_mark(&mut |mark| marks += usize::from(mark.is_some()));
    conversation.for_each_mark(&mut |mark| marks += usize::from(mark.is_some()));
    let mut excess = marks.saturating_sub(MARKS_LIMIT);
    losses.note_if(excess > 0, Field::CacheControl);
    let mut clear = |mark: &mut Option<Mark>| {
        if mark.is_some() && excess > 0 {
            *mark = None;
            excess -= 1;
        }
    };
    tools.for_each_mark(&mut clear);
    conversation.for_each_mark(&mut clear);
}

/// Anthropic refuses stop texts of nothing but white space.
fn stop<'a>(stop: &'a [String], losses: &mut Losses) -> Vec<&'a str> {
    let kept: Vec<&str> = stop
        .iter()
        .map(String::as_str)
        .filter(|text| !text.trim().is_empty())
        .collect();
    losses.note_if(kept.len() < stop.len(), Field::Stop);
    kept
}

/// `auto` takes reserved capacity where there is some, `standard_only` never.
fn tier(tier: Option<&str>, losses: &mut Losses) -> Option<&'static str> {
    match tier? {
        "auto" => Some("auto"),
        "default" | "standard" | "standard_only" => Some("standard_only"),
        _ => {
            losses.note(Field::ServiceTier);
            None
        }
    }
}

fn note_unsayable(request: &ChatRequest, losses: &mut Losses) {
    losses.note_if(request.seed.is_some(), Field::Seed);
    losses.note_if(request.frequency_penalty.is_some(), Field::FrequencyPenalty);
    losses.note_if(request.presence_penalty.is_some(), Field::PresencePenalty);
    losses.note_if(
        request.logit_bias.as_ref().is_some_and(|b| !b.is_empty()),
        Field::LogitBias,
    );
    losses.note_if(
        request.logprobs || request.top_logprobs.is_some_and(|n| n > 0),
        Field::Logprobs,
    );
    losses.note_if(request.n.is_some_and(|n| n > 1), Field::N);
    losses.note_if(request.verbosity.is_some(), Field::Verbosity);
    losses.note_if(request.prompt_cache_key.is_some(), Field::CacheControl);
    losses.note_if(
        request.metadata.as_ref().is_some_and(|m| !m.is_empty()),
        Field::Metadata,
    );
    for name in &request.unknown {
        losses.note(Field::of_unknown(name));
    }
}
