//! An answer that passes in its own dialect: read for what it used and how it ended.

use crate::provider_error::ProviderError;
use crate::relay::{RelayOut, StreamRelay};
use crate::sse::SseReader;
use crate::translate::{Client, ErrorForm, Wire, write_error};
use crate::usage::Usage;
use crate::{anthropic, responses};
use ark_wire::answer::AnswerInspector;

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
    Responses(Box<responses::StreamMeter>),
    /// Anthropic's Messages.
    Messages(Box<anthropic::StreamMeter>),
}

impl Meter {
    /// A meter at the start of a stream of this provider; `strip_usage` when only the gateway asked for
    /// usage.
    #[must_use]
    pub fn new(client: Client, wire: Wire, strip_usage: bool) -> Self {
        match client {
            Client::Messages | Client::CountTokens => Self::Messages(Box::default()),
            Client::Responses => Self::Responses(Box::default()),
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
            Self::Chunks(relay) => return relayed(relay, chunk, last),
            Self::Responses(meter) => meter.push(chunk),
            Self::Messages(meter) => meter.push(chunk),
        }
        RelayOut::Unchanged
    }

    /// What the provider last said it used.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        match self {
            Self::Chunks(relay) => relay.usage(),
            Self::Responses(meter) => meter.usage(),
            Self::Messages(meter) => meter.usage(),
        }
    }

    /// Whether that is all of it. Anthropic's first report counts the prompt; what follows it is counted
    /// by its events until the last report comes.
    #[must_use]
    pub fn usage_is_whole(&self) -> bool {
        match self {
            Self::Chunks(_) | Self::Responses(_) => true,
            Self::Messages(meter) => meter.usage_is_whole(),
        }
    }

    /// Events of the answer: about one per output token.
    #[must_use]
    pub fn events(&self) -> u64 {
        match self {
            Self::Chunks(relay) => relay.events(),
            Self::Responses(meter) => meter.events(),
            Self::Messages(meter) => meter.events(),
        }
    }

    /// Whether an error came within the stream.
    #[must_use]
    pub fn saw_error(&self) -> bool {
        match self {
            Self::Chunks(relay) => relay.saw_error(),
            Self::Responses(meter) => meter.saw_error(),
            Self::Messages(meter) => meter.saw_error(),
        }
    }

    /// Whether the provider said that the stream is whole.
    #[must_use]
    pub fn saw_end(&self) -> bool {
        match self {
            Self::Chunks(relay) => relay.saw_done(),
            Self::Responses(meter) => meter.saw_end(),
            Self::Messages(meter) => meter.saw_end(),
        }
    }

    /// The event that tells the client that the stream broke off.
    #[must_use]
    pub fn broken_off(&self) -> Vec<u8> {
        let error = ProviderError::truncated();
        let (name, form) = match self {
            Self::Chunks(_) => ("", ErrorForm::Openai),
            Self::Messages(_) => ("event: error\n", ErrorForm::Anthropic),
            Self::Responses(_) => ("event: error\n", ErrorForm::Openai),
        };
        // A line end first: what broke off may have ended within a line.
        let mut event = format!("\n\n{name}data: ").into_bytes();
        event.extend(write_error(form, &error));
        event.extend(b"\n\n");
        event
    }
}

fn relayed(relay: &mut StreamRelay, chunk: &[u8], last: bool) -> RelayOut {
    let out = relay.push(chunk, last);
    let Some(event) = relay.take_foreign_error() else {
        return out;
    };
    let mut bytes = match out {
        RelayOut::Unchanged => chunk.to_vec(),
        RelayOut::Replace(bytes) => bytes,
    };
    bytes.extend_from_slice(b"data: ");
    bytes.extend(write_error(ErrorForm::Openai, &reported(&event)));
    bytes.extend_from_slice(b"\n\n");
    RelayOut::Replace(bytes)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vendor::Vendor;

    #[test]
    fn a_vendors_own_error_reaches_chat_clients_as_openais() {
        let word = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n";
        let error = r#"{"object":"error","message":"Service tier capacity exceeded for this model.","type":"invalid_request_error","param":null,"code":"3505"}"#;
        let base = r#"{"base_resp":{"status_code":1002,"status_msg":"rate limit"}}"#;
        let wire = |name| Wire::Openai(Vendor::parse(name).unwrap());
        for (vendor, error, told) in [
            ("mistral", error, "capacity exceeded"),
            ("minimax", base, "rate limit"),
        ] {
            for size in [1, 9, 1000] {
                let stream = format!("{word}data: {error}\n\ndata: [DONE]\n\n");
                let mut meter = Meter::new(Client::Chat, wire(vendor), true);
                let mut out = Vec::new();
                for piece in stream.as_bytes().chunks(size).chain([&b""[..]]) {
                    match meter.push(piece, piece.is_empty()) {
                        RelayOut::Unchanged => out.extend_from_slice(piece),
                        RelayOut::Replace(bytes) => out.extend(bytes),
                    }
                }
                let out = String::from_utf8(out).unwrap();
                let event = out.strip_prefix(word).unwrap();
                let event = event
                    .strip_prefix("data: {\"error\":{\"message\":")
                    .unwrap();
                assert!(event.contains(told) && event.ends_with("}}\n\n"), "{event}");
                assert!(meter.saw_error());
            }
        }
        // Where nobody said that it is MiniMax, its form is nothing.
        let mut meter = Meter::new(Client::Chat, wire("openai"), true);
        let stream = format!("{word}data: {base}\n\n");
        assert_eq!(meter.push(stream.as_bytes(), false), RelayOut::Unchanged);
    }

    #[test]
    fn usage_is_read_as_the_client_counts_it() {
        let body = br#"{"usage":{"input_tokens":3,"cache_read_input_tokens":4,"output_tokens":5}}"#;
        for (client, input_tokens) in [(Client::Messages, 7), (Client::Responses, 3)] {
            let mut inspector = answer_inspector(client);
            inspector.push(body);
            let usage = inspector.finish().usage.unwrap();
            assert_eq!((usage.input_tokens, usage.output_tokens), (input_tokens, 5));
        }
    }
}
