//! Counting the tokens of a prompt.

use serde::Serialize;

use super::request::{Body, body, json};
use super::wire::Count;
use super::{Api, resource};
use crate::chat::{ChatRequest, TargetFacts, Written};
use crate::loss::Losses;
use crate::provider_error::ProviderError;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CountTokens<'a> {
    generate_content_request: Body<'a>,
}

/// Writes a request of `countTokens`: the Gemini API takes the whole request, Vertex AI its
/// contents, instruction, functions and configuration.
#[must_use]
pub fn write_count(request: &ChatRequest, target: &TargetFacts<'_>, api: Api) -> Written {
    let mut losses = Losses::default();
    let mut whole = body(request, target, &mut losses);
    let body = match api {
        Api::Gemini => {
            whole.model = Some(resource(target.model));
            json(&CountTokens {
                generate_content_request: whole,
            })
        }
        Api::Vertex => {
            // Neither changes the count.
            whole.tool_config = None;
            whole.service_tier = None;
            json(&whole)
        }
    };
    Written {
        body,
        losses: losses.into_vec(),
    }
}

/// Reads the tokens of a prompt from an answer to `countTokens`.
///
/// # Errors
/// When it holds an error, or no count.
pub fn read_count(body: &[u8]) -> Result<u64, ProviderError> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Counted {
        total_tokens: Option<Count>,
    }
    let counted = serde_json::from_slice::<Counted>(body).ok();
    match counted.and_then(|counted| counted.total_tokens) {
        Some(Count(tokens)) => Ok(tokens),
        None => Err(super::error::find(body, None).unwrap_or_else(super::error::unreadable)),
    }
}
