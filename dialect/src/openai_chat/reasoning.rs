//! Reasoning and its signatures in a dialect that has no place for them.
//!
//! The text is `reasoning_content`, as most vendors write it. Signatures are in `reasoning_details`,
//! as OpenRouter documents it (<https://openrouter.ai/docs/use-cases/reasoning-tokens>): clients that
//! send those back with the message keep the proof. In a stream the text has gone out before its
//! signature comes, so that a detail says by `span` which bytes of the text it is about; a client
//! that merges details as OpenRouter's do (same `index`, text appended) is understood as well.

use serde::Serialize;
use serde_json::Value;

use super::lenient::Text;
use super::wire::{Detail, Span};
use crate::chat::{Maker, Part, Signature};

const TEXT: &str = "reasoning.text";
const ENCRYPTED: &str = "reasoning.encrypted";

/// What a request holds, as [`crate::markers::MarkerScan`] finds it, whose conversation has members
/// that Ark or a compatible vendor put into its answers and that OpenAI's own servers do not know:
/// such a request is not passed to them as it is but edited
/// ([`crate::vendor::foreign_history`]) or read and written.
///
/// Compatible vendors and gateways know them: there the bytes pass. Text of the same look, its quotes
/// escaped, is no such member.
pub static FOREIGN_HISTORY: [&[u8]; 3] = [
    b"\"reasoning_content\"",
    b"\"reasoning_details\"",
    b"\"extra_content\"",
];

/// Whose signature a detail of this `format` holds; `None` when nobody takes it.
fn maker(format: &str) -> Option<Maker> {
    Some(match format {
        "anthropic-claude-v1" => Maker::Anthropic,
        "google-gemini-v1" => Maker::Google,
        "openai-responses-v1" => Maker::Openai,
        "bedrock-v1" => Maker::Bedrock,
        _ => return None,
    })
}

fn format(maker: Maker) -> &'static str {
    match maker {
        Maker::Anthropic => "anthropic-claude-v1",
        Maker::Google => "google-gemini-v1",
        Maker::Openai => "openai-responses-v1",
        Maker::Bedrock => "bedrock-v1",
    }
}

/// The signature of a detail, if it has one of a known maker.
pub(super) fn signature(detail: &Detail<'_>) -> Option<Signature> {
    let data = Some(detail.signature.as_str()).filter(|data| !data.is_empty())?;
    Some(Signature {
        maker: maker(detail.format.as_str())?,
        data: data.to_owned(),
    })
}

/// The encrypted reasoning of a detail, if it is such; of an unknown maker it is nobody's.
pub(super) fn encrypted(detail: &Detail<'_>) -> Option<Result<Signature, String>> {
    let data = Some(detail.data.as_str()).filter(|data| !data.is_empty())?;
    let data = data.to_owned();
    Some(match maker(detail.format.as_str()) {
        Some(maker) => Ok(Signature { maker, data }),
        None => Err(data),
    })
}

/// The text of a detail.
pub(super) fn text<'d>(detail: &'d Detail<'_>) -> &'d str {
    Some(detail.text.as_str())
        .filter(|text| !text.is_empty())
        .unwrap_or(detail.summary.as_str())
}

/// The parts that `reasoning_content` and `reasoning_details` of one message say together.
pub(super) fn parts(flat: Text<'_>, details: &[Detail<'_>]) -> Vec<Part> {
    let mut reader = Reader {
        flat: flat.as_str(),
        told_bytes: 0,
        how: How::of(details),
        open: None,
        parts: Vec::new(),
    };
    details.iter().for_each(|detail| reader.detail(detail));
    reader.rest()
}

/// How the details relate to the flat text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// They repeat it.
    Repeat,
    /// They say which bytes of it they mean.
    Span,
    /// There is one, so it means all of it.
    All,
    /// There are several, and which means what is not known: signatures without their text prove
    /// nothing.
    Unknown,
}

impl How {
    fn of(details: &[Detail<'_>]) -> Self {
        if details.iter().any(|detail| !text(detail).is_empty()) {
            return Self::Repeat;
        }
        if details.iter().any(|detail| detail.span.0.is_some()) {
            return Self::Span;
        }
        let signed = |detail: &&Detail<'_>| !detail.signature.as_str().is_empty();
        match details.iter().filter(signed).count() {
            0 | 1 => Self::All,
            _ => Self::Unknown,
        }
    }
}

struct Reader<'f> {
    flat: &'f str,
    /// Bytes of the flat text that are in parts already.
    told_bytes: usize,
    how: How,
    /// The `index` of the last part, if more may be added to it.
    open: Option<u64>,
    parts: Vec<Part>,
}

impl Reader<'_> {
    fn detail(&mut self, detail: &Detail<'_>) {
        match encrypted(detail) {
            Some(Ok(signature)) => return self.push(Part::RedactedReasoning { signature }),
            Some(Err(data)) => {
                return self.push(Part::Foreign {
                    kind: ENCRYPTED.to_owned(),
                    value: Value::String(data),
                });
            }
            None => {}
        }
        let signature = signature(detail);
        match self.how {
            How::Repeat => self.repeated(detail, signature),
            How::Span => self.spanned(detail.span.0, signature),
            How::All => {
                if signature.is_some() {
                    self.told_bytes = self.flat.len();
                    self.reasoning(self.flat, signature);
                }
            }
            How::Unknown if self.flat.is_empty() => self.reasoning("", signature),
            How::Unknown => {}
        }
    }

    fn repeated(&mut self, detail: &Detail<'_>, signature: Option<Signature>) {
        let index = detail.index.0;
        if index.is_some()
            && index == self.open
            && let Some(Part::Reasoning {
                text: so_far,
                signature: none @ None,
            }) = self.parts.last_mut()
        {
            so_far.push_str(text(detail));
            *none = signature;
            return;
        }
        self.reasoning(text(detail), signature);
        self.open = index;
    }

    fn spanned(&mut self, span: Option<Span>, signature: Option<Signature>) {
        let bound = |bound: Option<u64>| bound.and_then(|bytes| usize::try_from(bytes).ok());
        let range = span.and_then(|span| Some((bound(span.start.0)?, bound(span.end.0)?)));
        let Some((start, end)) = range.filter(|(start, _)| *start >= self.told_bytes) else {
            return;
        };
        let flat = self.flat;
        // A client that does not send the text back leaves the signature alone.
        let (before, text) = match (flat.get(self.told_bytes..start), flat.get(start..end)) {
            (Some(before), Some(text)) => (before, text),
            _ if flat.is_empty() => ("", ""),
            _ => return,
        };
        self.reasoning(before, None);
        self.reasoning(text, signature);
        self.told_bytes = end;
    }

    fn reasoning(&mut self, text: &str, signature: Option<Signature>) {
        if !text.is_empty() || signature.is_some() {
            let text = text.to_owned();
            self.push(Part::Reasoning { text, signature });
        }
    }

    fn push(&mut self, part: Part) {
        self.open = None;
        self.parts.push(part);
    }

    /// What only the flat text says goes where it stands: before everything, or after.
    fn rest(mut self) -> Vec<Part> {
        let rest = self.flat.get(self.told_bytes..).unwrap_or_default();
        if self.how == How::Repeat || rest.is_empty() {
            return self.parts;
        }
        let part = Part::Reasoning {
            text: rest.to_owned(),
            signature: None,
        };
        let at = if self.told_bytes == 0 {
            0
        } else {
            self.parts.len()
        };
        self.parts.insert(at, part);
        self.parts
    }
}

/// An element of `reasoning_details` as it is written.
#[derive(Debug, Serialize)]
pub(super) struct DetailOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'static str>,
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    span: Option<SpanOut>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct SpanOut {
    pub(super) start: u64,
    pub(super) end: u64,
}

impl<'a> DetailOut<'a> {
    /// Whole reasoning.
    pub(super) fn text(index: usize, text: &'a str, signature: Option<&'a Signature>) -> Self {
        Self {
            kind: TEXT,
            text: Some(text),
            data: None,
            signature: signature.map(|signature| signature.data.as_str()),
            format: signature.map(|signature| format(signature.maker)),
            index,
            span: None,
        }
    }

    /// The proof of reasoning whose text has gone out.
    pub(super) fn proof(index: usize, span: SpanOut, signature: &'a Signature) -> Self {
        Self {
            text: None,
            span: Some(span),
            ..Self::text(index, "", Some(signature))
        }
    }

    /// Encrypted reasoning.
    pub(super) fn encrypted(index: usize, signature: &'a Signature) -> Self {
        Self {
            kind: ENCRYPTED,
            text: None,
            data: Some(&signature.data),
            signature: None,
            ..Self::text(index, "", Some(signature))
        }
    }
}

/// The details of an answer: none when nothing in it is signed.
pub(super) fn details(parts: &[Part]) -> Vec<DetailOut<'_>> {
    let mut signed = false;
    let mut details = Vec::new();
    for part in parts {
        let index = details.len();
        if let Part::Reasoning { text, signature } = part {
            signed |= signature.is_some();
            details.push(DetailOut::text(index, text, signature.as_ref()));
        } else if let Part::RedactedReasoning { signature } = part {
            signed = true;
            details.push(DetailOut::encrypted(index, signature));
        }
    }
    if signed { details } else { Vec::new() }
}
