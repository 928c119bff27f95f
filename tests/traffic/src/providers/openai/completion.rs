//! Chat and text completions, whole and streamed, written as the real APIs write them.

use std::io::Write;

use super::route::Flavour;
use crate::providers::reply::{Reply, Stop};
use crate::providers::sse::Events;
use crate::providers::text::{Text, escape};
use crate::providers::vendors::{UsagePlace, Vendor};

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

/// One completion to be written.
#[derive(Clone, Debug)]
pub(super) struct Completion<'a> {
    pub(super) form: Form,
    pub(super) flavour: Flavour,
    pub(super) provider: &'a str,
    /// As the inside of a JSON string.
    pub(super) model: String,
    /// Number of the request, for the id.
    pub(super) sequence: u64,
    /// Seconds since the Unix epoch.
    pub(super) created: u64,
    /// `n`.
    pub(super) choices: usize,
    pub(super) include_usage: bool,
    pub(super) logprobs: bool,
    pub(super) service_tier: Option<&'a str>,
    pub(super) reply: Reply,
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    let _written = out.write_fmt(text);
}

impl Completion<'_> {
    /// Tokens of one choice.
    pub(super) fn tokens(&self) -> usize {
        self.reply.usage.answer
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
            out.extend_from_slice(b",\"logprobs\":");
            self.write_logprobs(0..self.text().map_or(0, Text::pieces), &mut out);
            let finish = escape(self.finish());
            put(&mut out, format_args!(",\"finish_reason\":\"{finish}\"}}"));
        }
        out.extend_from_slice(b"],\"usage\":");
        self.write_usage(&mut out);
        if self.flavour == Flavour::Azure {
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
        if self.flavour == Flavour::Azure {
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
        self.stream_message(&mut events, &start);
        let finish = self.finish().to_owned();
        self.each_choice(&mut events, &start, Some(&finish), |out| match self.form {
            Form::Chat => out.extend_from_slice(b"\"delta\":{},\"logprobs\":null"),
            Form::Text => out.extend_from_slice(b"\"text\":\"\",\"logprobs\":null"),
        });
        if self.include_usage && self.usage_place() != UsagePlace::LastChunk {
            events.push(|out| {
                out.extend_from_slice(&start);
                out.extend_from_slice(b"],\"usage\":");
                self.write_usage(out);
                out.push(b'}');
            });
        }
        events.push(|out| out.extend_from_slice(b"[DONE]"));
        events.closed_by(1)
    }

    fn stream_message(&self, events: &mut Events, start: &[u8]) {
        if let (Some(thoughts), Some(field)) = (&self.reply.thoughts, self.reasoning_field()) {
            for index in 0..thoughts.pieces() {
                self.each_choice(events, start, None, |out| {
                    put(out, format_args!("\"delta\":{{\"{field}\":\""));
                    thoughts.write_piece(index, out);
                    out.extend_from_slice(b"\"},\"logprobs\":null");
                });
            }
        }
        if let Some(text) = self.text() {
            let (open, close): (&[u8], &[u8]) = match (self.form, self.refuses()) {
                (Form::Chat, false) => (br#""delta":{"content":""#, b"\"}"),
                (Form::Chat, true) => (br#""delta":{"refusal":""#, b"\"}"),
                (Form::Text, _) => (b"\"text\":\"", b"\""),
            };
            for index in 0..text.pieces() {
                self.each_choice(events, start, None, |out| {
                    out.extend_from_slice(open);
                    text.write_piece(index, out);
                    out.extend_from_slice(close);
                    out.extend_from_slice(b",\"logprobs\":");
                    self.write_logprobs(index..index + 1, out);
                });
            }
        }
        for (number, call) in self.reply.calls.iter().enumerate() {
            if number > 0 || self.text().is_some() {
                self.each_choice(events, start, None, |out| {
                    out.extend_from_slice(b"\"delta\":{\"tool_calls\":[");
                    self.write_call(number, None, out);
                    out.extend_from_slice(b"]},\"logprobs\":null");
                });
            }
            for index in 0..call.arguments.pieces() {
                self.each_choice(events, start, None, |out| {
                    put(
                        out,
                        format_args!(
                            r#""delta":{{"tool_calls":[{{"index":{number},"function":{{"arguments":""#
                        ),
                    );
                    call.arguments.write_piece(index, out);
                    out.extend_from_slice(b"\"}}]},\"logprobs\":null");
                });
            }
        }
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
                out.extend_from_slice(b",\"finish_reason\":");
                match finish {
                    Some(finish) => {
                        put(out, format_args!("\"{}\"", escape(finish)));
                        self.write_final_usage(out);
                    }
                    None => out.extend_from_slice(b"null}]"),
                }
                if self.include_usage && self.usage_place() == UsagePlace::Asked {
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
                r#"{{"id":"{prefix}-{provider}-{sequence}","object":"{object}","created":{created},"model":"{model}","system_fingerprint":"fp_{provider}","#
            ),
        );
        if let Some(tier) = self.service_tier {
            put(out, format_args!("\"service_tier\":\"{}\",", escape(tier)));
        }
        out.extend_from_slice(b"\"choices\":[");
    }

    fn write_message(&self, out: &mut Vec<u8>) {
        if self.form == Form::Text {
            out.extend_from_slice(b"\"text\":\"");
            if let Some(text) = self.text() {
                text.write_all(out);
            }
            out.push(b'"');
            return;
        }
        let said = self.text().map_or_else(
            || "null".to_owned(),
            |text| format!("\"{}\"", text.escaped()),
        );
        let (content, refusal) = if self.refuses() {
            ("null", &*said)
        } else {
            (&*said, "null")
        };
        put(
            out,
            format_args!(r#""message":{{"role":"assistant","content":{content},"#),
        );
        if let (Some(thoughts), Some(field)) = (&self.reply.thoughts, self.reasoning_field()) {
            put(out, format_args!("\"{field}\":\"{}\",", thoughts.escaped()));
        }
        if !self.reply.calls.is_empty() {
            out.extend_from_slice(b"\"tool_calls\":[");
            for (number, call) in self.reply.calls.iter().enumerate() {
                out.extend_from_slice(comma(number).as_bytes());
                self.write_call(number, Some(&call.arguments), out);
            }
            out.extend_from_slice(b"],");
        }
        put(
            out,
            format_args!("\"refusal\":{refusal},\"annotations\":[]}}"),
        );
    }

    fn write_role(&self, out: &mut Vec<u8>) {
        if self.text().is_some() || self.reply.calls.is_empty() {
            out.extend_from_slice(br#""delta":{"role":"assistant","content":"","refusal":null}"#);
        } else {
            out.extend_from_slice(br#""delta":{"role":"assistant","content":null,"tool_calls":["#);
            self.write_call(0, None, out);
            out.extend_from_slice(b"],\"refusal\":null}");
        }
        out.extend_from_slice(b",\"logprobs\":null");
    }

    /// A call, whole, or the start of a streamed one.
    fn write_call(&self, number: usize, arguments: Option<&Text>, out: &mut Vec<u8>) {
        let Some(call) = self.reply.calls.get(number) else {
            return;
        };
        let position = match arguments {
            Some(_) => String::new(),
            None => format!("\"index\":{number},"),
        };
        put(
            out,
            format_args!(
                r#"{{{position}"id":"{}","type":"function","function":{{"name":"{}","arguments":"{}"}}}}"#,
                self.call_id(number),
                escape(&call.name),
                arguments.map(Text::escaped).unwrap_or_default(),
            ),
        );
    }

    fn call_id(&self, number: usize) -> String {
        let sequence = self.sequence;
        match self.vendor() {
            Some(vendor) if vendor.short_call_ids => {
                format!("c{:07}{}", sequence % 10_000_000, number % 10)
            }
            _ if number == 0 => format!("call_{sequence}"),
            _ => format!("call_{sequence}_{number}"),
        }
    }

    fn write_logprobs(&self, pieces: std::ops::Range<usize>, out: &mut Vec<u8>) {
        let Some(text) = self
            .text()
            .filter(|_| self.logprobs && self.form == Form::Chat)
        else {
            out.extend_from_slice(b"null");
            return;
        };
        out.extend_from_slice(b"{\"content\":[");
        let first = pieces.start;
        for index in pieces {
            let token = text.piece(index);
            put(
                out,
                format_args!(
                    r#"{}{{"token":"{token}","logprob":-0.25,"bytes":null,"top_logprobs":[]}}"#,
                    comma(index - first)
                ),
            );
        }
        out.extend_from_slice(b"],\"refusal\":null}");
    }

    fn finish(&self) -> &str {
        if self.refuses() {
            return "stop";
        }
        self.reply.stop_word(|stop| match stop {
            Stop::Calls => "tool_calls",
            Stop::Limit => "length",
            Stop::End => "stop",
        })
    }

    fn refuses(&self) -> bool {
        self.form == Form::Chat && self.reply.stop_word.as_deref() == Some("refusal")
    }

    fn text(&self) -> Option<&Text> {
        self.reply.text.as_ref()
    }

    fn vendor(&self) -> Option<&'static Vendor> {
        match self.flavour {
            Flavour::OpenAi | Flavour::Azure => None,
            Flavour::Vendor(vendor) => Some(vendor),
        }
    }

    fn reasoning_field(&self) -> Option<&'static str> {
        self.vendor().and_then(|vendor| vendor.reasoning)
    }
}

fn comma(index: usize) -> &'static str {
    if index == 0 { "" } else { "," }
}

#[cfg(test)]
mod tests;
mod usage;
