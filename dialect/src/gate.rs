//! Whether a stream begins with an answer or with an error.
//!
//! A provider may answer 200 and fail in its first event. Until that event is known nothing has
//! reached the client, and the attempt can still go elsewhere.

#[cfg(test)]
mod tests;

use crate::bytes::head;
use crate::json_scan::{Keys, Kind, Member, ObjectScanner, Wanted};
use crate::provider_error::{ErrorClass, ProviderError};
use crate::sse::{Event, SseReader};

/// Bytes after which a stream passes even if no event was found in it.
pub const LOOK_AHEAD_BYTES: usize = 64 * 1024;

const CAPTURE_BYTES: usize = 4096;
const fn wanted(name: &'static str, capture_bytes: usize) -> Wanted {
    Wanted {
        name,
        capture_bytes,
        unique: false,
    }
}

const ERROR: usize = 0;
const OBJECT: usize = 1;
const TYPE: usize = 2;
const MESSAGE: usize = 3;
const CODE: usize = 4;
const BASE_RESP: usize = 5;
const CHOICES: usize = 6;
static WANTED: [Wanted; 7] = [
    wanted("error", CAPTURE_BYTES),
    wanted("object", 16),
    wanted("type", 128),
    wanted("message", CAPTURE_BYTES),
    wanted("code", 128),
    wanted("base_resp", 1024),
    wanted("choices", 0),
];

/// The error that a whole JSON answer is, whatever its status; `None` when it is an answer.
#[must_use]
pub fn hidden_error(body: &[u8]) -> Option<ProviderError> {
    let mut scanner = ObjectScanner::new(&WANTED, Keys::Decoded);
    scanner.push(body);
    reported(&scanner, false)
}

/// What the gate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GateVerdict {
    /// Hold the stream.
    NeedMore,
    /// Let it go: it begins with an answer.
    Pass,
    /// It begins with an error, or is none.
    ProviderError(GateError),
}

/// Why a stream does not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GateError {
    /// It ended before its first event, or holds nothing but `[DONE]`.
    Empty,
    /// The provider's own error, safe to show.
    Reported(ProviderError),
}

impl GateError {
    /// What to do about it.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Empty => ErrorClass::Server,
            Self::Reported(error) => error.class,
        }
    }
}

/// Reads a stream up to its first event.
#[derive(Debug)]
pub struct FirstEvent {
    reader: SseReader,
    /// The same bytes as a JSON body, which some providers send whatever the content type.
    body: ObjectScanner<7>,
    seen_bytes: usize,
    verdict: GateVerdict,
}

impl Default for FirstEvent {
    fn default() -> Self {
        Self::new()
    }
}

impl FirstEvent {
    /// A gate at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self {
            reader: SseReader::new(LOOK_AHEAD_BYTES),
            body: ObjectScanner::new(&WANTED, Keys::Decoded),
            seen_bytes: 0,
            verdict: GateVerdict::NeedMore,
        }
    }

    /// Reads the next bytes. Once decided, the verdict stays.
    pub fn push(&mut self, chunk: &[u8]) -> GateVerdict {
        if self.verdict == GateVerdict::NeedMore {
            let chunk = head(chunk, LOOK_AHEAD_BYTES.saturating_sub(self.seen_bytes));
            self.seen_bytes += chunk.len();
            self.body.push(chunk);
            self.read(chunk);
            if self.verdict == GateVerdict::NeedMore && self.seen_bytes >= LOOK_AHEAD_BYTES {
                self.verdict = GateVerdict::Pass;
            }
        }
        self.verdict.clone()
    }

    /// Ends the stream; never [`GateVerdict::NeedMore`].
    #[must_use]
    pub fn finish(mut self) -> GateVerdict {
        if self.verdict == GateVerdict::NeedMore {
            if self.body.complete() {
                return judge(&self.body, false);
            }
            // Some servers leave out the last blank line.
            self.read(b"\n\n");
        }
        match self.verdict {
            GateVerdict::NeedMore => GateVerdict::ProviderError(GateError::Empty),
            GateVerdict::Pass | GateVerdict::ProviderError(_) => self.verdict,
        }
    }

    fn read(&mut self, bytes: &[u8]) {
        let mut first = GateVerdict::NeedMore;
        let read = self.reader.push(bytes, &mut |event| {
            if first == GateVerdict::NeedMore {
                first = verdict(event);
            }
        });
        self.verdict = match (first, read) {
            // An event of that size is no error message.
            (GateVerdict::NeedMore, Err(_)) => GateVerdict::Pass,
            (first, _) => first,
        };
    }
}

fn verdict(event: Event<'_>) -> GateVerdict {
    if event.data.trim_ascii().is_empty() {
        return GateVerdict::NeedMore;
    }
    if event.data.starts_with(b"[DONE]") {
        return GateVerdict::ProviderError(GateError::Empty);
    }
    let mut scanner = ObjectScanner::new(&WANTED, Keys::Decoded);
    scanner.push(event.data);
    match scanner.member(TYPE).and_then(Member::whole) {
        Some(kind) if PREAMBLES.contains(&kind) => GateVerdict::NeedMore,
        Some(b"\"response.failed\"") => {
            GateVerdict::ProviderError(GateError::Reported(failed_response(event.data)))
        }
        Some(_) | None => judge(&scanner, event.name == b"error"),
    }
}

/// Events that come before the answer: Anthropic's and Responses'. A provider that is overloaded may
/// have sent them already.
const PREAMBLES: [&[u8]; 5] = [
    b"\"message_start\"",
    b"\"ping\"",
    b"\"response.created\"",
    b"\"response.in_progress\"",
    b"\"response.queued\"",
];

/// The error in a `response.failed` event of OpenAI's Responses.
fn failed_response(data: &[u8]) -> ProviderError {
    let event: serde_json::Value = serde_json::from_slice(data).unwrap_or_default();
    let error = event
        .pointer("/response/error")
        .unwrap_or(&serde_json::Value::Null);
    ProviderError::from_value(error.to_string().as_bytes())
}

/// Whether an event of a stream that passes is an error in a form that a client of this dialect does not
/// know; `own` tells the members `error` and `message`, as whether they are an object and a text, of one
/// that it does.
pub(crate) fn is_foreign_error(event: Event<'_>, own: fn(bool, bool) -> bool) -> bool {
    let mut scanner = ObjectScanner::new(&WANTED, Keys::Decoded);
    scanner.push(event.data);
    let kind = |index: usize| scanner.member(index).map(|member| member.kind);
    let typed = scanner.member(TYPE).and_then(Member::whole) == Some(b"\"error\"");
    let object = kind(ERROR) == Some(Kind::Object);
    let text = kind(MESSAGE) == Some(Kind::String);
    let known = typed && own(object, text);
    !known && !event.data.is_empty() && reported(&scanner, event.name == b"error").is_some()
}

fn judge(scanner: &ObjectScanner<7>, named_error: bool) -> GateVerdict {
    match reported(scanner, named_error) {
        Some(error) => GateVerdict::ProviderError(GateError::Reported(error)),
        None => GateVerdict::Pass,
    }
}

fn reported(scanner: &ObjectScanner<7>, named_error: bool) -> Option<ProviderError> {
    let said = |index: usize| scanner.member(index).filter(|m| m.kind != Kind::Null);
    let raw = |index: usize| scanner.member(index).and_then(Member::whole);
    if let Some(error) = said(ERROR) {
        return Some(ProviderError::from_value(error.whole().unwrap_or_default()));
    }
    // MiniMax says how it went in every answer.
    if let Some(error) = raw(BASE_RESP).and_then(ProviderError::from_base_resp) {
        return Some(error);
    }
    let is_error =
        |index: usize| raw(index).is_some_and(|word| word.eq_ignore_ascii_case(b"\"error\""));
    // DashScope's errors are a code and a message; answers have choices.
    let bare = said(MESSAGE).is_some_and(|message| message.kind == Kind::String)
        && said(CODE).is_some_and(|code| matches!(code.kind, Kind::String | Kind::Number))
        && said(CHOICES).is_none();
    let is_error = named_error || is_error(OBJECT) || is_error(TYPE) || bare;
    is_error.then(|| ProviderError::from_members(raw(MESSAGE), raw(TYPE), raw(CODE)))
}
