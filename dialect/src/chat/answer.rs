//! A whole answer.

use serde_json::Value;

use super::{ChatRequest, Part};
use crate::embeddings::Encoding;
use crate::loss::Losses;
use crate::usage::Usage;

/// An answer to a [`ChatRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChatAnswer {
    /// The provider's id of it, if it gave one.
    pub id: Option<String>,
    /// The model that answered, by the provider's name, if it said.
    pub model: Option<String>,
    /// Seconds since the Unix epoch, if the provider said.
    pub created: Option<u64>,
    /// The answers; one, unless `n` asked for more.
    pub choices: Vec<Choice>,
    /// What it used.
    pub usage: Option<Usage>,
    /// The class of service that was used, in the provider's words.
    pub service_tier: Option<String>,
    /// What it holds beside the parts of its choices that no other dialect has a place for.
    pub foreign: Losses,
}

/// One of the answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// What the model said: text, reasoning, tool calls, refusals, in order.
    pub parts: Vec<Part>,
    /// Why it stopped.
    pub finish: Finish,
    /// OpenAI's `logprobs` object.
    pub logprobs: Option<Value>,
}

/// Why the model stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Finish {
    /// It was done.
    #[default]
    Stop,
    /// It wrote one of the stop texts, this one if it is known.
    StopSequence(Option<String>),
    /// The bound on output tokens was reached.
    Length,
    /// The model's context window is full.
    ContextWindow,
    /// It calls tools.
    ToolCalls,
    /// A content filter stepped in.
    ContentFilter,
    /// The model declined (Anthropic's `refusal`).
    Refusal,
    /// The provider paused a long turn, to be continued by sending it back (Anthropic's
    /// `pause_turn`).
    Pause,
}

/// What a writer of answers needs beyond the answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnswerContext {
    /// The model's name as the client asked for it: shown where the provider did not say.
    pub model: String,
    /// An id, unique per request and without a dialect's prefix, where the provider gave none.
    pub id: String,
    /// Now, in seconds since the Unix epoch, where the provider did not say.
    pub created: u64,
    /// The request, for dialects that repeat it in the answer (Responses) or need to know what was
    /// asked (`include_usage`).
    pub request: std::rc::Rc<ChatRequest>,
    /// The form in which embeddings were asked for.
    pub encoding: Encoding,
    /// The account that answers, see [`crate::account`]; empty where proofs of reasoning are not marked.
    pub account: String,
}
