use super::*;
use crate::chat::TargetFacts;
use crate::gemini::{Api, read_embeddings, write_embeddings};
use crate::provider_error::ErrorClass;
use serde_json::json;

fn read(body: Value) -> Result<EmbeddingRequest, (String, String)> {
    read_request(body.to_string().as_bytes()).map_err(|bad| (bad.field, bad.problem))
}

#[test]
fn a_request_is_one_text_or_several() {
    let request = read(json!({"model": "m", "input": "a"})).unwrap();
    assert_eq!(request.input, ["a"]);
    assert_eq!(request.encoding, Encoding::Float);
    assert_eq!(
        read(
            json!({"model": "m", "input": ["a", "b"], "dimensions": 256, "user": "u",
            "encoding_format": "base64", "z": 1, "input_type": "query"})
        ),
        Ok(EmbeddingRequest {
            model: "m".to_owned(),
            input: vec!["a".to_owned(), "b".to_owned()],
            dimensions: Some(256),
            encoding: Encoding::Base64,
            user: Some("u".to_owned()),
            unknown: vec!["input_type".to_owned(), "z".to_owned()],
        })
    );
    let nulls = json!({"model": "m", "input": "a", "dimensions": null, "user": null,
        "encoding_format": null});
    assert_eq!(read(nulls), Ok(request));
}

#[test]
fn a_bad_request_names_its_field() {
    for (body, field) in [
        (json!([]), ""),
        (json!({"input": "a"}), "model"),
        (json!({"model": 1, "input": "a"}), "model"),
        (json!({"model": "m"}), "input"),
        (json!({"model": "m", "input": ""}), "input"),
        (json!({"model": "m", "input": []}), "input"),
        (
            json!({"model": "m", "input": vec!["a"; TEXTS_LIMIT + 1]}),
            "input",
        ),
        (json!({"model": "m", "input": 5}), "input"),
        (json!({"model": "m", "input": [1, 2]}), "input"),
        (json!({"model": "m", "input": [[1, 2]]}), "input"),
        (json!({"model": "m", "input": ["a", ""]}), "input[1]"),
        (json!({"model": "m", "input": ["a", null]}), "input[1]"),
        (
            json!({"model": "m", "input": "a", "dimensions": 0}),
            "dimensions",
        ),
        (
            json!({"model": "m", "input": "a", "dimensions": "1"}),
            "dimensions",
        ),
        (
            json!({"model": "m", "input": "a", "encoding_format": "hex"}),
            "encoding_format",
        ),
        (json!({"model": "m", "input": "a", "user": 1}), "user"),
    ] {
        let (named, problem) = read(body.clone()).unwrap_err();
        assert_eq!(named, field, "{body}");
        assert!(problem.starts_with("must "), "{problem}");
    }
    assert_eq!(read_request(b"{").unwrap_err().field, "");
}

#[test]
fn either_api_of_google_is_asked_in_its_form() {
    let request = EmbeddingRequest {
        input: vec!["a".to_owned(), "b".to_owned()],
        dimensions: Some(256),
        user: Some("u".to_owned()),
        unknown: vec!["x".to_owned()],
        ..EmbeddingRequest::default()
    };
    let target = TargetFacts {
        model: "gemini-embedding-001",
        default_max_tokens: 0,
        account: "",
    };
    let body = |api| -> Value {
        let written = write_embeddings(&request, &target, api);
        let losses: Vec<_> = written
            .losses
            .iter()
            .map(|loss| loss.field.name())
            .collect();
        assert_eq!(losses, ["user", "x"]);
        serde_json::from_slice(&written.body).unwrap()
    };
    let one = |text: &str| {
        json!({"model": "models/gemini-embedding-001", "content": {"parts": [{"text": text}]},
            "outputDimensionality": 256})
    };
    assert_eq!(body(Api::Gemini), json!({"requests": [one("a"), one("b")]}));
    assert_eq!(
        body(Api::Vertex),
        json!({"instances": [{"content": "a"}, {"content": "b"}],
            "parameters": {"outputDimensionality": 256}})
    );
}

#[test]
fn either_answer_is_read_with_the_usage_that_it_says() {
    let gemini = json!({"embeddings": [{"values": [0.5, -1]}, {"values": []}]});
    let late = json!({"embeddings": [{"values": [0.5]}], "usageMetadata": {"promptTokenCount": 3}});
    let statistics = json!({"token_count": 4.0, "truncated": false});
    let entry = json!({"embeddings": {"values": [0.5], "statistics": statistics}});
    let vertex = json!({"predictions": [entry, entry], "metadata": {"billableCharacterCount": 2}});
    for (body, vectors, tokens) in [
        (gemini, vec![vec![0.5, -1.0], vec![]], None),
        (late, vec![vec![0.5]], Some(3)),
        (vertex, vec![vec![0.5], vec![0.5]], Some(8)),
    ] {
        let answer = read_embeddings(body.to_string().as_bytes()).unwrap();
        assert_eq!(answer.vectors, vectors);
        assert_eq!(answer.usage.map(|usage| usage.input_tokens), tokens);
    }
    for (body, class) in [
        (
            r#"{"error":{"code":404,"message":"m","status":"NOT_FOUND"}}"#,
            ErrorClass::NotFound,
        ),
        (r#"{"embeddings":[{"values":[1e39]}]}"#, ErrorClass::Server),
        (r#"{"embeddings":[]}"#, ErrorClass::Server),
        ("oops", ErrorClass::Server),
    ] {
        assert_eq!(
            read_embeddings(body.as_bytes()).unwrap_err().class,
            class,
            "{body}"
        );
    }
}

#[test]
fn an_answer_is_openais_as_numbers_or_as_base64() {
    let answer = EmbeddingAnswer {
        model: None,
        vectors: vec![vec![0.1, -2.0], vec![1.0]],
        usage: Some(Usage {
            input_tokens: 9,
            ..Usage::default()
        }),
    };
    let text = String::from_utf8(write_answer(&answer, Encoding::Float, "m")).unwrap();
    assert_eq!(
        text,
        r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,-2.0]},{"object":"embedding","index":1,"embedding":[1.0]}],"model":"m","usage":{"prompt_tokens":9,"total_tokens":9}}"#
    );
    let named = EmbeddingAnswer {
        model: Some("theirs".to_owned()),
        usage: None,
        ..answer
    };
    let written = write_answer(&named, Encoding::Base64, "m");
    let body: Value = serde_json::from_slice(&written).unwrap();
    // 0.1 is 3dcccccd, -2 is c0000000, 1 is 3f800000.
    assert_eq!(body["data"][0]["embedding"], "zczMPQAAAMA=");
    assert_eq!(body["data"][1]["embedding"], "AACAPw==");
    assert_eq!(
        (&body["model"], &body["usage"]["total_tokens"]),
        (&json!("theirs"), &json!(0))
    );
}
