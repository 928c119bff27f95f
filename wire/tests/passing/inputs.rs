//! Generated streams and bodies, sound and damaged.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Pieces from which streams are put together: whole events, their parts, and noise.
const STREAM: &[&str] = &[
    "data: ",
    "data:",
    "event: error",
    "event: x",
    ": ping",
    "id: 1",
    "\n",
    "\n\n",
    "\r\n",
    "\r",
    "\r\n\r\n",
    "[DONE]",
    "\u{feff}",
    "é😀",
    " ",
    "{",
    "}",
    "\"usage\"",
    ":null",
    "\"error\":",
    r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#,
    r#"{"choices":[{"delta":{"content":"\"usage\" \\"}}],"usage":null}"#,
    r#"{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":3}}"#,
    r#"{"choices":[],"prompt_filter_results":[]}"#,
    r#"{"error":{"message":"x","type":"server_error"}}"#,
    r#"{"choices" : [ ] , "us\u0061ge":{"prompt_tokens":1}}"#,
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3}}\n\n",
    "data: {\"choices\":[{\"delta\":{}}]}\n\n",
    "data: {\"error\":null,\"choices\":[{}],\"usage\":null}\n\n",
    "data: [DONE]\n\n",
];

/// Members from which request bodies and answers are put together.
const MEMBERS: &[&str] = &[
    r#""model":"m""#,
    r#""mod\u0065l" : "neu""#,
    r#""model":5"#,
    r#""stream":true"#,
    r#""stream":false"#,
    r#""stream":null"#,
    r#""stream_options":null"#,
    r#""stream_options":{}"#,
    r#""stream_options": { "include_usage" : false , "x":[1,2] }"#,
    r#""stream_options":{"x":{"include_usage":1}}"#,
    r#""stream_options":{"include_usage":true}"#,
    r#""max_tokens":10"#,
    r#""max_completion_tokens":1.0e2"#,
    r#""tools":[{"a":"]"}]"#,
    r#""messages":[{"role":"user","content":"a \"model\":\"x\" \\ é \ud83d\ude00 }]"}]"#,
    r#""n":-1.50e+10"#,
    r#""response_format":{"type":"json_schema"}"#,
    r#""x":true"#,
    r#""""#,
    r#""usage":{"prompt_tokens":3}"#,
    r#""error":null"#,
    r#""error":{"message":"key sk-abcd1234"}"#,
    r#""data":[[0.1,-2e-5,3,4,5,6,7,8,9,10,11,12,13,14,15,16],[]]"#,
];

pub(crate) fn stream() -> impl Strategy<Value = Vec<u8>> {
    vec(select(STREAM), 0..24).prop_map(|parts| parts.concat().into_bytes())
}

pub(crate) fn body() -> impl Strategy<Value = Vec<u8>> {
    let gap = select(&[",", " , ", ",\n\t"][..]);
    (vec(select(MEMBERS), 0..8), gap, any::<bool>()).prop_map(|(mut members, gap, model)| {
        if model {
            members.retain(|member| !member.starts_with("\"mod"));
            members.insert(members.len() / 2, r#""model":"m""#);
        }
        format!("{{{}}}", members.join(gap)).into_bytes()
    })
}

/// Some bytes of something sensible replaced by others.
fn damaged(sound: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (
        sound,
        vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    )
        .prop_map(|(mut bytes, hits)| {
            for (index, byte) in hits {
                if !bytes.is_empty() {
                    let at = index.index(bytes.len());
                    bytes[at] = byte;
                }
            }
            bytes
        })
}

pub(crate) fn any_input() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        stream(),
        body(),
        damaged(stream()),
        damaged(body()),
        vec(any::<u8>(), 0..200)
    ]
}
