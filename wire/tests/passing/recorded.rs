//! The readers against exchanges recorded with the OpenAI API.

use ark_wire::answer::{AnswerFacts, AnswerInspector};
use ark_wire::relay::{RelayOut, StreamRelay};
use ark_wire::request::{RequestFacts, RequestInspector};
use serde_json::Value;

use crate::cassette::recorded;
use crate::properties;

fn request(body: &str) -> RequestFacts {
    properties::request(body.as_bytes(), 77);
    let mut inspector = RequestInspector::new();
    inspector.push(body.as_bytes());
    inspector.finish().unwrap()
}

fn answer(body: &str) -> AnswerFacts {
    properties::answer(body.as_bytes(), 77);
    let mut inspector = AnswerInspector::new();
    inspector.push(body.as_bytes());
    inspector.finish()
}

#[test]
fn requests_and_their_answers() {
    for (name, model) in [
        ("chat-basic", "gpt-5-nano"),
        ("chat-detailed-usage", ""),
        ("chat-json-mode", ""),
        ("chat-multimodal", ""),
        ("chat-tools", ""),
        ("completion-basic", "babbage-002"),
        ("embeddings-base64", "text-embedding-3-small"),
        ("embeddings-basic", "text-embedding-3-small"),
    ] {
        let Some([asked, answered]) = recorded(name) else {
            continue;
        };
        let facts = request(&asked);
        let truth: Value = serde_json::from_str(&asked).unwrap();
        assert_eq!(truth["model"], *facts.model, "{name}");
        assert!(model.is_empty() || facts.model == model);
        assert_eq!(facts.tools, truth["tools"].is_array(), "{name}");
        assert!(!facts.stream);
        let facts = answer(&answered);
        let truth: Value = serde_json::from_str(&answered).unwrap();
        let usage = facts.usage.unwrap();
        assert_eq!(
            truth["usage"]["prompt_tokens"], usage.input_tokens,
            "{name}"
        );
        let output = truth["usage"]["completion_tokens"].as_u64().unwrap_or(0);
        assert_eq!(output, usage.output_tokens, "{name}");
        assert!(facts.complete && !facts.error);
    }
}

#[test]
fn streams() {
    for name in ["chat-streaming", "completion-streaming"] {
        let Some([asked, answered]) = recorded(name) else {
            continue;
        };
        assert!(request(&asked).stream);
        properties::relay(answered.as_bytes(), 77);
        properties::sse(answered.as_bytes(), 77);
        let mut relay = StreamRelay::new(true);
        for event in answered.trim_end().split("\n\n") {
            let chunk = format!("{event}\n\n");
            assert_eq!(
                relay.push(chunk.as_bytes(), false),
                RelayOut::Unchanged,
                "{event}"
            );
        }
        let chunks = answered.matches("data: {").count() as u64;
        assert_eq!(relay.events(), chunks);
        assert!(relay.saw_done() && !relay.saw_error() && chunks > 5);
    }
}

#[test]
fn refusals() {
    for name in ["chat-bad-request", "chat-unknown-model"] {
        let Some([_, answered]) = recorded(name) else {
            continue;
        };
        assert!(answer(&answered).error);
    }
}
