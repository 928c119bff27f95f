//! An answer that passes in its own dialect: read for what it used and how it ended.

use crate::gate::is_foreign_error;
use crate::provider_error::ProviderError;
use crate::relay::{NamedRelay, RelayOut, StreamRelay};
use crate::sse::SseReader;
use crate::translate::{Client, ErrorForm, Wire, write_error};
use crate::usage::Usage;
use crate::{anthropic, responses};
use ark_wire::answer::AnswerInspector;

#[cfg(test)]
mod tests;

/// A reader of a JSON answer that passes to this client, at the answer's start.
#[must_use]
pub fn answer_inspector(client: Client) -> AnswerInspector {
    match client {
        Client::Messages | Client::CountTokens => {
            AnswerInspector::with_usage(anthropic::read_usage)
        }
        Client::Chat | Client::Completions | Client::Embeddings | Client::Responses => {
            AnswerInspector::new()
        }
    }
}

/// Reads one passing stream.
#[derive(Debug)]
pub enum Meter {
    /// OpenAI's chat and completions, out of which the usage chunk may be taken.
    Chunks(Box<StreamRelay>),
    /// OpenAI's Responses.
    Responses(Box<Named<responses::StreamMeter>>),
    /// Anthropic's Messages.
    Messages(Box<Named<anthropic::StreamMeter>>),
}

/// A stream of named events.
#[derive(Debug)]
pub struct Named<M> {
    relay: NamedRelay,
    meter: M,
}

impl<M: Default> Named<M> {
    fn new(is_foreign: fn(&[u8]) -> bool) -> Box<Self> {
        Box::new(Self {
            relay: NamedRelay::new(is_foreign),
            meter: M::default(),
        })
    }
}

impl Meter {
    /// A meter at the start of a stream of this provider; `strip_usage` when only the gateway asked for
    /// usage.
    #[must_use]
    pub fn new(client: Client, wire: Wire, strip_usage: bool) -> Self {
        match client {
            Client::Messages | Client::CountTokens => {
                Self::Messages(Named::new(|event| is_foreign(event, |object, _| object)))
            }
            Client::Responses => Self::Responses(Named::new(|event| {
                is_foreign(event, |object, text| object || text)
            })),
            Client::Chat | Client::Completions | Client::Embeddings => {
                let relay = StreamRelay::new(strip_usage);
                let odd = matches!(wire, Wire::Openai(vendor) if vendor.quirks().base_resp);
                Self::Chunks(Box::new(if odd {
                    relay.watching_base_resp()
                } else {
                    relay
                }))
            }
        }
    }

    /// Reads the next bytes, `last` with the last ones. An error in a vendor's own form becomes one of
    /// the client's, and nothing follows it.
    pub fn push(&mut self, chunk: &[u8], last: bool) -> RelayOut {
        match self {
            Self::Chunks(relay) => {
                let out = relay.push(chunk, last);
                told(
                    out,
                    chunk,
                    relay.take_foreign_error(),
                    ("", ErrorForm::Openai),
                )
            }
            Self::Responses(named) => {
                named.meter.push(chunk);
                let out = named.relay.push(chunk, last);
                let error = named.relay.take_foreign_error();
                told(out, chunk, error, (NAMED, ErrorForm::Openai))
            }
            Self::Messages(named) => {
                named.meter.push(chunk);
                let out = named.relay.push(chunk, last);
                let error = named.relay.take_foreign_error();
                told(out, chunk, error, (NAMED, ErrorForm::Anthropic))
            }
        }
    }

    /// What the provider last said it used.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        match self {
            Self::Chunks(relay) => relay.usage(),
            Self::Responses(named) => named.meter.usage(),
            Self::Messages(named) => named.meter.usage(),
        }
    }

    /// Whether that is all of it. Anthropic's first report counts the prompt; what follows it is counted
    /// by its events until the last report comes.
    #[must_use]
    pub fn usage_is_whole(&self) -> bool {
        match self {
            Self::Chunks(_) | Self::Responses(_) => true,
            Self::Messages(named) => named.meter.usage_is_whole(),
        }
    }

    /// Events of the answer: about one per output token.
    #[must_use]
    pub fn events(&self) -> u64 {
        match self {
            Self::Chunks(relay) => relay.events(),
            Self::Responses(named) => named.meter.events(),
            Self::Messages(named) => named.meter.events(),
        }
    }

    /// Whether an error came within the stream.
    #[must_use]
    pub fn saw_error(&self) -> bool {
        match self {
            Self::Chunks(relay) => relay.saw_error(),
            Self::Responses(named) => named.meter.saw_error() || named.relay.is_over(),
            Self::Messages(named) => named.meter.saw_error() || named.relay.is_over(),
        }
    }

    /// Whether the provider said that the stream is whole.
    #[must_use]
    pub fn saw_end(&self) -> bool {
        match self {
            Self::Chunks(relay) => relay.saw_done(),
            Self::Responses(named) => named.meter.saw_end(),
            Self::Messages(named) => named.meter.saw_end(),
        }
    }

    /// The event that tells the client that the stream broke off.
    #[must_use]
    pub fn broken_off(&self) -> Vec<u8> {
        let error = ProviderError::truncated();
        let (name, form) = match self {
            Self::Chunks(_) => ("", ErrorForm::Openai),
            Self::Messages(_) => (NAMED, ErrorForm::Anthropic),
            Self::Responses(_) => (NAMED, ErrorForm::Openai),
        };
        // A line end first: what broke off may have ended within a line.
        let mut event = format!("\n\n{name}data: ").into_bytes();
        event.extend(write_error(form, &error));
        event.extend(b"\n\n");
        event
    }
}

/// The line that names an error in a stream of named events.
const NAMED: &str = "event: error\n";

/// What the client gets of a chunk, out of which an error may have been taken: that is told in its form.
fn told(
    out: RelayOut,
    chunk: &[u8],
    error: Option<Vec<u8>>,
    (name, form): (&str, ErrorForm),
) -> RelayOut {
    let Some(event) = error else {
        return out;
    };
    let mut bytes = match out {
        RelayOut::Unchanged => chunk.to_vec(),
        RelayOut::Replace(bytes) => bytes,
    };
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(b"data: ");
    bytes.extend(write_error(form, &reported(&event)));
    bytes.extend_from_slice(b"\n\n");
    RelayOut::Replace(bytes)
}

/// Whether a whole event is an error in another form than the client's own.
fn is_foreign(event: &[u8], own: fn(bool, bool) -> bool) -> bool {
    let mut foreign = false;
    let mut reader = SseReader::new(event.len() + 4);
    let mut sink = |event: crate::sse::Event<'_>| foreign |= is_foreign_error(event, own);
    let read = reader.push(event, &mut sink);
    read.and_then(|()| reader.push(b"\n\n", &mut sink)).is_ok() && foreign
}

/// What an event says that is an error.
fn reported(event: &[u8]) -> ProviderError {
    let mut error = None;
    let mut reader = SseReader::new(event.len() + 4);
    let mut sink = |event: crate::sse::Event<'_>| error = Some(ProviderError::read(event.data));
    // A large event has no more to say than this; the bound is never met.
    let read = reader.push(event, &mut sink);
    let read = read.and_then(|()| reader.push(b"\n\n", &mut sink));
    let known = error.filter(|_| read.is_ok());
    known.unwrap_or_else(ProviderError::truncated)
}
