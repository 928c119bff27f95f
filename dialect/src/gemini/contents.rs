//! Turns as `contents` and `systemInstruction`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::generation::Generation;
use super::media::{audio_part, source_part};
use super::request::{Args, Content, FunctionCall, FunctionResponse, Model, Outcome, Part, Said};
use crate::chat::said::titled;
use crate::chat::{self, ChatRequest, MadeIds, Maker, Role, Signature, Source, Turn};
use crate::loss::{Field, Losses};

/// Google's word for a function call that no model of its own made.
const UNSIGNED: &str = "skip_thought_signature_validator";

const USER: &str = "user";
const MODEL: &str = "model";

/// The system instruction's parts, and the conversation.
pub(super) fn contents<'a>(
    request: &'a ChatRequest,
    model: Model,
    losses: &mut Losses,
) -> (Vec<Part<'a>>, Vec<Content<'a>>) {
    let mut walk = Walk {
        model,
        losses,
        names: BTreeMap::new(),
        system: Vec::new(),
        contents: Vec::new(),
    };
    request.turns.iter().for_each(|turn| walk.turn(turn));
    let Walk {
        mut system,
        mut contents,
        ..
    } = walk;
    if contents.is_empty() && !system.is_empty() {
        // Gemini answers no request without contents.
        losses.note(Field::Messages);
        let parts = std::mem::take(&mut system);
        contents.push(Content { role: USER, parts });
    }
    // Whether Gemini goes on with what the model is to have begun is documented nowhere.
    losses.note_if(
        contents.last().is_some_and(|last| last.role == MODEL),
        Field::Messages,
    );
    if model.generation >= Generation::V3 {
        contents.iter_mut().for_each(pass_unsigned);
    }
    (system, contents)
}

/// The first call of a step carries the step's signature.
fn pass_unsigned(content: &mut Content<'_>) {
    let first = content
        .parts
        .iter_mut()
        .find(|part| part.function_call.is_some());
    if let Some(call) = first {
        call.thought_signature.get_or_insert(UNSIGNED);
    }
}

struct Walk<'a, 'l> {
    model: Model,
    losses: &'l mut Losses,
    /// The name of the latest call with an id.
    names: BTreeMap<&'a str, &'a str>,
    system: Vec<Part<'a>>,
    contents: Vec<Content<'a>>,
}

impl<'a> Walk<'a, '_> {
    fn turn(&mut self, turn: &'a Turn) {
        self.losses.note_if(turn.name.is_some(), Field::Name);
        let role = match turn.role {
            Role::System | Role::Developer => return self.instruct(turn),
            Role::User => USER,
            Role::Assistant => MODEL,
        };
        let parts = self.parts(turn);
        match self.contents.last_mut() {
            _ if parts.is_empty() => {}
            Some(last) if last.role == role => last.parts.extend(parts),
            Some(_) | None => self.contents.push(Content { role, parts }),
        }
    }

    /// Instructions are text only.
    fn instruct(&mut self, turn: &'a Turn) {
        self.losses
            .note_if(!self.contents.is_empty(), Field::Messages);
        let parts = self.parts(turn);
        for part in parts {
            if part.text.is_some() {
                self.system.push(part);
            } else {
                self.losses.note(Field::Messages);
            }
        }
    }

    fn parts(&mut self, turn: &'a Turn) -> Vec<Part<'a>> {
        let mut out = Parts::default();
        // What a signed turn thought without a signature of its own is covered by the others.
        let signed = turn.parts.iter().any(|part| google(part).is_some());
        for part in &turn.parts {
            self.part(part, signed, &mut out);
        }
        out.flush();
        out.parts
    }

    fn part(&mut self, part: &'a chat::Part, signed: bool, out: &mut Parts<'a>) {
        match part {
            chat::Part::Text { text, cache } => {
                self.losses.note_if(cache.is_some(), Field::CacheControl);
                out.text(text);
            }
            chat::Part::Refusal { text } => out.text(text),
            chat::Part::Reasoning { text, signature } => {
                let own = signature.as_ref().is_some_and(is_google);
                if own || (signature.is_none() && signed) {
                    out.thought(text, google(part));
                } else {
                    let said = signature.is_some() || !text.is_empty();
                    self.losses.note_if(said, Field::ReasoningHistory);
                }
            }
            chat::Part::RedactedReasoning { signature } => {
                if is_google(signature) {
                    out.thought("", google(part));
                } else {
                    self.losses.note(Field::ReasoningHistory);
                }
            }
            chat::Part::ToolCall { .. } => self.call(part, out),
            chat::Part::ToolResult { .. } => self.result(part, out),
            chat::Part::Image { .. } | chat::Part::File { .. } | chat::Part::Audio { .. } => {
                if let Some(media) = self.media(part) {
                    out.push(media);
                }
            }
            chat::Part::Foreign { .. } => self.losses.note(Field::Messages),
        }
    }

    fn call(&mut self, part: &'a chat::Part, out: &mut Parts<'a>) {
        let chat::Part::ToolCall {
            id,
            name,
            arguments,
            cache,
            signature,
        } = part
        else {
            return;
        };
        self.names.insert(id, name);
        self.losses.note_if(cache.is_some(), Field::CacheControl);
        let foreign = signature.as_ref().is_some_and(|it| !is_google(it));
        self.losses.note_if(foreign, Field::ReasoningHistory);
        out.push(Part {
            function_call: Some(FunctionCall {
                id: given_id(id),
                name,
                args: Args::of(arguments),
            }),
            thought_signature: google(part),
            ..Part::default()
        });
    }

    /// A function response; text when no call of that id came before, for a response must name its
    /// function.
    fn result(&mut self, part: &'a chat::Part, out: &mut Parts<'a>) {
        let chat::Part::ToolResult {
            id,
            parts,
            is_error,
            cache,
        } = part
        else {
            return;
        };
        self.losses.note_if(cache.is_some(), Field::CacheControl);
        let (text, media) = self.result_parts(parts);
        let Some(name) = self.names.get(id.as_str()).copied() else {
            self.losses.note(Field::Messages);
            out.owned_text(text);
            return media.into_iter().for_each(|part| out.push(part));
        };
        let said = structured(text);
        let response = match is_error {
            true => Outcome::Error(said),
            false => Outcome::Result(said),
        };
        // Before Gemini 3 a response holds no media: they stand next to it.
        let within = self.model.generation >= Generation::V3;
        let (within, beside) = if within {
            (media, Vec::new())
        } else {
            (Vec::new(), media)
        };
        out.push(Part {
            function_response: Some(FunctionResponse {
                id: given_id(id),
                name,
                response,
                parts: within,
            }),
            ..Part::default()
        });
        beside.into_iter().for_each(|part| out.push(part));
    }

    /// A result's texts, one a line, and its media.
    fn result_parts(&mut self, parts: &'a [chat::Part]) -> (String, Vec<Part<'a>>) {
        let mut texts: Vec<Cow<'_, str>> = Vec::new();
        let mut media = Vec::new();
        for part in parts {
            match part {
                chat::Part::Text { text, cache } => {
                    self.losses.note_if(cache.is_some(), Field::CacheControl);
                    texts.push(Cow::Borrowed(text));
                }
                chat::Part::Refusal { text } => texts.push(Cow::Borrowed(text)),
                chat::Part::File {
                    source: Source::Text(text),
                    name,
                    ..
                } => texts.push(titled(name.as_deref(), text)),
                chat::Part::Image { .. } | chat::Part::File { .. } | chat::Part::Audio { .. } => {
                    media.extend(self.media(part));
                }
                chat::Part::ToolCall { .. }
                | chat::Part::ToolResult { .. }
                | chat::Part::Reasoning { .. }
                | chat::Part::RedactedReasoning { .. }
                | chat::Part::Foreign { .. } => self.losses.note(Field::ToolResults),
            }
        }
        (texts.join("\n"), media)
    }

    /// An image, a document or a sound; `None` for what Gemini cannot take.
    fn media(&mut self, part: &'a chat::Part) -> Option<Part<'a>> {
        let generation = self.model.generation;
        let (written, cache, lost) = match part {
            chat::Part::Image {
                source,
                detail,
                cache,
            } => {
                let asked = matches!(detail.as_deref(), Some("low" | "high"));
                self.losses.note_if(asked, Field::ImageDetail);
                let written = source_part(source, "image/jpeg", generation);
                (written, cache, Field::Images)
            }
            chat::Part::File {
                source: Source::Text(text),
                name,
                cache,
            } => {
                let text = Some(titled(name.as_deref(), text));
                let written = Part {
                    text,
                    ..Part::default()
                };
                (Some(written), cache, Field::Files)
            }
            chat::Part::File { source, cache, .. } => {
                let written = source_part(source, "application/pdf", generation);
                (written, cache, Field::Files)
            }
            chat::Part::Audio { data, format } => {
                (Some(audio_part(data, format)), &None, Field::Audio)
            }
            chat::Part::Text { .. }
            | chat::Part::ToolCall { .. }
            | chat::Part::ToolResult { .. }
            | chat::Part::Reasoning { .. }
            | chat::Part::RedactedReasoning { .. }
            | chat::Part::Refusal { .. }
            | chat::Part::Foreign { .. } => return None,
        };
        self.losses.note_if(cache.is_some(), Field::CacheControl);
        self.losses.note_if(written.is_none(), lost);
        written
    }
}

/// The parts of a turn, and a signature that waits for the text that it belongs to.
#[derive(Default)]
struct Parts<'a> {
    parts: Vec<Part<'a>>,
    waiting: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn push(&mut self, part: Part<'a>) {
        self.flush();
        self.parts.push(part);
    }

    /// Vertex AI refuses empty texts without a signature.
    fn text(&mut self, text: &'a str) {
        if !text.is_empty() || self.waiting.is_some() {
            let thought_signature = self.waiting.take();
            self.parts.push(Part {
                thought_signature,
                ..Part::text(text)
            });
        }
    }

    fn owned_text(&mut self, text: String) {
        if !text.is_empty() {
            self.push(Part {
                text: Some(Cow::Owned(text)),
                ..Part::default()
            });
        }
    }

    fn thought(&mut self, text: &'a str, signature: Option<&'a str>) {
        self.flush();
        if !text.is_empty() {
            self.parts.push(Part {
                thought: true,
                ..Part::text(text)
            });
        }
        self.waiting = signature;
    }

    /// Without a text after it, a signature belongs to the thought before it, or stands alone on an
    /// empty text, as streams end.
    fn flush(&mut self) {
        let Some(signature) = self.waiting.take() else {
            return;
        };
        match self.parts.last_mut() {
            Some(last) if last.thought && last.thought_signature.is_none() => {
                last.thought_signature = Some(signature);
            }
            Some(_) | None => self.parts.push(Part {
                thought_signature: Some(signature),
                ..Part::text("")
            }),
        }
    }
}

fn is_google(signature: &Signature) -> bool {
    signature.maker == Maker::Google
}

/// A part's signature, if it is Google's.
fn google(part: &chat::Part) -> Option<&str> {
    let signature = match part {
        chat::Part::Reasoning { signature, .. } | chat::Part::ToolCall { signature, .. } => {
            signature.as_ref()
        }
        chat::Part::RedactedReasoning { signature } => Some(signature),
        chat::Part::Text { .. }
        | chat::Part::Image { .. }
        | chat::Part::File { .. }
        | chat::Part::Audio { .. }
        | chat::Part::ToolResult { .. }
        | chat::Part::Refusal { .. }
        | chat::Part::Foreign { .. } => None,
    };
    signature
        .filter(|it| is_google(it))
        .map(|it| it.data.as_str())
}

/// An id that a provider or client gave.
fn given_id(id: &str) -> Option<&str> {
    (!id.is_empty() && !MadeIds::is_made(id)).then_some(id)
}

/// A result that is a JSON object or list stays one.
fn structured(text: String) -> Said {
    if text.starts_with(['{', '['])
        && let Ok(raw) = serde_json::from_str(&text)
    {
        return Said::Raw(raw);
    }
    Said::Text(text)
}
