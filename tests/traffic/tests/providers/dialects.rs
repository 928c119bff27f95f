//! The dialects that are not OpenAI's, on the wire: credentials, answers, streams, errors.

use std::net::SocketAddr;

use ark_traffic::providers::Fleet;
use ark_traffic::providers::config::{FleetConfig, Kind, ProviderConfig};
use ark_traffic::providers::recording::Recordings;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::bench::{Seen, exchange, read_to_end};

const ANTHROPIC: &str = "POST /v1/messages";
const GEMINI: &str = "POST /v1beta/models/gemini-x:generateContent";
const GEMINI_STREAM: &str = "POST /v1beta/models/gemini-x:streamGenerateContent?alt=sse";
const VERTEX: &str =
    "POST /v1/projects/p/locations/l/publishers/google/models/gemini-x:generateContent";
const BEDROCK: &str = "POST /model/m.x/converse";
const BEDROCK_STREAM: &str = "POST /model/m.x/converse-stream";
const KEYS: &str = "x-api-key: k\r\nx-goog-api-key: k\r\nauthorization: Bearer k\r\n\
                    anthropic-version: 2023-06-01\r\ncontent-type: application/json\r\n";

/// One server of `kind`, and its address.
async fn server(kind: Kind, vendor: Option<&str>) -> (Fleet, SocketAddr) {
    let config = ProviderConfig {
        key: Some("k".to_owned()),
        vendor: vendor.map(str::to_owned),
        strict: true,
        ..ProviderConfig::new("p", kind, 0)
    };
    let fleet = FleetConfig {
        providers: vec![config],
    };
    let fleet = Fleet::start(fleet, Recordings::new(), "127.0.0.1")
        .await
        .unwrap();
    let address = fleet.providers[0].1;
    (fleet, address)
}

fn request(line: &str, headers: &str, script: &str, body: &Value) -> String {
    let body = body.to_string();
    let length = body.len();
    format!(
        "{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}x-demo-script: *={script}\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
}

async fn ask(kind: Kind, line: &str, script: &str, extra: Value) -> Seen {
    let (_fleet, address) = server(kind, None).await;
    exchange(address, &request(line, KEYS, script, &body(kind, extra))).await
}

/// The smallest request of `kind`, with `extra` members.
fn body(kind: Kind, extra: Value) -> Value {
    let mut body = match kind {
        Kind::Anthropic => json!({
            "model": "m", "max_tokens": 4000, "messages": [{"role": "user", "content": "hi"}],
        }),
        Kind::Gemini | Kind::Vertex => {
            json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]})
        }
        Kind::Bedrock => json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}]}),
        Kind::Openai | Kind::AzureOpenai | Kind::OpenaiCompatible => {
            json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]})
        }
    };
    for (key, value) in extra.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

/// The event stream's frames: kind and payload. Checks lengths and both checksums.
async fn frames(script: &str) -> Vec<(String, Value)> {
    let (_fleet, address) = server(Kind::Bedrock, None).await;
    let request = request(
        BEDROCK_STREAM,
        KEYS,
        script,
        &body(Kind::Bedrock, json!({})),
    );
    let request = request.replace("HTTP/1.1", "HTTP/1.0");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut bytes)
        .await
        .unwrap();
    let head = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let mut rest = &bytes[head + 4..];
    let word = |bytes: &[u8]| u32::from_be_bytes(bytes[..4].try_into().unwrap());
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let (total, headers) = (word(rest) as usize, word(&rest[4..]) as usize);
        assert_eq!(word(&rest[8..]), crc32fast::hash(&rest[..8]));
        assert_eq!(
            word(&rest[total - 4..]),
            crc32fast::hash(&rest[..total - 4])
        );
        // The first header is the type: a byte of length, the name, a type, two bytes of length.
        let name = 13 + usize::from(rest[12]);
        let length = usize::from(u16::from_be_bytes(
            rest[name + 1..name + 3].try_into().unwrap(),
        ));
        let kind = String::from_utf8(rest[name + 3..name + 3 + length].to_vec()).unwrap();
        let payload = serde_json::from_slice(&rest[12 + headers..total - 4]).unwrap();
        frames.push((kind, payload));
        rest = &rest[total..];
    }
    frames
}

fn event(seen: &Seen, index: usize) -> Value {
    serde_json::from_str(&seen.events()[index]).unwrap()
}

#[tokio::test]
async fn each_answers_in_its_own_words() {
    let text = "This is p answering as";
    for (kind, line, pointer, stop) in [
        (
            Kind::Anthropic,
            ANTHROPIC,
            "/content/0/text",
            "/stop_reason",
        ),
        (
            Kind::Gemini,
            GEMINI,
            "/candidates/0/content/parts/0/text",
            "/candidates/0/finishReason",
        ),
        (
            Kind::Vertex,
            VERTEX,
            "/candidates/0/content/parts/0/text",
            "/candidates/0/finishReason",
        ),
        (
            Kind::Bedrock,
            BEDROCK,
            "/output/message/content/0/text",
            "/stopReason",
        ),
    ] {
        let seen = ask(kind, line, "ok", json!({})).await;
        assert_eq!(seen.status(), 200, "{kind:?} {}", seen.text);
        let answer = seen.json();
        let said = answer.pointer(pointer).and_then(Value::as_str).unwrap();
        assert!(said.starts_with(text), "{kind:?} {said}");
        assert!(answer.pointer(stop).is_some(), "{kind:?} {answer}");
    }
}

#[tokio::test]
async fn a_wrong_key_is_refused_in_each_ones_words() {
    for (kind, line, status, pointer, word) in [
        (
            Kind::Anthropic,
            ANTHROPIC,
            401,
            "/error/type",
            "authentication_error",
        ),
        (
            Kind::Gemini,
            GEMINI,
            400,
            "/error/details/0/reason",
            "API_KEY_INVALID",
        ),
        (
            Kind::Vertex,
            VERTEX,
            401,
            "/error/status",
            "UNAUTHENTICATED",
        ),
        (
            Kind::Bedrock,
            BEDROCK,
            403,
            "/message",
            "The security token included in the request is invalid.",
        ),
    ] {
        let (_fleet, address) = server(kind, None).await;
        let wrong = KEYS
            .replace(": k\r", ": wrong\r")
            .replace("Bearer k", "Bearer wrong");
        let seen = exchange(
            address,
            &request(line, &wrong, "ok", &body(kind, json!({}))),
        )
        .await;
        assert_eq!(seen.status(), status, "{kind:?}");
        assert_eq!(
            seen.json().pointer(pointer),
            Some(&json!(word)),
            "{kind:?} {}",
            seen.text
        );
    }
}

#[tokio::test]
async fn failures_are_told_as_each_tells_them() {
    let limited = ask(
        Kind::Anthropic,
        ANTHROPIC,
        "fail:rate-limit+retry-after:9",
        json!({}),
    )
    .await;
    assert_eq!(
        (limited.status(), limited.header("retry-after")),
        (429, Some("9"))
    );
    assert_eq!(
        limited.header("anthropic-ratelimit-requests-remaining"),
        Some("0")
    );
    assert!(limited.header("request-id").is_some());
    let busy = ask(Kind::Anthropic, ANTHROPIC, "fail:overloaded", json!({})).await;
    assert_eq!(busy.status(), 529);
    let exhausted = ask(Kind::Gemini, GEMINI, "status:429", json!({})).await;
    assert_eq!(exhausted.json()["error"]["details"][1]["retryDelay"], "1s");
    let later = ask(Kind::Gemini, GEMINI, "fail:quota+retry-after:33", json!({})).await;
    assert_eq!(later.json()["error"]["details"][1]["retryDelay"], "33s");
    let slow = ask(Kind::Bedrock, BEDROCK, "fail:timeout", json!({})).await;
    let kind = slow.header("x-amzn-errortype").unwrap();
    assert!(
        slow.status() == 408 && kind.starts_with("ModelTimeoutException:"),
        "{kind}"
    );
    let unknown = ask(Kind::Bedrock, BEDROCK, "ok", json!({"max_tokens": 1})).await;
    assert_eq!(unknown.status(), 400);
    assert!(
        unknown
            .header("x-amzn-errortype")
            .unwrap()
            .starts_with("ValidationException")
    );
}

#[tokio::test]
async fn an_anthropic_stream_has_its_events_in_order() {
    let extra = json!({
        "stream": true, "thinking": {"type": "enabled", "budget_tokens": 1024},
        "tools": [{"name": "f", "input_schema": {"type": "object", "properties": {"x": {"type": "integer"}}}}],
    });
    let seen = ask(
        Kind::Anthropic,
        ANTHROPIC,
        "calls:2+reason:1+cached:3",
        extra,
    )
    .await;
    let kinds: Vec<String> = (0..seen.events().len())
        .map(|index| event(&seen, index)["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        kinds[..4],
        [
            "message_start",
            "content_block_start",
            "ping",
            "content_block_delta"
        ]
    );
    assert_eq!(
        kinds[kinds.len() - 3..],
        ["content_block_stop", "message_delta", "message_stop"]
    );
    assert_eq!(event(&seen, 4)["delta"]["type"], "signature_delta");
    let delta = event(&seen, kinds.len() - 2);
    assert_eq!(delta["delta"]["stop_reason"], "tool_use");
    assert_eq!(delta["usage"]["cache_read_input_tokens"], 3);
    let unfinished = ask(
        Kind::Anthropic,
        ANTHROPIC,
        "no-end",
        json!({"stream": true}),
    )
    .await;
    assert!(!unfinished.text.contains("message_stop") && !unfinished.reset);
}

#[tokio::test]
async fn a_gemini_stream_ends_its_lines_as_google_does() {
    let seen = ask(Kind::Gemini, GEMINI_STREAM, "chunks:2", json!({})).await;
    assert!(seen.body().ends_with("}\r\n\r\n"), "{}", seen.body());
    assert_eq!(seen.events().len(), 3);
    assert_eq!(event(&seen, 2)["candidates"][0]["finishReason"], "STOP");
    let blocked = ask(
        Kind::Gemini,
        GEMINI_STREAM,
        "block:PROHIBITED_CONTENT",
        json!({}),
    )
    .await;
    assert_eq!(
        event(&blocked, 0)["promptFeedback"]["blockReason"],
        "PROHIBITED_CONTENT"
    );
    let failed = ask(Kind::Gemini, GEMINI_STREAM, "error-at:1", json!({})).await;
    assert_eq!(event(&failed, 1)["error"]["status"], "UNAVAILABLE");
    let list = ask(
        Kind::Gemini,
        GEMINI_STREAM.trim_end_matches("?alt=sse"),
        "chunks:2",
        json!({}),
    )
    .await;
    assert_eq!(list.json().as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_bedrock_stream_is_made_of_frames() {
    let whole = frames("chunks:2").await;
    let kinds: Vec<&str> = whole.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "messageStart",
            "contentBlockDelta",
            "contentBlockDelta",
            "contentBlockStop",
            "messageStop",
            "metadata"
        ]
    );
    assert_eq!(whole[5].1["usage"]["outputTokens"], 2);
    assert_eq!(
        frames("chunks:2+split:3+crlf+comment-first+keep-alives").await,
        whole
    );
    let failed = frames("chunks:2+error-at:2").await;
    assert_eq!(failed[2].0, "serviceUnavailableException");
    assert_eq!(
        frames("first-event-error:throttlingException").await[0].0,
        "throttlingException"
    );
    assert_eq!(frames("chunks:2+no-end").await.len(), 4);
}

#[tokio::test]
async fn responses_are_numbered_and_complete() {
    let line = "POST /v1/responses";
    let (fleet, address) = server(Kind::Openai, None).await;
    let body = json!({"model": "m", "input": "hi", "stream": true, "store": false});
    let seen = exchange(address, &request(line, KEYS, "chunks:2", &body)).await;
    let count = seen.events().len();
    for index in 0..count {
        assert_eq!(event(&seen, index)["sequence_number"], json!(index));
    }
    let last = event(&seen, count - 1);
    assert_eq!(last["type"], "response.completed");
    assert_eq!(last["response"]["store"], false);
    assert_eq!(
        last["response"]["output"][0]["content"][0]["text"],
        "This is"
    );
    let kept = fleet.providers[0].0.seen(1)[0].to_json();
    assert!(kept["body"].as_str().unwrap().contains("\"store\":false"));
    let failed = exchange(address, &request(line, KEYS, "first-event-error", &body)).await;
    assert_eq!(event(&failed, 0)["type"], "error");
}

#[tokio::test]
async fn a_vendor_is_served_beneath_its_own_path() {
    let body = body(Kind::OpenaiCompatible, json!({"seed": 1}));
    for (vendor, line, status) in [
        ("glm", "POST /api/paas/v4/chat/completions", 200),
        ("qwen", "POST /compatible-mode/v1/chat/completions", 200),
        ("groq", "POST /openai/v1/chat/completions", 200),
        ("groq", "POST /v1/chat/completions", 404),
        ("mistral", "POST /v1/chat/completions", 422),
    ] {
        let (_fleet, address) = server(Kind::OpenaiCompatible, Some(vendor)).await;
        let seen = exchange(address, &request(line, KEYS, "ok", &body)).await;
        assert_eq!(seen.status(), status, "{vendor} {}", seen.text);
    }
    let (_fleet, address) = server(Kind::OpenaiCompatible, Some("minimax")).await;
    let chat = request("POST /v1/chat/completions", KEYS, "error-200", &body);
    let hidden = exchange(address, &chat).await;
    assert_eq!(
        (hidden.status(), &hidden.json()["base_resp"]["status_code"]),
        (200, &json!(1000))
    );
}

#[tokio::test]
async fn cuts_and_resets_are_every_dialects() {
    let cut = ask(Kind::Anthropic, ANTHROPIC, "cut:2", json!({"stream": true})).await;
    assert!(cut.reset && cut.events().len() == 2, "{cut:?}");
    let (_fleet, address) = server(Kind::Bedrock, None).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = request(BEDROCK, KEYS, "reset", &body(Kind::Bedrock, json!({})));
    stream.write_all(request.as_bytes()).await.unwrap();
    assert!(read_to_end(&mut stream).await.reset);
}
