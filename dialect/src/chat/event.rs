//! A streamed answer, event by event.

use std::borrow::Cow;

use serde_json::Value;

use super::{Finish, Signature};
use crate::loss::Field;
use crate::provider_error::ProviderError;
use crate::usage::Usage;

/// What a piece of a stream says. Text is borrowed from the piece where that is possible.
///
/// A stream is `Start`, then pieces of content, `Finish` of every choice, `Usage` anywhere, and
/// `End`; or `Error` at any point, after which nothing follows. Pieces of a choice come in the order
/// of its parts: a piece of another kind, or of another tool call, begins a new part.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<'a> {
    /// The answer begins. A second one is ignored.
    Start {
        /// The provider's id of it.
        id: Option<Cow<'a, str>>,
        /// The model that answers.
        model: Option<Cow<'a, str>>,
        /// Seconds since the Unix epoch.
        created: Option<u64>,
    },
    /// More text.
    Text {
        /// Which answer, from 0.
        choice: u32,
        /// The text.
        text: Cow<'a, str>,
    },
    /// More of what the model thought.
    Reasoning {
        /// Which answer.
        choice: u32,
        /// The text.
        text: Cow<'a, str>,
    },
    /// The proof of the reasoning just before, which it ends; without reasoning before, a reasoning
    /// part of its own with empty text.
    ReasoningSignature {
        /// Which answer.
        choice: u32,
        /// The proof.
        signature: Signature,
    },
    /// A whole part of encrypted reasoning.
    RedactedReasoning {
        /// Which answer.
        choice: u32,
        /// Opaque.
        signature: Signature,
    },
    /// More of a refusal.
    Refusal {
        /// Which answer.
        choice: u32,
        /// The text.
        text: Cow<'a, str>,
    },
    /// The model begins to call a tool.
    ToolCall {
        /// Which answer.
        choice: u32,
        /// Which call of this answer, from 0, in order.
        call: u32,
        /// Names the call.
        id: Cow<'a, str>,
        /// The tool.
        name: Cow<'a, str>,
        /// Google's `thoughtSignature` of the call.
        signature: Option<Signature>,
    },
    /// More of a call's arguments, a piece of JSON text.
    ToolArguments {
        /// Which answer.
        choice: u32,
        /// Which call.
        call: u32,
        /// The piece.
        json: Cow<'a, str>,
    },
    /// Something that no other dialect has a place for: a loss wherever another is written.
    Foreign {
        /// Which answer.
        choice: u32,
        /// What it is: one of the fields of answers.
        field: Field,
    },
    /// Log probabilities of the pieces just before, as OpenAI's `logprobs` object.
    Logprobs {
        /// Which answer.
        choice: u32,
        /// The object.
        logprobs: Value,
    },
    /// An answer is whole.
    Finish {
        /// Which answer.
        choice: u32,
        /// Why it stopped.
        finish: Finish,
    },
    /// What has been used so far: a total that replaces the one before, never to be added.
    Usage(Usage),
    /// The provider is alive.
    Ping,
    /// The provider failed: nothing follows.
    Error(ProviderError),
    /// The provider said that the stream is whole: nothing follows.
    End,
}
