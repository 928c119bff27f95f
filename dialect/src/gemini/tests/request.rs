use super::*;
use crate::chat::{CacheMark, Effort, Format, Reasoning, Source, Tool, ToolChoice};
use serde_json::{Number, json};

fn tool(name: &str) -> Tool {
    Tool {
        name: name.to_owned(),
        ..Tool::default()
    }
}

/// `generationConfig`, and what is lost.
#[track_caller]
fn config(model: &str, set: impl FnOnce(&mut ChatRequest), expected: Value, lost: &[&str]) {
    let mut request = asking("hi");
    set(&mut request);
    let (body, losses) = written(&request, model);
    assert_eq!(body["generationConfig"], expected);
    assert_eq!(losses, lost);
}

const FLASH: &str = "gemini-2.5-flash";

#[test]
fn a_plain_question_is_nothing_but_its_contents() {
    let (body, losses) = written(&asking("hi"), FLASH);
    let contents = json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]});
    assert_eq!(body, contents);
    assert!(losses.is_empty());
}

#[test]
fn sampling_goes_out_as_the_client_wrote_it() {
    config(
        FLASH,
        |request| {
            request.max_tokens = Some(100);
            request.temperature = Number::from_f64(0.50);
            request.top_p = Number::from_f64(0.9);
            request.top_k = Some(40);
            request.stop = vec!["END".to_owned()];
            request.seed = Some(7.into());
            request.n = Some(2);
            request.presence_penalty = Number::from_f64(0.5);
            request.frequency_penalty = Some(Number::from(-1));
            request.logprobs = true;
            request.top_logprobs = Some(3);
        },
        json!({"maxOutputTokens": 100, "temperature": 0.5, "topP": 0.9, "topK": 40,
            "stopSequences": ["END"], "seed": 7, "candidateCount": 2, "presencePenalty": 0.5,
            "frequencyPenalty": -1, "responseLogprobs": true, "logprobs": 3}),
        &[],
    );
}

#[test]
fn what_is_beyond_a_bound_is_bounded() {
    config(
        FLASH,
        |request| {
            request.stop = ["a", "b", "c", "d", "e", "f"].map(String::from).to_vec();
            request.n = Some(9);
            request.presence_penalty = Some(2.into());
            request.top_logprobs = Some(5);
        },
        json!({"stopSequences": ["a", "b", "c", "d", "e"], "candidateCount": 8,
            "presencePenalty": 1.99}),
        &["stop", "n"],
    );
    for (seed, folded) in [
        (json!(-5), json!(-5)),
        (json!(2_147_483_649_u64), json!(1)),
        (json!(-2_147_483_650_i64), json!(2)),
        (json!(u64::MAX), json!(2_147_483_647)),
    ] {
        let set = |request: &mut ChatRequest| request.seed = seed.as_number().cloned();
        config(FLASH, set, json!({"seed": folded}), &[]);
    }
    let set = |request: &mut ChatRequest| request.seed = Number::from_f64(0.5);
    config(FLASH, set, Value::Null, &["seed"]);
}

#[test]
fn reasoning_is_a_level_from_3_on_and_a_budget_in_2_5() {
    let effort = |effort| Reasoning {
        effort: Some(effort),
        summary: Some(false),
        ..Reasoning::default()
    };
    let budget = |tokens| Reasoning {
        budget_tokens: Some(tokens),
        summary: Some(false),
        ..Reasoning::default()
    };
    let adaptive = Reasoning {
        adaptive: true,
        // Who asks for thinking and says no more is shown it.
        summary: None,
        ..Reasoning::default()
    };
    let level = |level: &str| json!({"thinkingConfig": {"thinkingLevel": level}});
    let tokens = |tokens: i64| json!({"thinkingConfig": {"thinkingBudget": tokens}});
    const LOST: &[&str] = &["reasoning"];
    let (flash3, pro3) = ("gemini-3-flash-preview", "gemini-3.1-pro-preview");
    let (pro, lite) = ("gemini-2.5-pro", "gemini-2.5-flash-lite");
    for (model, asked, expected, lost) in [
        (flash3, effort(Effort::None), level("MINIMAL"), LOST),
        (flash3, effort(Effort::Minimal), level("MINIMAL"), &[]),
        (pro3, effort(Effort::Minimal), level("LOW"), LOST),
        (pro3, effort(Effort::Medium), level("MEDIUM"), &[]),
        (pro3, effort(Effort::High), level("HIGH"), &[]),
        (pro3, effort(Effort::XHigh), level("HIGH"), LOST),
        (pro3, effort(Effort::Max), level("HIGH"), LOST),
        ("gemini-3-pro", effort(Effort::Medium), level("HIGH"), LOST),
        ("gemini-3-pro", effort(Effort::Low), level("LOW"), &[]),
        (flash3, effort(Effort::Medium), level("MEDIUM"), &[]),
        (pro3, budget(5000), tokens(5000), &[]),
        (pro3, budget(60_000), tokens(32_768), LOST),
        (pro3, budget(0), level("LOW"), LOST),
        (FLASH, effort(Effort::None), tokens(0), &[]),
        (FLASH, effort(Effort::Low), tokens(2048), &[]),
        (FLASH, effort(Effort::Max), tokens(24_576), &[]),
        (FLASH, budget(30_000), tokens(24_576), LOST),
        (pro, effort(Effort::None), tokens(128), LOST),
        (lite, budget(100), tokens(512), LOST),
        (lite, budget(0), tokens(0), &[]),
        ("gemini-2.0-flash", effort(Effort::High), Value::Null, LOST),
        ("gemini-2.0-flash", effort(Effort::None), Value::Null, &[]),
    ] {
        let set = |request: &mut ChatRequest| request.reasoning = Some(asked);
        config(model, set, expected, lost);
    }
    let dynamic = json!({"thinkingConfig": {"includeThoughts": true, "thinkingBudget": -1}});
    let set = |request: &mut ChatRequest| request.reasoning = Some(adaptive.clone());
    config(FLASH, set, dynamic, &[]);
    let set = |request: &mut ChatRequest| request.reasoning = Some(adaptive.clone());
    let shown = json!({"thinkingConfig": {"includeThoughts": true}});
    config(pro3, set, shown, &[]);
}

#[test]
fn thoughts_leave_room_for_the_answer() {
    let effort = |effort| Reasoning {
        effort: Some(effort),
        summary: Some(false),
        ..Reasoning::default()
    };
    let budget = |tokens| Reasoning {
        budget_tokens: Some(tokens),
        summary: Some(false),
        ..Reasoning::default()
    };
    const LOST: &[&str] = &["reasoning"];
    for (model, most, asked, tokens, lost) in [
        (FLASH, 500, effort(Effort::High), 250, [].as_slice()),
        (FLASH, 500, effort(Effort::None), 0, &[]),
        (FLASH, 500, budget(499), 499, &[]),
        (FLASH, 500, budget(500), 250, LOST),
        ("gemini-2.5-pro", 100, effort(Effort::High), 128, LOST),
    ] {
        let set = |request: &mut ChatRequest| {
            request.reasoning = Some(asked);
            request.max_tokens = Some(most);
        };
        let thinking = json!({"thinkingBudget": tokens});
        let expected = json!({"maxOutputTokens": most, "thinkingConfig": thinking});
        config(model, set, expected, lost);
    }
}

#[test]
fn structured_output_is_a_json_schema() {
    let format = Format::JsonSchema {
        name: "weather".to_owned(),
        description: Some("The weather.".to_owned()),
        schema: json!({"$schema": "x", "type": "object", "additionalProperties": false}),
        strict: Some(true),
    };
    let set = |request: &mut ChatRequest| request.format = format.clone();
    let schema =
        json!({"type": "object", "additionalProperties": false, "description": "The weather."});
    let expected = json!({"responseMimeType": "application/json", "responseJsonSchema": schema});
    config(FLASH, set, expected.clone(), &[]);
    let json_mode = json!({"responseMimeType": "application/json"});
    config(
        FLASH,
        |request| request.format = Format::JsonObject,
        json_mode,
        &[],
    );
    let with_tools = |request: &mut ChatRequest| {
        request.format = format.clone();
        request.tools = vec![tool("f")];
    };
    config("gemini-3-flash", with_tools, expected.clone(), &[]);
    config(FLASH, with_tools, Value::Null, &["response_format"]);
    let unused = |request: &mut ChatRequest| {
        with_tools(request);
        request.tool_choice = Some(ToolChoice::None);
    };
    config(FLASH, unused, expected, &[]);
}

#[test]
fn tools_and_every_form_of_tool_choice() {
    let some = |required| ToolChoice::Allowed {
        names: vec!["b".to_owned()],
        required,
    };
    let declared = json!([{"functionDeclarations": [{"name": "a"}, {"name": "b"}]}]);
    let only_b = json!([{"functionDeclarations": [{"name": "b"}]}]);
    let mode = |mode: &str| json!({"functionCallingConfig": {"mode": mode}});
    let any = json!({"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["b"]}});
    for (choice, tools, expected) in [
        (None, &declared, Value::Null),
        (Some(ToolChoice::Auto), &declared, mode("AUTO")),
        (Some(ToolChoice::None), &declared, mode("NONE")),
        (Some(ToolChoice::Required), &declared, mode("ANY")),
        (
            Some(ToolChoice::Tool("b".to_owned())),
            &declared,
            any.clone(),
        ),
        (Some(some(true)), &declared, any.clone()),
        (Some(some(false)), &only_b, mode("AUTO")),
    ] {
        let request = ChatRequest {
            tools: vec![tool("a"), tool("b")],
            tool_choice: choice,
            parallel_tool_calls: Some(true),
            ..asking("hi")
        };
        let (body, losses) = written(&request, FLASH);
        assert_eq!((&body["tools"], &body["toolConfig"]), (tools, &expected));
        assert!(losses.is_empty());
    }
    let without = ChatRequest {
        tool_choice: Some(ToolChoice::Required),
        ..asking("hi")
    };
    let (body, losses) = written(&without, FLASH);
    assert_eq!(body["toolConfig"], Value::Null);
    assert_eq!(losses, ["tool_choice"]);
}

#[test]
fn a_tool_says_what_it_does_and_takes() {
    let request = ChatRequest {
        tools: vec![Tool {
            description: Some("Looks up.".to_owned()),
            parameters: Some(json!({"properties": {"q": {"type": "string"}}})),
            strict: Some(true),
            cache: Some(CacheMark::default()),
            ..tool("find")
        }],
        parallel_tool_calls: Some(false),
        ..asking("hi")
    };
    let (body, losses) = written(&request, FLASH);
    let schema = json!({"properties": {"q": {"type": "string"}}, "type": "object"});
    assert_eq!(
        body["tools"][0]["functionDeclarations"][0],
        json!({"name": "find", "description": "Looks up.", "parametersJsonSchema": schema})
    );
    assert_eq!(
        losses,
        ["tools.strict", "parallel_tool_calls", "cache_control"]
    );
}

#[test]
fn what_gemini_has_no_place_for_is_a_loss_and_what_is_not_said_is_none() {
    let object = |value: Value| value.as_object().cloned();
    let request = ChatRequest {
        logit_bias: object(json!({"50256": -100})),
        verbosity: Some("low".to_owned()),
        user: Some("u".to_owned()),
        metadata: object(json!({"a": "b"})),
        prompt_cache_key: Some("k".to_owned()),
        service_tier: Some("scale".to_owned()),
        unknown: vec!["prediction".to_owned()],
        ..asking("hi")
    };
    let (body, losses) = written(&request, FLASH);
    assert_eq!(body, written(&asking("hi"), FLASH).0);
    assert_eq!(
        losses,
        [
            "logit_bias",
            "verbosity",
            "cache_control",
            "service_tier",
            "user",
            "metadata",
            "prediction"
        ]
    );
    let defaults = ChatRequest {
        n: Some(1),
        logit_bias: object(json!({})),
        metadata: object(json!({})),
        service_tier: Some("auto".to_owned()),
        stream: true,
        include_usage: true,
        ..asking("hi")
    };
    assert_eq!(written(&defaults, FLASH), written(&asking("hi"), FLASH));
}

#[test]
fn the_class_of_service_has_a_member() {
    for (tier, expected) in [
        ("flex", "flex"),
        ("priority", "priority"),
        ("default", "standard"),
        ("standard_only", "standard"),
    ] {
        let request = ChatRequest {
            service_tier: Some(tier.to_owned()),
            ..asking("hi")
        };
        let (body, losses) = written(&request, FLASH);
        assert_eq!(
            (body["serviceTier"].as_str(), losses.len()),
            (Some(expected), 0)
        );
    }
}

/// The part that a part becomes, and the first thing that is lost.
#[track_caller]
fn media(model: &str, part: Part, expected: &Value, lost: Option<&str>) {
    let request = conversation(vec![turn(Role::User, vec![Part::text("see"), part])]);
    let (body, losses) = written(&request, model);
    assert_eq!(body["contents"][0]["parts"][1], *expected);
    assert_eq!(losses.first().map(String::as_str), lost);
}

fn image(source: Source) -> Part {
    Part::Image {
        source,
        detail: Some("auto".to_owned()),
        cache: None,
    }
}

fn file(source: Source) -> Part {
    Part::File {
        source,
        name: Some("a.pdf".to_owned()),
        cache: None,
    }
}

fn inline(media_type: &str) -> Source {
    Source::Base64 {
        media_type: media_type.to_owned(),
        data: "aGk=".to_owned(),
    }
}

#[test]
fn bytes_go_inline() {
    let audio = |format: &str| Part::Audio {
        data: "aGk=".to_owned(),
        format: format.to_owned(),
    };
    for (part, media_type) in [
        (image(inline("image/png")), "image/png"),
        (file(inline("application/pdf")), "application/pdf"),
        (audio("wav"), "audio/wav"),
        (audio("mp3"), "audio/mp3"),
        (audio("opus"), "audio/opus"),
    ] {
        let expected = json!({"inlineData": {"mimeType": media_type, "data": "aGk="}});
        media(FLASH, part, &expected, None);
    }
    let text = file(Source::Text("plain".to_owned()));
    media(FLASH, text, &json!({"text": "a.pdf\n\nplain"}), None);
    let detailed = Part::Image {
        source: inline("image/png"),
        detail: Some("high".to_owned()),
        cache: Some(CacheMark::default()),
    };
    let request = conversation(vec![turn(Role::User, vec![detailed])]);
    assert_eq!(
        written(&request, FLASH).1,
        ["images.detail", "cache_control"]
    );
}

#[test]
fn uris_go_where_gemini_takes_them() {
    let old = "gemini-2.0-flash";
    let png = "https://x.example/a/b.PNG?w=1.5";
    let bare = "https://x.example/b";
    let stored = "gs://bucket/a";
    let url = |uri: &str| Source::Url(uri.to_owned());
    let data =
        |media_type: &str, uri: &str| json!({"fileData": {"mimeType": media_type, "fileUri": uri}});
    media(FLASH, image(url(png)), &data("image/png", png), None);
    media(FLASH, image(url(bare)), &data("image/jpeg", bare), None);
    media(FLASH, file(url(bare)), &data("application/pdf", bare), None);
    media(old, image(url(bare)), &Value::Null, Some("images"));
    media(old, file(url(bare)), &Value::Null, Some("files"));
    media(old, image(url(stored)), &data("image/jpeg", stored), None);
    let uploaded = "https://generativelanguage.googleapis.com/v1beta/files/abc";
    let untyped = json!({"fileData": {"fileUri": uploaded}});
    media(old, file(url(uploaded)), &untyped, None);
    let id = Source::FileId("file-123".to_owned());
    media(FLASH, file(id), &Value::Null, Some("files"));
}
