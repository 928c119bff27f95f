//! A response and its items, whole.

use serde_json::{Value, json};

use super::super::answer::now;
use crate::providers::dialect::{Context, set};
use crate::providers::reply::{Reply, Stop};
use crate::providers::signature::Maker;
use crate::providers::text::Text;

/// What of the request stands in the response, with what stands there otherwise.
const ECHOED: [(&str, &str); 15] = [
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("previous_response_id", "null"),
    ("prompt_cache_key", "null"),
    ("reasoning", r#"{"effort":null,"summary":null}"#),
    ("service_tier", "\"default\""),
    ("store", "true"),
    ("temperature", "1.0"),
    ("text", r#"{"format":{"type":"text"}}"#),
    ("tool_choice", "\"auto\""),
    ("tools", "[]"),
    ("top_p", "1.0"),
    ("truncation", "\"disabled\""),
];

/// A response to be written.
#[derive(Clone, Debug)]
pub(super) struct Output {
    base: Value,
    pub(super) items: Vec<Item>,
    sequence: u64,
    status: &'static str,
    incomplete: Option<&'static str>,
    reply: Reply,
}

/// An item of the output.
#[derive(Clone, Debug)]
pub(super) enum Item {
    Reasoning {
        /// The summary, when one was asked for.
        summary: Option<Text>,
        /// When it was asked for.
        encrypted: Option<String>,
    },
    Message {
        text: Text,
        refusal: bool,
    },
    Call {
        name: String,
        arguments: Text,
    },
}

impl Output {
    /// The response that says `reply` to `request`.
    pub(super) fn new(request: &Value, model: &str, reply: Reply, context: &Context<'_>) -> Self {
        let mut base = json!({
            "id": format!("resp_{}_{}", context.config.name, context.sequence),
            "object": "response", "created_at": now(), "status": "in_progress", "background": false,
            "error": null, "incomplete_details": null, "model": model, "output": [], "usage": null,
            "user": null,
        });
        for (name, otherwise) in ECHOED {
            let said = request.get(name).filter(|value| !value.is_null()).cloned();
            set(
                &mut base,
                name,
                said.unwrap_or_else(|| serde_json::from_str(otherwise).unwrap_or_default()),
            );
        }
        let include = request
            .get("include")
            .map(Value::to_string)
            .unwrap_or_default();
        let mut items = Vec::new();
        if let Some(thoughts) = &reply.thoughts {
            let summary = request
                .pointer("/reasoning/summary")
                .is_some_and(|s| !s.is_null());
            items.push(Item::Reasoning {
                summary: summary.then(|| thoughts.clone()),
                encrypted: include
                    .contains("reasoning.encrypted_content")
                    .then(|| Maker::Openai.seal_at(&context.config.name, context.sequence)),
            });
        }
        if let Some(text) = &reply.text {
            items.push(Item::Message {
                text: text.clone(),
                refusal: reply.stop_word.as_deref() == Some("refusal"),
            });
        }
        items.extend(reply.calls.iter().map(|call| Item::Call {
            name: call.name.clone(),
            arguments: call.arguments.clone(),
        }));
        let incomplete = match (reply.stop_word.as_deref(), reply.stop) {
            (Some("content_filter"), _) => Some("content_filter"),
            (Some("max_output_tokens"), _) | (None, Stop::Limit) => Some("max_output_tokens"),
            _ => None,
        };
        Self {
            base,
            items,
            sequence: context.sequence,
            status: if incomplete.is_some() {
                "incomplete"
            } else {
                "completed"
            },
            incomplete,
            reply,
        }
    }

    /// Tokens of the answer.
    pub(super) fn tokens(&self) -> usize {
        self.reply.usage.answer
    }

    /// The response before it says anything.
    pub(super) fn begun(&self) -> &Value {
        &self.base
    }

    /// `completed` or `incomplete`.
    pub(super) fn status(&self) -> &'static str {
        self.status
    }

    /// The JSON answer.
    pub(super) fn whole(&self) -> Value {
        let mut response = self.base.clone();
        let items: Vec<Value> = self
            .items
            .iter()
            .enumerate()
            .map(|(index, item)| self.item(index, item))
            .collect();
        let usage = self.reply.usage;
        set(&mut response, "status", json!(self.status));
        set(&mut response, "output", Value::Array(items));
        set(
            &mut response,
            "incomplete_details",
            match self.incomplete {
                Some(reason) => json!({"reason": reason}),
                None => Value::Null,
            },
        );
        set(
            &mut response,
            "usage",
            json!({
                "input_tokens": usage.prompt,
                "input_tokens_details": {"cached_tokens": usage.cached},
                "output_tokens": usage.answer,
                "output_tokens_details": {"reasoning_tokens": usage.thoughts},
                "total_tokens": usage.prompt + usage.answer,
            }),
        );
        response
    }

    /// The id of the item at `index`.
    pub(super) fn id(&self, index: usize, item: &Item) -> String {
        let prefix = match item {
            Item::Reasoning { .. } => "rs",
            Item::Message { .. } => "msg",
            Item::Call { .. } => "fc",
        };
        format!("{prefix}_{:08x}{index:04x}", self.sequence)
    }

    /// The item at `index`, done.
    pub(super) fn item(&self, index: usize, item: &Item) -> Value {
        let id = self.id(index, item);
        match item {
            Item::Reasoning { summary, encrypted } => {
                let summary: Vec<Value> = summary.iter().map(summary_part).collect();
                let mut value = json!({"id": id, "type": "reasoning", "summary": summary});
                if let Some(encrypted) = encrypted {
                    set(&mut value, "encrypted_content", json!(encrypted));
                }
                value
            }
            Item::Message { text, refusal } => json!({
                "id": id, "type": "message", "status": self.status, "role": "assistant",
                "content": [part(&text.plain(), *refusal)],
            }),
            Item::Call { name, arguments } => json!({
                "id": id, "type": "function_call", "status": "completed", "name": name,
                "call_id": format!("call_{}_{index}", self.sequence), "arguments": arguments.plain(),
            }),
        }
    }
}

/// The part of a message that says `text`.
pub(super) fn part(text: &str, refusal: bool) -> Value {
    if refusal {
        json!({"type": "refusal", "refusal": text})
    } else {
        json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
    }
}

/// The part of a summary that says `text`.
pub(super) fn summary_part(text: &Text) -> Value {
    json!({"type": "summary_text", "text": text.plain()})
}
