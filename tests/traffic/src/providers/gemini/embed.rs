//! Embeddings.

use serde_json::{Value, json};

use crate::providers::openai::embedding::vector;

/// Values of a vector when the request does not say.
const DIMENSIONS: usize = 3072;

/// The answer to one request, the one at `index` of several.
pub(super) fn one(request: &Value, index: usize) -> Value {
    json!({"embedding": embedding(request, index)})
}

/// The answer to several requests.
pub(super) fn batch(request: &Value) -> Value {
    let requests = request.get("requests").and_then(Value::as_array);
    let each = requests.into_iter().flatten().enumerate();
    let embeddings: Vec<Value> = each.map(|(index, one)| embedding(one, index)).collect();
    json!({"embeddings": embeddings})
}

fn embedding(request: &Value, index: usize) -> Value {
    let wanted = request.get("outputDimensionality").and_then(Value::as_u64);
    let dimensions = wanted
        .and_then(|d| usize::try_from(d).ok())
        .unwrap_or(DIMENSIONS);
    json!({"values": vector(index, dimensions)})
}
