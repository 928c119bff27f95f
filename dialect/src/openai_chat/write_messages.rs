//! Turns, written as OpenAI's `messages`.

use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};

use super::write_request::ReasoningBack;
use crate::chat::said::titled;
use crate::chat::{Part, Role, Source, Turn};
use crate::loss::{Field, Losses};

/// A message.
#[derive(Debug, Serialize)]
pub(super) struct Message<'a> {
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    /// `null` in a message that only calls tools.
    content: Option<Content<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<CallOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<PartOut<'a>>),
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum PartOut<'a> {
    Text { text: Cow<'a, str> },
    ImageUrl { image_url: ImageOut<'a> },
    InputAudio { input_audio: AudioOut<'a> },
    File { file: FileOut<'a> },
}

#[derive(Debug, Serialize)]
struct ImageOut<'a> {
    url: Url<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct AudioOut<'a> {
    data: &'a str,
    format: &'a str,
}

#[derive(Debug, Default, Serialize)]
struct FileOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_data: Option<Url<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_id: Option<&'a str>,
}

/// A URL; bytes become a `data:` URL without a copy of their own.
#[derive(Debug)]
pub(crate) enum Url<'a> {
    At(&'a str),
    Data { media_type: &'a str, data: &'a str },
}

impl fmt::Display for Url<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(url) => f.write_str(url),
            Self::Data { media_type, data } => write!(f, "data:{media_type};base64,{data}"),
        }
    }
}

impl Serialize for Url<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[derive(Debug, Serialize)]
struct CallOut<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: CalledOut<'a>,
}

#[derive(Debug, Serialize)]
struct CalledOut<'a> {
    name: &'a str,
    arguments: &'a str,
}

/// Writes the conversation.
pub(super) fn messages<'a>(
    turns: &'a [Turn],
    reasoning: ReasoningBack,
    losses: &mut Losses,
) -> Vec<Message<'a>> {
    let mut writer = Writer {
        messages: Vec::with_capacity(turns.len()),
        reasoning,
        losses,
    };
    for turn in turns {
        match turn.role {
            Role::System => writer.instructions("system", turn),
            Role::Developer => writer.instructions("developer", turn),
            Role::User => writer.user(turn),
            Role::Assistant => writer.assistant(turn),
        }
    }
    writer.messages
}

struct Writer<'a, 'l> {
    messages: Vec<Message<'a>>,
    reasoning: ReasoningBack,
    losses: &'l mut Losses,
}

impl<'a> Writer<'a, '_> {
    fn push(&mut self, role: &'static str, turn: &'a Turn, parts: Vec<PartOut<'a>>) {
        self.messages.push(Message {
            role,
            name: turn.name.as_deref(),
            content: Some(content(parts)),
            refusal: None,
            reasoning_content: None,
            tool_calls: Vec::new(),
            tool_call_id: None,
        });
    }

    /// Only text instructs.
    fn instructions(&mut self, role: &'static str, turn: &'a Turn) {
        let mut parts = Vec::new();
        for part in &turn.parts {
            if matches!(part, Part::Text { .. }) {
                parts.extend(self.part(part));
            } else {
                self.lost(part);
            }
        }
        self.push(role, turn, parts);
    }

    /// Results first: OpenAI wants them right after the calls.
    fn user(&mut self, turn: &'a Turn) {
        let (mut parts, mut results) = (Vec::new(), false);
        for part in &turn.parts {
            if let Part::ToolResult {
                id,
                parts: result,
                is_error,
                cache,
            } = part
            {
                results = true;
                self.losses.note_if(cache.is_some(), Field::CacheControl);
                self.result(id, result, *is_error, &mut parts);
            }
        }
        for part in &turn.parts {
            if !matches!(part, Part::ToolResult { .. }) {
                parts.extend(self.part(part));
            }
        }
        if !results || !parts.is_empty() {
            self.push("user", turn, parts);
        }
    }

    /// Text goes into the `tool` message, everything else into `after`, the user message that
    /// follows, under a line that says whose it is.
    fn result(
        &mut self,
        id: &'a str,
        result: &'a [Part],
        is_error: bool,
        after: &mut Vec<PartOut<'a>>,
    ) {
        let (mut texts, mut others) = (Vec::new(), Vec::new());
        for part in result {
            match self.part(part) {
                Some(text @ PartOut::Text { .. }) => texts.push(text),
                Some(other) => others.push(other),
                None => {}
            }
        }
        if !others.is_empty() {
            if texts.is_empty() {
                let text = "The result is in the next message.".into();
                texts.push(PartOut::Text { text });
            }
            let text = format!("The result of tool call {id}:").into();
            after.push(PartOut::Text { text });
            after.append(&mut others);
        }
        if is_error {
            mark_error(&mut texts);
        }
        self.messages.push(Message {
            role: "tool",
            name: None,
            content: Some(content(texts)),
            refusal: None,
            reasoning_content: None,
            tool_calls: Vec::new(),
            tool_call_id: Some(id),
        });
    }

    /// Text before and after calls becomes one content before them: the dialect has no other place.
    fn assistant(&mut self, turn: &'a Turn) {
        let (mut parts, mut calls, mut refusal) = (Vec::new(), Vec::new(), None);
        let mut thought = None;
        for part in &turn.parts {
            match part {
                Part::Text { .. } => parts.extend(self.part(part)),
                Part::Refusal { text } => refusal.get_or_insert_with(String::new).push_str(text),
                Part::ToolCall {
                    id,
                    name,
                    arguments,
                    cache,
                    signature,
                } => {
                    self.losses.note_if(cache.is_some(), Field::CacheControl);
                    let signed = signature.is_some();
                    self.losses.note_if(signed, Field::ReasoningHistory);
                    calls.push(call(id, name, arguments));
                }
                // The text is what such a vendor wants: it has no use for another's proof of it.
                Part::Reasoning { text, .. }
                    if self.reasoning != ReasoningBack::LeftOut && !text.is_empty() =>
                {
                    thought.get_or_insert_with(String::new).push_str(text);
                }
                Part::Image { .. }
                | Part::File { .. }
                | Part::Audio { .. }
                | Part::ToolResult { .. }
                | Part::Reasoning { .. }
                | Part::RedactedReasoning { .. }
                | Part::Foreign { .. } => self.lost(part),
            }
        }
        if self.reasoning == ReasoningBack::Demanded && !calls.is_empty() {
            thought.get_or_insert_default();
        }
        let silent = parts.is_empty() && (!calls.is_empty() || refusal.is_some());
        self.messages.push(Message {
            role: "assistant",
            name: turn.name.as_deref(),
            content: (!silent).then(|| content(parts)),
            refusal,
            reasoning_content: thought,
            tool_calls: calls,
            tool_call_id: None,
        });
    }

    /// A part of a user's content.
    fn part(&mut self, part: &'a Part) -> Option<PartOut<'a>> {
        let (written, marked) = match part {
            Part::Text { text, cache } => {
                let text = text.into();
                (Some(PartOut::Text { text }), cache.is_some())
            }
            Part::Image {
                source,
                detail,
                cache,
            } => (image(source, detail.as_deref()), cache.is_some()),
            Part::File {
                source,
                name,
                cache,
            } => (file(source, name.as_deref()), cache.is_some()),
            Part::Audio { data, format } => {
                let input_audio = AudioOut { data, format };
                (Some(PartOut::InputAudio { input_audio }), false)
            }
            Part::ToolCall { .. }
            | Part::ToolResult { .. }
            | Part::Reasoning { .. }
            | Part::RedactedReasoning { .. }
            | Part::Refusal { .. }
            | Part::Foreign { .. } => (None, false),
        };
        self.losses.note_if(marked, Field::CacheControl);
        if written.is_none() {
            self.lost(part);
        }
        written
    }

    fn lost(&mut self, part: &Part) {
        // OpenAI's chat takes no reasoning back, and some vendors refuse it.
        self.losses.note(Field::of_request_part(part));
    }
}

/// One text is a plain string, which every vendor takes.
fn content(mut parts: Vec<PartOut<'_>>) -> Content<'_> {
    match parts.pop() {
        None => Content::Text("".into()),
        Some(PartOut::Text { text }) if parts.is_empty() => Content::Text(text),
        Some(last) => {
            parts.push(last);
            Content::Parts(parts)
        }
    }
}

/// The dialect has no word for a tool that failed: the text says it.
fn mark_error(texts: &mut Vec<PartOut<'_>>) {
    if let Some(PartOut::Text { text }) = texts.first_mut() {
        let start = text.get(.."error".len()).unwrap_or_default();
        if !start.eq_ignore_ascii_case("error") {
            text.to_mut().insert_str(0, "Error: ");
        }
    } else {
        let text = "Error".into();
        texts.push(PartOut::Text { text });
    }
}

fn call<'a>(id: &'a str, name: &'a str, arguments: &'a str) -> CallOut<'a> {
    let arguments = if arguments.is_empty() {
        "{}"
    } else {
        arguments
    };
    CallOut {
        id,
        kind: "function",
        function: CalledOut { name, arguments },
    }
}

/// Chat knows no image by a file's id.
fn image<'a>(source: &'a Source, detail: Option<&'a str>) -> Option<PartOut<'a>> {
    let url = match source {
        Source::Url(url) => Url::At(url),
        Source::Base64 { media_type, data } => Url::Data { media_type, data },
        Source::FileId(_) | Source::Text(_) => return None,
    };
    let image_url = ImageOut { url, detail };
    Some(PartOut::ImageUrl { image_url })
}

/// Chat knows no document by its URL, and only OpenAI's own ids.
fn file<'a>(source: &'a Source, name: Option<&'a str>) -> Option<PartOut<'a>> {
    let file = match source {
        Source::Base64 { media_type, data } => FileOut {
            // OpenAI refuses data without a name.
            filename: name.or(Some("document.pdf")),
            file_data: Some(Url::Data { media_type, data }),
            file_id: None,
        },
        Source::FileId(id) if id.starts_with("file-") => FileOut {
            filename: name,
            file_id: Some(id),
            ..FileOut::default()
        },
        Source::Text(text) => {
            let text = titled(name, text);
            return Some(PartOut::Text { text });
        }
        Source::Url(_) | Source::FileId(_) => return None,
    };
    Some(PartOut::File { file })
}
