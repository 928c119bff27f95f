//! A streamed answer, translated event by event.

use crate::chat::{AnswerContext, Event};
use crate::loss::Losses;
use crate::provider_error::{ErrorClass, ProviderError};
use crate::translate::{Client, Wire, dropped};
use crate::usage::Usage;
use crate::{account, anthropic, bedrock, completions, gemini, openai_chat, responses};

#[derive(Debug)]
enum Reader {
    Openai(Box<openai_chat::StreamReader>),
    Responses(Box<responses::provider::StreamReader>),
    Anthropic(Box<anthropic::StreamReader>),
    Gemini(Box<gemini::StreamReader>),
    Bedrock(Box<bedrock::StreamReader>),
}

#[derive(Debug)]
enum Writer {
    Chat(Box<openai_chat::StreamWriter>),
    Completions(Box<completions::StreamWriter>),
    Responses(Box<responses::StreamWriter>),
    Messages(Box<anthropic::StreamWriter>),
}

/// What is known of a stream.
#[derive(Debug, Default)]
struct Progress {
    begun: bool,
    ended: bool,
    pieces: u64,
    usage: Option<Usage>,
    /// How many pieces there were when it came.
    reported_at: u64,
    failed: Option<ProviderError>,
    dropped: Losses,
}

/// One stream on its way from a provider to a client of another dialect.
///
/// Until the answer has really begun, nothing is written for an error: it is in
/// [`Translation::failed`], and the attempt can still go elsewhere.
#[derive(Debug)]
pub struct Translation {
    reader: Reader,
    writer: Writer,
    client: Client,
    /// The client asked with OpenAI's deprecated functions.
    legacy: bool,
    /// Whose proofs of reasoning are marked as such.
    account: String,
    progress: Progress,
}

impl Translation {
    /// A translation at the start of a stream of the target that the provider calls `target_model`.
    #[must_use]
    pub fn new(
        client: Client,
        (wire, target_model): (Wire, &str),
        mut context: AnswerContext,
    ) -> Self {
        let account = std::mem::take(&mut context.account);
        let reader = match wire {
            Wire::Openai(_) | Wire::Azure { .. } => {
                Reader::Openai(Box::new(openai_chat::StreamReader::of_answer(&context.id)))
            }
            Wire::Responses(_) => Reader::Responses(Box::new(
                responses::provider::StreamReader::of_answer(&context.id),
            )),
            Wire::Anthropic => Reader::Anthropic(Box::default()),
            Wire::Gemini(_) => {
                Reader::Gemini(Box::new(gemini::StreamReader::of_answer(&context.id)))
            }
            Wire::Bedrock => {
                Reader::Bedrock(Box::new(bedrock::StreamReader::of_model(target_model)))
            }
        };
        let legacy = context.request.legacy_functions;
        let writer = match client {
            Client::Chat | Client::Embeddings => {
                Writer::Chat(Box::new(openai_chat::StreamWriter::new(context)))
            }
            Client::Completions => {
                Writer::Completions(Box::new(completions::StreamWriter::new(context)))
            }
            Client::Responses => Writer::Responses(Box::new(responses::StreamWriter::new(context))),
            Client::Messages | Client::CountTokens => {
                Writer::Messages(Box::new(anthropic::StreamWriter::new(context)))
            }
        };
        Self {
            reader,
            writer,
            client,
            legacy,
            account,
            progress: Progress::default(),
        }
    }

    /// Reads the next bytes, `last` with the last ones, of which there may be none, and appends what
    /// the client gets.
    pub fn push(&mut self, chunk: &[u8], last: bool, out: &mut Vec<u8>) {
        let (writer, progress) = (&mut self.writer, &mut self.progress);
        let (client, legacy, account) = (self.client, self.legacy, &self.account);
        let mut sink = |mut event: Event<'_>| {
            account::mark_event(&mut event, account);
            if let Some(field) = dropped::of_event(client, legacy, &event) {
                progress.dropped.note(field);
            }
            if progress.note(&event) {
                writer.write(&event, out);
            }
        };
        match &mut self.reader {
            Reader::Openai(reader) => {
                reader.push(chunk, &mut sink);
                if last {
                    reader.finish(&mut sink);
                }
            }
            Reader::Responses(reader) => {
                reader.push(chunk, &mut sink);
                if last {
                    reader.finish(&mut sink);
                }
            }
            Reader::Anthropic(reader) => {
                reader.push(chunk, &mut sink);
                if last {
                    reader.finish(&mut sink);
                }
            }
            Reader::Gemini(reader) => {
                reader.push(chunk, &mut sink);
                if last {
                    reader.finish(&mut sink);
                }
            }
            Reader::Bedrock(reader) => {
                reader.push(chunk, &mut sink);
                if last {
                    reader.finish(&mut sink);
                }
            }
        }
        self.writer.flush(out);
    }

    /// Whether a first piece of the answer has come.
    #[must_use]
    pub fn begun(&self) -> bool {
        self.progress.begun
    }

    /// Whether the provider said that the stream is whole.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.progress.ended
    }

    /// Pieces of output: about one per token.
    #[must_use]
    pub fn pieces(&self) -> u64 {
        self.progress.pieces
    }

    /// What the provider last said it used.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.progress.usage
    }

    /// What of the provider's answer the client does not get, so far.
    #[must_use]
    pub fn dropped(&self) -> &Losses {
        &self.progress.dropped
    }

    /// Whether that is all of it: no piece has come since.
    #[must_use]
    pub fn usage_is_whole(&self) -> bool {
        self.progress.reported_at == self.progress.pieces
    }

    /// Why the stream failed.
    #[must_use]
    pub fn failed(&self) -> Option<&ProviderError> {
        self.progress.failed.as_ref()
    }
}

impl Progress {
    /// Takes note of an event; whether the client shall get it.
    fn note(&mut self, event: &Event<'_>) -> bool {
        match event {
            Event::Text { .. }
            | Event::Reasoning { .. }
            | Event::Refusal { .. }
            | Event::ToolArguments { .. } => {
                self.begun = true;
                self.pieces += 1;
            }
            Event::ReasoningSignature { .. }
            | Event::RedactedReasoning { .. }
            | Event::ToolCall { .. }
            | Event::Logprobs { .. }
            | Event::Finish { .. } => self.begun = true,
            Event::Usage(usage) => {
                self.usage = Some(*usage);
                self.reported_at = self.pieces;
            }
            // The client has seen nothing of it: the attempt can still go elsewhere.
            Event::Foreign { .. } | Event::Start { .. } | Event::Ping => {}
            Event::Error(error) => {
                self.failed = Some(error.clone());
                return self.begun;
            }
            Event::End if self.begun => self.ended = true,
            Event::End => {
                self.failed = Some(ProviderError::new(
                    ErrorClass::Server,
                    "The provider's answer was empty.",
                ));
                return false;
            }
        }
        true
    }
}

impl Writer {
    /// All of a chunk has been written.
    fn flush(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Responses(writer) => writer.flush(out),
            Self::Chat(_) | Self::Completions(_) | Self::Messages(_) => {}
        }
    }

    fn write(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Chat(writer) => writer.write(event, out),
            Self::Completions(writer) => writer.write(event, out),
            Self::Responses(writer) => writer.write(event, out),
            Self::Messages(writer) => writer.write(event, out),
        }
    }
}
