//! The table. Each row names where its facts are documented.

use super::{CacheWord, ErrorForm, Refuses, UsagePlace, Vendor};

const ROLES: &[&str] = &["system", "user", "assistant", "tool"];
const OPENAI_ROLES: &[&str] = &["system", "developer", "user", "assistant", "tool"];
const TEXT: &[&str] = &["text"];
const PICTURES: &[&str] = &["text", "image_url"];

/// A vendor that takes what OpenAI takes, in OpenAI's words; rows say what differs.
const PLAIN: Vendor = Vendor {
    name: "",
    base: "/v1/",
    known: None,
    refuses: &[],
    roles: ROLES,
    parts: PICTURES,
    hottest: 2.0,
    stops: 16,
    short_call_ids: false,
    misread: 400,
    errors: ErrorForm::OpenAi,
    reasoning: Some("reasoning_content"),
    usage: UsagePlace::Asked,
    cache: CacheWord::Details,
};

/// All that Mistral's `ChatCompletionRequest` holds: docs.mistral.ai/api, endpoint chat.
const MISTRAL: &[&str] = &[
    "model",
    "messages",
    "temperature",
    "top_p",
    "max_tokens",
    "stream",
    "stop",
    "random_seed",
    "metadata",
    "response_format",
    "tools",
    "tool_choice",
    "presence_penalty",
    "frequency_penalty",
    "n",
    "prediction",
    "parallel_tool_calls",
    "prompt_mode",
    "reasoning_effort",
    "guardrails",
    "safe_prompt",
    "prompt_cache_key",
];

/// All that Groq's chat takes: console.groq.com/docs/api-reference, chat; console.groq.com/docs/openai
/// for what it refuses of it.
const GROQ: &[&str] = &[
    "messages",
    "model",
    "citation_options",
    "compound_custom",
    "disable_tool_validation",
    "documents",
    "frequency_penalty",
    "function_call",
    "functions",
    "include_reasoning",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "metadata",
    "n",
    "parallel_tool_calls",
    "presence_penalty",
    "reasoning_effort",
    "reasoning_format",
    "response_format",
    "search_settings",
    "seed",
    "service_tier",
    "stop",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
];

/// The vendors.
pub(in crate::providers) static VENDORS: [Vendor; 11] = [
    // api-docs.deepseek.com: quick start (error codes), JSON output, context caching.
    Vendor {
        name: "deepseek",
        parts: TEXT,
        refuses: &[Refuses::Format("json_schema"), Refuses::JsonWithoutWord],
        misread: 422,
        cache: CacheWord::HitMiss,
        ..PLAIN
    },
    // help.aliyun.com/zh/model-studio: compatibility of OpenAI with DashScope, error messages.
    Vendor {
        name: "qwen",
        base: "/compatible-mode/v1/",
        refuses: &[
            Refuses::ToolChoice("required"),
            Refuses::JsonWithoutWord,
            Refuses::ThinkingWithoutStream,
        ],
        errors: ErrorForm::Qwen,
        ..PLAIN
    },
    // docs.bigmodel.cn and docs.z.ai: chat completion, error codes.
    Vendor {
        name: "glm",
        base: "/api/paas/v4/",
        refuses: &[
            Refuses::ToolChoice("required"),
            Refuses::ToolChoice("none"),
            Refuses::ToolChoice("function"),
            Refuses::Format("json_schema"),
        ],
        hottest: 1.0,
        stops: 1,
        errors: ErrorForm::Glm,
        usage: UsagePlace::LastChunk,
        ..PLAIN
    },
    // platform.kimi.ai/docs: chat, errors, migration from OpenAI.
    Vendor {
        name: "kimi",
        refuses: &[Refuses::ToolChoice("required")],
        hottest: 1.0,
        stops: 5,
        errors: ErrorForm::Short,
        usage: UsagePlace::LastChoice,
        cache: CacheWord::Flat,
        ..PLAIN
    },
    // www.volcengine.com/docs/82379: chat API, error codes.
    Vendor {
        name: "doubao",
        base: "/api/v3/",
        stops: 4,
        errors: ErrorForm::Doubao,
        ..PLAIN
    },
    // platform.minimax.io/docs: text generation by OpenAI's API, error codes.
    Vendor {
        name: "minimax",
        refuses: &[Refuses::Choices],
        hottest: 1.0,
        errors: ErrorForm::Minimax,
        usage: UsagePlace::LastChunk,
        ..PLAIN
    },
    Vendor {
        name: "mistral",
        known: Some(MISTRAL),
        hottest: 1.5,
        short_call_ids: true,
        misread: 422,
        errors: ErrorForm::Mistral,
        reasoning: None,
        usage: UsagePlace::LastChunk,
        cache: CacheWord::None,
        ..PLAIN
    },
    Vendor {
        name: "groq",
        base: "/openai/v1/",
        known: Some(GROQ),
        refuses: &[
            Refuses::Param("logprobs"),
            Refuses::Param("logit_bias"),
            Refuses::Param("top_logprobs"),
            Refuses::MessageParam("name"),
            Refuses::Choices,
        ],
        stops: 4,
        errors: ErrorForm::Short,
        reasoning: Some("reasoning"),
        usage: UsagePlace::XGroq,
        ..PLAIN
    },
    // docs.vllm.ai: OpenAI-compatible server.
    Vendor {
        name: "vllm",
        roles: OPENAI_ROLES,
        errors: ErrorForm::Numeric,
        ..PLAIN
    },
    // docs.ollama.com/api/openai-compatibility: images in base64 only.
    Vendor {
        name: "ollama",
        roles: OPENAI_ROLES,
        refuses: &[Refuses::ImageUrl],
        reasoning: Some("reasoning"),
        cache: CacheWord::None,
        ..PLAIN
    },
    // github.com/ggml-org/llama.cpp, tools/server/README.md.
    Vendor {
        name: "llama-cpp",
        roles: OPENAI_ROLES,
        errors: ErrorForm::Numeric,
        ..PLAIN
    },
];

/// The row of this name.
pub(in crate::providers) fn find(name: &str) -> Option<&'static Vendor> {
    VENDORS.iter().find(|vendor| vendor.name == name)
}
