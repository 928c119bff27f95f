//! What a row of the table says.

use crate::openai_chat::ReasoningBack;

/// How a vendor's chat API differs from OpenAI's.
#[derive(Clone, Copy, Debug)]
pub struct Quirks {
    /// Its name in the configuration.
    pub name: &'static str,
    /// Where it is, when the operator has not said; `None` for servers that one runs oneself.
    pub base_url: Option<&'static str>,
    /// The chat endpoint, after the base URL.
    pub chat_path: &'static str,
    /// Whether there is `/completions` below the base URL.
    pub completions: bool,
    /// Whether there is `/embeddings`, in OpenAI's form.
    pub embeddings: bool,
    /// Whether there is `/responses`.
    pub responses: bool,
    /// Which bound on output tokens it takes.
    pub max_tokens: MaxTokens,
    /// Members that it calls otherwise: OpenAI's name, its own.
    pub renamed: &'static [(&'static str, &'static str)],
    /// Members that it refuses, or ignores though they matter.
    pub unsupported: &'static [&'static str],
    /// Members of messages that it refuses.
    pub unsupported_in_messages: &'static [&'static str],
    /// Members of tool calls in messages that it refuses.
    pub unsupported_in_calls: &'static [&'static str],
    /// Members of parts of contents that it refuses.
    pub unsupported_in_parts: &'static [&'static str],
    /// The form of the ids of tool calls.
    pub call_ids: CallIds,
    /// Whether the user may speak right after a tool.
    pub user_after_tool: bool,
    /// Members to add where the client does not say them: name, value.
    pub added: &'static [(&'static str, &'static str)],
    /// The forms of `tool_choice` that it takes.
    pub tool_choice: ToolChoices,
    /// Whether it knows the role `developer`; else such messages become `system`.
    pub developer_role: bool,
    /// How it is told how much to think.
    pub reasoning: ReasoningControl,
    /// Whether it takes `response_format: json_schema`; else that becomes `json_object`, and
    /// the schema an instruction.
    pub json_schema: bool,
    /// When it reports usage in streams.
    pub usage: UsageReport,
    /// Least and greatest `temperature`.
    pub temperature: (f64, f64),
    /// Most texts in `stop`.
    pub max_stop: Option<usize>,
    /// Most answers to ask for (`n`).
    pub max_n: Option<u64>,
    /// Whether it says by `base_resp` that a stream failed.
    pub base_resp: bool,
    /// Where it puts what the model thought.
    pub reasoning_text: ReasoningText,
    /// Whether it wants that back.
    pub reasoning_back: ReasoningBack,
}

/// The form of the ids of tool calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallIds {
    /// Any text.
    Any,
    /// Nine letters and digits of ASCII.
    Nine,
}

/// Which bound on output tokens is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxTokens {
    /// `max_tokens` and `max_completion_tokens`, as the client says.
    Both,
    /// Either, but not both at once.
    Either,
    /// `max_tokens` only.
    Old,
}

/// The forms of `tool_choice` that are taken besides `auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToolChoices {
    /// `none`.
    pub none: bool,
    /// The word for "at least one".
    pub required: Option<&'static str>,
    /// One tool by its name.
    pub named: bool,
    /// OpenAI's `allowed_tools`.
    pub allowed: bool,
}

/// How a vendor is told how much to think, in the place of `reasoning_effort`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasoningControl {
    /// `reasoning_effort`, with OpenAI's words.
    Effort,
    /// `reasoning_effort` with these words only, from little to much; others become the nearest.
    EffortOf(&'static [&'static str]),
    /// `thinking: {type: disabled}` for none, else `reasoning_effort`.
    ThinkingOrEffort,
    /// `thinking: {type: enabled | disabled}`: no amounts.
    Thinking,
    /// `enable_thinking`, and `thinking_budget` in tokens.
    EnableThinking,
    /// `chat_template_kwargs`: `enable_thinking: false` for none, else `reasoning_effort`.
    TemplateKwargs,
    /// It thinks as much as it likes.
    None,
}

/// When usage is reported in streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageReport {
    /// On request, by `stream_options.include_usage`.
    OnRequest,
    /// Always; `stream_options` are refused.
    Always,
}

/// Where a vendor puts what the model thought, in messages and in deltas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasoningText {
    /// Nowhere.
    None,
    /// `reasoning_content`, a string.
    ReasoningContent,
    /// `reasoning`, a string.
    Reasoning,
    /// `reasoning_details`, an array of `{type, text}`.
    ReasoningDetails,
    /// Parts of type `thinking` in `content`.
    ContentParts,
}
