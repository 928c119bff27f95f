//! By which of OpenAI's APIs a target is asked.

use ark_gateway_core::snapshot::TargetApi::{self, Chat, Either, Responses};

use super::kinds::file;
use super::*;

fn api(provider: &str, target: &str) -> TargetApi {
    let config = parse(&file(provider, &format!(", {target}")))
        .unwrap_or_else(|problems| panic!("{problems}"));
    config.models[0].targets[0].api
}

const AZURE: &str = "kind: azure-openai\nendpoint: https://x.openai.azure.com\napi_version: ";

#[test]
fn which_api_a_target_is_asked_by() {
    let (new, old) = (format!("{AZURE}v1"), format!("{AZURE}\"2024-10-21\""));
    for (provider, target, expected) in [
        ("kind: openai", "model: gpt-5.6", Responses),
        ("kind: openai", "model: gpt-5.6, api: auto", Responses),
        ("kind: openai", "model: gpt-5.6, api: chat", Chat),
        ("kind: openai", "model: gpt-4.1", Either),
        ("kind: openai", "model: gpt-4.1, api: responses", Responses),
        ("kind: openai", "model: mine", Either),
        (&new, "model: my-gpt-5-6", Responses),
        (&old, "model: my-gpt-5-6", Either),
        (
            "kind: openai-compatible\nvendor: mistral",
            "model: gpt-5.6",
            Either,
        ),
        ("kind: anthropic", "model: claude-sonnet-4-5", Either),
    ] {
        assert_eq!(api(provider, target), expected, "{provider} {target}");
    }
}

#[test]
fn responses_is_not_claimed_where_there_is_none() {
    for provider in [
        "kind: anthropic",
        &format!("{AZURE}\"2024-10-21\""),
        "kind: openai-compatible\nvendor: mistral",
    ] {
        let problems = parse(&file(provider, ", api: responses")).unwrap_err();
        assert!(
            problems.to_string().contains(
                "models[0].targets[0].api: is responses, which this provider does not have"
            ),
            "{problems}"
        );
    }
    let problems = parse(&file("kind: openai", ", api: both")).unwrap_err();
    assert!(
        problems
            .to_string()
            .contains("models[0].targets[0].api: \"both\" is not known"),
        "{problems}"
    );
}
