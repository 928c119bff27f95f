use super::*;
use crate::gemini::{Api, Method, path, read_count, write_count};
use crate::provider_error::ErrorClass;
use serde_json::json;

const VERTEX: &str = "/v1/projects/p/locations/us-central1/publishers/google";

#[test]
fn a_path_names_the_model_and_the_method() {
    for (base, model, method, expected) in [
        (
            "/v1beta",
            "gemini-2.5-flash",
            Method::Generate,
            "/v1beta/models/gemini-2.5-flash:generateContent",
        ),
        (
            "/v1beta",
            "models/gemini-2.5-flash",
            Method::Stream,
            "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
        ),
        (
            "",
            "tunedModels/a b",
            Method::CountTokens,
            "/tunedModels/a%20b:countTokens",
        ),
        (
            "",
            "a/../b?c",
            Method::Embed,
            "/models/a%2F..%2Fb%3Fc:embedContent",
        ),
        (
            "/x",
            "e",
            Method::BatchEmbed,
            "/x/models/e:batchEmbedContents",
        ),
    ] {
        assert_eq!(path(base, model, method), expected);
    }
    assert_eq!(
        path(
            VERTEX,
            "text-embedding-005",
            Method::of_embeddings(Api::of_base_path(VERTEX))
        ),
        format!("{VERTEX}/models/text-embedding-005:predict")
    );
    let gemini = Api::of_base_path("/v1beta");
    assert_eq!(Method::of_embeddings(gemini), Method::BatchEmbed);
}

#[test]
fn counting_takes_the_whole_prompt() {
    let request = ChatRequest {
        user: Some("u".to_owned()),
        service_tier: Some("flex".to_owned()),
        ..conversation(vec![
            turn(Role::System, vec![Part::text("be kind")]),
            user("hi"),
        ])
    };
    let target = TargetFacts {
        model: "gemini-2.5-flash",
        default_max_tokens: 1,
        account: "",
    };
    let body = |api| -> Value {
        let written = write_count(&request, &target, api);
        assert_eq!(written.losses.len(), 1);
        serde_json::from_slice(&written.body).unwrap()
    };
    let whole = json!({
        "model": "models/gemini-2.5-flash",
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "systemInstruction": {"parts": [{"text": "be kind"}]},
        "serviceTier": "flex",
    });
    assert_eq!(body(Api::Gemini), json!({"generateContentRequest": whole}));
    let mut bare = whole;
    let members = bare.as_object_mut().unwrap();
    members.remove("model");
    members.remove("serviceTier");
    assert_eq!(body(Api::Vertex), bare);
}

#[test]
fn a_count_is_read_or_an_error() {
    assert_eq!(
        read_count(br#"{"totalTokens":31,"promptTokensDetails":[]}"#),
        Ok(31)
    );
    let refused = read_count(br#"{"error":{"code":404,"message":"no","status":"NOT_FOUND"}}"#);
    assert_eq!(refused.unwrap_err().class, ErrorClass::NotFound);
    for body in ["{}", "[]", "", "31"] {
        assert_eq!(
            read_count(body.as_bytes()).unwrap_err().class,
            ErrorClass::Server
        );
    }
}
