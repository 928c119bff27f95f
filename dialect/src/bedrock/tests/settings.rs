use super::*;
use crate::chat::{Effort, Reasoning, ToolChoice};
use serde_json::{Map, Number};

fn number(value: f64) -> Option<Number> {
    Number::from_f64(value)
}

fn reasoning(effort: Effort) -> Reasoning {
    Reasoning {
        effort: Some(effort),
        ..Reasoning::default()
    }
}

fn budget(tokens: u64) -> Reasoning {
    Reasoning {
        budget_tokens: Some(tokens),
        ..Reasoning::default()
    }
}

const OPUS_41: &str = "anthropic.claude-opus-4-1-20250805-v1:0";
const OPUS_46: &str = "us.anthropic.claude-opus-4-6-v1";
const OPUS_47: &str = "anthropic.claude-opus-4-7";

#[test]
fn bounds_sampling_and_stop_texts() {
    let request = ChatRequest {
        max_tokens: Some(100),
        temperature: Some(serde_json::from_str("0.70").unwrap()),
        top_p: number(0.9),
        stop: vec!["END".to_owned()],
        ..ask()
    };
    assert_eq!(
        settings(&request, LLAMA),
        (
            json!({"inferenceConfig": {
                "maxTokens": 100, "temperature": 0.7, "topP": 0.9, "stopSequences": ["END"],
            }}),
            vec![]
        )
    );
    // Claude says which text stopped it, if asked; newer ones take one way of sampling.
    assert_eq!(
        settings(&request, "anthropic.claude-haiku-4-5-20251001-v1:0"),
        (
            json!({
                "inferenceConfig": {"maxTokens": 100, "temperature": 0.7, "stopSequences": ["END"]},
                "additionalModelResponseFieldPaths": ["/stop_sequence", "/delta/stop_sequence"],
            }),
            vec!["top_p".to_owned()]
        )
    );
    // The default bound is not needed.
    assert_eq!(settings(&ask(), CLAUDE), (json!({}), vec![]));
}

#[test]
fn values_beyond_the_range_are_bounded() {
    for (temperature, written, lost) in [
        (2.0, json!(1), true),
        (-1.0, json!(0), true),
        (1.0, json!(1.0), false),
        (0.0, json!(0.0), false),
    ] {
        let request = ChatRequest {
            temperature: number(temperature),
            ..ask()
        };
        let (body, losses) = settings(&request, NOVA);
        assert_eq!(body["inferenceConfig"]["temperature"], written);
        assert_eq!(losses.contains(&"temperature".to_owned()), lost);
    }
    let request = ChatRequest {
        max_tokens: Some(u64::MAX),
        stop: vec![String::new(), " ".to_owned(), "x".to_owned()],
        ..ask()
    };
    assert_eq!(
        settings(&request, NOVA),
        (
            json!({"inferenceConfig": {"maxTokens": i32::MAX, "stopSequences": [" ", "x"]}}),
            vec!["max_tokens".to_owned(), "stop".to_owned()]
        )
    );
    let (body, _) = settings(&request, CLAUDE);
    assert_eq!(body["inferenceConfig"]["stopSequences"], json!(["x"]));
}

#[test]
fn top_k_in_the_vendors_words() {
    let request = ChatRequest {
        top_k: Some(7),
        ..ask()
    };
    for (model, fields) in [
        (CLAUDE, json!({"top_k": 7})),
        (NOVA, json!({"inferenceConfig": {"topK": 7}})),
        (LLAMA, Value::Null),
        (PROFILE, Value::Null),
        (OPUS_47, Value::Null),
    ] {
        let (body, losses) = settings(&request, model);
        assert_eq!(body["additionalModelRequestFields"], fields, "{model}");
        assert_eq!(losses.contains(&"top_k".to_owned()), fields.is_null());
    }
}

#[test]
fn newer_claude_models_take_no_sampling() {
    let sampled = |temperature, top_p| {
        let request = ChatRequest {
            temperature: number(temperature),
            top_p: number(top_p),
            ..ask()
        };
        settings(&request, OPUS_47)
    };
    assert_eq!(
        sampled(0.5, 0.9),
        (
            json!({}),
            vec!["temperature".to_owned(), "top_p".to_owned()]
        )
    );
    assert_eq!(sampled(1.0, 1.0), (json!({}), vec![]));
}

/// The vendor's fields, the effort, and the losses.
fn thinks(asked: Reasoning, model: &str, max_tokens: Option<u64>) -> (Value, Value, String) {
    let request = ChatRequest {
        max_tokens,
        reasoning: Some(asked),
        ..ask()
    };
    let (mut body, losses) = settings(&request, model);
    let fields = body["additionalModelRequestFields"].take();
    (
        fields,
        body["outputConfig"]["effort"].take(),
        losses.join(" "),
    )
}

fn free() -> Reasoning {
    Reasoning {
        adaptive: true,
        ..Reasoning::default()
    }
}

#[test]
fn claude_thinks_within_a_budget() {
    let effort = reasoning;
    for (asked, model, max_tokens, tokens, losses) in [
        (budget(5000), CLAUDE, None, 5000, ""),
        (budget(5000), OPUS_46, None, 5000, ""),
        (budget(5000), CLAUDE, Some(4000), 3999, "reasoning"),
        (effort(Effort::Max), CLAUDE, None, 32_768, ""),
        (effort(Effort::Max), OPUS_41, None, 16_000, ""),
        (budget(40_000), OPUS_41, None, 31_999, "reasoning"),
        (effort(Effort::High), CLAUDE, Some(8192), 4096, ""),
        (effort(Effort::Minimal), CLAUDE, None, 1024, ""),
        (free(), CLAUDE, None, 16_384, ""),
    ] {
        let fields = json!({"thinking": {"type": "enabled", "budget_tokens": tokens}});
        assert_eq!(
            thinks(asked, model, max_tokens),
            (fields, Value::Null, losses.to_owned())
        );
    }
}

#[test]
fn newer_claude_models_think_as_much_as_they_like() {
    let summary = |summary| Reasoning {
        summary: Some(summary),
        ..reasoning(Effort::Max)
    };
    let adaptive = json!({"type": "adaptive"});
    let display = |how: &str| json!({"type": "adaptive", "display": how});
    for (asked, model, thinking, effort, losses) in [
        (
            reasoning(Effort::Medium),
            OPUS_46,
            adaptive.clone(),
            json!("medium"),
            "",
        ),
        (
            budget(5000),
            OPUS_47,
            adaptive.clone(),
            json!("medium"),
            "reasoning",
        ),
        (
            reasoning(Effort::XHigh),
            OPUS_46,
            adaptive.clone(),
            json!("high"),
            "reasoning",
        ),
        (
            reasoning(Effort::XHigh),
            OPUS_47,
            adaptive.clone(),
            json!("xhigh"),
            "",
        ),
        (free(), OPUS_47, adaptive, Value::Null, ""),
        (
            summary(true),
            OPUS_47,
            display("summarized"),
            json!("max"),
            "",
        ),
        (
            summary(false),
            OPUS_46,
            display("omitted"),
            json!("max"),
            "",
        ),
    ] {
        let fields = json!({"thinking": thinking});
        let written = thinks(asked, model, None);
        assert_eq!(written, (fields, effort, losses.to_owned()), "{model}");
    }
}

#[test]
fn claude_does_not_think() {
    let none = || reasoning(Effort::None);
    let disabled = json!({"thinking": {"type": "disabled"}});
    let small = Some(1024);
    let old = "anthropic.claude-3-haiku-20240307-v1:0";
    for (asked, model, max_tokens, fields, losses) in [
        (none(), CLAUDE, None, Value::Null, ""),
        (budget(0), CLAUDE, None, Value::Null, ""),
        (none(), "anthropic.claude-opus-5", None, disabled, ""),
        (
            none(),
            "anthropic.claude-mythos-preview",
            None,
            Value::Null,
            "reasoning",
        ),
        (budget(5000), CLAUDE, small, Value::Null, "reasoning"),
        (reasoning(Effort::Low), old, None, Value::Null, "reasoning"),
    ] {
        let written = thinks(asked, model, max_tokens);
        assert_eq!(written, (fields, Value::Null, losses.to_owned()), "{model}");
    }
}

#[test]
fn thinking_leaves_no_room_for_sampling() {
    let request = ChatRequest {
        temperature: number(0.2),
        top_p: number(0.97),
        top_k: Some(5),
        reasoning: Some(budget(2000)),
        ..ask()
    };
    let fields = json!({"thinking": {"type": "enabled", "budget_tokens": 2000}});
    assert_eq!(
        settings(&request, CLAUDE),
        (
            json!({
                "inferenceConfig": {"topP": 0.97},
                "additionalModelRequestFields": fields,
            }),
            vec!["temperature".to_owned(), "top_k".to_owned()]
        )
    );
}

#[test]
fn claude_does_not_think_when_it_would_be_refused() {
    let forced = ChatRequest {
        tools: vec![tool("a")],
        tool_choice: Some(ToolChoice::Required),
        reasoning: Some(reasoning(Effort::High)),
        ..ask()
    };
    let (body, losses) = settings(&forced, CLAUDE);
    assert_eq!(body["additionalModelRequestFields"], Value::Null);
    assert_eq!(losses, ["reasoning"]);
    let (body, losses) = settings(&forced, "anthropic.claude-opus-5");
    let disabled = json!({"thinking": {"type": "disabled"}});
    assert_eq!(body["additionalModelRequestFields"], disabled);
    assert_eq!(losses, ["reasoning"]);

    let mut under_way = forced;
    under_way.tool_choice = None;
    under_way.turns.push(turn(
        Role::Assistant,
        vec![Part::ToolCall {
            id: "c".to_owned(),
            name: "a".to_owned(),
            arguments: String::new(),
            cache: None,
            signature: None,
        }],
    ));
    let result = Part::ToolResult {
        id: "c".to_owned(),
        parts: Vec::new(),
        is_error: false,
        cache: None,
    };
    under_way.turns.push(turn(Role::User, vec![result]));
    let (body, losses) = settings(&under_way, CLAUDE);
    assert_eq!(body["additionalModelRequestFields"], Value::Null);
    assert_eq!(losses, ["reasoning"]);
    // Adaptive thinking does not mind.
    let (body, losses) = settings(&under_way, OPUS_46);
    assert_eq!(
        body["additionalModelRequestFields"]["thinking"]["type"],
        "adaptive"
    );
    assert_eq!(losses, [""; 0]);
}

#[test]
fn novas_words_for_effort() {
    let high = || reasoning(Effort::High);
    let none = || reasoning(Effort::None);
    let config = |effort: &str| json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": effort}});
    let first = "amazon.nova-pro-v1:0";
    let bound = Some(100);
    for (asked, model, max_tokens, fields, losses) in [
        (reasoning(Effort::Low), NOVA, None, config("low"), ""),
        (high(), NOVA, None, config("high"), ""),
        (high(), NOVA, bound, config("medium"), "reasoning"),
        (budget(9000), NOVA, bound, config("medium"), "reasoning"),
        (none(), NOVA, None, Value::Null, ""),
        (high(), first, None, Value::Null, "reasoning"),
        (none(), first, None, Value::Null, ""),
    ] {
        let written = thinks(asked, model, max_tokens);
        assert_eq!(written, (fields, Value::Null, losses.to_owned()), "{model}");
    }
    // Its most effort takes no sampling.
    let sampled = ChatRequest {
        temperature: number(0.2),
        top_k: Some(5),
        reasoning: Some(high()),
        ..ask()
    };
    assert_eq!(
        settings(&sampled, NOVA),
        (
            json!({"additionalModelRequestFields": config("high")}),
            vec!["temperature".to_owned(), "top_k".to_owned()]
        )
    );
}

#[test]
fn other_vendors_words_for_effort() {
    let word = |effort: &str| json!({"reasoning_effort": effort});
    let gpt = "openai.gpt-5.6";
    for (effort, model, fields, losses) in [
        (Effort::Minimal, GPT_OSS, word("low"), ""),
        (Effort::None, GPT_OSS, word("low"), "reasoning"),
        (Effort::Max, GPT_OSS, word("high"), ""),
        (Effort::None, gpt, word("none"), ""),
        (Effort::Max, gpt, word("xhigh"), ""),
        (Effort::High, LLAMA, Value::Null, "reasoning"),
        (Effort::High, PROFILE, Value::Null, "reasoning"),
    ] {
        let written = thinks(reasoning(effort), model, None);
        assert_eq!(written, (fields, Value::Null, losses.to_owned()), "{model}");
    }
}

#[test]
fn service_tiers() {
    for (said, written, lost) in [
        ("flex", json!({"type": "flex"}), false),
        ("priority", json!({"type": "priority"}), false),
        ("auto", Value::Null, false),
        ("default", Value::Null, false),
        ("standard_only", Value::Null, false),
        ("scale", Value::Null, true),
    ] {
        let request = ChatRequest {
            service_tier: Some(said.to_owned()),
            ..ask()
        };
        let (body, losses) = settings(&request, CLAUDE);
        assert_eq!(body["serviceTier"], written, "{said}");
        assert_eq!(losses, ["service_tier"][..usize::from(lost)], "{said}");
    }
}

#[test]
fn metadata_within_bedrocks_limits() {
    let metadata = |entries: &[(&str, Value)]| {
        let entries = entries.iter();
        let entries = entries.map(|(key, value)| ((*key).to_owned(), value.clone()));
        let request = ChatRequest {
            metadata: Some(entries.collect::<Map<_, _>>()),
            ..ask()
        };
        let (body, losses) = settings(&request, CLAUDE);
        (body["requestMetadata"].clone(), losses)
    };
    assert_eq!(
        metadata(&[
            ("team", json!("search, EU")),
            ("n", json!(5)),
            ("", json!("x"))
        ]),
        (
            json!({"team": "search, EU", "n": "5"}),
            vec!["metadata".to_owned()]
        )
    );
    for bad in [json!("é"), json!("x".repeat(257)), json!({}), json!("a!")] {
        assert_eq!(
            metadata(&[("k", bad)]),
            (Value::Null, vec!["metadata".to_owned()])
        );
    }
    let names: Vec<String> = (0..17).map(|n| format!("k{n}")).collect();
    let many: Vec<(&str, Value)> = names.iter().map(|n| (n.as_str(), json!(""))).collect();
    let (written, losses) = metadata(&many);
    assert_eq!(written.as_object().unwrap().len(), 16);
    assert_eq!(losses, ["metadata"]);
}

#[test]
fn what_converse_cannot_say_is_noted() {
    let request = ChatRequest {
        seed: Some(Number::from(1)),
        frequency_penalty: number(0.5),
        presence_penalty: number(0.5),
        logit_bias: Some(Map::from_iter([("1".to_owned(), json!(2))])),
        logprobs: true,
        n: Some(2),
        verbosity: Some("low".to_owned()),
        prompt_cache_key: Some("k".to_owned()),
        user: Some("u".to_owned()),
        unknown: vec!["store".to_owned()],
        ..ask()
    };
    assert_eq!(
        settings(&request, CLAUDE),
        (
            json!({}),
            [
                "seed",
                "frequency_penalty",
                "presence_penalty",
                "logit_bias",
                "logprobs",
                "n",
                "verbosity",
                "cache_control",
                "user",
                "store"
            ]
            .map(str::to_owned)
            .to_vec()
        )
    );
    let defaults = ChatRequest {
        frequency_penalty: number(0.0),
        presence_penalty: number(0.0),
        logit_bias: Some(Map::new()),
        n: Some(1),
        verbosity: Some("medium".to_owned()),
        parallel_tool_calls: Some(true),
        include_usage: true,
        ..ask()
    };
    assert_eq!(settings(&defaults, CLAUDE), (json!({}), vec![]));
}
