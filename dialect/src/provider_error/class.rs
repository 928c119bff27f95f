//! What an error means, by its words.

use super::ErrorClass;
use super::shape::Origin;

/// The class of an error by its code and type, or by its message where those say no more than that
/// the request is bad or the server failed.
pub(super) fn of(
    message: &str,
    kind: Option<&str>,
    code: Option<&str>,
    origin: Origin,
) -> Option<ErrorClass> {
    let number = match (origin, kind) {
        (Origin::MiniMax, _) => Some(minimax(code.unwrap_or_default())),
        // Zhipu gives no type.
        (Origin::Any, None) => code.and_then(zhipu),
        (Origin::Any, Some(_)) => None,
    };
    let words = [code, kind].into_iter().flatten();
    let words = words.filter_map(|word| by_words(&word.to_ascii_lowercase()));
    // By its code, else by its type.
    let classes = || match number {
        Some(class) => vec![class],
        None => words.clone().collect(),
    };
    let vague =
        |class: &ErrorClass| matches!(class, ErrorClass::InvalidRequest | ErrorClass::Server);
    let telling = classes().into_iter().find(|class| !vague(class));
    telling
        .or_else(|| by_phrase(&message.to_ascii_lowercase()))
        .or_else(|| classes().first().copied())
}

/// Words of codes and types, the more telling ones first.
const WORDS: [(ErrorClass, &[&str]); 8] = [
    (
        ErrorClass::RateLimited,
        &[
            "429",
            "rate_limit",
            "ratelimit",
            "quota",
            "too_many_requests",
            "throttl",
            "insufficient_balance",
            "arrearage",
            "overdue",
        ],
    ),
    (
        ErrorClass::Overloaded,
        &["529", "503", "overload", "unavailable", "capacity"],
    ),
    (
        ErrorClass::Auth,
        &[
            "401",
            "403",
            "api_key",
            "apikey",
            "auth",
            "permission",
            "access_denied",
            "accessdenied",
        ],
    ),
    (
        ErrorClass::ContextLength,
        &[
            "context_length",
            "context_size",
            "context_window",
            "outofcontext",
            "string_above_max_length",
        ],
    ),
    (
        ErrorClass::Server,
        &["500", "502", "504", "server_error", "internal", "timeout"],
    ),
    (
        ErrorClass::ContentPolicy,
        &[
            "content_filter",
            "content_policy",
            "responsible_ai",
            // OpenAI: "Invalid prompt: your prompt was flagged …"
            "invalid_prompt",
            "sensitive",
            "inspection_failed",
            "inspectionfailed",
        ],
    ),
    (
        ErrorClass::NotFound,
        &["404", "not_found", "notfound", "does_not_exist"],
    ),
    (
        ErrorClass::InvalidRequest,
        &[
            "400",
            "413",
            "422",
            "invalid",
            "badrequest",
            "bad_request",
            "unsupported",
        ],
    ),
];

fn by_words(word: &str) -> Option<ErrorClass> {
    let known = WORDS
        .iter()
        .find(|(_, words)| words.iter().any(|known| word.contains(known)));
    known.map(|(class, _)| *class)
}

/// Phrases of messages, in lower case, with the vendors that write them so.
const PHRASES: [(ErrorClass, &[&str]); 4] = [
    (
        ErrorClass::ContextLength,
        &[
            // OpenAI, DeepSeek, Mistral, vLLM, Groq, Ollama
            "context length",
            // MiniMax, Anthropic
            "context window",
            // llama.cpp
            "context size",
            "context limit",
            // Anthropic, Ollama
            "prompt is too long",
            "prompt too long",
            // Zhipu
            "prompt exceeds max length",
            // DashScope
            "range of input length should be",
            // Moonshot
            "exceeded model token limit",
            // Volcengine
            "exceed max message tokens",
            // vLLM, earlier
            "longer than the maximum model length",
            // Gemini
            "exceeds the maximum number of tokens",
            // Bedrock
            "input is too long",
        ],
    ),
    (
        ErrorClass::RateLimited,
        &[
            // DeepSeek, MiniMax
            "insufficient balance",
            "in arrears",
            "current quota",
            "rate limit",
        ],
    ),
    (
        ErrorClass::ContentPolicy,
        &[
            // DeepSeek
            "content exists risk",
            // DashScope
            "inappropriate content",
            // Azure
            "content management policy",
            // OpenAI, Gemini
            "usage policy",
            "usage policies",
            "sensitive content",
        ],
    ),
    (ErrorClass::Auth, &["incorrect api key", "invalid api key"]),
];

fn by_phrase(message: &str) -> Option<ErrorClass> {
    let known = PHRASES
        .iter()
        .find(|(_, phrases)| phrases.iter().any(|phrase| message.contains(phrase)));
    known.map(|(class, _)| *class)
}

/// <https://docs.z.ai/api-reference/api-code>
fn zhipu(code: &str) -> Option<ErrorClass> {
    Some(match code {
        "1000" | "1001" | "1002" | "1003" | "1004" | "1100" | "1110" | "1111" | "1112" | "1121"
        | "1220" => ErrorClass::Auth,
        "1113" | "1302" | "1303" | "1304" | "1308" | "1309" | "1310" | "1313" => {
            ErrorClass::RateLimited
        }
        "1305" | "1312" => ErrorClass::Overloaded,
        "1211" | "1221" | "1222" => ErrorClass::NotFound,
        "1210" | "1212" | "1213" | "1214" | "1215" | "1231" => ErrorClass::InvalidRequest,
        "1261" => ErrorClass::ContextLength,
        "1300" | "1301" => ErrorClass::ContentPolicy,
        "1120" | "1200" | "1230" | "1234" => ErrorClass::Server,
        _ => return None,
    })
}

/// <https://platform.minimax.io/docs/api-reference/errorcode>
fn minimax(code: &str) -> ErrorClass {
    match code {
        "1002" | "1008" | "1039" | "1041" | "2045" | "2056" => ErrorClass::RateLimited,
        "1004" | "2049" => ErrorClass::Auth,
        "1026" | "1027" => ErrorClass::ContentPolicy,
        "1042" | "2013" => ErrorClass::InvalidRequest,
        _ => ErrorClass::Server,
    }
}
