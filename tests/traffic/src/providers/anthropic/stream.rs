//! A message as a stream of events, in the order of the streaming documentation.

use serde_json::{Value, json};

use super::answer::{Block, Message};
use crate::providers::sse::Events;
use crate::providers::text::Text;

impl Message {
    /// The streamed answer.
    pub(super) fn stream(&self) -> Events {
        let mut events = Events::with_capacity(160 * (self.tokens() + 12));
        put(
            &mut events,
            "message_start",
            &json!({"type": "message_start", "message": self.head()}),
        );
        for (index, block) in self.blocks.iter().enumerate() {
            put(
                &mut events,
                "content_block_start",
                &json!({"type": "content_block_start", "index": index, "content_block": block.start()}),
            );
            if index == 0 {
                put(&mut events, "ping", &json!({"type": "ping"}));
            }
            block.stream(index, &mut events);
            put(
                &mut events,
                "content_block_stop",
                &json!({"type": "content_block_stop", "index": index}),
            );
        }
        put(
            &mut events,
            "message_delta",
            &json!({
                "type": "message_delta",
                "delta": {"stop_reason": self.stop_reason, "stop_sequence": self.stop_sequence},
                "usage": {
                    "input_tokens": self.fresh(),
                    "cache_creation_input_tokens": self.usage.written,
                    "cache_read_input_tokens": self.usage.cached,
                    "output_tokens": self.usage.answer,
                },
            }),
        );
        put(
            &mut events,
            "message_stop",
            &json!({"type": "message_stop"}),
        );
        events.closed_by(1)
    }
}

impl Block {
    fn start(&self) -> Value {
        match self {
            Self::Thinking { .. } => json!({"type": "thinking", "thinking": "", "signature": ""}),
            Self::Redacted(data) => json!({"type": "redacted_thinking", "data": data}),
            Self::Text(_) => json!({"type": "text", "text": ""}),
            Self::ToolUse { id, name, .. } => {
                json!({"type": "tool_use", "id": id, "name": name, "input": {}})
            }
        }
    }

    fn stream(&self, index: usize, events: &mut Events) {
        match self {
            Self::Thinking { text, signature } => {
                if let Some(text) = text {
                    deltas(events, index, ("thinking_delta", "thinking"), text);
                }
                let delta = json!({"type": "signature_delta", "signature": signature});
                put(
                    events,
                    "content_block_delta",
                    &json!({"type": "content_block_delta", "index": index, "delta": delta}),
                );
            }
            Self::Redacted(_) => {}
            Self::Text(text) => deltas(events, index, ("text_delta", "text"), text),
            Self::ToolUse { input, .. } => {
                // The first piece is empty, as the real one's is.
                let kind = ("input_json_delta", "partial_json");
                delta(events, index, kind, "");
                deltas(events, index, kind, input);
            }
        }
    }
}

fn deltas(events: &mut Events, index: usize, kind: (&str, &str), text: &Text) {
    for piece in 0..text.pieces() {
        delta(events, index, kind, &text.piece(piece));
    }
}

/// `piece` is the inside of a JSON string.
fn delta(events: &mut Events, index: usize, (kind, field): (&str, &str), piece: &str) {
    events.push_named("content_block_delta", |out| {
        let data = format!(
            r#"{{"type":"content_block_delta","index":{index},"delta":{{"type":"{kind}","{field}":"{piece}"}}}}"#
        );
        out.extend_from_slice(data.as_bytes());
    });
}

fn put(events: &mut Events, name: &str, data: &Value) {
    events.push_named(name, |out| {
        out.extend_from_slice(data.to_string().as_bytes());
    });
}
