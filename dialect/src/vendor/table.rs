//! The table: one row per vendor.

use super::quirks::ReasoningControl as Control;
pub use super::quirks::{
    CallIds, MaxTokens, Quirks, ReasoningControl, ReasoningText, ToolChoices, UsageReport,
};
use crate::openai_chat::ReasoningBack;

/// Everything as OpenAI has it: the base of every row, and the row of OpenAI and of any server that
/// has no quirks. <https://platform.openai.com/docs/api-reference/chat/create>
pub const OPENAI: Quirks = Quirks {
    name: "openai",
    base_url: Some("https://api.openai.com/v1"),
    chat_path: "/chat/completions",
    completions: true,
    embeddings: true,
    responses: true,
    max_tokens: MaxTokens::Both,
    renamed: &[],
    unsupported: &[],
    unsupported_in_messages: &[],
    unsupported_in_calls: &[],
    unsupported_in_parts: &[],
    call_ids: CallIds::Any,
    user_after_tool: true,
    added: &[],
    tool_choice: ToolChoices {
        none: true,
        required: Some("required"),
        named: true,
        allowed: true,
    },
    developer_role: true,
    reasoning: Control::Effort,
    json_schema: true,
    usage: UsageReport::OnRequest,
    temperature: (0.0, 2.0),
    max_stop: None,
    max_n: None,
    base_resp: false,
    reasoning_text: ReasoningText::None,
    reasoning_back: ReasoningBack::LeftOut,
};

/// OpenAI's own servers, without what Ark and compatible vendors put into a conversation.
pub(super) static OPENAI_ITSELF: Quirks = Quirks {
    unsupported_in_messages: &["reasoning_content", "reasoning_details"],
    unsupported_in_calls: &["extra_content"],
    ..OPENAI
};

/// What all others have in common: `allowed_tools` is OpenAI's own, and so is `/responses`, which some
/// copy in part: translated to chat it works everywhere, and nothing is stored.
const COMPATIBLE: Quirks = Quirks {
    responses: false,
    tool_choice: ToolChoices {
        allowed: false,
        ..OPENAI.tool_choice
    },
    developer_role: false,
    reasoning_text: ReasoningText::ReasoningContent,
    ..OPENAI
};

/// A server that one runs oneself.
const SELF_HOSTED: Quirks = Quirks {
    base_url: None,
    ..COMPATIBLE
};

/// The vendors.
pub static TABLE: &[Quirks] = &[
    OPENAI,
    // https://api-docs.deepseek.com/api/create-chat-completion: no n, seed, logit_bias, user…; stop up
    // to 16. https://api-docs.deepseek.com/guides/thinking_mode: the switch, the efforts (others are
    // mapped by the server). `developer` and `json_schema` are refused with a 422 that lists what is
    // taken; json_object needs the word in a prompt (…/guides/json_mode). What was thought before a
    // tool call must come back, else 400; an empty text will do where another model thought.
    // /completions is in beta below another base URL. Errors: OpenAI's form; 402 "Insufficient
    // Balance", https://api-docs.deepseek.com/quick_start/error_codes.
    Quirks {
        name: "deepseek",
        base_url: Some("https://api.deepseek.com"),
        completions: false,
        embeddings: false,
        max_tokens: MaxTokens::Old,
        unsupported: &["seed", "logit_bias", "parallel_tool_calls"],
        reasoning: Control::ThinkingOrEffort,
        json_schema: false,
        max_stop: Some(16),
        max_n: Some(1),
        reasoning_back: ReasoningBack::Demanded,
        ..COMPATIBLE
    },
    // https://www.alibabacloud.com/help/en/model-studio/qwen-api-via-openai-chat-completions and
    // …/deep-thinking: enable_thinking, thinking_budget; temperature in [0, 2); n in 1 to 4.
    // `developer` is refused with a 400 that lists the roles. /responses is below another base URL.
    // Unverified: max_completion_tokens, so the documented max_tokens is used; whether what is not
    // documented (logit_bias, frequency_penalty) counts, so it passes. Errors: OpenAI's form
    // with `request_id`, or {code, message, request_id}: …/model-studio/error-code.
    Quirks {
        name: "qwen",
        base_url: Some("https://dashscope.aliyuncs.com/compatible-mode/v1"),
        max_tokens: MaxTokens::Old,
        reasoning: Control::EnableThinking,
        temperature: (0.0, 1.99),
        max_n: Some(4),
        ..COMPATIBLE
    },
    // https://docs.z.ai/api-reference/llm/chat-completion (the same API as open.bigmodel.cn): tool_choice
    // `auto` only, one stop text, temperature in [0, 1], json_object only, no penalties, no logprobs,
    // user_id (6 characters at least) in the place of user. reasoning_effort counts from GLM-5.2 on
    // (zai-sdk 0.2). What was thought is to be sent back with tool results:
    // https://docs.z.ai/guides/capabilities/thinking-mode. `developer` is refused with code 1214. Unverified: /responses. Errors:
    // {error: {code: "1261", message}}, https://docs.z.ai/api-reference/api-code.
    Quirks {
        name: "glm",
        base_url: Some("https://open.bigmodel.cn/api/paas/v4"),
        completions: false,
        max_tokens: MaxTokens::Old,
        unsupported: GLM_UNSUPPORTED,
        tool_choice: AUTO_ONLY,
        reasoning: Control::ThinkingOrEffort,
        json_schema: false,
        temperature: (0.0, 1.0),
        max_stop: Some(1),
        max_n: Some(1),
        reasoning_back: ReasoningBack::Taken,
        ..COMPATIBLE
    },
    // https://platform.kimi.ai/docs/guide/migrating-from-openai-to-kimi: temperature in [0, 1],
    // tool_choice none and auto, chat is the only endpoint, usage of a stream also in choices[0];
    // https://platform.kimi.ai/docs/api/chat: stop up to 5, n up to 5, the thinking switch, roles
    // system, user, assistant. Models that think refuse a message that calls tools without
    // reasoning_content: …/docs/guide/use-kimi-k2-thinking-model. Unverified: json_schema. Errors: OpenAI's form, type
    // exceeded_current_quota_error and engine_overloaded_error.
    Quirks {
        name: "kimi",
        base_url: Some("https://api.moonshot.cn/v1"),
        completions: false,
        embeddings: false,
        unsupported: &["functions", "function_call"],
        tool_choice: ToolChoices {
            none: true,
            ..AUTO_ONLY
        },
        reasoning: Control::Thinking,
        temperature: (0.0, 1.0),
        max_stop: Some(5),
        max_n: Some(5),
        reasoning_back: ReasoningBack::Demanded,
        ..COMPATIBLE
    },
    // https://www.volcengine.com/docs/82379/1494384: thinking, reasoning_effort (minimal to high),
    // either bound on tokens but not both, stop up to 4. `developer` is refused with a 400 that lists
    // the roles. Unverified: n. Errors: OpenAI's form, with codes such as AccountOverdueError,
    // SensitiveContentDetected, https://www.volcengine.com/docs/82379/1299023.
    Quirks {
        name: "doubao",
        base_url: Some("https://ark.cn-beijing.volces.com/api/v3"),
        completions: false,
        max_tokens: MaxTokens::Either,
        reasoning: Control::EffortOf(&["minimal", "low", "medium", "high"]),
        max_stop: Some(4),
        ..COMPATIBLE
    },
    // https://platform.minimax.io/docs/api-reference/text-openai-api: temperature in (0, 1], n is 1,
    // penalties and logit_bias ignored, function_call refused; reasoning_split keeps what the model
    // thought out of the content. Unverified: switching the thinking off, /responses. Errors: 200 with
    // base_resp.status_code, https://platform.minimax.io/docs/api-reference/errorcode.
    Quirks {
        name: "minimax",
        base_url: Some("https://api.minimaxi.com/v1"),
        completions: false,
        embeddings: false,
        unsupported: MINIMAX_UNSUPPORTED,
        added: &[("reasoning_split", "true")],
        reasoning: Control::None,
        temperature: (0.01, 1.0),
        max_n: Some(1),
        base_resp: true,
        reasoning_text: ReasoningText::ReasoningDetails,
        ..COMPATIBLE
    },
    // https://docs.mistral.ai/api/#tag/chat and mistralai 3.x's ChatCompletionRequest: members that it
    // does not know are refused (422 extra_forbidden), also in messages; random_seed; `any` is the older
    // word for `required`; usage always; temperature up to 1.5. Ids of tool calls are nine letters and
    // digits ("must be a-z, A-Z, 0-9, with a length of 9"), and an assistant speaks between a tool and
    // the user (code 3230 "Unexpected role 'user' after role 'tool'"). Errors: {object: "error", message, type,
    // code}, where message may be {detail: […]}, and {detail: …}.
    Quirks {
        name: "mistral",
        base_url: Some("https://api.mistral.ai/v1"),
        completions: false,
        max_tokens: MaxTokens::Old,
        renamed: &[("seed", "random_seed")],
        unsupported: MISTRAL_UNSUPPORTED,
        unsupported_in_messages: MISTRAL_UNSUPPORTED_IN_MESSAGES,
        unsupported_in_calls: &["extra_content", "cache_control"],
        unsupported_in_parts: &["cache_control", "prompt_cache_breakpoint"],
        call_ids: CallIds::Nine,
        user_after_tool: false,
        tool_choice: ToolChoices {
            required: Some("any"),
            ..COMPATIBLE.tool_choice
        },
        usage: UsageReport::Always,
        temperature: (0.0, 1.5),
        reasoning_text: ReasoningText::ContentParts,
        ..COMPATIBLE
    },
    // groq 1.x's CompletionCreateParams and https://console.groq.com/docs/openai: logprobs, logit_bias
    // refused, penalties ignored, n is 1, stop up to 4, reasoning_effort none to high. Reasoning of
    // earlier turns is refused under the names that others use. Errors: OpenAI's form; 413 for a
    // request beyond the tokens per minute.
    Quirks {
        name: "groq",
        base_url: Some("https://api.groq.com/openai/v1"),
        completions: false,
        embeddings: false,
        unsupported: GROQ_UNSUPPORTED,
        unsupported_in_messages: &["reasoning_content", "reasoning_details"],
        unsupported_in_calls: &["extra_content"],
        developer_role: true,
        reasoning: Control::EffortOf(&["none", "low", "medium", "high"]),
        max_stop: Some(4),
        max_n: Some(1),
        reasoning_text: ReasoningText::Reasoning,
        ..COMPATIBLE
    },
    // https://docs.cohere.com/docs/compatibility-api lists what is taken and what is not; tool_choice is
    // in neither list, so it is left out by name. reasoning_effort is none or high. Of embeddings it takes
    // model, input and encoding_format; it refuses dimensions and user, which its 400 says.
    Quirks {
        name: "cohere",
        base_url: Some("https://api.cohere.ai/compatibility/v1"),
        completions: false,
        max_tokens: MaxTokens::Old,
        unsupported: COHERE_UNSUPPORTED,
        tool_choice: AUTO_ONLY,
        reasoning: Control::EffortOf(&["none", "high"]),
        ..COMPATIBLE
    },
    // https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html: nearly all of OpenAI's
    // members; reasoning in `reasoning`, earlier in `reasoning_content`. Whether a model knows
    // `developer` is up to its template; all know `system`. Errors: OpenAI's form with a numeric code,
    // earlier {object: "error", message, type, code}.
    Quirks {
        name: "vllm",
        reasoning_text: ReasoningText::Reasoning,
        ..SELF_HOSTED
    },
    // https://docs.ollama.com/api/openai-compatibility: other members are ignored. Errors: OpenAI's
    // form, or {error: "…"}.
    Quirks {
        name: "ollama",
        max_tokens: MaxTokens::Old,
        unsupported: &["logit_bias", "parallel_tool_calls"],
        max_n: Some(1),
        reasoning_text: ReasoningText::Reasoning,
        ..SELF_HOSTED
    },
    // https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md: the effort goes to the
    // model's template. Errors: OpenAI's form with a numeric code and types such as
    // exceed_context_size_error.
    Quirks {
        name: "llama-cpp",
        max_tokens: MaxTokens::Old,
        reasoning: Control::TemplateKwargs,
        ..SELF_HOSTED
    },
];

const AUTO_ONLY: ToolChoices = ToolChoices {
    none: false,
    required: None,
    named: false,
    allowed: false,
};

const GLM_UNSUPPORTED: &[&str] = &[
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "parallel_tool_calls",
    "user",
    "functions",
    "function_call",
];

const MINIMAX_UNSUPPORTED: &[&str] = &[
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "functions",
    "function_call",
];

const MISTRAL_UNSUPPORTED: &[&str] = &[
    "audio",
    "functions",
    "function_call",
    "logit_bias",
    "modalities",
    "moderation",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "user",
    "verbosity",
    "web_search_options",
];

/// `name` is a tool's only.
const MISTRAL_UNSUPPORTED_IN_MESSAGES: &[&str] = &[
    "annotations",
    "audio",
    "cache_control",
    "extra_content",
    "function_call",
    "name",
    "prompt_cache_breakpoint",
    "reasoning",
    "reasoning_content",
    "reasoning_details",
    "refusal",
];

const COHERE_UNSUPPORTED: &[&str] = &[
    "audio",
    "functions",
    "function_call",
    "logit_bias",
    "logprobs",
    "metadata",
    "modalities",
    "n",
    "parallel_tool_calls",
    "prediction",
    "service_tier",
    "store",
    "top_logprobs",
];

const GROQ_UNSUPPORTED: &[&str] = &[
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
];
