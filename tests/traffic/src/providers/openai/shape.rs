//! What a chat request may hold, after OpenAI's OpenAPI description (`CreateChatCompletionRequest`).

use crate::providers::shape::Shape::{
    Any, Either, Flag, Integer, List, Map, Number, Object, Sized, Tagged, Text, Word,
};
use crate::providers::shape::{Member, Shape, may, must};

const MANY: usize = usize::MAX;
static TOKENS: Shape = Integer(1, i64::MAX);
static PENALTY: Shape = Number(-2.0, 2.0);
static NAME: Shape = Sized(1, 64);

static TEXT_PARTS: Shape = Either(&[
    Text,
    List(
        &Tagged("type", &[("text", &[must("text", &Text)])]),
        1,
        MANY,
    ),
]);
static USER_CONTENT: Shape = Either(&[
    Text,
    List(
        &Tagged(
            "type",
            &[
                ("text", &[must("text", &Text)]),
                (
                    "image_url",
                    &[must(
                        "image_url",
                        &Object(&[
                            must("url", &Text),
                            may("detail", &Word(&["auto", "low", "high"])),
                        ]),
                    )],
                ),
                (
                    "input_audio",
                    &[must(
                        "input_audio",
                        &Object(&[must("data", &Text), must("format", &Word(&["wav", "mp3"]))]),
                    )],
                ),
                (
                    "file",
                    &[must(
                        "file",
                        &Object(&[
                            may("filename", &Text),
                            may("file_data", &Text),
                            may("file_id", &Text),
                        ]),
                    )],
                ),
            ],
        ),
        1,
        MANY,
    ),
]);
static ASSISTANT_CONTENT: Shape = Either(&[
    Text,
    List(
        &Tagged(
            "type",
            &[
                ("text", &[must("text", &Text)]),
                ("refusal", &[must("refusal", &Text)]),
            ],
        ),
        1,
        MANY,
    ),
]);
static CALL: Shape = Object(&[
    must("id", &Text),
    must("type", &Word(&["function"])),
    must(
        "function",
        &Object(&[must("name", &Text), must("arguments", &Text)]),
    ),
]);
static MESSAGE: Shape = Tagged(
    "role",
    &[
        (
            "system",
            &[must("content", &TEXT_PARTS), may("name", &Text)],
        ),
        (
            "developer",
            &[must("content", &TEXT_PARTS), may("name", &Text)],
        ),
        (
            "user",
            &[must("content", &USER_CONTENT), may("name", &Text)],
        ),
        (
            "assistant",
            &[
                may("content", &ASSISTANT_CONTENT),
                may("refusal", &Text),
                may("name", &Text),
                may("audio", &Object(&[must("id", &Text)])),
                may("tool_calls", &List(&CALL, 1, MANY)),
                may("function_call", &Any),
                may("annotations", &Any),
            ],
        ),
        (
            "tool",
            &[must("content", &TEXT_PARTS), must("tool_call_id", &Text)],
        ),
    ],
);
static FUNCTION: Shape = Object(&[
    must("name", &NAME),
    may("description", &Text),
    may("parameters", &Map(&Any)),
    may("strict", &Flag),
]);
static TOOL: Shape = Tagged(
    "type",
    &[
        ("function", &[must("function", &FUNCTION)]),
        ("custom", &[must("custom", &Any)]),
    ],
);
static TOOL_CHOICE: Shape = Either(&[
    Word(&["none", "auto", "required"]),
    Tagged(
        "type",
        &[
            (
                "function",
                &[must("function", &Object(&[must("name", &Text)]))],
            ),
            ("allowed_tools", &[must("allowed_tools", &Any)]),
            ("custom", &[must("custom", &Any)]),
        ],
    ),
]);
static FORMAT: Shape = Tagged(
    "type",
    &[
        ("text", &[]),
        ("json_object", &[]),
        (
            "json_schema",
            &[must(
                "json_schema",
                &Object(&[
                    must("name", &NAME),
                    may("description", &Text),
                    may("schema", &Map(&Any)),
                    may("strict", &Flag),
                ]),
            )],
        ),
    ],
);
static STREAM_OPTIONS: Shape = Object(&[
    may("include_usage", &Flag),
    may("include_obfuscation", &Flag),
]);

/// The members of a chat request.
static MEMBERS: [Member; 36] = [
    must("messages", &List(&MESSAGE, 1, MANY)),
    may("model", &Text),
    may("audio", &Any),
    may("frequency_penalty", &PENALTY),
    may("function_call", &Any),
    may("functions", &Any),
    may("logit_bias", &Map(&Number(-100.0, 100.0))),
    may("logprobs", &Flag),
    may("max_completion_tokens", &TOKENS),
    may("max_tokens", &TOKENS),
    may("metadata", &Map(&Sized(0, 512))),
    may("modalities", &List(&Word(&["text", "audio"]), 1, 2)),
    may("n", &Integer(1, 128)),
    may("parallel_tool_calls", &Flag),
    may("prediction", &Any),
    may("presence_penalty", &PENALTY),
    may("prompt_cache_key", &Text),
    may("prompt_cache_options", &Any),
    may("prompt_cache_retention", &Word(&["in_memory", "24h"])),
    may(
        "reasoning_effort",
        &Word(&["none", "minimal", "low", "medium", "high", "xhigh"]),
    ),
    may("response_format", &FORMAT),
    may("safety_identifier", &Text),
    may("seed", &Integer(i64::MIN, i64::MAX)),
    may(
        "service_tier",
        &Word(&["auto", "default", "flex", "scale", "priority"]),
    ),
    may("stop", &Either(&[Text, List(&Text, 1, 4)])),
    may("store", &Flag),
    may("stream", &Flag),
    may("stream_options", &STREAM_OPTIONS),
    may("temperature", &Number(0.0, 2.0)),
    may("tool_choice", &TOOL_CHOICE),
    may("tools", &List(&TOOL, 1, 128)),
    may("top_logprobs", &Integer(0, 20)),
    may("top_p", &Number(0.0, 1.0)),
    may("user", &Text),
    may("verbosity", &Word(&["low", "medium", "high"])),
    may("web_search_options", &Any),
];

/// A chat request.
pub(super) static CHAT: Shape = Object(&MEMBERS);
