use std::rc::Rc;

use serde_json::{Value, json};

use super::*;
use crate::chat::{
    AnswerContext, BadRequest, ChatAnswer, ChatRequest, Choice, Event, Finish, Part, Role, Turn,
};
use crate::provider_error::ProviderError;
use crate::usage::Usage;

fn read(extra: Value) -> Result<ChatRequest, BadRequest> {
    let mut body = json!({"model": "m", "prompt": "Once"});
    body.as_object_mut()
        .unwrap()
        .extend(extra.as_object().unwrap().clone());
    read_request(body.to_string().as_bytes())
}

fn context(include_usage: bool) -> AnswerContext {
    AnswerContext {
        model: "asked".into(),
        id: "7".into(),
        created: 5,
        request: Rc::new(ChatRequest {
            include_usage,
            ..ChatRequest::default()
        }),
        encoding: Default::default(),
        account: String::new(),
    }
}

#[test]
fn a_prompt_becomes_a_user_turn() {
    let turn = Turn {
        role: Role::User,
        parts: vec![Part::text("Once")],
        name: None,
    };
    for prompt in [json!("Once"), json!(["Once"])] {
        let request = read(
            json!({"prompt": prompt, "max_tokens": 9, "temperature": 0.4,
            "stop": ["\n"], "logprobs": 2, "n": 2, "stream": true, "user": "u",
            "stream_options": {"include_usage": true},
            "suffix": "", "echo": false, "best_of": 1}),
        )
        .unwrap();
        assert_eq!(request.turns, std::slice::from_ref(&turn));
        assert_eq!((request.max_tokens, request.n), (Some(9), Some(2)));
        assert_eq!((request.logprobs, request.top_logprobs), (true, Some(2)));
        assert!(request.stream && request.include_usage);
        assert_eq!(request.stop, ["\n"]);
        assert_eq!(request.user.as_deref(), Some("u"));
        assert!(request.unknown.is_empty());
    }
    let request = read(json!({"suffix": "end", "echo": true, "best_of": 3})).unwrap();
    assert_eq!(request.unknown, ["best_of", "echo", "suffix"]);
    assert!(!request.logprobs);
}

#[test]
fn what_is_not_one_text_is_refused_with_advice() {
    for (prompt, advice) in [
        (json!(["a", "b"]), "one request per prompt"),
        (json!([1, 2]), "token"),
        (json!([[1, 2]]), "token"),
        (json!([]), "string"),
        (json!(null), "required"),
        (json!(7), "required"),
    ] {
        let error = read(json!({"prompt": prompt})).unwrap_err();
        assert_eq!(error.field, "prompt");
        assert!(error.problem.contains(advice), "{}", error.problem);
    }
    assert_eq!(read(json!({"model": 1})).unwrap_err().field, "model");
}

fn odds() -> Value {
    json!({"content": [
        {"token": "Hé", "logprob": -0.5, "bytes": null, "top_logprobs": [{"token": "Hé", "logprob": -0.5}, {"token": "Ho", "logprob": -2.0}]},
        {"token": "!", "logprob": -1.0, "bytes": null, "top_logprobs": []}], "refusal": null})
}

#[test]
fn an_answer_is_written_in_full() {
    let choice = |parts, finish, logprobs| Choice {
        parts,
        finish,
        logprobs,
    };
    let thought = Part::Reasoning {
        text: "hm".into(),
        signature: None,
    };
    let answer = ChatAnswer {
        id: Some("msg_1".into()),
        model: Some("claude".into()),
        choices: vec![
            choice(
                vec![thought, Part::text("Hé"), Part::text("!")],
                Finish::Stop,
                Some(odds()),
            ),
            choice(
                vec![Part::Refusal { text: "no".into() }],
                Finish::Refusal,
                None,
            ),
            choice(vec![], Finish::Length, None),
        ],
        usage: Some(Usage {
            input_tokens: 3,
            output_tokens: 2,
            ..Usage::default()
        }),
        ..ChatAnswer::default()
    };
    let written: Value = serde_json::from_slice(&write_answer(&answer, &context(false))).unwrap();
    assert_eq!(
        written,
        json!({"id": "cmpl-1", "object": "text_completion", "created": 5, "model": "claude",
            "choices": [
                {"text": "Hé!", "index": 0, "finish_reason": "stop", "logprobs": {
                    "tokens": ["Hé", "!"], "token_logprobs": [-0.5, -1.0],
                    "top_logprobs": [{"Hé": -0.5, "Ho": -2.0}, {}], "text_offset": [0, 2]}},
                {"text": "no", "index": 1, "logprobs": null, "finish_reason": "content_filter"},
                {"text": "", "index": 2, "logprobs": null, "finish_reason": "length"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0}}})
    );
}

/// The choices of each event, or its usage; `[DONE]` as it is.
fn write(include_usage: bool, events: &[Event<'_>]) -> Vec<Value> {
    let mut out = Vec::new();
    let mut writer = StreamWriter::new(context(include_usage));
    events
        .iter()
        .for_each(|event| writer.write(event, &mut out));
    let out = String::from_utf8(out).unwrap();
    let read = |event: &str| {
        let Ok(mut chunk) = serde_json::from_str::<Value>(event.strip_prefix("data: ").unwrap())
        else {
            return json!(event);
        };
        if chunk.get("error").is_none() {
            assert_eq!(chunk["object"], "text_completion");
            assert_eq!(chunk["id"], "cmpl-7");
        }
        if chunk.get("usage").is_some() {
            chunk["usage"]["total_tokens"].take()
        } else if chunk.get("error").is_some() {
            chunk["error"]["type"].take()
        } else {
            chunk["choices"][0].take()
        }
    };
    out.split_terminator("\n\n").map(read).collect()
}

#[test]
fn a_stream_is_written() {
    let text = |text: &'static str| Event::Text {
        choice: 0,
        text: text.into(),
    };
    let events = [
        text("Hé"),
        Event::Reasoning {
            choice: 0,
            text: "hm".into(),
        },
        Event::Logprobs {
            choice: 0,
            logprobs: odds(),
        },
        text("\n"),
        Event::Usage(Usage {
            input_tokens: 3,
            output_tokens: 2,
            ..Usage::default()
        }),
        Event::End,
        text("after the end"),
    ];
    let piece = |text: &str, finish: Value| json!({"text": text, "index": 0, "logprobs": null, "finish_reason": finish});
    let told = write(true, &events);
    assert_eq!(told[0], piece("Hé", Value::Null));
    assert_eq!(told[1]["logprobs"]["text_offset"], json!([0, 2]));
    assert_eq!(
        told[2..],
        [
            piece("\n", Value::Null),
            piece("", json!("stop")),
            json!(5),
            json!("data: [DONE]"),
        ]
    );
    assert_eq!(write(false, &events).len(), told.len() - 1);
}

#[test]
fn an_error_is_the_last_that_is_written() {
    let error = Event::Error(ProviderError::truncated());
    assert_eq!(write(true, &[error, Event::End]), [json!("server_error")]);
}
