//! A conversation in no one's wire format: what every client dialect is read into and every
//! provider dialect is written from.
//!
//! A reader turns bytes into a [`ChatRequest`], a writer turns it into another dialect's bytes and
//! says by [`crate::loss::Loss`] what it could not express. Answers go the other way, whole
//! ([`ChatAnswer`]) or event by event ([`Event`]).

mod answer;
mod event;
pub(crate) mod ids;
pub(crate) mod said;
mod turn;

use serde_json::{Map, Number, Value};

pub use answer::{AnswerContext, ChatAnswer, Choice, Finish};
pub use event::Event;
pub use ids::MadeIds;
pub use turn::{CacheMark, Maker, Part, Role, Signature, Source, Turn};

/// A request for the next turn of a conversation.
///
/// Numbers that are only passed on stay as the client wrote them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChatRequest {
    /// The model that the client named.
    pub model: String,
    /// The conversation, oldest first; system and developer turns stand where the client put them.
    pub turns: Vec<Turn>,
    /// Functions that the model may call.
    pub tools: Vec<Tool>,
    /// Whether and which tool must be called.
    pub tool_choice: Option<ToolChoice>,
    /// Whether several tools may be called at once.
    pub parallel_tool_calls: Option<bool>,
    /// Whether the client offered its tools as OpenAI's deprecated `functions`, and so wants a call as
    /// `function_call`.
    pub legacy_functions: bool,
    /// The form that the answer must have.
    pub format: Format,
    /// Bound on output tokens, reasoning included.
    pub max_tokens: Option<u64>,
    /// Sampling temperature, in the client's scale (OpenAI 0 to 2, Anthropic 0 to 1).
    pub temperature: Option<Number>,
    /// Nucleus sampling.
    pub top_p: Option<Number>,
    /// Sampling among the k likeliest tokens.
    pub top_k: Option<u64>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// For repeatable sampling.
    pub seed: Option<Number>,
    /// OpenAI's `frequency_penalty`, -2 to 2.
    pub frequency_penalty: Option<Number>,
    /// OpenAI's `presence_penalty`, -2 to 2.
    pub presence_penalty: Option<Number>,
    /// OpenAI's `logit_bias`.
    pub logit_bias: Option<Map<String, Value>>,
    /// Whether log probabilities of the output are asked for.
    pub logprobs: bool,
    /// How many alternatives per token, with `logprobs`.
    pub top_logprobs: Option<u64>,
    /// How many answers.
    pub n: Option<u64>,
    /// How much the model may think first.
    pub reasoning: Option<Reasoning>,
    /// OpenAI's `verbosity`.
    pub verbosity: Option<String>,
    /// Whether the answer is asked for as a stream.
    pub stream: bool,
    /// Whether a stream shall end with its usage, where that is optional (OpenAI chat, completions).
    pub include_usage: bool,
    /// The class of service, in the client's words: `auto`, `default`, `flex`, `priority`,
    /// `standard_only`.
    pub service_tier: Option<String>,
    /// Who the end user is: OpenAI's `safety_identifier` or `user`, Anthropic's `metadata.user_id`.
    pub user: Option<String>,
    /// OpenAI's `metadata`.
    pub metadata: Option<Map<String, Value>>,
    /// OpenAI's `prompt_cache_key`.
    pub prompt_cache_key: Option<String>,
    /// What no other dialect has a place for, sorted: top-level members by name, and within known ones
    /// `tools.TYPE`, `tool_choice.TYPE`, `messages.MEMBER`, `stream_options.MEMBER`. Each is a loss when
    /// another dialect is written, see [`crate::loss::Field::of_unknown`].
    pub unknown: Vec<String>,
}

/// What a conversation holds beyond text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// Images, those in tool results included.
    pub images: bool,
    /// Documents.
    pub files: bool,
    /// Sound.
    pub audio: bool,
}

impl ChatRequest {
    /// What the conversation holds beyond text.
    #[must_use]
    pub fn content(&self) -> Content {
        let mut content = Content::default();
        for turn in &self.turns {
            content.note(&turn.parts);
        }
        content
    }
}

impl Content {
    fn note(&mut self, parts: &[Part]) {
        for part in parts {
            match part {
                Part::Image { .. } => self.images = true,
                Part::File { .. } => self.files = true,
                Part::Audio { .. } => self.audio = true,
                Part::ToolResult { parts, .. } => self.note(parts),
                Part::Text { .. }
                | Part::ToolCall { .. }
                | Part::Reasoning { .. }
                | Part::RedactedReasoning { .. }
                | Part::Refusal { .. }
                | Part::Foreign { .. } => {}
            }
        }
    }
}

/// A function that the model may call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: Option<String>,
    /// JSON Schema of its arguments; `None` for no arguments.
    pub parameters: Option<Value>,
    /// Whether the arguments must follow the schema to the letter.
    pub strict: Option<bool>,
    /// The prompt up to here is worth caching.
    pub cache: Option<CacheMark>,
}

/// Whether and which tool must be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// None may be called.
    None,
    /// The model chooses.
    Auto,
    /// At least one must be called.
    Required,
    /// This one must be called.
    Tool(String),
    /// Only these may be called (OpenAI's `allowed_tools`); one must be when `required`.
    Allowed {
        /// Their names.
        names: Vec<String>,
        /// Whether one must be called.
        required: bool,
    },
}

/// The form that the answer must have.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Format {
    /// Text.
    #[default]
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that follows a schema.
    JsonSchema {
        /// The schema's name.
        name: String,
        /// What it is for.
        description: Option<String>,
        /// The schema.
        schema: Value,
        /// Whether it must be followed to the letter.
        strict: Option<bool>,
    },
}

/// How much the model may think before it answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasoning {
    /// OpenAI's and Anthropic's `effort`.
    pub effort: Option<Effort>,
    /// Anthropic's `budget_tokens`, Gemini's `thinkingBudget`.
    pub budget_tokens: Option<u64>,
    /// The model chooses how much (Anthropic's `thinking: {type: adaptive}`).
    pub adaptive: bool,
    /// Whether the client wants to read a summary of the reasoning; `None` for the dialect's default.
    pub summary: Option<bool>,
}

/// An amount of reasoning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// None at all.
    None,
    /// The least.
    Minimal,
    /// Little.
    Low,
    /// The usual amount.
    Medium,
    /// Much.
    High,
    /// More than much.
    XHigh,
    /// The most.
    Max,
}

impl Effort {
    /// Reads OpenAI's `reasoning_effort`, of which `xhigh` is the most, and Anthropic's `effort`, of
    /// which `max` is.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "none" => Self::None,
            "minimal" => Self::Minimal,
            "low" => Self::Low,
            "medium" => Self::Medium,
            "high" => Self::High,
            "xhigh" => Self::XHigh,
            "max" => Self::Max,
            _ => return None,
        })
    }

    /// The budget, in tokens, that stands for this effort where a provider takes only budgets.
    #[must_use]
    pub fn budget_tokens(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Minimal => 1024,
            Self::Low => 2048,
            Self::Medium => 8192,
            Self::High => 16_384,
            Self::XHigh | Self::Max => 32_768,
        }
    }

    /// The effort that comes nearest to a budget, in tokens, where a provider takes only efforts; never
    /// [`Effort::Max`], which is without a bound.
    #[must_use]
    pub fn of_budget(tokens: u64) -> Self {
        match tokens {
            0 => Self::None,
            1..=1024 => Self::Minimal,
            1025..=4096 => Self::Low,
            4097..=12_288 => Self::Medium,
            12_289..=24_576 => Self::High,
            _ => Self::XHigh,
        }
    }
}

/// What is known of the target that a request is written for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TargetFacts<'a> {
    /// The provider's own name for the model.
    pub model: &'a str,
    /// Output tokens to allow when the client set no bound and the provider demands one.
    pub default_max_tokens: u64,
    /// The account whose proofs of reasoning it takes, see [`crate::account`]; empty where any is taken.
    pub account: &'a str,
}

/// A request in a provider's dialect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The body.
    pub body: Vec<u8>,
    /// What it does not say though the client did, without repetition, in the order of
    /// [`crate::loss::Field`].
    pub losses: Vec<crate::loss::Loss>,
}

/// A request that is not what its dialect says it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRequest {
    /// The field to blame, such as `messages[2].content[0].type`; empty for the body itself.
    pub field: String,
    /// What is wrong and what would be right, for people: `must be a string`.
    pub problem: String,
}

impl BadRequest {
    /// A problem of one field.
    #[must_use]
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            problem: problem.into(),
        }
    }
}
