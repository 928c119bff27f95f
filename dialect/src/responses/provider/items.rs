//! Turns, written as `input` items.

use std::borrow::Cow;

use serde::Serialize;

use crate::chat::said::titled;
use crate::chat::{Maker, Part, Role, Source, Turn};
use crate::loss::{Field, Losses};
use crate::openai_chat::write_messages::Url;
use crate::responses::answer::or_empty_object;
use crate::responses::signature::own;

/// An item of `input`.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Item<'a> {
    Message {
        role: &'static str,
        content: Content<'a>,
    },
    Reasoning {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        summary: Vec<PartOut<'a>>,
        encrypted_content: &'a str,
    },
    FunctionCall {
        call_id: &'a str,
        name: &'a str,
        arguments: &'a str,
    },
    FunctionCallOutput {
        call_id: &'a str,
        output: Content<'a>,
    },
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Content<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<PartOut<'a>>),
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum PartOut<'a> {
    InputText {
        text: Cow<'a, str>,
    },
    SummaryText {
        text: &'a str,
    },
    Refusal {
        refusal: &'a str,
    },
    InputImage {
        #[serde(skip_serializing_if = "Option::is_none")]
        image_url: Option<Url<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_id: Option<&'a str>,
        detail: &'a str,
    },
    InputFile(FileOut<'a>),
}

#[derive(Debug, Default, Serialize)]
pub(super) struct FileOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_data: Option<Url<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_id: Option<&'a str>,
}

/// Writes the conversation. What the application says is not written as `instructions`: answers, and
/// three events of each stream, repeat those.
pub(super) fn items<'a>(turns: &'a [Turn], losses: &mut Losses) -> Vec<Item<'a>> {
    let mut writer = Writer {
        items: Vec::with_capacity(turns.len()),
        losses,
    };
    for turn in turns {
        writer.losses.note_if(turn.name.is_some(), Field::Name);
        match turn.role {
            Role::System => writer.instructions("system", turn),
            Role::Developer => writer.instructions("developer", turn),
            Role::User => writer.user(turn),
            Role::Assistant => writer.assistant(turn),
        }
    }
    writer.items
}

struct Writer<'a, 'l> {
    items: Vec<Item<'a>>,
    losses: &'l mut Losses,
}

impl<'a> Writer<'a, '_> {
    fn push(&mut self, role: &'static str, parts: Vec<PartOut<'a>>) {
        let content = content(parts);
        self.items.push(Item::Message { role, content });
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
        self.push(role, parts);
    }

    /// Results first, right after the calls.
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
                self.result(id, result, *is_error);
            }
        }
        for part in &turn.parts {
            if !matches!(part, Part::ToolResult { .. }) {
                parts.extend(self.part(part));
            }
        }
        if !results || !parts.is_empty() {
            self.push("user", parts);
        }
    }

    /// The dialect has no word for a tool that failed: the text says it.
    fn result(&mut self, call_id: &'a str, result: &'a [Part], is_error: bool) {
        let mut parts: Vec<_> = result.iter().filter_map(|part| self.part(part)).collect();
        if is_error {
            match parts.first_mut() {
                Some(PartOut::InputText { text }) => {
                    let start = text.get(.."error".len()).unwrap_or_default();
                    if !start.eq_ignore_ascii_case("error") {
                        text.to_mut().insert_str(0, "Error: ");
                    }
                }
                Some(_) | None => {
                    let text = "Error".into();
                    parts.insert(0, PartOut::InputText { text });
                }
            }
        }
        let output = content(parts);
        self.items
            .push(Item::FunctionCallOutput { call_id, output });
    }

    /// What the model said, thought and called, in its order.
    fn assistant(&mut self, turn: &'a Turn) {
        for part in &turn.parts {
            let item = match part {
                Part::Text { text, cache } => {
                    self.losses.note_if(cache.is_some(), Field::CacheControl);
                    said(Content::Text(text.into()))
                }
                Part::Refusal { text } => {
                    said(Content::Parts(vec![PartOut::Refusal { refusal: text }]))
                }
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
                    Item::FunctionCall {
                        call_id: id,
                        name,
                        arguments: or_empty_object(arguments),
                    }
                }
                Part::Reasoning {
                    text,
                    signature: Some(signature),
                } if signature.maker == Maker::Openai => {
                    let (id, encrypted_content) = own(&signature.data);
                    let shown = Some(text.as_str()).filter(|text| !text.is_empty());
                    Item::Reasoning {
                        id,
                        summary: shown
                            .map(|text| PartOut::SummaryText { text })
                            .into_iter()
                            .collect(),
                        encrypted_content,
                    }
                }
                Part::Image { .. }
                | Part::File { .. }
                | Part::Audio { .. }
                | Part::ToolResult { .. }
                | Part::Reasoning { .. }
                | Part::RedactedReasoning { .. }
                | Part::Foreign { .. } => {
                    self.lost(part);
                    continue;
                }
            };
            self.items.push(item);
        }
        self.drop_unfinished();
    }

    /// Reasoning that led to nothing, as the answer broke off: OpenAI refuses an item of reasoning
    /// without the one that followed it.
    fn drop_unfinished(&mut self) {
        let unfinished = |item: &mut Item<'_>| matches!(item, Item::Reasoning { .. });
        while self.items.pop_if(unfinished).is_some() {
            self.losses.note(Field::ReasoningHistory);
        }
    }

    /// A part of what a user or a tool says.
    fn part(&mut self, part: &'a Part) -> Option<PartOut<'a>> {
        let (written, marked) = match part {
            Part::Text { text, cache } => {
                let text = text.into();
                (Some(PartOut::InputText { text }), cache.is_some())
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
            // This API takes no sound.
            Part::Audio { .. }
            | Part::ToolCall { .. }
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
        self.losses.note(Field::of_request_part(part));
    }
}

/// What the model said. Each text is a message of its own: a message of several parts would need the id
/// under which the model gave it.
fn said(content: Content<'_>) -> Item<'_> {
    let role = "assistant";
    Item::Message { role, content }
}

/// One text is a plain string.
fn content(mut parts: Vec<PartOut<'_>>) -> Content<'_> {
    match parts.pop() {
        None => Content::Text("".into()),
        Some(PartOut::InputText { text }) if parts.is_empty() => Content::Text(text),
        Some(last) => {
            parts.push(last);
            Content::Parts(parts)
        }
    }
}

/// Whether a file's id is one of OpenAI's: nobody else's means anything there.
fn is_own(id: &str) -> bool {
    id.starts_with("file-")
}

fn image<'a>(source: &'a Source, detail: Option<&'a str>) -> Option<PartOut<'a>> {
    let (image_url, file_id) = match source {
        Source::Url(url) => (Some(Url::At(url)), None),
        Source::Base64 { media_type, data } => (Some(Url::Data { media_type, data }), None),
        Source::FileId(id) if is_own(id) => (None, Some(id.as_str())),
        Source::FileId(_) | Source::Text(_) => return None,
    };
    Some(PartOut::InputImage {
        image_url,
        file_id,
        detail: detail.unwrap_or("auto"),
    })
}

fn file<'a>(source: &'a Source, name: Option<&'a str>) -> Option<PartOut<'a>> {
    let file = match source {
        Source::Base64 { media_type, data } => FileOut {
            // OpenAI refuses data without a name.
            filename: name.or(Some("document.pdf")),
            file_data: Some(Url::Data { media_type, data }),
            ..FileOut::default()
        },
        // Its name is in its URL; OpenAI refuses another beside it.
        Source::Url(url) => FileOut {
            file_url: Some(url),
            ..FileOut::default()
        },
        Source::FileId(id) if is_own(id) => FileOut {
            file_id: Some(id),
            ..FileOut::default()
        },
        Source::Text(text) => {
            let text = titled(name, text);
            return Some(PartOut::InputText { text });
        }
        Source::FileId(_) => return None,
    };
    Some(PartOut::InputFile(file))
}
