//! Embeddings: `batchEmbedContents` of the Gemini API, `predict` of Vertex AI's text models.

use serde::{Deserialize, Serialize};

use super::error::{find, unreadable};
use super::request::json;
use super::wire::{Count, UsageMetadata};
use super::{Api, resource};
use crate::chat::{TargetFacts, Written};
use crate::embeddings::{EmbeddingAnswer, EmbeddingRequest};
use crate::loss::{Field, Losses};
use crate::provider_error::ProviderError;
use crate::usage::Usage;

#[derive(Serialize)]
struct Batch<'a> {
    requests: Vec<EmbedContent<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EmbedContent<'a> {
    model: &'a str,
    content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimensionality: Option<u64>,
}

#[derive(Serialize)]
struct Content<'a> {
    parts: [TextPart<'a>; 1],
}

#[derive(Serialize)]
struct TextPart<'a> {
    text: &'a str,
}

#[derive(Serialize)]
struct Predict<'a> {
    instances: Vec<Instance<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Parameters>,
}

#[derive(Serialize)]
struct Instance<'a> {
    content: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    output_dimensionality: u64,
}

/// Writes a request for embeddings, to be sent by [`super::Method::of_embeddings`]; no `taskType`.
#[must_use]
pub fn write_embeddings(request: &EmbeddingRequest, target: &TargetFacts<'_>, api: Api) -> Written {
    let mut losses = Losses::default();
    losses.note_if(request.user.is_some(), Field::User);
    for name in &request.unknown {
        losses.note(Field::of_unknown(name));
    }
    let texts = request.input.iter();
    let body = match api {
        Api::Gemini => {
            let model = resource(target.model);
            let requests = texts.map(|text| EmbedContent {
                model: &model,
                content: Content {
                    parts: [TextPart { text }],
                },
                output_dimensionality: request.dimensions,
            });
            json(&Batch {
                requests: requests.collect(),
            })
        }
        Api::Vertex => json(&Predict {
            instances: texts.map(|content| Instance { content }).collect(),
            parameters: request.dimensions.map(|output_dimensionality| Parameters {
                output_dimensionality,
            }),
        }),
    };
    Written {
        body,
        losses: losses.into_vec(),
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Answer {
    embeddings: Vec<Embedding>,
    predictions: Vec<Prediction>,
    usage_metadata: Option<UsageMetadata>,
}

#[derive(Deserialize)]
struct Embedding {
    values: Vec<f32>,
    #[serde(default)]
    statistics: Statistics,
}

#[derive(Deserialize)]
struct Prediction {
    embeddings: Embedding,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Statistics {
    token_count: Count,
}

/// Reads the answer of either API. The usage is there only where it says one: Vertex AI counts each
/// text, the Gemini API only of late.
///
/// # Errors
/// When it holds an error, or is no list of vectors.
pub fn read_embeddings(body: &[u8]) -> Result<EmbeddingAnswer, ProviderError> {
    let failed = || find(body, None).unwrap_or_else(unreadable);
    let answer: Answer = serde_json::from_slice(body).map_err(|_unreadable| failed())?;
    let predicted = answer.predictions.into_iter().map(|it| it.embeddings);
    let embeddings: Vec<Embedding> = answer.embeddings.into_iter().chain(predicted).collect();
    if embeddings.is_empty() {
        return Err(failed());
    }
    let reported = answer.usage_metadata.and_then(UsageMetadata::usage);
    let usage = reported.or_else(|| counted(&embeddings));
    let vectors: Vec<Vec<f32>> = embeddings.into_iter().map(|it| it.values).collect();
    if !vectors.iter().flatten().all(|value| value.is_finite()) {
        return Err(unreadable());
    }
    Ok(EmbeddingAnswer {
        model: None,
        vectors,
        usage,
    })
}

/// Vertex AI's count, text by text; `None` when it counts nothing.
fn counted(embeddings: &[Embedding]) -> Option<Usage> {
    let counts = embeddings.iter().map(|it| it.statistics.token_count.0);
    let input_tokens = counts.fold(0u64, u64::saturating_add);
    (input_tokens > 0).then(|| Usage {
        input_tokens,
        ..Usage::default()
    })
}
