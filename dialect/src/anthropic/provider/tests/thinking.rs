use super::*;

/// Writes a request with `max_tokens` or none and says what became of it.
fn check(model: &str, reasoning: Reasoning, max_tokens: Option<u64>, expected: &str, lost: bool) {
    let request = ChatRequest {
        reasoning: Some(reasoning),
        max_tokens,
        ..ask()
    };
    let (body, losses) = write(&request, model);
    let mut written = serde_json::Map::new();
    for name in ["max_tokens", "thinking", "output_config"] {
        if let Some(value) = body.get(name) {
            written.insert(name.to_owned(), value.clone());
        }
    }
    let said = Value::Object(written).to_string();
    assert_eq!(said, expected, "{model} {:?}", request.reasoning);
    let expected = if lost { vec![Field::Reasoning] } else { vec![] };
    assert_eq!(losses, expected, "{model} {:?}", request.reasoning);
}

fn adaptive() -> Reasoning {
    Reasoning {
        adaptive: true,
        summary: Some(true),
        ..Reasoning::default()
    }
}

fn enabled(max_tokens: u64, budget: u64) -> String {
    format!(
        r#"{{"max_tokens":{max_tokens},"thinking":{{"type":"enabled","budget_tokens":{budget}}}}}"#
    )
}

#[test]
fn an_effort_becomes_a_budget_where_a_model_knows_only_that() {
    let half = enabled(32_000, 16_000);
    check(OLD, effort(Effort::High), Some(32_000), &half, false);
    let least = enabled(1100, 1024);
    check(OLD, effort(Effort::Low), Some(1100), &least, false);
    let unbound = enabled(3048, 2048);
    check(OLD, effort(Effort::Low), None, &unbound, false);
    let medium = enabled(32_000, 8192);
    check(OLD, adaptive(), Some(32_000), &medium, false);
    let none = r#"{"max_tokens":1024}"#;
    check(OLD, effort(Effort::Low), Some(1024), none, true);
}

#[test]
fn a_budget_stays_below_the_bound() {
    check(OLD, budget(2048), Some(2049), &enabled(2049, 2048), false);
    check(OLD, budget(5000), Some(4000), &enabled(4000, 2000), true);
    check(OLD, budget(5000), None, &enabled(6000, 5000), false);
    check(OLD, budget(100), Some(4000), &enabled(4000, 1024), true);
    let fits = enabled(4000, 2048);
    check("claude-opus-4-6", budget(2048), Some(4000), &fits, false);
}

#[test]
fn the_default_and_the_budget_stay_below_what_a_model_allows() {
    let bounded = enabled(32_000, 31_000);
    let opus = "claude-opus-4-1-20250805";
    check(opus, effort(Effort::Max), None, &bounded, false);
    check(opus, budget(31_001), None, &bounded, true);
    let all = enabled(33_768, 32_768);
    check(OLD, effort(Effort::Max), None, &all, false);
}

#[test]
fn models_before_3_7_do_not_think() {
    let plain = r#"{"max_tokens":1000}"#;
    let first = "claude-3-5-sonnet-20241022";
    check(first, effort(Effort::High), None, plain, true);
    check(first, budget(2048), None, plain, true);
    check(first, effort(Effort::None), None, plain, false);
}

#[test]
fn later_models_think_adaptively() {
    let with = |effort: &str| {
        format!(
            r#"{{"max_tokens":9,"thinking":{{"type":"adaptive"}},"output_config":{{"effort":"{effort}"}}}}"#
        )
    };
    let nine = Some(9);
    let high = with("high");
    check("claude-opus-4-6", effort(Effort::High), nine, &high, false);
    check(NEW, effort(Effort::Minimal), nine, &with("low"), false);
    check(NEW, effort(Effort::XHigh), nine, &with("xhigh"), false);
    check(NEW, effort(Effort::Max), nine, &with("max"), false);
    let six = "claude-opus-4-6";
    check(six, effort(Effort::XHigh), nine, &with("high"), true);
    check(six, effort(Effort::Max), nine, &with("max"), false);
    check(NEW, budget(2048), nine, &with("low"), true);
    let shown = r#"{"max_tokens":9,"thinking":{"type":"adaptive","display":"summarized"}}"#;
    check(NEW, adaptive(), nine, shown, false);
    let only_shown = Reasoning {
        summary: Some(true),
        ..Reasoning::default()
    };
    check(NEW, only_shown, nine, shown, false);
}

#[test]
fn thinking_is_turned_off_where_it_can_be() {
    let off = r#"{"max_tokens":9,"thinking":{"type":"disabled"}}"#;
    check(OLD, budget(0), Some(9), off, false);
    check(NEW, effort(Effort::None), Some(9), off, false);
    let low = r#"{"max_tokens":9,"output_config":{"effort":"low"}}"#;
    check("claude-opus-5-5", effort(Effort::None), Some(9), low, true);
}

#[test]
fn thinking_gives_way_to_tools() {
    let forced = |reasoning| ChatRequest {
        tools: vec![tool()],
        tool_choice: Some(ToolChoice::Required),
        reasoning: Some(reasoning),
        ..ask()
    };
    let thinking = |request: &ChatRequest, model| member(request, model, "thinking");
    let lost = (Value::Null, vec![Field::Reasoning]);
    assert_eq!(thinking(&forced(budget(2048)), OLD), lost);
    assert_eq!(
        thinking(&forced(effort(Effort::High)), "claude-opus-4-8"),
        lost
    );
    let unbound = ChatRequest {
        max_tokens: None,
        ..forced(budget(2048))
    };
    assert_eq!(write(&unbound, OLD).0["max_tokens"], 1000);
    // It thinks anyway, as much as its effort says.
    let (body, losses) = write(&forced(effort(Effort::High)), NEW);
    assert_eq!(
        (&body["thinking"], &body["output_config"]),
        (&Value::Null, &json!({"effort":"high"}))
    );
    assert_eq!(losses, []);
    // Another provider has begun with the tools.
    let under_way = |first: Part| ChatRequest {
        turns: vec![
            user("a"),
            turn(Role::Assistant, vec![first, call("c", "")]),
            turn(Role::User, vec![result("c", vec![])]),
        ],
        tools: vec![tool()],
        reasoning: Some(budget(2048)),
        ..ask()
    };
    let signed = Part::Reasoning {
        text: "r".to_owned(),
        signature: Some(Signature {
            maker: Maker::Anthropic,
            data: "s".to_owned(),
        }),
    };
    assert_eq!(thinking(&under_way(Part::text("t")), OLD), lost);
    let (enabled, losses) = thinking(&under_way(signed), OLD);
    assert_eq!(
        (enabled["budget_tokens"].as_u64(), losses),
        (Some(2048), vec![])
    );
    let (adaptive, _) = thinking(&under_way(Part::text("t")), NEW);
    assert_eq!(adaptive, json!({"type":"adaptive"}));
}
