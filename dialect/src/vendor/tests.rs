use super::*;
use crate::loss::Field;

fn adapted(vendor: &str, body: &str) -> (String, Vec<String>) {
    let vendor = Vendor::parse(vendor).unwrap();
    let VendorEdits { splices, losses } = edits(body.as_bytes(), vendor).unwrap();
    let edited = Plan::new(splices, body.len())
        .apply(body.as_bytes())
        .unwrap();
    let names = losses.iter().map(|loss| loss.field.name().into_owned());
    (String::from_utf8(edited).unwrap(), names.collect())
}

fn check(vendor: &str, cases: &[(&str, &str, &[&str])]) {
    for (before, after, losses) in cases {
        let (edited, lost) = adapted(vendor, before);
        assert_eq!(&edited, after, "{vendor}: {before}");
        assert_eq!(&lost, losses, "{vendor}: {before}");
    }
}

/// One golden per vendor: what a request with all of it becomes. Sources: the rows of the table.
const FULL: &str = r#"{"model":"m", "messages":[{"role":"developer","content":"\"developer\""},{"role":"assistant","content":"a","reasoning_content":"t"}],"max_completion_tokens":9,"seed":7,"n":9,"stop":["a","b","c","d","e"],"temperature":1.80,"tool_choice":"required","response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{}}},"reasoning_effort":"xhigh","logprobs":true,"top_logprobs":2,"logit_bias":{"1":5},"frequency_penalty":0.5,"parallel_tool_calls":false,"user":"u","service_tier":"auto","store":false,"stream":true,"stream_options":{"include_usage":true}}"#;

/// Pieces of it that most vendors see.
const SYSTEM: &str = r#"{"model":"m", "messages":[{"role":"system","content":"\"developer\""},{"role":"assistant","content":"a""#;
const THOUGHT: &str = r#","reasoning_content":"t"}],"#;
const NO_THOUGHT: &str = r#"}],"#;
const FIVE: &str = r#""stop":["a","b","c","d","e"],"#;
const SCHEMA: &str =
    r#""response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{}}},"#;
/// What a vendor reads that knows no schemas.
const INSTRUCTION: &str = r#"{"role":"system","content":"Answer with a JSON object that follows this JSON Schema, and with nothing else:\n{}"},"#;
const MESSAGES: &str =
    r#"{"role":"system","content":"\"developer\""},{"role":"assistant","content":"a""#;
const REST: &str = r#""logprobs":true,"top_logprobs":2,"logit_bias":{"1":5},"frequency_penalty":0.5,"parallel_tool_calls":false,"user":"u","service_tier":"auto","store":false,"#;
const OPTIONS: &str = r#""stream":true,"stream_options":{"include_usage":true}}"#;

/// Vendor, what it sees, what is lost.
const GOLDENS: &[(&str, &[&str], &str)] = &[
    ("openai", &[FULL], ""),
    (
        "deepseek",
        &[
            r#"{"model":"m", "messages":["#,
            INSTRUCTION,
            MESSAGES,
            THOUGHT,
            r#""max_tokens":9,"n":1,"#,
            FIVE,
            r#""temperature":1.80,"tool_choice":"required","response_format":{"type":"json_object"},"reasoning_effort":"xhigh","logprobs":true,"top_logprobs":2,"frequency_penalty":0.5,"user":"u","service_tier":"auto","store":false,"#,
            OPTIONS,
        ],
        "parallel_tool_calls response_format seed logit_bias n",
    ),
    (
        "qwen",
        &[
            SYSTEM,
            THOUGHT,
            r#""max_tokens":9,"seed":7,"n":4,"#,
            FIVE,
            r#""temperature":1.80,"tool_choice":"required","#,
            SCHEMA,
            r#""enable_thinking":true,"thinking_budget":32768,"#,
            REST,
            OPTIONS,
        ],
        "n",
    ),
    (
        "glm",
        &[
            r#"{"model":"m", "messages":["#,
            INSTRUCTION,
            MESSAGES,
            THOUGHT,
            r#""max_tokens":9,"seed":7,"n":1,"stop":["a"],"temperature":1.0,"response_format":{"type":"json_object"},"reasoning_effort":"xhigh","service_tier":"auto","store":false,"#,
            OPTIONS,
        ],
        "tool_choice parallel_tool_calls response_format temperature stop frequency_penalty logit_bias logprobs n user",
    ),
    (
        "kimi",
        &[
            SYSTEM,
            THOUGHT,
            r#""max_completion_tokens":9,"seed":7,"n":5,"#,
            FIVE,
            r#""temperature":1.0,"#,
            SCHEMA,
            r#""thinking":{"type":"enabled"},"#,
            REST,
            OPTIONS,
        ],
        "tool_choice temperature n reasoning",
    ),
    (
        "doubao",
        &[
            SYSTEM,
            THOUGHT,
            r#""max_completion_tokens":9,"seed":7,"n":9,"stop":["a","b","c","d"],"temperature":1.80,"tool_choice":"required","#,
            SCHEMA,
            r#""reasoning_effort":"high","#,
            REST,
            OPTIONS,
        ],
        "stop reasoning",
    ),
    (
        "minimax",
        &[
            r#"{"reasoning_split":true,"model":"m", "messages":[{"role":"system","content":"\"developer\""},{"role":"assistant","content":"a""#,
            THOUGHT,
            r#""max_completion_tokens":9,"seed":7,"n":1,"#,
            FIVE,
            r#""temperature":1.0,"tool_choice":"required","#,
            SCHEMA,
            r#""logprobs":true,"top_logprobs":2,"parallel_tool_calls":false,"user":"u","service_tier":"auto","store":false,"#,
            OPTIONS,
        ],
        "temperature frequency_penalty logit_bias n reasoning",
    ),
    (
        "mistral",
        &[
            SYSTEM,
            NO_THOUGHT,
            r#""max_tokens":9,"random_seed":7,"n":9,"#,
            FIVE,
            r#""temperature":1.5,"tool_choice":"any","#,
            SCHEMA,
            r#""reasoning_effort":"xhigh","logprobs":true,"top_logprobs":2,"frequency_penalty":0.5,"parallel_tool_calls":false,"stream":true}"#,
        ],
        "temperature logit_bias reasoning_history user",
    ),
    (
        "groq",
        &[
            r#"{"model":"m", "messages":[{"role":"developer","content":"\"developer\""},{"role":"assistant","content":"a""#,
            NO_THOUGHT,
            r#""max_completion_tokens":9,"seed":7,"n":1,"stop":["a","b","c","d"],"temperature":1.80,"tool_choice":"required","#,
            SCHEMA,
            r#""reasoning_effort":"high","parallel_tool_calls":false,"user":"u","service_tier":"auto","store":false,"#,
            OPTIONS,
        ],
        "stop frequency_penalty logit_bias logprobs n reasoning reasoning_history",
    ),
    (
        "cohere",
        &[
            SYSTEM,
            THOUGHT,
            r#""max_tokens":9,"seed":7,"#,
            FIVE,
            r#""temperature":1.80,"#,
            SCHEMA,
            r#""reasoning_effort":"high","frequency_penalty":0.5,"user":"u","#,
            OPTIONS,
        ],
        "tool_choice parallel_tool_calls logit_bias logprobs n reasoning",
    ),
    (
        "vllm",
        &[
            SYSTEM,
            THOUGHT,
            r#""max_completion_tokens":9,"seed":7,"n":9,"#,
            FIVE,
            r#""temperature":1.80,"tool_choice":"required","#,
            SCHEMA,
            r#""reasoning_effort":"xhigh","#,
            REST,
            OPTIONS,
        ],
        "",
    ),
    (
        "ollama",
        &[
            SYSTEM,
            THOUGHT,
            r#""max_tokens":9,"seed":7,"n":1,"#,
            FIVE,
            r#""temperature":1.80,"tool_choice":"required","#,
            SCHEMA,
            r#""reasoning_effort":"xhigh","logprobs":true,"top_logprobs":2,"frequency_penalty":0.5,"user":"u","service_tier":"auto","store":false,"#,
            OPTIONS,
        ],
        "parallel_tool_calls logit_bias n",
    ),
    (
        "llama-cpp",
        &[
            SYSTEM,
            THOUGHT,
            r#""max_tokens":9,"seed":7,"n":9,"#,
            FIVE,
            r#""temperature":1.80,"tool_choice":"required","#,
            SCHEMA,
            r#""chat_template_kwargs":{"reasoning_effort":"xhigh"},"#,
            REST,
            OPTIONS,
        ],
        "",
    ),
];

#[test]
fn every_vendor_gets_what_it_takes() {
    let vendors: Vec<_> = GOLDENS.iter().map(|(vendor, ..)| *vendor).collect();
    assert_eq!(vendors, Vendor::all().map(Vendor::name).collect::<Vec<_>>());
    for (vendor, after, losses) in GOLDENS {
        let (edited, mut lost) = adapted(vendor, FULL);
        assert_eq!(edited, after.concat(), "{vendor}");
        let mut expected: Vec<&str> = losses.split_whitespace().collect();
        expected.sort_unstable();
        lost.sort_unstable();
        assert_eq!(lost, expected, "{vendor}");
    }
}

#[test]
fn every_row_is_whole() {
    assert_eq!(Vendor::parse("opnai"), None);
    let wanted = |name: &&str| member::WANTED.iter().any(|wanted| wanted.name == *name);
    for vendor in Vendor::all() {
        assert_eq!(Vendor::parse(vendor.name()), Some(vendor));
        let quirks = vendor.quirks();
        let named = quirks.unsupported.iter().copied();
        let named = named.chain(quirks.renamed.iter().flat_map(|(name, own)| [*name, *own]));
        let named = named.chain(quirks.added.iter().map(|(name, _)| *name));
        let missing: Vec<_> = named.filter(|name| !wanted(name)).collect();
        assert!(missing.is_empty(), "{}: {missing:?}", vendor.name());
        for name in quirks.unsupported_in_messages {
            assert!(messages::WANTED.iter().any(|wanted| wanted.name == *name));
        }
        let back = quirks.reasoning_back == ReasoningBack::LeftOut;
        assert!(back || quirks.reasoning_text == ReasoningText::ReasoningContent);
        for name in quirks.unsupported {
            assert!(!matches!(member::field(name), Field::Unknown(other) if other.is_empty()));
        }
        let base = quirks.base_url.unwrap_or("https://");
        assert!(base.starts_with("https://") && !base.ends_with('/') || quirks.base_url.is_none());
        let (least, most) = quirks.temperature;
        assert!(least < most);
    }
}

#[test]
fn what_says_nothing_is_no_loss() {
    check(
        "glm",
        &[
            (
                r#"{"model":"m","logprobs":false,"n":1,"parallel_tool_calls":true,"frequency_penalty":0.0,"logit_bias":{ },"user":null}"#,
                r#"{"model":"m","n":1}"#,
                &[],
            ),
            (
                r#"{"tool_choice":"auto","temperature":null,"stop":null,"response_format":{"type":"text"}}"#,
                r#"{"tool_choice":"auto","temperature":null,"stop":null,"response_format":{"type":"text"}}"#,
                &[],
            ),
        ],
    );
}

#[test]
fn members_go_with_their_commas() {
    check(
        "groq",
        &[
            (r#"{"logprobs":false}"#, "{}", &[]),
            (r#"{ "logprobs" : false , "a":1}"#, r#"{  "a":1}"#, &[]),
            (r#"{"a":1 , "logprobs":false }"#, r#"{"a":1  }"#, &[]),
            (
                r#"{"a":1, "logprobs":false, "top_logprobs":null }"#,
                r#"{"a":1 }"#,
                &[],
            ),
            (r#"{"logprobs":false,"top_logprobs":0}"#, "{}", &[]),
            (
                r#"{"messages":[{"reasoning_content":null},{"reasoning_content":"x","reasoning_details":[{}],"role":"user"},{"a":1,"reasoning_content":""}]}"#,
                r#"{"messages":[{},{"role":"user"},{"a":1}]}"#,
                &["reasoning_history"],
            ),
        ],
    );
    check(
        "minimax",
        &[
            ("{}", r#"{"reasoning_split":true}"#, &[]),
            (r#"{"functions":[]}"#, r#"{"reasoning_split":true}"#, &[]),
            (
                r#" { "functions":[] } "#,
                r#" {"reasoning_split":true } "#,
                &[],
            ),
            (
                r#"{"functions":[],"a":1}"#,
                r#"{"reasoning_split":true,"a":1}"#,
                &[],
            ),
            (
                r#"{"reasoning_split":false}"#,
                r#"{"reasoning_split":false}"#,
                &[],
            ),
        ],
    );
}

#[test]
fn the_newer_bound_wins() {
    check(
        "mistral",
        &[
            (
                r#"{"max_tokens":1,"max_completion_tokens":2}"#,
                r#"{"max_tokens":2}"#,
                &[],
            ),
            (
                r#"{"max_completion_tokens":null,"max_tokens":1}"#,
                r#"{"max_tokens":1}"#,
                &[],
            ),
            (
                r#"{"max_completion_tokens":2,"max_tokens":null}"#,
                r#"{"max_tokens":2}"#,
                &[],
            ),
            (
                r#"{"max_\u0063ompletion_tokens":2}"#,
                r#"{"max_tokens":2}"#,
                &[],
            ),
        ],
    );
    check(
        "doubao",
        &[(
            r#"{"max_tokens":1,"max_completion_tokens":2}"#,
            r#"{"max_completion_tokens":2}"#,
            &[],
        )],
    );
}

#[test]
fn tool_choice_becomes_the_nearest_that_is_known() {
    let named = r#"{"tool_choice":{"type":"function","function":{"name":"f"}}}"#;
    let allowed = |mode: &str| {
        format!(
            r#"{{"tool_choice":{{"type":"allowed_tools","allowed_tools":{{"mode":"{mode}","tools":[]}}}}}}"#
        )
    };
    for (vendor, before, after, lost) in [
        ("kimi", named.to_owned(), "{}", true),
        ("mistral", named.to_owned(), named, false),
        (
            "mistral",
            allowed("required"),
            r#"{"tool_choice":"any"}"#,
            true,
        ),
        ("groq", allowed("auto"), "{}", true),
        (
            "kimi",
            r#"{"tool_choice":"none"}"#.to_owned(),
            r#"{"tool_choice":"none"}"#,
            false,
        ),
        ("glm", r#"{"tool_choice":"none"}"#.to_owned(), "{}", true),
        (
            "glm",
            r#"{"tool_choice":7}"#.to_owned(),
            r#"{"tool_choice":7}"#,
            false,
        ),
    ] {
        let (edited, losses) = adapted(vendor, &before);
        assert_eq!(edited, after, "{vendor}: {before}");
        assert_eq!(losses, if lost { vec!["tool_choice"] } else { vec![] });
    }
}

#[test]
fn effort_is_said_in_the_vendors_words() {
    let effort = |word: &str| format!(r#"{{"reasoning_effort":"{word}"}}"#);
    for (vendor, word, after, lost) in [
        (
            "deepseek",
            "none",
            r#"{"thinking":{"type":"disabled"}}"#,
            false,
        ),
        ("deepseek", "low", r#"{"reasoning_effort":"low"}"#, false),
        ("kimi", "none", r#"{"thinking":{"type":"disabled"}}"#, false),
        ("qwen", "none", r#"{"enable_thinking":false}"#, false),
        (
            "qwen",
            "low",
            r#"{"enable_thinking":true,"thinking_budget":2048}"#,
            false,
        ),
        ("doubao", "none", r#"{"reasoning_effort":"minimal"}"#, true),
        ("groq", "minimal", r#"{"reasoning_effort":"low"}"#, true),
        (
            "groq",
            "default",
            r#"{"reasoning_effort":"default"}"#,
            false,
        ),
        (
            "llama-cpp",
            "none",
            r#"{"chat_template_kwargs":{"enable_thinking":false}}"#,
            false,
        ),
        ("minimax", "low", r#"{"reasoning_split":true}"#, true),
        ("mistral", "max", r#"{"reasoning_effort":"max"}"#, false),
    ] {
        let (edited, losses) = adapted(vendor, &effort(word));
        assert_eq!(edited, after, "{vendor}: {word}");
        assert_eq!(
            losses,
            if lost { vec!["reasoning"] } else { vec![] },
            "{vendor}"
        );
    }
    // The client's own words count.
    check(
        "qwen",
        &[(
            r#"{"thinking_budget":5,"reasoning_effort":"high"}"#,
            r#"{"thinking_budget":5}"#,
            &[],
        )],
    );
}

fn conversation(messages: &str) -> String {
    format!(r#"{{"messages":[{messages}]}}"#)
}

/// Checks what becomes of messages.
fn check_messages(vendor: &str, cases: &[(&str, &str, &[&str])]) {
    for (before, after, losses) in cases {
        let (edited, lost) = adapted(vendor, &conversation(before));
        assert_eq!(edited, conversation(after), "{vendor}: {before}");
        assert_eq!(&lost, losses, "{vendor}: {before}");
    }
}

#[test]
fn mistral_gets_ids_of_nine_and_an_assistant_between_tool_and_user() {
    check_messages(
        "mistral",
        &[
            (
                r#"{"role":"assistant","content":null,"tool_calls":[{"id":"call_0_0","type":"function","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"s"}}}]}, {"role":"tool","tool_call_id":"call_0_0","name":"f","content":"r"}, {"role":"user","content":"q"}"#,
                r#"{"role":"assistant","content":null,"tool_calls":[{"id":"kfKPBiDBT","type":"function","function":{"name":"f","arguments":"{}"}}]}, {"role":"tool","tool_call_id":"kfKPBiDBT","name":"f","content":"r"}, {"role":"assistant","content":"OK."},{"role":"user","content":"q"}"#,
                &["reasoning_history"],
            ),
            (
                r#"{"role":"assistant","tool_calls":[ {"id":"abcDEF123"} ]},{"role":"tool","tool_call_id":"abcDEF123","content":""},{"role":"assistant","content":"a"},{"role":"user","content":"q"}"#,
                r#"{"role":"assistant","tool_calls":[ {"id":"abcDEF123"} ]},{"role":"tool","tool_call_id":"abcDEF123","content":""},{"role":"assistant","content":"a"},{"role":"user","content":"q"}"#,
                &[],
            ),
        ],
    );
}

#[test]
fn mistral_is_spared_members_that_it_refuses() {
    check_messages(
        "mistral",
        &[
            (
                r#"{"role":"user","name":"Ann","content":[{"type":"text","text":"q","cache_control":{"type":"ephemeral"}}],"cache_control":null}"#,
                r#"{"role":"user","content":[{"type":"text","text":"q"}]}"#,
                &["messages.name", "cache_control"],
            ),
            (
                r#"{"role":"assistant","content":"a","refusal":null,"annotations":[],"audio":null,"function_call":null}"#,
                r#"{"role":"assistant","content":"a"}"#,
                &[],
            ),
            (
                r#"{"role":"assistant","content":null,"refusal":"no"}"#,
                r#"{"role":"assistant","content":"no"}"#,
                &[],
            ),
            (
                r#"{"refusal" : "no","role":"assistant"}"#,
                r#"{"content":"no","role":"assistant"}"#,
                &[],
            ),
            (
                r#"{"role":"assistant","content":"a","refusal":"no"}"#,
                r#"{"role":"assistant","content":"a"}"#,
                &["messages"],
            ),
        ],
    );
}

#[test]
fn what_was_thought_before_a_call_is_said_where_it_must_be() {
    for vendor in ["deepseek", "kimi"] {
        check_messages(
            vendor,
            &[
                (
                    r#"{"role":"assistant","tool_calls":[{"id":"i"}]},{"role":"assistant","content":"a"}"#,
                    r#"{"reasoning_content":"","role":"assistant","tool_calls":[{"id":"i"}]},{"role":"assistant","content":"a"}"#,
                    &[],
                ),
                (
                    r#"{"role":"assistant","tool_calls":[{"id":"i"}],"reasoning_content":null}"#,
                    r#"{"role":"assistant","tool_calls":[{"id":"i"}],"reasoning_content":""}"#,
                    &[],
                ),
                (
                    r#"{"role":"assistant","tool_calls":[{"id":"i"}],"reasoning_content":"t"}"#,
                    r#"{"role":"assistant","tool_calls":[{"id":"i"}],"reasoning_content":"t"}"#,
                    &[],
                ),
            ],
        );
    }
}

#[test]
fn a_schema_becomes_an_instruction() {
    let format = r#""response_format":{"type":"json_schema","json_schema":{"name":"n","description":"Of a \"land\".","schema":{"type":"object"}}}"#;
    let instruction = r#"{"role":"system","content":"Answer with a JSON object that follows this JSON Schema, and with nothing else:\n{\"type\":\"object\"}\nOf a \"land\"."}"#;
    let object = r#""response_format":{"type":"json_object"}"#;
    let user = r#"{"role":"user","content":"q"}"#;
    check(
        "deepseek",
        &[
            (
                &format!(r#"{{"messages": [ {user}],{format}}}"#),
                &format!(r#"{{"messages": [{instruction}, {user}],{object}}}"#),
                &["response_format"],
            ),
            (
                &format!(r#"{{{format},"messages":[ ]}}"#),
                &format!(r#"{{{object},"messages":[{instruction} ]}}"#),
                &["response_format"],
            ),
            (
                &format!(r#"{{{format},"messages":"?"}}"#),
                r#"{"messages":"?"}"#,
                &["response_format"],
            ),
        ],
    );
}

#[test]
fn what_others_thought_is_kept_from_openai_itself() {
    use crate::openai_chat::FOREIGN_HISTORY;
    use ark_wire::markers::MarkerScan;
    for (before, after, lost) in [
        (
            r#"{"x":1, "messages":[{"role":"assistant","content":"a","reasoning_content":"t","reasoning_details":[{}]}]}"#,
            r#"{"x":1, "messages":[{"role":"assistant","content":"a"}]}"#,
            true,
        ),
        (
            r#"{"messages":[{"role":"assistant","reasoning_content":null,"tool_calls":[{"id":"i","extra_content":{"google":{}}}]}]}"#,
            r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"i"}]}]}"#,
            true,
        ),
        (
            r#"{"messages":[{"role":"assistant","content":"a","reasoning_content":""}]}"#,
            r#"{"messages":[{"role":"assistant","content":"a"}]}"#,
            false,
        ),
    ] {
        let mut scan = MarkerScan::new(&FOREIGN_HISTORY);
        scan.push(before.as_bytes());
        assert!(scan.found(), "{before}");
        let VendorEdits { splices, losses } = foreign_history(before.as_bytes()).unwrap();
        let edited = Plan::new(splices, before.len()).apply(before.as_bytes());
        assert_eq!(String::from_utf8(edited.unwrap()).unwrap(), after);
        assert_eq!(!losses.is_empty(), lost, "{before}");
    }
}

#[test]
fn functions_in_old_words_are_found_where_they_are_not_known() {
    use crate::openai_chat::LEGACY_FUNCTIONS;
    use ark_wire::markers::MarkerScan;
    for (body, found) in [
        (r#"{"functions": [{"name":"f"}]}"#, true),
        (r#"{"messages":[{"role":"function","name":"f"}]}"#, true),
        (r#"{"messages":[{"function_call":{"name":"f"}}]}"#, true),
        (r#"{"messages":[{"function_call":null}]}"#, false),
        (r#"{"tools":[{"type":"function"}]}"#, false),
        (r#"{"content":"\"functions\":[]"}"#, false),
    ] {
        let mut scan = MarkerScan::new(&LEGACY_FUNCTIONS);
        scan.push(body.as_bytes());
        assert_eq!(scan.found(), found, "{body}");
    }
    let without = Vendor::all().filter(|vendor| !vendor.takes_functions());
    let without: Vec<_> = without.map(Vendor::name).collect();
    assert_eq!(without, ["glm", "kimi", "minimax", "mistral", "cohere"]);
}

#[test]
fn a_request_is_written_for_a_vendor_with_what_was_thought() {
    use crate::chat::{Part, Role, Turn};
    let parts = vec![
        Part::Reasoning {
            text: "t".to_owned(),
            signature: None,
        },
        Part::text("a"),
    ];
    let request = ChatRequest {
        turns: vec![Turn {
            role: Role::Assistant,
            parts,
            name: None,
        }],
        ..ChatRequest::default()
    };
    let target = TargetFacts {
        model: "m",
        default_max_tokens: 1,
        account: "",
    };
    for vendor in Vendor::all() {
        let written = write_request(&request, &target, vendor);
        let back = vendor.quirks().reasoning_back != ReasoningBack::LeftOut;
        let body = String::from_utf8(written.body).unwrap();
        assert_eq!(body.contains(r#""reasoning_content":"t""#), back, "{body}");
        assert_eq!(written.losses.is_empty(), back, "{}", vendor.name());
    }
}

#[test]
fn a_member_that_is_there_twice_is_refused() {
    let groq = Vendor::parse("groq").unwrap();
    for (body, name) in [
        (r#"{"seed":1,"seed":2}"#, "seed"),
        (
            r#"{"messages":[{"reasoning_content":"a","reasoning_content":"b"}]}"#,
            "reasoning_content",
        ),
    ] {
        assert_eq!(
            edits(body.as_bytes(), groq),
            Err(ScanError::Duplicate { name })
        );
    }
    assert_eq!(edits(b"[]", groq), Err(ScanError::NotAnObject));
}

#[test]
fn what_was_written_is_adapted_and_losses_add_up() {
    let loss = |field: Field| Loss {
        severity: field.severity(),
        field,
    };
    let written = Written {
        body: br#"{"model":"m","n":3,"user":"u"}"#.to_vec(),
        losses: vec![loss(Field::Audio), loss(Field::User)],
    };
    let adapted = adapt(written, Vendor::parse("glm").unwrap());
    assert_eq!(adapted.body, br#"{"model":"m","n":1}"#);
    assert_eq!(
        adapted.losses,
        [loss(Field::Audio), loss(Field::N), loss(Field::User)]
    );
}
