//! Chat and text completions, whole and streamed, written as the real API writes them.

use std::io::Write;

use super::config::Kind;
use super::sse::Events;
use super::text::Text;

/// Azure's verdict on a prompt; its stream starts with it, in an event without choices.
const PROMPT_FILTER: &str = r#""prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}}]"#;

/// Which API answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `chat/completions`.
    Chat,
    /// `completions`.
    Text,
}

/// What the model says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Saying {
    /// Words.
    Words(Text),
    /// A call of the function `name`, with JSON arguments.
    Call { name: String, arguments: Text },
}

/// One completion to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Completion<'a> {
    pub(super) form: Form,
    pub(super) kind: Kind,
    pub(super) provider: &'a str,
    /// As the inside of a JSON string.
    pub(super) model: String,
    /// Number of the request, for the id.
    pub(super) sequence: u64,
    /// Seconds since the Unix epoch.
    pub(super) created: u64,
    pub(super) prompt_tokens: usize,
    /// `n`.
    pub(super) choices: usize,
    pub(super) include_usage: bool,
    pub(super) saying: Saying,
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    let _written = out.write_fmt(text);
}

impl Completion<'_> {
    /// Tokens of one choice.
    pub(super) fn tokens(&self) -> usize {
        match &self.saying {
            Saying::Words(text) => text.pieces(),
            Saying::Call { arguments, .. } => arguments.pieces().max(1),
        }
    }

    /// The JSON answer.
    pub(super) fn whole(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        self.write_start(false, &mut out);
        for index in 0..self.choices {
            put(
                &mut out,
                format_args!("{}{{\"index\":{index},", comma(index)),
            );
            self.write_message(&mut out);
            let finish = self.finish();
            put(
                &mut out,
                format_args!(",\"logprobs\":null,\"finish_reason\":\"{finish}\"}}"),
            );
        }
        out.extend_from_slice(b"],\"usage\":");
        self.write_usage(&mut out);
        if self.kind == Kind::AzureOpenai {
            put(&mut out, format_args!(",{PROMPT_FILTER}"));
        }
        out.push(b'}');
        out
    }

    /// The streamed answer.
    pub(super) fn stream(&self) -> Events {
        let mut start = Vec::with_capacity(256);
        self.write_start(true, &mut start);
        let pieces = self.tokens() * self.choices;
        let mut events = Events::with_capacity((start.len() + 128) * (pieces + 4));
        if self.kind == Kind::AzureOpenai {
            events.push(|out| {
                put(
                    out,
                    format_args!(
                        r#"{{"choices":[],"created":0,"id":"","model":"","object":"",{PROMPT_FILTER}}}"#
                    ),
                );
            });
        }
        if self.form == Form::Chat {
            self.each_choice(&mut events, &start, None, |out| self.write_role(out));
        }
        let text = match &self.saying {
            Saying::Words(text) => text,
            Saying::Call { arguments, .. } => arguments,
        };
        for index in 0..text.pieces() {
            self.each_choice(&mut events, &start, None, |out| {
                self.write_delta(text, index, out);
            });
        }
        self.each_choice(&mut events, &start, Some(self.finish()), |out| {
            match self.form {
                Form::Chat => out.extend_from_slice(b"\"delta\":{}"),
                Form::Text => out.extend_from_slice(b"\"text\":\"\""),
            }
        });
        if self.include_usage {
            events.push(|out| {
                out.extend_from_slice(&start);
                out.extend_from_slice(b"],\"usage\":");
                self.write_usage(out);
                out.push(b'}');
            });
        }
        events.push(|out| out.extend_from_slice(b"[DONE]"));
        events
    }

    fn each_choice(
        &self,
        events: &mut Events,
        start: &[u8],
        finish: Option<&str>,
        write: impl Fn(&mut Vec<u8>),
    ) {
        for index in 0..self.choices {
            events.push(|out| {
                out.extend_from_slice(start);
                put(out, format_args!("{{\"index\":{index},"));
                write(out);
                out.extend_from_slice(b",\"logprobs\":null,\"finish_reason\":");
                match finish {
                    Some(finish) => put(out, format_args!("\"{finish}\"}}]")),
                    None => out.extend_from_slice(b"null}]"),
                }
                if self.include_usage {
                    out.extend_from_slice(b",\"usage\":null");
                }
                out.push(b'}');
            });
        }
    }

    /// Everything up to and including `"choices":[`.
    fn write_start(&self, stream: bool, out: &mut Vec<u8>) {
        let (prefix, object) = match (self.form, stream) {
            (Form::Chat, false) => ("chatcmpl", "chat.completion"),
            (Form::Chat, true) => ("chatcmpl", "chat.completion.chunk"),
            (Form::Text, _) => ("cmpl", "text_completion"),
        };
        let Self {
            provider,
            sequence,
            created,
            model,
            ..
        } = self;
        put(
            out,
            format_args!(
                r#"{{"id":"{prefix}-{provider}-{sequence}","object":"{object}","created":{created},"model":"{model}","system_fingerprint":"fp_{provider}","choices":["#
            ),
        );
    }

    fn write_message(&self, out: &mut Vec<u8>) {
        match (self.form, &self.saying) {
            (Form::Chat, Saying::Words(text)) => {
                out.extend_from_slice(br#""message":{"role":"assistant","content":""#);
                text.write_all(out);
                out.extend_from_slice(br#"","refusal":null,"annotations":[]}"#);
            }
            (Form::Chat, Saying::Call { name, arguments }) => {
                put(
                    out,
                    format_args!(
                        r#""message":{{"role":"assistant","content":null,"tool_calls":[{{"id":"call_{}","type":"function","function":{{"name":"{name}","arguments":""#,
                        self.sequence
                    ),
                );
                arguments.write_all(out);
                out.extend_from_slice(br#""}}],"refusal":null,"annotations":[]}"#);
            }
            (
                Form::Text,
                Saying::Words(text)
                | Saying::Call {
                    arguments: text, ..
                },
            ) => {
                out.extend_from_slice(b"\"text\":\"");
                text.write_all(out);
                out.push(b'"');
            }
        }
    }

    fn write_role(&self, out: &mut Vec<u8>) {
        match &self.saying {
            Saying::Words(_) => out
                .extend_from_slice(br#""delta":{"role":"assistant","content":"","refusal":null}"#),
            Saying::Call { name, .. } => put(
                out,
                format_args!(
                    r#""delta":{{"role":"assistant","content":null,"tool_calls":[{{"index":0,"id":"call_{}","type":"function","function":{{"name":"{name}","arguments":""}}}}],"refusal":null}}"#,
                    self.sequence
                ),
            ),
        }
    }

    fn write_delta(&self, text: &Text, index: usize, out: &mut Vec<u8>) {
        let (open, close): (&[u8], &[u8]) = match (self.form, &self.saying) {
            (Form::Chat, Saying::Words(_)) => (br#""delta":{"content":""#, b"\"}"),
            (Form::Chat, Saying::Call { .. }) => (
                br#""delta":{"tool_calls":[{"index":0,"function":{"arguments":""#,
                b"\"}}]}",
            ),
            (Form::Text, _) => (b"\"text\":\"", b"\""),
        };
        out.extend_from_slice(open);
        text.write_piece(index, out);
        out.extend_from_slice(close);
    }

    fn finish(&self) -> &'static str {
        match &self.saying {
            Saying::Call { .. } => "tool_calls",
            Saying::Words(text) if text.truncated => "length",
            Saying::Words(_) => "stop",
        }
    }

    fn write_usage(&self, out: &mut Vec<u8>) {
        let prompt = self.prompt_tokens;
        let completion = self.tokens() * self.choices;
        let total = prompt + completion;
        put(
            out,
            format_args!(
                r#"{{"prompt_tokens":{prompt},"completion_tokens":{completion},"total_tokens":{total}"#
            ),
        );
        if self.form == Form::Chat {
            out.extend_from_slice(br#","prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}"#);
        }
        out.push(b'}');
    }
}

fn comma(index: usize) -> &'static str {
    if index == 0 { "" } else { "," }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::script::Script;
    use serde_json::{Value, json};

    fn completion(form: Form, kind: Kind) -> Completion<'static> {
        Completion {
            form,
            kind,
            provider: "azure",
            model: "gpt".to_owned(),
            sequence: 7,
            created: 1,
            prompt_tokens: 10,
            choices: 1,
            include_usage: false,
            saying: Saying::Words(Text::sentence("azure", "gpt", None).limited(Some(3))),
        }
    }

    fn events(completion: &Completion<'_>) -> Vec<Value> {
        let sent = completion.stream().pieces(&Script::default()).bytes;
        let text = String::from_utf8(sent.to_vec()).unwrap();
        let mut data: Vec<&str> = text
            .split_terminator("\n\n")
            .map(|event| event.strip_prefix("data: ").unwrap())
            .collect();
        assert_eq!(data.pop(), Some("[DONE]"));
        data.iter()
            .map(|d| serde_json::from_str(d).unwrap())
            .collect()
    }

    fn joined(events: &[Value], pointer: &str) -> String {
        let part = |event: &Value| {
            event
                .pointer(pointer)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        events.iter().filter_map(part).collect()
    }

    #[test]
    fn whole_answers_are_json_with_usage() {
        for form in [Form::Chat, Form::Text] {
            for kind in [Kind::Openai, Kind::AzureOpenai] {
                let answer: Value =
                    serde_json::from_slice(&completion(form, kind).whole()).unwrap();
                assert_eq!(answer["usage"]["total_tokens"], 13);
                assert_eq!(answer["choices"][0]["finish_reason"], "length");
                let text = match form {
                    Form::Chat => &answer["choices"][0]["message"]["content"],
                    Form::Text => &answer["choices"][0]["text"],
                };
                assert_eq!(text, "This is azure");
            }
        }
    }

    #[test]
    fn a_stream_says_the_same_and_its_usage_only_when_asked() {
        let mut chat = completion(Form::Chat, Kind::Openai);
        let plain = events(&chat);
        assert_eq!(plain.len(), 5);
        assert_eq!(joined(&plain, "/choices/0/delta/content"), "This is azure");
        assert!(plain.iter().all(|event| event.get("usage").is_none()));

        chat.include_usage = true;
        let with_usage = events(&chat);
        assert_eq!(with_usage.len(), 6);
        assert_eq!(with_usage[0]["usage"], Value::Null);
        assert_eq!(with_usage[5]["choices"], json!([]));
        assert_eq!(with_usage[5]["usage"]["completion_tokens"], 3);

        let text = events(&completion(Form::Text, Kind::Openai));
        assert_eq!(joined(&text, "/choices/0/text"), "This is azure");
    }

    #[test]
    fn azure_starts_with_its_verdict_on_the_prompt() {
        let events = events(&completion(Form::Chat, Kind::AzureOpenai));
        assert_eq!(events[0]["choices"], json!([]));
        assert!(events[0]["prompt_filter_results"][0].is_object());
        assert_eq!(events[1]["choices"][0]["delta"]["role"], "assistant");
    }

    #[test]
    fn a_call_has_its_arguments_whole_and_streamed() {
        let mut call = completion(Form::Chat, Kind::Openai);
        call.saying = Saying::Call {
            name: "weather".to_owned(),
            arguments: Text::of(r#"{"city":"Boston \"MA\""}"#),
        };
        let whole: Value = serde_json::from_slice(&call.whole()).unwrap();
        let function = &whole["choices"][0]["message"]["tool_calls"][0]["function"];
        let streamed = joined(
            &events(&call),
            "/choices/0/delta/tool_calls/0/function/arguments",
        );
        assert_eq!(function["arguments"], Value::from(streamed.clone()));
        let arguments: Value = serde_json::from_str(&streamed).unwrap();
        assert_eq!(arguments["city"], "Boston \"MA\"");
        assert_eq!(whole["choices"][0]["finish_reason"], "tool_calls");
    }

    #[test]
    fn every_choice_is_answered() {
        let mut chat = completion(Form::Chat, Kind::Openai);
        chat.choices = 2;
        let whole: Value = serde_json::from_slice(&chat.whole()).unwrap();
        assert_eq!(whole["choices"][1]["index"], 1);
        assert_eq!(whole["usage"]["completion_tokens"], 6);
        assert_eq!(events(&chat).len(), 10);
    }
}
