//! `generationConfig`.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Number, Value};

use super::generation::{Generation, Size};
use super::request::Model;
use super::schema::{cleaned, is_acted_on};
use crate::chat::{ChatRequest, Effort, Format};
use crate::loss::{Field, Losses};

const STOP_LIMIT: usize = 5;
const CANDIDATES_LIMIT: u64 = 8;
const LOGPROBS_LIMIT: u64 = 20;
/// Penalties go from -2 up to, but not including, 2.
const PENALTY_LIMIT: f64 = 1.99;

#[derive(Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GenerationConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<Cow<'a, Number>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<Cow<'a, Number>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    response_logprobs: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<ThinkingConfig>,
}

#[derive(Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ThinkingConfig {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    include_thoughts: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_budget: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_level: Option<&'static str>,
}

/// `None` when there is nothing to say.
pub(super) fn generation_config<'a>(
    request: &'a ChatRequest,
    model: Model,
    has_tools: bool,
    losses: &mut Losses,
) -> Option<GenerationConfig<'a>> {
    let n = request.n.filter(|&n| n > 1);
    losses.note_if(n > Some(CANDIDATES_LIMIT), Field::N);
    losses.note_if(request.stop.len() > STOP_LIMIT, Field::Stop);
    let stop = request.stop.iter().map(String::as_str);
    let (response_mime_type, response_json_schema) = format(request, model, has_tools, losses);
    let config = GenerationConfig {
        max_output_tokens: request.max_tokens,
        temperature: request.temperature.as_ref(),
        top_p: request.top_p.as_ref(),
        top_k: request.top_k,
        stop_sequences: stop.take(STOP_LIMIT).collect(),
        seed: seed(request, losses),
        candidate_count: n.map(|n| n.min(CANDIDATES_LIMIT)),
        presence_penalty: request.presence_penalty.as_ref().map(penalty),
        frequency_penalty: request.frequency_penalty.as_ref().map(penalty),
        response_logprobs: request.logprobs,
        logprobs: logprobs(request),
        response_mime_type,
        response_json_schema,
        thinking_config: thinking(request, model, losses),
    };
    (config != GenerationConfig::default()).then_some(config)
}

fn logprobs(request: &ChatRequest) -> Option<u64> {
    let asked = request
        .top_logprobs
        .filter(|&top| request.logprobs && top > 0);
    asked.map(|top| top.min(LOGPROBS_LIMIT))
}

fn penalty(asked: &Number) -> Cow<'_, Number> {
    let beyond = asked.as_f64().is_some_and(|value| value > PENALTY_LIMIT);
    match Number::from_f64(PENALTY_LIMIT) {
        Some(limit) if beyond => Cow::Owned(limit),
        Some(_) | None => Cow::Borrowed(asked),
    }
}

/// Gemini's seed has 31 bits: a larger one is folded, which stays repeatable.
fn seed(request: &ChatRequest, losses: &mut Losses) -> Option<i64> {
    const SEEDS: u64 = 1 << 31;
    let asked = request.seed.as_ref()?;
    let folded = match (asked.as_i64(), asked.as_u64()) {
        (Some(seed), _) if i32::try_from(seed).is_ok() => Some(seed),
        (Some(seed), _) => i64::try_from(seed.unsigned_abs() % SEEDS).ok(),
        (None, Some(seed)) => i64::try_from(seed % SEEDS).ok(),
        (None, None) => None,
    };
    losses.note_if(folded.is_none(), Field::Seed);
    folded
}

fn format(
    request: &ChatRequest,
    model: Model,
    has_tools: bool,
    losses: &mut Losses,
) -> (Option<&'static str>, Option<Value>) {
    const JSON: &str = "application/json";
    if request.format == Format::Text {
        return (None, None);
    }
    if has_tools && model.generation < Generation::V3 {
        losses.note(Field::ResponseFormat);
        return (None, None);
    }
    match &request.format {
        Format::Text => (None, None),
        Format::JsonObject => (Some(JSON), None),
        Format::JsonSchema {
            description,
            schema,
            ..
        } => {
            let mut schema = cleaned(schema);
            losses.note_if(!is_acted_on(&schema), Field::ResponseFormat);
            if let (Some(text), Value::Object(members)) = (description, &mut schema) {
                // Next to a reference nothing else may stand.
                if !members.contains_key("$ref") {
                    members
                        .entry("description")
                        .or_insert_with(|| Value::String(text.clone()));
                }
            }
            (Some(JSON), Some(schema))
        }
    }
}

/// From Gemini 3 on by level, in 2.5 by budget, not at all before; a budget that the client set
/// stays one, which the third generation takes as well. Thoughts count as output: a budget leaves
/// half of the client's bound to the answer where it would take all of it, an effort's always.
/// (<https://ai.google.dev/gemini-api/docs/thinking>)
fn thinking(request: &ChatRequest, model: Model, losses: &mut Losses) -> Option<ThinkingConfig> {
    let asked = request.reasoning.as_ref()?;
    // Who asks for thinking is shown it, unless it says otherwise: so do the other providers.
    let off = asked.effort == Some(Effort::None) || asked.budget_tokens == Some(0);
    let mut config = ThinkingConfig {
        include_thoughts: asked.summary != Some(false) && !off,
        ..ThinkingConfig::default()
    };
    let by_level = model.generation >= Generation::V3;
    let effort = if off {
        Some(Effort::None)
    } else {
        asked.effort
    };
    if model.generation < Generation::V2_5 {
        losses.note_if(!off, Field::Reasoning);
        return None;
    } else if let Some(effort) = effort.filter(|_| by_level) {
        let (level, exact) = level(effort, model);
        losses.note_if(!exact, Field::Reasoning);
        config.thinking_level = Some(level);
    } else if let Some(tokens) = asked.budget_tokens {
        let within = match request.max_tokens {
            Some(most) if tokens >= most => most / 2,
            Some(_) | None => tokens,
        };
        let budget = budget(within, model);
        losses.note_if(budget != tokens, Field::Reasoning);
        config.thinking_budget = i64::try_from(budget).ok();
    } else if let Some(effort) = asked.effort {
        let most = request.max_tokens.map_or(u64::MAX, |most| most / 2);
        let budget = budget(effort.budget_tokens().min(most), model);
        let forced = effort == Effort::None && budget > 0;
        // The least that such a model thinks leaves no answer.
        let all = request.max_tokens.is_some_and(|most| budget >= most);
        losses.note_if(forced || all, Field::Reasoning);
        config.thinking_budget = i64::try_from(budget).ok();
    } else if asked.adaptive && !by_level {
        config.thinking_budget = Some(-1);
    }
    if config.thinking_budget == Some(0) {
        config.include_thoughts = false;
    }
    (config != ThinkingConfig::default()).then_some(config)
}

/// The level for an effort, and whether it means the same: no model of these can be kept from
/// thinking, the large ones do not go below `LOW`, the first of them know nothing between `LOW` and
/// `HIGH`, and there is none above `HIGH` that all know.
fn level(effort: Effort, model: Model) -> (&'static str, bool) {
    let small = matches!(model.size, Size::Flash | Size::Lite);
    let first_pro = model.size == Size::Pro && model.generation == Generation::V3;
    match effort {
        Effort::None if small => ("MINIMAL", false),
        Effort::Minimal if small => ("MINIMAL", true),
        Effort::None | Effort::Minimal => ("LOW", false),
        Effort::Low => ("LOW", true),
        Effort::Medium if first_pro => ("HIGH", false),
        Effort::Medium => ("MEDIUM", true),
        Effort::High => ("HIGH", true),
        Effort::XHigh | Effort::Max => ("HIGH", false),
    }
}

/// A budget, in tokens, within the range that models of this size have in 2.5. Google documents none
/// for the third generation.
fn budget(tokens: u64, model: Model) -> u64 {
    match (model.size, tokens) {
        (Size::Pro, _) => tokens.clamp(128, 32_768),
        (Size::Flash | Size::Lite, 0) => 0,
        (Size::Flash, _) => tokens.min(24_576),
        (Size::Lite, _) => tokens.clamp(512, 24_576),
        (Size::Other, _) => tokens,
    }
}
