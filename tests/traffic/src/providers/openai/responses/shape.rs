//! What a Responses request may hold, after OpenAI's OpenAPI description (`CreateResponse`).

use crate::providers::shape::Shape::{
    Any, Either, Flag, Integer, List, Map, Number, Object, Sized, Tagged, Text, Word,
};
use crate::providers::shape::{Member, Shape, may, must};

const MANY: usize = usize::MAX;
static STATUS: Shape = Word(&["in_progress", "completed", "incomplete"]);

static PART: Shape = Tagged(
    "type",
    &[
        ("input_text", &[must("text", &Text)]),
        (
            "input_image",
            &[
                may("image_url", &Text),
                may("file_id", &Text),
                may("detail", &Word(&["low", "high", "auto", "original"])),
            ],
        ),
        (
            "input_file",
            &[
                may("file_data", &Text),
                may("file_id", &Text),
                may("file_url", &Text),
                may("filename", &Text),
                may("detail", &Word(&["low", "high", "auto"])),
            ],
        ),
        (
            "output_text",
            &[
                must("text", &Text),
                may("annotations", &List(&Any, 0, MANY)),
                may("logprobs", &Any),
            ],
        ),
        ("refusal", &[must("refusal", &Text)]),
    ],
);
static MESSAGE: [Member; 5] = [
    must("role", &Word(&["user", "assistant", "system", "developer"])),
    must("content", &Either(&[Text, List(&PART, 0, MANY)])),
    may("id", &Text),
    may("status", &STATUS),
    may("phase", &Word(&["commentary", "final_answer"])),
];
static THOUGHTS: Shape = List(
    &Tagged("type", &[("summary_text", &[must("text", &Text)])]),
    0,
    MANY,
);
static ITEM: Shape = Tagged(
    "type",
    &[
        ("message", &MESSAGE),
        (
            "function_call",
            &[
                must("call_id", &Sized(1, 64)),
                must("name", &Text),
                must("arguments", &Text),
                may("id", &Text),
                may("status", &STATUS),
                may("namespace", &Text),
            ],
        ),
        (
            "function_call_output",
            &[
                must("call_id", &Sized(1, 64)),
                must("output", &Either(&[Text, List(&PART, 0, MANY)])),
                may("id", &Text),
                may("status", &STATUS),
            ],
        ),
        (
            "reasoning",
            &[
                must("summary", &THOUGHTS),
                must("id", &Text),
                may("content", &List(&Any, 0, MANY)),
                may("encrypted_content", &Text),
                may("status", &STATUS),
            ],
        ),
        ("item_reference", &[must("id", &Text)]),
    ],
);
static TOOL: Shape = Tagged(
    "type",
    &[
        (
            "function",
            &[
                must("name", &Sized(1, 64)),
                must("parameters", &Map(&Any)),
                may("strict", &Flag),
                may("description", &Text),
                may("defer_loading", &Flag),
            ],
        ),
        (
            "web_search",
            &[
                may("search_context_size", &Text),
                may("user_location", &Any),
                may("filters", &Any),
            ],
        ),
        (
            "custom",
            &[
                must("name", &Text),
                may("description", &Text),
                may("format", &Any),
            ],
        ),
    ],
);
static TOOL_CHOICE: Shape = Either(&[
    Word(&["none", "auto", "required"]),
    Tagged(
        "type",
        &[
            ("function", &[must("name", &Text)]),
            ("allowed_tools", &[must("mode", &Text), must("tools", &Any)]),
            ("custom", &[must("name", &Text)]),
        ],
    ),
]);
static TEXT: Shape = Object(&[
    may(
        "format",
        &Tagged(
            "type",
            &[
                ("text", &[]),
                ("json_object", &[]),
                (
                    "json_schema",
                    &[
                        must("name", &Sized(1, 64)),
                        must("schema", &Map(&Any)),
                        may("description", &Text),
                        may("strict", &Flag),
                    ],
                ),
            ],
        ),
    ),
    may("verbosity", &Word(&["low", "medium", "high"])),
]);
static REASONING: Shape = Object(&[
    may(
        "effort",
        &Word(&["none", "minimal", "low", "medium", "high", "xhigh"]),
    ),
    may("summary", &Word(&["auto", "concise", "detailed"])),
    may("generate_summary", &Word(&["auto", "concise", "detailed"])),
]);

/// A request to `/responses`. Items without a type are messages.
pub(super) static CREATE: Shape = Object(&[
    must("model", &Text),
    may("input", &Either(&[Text, List(&ITEM, 0, MANY)])),
    may("background", &Flag),
    may("conversation", &Any),
    may("include", &List(&Text, 0, MANY)),
    may("instructions", &Text),
    may("max_output_tokens", &Integer(16, i64::MAX)),
    may("max_tool_calls", &Integer(1, i64::MAX)),
    may("metadata", &Map(&Sized(0, 512))),
    may("parallel_tool_calls", &Flag),
    may("previous_response_id", &Text),
    may("prompt", &Any),
    may("prompt_cache_key", &Text),
    may("prompt_cache_options", &Any),
    may("prompt_cache_retention", &Word(&["in_memory", "24h"])),
    may("reasoning", &REASONING),
    may("safety_identifier", &Text),
    may(
        "service_tier",
        &Word(&["auto", "default", "flex", "scale", "priority"]),
    ),
    may("store", &Flag),
    may("stream", &Flag),
    may(
        "stream_options",
        &Object(&[may("include_obfuscation", &Flag)]),
    ),
    may("temperature", &Number(0.0, 2.0)),
    may("text", &TEXT),
    may("tool_choice", &TOOL_CHOICE),
    may("tools", &List(&TOOL, 0, 128)),
    may("top_logprobs", &Integer(0, 20)),
    may("top_p", &Number(0.0, 1.0)),
    may("truncation", &Word(&["auto", "disabled"])),
    may("user", &Text),
]);
