//! What is written down. Every text that others chose is masked and cut.

use std::collections::BTreeMap;

use ark_gateway_core::record::Record;
use serde_json::{Map, Value, json};

use crate::probing::is_probe;
use crate::verdicts;

/// Longest text, bytes.
const TEXT_LIMIT_BYTES: usize = 256;

/// Something that happened, as it will stand in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub(super) json: String,
    /// The worker and its record's number: one that is sent twice is written once.
    pub(super) record: Option<(String, u64)>,
}

impl Event {
    /// Something that is no request: `what`, and what there is to say of it. Texts in it are masked.
    #[must_use]
    pub fn new(what: &'static str, details: Value) -> Self {
        let mut event = Map::from_iter([("what".to_owned(), json!(what))]);
        if let Value::Object(details) = details {
            event.extend(details);
        }
        let mut event = Value::Object(event);
        clean(&mut event);
        Self {
            json: event.to_string(),
            record: None,
        }
    }

    /// How a request ended.
    #[must_use]
    pub fn of_request(worker: &str, record: &Record) -> Self {
        let attempts = record.attempts.iter().map(|attempt| {
            json!({
                "provider": attempt.provider,
                "model": attempt.model,
                "verdict": verdicts::name(attempt.verdict),
                "status": attempt.status,
                "cost_micro_usd": attempt.charge.as_ref().and_then(|charge| charge.cost),
            })
        });
        let tags: BTreeMap<_, _> = record.tags.iter().collect();
        let mut event = json!({
            "what": "request",
            "request": record.id,
            "worker": worker,
            "record": record.sequence,
            "purpose": match record {
                _ if record.is_shadow() => "shadow",
                _ if is_probe(record) => "probe",
                _ => "client",
            },
            "tenant": record.tenant,
            "key": record.key,
            "endpoint": record.endpoint,
            "model": record.model,
            "fallback": record.fallback,
            "priority": record.priority.as_str(),
            "stream": record.stream,
            "snapshot": record.snapshot.0,
            "scores": record.scores,
            "stale": record.stale,
            "rule": record.rule,
            "status": record.status,
            "outcome": record.outcome,
            "reject": record.reject,
            "guard": (!record.guard.is_empty()).then_some(&record.guard),
            "attempts": Value::from_iter(attempts),
            "input_tokens": record.usage.input_tokens,
            "output_tokens": record.usage.output_tokens,
            "usage": record.usage_source,
            "cost_micro_usd": record.cost,
            "duration_us": record.duration_us,
            "tags": tags,
        });
        if let Value::Object(fields) = &mut event {
            fields.retain(|_, value| !value.is_null());
        }
        clean(&mut event);
        Self {
            json: event.to_string(),
            record: (record.sequence > 0).then(|| (worker.to_owned(), record.sequence)),
        }
    }
}

fn clean(value: &mut Value) {
    match value {
        Value::String(text) => *text = cleaned(text),
        Value::Array(items) => items.iter_mut().for_each(clean),
        Value::Object(fields) => fields.values_mut().for_each(clean),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A text without secrets and personal data, and not too long.
fn cleaned(text: &str) -> String {
    let masked = ark_redact::mask(text);
    let end = masked.floor_char_boundary(TEXT_LIMIT_BYTES);
    masked.get(..end).unwrap_or_default().to_owned()
}
