//! Each endpoint, as a client of the real API would use it.

use serde_json::{Value, json};

use super::bench::{chat, exchange, fleet, request};

#[tokio::test]
async fn chat_answers_json_and_streams() {
    let fleet = fleet().await;
    let official = fleet.providers[0].1;
    let whole = exchange(official, &chat("", &json!({}))).await;
    assert_eq!(whole.status(), 200);
    assert_eq!(whole.header("content-type"), Some("application/json"));
    assert_eq!(whole.header("openai-organization"), Some("org-official"));
    let message = whole.json()["choices"][0]["message"]["content"].clone();
    assert!(
        message
            .as_str()
            .unwrap()
            .starts_with("This is official answering as m:")
    );

    let ask = json!({"stream": true, "max_tokens": 3, "stream_options": {"include_usage": true}});
    let stream = exchange(official, &chat("", &ask)).await;
    let events = stream.events();
    // Role, three words, finish, usage, [DONE]: each in a chunk of its own.
    assert_eq!(events.len(), 7);
    assert_eq!(stream.chunks().len(), 7);
    assert_eq!(events[6], "[DONE]");
    let usage: Value = serde_json::from_str(&events[5]).unwrap();
    assert_eq!(usage["usage"]["completion_tokens"], 3);
}

#[tokio::test]
async fn tools_are_called() {
    let fleet = fleet().await;
    let function = json!({"name": "weather", "parameters": {
        "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
    }});
    let ask = json!({"tools": [{"type": "function", "function": function}]});
    let whole = exchange(fleet.providers[0].1, &chat("", &ask)).await.json();
    let call = &whole["choices"][0]["message"]["tool_calls"][0]["function"];
    assert_eq!(call["name"], "weather");
    assert_eq!(call["arguments"], r#"{"city":"example"}"#);
}

#[tokio::test]
async fn completions_embeddings_and_models_answer() {
    let fleet = fleet().await;
    let official = fleet.providers[0].1;
    let post = |path: &str, body: Value| request(path, "", &body.to_string());
    let text = post("POST /v1/completions", json!({"model": "m", "prompt": "a"}));
    let text = exchange(official, &text).await.json();
    assert_eq!(text["object"], "text_completion");
    let inputs = json!({"model": "m", "input": ["a", "b"], "dimensions": 4});
    let vectors = exchange(official, &post("POST /v1/embeddings", inputs))
        .await
        .json();
    assert_eq!(vectors["data"][1]["embedding"].as_array().unwrap().len(), 4);
    let models = exchange(official, &request("GET /v1/models", "", ""))
        .await
        .json();
    assert_eq!(models["object"], "list");
    let model = exchange(official, &request("GET /v1/models/m", "", ""))
        .await
        .json();
    assert_eq!(model["id"], "m");
}

#[tokio::test]
async fn azure_answers_by_deployment() {
    let fleet = fleet().await;
    let azure = fleet.providers[1].1;
    let body = json!({"stream": true, "messages": [{"role": "user", "content": "x"}]}).to_string();
    let line = "POST /openai/deployments/my-gpt/chat/completions";
    let answer = exchange(azure, &request(&format!("{line}?api-version=1"), "", &body)).await;
    let events = answer.events();
    let first: Value = serde_json::from_str(&events[0]).unwrap();
    assert!(first["prompt_filter_results"].is_array());
    assert!(events[1].contains(r#""model":"my-gpt""#));
    let without = exchange(azure, &request(line, "", &body)).await;
    assert_eq!(without.status(), 404);
    assert_eq!(without.json()["error"]["code"], "404");
}

#[tokio::test]
async fn what_a_real_provider_refuses_is_refused() {
    let fleet = fleet().await;
    let official = fleet.providers[0].1;
    let line = "POST /v1/chat/completions";
    let good = r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#;
    for (request, status, code) in [
        (request(line, "", "{"), 400, Value::Null),
        (
            request(line, "", r#"{"model":"m"}"#),
            400,
            json!("missing_required_parameter"),
        ),
        (
            request(line, "x-ark-priority: batch\r\n", good),
            400,
            json!("leaked_internal_header"),
        ),
        (
            request(line, "x-demo-script: official=oops\r\n", good),
            400,
            json!("invalid_demo_script"),
        ),
        (request("POST /v1/nothing", "", good), 404, Value::Null),
        (
            request(line, "", good).replace("Bearer key-", "Bearer "),
            401,
            json!("invalid_api_key"),
        ),
    ] {
        let answer = exchange(official, &request).await;
        assert_eq!(answer.status(), status, "{request}");
        assert_eq!(answer.json()["error"]["code"], code, "{request}");
    }
    assert_eq!(fleet.providers[0].0.stats().statuses[&400], 4);
}

#[tokio::test]
async fn a_body_of_several_megabytes_is_read() {
    let fleet = fleet().await;
    let ask = json!({"messages": [{"role": "user", "content": "word ".repeat(600_000)}]});
    let answer = exchange(fleet.providers[0].1, &chat("", &ask)).await;
    assert_eq!(answer.status(), 200);
    let tokens = answer.json()["usage"]["prompt_tokens"].as_u64().unwrap();
    assert!(tokens > 750_000, "{tokens}");
}
