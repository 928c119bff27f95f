//! A response as a stream of events, each with its number.

use serde_json::{Value, json};

use super::output::{Item, Output, part, summary_part};
use crate::providers::dialect::set;
use crate::providers::sse::Events;
use crate::providers::text::Text;

/// Events with their numbers.
struct Numbered {
    events: Events,
    number: u64,
}

impl Numbered {
    fn put(&mut self, name: &str, mut data: Value) {
        set(&mut data, "type", json!(name));
        set(&mut data, "sequence_number", json!(self.number));
        self.number += 1;
        self.events.push_named(name, |out| {
            out.extend_from_slice(data.to_string().as_bytes());
        });
    }
}

impl Output {
    /// The streamed answer.
    pub(super) fn stream(&self) -> Events {
        let mut numbered = Numbered {
            events: Events::with_capacity(256 * (self.tokens() + 16)),
            number: 0,
        };
        for name in ["response.created", "response.in_progress"] {
            numbered.put(name, json!({"response": self.begun()}));
        }
        for (index, item) in self.items.iter().enumerate() {
            let id = self.id(index, item);
            let added = self.added(index, item);
            numbered.put(
                "response.output_item.added",
                json!({"output_index": index, "item": added}),
            );
            let place = json!({"item_id": id, "output_index": index});
            match item {
                Item::Reasoning { summary, .. } => {
                    if let Some(summary) = summary {
                        stream_summary(&mut numbered, &place, summary);
                    }
                }
                Item::Message { text, refusal } => {
                    stream_text(&mut numbered, &place, text, *refusal);
                }
                Item::Call { arguments, .. } => stream_arguments(&mut numbered, &place, arguments),
            }
            numbered.put(
                "response.output_item.done",
                json!({"output_index": index, "item": self.item(index, item)}),
            );
        }
        let end = format!("response.{}", self.status());
        numbered.put(&end, json!({"response": self.whole()}));
        numbered.events.closed_by(1)
    }

    /// The item at `index` before it says anything.
    fn added(&self, index: usize, item: &Item) -> Value {
        let mut added = self.item(index, item);
        match item {
            Item::Reasoning { .. } => set(&mut added, "summary", json!([])),
            Item::Message { .. } => {
                set(&mut added, "content", json!([]));
                set(&mut added, "status", json!("in_progress"));
            }
            Item::Call { .. } => {
                set(&mut added, "arguments", json!(""));
                set(&mut added, "status", json!("in_progress"));
            }
        }
        added
    }
}

fn at(place: &Value, more: Value) -> Value {
    let mut data = place.clone();
    if let (Some(data), Value::Object(more)) = (data.as_object_mut(), more) {
        data.extend(more);
    }
    data
}

fn stream_summary(numbered: &mut Numbered, place: &Value, summary: &Text) {
    let place = at(place, json!({"summary_index": 0}));
    let name = |event: &str| format!("response.reasoning_summary_{event}");
    let empty = json!({"type": "summary_text", "text": ""});
    numbered.put(&name("part.added"), at(&place, json!({"part": empty})));
    for piece in 0..summary.pieces() {
        let delta = summary.piece_plain(piece);
        numbered.put(&name("text.delta"), at(&place, json!({"delta": delta})));
    }
    numbered.put(
        &name("text.done"),
        at(&place, json!({"text": summary.plain()})),
    );
    numbered.put(
        &name("part.done"),
        at(&place, json!({"part": summary_part(summary)})),
    );
}

fn stream_text(numbered: &mut Numbered, place: &Value, text: &Text, refusal: bool) {
    let place = at(place, json!({"content_index": 0}));
    let (kind, field) = if refusal {
        ("refusal", "refusal")
    } else {
        ("output_text", "text")
    };
    numbered.put(
        "response.content_part.added",
        at(&place, json!({"part": part("", refusal)})),
    );
    for piece in 0..text.pieces() {
        let mut delta = json!({"delta": text.piece_plain(piece)});
        if !refusal {
            set(&mut delta, "logprobs", json!([]));
        }
        numbered.put(&format!("response.{kind}.delta"), at(&place, delta));
    }
    let said = text.plain();
    let mut done = json!({field: said});
    if !refusal {
        set(&mut done, "logprobs", json!([]));
    }
    numbered.put(&format!("response.{kind}.done"), at(&place, done));
    numbered.put(
        "response.content_part.done",
        at(&place, json!({"part": part(&said, refusal)})),
    );
}

fn stream_arguments(numbered: &mut Numbered, place: &Value, arguments: &Text) {
    for piece in 0..arguments.pieces() {
        let delta = json!({"delta": arguments.piece_plain(piece)});
        numbered.put("response.function_call_arguments.delta", at(place, delta));
    }
    let done = json!({"arguments": arguments.plain()});
    numbered.put("response.function_call_arguments.done", at(place, done));
}
