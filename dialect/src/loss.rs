//! What a translation could not express: a loss is never silent.

use std::borrow::Cow;

use serde_json::Value;

use crate::chat::Part;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// A hint that the answer does not depend on: cache marks, end user, class of service.
    Hint,
    /// The answer may differ: sampling, penalties, the amount of reasoning, strictness.
    Behaviour,
    /// Something that was said or asked for is missing: an image, log probabilities, more answers.
    Content,
}

/// What was lost, by OpenAI's name for it where it has one; the order is that in which losses are
/// listed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// A part that only its own dialect knows, or a role's place in the conversation.
    Messages,
    /// A participant's `name`.
    Name,
    /// Images, or a source of them that the provider does not take.
    Images,
    /// An image's `detail`.
    ImageDetail,
    /// Documents, or a source of them that the provider does not take.
    Files,
    /// Sound.
    Audio,
    /// Images or documents within tool results.
    ToolResults,
    /// Tools that are no functions, such as a provider's own web search.
    Tools,
    /// Strictness of a tool's schema.
    StrictTools,
    /// A form of `tool_choice`.
    ToolChoice,
    /// `parallel_tool_calls`.
    ParallelToolCalls,
    /// `response_format`, or parts of its schema.
    ResponseFormat,
    /// `max_tokens`, bounded by the provider.
    MaxTokens,
    /// `temperature`, or a value beyond the provider's range.
    Temperature,
    /// `top_p`.
    TopP,
    /// `top_k`.
    TopK,
    /// `stop`, or more texts than the provider takes.
    Stop,
    /// `seed`.
    Seed,
    /// `frequency_penalty`.
    FrequencyPenalty,
    /// `presence_penalty`.
    PresencePenalty,
    /// `logit_bias`.
    LogitBias,
    /// `logprobs` and `top_logprobs`.
    Logprobs,
    /// `n` above 1.
    N,
    /// `reasoning_effort`, a thinking budget.
    Reasoning,
    /// Reasoning of earlier turns whose signature is another maker's.
    ReasoningHistory,
    /// `verbosity`.
    Verbosity,
    /// Cache marks, `prompt_cache_key`.
    CacheControl,
    /// `service_tier`.
    ServiceTier,
    /// The end user.
    User,
    /// `metadata`.
    Metadata,
    /// `stream_options` of which the provider knows nothing.
    StreamOptions,
    /// Of the answer: where its words come from, as annotations, citations or grounding.
    AnswerAnnotations,
    /// Of the answer: images that the model made.
    AnswerImages,
    /// Of the answer: sound; what was spoken is there as text.
    AnswerAudio,
    /// Of the answer: other files that the model made.
    AnswerFiles,
    /// Of the answer: what the provider's own tools were asked and said.
    AnswerServerTools,
    /// Of the answer: what the model thought, where the client's dialect has no place for it.
    AnswerReasoning,
    /// Of the answer: calls of tools, where the client's dialect has no place for them.
    AnswerToolCalls,
    /// Of the answer: a part that only its own dialect knows.
    AnswerOther,
    /// A top-level member that no other dialect has, by its name.
    Unknown(String),
}

/// One thing that was lost.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Loss {
    /// What.
    pub field: Field,
    /// How much it matters.
    pub severity: Severity,
}

/// Most bytes of an unknown member's name that are shown.
const NAME_LIMIT_BYTES: usize = 64;

impl Field {
    /// All but [`Field::Unknown`].
    pub const KNOWN: [Self; 39] = [
        Self::Messages,
        Self::Name,
        Self::Images,
        Self::ImageDetail,
        Self::Files,
        Self::Audio,
        Self::ToolResults,
        Self::Tools,
        Self::StrictTools,
        Self::ToolChoice,
        Self::ParallelToolCalls,
        Self::ResponseFormat,
        Self::MaxTokens,
        Self::Temperature,
        Self::TopP,
        Self::TopK,
        Self::Stop,
        Self::Seed,
        Self::FrequencyPenalty,
        Self::PresencePenalty,
        Self::LogitBias,
        Self::Logprobs,
        Self::N,
        Self::Reasoning,
        Self::ReasoningHistory,
        Self::Verbosity,
        Self::CacheControl,
        Self::ServiceTier,
        Self::User,
        Self::Metadata,
        Self::StreamOptions,
        Self::AnswerAnnotations,
        Self::AnswerImages,
        Self::AnswerAudio,
        Self::AnswerFiles,
        Self::AnswerServerTools,
        Self::AnswerReasoning,
        Self::AnswerToolCalls,
        Self::AnswerOther,
    ];

    /// What an entry of [`crate::chat::ChatRequest::unknown`] stands for.
    #[must_use]
    pub fn of_unknown(name: &str) -> Self {
        match name.split_once('.') {
            Some(("tools", _)) => Self::Tools,
            Some(("tool_choice", _)) => Self::ToolChoice,
            Some(("messages", _)) => Self::Messages,
            Some(("stream_options", _)) => Self::StreamOptions,
            Some(_) | None => Self::Unknown(name.to_owned()),
        }
    }

    /// What is lost with a part of a request that OpenAI's APIs have no place for.
    #[must_use]
    pub(crate) fn of_request_part(part: &Part) -> Self {
        match part {
            Part::Image { .. } => Self::Images,
            Part::File { .. } => Self::Files,
            Part::Audio { .. } => Self::Audio,
            Part::ToolResult { .. } => Self::ToolResults,
            Part::Reasoning { .. } | Part::RedactedReasoning { .. } => Self::ReasoningHistory,
            Part::Text { .. }
            | Part::ToolCall { .. }
            | Part::Refusal { .. }
            | Part::Foreign { .. } => Self::Messages,
        }
    }

    /// What a part of an answer is, by the name of its kind in its own dialect, where no other has a
    /// place for it: Anthropic's types of content blocks, the members of Gemini's parts.
    #[must_use]
    pub fn of_answer_part(kind: &str, part: &Value) -> Self {
        match kind {
            "inlineData" | "fileData" => {
                let media_type = part.get("mimeType").and_then(Value::as_str);
                match media_type.unwrap_or_default().split('/').next() {
                    Some("image") => Self::AnswerImages,
                    Some("audio") => Self::AnswerAudio,
                    Some(_) | None => Self::AnswerFiles,
                }
            }
            "container_upload" => Self::AnswerFiles,
            "executableCode"
            | "codeExecutionResult"
            | "toolCall"
            | "toolResponse"
            | "server_tool_use"
            | "mcp_tool_use" => Self::AnswerServerTools,
            _ if kind.ends_with("_tool_result") => Self::AnswerServerTools,
            _ => Self::AnswerOther,
        }
    }

    /// The label that a record carries, as one of the closed set.
    #[must_use]
    pub fn known_label(label: &str) -> &'static str {
        let known = Self::KNOWN.iter().map(Self::label);
        known
            .into_iter()
            .find(|known| *known == label)
            .unwrap_or("other")
    }

    /// A name for people and for the `x-ark-translation` header: OpenAI's field where it has one;
    /// letters, digits, `_`, `.` and `-` only.
    #[must_use]
    pub fn name(&self) -> Cow<'static, str> {
        let Self::Unknown(name) = self else {
            return Cow::Borrowed(self.label());
        };
        let safe = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        Cow::Owned(name.chars().filter(safe).take(NAME_LIMIT_BYTES).collect())
    }

    /// The label of a metric: a closed set, in which unknown members are `other`.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Name => "messages.name",
            Self::Images => "images",
            Self::ImageDetail => "images.detail",
            Self::Files => "files",
            Self::Audio => "audio",
            Self::ToolResults => "tool_results",
            Self::Tools => "tools",
            Self::StrictTools => "tools.strict",
            Self::ToolChoice => "tool_choice",
            Self::ParallelToolCalls => "parallel_tool_calls",
            Self::ResponseFormat => "response_format",
            Self::MaxTokens => "max_tokens",
            Self::Temperature => "temperature",
            Self::TopP => "top_p",
            Self::TopK => "top_k",
            Self::Stop => "stop",
            Self::Seed => "seed",
            Self::FrequencyPenalty => "frequency_penalty",
            Self::PresencePenalty => "presence_penalty",
            Self::LogitBias => "logit_bias",
            Self::Logprobs => "logprobs",
            Self::N => "n",
            Self::Reasoning => "reasoning",
            Self::ReasoningHistory => "reasoning_history",
            Self::Verbosity => "verbosity",
            Self::CacheControl => "cache_control",
            Self::ServiceTier => "service_tier",
            Self::User => "user",
            Self::Metadata => "metadata",
            Self::StreamOptions => "stream_options",
            Self::AnswerAnnotations => "answer.annotations",
            Self::AnswerImages => "answer.images",
            Self::AnswerAudio => "answer.audio",
            Self::AnswerFiles => "answer.files",
            Self::AnswerServerTools => "answer.server_tools",
            Self::AnswerReasoning => "answer.reasoning",
            Self::AnswerToolCalls => "answer.tool_calls",
            Self::AnswerOther => "answer.other",
            Self::Unknown(_) => "other",
        }
    }

    /// How much the loss of it matters.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::Messages
            | Self::Images
            | Self::Files
            | Self::Audio
            | Self::ToolResults
            | Self::Tools
            | Self::ToolChoice
            | Self::ResponseFormat
            | Self::Logprobs
            | Self::N
            | Self::AnswerAnnotations
            | Self::AnswerImages
            | Self::AnswerAudio
            | Self::AnswerFiles
            | Self::AnswerServerTools
            | Self::AnswerReasoning
            | Self::AnswerToolCalls
            | Self::AnswerOther => Severity::Content,
            // A tool that is no function, by its type.
            Self::Unknown(name) if name.starts_with("tools.") => Severity::Content,
            Self::StrictTools
            | Self::ParallelToolCalls
            | Self::MaxTokens
            | Self::Temperature
            | Self::TopP
            | Self::TopK
            | Self::Stop
            | Self::Seed
            | Self::FrequencyPenalty
            | Self::PresencePenalty
            | Self::LogitBias
            | Self::Reasoning
            | Self::ReasoningHistory
            | Self::Verbosity
            | Self::Unknown(_) => Severity::Behaviour,
            Self::Name
            | Self::ImageDetail
            | Self::CacheControl
            | Self::ServiceTier
            | Self::User
            | Self::Metadata
            | Self::StreamOptions => Severity::Hint,
        }
    }
}

/// Collects losses, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses(std::collections::BTreeSet<Loss>);

impl FromIterator<Loss> for Losses {
    fn from_iter<I: IntoIterator<Item = Loss>>(losses: I) -> Self {
        Self(losses.into_iter().collect())
    }
}

impl Losses {
    /// Notes that `field` was lost.
    pub fn note(&mut self, field: Field) {
        let severity = field.severity();
        self.0.insert(Loss { field, severity });
    }

    /// Notes that `field` was lost, if it was.
    pub fn note_if(&mut self, lost: bool, field: Field) {
        if lost {
            self.note(field);
        }
    }

    /// The losses in order.
    pub fn iter(&self) -> impl Iterator<Item = &Loss> {
        self.0.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was lost.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The losses in order.
    #[must_use]
    pub fn into_vec(self) -> Vec<Loss> {
        self.0.into_iter().collect()
    }
}
