//! Events on the wire.

use serde::Serialize;
use serde_json::Value;

use crate::responses::item::{MessagePart, TextPart, Written};
use crate::responses::object::Object;

/// Numbers the events.
#[derive(Debug, Default)]
pub(super) struct Wire {
    sequence_number: u64,
}

#[derive(Serialize)]
struct Numbered<'a, T> {
    #[serde(rename = "type")]
    kind: &'a str,
    sequence_number: u64,
    #[serde(flatten)]
    event: &'a T,
}

impl Wire {
    pub(super) fn write<T: Serialize>(&mut self, kind: &str, event: &T, out: &mut Vec<u8>) {
        let numbered = Numbered {
            kind,
            sequence_number: self.sequence_number,
            event,
        };
        let start = out.len();
        for piece in [b"event: ", kind.as_bytes(), b"\ndata: "] {
            out.extend_from_slice(piece);
        }
        // Into memory everything here serialises; an event that did not would not be half there.
        if serde_json::to_writer(&mut *out, &numbered).is_err() {
            return out.truncate(start);
        }
        out.extend_from_slice(b"\n\n");
        self.sequence_number = self.sequence_number.saturating_add(1);
    }
}

/// Where a piece belongs; a call has no parts and so no index.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Place<'a> {
    pub(super) item_id: &'a str,
    pub(super) output_index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) summary_index: Option<usize>,
}

/// A piece of a text; `logprobs` only with text.
#[derive(Serialize)]
pub(super) struct Piece<'a> {
    #[serde(flatten)]
    pub(super) place: Place<'a>,
    pub(super) delta: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logprobs: Option<&'a [Value]>,
}

/// A text that is whole.
#[derive(Serialize)]
pub(super) struct Whole<'a> {
    #[serde(flatten)]
    pub(super) place: Place<'a>,
    #[serde(flatten)]
    pub(super) text: WholeText<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum WholeText<'a> {
    Text {
        text: &'a str,
        logprobs: &'a [Value],
    },
    Reasoning {
        text: &'a str,
    },
    Refusal {
        refusal: &'a str,
    },
    Arguments {
        name: &'a str,
        arguments: &'a str,
    },
}

/// A part begins or ends.
#[derive(Serialize)]
pub(super) struct PartEvent<'a> {
    #[serde(flatten)]
    pub(super) place: Place<'a>,
    pub(super) part: Part<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Part<'a> {
    Message(MessagePart<'a>),
    Reasoning(TextPart<'a>),
}

/// An item begins or ends.
#[derive(Serialize)]
pub(super) struct ItemEvent<'a> {
    pub(super) output_index: usize,
    pub(super) item: Written<'a>,
}

/// The whole answer so far.
#[derive(Serialize)]
pub(super) struct Life<'a> {
    pub(super) response: Object<'a>,
}

/// The stream fails.
#[derive(Serialize)]
pub(super) struct Failure<'a> {
    pub(super) code: &'a str,
    pub(super) message: &'a str,
    pub(super) param: Option<&'a str>,
}
