//! How the next token is chosen, and where the answer ends.

use serde::Serialize;
use serde_json::{Map, Number, Value};

use super::family;
use super::write_request::is_false;
use crate::chat::ChatRequest;
use crate::loss::{Field, Losses};

/// Most texts that OpenAI takes as `stop`.
const STOP_LIMIT: usize = 4;

/// Members of a request.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Sampling<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) temperature: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) top_p: Option<&'a Number>,
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
    pub(crate) logprobs: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) top_logprobs: Option<u64>,
}

/// Writes what the model takes: what it refuses is left out, and lost unless it is what the model
/// does anyway.
pub(crate) fn sampling<'a>(
    request: &'a ChatRequest,
    takes: family::Sampling,
    losses: &mut Losses,
) -> Sampling<'a> {
    let mut written = Sampling {
        seed: request.seed.as_ref().filter(|_| takes.seed),
        ..Sampling::default()
    };
    if takes.common {
        written.temperature = request.temperature.as_ref();
        written.top_p = request.top_p.as_ref();
        written.logprobs = request.logprobs;
        written.top_logprobs = request.top_logprobs.filter(|_| request.logprobs);
    } else {
        let said = |number: &Option<Number>| differs(number.as_ref(), 1.0);
        losses.note_if(said(&request.temperature), Field::Temperature);
        losses.note_if(said(&request.top_p), Field::TopP);
        losses.note_if(request.logprobs, Field::Logprobs);
    }
    if takes.rest {
        written.stop = request.stop.get(..STOP_LIMIT).unwrap_or(&request.stop);
        written.frequency_penalty = request.frequency_penalty.as_ref();
        written.presence_penalty = request.presence_penalty.as_ref();
        written.logit_bias = request.logit_bias.as_ref();
    } else {
        let said = |number: &Option<Number>| differs(number.as_ref(), 0.0);
        losses.note_if(said(&request.frequency_penalty), Field::FrequencyPenalty);
        losses.note_if(said(&request.presence_penalty), Field::PresencePenalty);
        let biased = request
            .logit_bias
            .as_ref()
            .is_some_and(|bias| !bias.is_empty());
        losses.note_if(biased, Field::LogitBias);
    }
    losses.note_if(
        written.seed.is_none() && request.seed.is_some(),
        Field::Seed,
    );
    losses.note_if(written.stop.len() < request.stop.len(), Field::Stop);
    written
}

/// Whether a number is said that is not the usual one.
fn differs(number: Option<&Number>, usual: f64) -> bool {
    number.is_some_and(|number| number.as_f64() != Some(usual))
}
