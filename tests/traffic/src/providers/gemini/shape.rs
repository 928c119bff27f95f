//! What requests may hold, after the API's reference (`GenerateContentRequest` and its parts).

use crate::providers::shape::Shape::{
    Any, Either, Flag, Integer, List, Map, Number, Object, Text, Word,
};
use crate::providers::shape::{Shape, may, must};

const MANY: usize = usize::MAX;
/// `int32`, and `int64` as a number or as a string.
static COUNT: Shape = Either(&[Text, Integer(i64::MIN, i64::MAX)]);

/// The subset of OpenAPI's schema object that `parameters` and `responseSchema` take.
static SCHEMA: Shape = Object(&[
    may(
        "type",
        &Word(&[
            "TYPE_UNSPECIFIED",
            "STRING",
            "NUMBER",
            "INTEGER",
            "BOOLEAN",
            "ARRAY",
            "OBJECT",
            "NULL",
            "string",
            "number",
            "integer",
            "boolean",
            "array",
            "object",
            "null",
        ]),
    ),
    may("format", &Text),
    may("title", &Text),
    may("description", &Text),
    may("nullable", &Flag),
    may("enum", &List(&Text, 0, MANY)),
    may("items", &SCHEMA),
    may("maxItems", &COUNT),
    may("minItems", &COUNT),
    may("properties", &Map(&SCHEMA)),
    may("required", &List(&Text, 0, MANY)),
    may("minProperties", &COUNT),
    may("maxProperties", &COUNT),
    may("minLength", &COUNT),
    may("maxLength", &COUNT),
    may("minimum", &Number(f64::MIN, f64::MAX)),
    may("maximum", &Number(f64::MIN, f64::MAX)),
    may("pattern", &Text),
    may("example", &Any),
    may("default", &Any),
    may("anyOf", &List(&SCHEMA, 0, MANY)),
    may("propertyOrdering", &List(&Text, 0, MANY)),
]);
static BLOB: Shape = Object(&[
    must("mimeType", &Text),
    must("data", &Text),
    may("displayName", &Text),
]);
static FILE: Shape = Object(&[
    may("mimeType", &Text),
    must("fileUri", &Text),
    may("displayName", &Text),
]);
static PART: Shape = Object(&[
    may("text", &Text),
    may("thought", &Flag),
    may("thoughtSignature", &Text),
    may("inlineData", &BLOB),
    may("fileData", &FILE),
    may(
        "functionCall",
        &Object(&[
            may("id", &Text),
            must("name", &Text),
            may("args", &Map(&Any)),
        ]),
    ),
    may(
        "functionResponse",
        &Object(&[
            may("id", &Text),
            must("name", &Text),
            must("response", &Map(&Any)),
            may(
                "parts",
                &List(
                    &Object(&[may("inlineData", &BLOB), may("fileData", &FILE)]),
                    0,
                    MANY,
                ),
            ),
            may("willContinue", &Flag),
            may("scheduling", &Text),
        ]),
    ),
    may("executableCode", &Any),
    may("codeExecutionResult", &Any),
    may("videoMetadata", &Any),
    may("mediaResolution", &Any),
    may("partMetadata", &Any),
]);
static CONTENT: Shape = Object(&[may("role", &Text), must("parts", &List(&PART, 0, MANY))]);
static TOOL: Shape = Object(&[
    may(
        "functionDeclarations",
        &List(
            &Object(&[
                must("name", &Text),
                may("description", &Text),
                may(
                    "behavior",
                    &Word(&["UNSPECIFIED", "BLOCKING", "NON_BLOCKING"]),
                ),
                may("parameters", &SCHEMA),
                may("parametersJsonSchema", &Any),
                may("response", &SCHEMA),
                may("responseJsonSchema", &Any),
            ]),
            0,
            512,
        ),
    ),
    may("googleSearch", &Any),
    may("googleSearchRetrieval", &Any),
    may("codeExecution", &Any),
    may("urlContext", &Any),
    may("computerUse", &Any),
    may("fileSearch", &Any),
    may("googleMaps", &Any),
]);
static TOOL_CONFIG: Shape = Object(&[
    may(
        "functionCallingConfig",
        &Object(&[
            may(
                "mode",
                &Word(&["MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"]),
            ),
            may("allowedFunctionNames", &List(&Text, 0, MANY)),
        ]),
    ),
    may("retrievalConfig", &Any),
    may("includeServerSideToolInvocations", &Flag),
]);
static SAFETY: Shape = Object(&[
    must(
        "category",
        &Word(&[
            "HARM_CATEGORY_HARASSMENT",
            "HARM_CATEGORY_HATE_SPEECH",
            "HARM_CATEGORY_SEXUALLY_EXPLICIT",
            "HARM_CATEGORY_DANGEROUS_CONTENT",
            "HARM_CATEGORY_CIVIC_INTEGRITY",
        ]),
    ),
    must(
        "threshold",
        &Word(&[
            "HARM_BLOCK_THRESHOLD_UNSPECIFIED",
            "BLOCK_LOW_AND_ABOVE",
            "BLOCK_MEDIUM_AND_ABOVE",
            "BLOCK_ONLY_HIGH",
            "BLOCK_NONE",
            "OFF",
        ]),
    ),
]);
static CONFIG: Shape = Object(&[
    may("stopSequences", &List(&Text, 0, 5)),
    may(
        "responseMimeType",
        &Word(&["text/plain", "application/json", "text/x.enum"]),
    ),
    may("responseSchema", &SCHEMA),
    may("responseJsonSchema", &Any),
    may("responseModalities", &List(&Text, 0, MANY)),
    may("candidateCount", &Integer(1, 8)),
    may("maxOutputTokens", &Integer(1, i64::MAX)),
    may("temperature", &Number(0.0, 2.0)),
    may("topP", &Number(0.0, 1.0)),
    may("topK", &Number(1.0, 1000.0)),
    may("seed", &Integer(-2_147_483_648, 2_147_483_647)),
    may("presencePenalty", &Number(-2.0, 2.0)),
    may("frequencyPenalty", &Number(-2.0, 2.0)),
    may("responseLogprobs", &Flag),
    may("logprobs", &Integer(0, 20)),
    may("enableEnhancedCivicAnswers", &Flag),
    may("speechConfig", &Any),
    may(
        "thinkingConfig",
        &Object(&[
            may("includeThoughts", &Flag),
            may("thinkingBudget", &Integer(-1, 32_768)),
            may(
                "thinkingLevel",
                &Word(&[
                    "THINKING_LEVEL_UNSPECIFIED",
                    "MINIMAL",
                    "LOW",
                    "MEDIUM",
                    "HIGH",
                    "minimal",
                    "low",
                    "medium",
                    "high",
                ]),
            ),
        ]),
    ),
    may("imageConfig", &Any),
    may("mediaResolution", &Text),
]);

/// `GenerateContentRequest`.
pub(super) static GENERATE: Shape = Object(&[
    may("model", &Text),
    may("contents", &List(&CONTENT, 0, MANY)),
    may("systemInstruction", &CONTENT),
    may("tools", &List(&TOOL, 0, MANY)),
    may("toolConfig", &TOOL_CONFIG),
    may("safetySettings", &List(&SAFETY, 0, MANY)),
    may("generationConfig", &CONFIG),
    may("cachedContent", &Text),
    may("serviceTier", &Text),
    may("store", &Flag),
    may("labels", &Map(&Text)),
]);
/// `CountTokensRequest`.
pub(super) static COUNT_TOKENS: Shape = Object(&[
    may("contents", &List(&CONTENT, 0, MANY)),
    may("generateContentRequest", &GENERATE),
    may("model", &Text),
    may("systemInstruction", &CONTENT),
    may("tools", &List(&TOOL, 0, MANY)),
    may("generationConfig", &CONFIG),
]);
/// `EmbedContentRequest`.
pub(super) static EMBED: Shape = Object(&[
    may("model", &Text),
    must("content", &CONTENT),
    may("taskType", &Text),
    may("title", &Text),
    may("outputDimensionality", &Integer(1, 4096)),
    may("embedContentConfig", &Any),
]);
/// `BatchEmbedContentsRequest`.
pub(super) static BATCH_EMBED: Shape = Object(&[must("requests", &List(&EMBED, 1, 100))]);
