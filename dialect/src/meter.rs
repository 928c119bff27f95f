//! An answer that passes in its own dialect: read for what it used and how it ended.

use crate::provider_error::ProviderError;
use crate::relay::{RelayOut, StreamRelay};
use crate::translate::{Client, ErrorForm, write_error};
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
    /// A meter at the start of a stream; `strip_usage` when only the gateway asked for usage.
    #[must_use]
    pub fn new(client: Client, strip_usage: bool) -> Self {
        match client {
            Client::Messages | Client::CountTokens => Self::Messages(Box::default()),
            Client::Responses => Self::Responses(Box::default()),
            Client::Chat | Client::Completions | Client::Embeddings => {
                Self::Chunks(Box::new(StreamRelay::new(strip_usage)))
            }
        }
    }

    /// Reads the next bytes, `last` with the last ones.
    pub fn push(&mut self, chunk: &[u8], last: bool) -> RelayOut {
        match self {
            Self::Chunks(relay) => return relay.push(chunk, last),
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

#[cfg(test)]
mod tests {
    use super::*;

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
