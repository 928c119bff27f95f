//! Embeddings: deterministic unit vectors.

use serde_json::{Value, json};

use super::ask::Encoding;

/// Dimensions when the request does not say.
pub(super) const DIMENSIONS: usize = 1536;
/// Most dimensions of one request.
pub(super) const DIMENSIONS_LIMIT: usize = 4096;
/// Most inputs of one request, as at OpenAI.
pub(super) const INPUTS_LIMIT: usize = 2048;

/// The texts of `input`: a string, several, a token list, or several; `None` for anything else.
pub(super) fn count_inputs(input: &Value) -> Option<usize> {
    let list = match input {
        Value::String(_) => return Some(1),
        Value::Array(list) => list,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return None,
    };
    match list.first()? {
        Value::Number(_) => list.iter().all(Value::is_number).then_some(1),
        Value::String(_) => list.iter().all(Value::is_string).then_some(list.len()),
        Value::Array(_) => list.iter().all(Value::is_array).then_some(list.len()),
        Value::Null | Value::Bool(_) | Value::Object(_) => None,
    }
}

/// The answer for `inputs` texts.
pub(super) fn embeddings(
    model: &str,
    inputs: usize,
    dimensions: usize,
    encoding: Encoding,
    prompt_tokens: usize,
) -> Value {
    let embed = |index: usize| {
        let values = vector(index, dimensions);
        match encoding {
            Encoding::Float => json!(values),
            Encoding::Base64 => {
                let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                Value::from(base64(&bytes))
            }
        }
    };
    let data: Vec<Value> = (0..inputs)
        .map(|index| json!({"object": "embedding", "index": index, "embedding": embed(index)}))
        .collect();
    json!({
        "object": "list", "data": data, "model": model,
        "usage": {"prompt_tokens": prompt_tokens, "total_tokens": prompt_tokens},
    })
}

/// The unit vector of input `index`.
pub(in crate::providers) fn vector(index: usize, dimensions: usize) -> Vec<f32> {
    let mut rng = fastrand::Rng::with_seed(u64::try_from(index).unwrap_or(0));
    let raw: Vec<f32> = (0..dimensions).map(|_| rng.f32() - 0.5).collect();
    let norm = raw.iter().map(|v| v * v).sum::<f32>().sqrt();
    raw.iter().map(|v| v / norm).collect()
}

/// Standard base64 with padding, RFC 4648 section 4.
pub(in crate::providers) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for (digit, shift) in [18_u32, 12, 6, 0].into_iter().enumerate() {
            let index = usize::try_from(bits >> shift & 63).unwrap_or(0);
            let letter = ALPHABET.get(index).copied().unwrap_or(b'=');
            out.push(if digit <= group.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_the_standard_one() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
            ("\u{ff}\u{3f}", "w78/"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn inputs_are_counted_in_every_shape() {
        for (input, count) in [
            (json!("one"), Some(1)),
            (json!(["one", "two"]), Some(2)),
            (json!([1, 2, 3]), Some(1)),
            (json!([[1, 2], [3]]), Some(2)),
            (json!([]), None),
            (json!([1, "x"]), None),
            (json!({}), None),
        ] {
            assert_eq!(count_inputs(&input), count, "{input}");
        }
    }

    #[test]
    fn both_encodings_carry_the_same_vector() {
        let float = embeddings("m", 2, 8, Encoding::Float, 3);
        let encoded = embeddings("m", 2, 8, Encoding::Base64, 3);
        let bytes: Vec<u8> = vector(1, 8).iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(encoded["data"][1]["embedding"], Value::from(base64(&bytes)));
        assert_eq!(float["data"][1]["embedding"], json!(vector(1, 8)));
        let norm: f32 = vector(1, 8).iter().map(|v| v * v).sum();
        assert!((norm - 1.0).abs() < 1e-5);
    }
}
