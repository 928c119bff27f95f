//! Sampling, bounds, and what else is said of how to answer.

use serde_json::{Map, Number, Value, json};

use super::family::{Claude, Family, Model};
use super::thinking::Thinking;
use super::wire::{InferenceConfig, Kind};
use crate::chat::ChatRequest;
use crate::loss::{Field, Losses};

/// `RequestMetadata`: most entries.
const METADATA_ENTRIES: usize = 16;
/// `RequestMetadata`: most characters of a key and of a value.
const METADATA_CHARS: usize = 256;
/// `maxTokens` is an `integer`, of 32 bits.
const MOST_TOKENS: u64 = i32::MAX as u64;

/// Writes `inferenceConfig`, and adds to the fields of the model's vendor.
///
/// Temperature is bounded to 0 to 1. What the model refuses, by its version or because it thinks,
/// is left out; a value that is the default anyway is then no loss.
pub(super) fn inference<'a>(
    request: &'a ChatRequest,
    model: Model,
    thinking: &mut Thinking,
    losses: &mut Losses,
) -> InferenceConfig<'a> {
    let mut config = InferenceConfig {
        max_tokens: request.max_tokens.map(|most| most.clamp(1, MOST_TOKENS)),
        temperature: request.temperature.as_ref().map(unit),
        top_p: request.top_p.as_ref().map(unit),
        stop_sequences: stop(request, model, losses),
    };
    losses.note_if(config.max_tokens != request.max_tokens, Field::MaxTokens);
    losses.note_if(
        config.temperature != request.temperature,
        Field::Temperature,
    );
    losses.note_if(config.top_p != request.top_p, Field::TopP);
    let takes = match model.family {
        Family::Claude(claude) => claude_takes(claude, thinking.claude_thinks, &config),
        Family::Nova { .. } if thinking.nova_unbound => [Takes::Nothing; 2],
        Family::Nova { .. } | Family::Openai { .. } | Family::Other | Family::Opaque => {
            [Takes::All; 2]
        }
    };
    let [temperature, top_p] = takes;
    losses.note_if(
        temperature.limit(&mut config.temperature),
        Field::Temperature,
    );
    losses.note_if(top_p.limit(&mut config.top_p), Field::TopP);
    if let Some(top_k) = request.top_k {
        let taken = insert_top_k(top_k, model, thinking);
        losses.note_if(!taken, Field::TopK);
    }
    config
}

/// Which values of a number are taken.
#[derive(Clone, Copy)]
enum Takes {
    All,
    /// From here on.
    From(f64),
    /// Not even the default, which is 1.
    Nothing,
}

impl Takes {
    /// Removes a value that is not taken; whether that changes anything.
    fn limit(self, value: &mut Option<Number>) -> bool {
        let said = value.as_ref().and_then(Number::as_f64);
        let fits = match self {
            Self::All => true,
            Self::From(least) => said.is_some_and(|said| said >= least),
            Self::Nothing => false,
        };
        if fits {
            return false;
        }
        *value = None;
        said.is_some_and(|said| said < 1.0)
    }
}

/// <https://platform.claude.com/docs/en/build-with-claude/extended-thinking>: thinking goes with a
/// temperature of 1 and a top-p of at least 0.95.
fn claude_takes(claude: Claude, thinks: bool, config: &InferenceConfig<'_>) -> [Takes; 2] {
    if !claude.samples() {
        [Takes::Nothing; 2]
    } else if thinks && config.temperature.is_some() && claude.samples_one_way() {
        [Takes::From(1.0), Takes::Nothing]
    } else if thinks {
        [Takes::From(1.0), Takes::From(0.95)]
    } else if config.temperature.is_some() && claude.samples_one_way() {
        [Takes::All, Takes::Nothing]
    } else {
        [Takes::All; 2]
    }
}

/// Within 0 to 1.
fn unit(number: &Number) -> Number {
    match number.as_f64() {
        Some(value) if value > 1.0 => Number::from(1),
        Some(value) if value < 0.0 => Number::from(0),
        Some(_) | None => number.clone(),
    }
}

fn insert_top_k(top_k: u64, model: Model, thinking: &mut Thinking) -> bool {
    let (field, value) = match model.family {
        Family::Claude(claude) if claude.samples() && !thinking.claude_thinks => {
            ("top_k", json!(top_k))
        }
        Family::Nova { .. } if !thinking.nova_unbound => {
            ("inferenceConfig", json!({"topK": top_k}))
        }
        Family::Claude(_)
        | Family::Nova { .. }
        | Family::Openai { .. }
        | Family::Other
        | Family::Opaque => return false,
    };
    thinking.fields.insert(field.to_owned(), value);
    true
}

/// `stopSequences`, none of which may be empty; Claude's may not be blank.
fn stop<'a>(request: &'a ChatRequest, model: Model, losses: &mut Losses) -> Vec<&'a str> {
    let is_claude = matches!(model.family, Family::Claude(_));
    let texts = request.stop.iter().map(String::as_str);
    let taken: Vec<_> = texts
        .filter(|text| match is_claude {
            true => !text.trim().is_empty(),
            false => !text.is_empty(),
        })
        .collect();
    losses.note_if(taken.len() < request.stop.len(), Field::Stop);
    taken
}

/// Where Claude says which stop text it wrote, whole and streamed.
pub(super) fn response_paths(
    model: Model,
    config: &InferenceConfig<'_>,
) -> &'static [&'static str] {
    match model.family {
        Family::Claude(_) if !config.stop_sequences.is_empty() => {
            &["/stop_sequence", "/delta/stop_sequence"]
        }
        Family::Claude(_)
        | Family::Nova { .. }
        | Family::Openai { .. }
        | Family::Other
        | Family::Opaque => &[],
    }
}

/// `serviceTier`; the default is not written.
pub(super) fn service_tier(request: &ChatRequest, losses: &mut Losses) -> Option<Kind<'static>> {
    let kind = match request.service_tier.as_deref()? {
        "flex" => "flex",
        "priority" => "priority",
        "reserved" => "reserved",
        "auto" | "default" | "standard_only" => return None,
        _ => {
            losses.note(Field::ServiceTier);
            return None;
        }
    };
    Some(Kind { kind })
}

/// `requestMetadata`, by which invocation logs are filtered.
pub(super) fn metadata(request: &ChatRequest, losses: &mut Losses) -> Map<String, Value> {
    let said = request.metadata.iter().flatten();
    let mut taken = Map::new();
    for (key, value) in said {
        let text = match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        };
        let fits = |text: &str| {
            text.chars().count() <= METADATA_CHARS && text.chars().all(is_metadata_char)
        };
        let text = text.filter(|text| {
            taken.len() < METADATA_ENTRIES && !key.is_empty() && fits(key) && fits(text)
        });
        match text {
            Some(text) => _ = taken.insert(key.clone(), Value::String(text)),
            None => losses.note(Field::Metadata),
        }
    }
    taken
}

fn is_metadata_char(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || c.is_ascii_whitespace()
        || matches!(
            c,
            ':' | '_' | '@' | '$' | '#' | '=' | '/' | '+' | ',' | '-' | '.'
        )
}
