//! What a Converse request may hold, after the service model (`ConverseRequest`).

use crate::providers::shape::Shape::{
    Any, Flag, Integer, List, Map, Number, Object, Single, Sized, Text, Word,
};
use crate::providers::shape::{Shape, may, must};

const MANY: usize = usize::MAX;
static FILLED: Shape = Sized(1, MANY);
static NAME: Shape = Sized(1, 64);
static CACHE_POINT: Shape = Object(&[
    must("type", &Word(&["default"])),
    may("ttl", &Word(&["5m", "1h"])),
]);
static S3: Shape = Object(&[must("uri", &Sized(1, 1024)), may("bucketOwner", &Text)]);
static SOURCE: Shape = Single(&[may("bytes", &FILLED), may("s3Location", &S3)]);
static IMAGE: Shape = Object(&[
    must("format", &Word(&["png", "jpeg", "gif", "webp"])),
    must("source", &SOURCE),
]);
static DOCUMENT: Shape = Object(&[
    may(
        "format",
        &Word(&[
            "pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md",
        ]),
    ),
    must("name", &Sized(1, 200)),
    must(
        "source",
        &Single(&[
            may("bytes", &FILLED),
            may("s3Location", &S3),
            may("text", &Text),
            may("content", &List(&Single(&[may("text", &Text)]), 0, MANY)),
        ]),
    ),
    may("context", &Text),
    may("citations", &Object(&[must("enabled", &Flag)])),
]);
static VIDEO: Shape = Object(&[
    must(
        "format",
        &Word(&[
            "mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv", "three_gp",
        ]),
    ),
    must("source", &SOURCE),
]);
static AUDIO: Shape = Object(&[
    must(
        "format",
        &Word(&[
            "mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "mka", "x-aac", "m4a",
            "mpeg", "mpga", "pcm", "webm",
        ]),
    ),
    must("source", &SOURCE),
]);
static TOOL_RESULT: Shape = Object(&[
    must("toolUseId", &NAME),
    must(
        "content",
        &List(
            &Single(&[
                may("json", &Map(&Any)),
                may("text", &Text),
                may("image", &IMAGE),
                may("document", &DOCUMENT),
                may("video", &VIDEO),
                may("searchResult", &Any),
            ]),
            0,
            MANY,
        ),
    ),
    may("status", &Word(&["success", "error"])),
]);
static BLOCK: Shape = Single(&[
    may("text", &Text),
    may("image", &IMAGE),
    may("document", &DOCUMENT),
    may("video", &VIDEO),
    may("audio", &AUDIO),
    may(
        "toolUse",
        &Object(&[
            must("toolUseId", &NAME),
            must("name", &NAME),
            must("input", &Map(&Any)),
        ]),
    ),
    may("toolResult", &TOOL_RESULT),
    may("guardContent", &Any),
    may("cachePoint", &CACHE_POINT),
    may(
        "reasoningContent",
        &Single(&[
            may(
                "reasoningText",
                &Object(&[must("text", &Text), may("signature", &Text)]),
            ),
            may("redactedContent", &Text),
        ]),
    ),
    may("citationsContent", &Any),
    may("searchResult", &Any),
]);
static TOOLS: Shape = Object(&[
    must(
        "tools",
        &List(
            &Single(&[
                may(
                    "toolSpec",
                    &Object(&[
                        must("name", &NAME),
                        may("description", &FILLED),
                        must("inputSchema", &Single(&[may("json", &Map(&Any))])),
                        may("strict", &Flag),
                    ]),
                ),
                may("systemTool", &Object(&[must("name", &NAME)])),
                may("cachePoint", &CACHE_POINT),
            ]),
            1,
            MANY,
        ),
    ),
    may(
        "toolChoice",
        &Single(&[
            may("auto", &Object(&[])),
            may("any", &Object(&[])),
            may("tool", &Object(&[must("name", &NAME)])),
        ]),
    ),
]);
static OUTPUT: Shape = Object(&[
    may(
        "textFormat",
        &Object(&[
            must("type", &Word(&["json_schema"])),
            must(
                "structure",
                &Single(&[may(
                    "jsonSchema",
                    &Object(&[
                        must("schema", &Text),
                        may("name", &Text),
                        may("description", &Text),
                    ]),
                )]),
            ),
        ]),
    ),
    may("effort", &Sized(0, 16)),
]);

/// `ConverseRequest` and `ConverseStreamRequest`; the model is in the path.
pub(super) static CONVERSE: Shape = Object(&[
    may(
        "messages",
        &List(
            &Object(&[
                must("role", &Word(&["user", "assistant"])),
                must("content", &List(&BLOCK, 0, MANY)),
            ]),
            0,
            MANY,
        ),
    ),
    may(
        "system",
        &List(
            &Single(&[
                may("text", &FILLED),
                may("guardContent", &Any),
                may("cachePoint", &CACHE_POINT),
            ]),
            0,
            MANY,
        ),
    ),
    may(
        "inferenceConfig",
        &Object(&[
            may("maxTokens", &Integer(1, i64::MAX)),
            may("temperature", &Number(0.0, 1.0)),
            may("topP", &Number(0.0, 1.0)),
            may("stopSequences", &List(&FILLED, 0, 2500)),
        ]),
    ),
    may("toolConfig", &TOOLS),
    may(
        "guardrailConfig",
        &Object(&[
            may("guardrailIdentifier", &Text),
            may("guardrailVersion", &Text),
            may("trace", &Word(&["enabled", "disabled", "enabled_full"])),
            may("streamProcessingMode", &Word(&["sync", "async"])),
        ]),
    ),
    may("additionalModelRequestFields", &Map(&Any)),
    may("promptVariables", &Map(&Single(&[may("text", &Text)]))),
    may(
        "additionalModelResponseFieldPaths",
        &List(&Sized(1, 256), 0, 10),
    ),
    may("requestMetadata", &Map(&Sized(0, 256))),
    may(
        "performanceConfig",
        &Object(&[may("latency", &Word(&["standard", "optimized"]))]),
    ),
    may(
        "serviceTier",
        &Object(&[must(
            "type",
            &Word(&["priority", "default", "flex", "reserved"]),
        )]),
    ),
    may("outputConfig", &OUTPUT),
]);
