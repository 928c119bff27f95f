//! Writing a request.

use std::borrow::Cow;

use super::cache::CachePoints;
use super::conversation;
use super::family::Model;
use super::form::{self, Form};
use super::wire::{Block, Body, OutputConfig};
use super::{settings, thinking, tools};
use crate::chat::said::JSON_INSTRUCTION;
use crate::chat::{ChatRequest, Format, TargetFacts, Written};
use crate::loss::{Field, Losses};

/// Writes the body of Converse and ConverseStream, which are the same; the model's id decides which
/// of its vendor's fields are written. See [`super::ANSWER_TOOL`] for answers in a form.
///
/// No bound on output tokens is written where the client set none: Converse then takes the model's.
#[must_use]
pub fn write_request(request: &ChatRequest, target: &TargetFacts<'_>) -> Written {
    let model = Model::of(target.model);
    let mut losses = Losses::default();
    note_unsayable(request, &mut losses);
    let mut caches = CachePoints::new(model);
    let mut form = form::form(request, model, &mut losses);
    let tools = tools::write(request, model, &mut form, &mut caches, &mut losses);
    let mut conversation = conversation::write(&request.turns, model, &mut caches, &mut losses);
    if request.format == Format::JsonObject {
        let asked = Block::Text(Cow::Borrowed(JSON_INSTRUCTION));
        conversation.system.push(asked);
    }
    let circumstances = thinking::Circumstances {
        forced: tools.forced,
        calls_without_reasoning: conversation.calls_without_reasoning,
    };
    let mut thinking = thinking::thinking(request, model, circumstances, &mut losses);
    let inference_config = settings::inference(request, model, &mut thinking, &mut losses);
    let text_format = match form {
        Form::Native(format) => Some(format),
        Form::Free | Form::Tool(_) => None,
    };
    let says_output = text_format.is_some() || thinking.effort.is_some();
    let body = Body {
        system: conversation.system,
        messages: conversation.messages,
        additional_model_response_field_paths: settings::response_paths(model, &inference_config),
        inference_config,
        tool_config: tools.config,
        additional_model_request_fields: thinking.fields,
        request_metadata: settings::metadata(request, &mut losses),
        service_tier: settings::service_tier(request, &mut losses),
        output_config: says_output.then_some(OutputConfig {
            text_format,
            effort: thinking.effort,
        }),
    };
    Written {
        // Text and numbers always serialise into memory: the default is never taken.
        body: serde_json::to_vec(&body).unwrap_or_default(),
        losses: losses.into_vec(),
    }
}

/// What Converse has no word for, whatever the model.
fn note_unsayable(request: &ChatRequest, losses: &mut Losses) {
    let not_zero = |number: &serde_json::Number| number.as_f64() != Some(0.0);
    let penalty = |of: &Option<serde_json::Number>| of.as_ref().is_some_and(not_zero);
    let logprobs = request.logprobs || request.top_logprobs.is_some_and(|most| most > 0);
    let bias = request.logit_bias.as_ref().is_some_and(|b| !b.is_empty());
    let verbosity = request.verbosity.as_deref();
    for (lost, field) in [
        (request.seed.is_some(), Field::Seed),
        (penalty(&request.frequency_penalty), Field::FrequencyPenalty),
        (penalty(&request.presence_penalty), Field::PresencePenalty),
        (bias, Field::LogitBias),
        (logprobs, Field::Logprobs),
        (request.n.is_some_and(|n| n > 1), Field::N),
        (verbosity.is_some_and(|v| v != "medium"), Field::Verbosity),
        (request.prompt_cache_key.is_some(), Field::CacheControl),
        (request.user.is_some(), Field::User),
    ] {
        losses.note_if(lost, field);
    }
    for name in &request.unknown {
        losses.note(Field::of_unknown(name));
    }
}
