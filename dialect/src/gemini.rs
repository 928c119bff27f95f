//! Google's `generateContent` as a provider dialect: the Gemini API and Vertex AI.
//!
//! Sources: the reference of `models.generateContent`, `models.countTokens` and
//! `models.batchEmbedContents` (<https://ai.google.dev/api/generate-content>), Vertex AI's of the
//! same methods, and the `types` module of the PyPI package `google-genai`, whose converters show
//! what each of the two APIs is sent.
//!
//! Schemas go out as JSON Schema (`parametersJsonSchema`, `responseJsonSchema`), which both APIs
//! take; the older `parameters` and `responseSchema` know only a part of OpenAPI's and are not
//! written.

mod answer;
mod config;
mod contents;
mod count;
mod embed;
mod error;
mod finish;
mod generation;
mod media;
mod request;
mod schema;
mod stream;
#[cfg(test)]
mod tests;
mod tools;
mod wire;

use crate::path::push_encoded;

pub use answer::{read_answer, read_answer_of};
pub use count::{read_count, write_count};
pub use embed::{read_embeddings, write_embeddings};
pub use error::read_error;
pub use request::write_request;
pub use stream::{EVENT_LIMIT_BYTES, StreamReader};

/// Which of Google's two doors to the same models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// The Gemini API (Google AI Studio), by an API key.
    Gemini,
    /// Vertex AI (Google Cloud), by an OAuth token.
    Vertex,
}

impl Api {
    /// Vertex AI's base path ends in `/publishers/google`.
    #[must_use]
    pub fn of_base_path(base_path: &str) -> Self {
        if base_path.ends_with("/publishers/google") {
            Self::Vertex
        } else {
            Self::Gemini
        }
    }
}

/// What is asked of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// An answer as one body.
    Generate,
    /// An answer as server-sent events.
    Stream,
    /// The embedding of one text.
    Embed,
    /// The embeddings of several texts (Gemini API).
    BatchEmbed,
    /// The embeddings of several texts (Vertex AI).
    Predict,
    /// The tokens of a prompt.
    CountTokens,
}

impl Method {
    /// How [`write_embeddings`] is to be sent.
    #[must_use]
    pub fn of_embeddings(api: Api) -> Self {
        match api {
            Api::Gemini => Self::BatchEmbed,
            Api::Vertex => Self::Predict,
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Generate => ":generateContent",
            Self::Stream => ":streamGenerateContent?alt=sse",
            Self::Embed => ":embedContent",
            Self::BatchEmbed => ":batchEmbedContents",
            Self::Predict => ":predict",
            Self::CountTokens => ":countTokens",
        }
    }
}

/// The path and query of `method`: `base_path` is `/v1beta`, or Vertex AI's
/// `/v1/projects/{project}/locations/{location}/publishers/google`, without a trailing slash;
/// `model` is percent-encoded, and may begin with `models/` or `tunedModels/` as Google writes it.
#[must_use]
pub fn path(base_path: &str, model: &str, method: Method) -> String {
    let mut path = String::with_capacity(base_path.len() + model.len() + 48);
    path.push_str(base_path);
    let model = match model.strip_prefix("tunedModels/") {
        Some(tuned) => {
            path.push_str("/tunedModels/");
            tuned
        }
        None => {
            path.push_str("/models/");
            bare(model)
        }
    };
    push_encoded(&mut path, model);
    path.push_str(method.suffix());
    path
}

/// The model without Google's resource prefix.
fn bare(model: &str) -> &str {
    model.strip_prefix("models/").unwrap_or(model)
}

/// The model as the Gemini API names it within bodies.
fn resource(model: &str) -> String {
    if model.starts_with("tunedModels/") {
        model.to_owned()
    } else {
        format!("models/{}", bare(model))
    }
}
