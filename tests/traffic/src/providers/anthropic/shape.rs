//! What a Messages request may hold, after the parameter types of the official SDK.

use crate::providers::shape::Shape::{
    Any, Either, Flag, Integer, List, Map, Number, Object, Sized, Tagged, Text, Word,
};
use crate::providers::shape::{Member, Shape, may, must};

const MANY: usize = usize::MAX;

static CACHE: Shape = Tagged(
    "type",
    &[("ephemeral", &[may("ttl", &Word(&["5m", "1h"]))])],
);
static CITATIONS: Shape = Object(&[may("enabled", &Flag)]);
static TEXT: [Member; 3] = [
    must("text", &Text),
    may("cache_control", &CACHE),
    may("citations", &List(&Any, 0, MANY)),
];
static TEXTS: Shape = Either(&[Text, List(&Tagged("type", &[("text", &TEXT)]), 0, MANY)]);
static IMAGE: [Member; 2] = [
    must(
        "source",
        &Tagged(
            "type",
            &[
                (
                    "base64",
                    &[
                        must(
                            "media_type",
                            &Word(&["image/jpeg", "image/png", "image/gif", "image/webp"]),
                        ),
                        must("data", &Text),
                    ],
                ),
                ("url", &[must("url", &Text)]),
                ("file", &[must("file_id", &Text)]),
            ],
        ),
    ),
    may("cache_control", &CACHE),
];
static DOCUMENT: [Member; 5] = [
    must(
        "source",
        &Tagged(
            "type",
            &[
                (
                    "base64",
                    &[
                        must("media_type", &Word(&["application/pdf"])),
                        must("data", &Text),
                    ],
                ),
                (
                    "text",
                    &[
                        must("media_type", &Word(&["text/plain"])),
                        must("data", &Text),
                    ],
                ),
                ("url", &[must("url", &Text)]),
                ("file", &[must("file_id", &Text)]),
                (
                    "content",
                    &[must("content", &Either(&[Text, List(&Any, 0, MANY)]))],
                ),
            ],
        ),
    ),
    may("cache_control", &CACHE),
    may("citations", &CITATIONS),
    may("context", &Text),
    may("title", &Text),
];
static SEARCH_RESULT: [Member; 5] = [
    must(
        "content",
        &List(&Tagged("type", &[("text", &TEXT)]), 0, MANY),
    ),
    must("source", &Text),
    must("title", &Text),
    may("cache_control", &CACHE),
    may("citations", &CITATIONS),
];
static TOOL_USE: [Member; 5] = [
    must("id", &Text),
    must("name", &Sized(1, 200)),
    must("input", &Map(&Any)),
    may("cache_control", &CACHE),
    may("caller", &Any),
];
static RESULT_PART: Shape = Tagged(
    "type",
    &[
        ("text", &TEXT),
        ("image", &IMAGE),
        ("document", &DOCUMENT),
        ("search_result", &SEARCH_RESULT),
    ],
);
static TOOL_RESULT: [Member; 4] = [
    must("tool_use_id", &Text),
    may("content", &Either(&[Text, List(&RESULT_PART, 0, MANY)])),
    may("is_error", &Flag),
    may("cache_control", &CACHE),
];
static BLOCK: Shape = Tagged(
    "type",
    &[
        ("text", &TEXT),
        ("image", &IMAGE),
        ("document", &DOCUMENT),
        ("search_result", &SEARCH_RESULT),
        (
            "thinking",
            &[must("thinking", &Text), must("signature", &Text)],
        ),
        ("redacted_thinking", &[must("data", &Text)]),
        ("tool_use", &TOOL_USE),
        ("tool_result", &TOOL_RESULT),
    ],
);
static MESSAGE: Shape = Object(&[
    must("role", &Word(&["user", "assistant", "system"])),
    must("content", &Either(&[Text, List(&BLOCK, 0, MANY)])),
]);
static TOOL: Shape = Object(&[
    may("type", &Word(&["custom"])),
    must("name", &Sized(1, 128)),
    must("input_schema", &Map(&Any)),
    may("description", &Text),
    may("cache_control", &CACHE),
    may("strict", &Flag),
    may("defer_loading", &Flag),
    may("eager_input_streaming", &Flag),
    may("input_examples", &List(&Map(&Any), 0, MANY)),
    may("allowed_callers", &List(&Text, 0, MANY)),
]);
static TOOL_CHOICE: Shape = Tagged(
    "type",
    &[
        ("auto", &[may("disable_parallel_tool_use", &Flag)]),
        ("any", &[may("disable_parallel_tool_use", &Flag)]),
        (
            "tool",
            &[must("name", &Text), may("disable_parallel_tool_use", &Flag)],
        ),
        ("none", &[]),
    ],
);
static DISPLAY: Shape = Word(&["summarized", "omitted"]);
static THINKING: Shape = Tagged(
    "type",
    &[
        (
            "enabled",
            &[
                must("budget_tokens", &Integer(1024, i64::MAX)),
                may("display", &DISPLAY),
            ],
        ),
        ("adaptive", &[may("display", &DISPLAY)]),
        ("disabled", &[]),
    ],
);
static OUTPUT: Shape = Object(&[
    may("effort", &Word(&["low", "medium", "high", "xhigh", "max"])),
    may(
        "format",
        &Tagged("type", &[("json_schema", &[must("schema", &Map(&Any))])]),
    ),
]);

/// A request to `/v1/messages`.
pub(super) static MESSAGES: Shape = Object(&[
    must("model", &Sized(1, 256)),
    must("messages", &List(&MESSAGE, 1, 100_000)),
    must("max_tokens", &Integer(1, i64::MAX)),
    may("cache_control", &CACHE),
    may("container", &Any),
    may("inference_geo", &Text),
    may("metadata", &Object(&[may("user_id", &Sized(0, 256))])),
    may("output_config", &OUTPUT),
    may("service_tier", &Word(&["auto", "standard_only"])),
    may("stop_sequences", &List(&Text, 0, MANY)),
    may("stream", &Flag),
    may("system", &TEXTS),
    may("temperature", &Number(0.0, 1.0)),
    may("thinking", &THINKING),
    may("tool_choice", &TOOL_CHOICE),
    may("tools", &List(&TOOL, 0, MANY)),
    may("top_k", &Integer(0, i64::MAX)),
    may("top_p", &Number(0.0, 1.0)),
]);

/// A request to `/v1/messages/count_tokens`.
pub(super) static COUNT_TOKENS: Shape = Object(&[
    must("model", &Sized(1, 256)),
    must("messages", &List(&MESSAGE, 1, 100_000)),
    may("cache_control", &CACHE),
    may("output_config", &OUTPUT),
    may("system", &TEXTS),
    may("thinking", &THINKING),
    may("tool_choice", &TOOL_CHOICE),
    may("tools", &List(&TOOL, 0, MANY)),
]);
