//! The readers against exchanges recorded with the OpenAI API, where they are at hand.

use crate::properties;
use std::path::Path;

use ark_dialect::answer::{AnswerFacts, AnswerInspector};
use ark_dialect::gate::{FirstEvent, GateVerdict};
use ark_dialect::provider_error::ProviderError;
use ark_dialect::relay::{RelayOut, StreamRelay};
use ark_dialect::request::{RequestFacts, RequestInspector};
use serde_json::Value;

/// Request and response body of a go-vcr cassette; `None`, and a word, when it is not there.
pub(crate) fn recorded(name: &str) -> Option<[String; 2]> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/data/recorded-openai")
        .join(name)
        .with_extension("yaml");
    let Ok(cassette) = std::fs::read_to_string(&path) else {
        println!("skipped: the recorded exchange {name} is not here");
        return None;
    };
    let lines: Vec<&str> = cassette.lines().collect();
    let bodies = lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.trim_start().starts_with("body: "))
        .map(|(at, line)| yaml_text(line, &lines[at + 1..]));
    Some(bodies.collect::<Vec<_>>().try_into().unwrap())
}

/// The scalar after `body: `: quoted, whose escapes are JSON's here, or an indented block.
fn yaml_text(line: &str, following: &[&str]) -> String {
    let value = line.trim_start().strip_prefix("body: ").unwrap();
    if value.starts_with('"') {
        return serde_json::from_str(value).unwrap();
    }
    let indent = following[0].len() - following[0].trim_start().len();
    following
        .iter()
        .take_while(|l| l.is_empty() || l.starts_with(&" ".repeat(indent)))
        .map(|l| format!("{}\n", l.get(indent..).unwrap_or_default()))
        .collect()
}

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
        assert_eq!(
            FirstEvent::new().push(answered.as_bytes()),
            GateVerdict::Pass
        );
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
    for (name, code) in [
        ("chat-bad-request", None),
        ("chat-unknown-model", Some("model_not_found")),
    ] {
        let Some([_, answered]) = recorded(name) else {
            continue;
        };
        assert!(answer(&answered).error);
        let error = ProviderError::read(answered.as_bytes());
        assert!(error.class.is_clients_fault(), "{name}: {:?}", error.class);
        assert!(code.is_none() || error.code.as_deref() == code);
        let shown: Value = serde_json::from_slice(&error.body()).unwrap();
        assert_eq!(
            shown,
            serde_json::from_str::<Value>(&answered).unwrap(),
            "{name}"
        );
    }
}
