//! Properties of the Responses dialect.

use std::rc::Rc;

use ark_dialect::chat::{AnswerContext, ChatAnswer, Choice, Event, Finish, Maker, Part, Signature};
use ark_dialect::provider_error::{ErrorClass, ProviderError};
use ark_dialect::responses::{StreamMeter, StreamWriter, read_request, store_edit, write_answer};
use ark_dialect::rewrite::Plan;
use ark_dialect::usage::Usage;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// Members of requests, and members that are wrong.
const MEMBERS: &[&str] = &[
    r#""model":"m""#,
    r#""model":5"#,
    r#""input":"hi""#,
    r#""input":[{"role":"user","content":[{"type":"input_text","text":"é"},{"type":"input_image","image_url":"data:,x"},{"type":"input_file","file_data":"QQ=="},{"type":"nothing"}]}]"#,
    r#""input":[{"type":"reasoning","summary":[],"encrypted_content":"ark1.google.x"},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"o"}]"#,
    r#""input":[{"type":"item_reference","id":"x"}]"#,
    r#""input":[1,null,"x",{"type":7},{"content":null,"role":"user"}]"#,
    r#""instructions":"i""#,
    r#""tools":[{"type":"function","name":"f","parameters":{}},{"type":"mcp"}]"#,
    r#""tools":{"a":1}"#,
    r#""tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"f"}]}"#,
    r#""text":{"format":{"type":"json_schema","name":"n","schema":{}},"verbosity":"low"}"#,
    r#""reasoning":{"effort":"high","summary":"auto"}"#,
    r#""max_output_tokens":1e400"#,
    r#""max_output_tokens":18446744073709551616"#,
    r#""temperature":-0.0"#,
    r#""metadata":{"a":"b"}"#,
    r#""include":["x",5]"#,
    r#""store":true"#,
    r#""st\u006fre" : null"#,
    r#""previous_response_id":null"#,
    r#""background":false"#,
    r#""stream":true"#,
    r#""x":{"store":[1,{}]}"#,
];

fn request() -> impl Strategy<Value = String> {
    vec(select(MEMBERS), 0..7).prop_map(|members| format!("{{ {} }}", members.join(" ,\n")))
}

fn context(request: &str) -> AnswerContext {
    AnswerContext {
        model: "m".to_owned(),
        id: "r".to_owned(),
        created: 7,
        request: Rc::new(read_request(request.as_bytes()).unwrap()),
        encoding: Default::default(),
        account: String::new(),
    }
}

const REQUESTS: &[&str] = &[
    r#"{"model":"m","input":""}"#,
    r#"{"model":"m","input":"","reasoning":{"summary":"auto"},"tools":[{"type":"function","name":"f"}]}"#,
];

fn words() -> impl Strategy<Value = String> {
    select(&["", "a", "é\"\\\n", "}", "\u{2028}", "long text"][..]).prop_map(str::to_owned)
}

fn signature() -> impl Strategy<Value = Signature> {
    let makers = [
        Maker::Anthropic,
        Maker::Google,
        Maker::Openai,
        Maker::Bedrock,
    ];
    (select(makers.to_vec()), words()).prop_map(|(maker, data)| Signature { maker, data })
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        words().prop_map(Part::text),
        words().prop_map(|text| Part::Refusal { text }),
        (words(), prop::option::of(signature()))
            .prop_map(|(text, signature)| Part::Reasoning { text, signature }),
        signature().prop_map(|signature| Part::RedactedReasoning { signature }),
        (words(), words(), prop::option::of(signature())).prop_map(|(id, arguments, signature)| {
            Part::ToolCall {
                id,
                name: "f".to_owned(),
                arguments,
                cache: None,
                signature,
            }
        }),
    ]
}

fn finish() -> impl Strategy<Value = Finish> {
    select(vec![
        Finish::Stop,
        Finish::Length,
        Finish::ToolCalls,
        Finish::ContentFilter,
        Finish::Refusal,
        Finish::Pause,
    ])
}

/// A text cut in two.
fn halves(text: &str) -> [String; 2] {
    let (a, b) = text.split_at(text.floor_char_boundary(text.len() / 2));
    [a.to_owned(), b.to_owned()]
}

/// The events that say the same as a part, its text cut in two; `call` numbers the calls.
fn part_events(part: &Part, call: u32) -> Vec<Event<'_>> {
    let choice = 0;
    match part {
        Part::Text { text, .. } => halves(text)
            .map(|text| Event::Text {
                choice,
                text: text.into(),
            })
            .to_vec(),
        Part::Refusal { text } => halves(text)
            .map(|text| Event::Refusal {
                choice,
                text: text.into(),
            })
            .to_vec(),
        Part::Reasoning { text, signature } => {
            let texts = halves(text).map(|text| Event::Reasoning {
                choice,
                text: text.into(),
            });
            let sign = |signature| Event::ReasoningSignature { choice, signature };
            let mut events = texts.to_vec();
            events.extend(signature.clone().map(sign));
            events
        }
        Part::RedactedReasoning { signature } => vec![Event::RedactedReasoning {
            choice,
            signature: signature.clone(),
        }],
        Part::ToolCall {
            id,
            name,
            arguments,
            signature,
            ..
        } => {
            let mut events = vec![Event::ToolCall {
                choice,
                call,
                id: id.into(),
                name: name.into(),
                signature: signature.clone(),
            }];
            events.extend(halves(arguments).map(|json| Event::ToolArguments {
                choice,
                call,
                json: json.into(),
            }));
            events
        }
        Part::Image { .. }
        | Part::File { .. }
        | Part::Audio { .. }
        | Part::ToolResult { .. }
        | Part::Foreign { .. } => Vec::new(),
    }
}

/// The events that say the same as an answer.
fn events(answer: &ChatAnswer) -> Vec<Event<'_>> {
    let mut events = vec![Event::Start {
        id: answer.id.as_deref().map(Into::into),
        model: None,
        created: None,
    }];
    for (call, part) in (0..).zip(&answer.choices[0].parts) {
        events.extend(part_events(part, call));
    }
    events.push(Event::Finish {
        choice: 0,
        finish: answer.choices[0].finish.clone(),
    });
    events.extend(answer.usage.map(Event::Usage));
    events.push(Event::End);
    events
}

fn written(request: &str, events: &[Event<'_>]) -> Vec<u8> {
    let mut writer = StreamWriter::new(context(request));
    let mut out = Vec::new();
    events
        .iter()
        .for_each(|event| writer.write(event, &mut out));
    out
}

/// The data of the events.
fn data(stream: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(stream).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("data: "));
    lines
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

fn any_event() -> impl Strategy<Value = Event<'static>> {
    let choice = select(&[0, 0, 0, 1][..]);
    (0..12_u8, choice, 0..3_u32, words(), signature()).prop_map(
        |(kind, choice, call, text, signature)| match kind {
            0 => Event::Start {
                id: Some(text.into()),
                model: None,
                created: None,
            },
            1 | 2 => Event::Text {
                choice,
                text: text.into(),
            },
            3 => Event::Reasoning {
                choice,
                text: text.into(),
            },
            4 => Event::ReasoningSignature { choice, signature },
            5 => Event::RedactedReasoning { choice, signature },
            6 => Event::Refusal {
                choice,
                text: text.into(),
            },
            7 => Event::ToolCall {
                choice,
                call,
                id: text.into(),
                name: "f".into(),
                signature: Some(signature),
            },
            8 => Event::ToolArguments {
                choice,
                call,
                json: text.into(),
            },
            9 => Event::Logprobs {
                choice,
                logprobs: json!({"content": [{"token": text}, 5, {"top_logprobs": [null]}]}),
            },
            10 => Event::Finish {
                choice,
                finish: Finish::Stop,
            },
            _ => Event::Ping,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_request_is_read_or_refused_by_name(body in request()) {
        match read_request(body.as_bytes()) {
            Ok(request) => assert!(request.unknown.is_sorted()),
            Err(bad) => assert!(!bad.problem.is_empty()),
        }
    }

    #[test]
    fn any_bytes_are_read(body in vec(any::<u8>(), 0..100)) {
        let _ = read_request(&body);
        let _ = store_edit(&body);
    }

    #[test]
    fn nothing_else_than_store_is_edited(body in request()) {
        if let Ok(splice) = store_edit(body.as_bytes()) {
            let plan = Plan::new(splice.into_iter().collect(), body.len());
            let edited = plan.apply(body.as_bytes()).unwrap();
            if let Ok(mut expected) = serde_json::from_str::<Value>(&body) {
                expected["store"] = json!(false);
                assert_eq!(serde_json::from_slice::<Value>(&edited).unwrap(), expected);
            }
            assert_eq!(store_edit(&edited), Ok(None));
        }
    }

    #[test]
    fn a_stream_and_the_whole_agree(
        parts in vec(part(), 0..7),
        finish in finish(),
        used in any::<bool>(),
        request in select(REQUESTS),
    ) {
        let answer = ChatAnswer {
            id: Some("p".to_owned()),
            choices: vec![Choice { parts, finish, logprobs: None }],
            usage: used.then_some(Usage { input_tokens: 1, ..Usage::default() }),
            ..ChatAnswer::default()
        };
        let stream = written(request, &events(&answer));
        let whole: Value = serde_json::from_slice(&write_answer(&answer, &context(request))).unwrap();
        let events = data(&stream);
        assert_eq!(events.last().unwrap()["response"], whole);
        let done = events.iter().filter(|event| event["type"] == "response.output_item.done");
        let done: Vec<_> = done.map(|event| event["item"].clone()).collect();
        assert_eq!(whole["output"], json!(done));
        let mut meter = StreamMeter::new();
        meter.push(&stream);
        assert!(meter.saw_end() && !meter.saw_error());
        assert_eq!(meter.usage(), answer.usage);
        let deltas = events.iter().filter(|event| event["delta"].is_string());
        assert_eq!(meter.events(), deltas.count() as u64);
    }

    #[test]
    fn any_events_make_a_stream_with_one_end(
        events in vec(any_event(), 0..20),
        fails in any::<bool>(),
        request in select(REQUESTS),
    ) {
        let mut all = events;
        all.push(if fails {
            Event::Error(ProviderError::new(ErrorClass::Server, "m"))
        } else {
            Event::End
        });
        all.extend(all.clone());
        let events = data(&written(request, &all));
        let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(kinds[..2], ["response.created", "response.in_progress"]);
        let end = if fails { "response.failed" } else { "response.completed" };
        assert_eq!(kinds.iter().filter(|kind| **kind == end).count(), 1);
        assert_eq!(kinds.last(), Some(&end));
        for (index, event) in events.iter().enumerate() {
            assert_eq!(event["sequence_number"], index);
        }
    }

    #[test]
    fn meters_do_not_depend_on_the_cut(
        parts in vec(part(), 0..4),
        noise in vec(select(&["data: ", "event: error\n", "\r\n", "\n\n", "{}", "event: response.failed\r", ": x\n", "data:{\"type\":\"response.x.delta\"}\n\n"][..]), 0..6),
        size in 1..40_usize,
    ) {
        let answer = ChatAnswer {
            choices: vec![Choice { parts, finish: Finish::Stop, logprobs: None }],
            usage: Some(Usage { input_tokens: 5, ..Usage::default() }),
            ..ChatAnswer::default()
        };
        let mut stream = written(REQUESTS[0], &events(&answer));
        stream.extend(noise.concat().into_bytes());
        let read = |size: usize| {
            let mut meter = StreamMeter::new();
            stream.chunks(size).for_each(|chunk| meter.push(chunk));
            (meter.usage(), meter.events(), meter.saw_end(), meter.saw_error())
        };
        assert_eq!(read(size), read(usize::MAX));
    }
}
