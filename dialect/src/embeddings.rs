//! OpenAI's embeddings (`POST /v1/embeddings`), read for providers of other dialects.
//!
//! Sources: `CreateEmbeddingRequest` and `CreateEmbeddingResponse` of OpenAI's API reference.

#[cfg(test)]
mod tests;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::chat::BadRequest;
use crate::usage::Usage;

/// Most texts of one request.
pub const TEXTS_LIMIT: usize = 2048;

/// A request for the embeddings of texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmbeddingRequest {
    /// The model that the client named.
    pub model: String,
    /// The texts; at least one, none empty.
    pub input: Vec<String>,
    /// How long the vectors shall be.
    pub dimensions: Option<u64>,
    /// How they shall be written.
    pub encoding: Encoding,
    /// Who the end user is.
    pub user: Option<String>,
    /// Top-level members that are not OpenAI's, by name, sorted.
    pub unknown: Vec<String>,
}

/// How a vector is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// A JSON list of numbers.
    #[default]
    Float,
    /// Standard base64 of little-endian `f32`.
    Base64,
}

/// The embeddings of texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EmbeddingAnswer {
    /// The model, by the provider's name, if it said.
    pub model: Option<String>,
    /// A vector of finite numbers for each text, in the order of the request.
    pub vectors: Vec<Vec<f32>>,
    /// What was used, if the provider said.
    pub usage: Option<Usage>,
}

/// Reads what a client asks.
///
/// # Errors
/// When it is not what OpenAI's API takes, or holds lists of tokens: they mean something to the
/// tokenizer of one model family only.
pub fn read_request(body: &[u8]) -> Result<EmbeddingRequest, BadRequest> {
    let Ok(Value::Object(members)) = serde_json::from_slice(body) else {
        return Err(BadRequest::new("", "must be a JSON object"));
    };
    let mut request = EmbeddingRequest::default();
    let mut has_input = false;
    for (name, value) in members {
        match (name.as_str(), value) {
            ("model", Value::String(model)) => request.model = model,
            ("input", value) => {
                request.input = input(value)?;
                has_input = true;
            }
            ("dimensions" | "encoding_format" | "user", Value::Null) => {}
            ("dimensions", value) => {
                let dimensions = value.as_u64().filter(|&n| n > 0);
                let problem = || BadRequest::new("dimensions", "must be a positive integer");
                request.dimensions = Some(dimensions.ok_or_else(problem)?);
            }
            ("encoding_format", value) => request.encoding = encoding(&value)?,
            ("user", Value::String(user)) => request.user = Some(user),
            ("model" | "user", _) => return Err(BadRequest::new(name, "must be a string")),
            (_, _) => request.unknown.push(name),
        }
    }
    request.unknown.sort_unstable();
    if request.model.is_empty() {
        return Err(BadRequest::new("model", "must name a model"));
    }
    if !has_input {
        return Err(BadRequest::new("input", "must be given"));
    }
    Ok(request)
}

fn encoding(value: &Value) -> Result<Encoding, BadRequest> {
    match value.as_str() {
        Some("float") => Ok(Encoding::Float),
        Some("base64") => Ok(Encoding::Base64),
        Some(_) | None => Err(BadRequest::new(
            "encoding_format",
            "must be `float` or `base64`",
        )),
    }
}

fn input(value: Value) -> Result<Vec<String>, BadRequest> {
    let texts = match value {
        Value::String(text) => return Ok(vec![sayable("input".to_owned(), text)?]),
        Value::Array(texts) if !texts.is_empty() && texts.len() <= TEXTS_LIMIT => texts,
        Value::Array(_) => {
            let problem = format!("must hold 1 to {TEXTS_LIMIT} texts");
            return Err(BadRequest::new("input", problem));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            return Err(BadRequest::new(
                "input",
                "must be a string or a list of strings",
            ));
        }
    };
    let text = |(at, text)| match text {
        Value::String(text) => sayable(format!("input[{at}]"), text),
        Value::Number(_) | Value::Array(_) => Err(BadRequest::new(
            "input",
            "must be text: this model's provider does not take tokens",
        )),
        Value::Null | Value::Bool(_) | Value::Object(_) => {
            Err(BadRequest::new(format!("input[{at}]"), "must be a string"))
        }
    };
    texts.into_iter().enumerate().map(text).collect()
}

fn sayable(field: String, text: String) -> Result<String, BadRequest> {
    if text.is_empty() {
        return Err(BadRequest::new(field, "must not be empty"));
    }
    Ok(text)
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Entry<'a>>,
    model: &'a str,
    usage: Map<String, Value>,
}

#[derive(Serialize)]
struct Entry<'a> {
    object: &'static str,
    index: usize,
    embedding: Vector<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vector<'a> {
    Float(&'a [f32]),
    Base64(String),
}

/// Writes the answer as OpenAI does; `model` is shown where the provider did not say its own. The
/// form demands a usage: an unknown one is written as 0, and is not to be billed from here.
#[must_use]
pub fn write_answer(answer: &EmbeddingAnswer, encoding: Encoding, model: &str) -> Vec<u8> {
    let tokens = answer.usage.map_or(0, |usage| usage.input_tokens);
    let usage = ["prompt_tokens", "total_tokens"].map(|name| (name.to_owned(), tokens.into()));
    let list = List {
        object: "list",
        data: entries(answer, encoding),
        model: answer.model.as_deref().unwrap_or(model),
        usage: Map::from_iter(usage),
    };
    // Strings and finite numbers always serialise into memory: the default is never taken.
    serde_json::to_vec(&list).unwrap_or_default()
}

fn entries(answer: &EmbeddingAnswer, encoding: Encoding) -> Vec<Entry<'_>> {
    let vectors = answer.vectors.iter().enumerate();
    let entries = vectors.map(|(index, vector)| Entry {
        object: "embedding",
        index,
        embedding: match encoding {
            Encoding::Float => Vector::Float(vector),
            Encoding::Base64 => Vector::Base64(base64(vector)),
        },
    });
    entries.collect()
}

fn base64(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    STANDARD.encode(bytes)
}
