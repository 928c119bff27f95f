//! What providers answer, and what every client gets.

use std::fmt::Write;
use std::path::PathBuf;
use std::rc::Rc;

use ark_dialect::chat::{AnswerContext, ChatRequest};
use ark_dialect::embeddings::Encoding;
use ark_dialect::gemini::Api;
use ark_dialect::loss::Loss;
use ark_dialect::translate::{Client, ErrorForm, Translation, Wire, answer, write_error};
use ark_dialect::vendor::Vendor;
use serde_json::Value;

use crate::asks::lost;
use crate::story::{Input, folder, inputs, pretty};

/// The providers' dialects by the names of their folders.
pub const PROVIDERS: [(&str, Wire); 5] = [
    ("openai", Wire::Openai(Vendor::OPENAI)),
    ("openai-responses", Wire::Responses(Vendor::OPENAI)),
    ("anthropic", Wire::Anthropic),
    ("gemini", Wire::Gemini(Api::Gemini)),
    ("bedrock", Wire::Bedrock),
];

const CLIENTS: [(&str, Client); 4] = [
    ("chat", Client::Chat),
    ("responses", Client::Responses),
    ("completions", Client::Completions),
    ("messages", Client::Messages),
];

/// The provider's name for the model: whose signatures an answer carries depends on it.
const MODEL: &str = "anthropic.claude-sonnet-4-5-20250929-v1:0";

/// What a client gets.
struct Given {
    text: String,
    /// It is only an error.
    refused: bool,
    dropped: Vec<Loss>,
}

impl Given {
    fn error(client: Client, error: &ark_dialect::provider_error::ProviderError) -> Self {
        Self {
            text: shown(client, error),
            refused: true,
            dropped: Vec::new(),
        }
    }
}

/// One answer.
pub struct GoldenAnswer {
    pub provider: &'static str,
    pub wire: Wire,
    pub input: Input,
}

/// All answers.
pub fn all() -> Vec<GoldenAnswer> {
    let mut all = Vec::new();
    for (provider, wire) in PROVIDERS {
        for input in inputs(
            &folder().join("answers").join(provider),
            &["json", "sse", "frames"],
        ) {
            all.push(GoldenAnswer {
                provider,
                wire,
                input,
            });
        }
    }
    all
}

fn context() -> AnswerContext {
    AnswerContext {
        model: "asked-model".to_owned(),
        id: "0123456789abcdef".to_owned(),
        created: 1_700_000_000,
        request: Rc::new(ChatRequest {
            model: "asked-model".to_owned(),
            include_usage: true,
            logprobs: true,
            ..ChatRequest::default()
        }),
        encoding: Encoding::default(),
        account: String::new(),
    }
}

impl GoldenAnswer {
    pub fn story_file(&self) -> PathBuf {
        let ending = self.input.file.extension().unwrap().to_string_lossy();
        self.input.file.with_extension(format!("{ending}.md"))
    }

    fn is_stream(&self) -> bool {
        self.input.file.extension().is_none_or(|e| e != "json")
    }

    fn bytes(&self) -> Vec<u8> {
        if self.input.file.extension().is_some_and(|e| e == "frames") {
            let lines = self
                .input
                .text
                .lines()
                .filter(|line| !line.trim().is_empty());
            return lines.flat_map(frame).collect();
        }
        self.input.text.clone().into_bytes()
    }

    /// What a client gets.
    fn given(&self, client: Client) -> Given {
        let bytes = self.bytes();
        if self.is_stream() {
            let mut translation = Translation::new(client, (self.wire, MODEL), context());
            let mut out = Vec::new();
            translation.push(&bytes, true, &mut out);
            return match translation.failed().filter(|_| !translation.begun()) {
                Some(error) => Given::error(client, error),
                None => Given {
                    text: String::from_utf8(out).unwrap(),
                    refused: false,
                    dropped: translation.dropped().iter().cloned().collect(),
                },
            };
        }
        match answer(client, (self.wire, MODEL), &bytes, &context()) {
            Ok(answered) => Given {
                text: pretty(&answered.body),
                refused: false,
                dropped: answered.dropped,
            },
            Err(error) => Given::error(client, &error),
        }
    }

    /// What each client does not get of it, by the client's name.
    pub fn dropped(&self) -> Vec<(&'static str, Vec<Loss>)> {
        let clients = CLIENTS.into_iter();
        clients
            .map(|(name, client)| (name, self.given(client).dropped))
            .collect()
    }

    pub fn story(&self) -> String {
        let mut out = format!("# {}: {}\n\n", self.provider, self.input.feature());
        for source in &self.input.sources {
            writeln!(out, "{source}  ").unwrap();
        }
        let answered = self.input.text.trim_end();
        write!(out, "\n## answered\n\n```\n{answered}\n```\n").unwrap();
        for (name, client) in CLIENTS {
            let given = self.given(client);
            let how = if given.refused {
                " (an error: the next target is tried, or this is shown)".to_owned()
            } else {
                lost(&given.dropped)
            };
            let given = given.text.trim_end();
            write!(out, "\n## to {name}{how}\n\n```\n{given}\n```\n").unwrap();
        }
        out
    }
}

fn shown(client: Client, error: &ark_dialect::provider_error::ProviderError) -> String {
    let form: ErrorForm = client.error_form();
    format!("{:?}\n{}", error.class, pretty(&write_error(form, error)))
}

/// A line `{"event": NAME, "payload": {…}}` (or `exception` for `event`) as a frame of AWS's event
/// stream, written from its specification and not by the code under test.
fn frame(line: &str) -> Vec<u8> {
    let line: Value = serde_json::from_str(line).expect("a line of frames is JSON");
    let payload = line["payload"].to_string().into_bytes();
    let (kind, name) = match line["event"].as_str() {
        Some(name) => ("event", name),
        None => (
            "exception",
            line["exception"].as_str().expect("event or exception"),
        ),
    };
    let mut headers = Vec::new();
    for (key, value) in [
        (":message-type", kind),
        (&format!(":{kind}-type"), name),
        (":content-type", "application/json"),
    ] {
        headers.push(u8::try_from(key.len()).unwrap());
        headers.extend(key.as_bytes());
        headers.push(7);
        headers.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        headers.extend(value.as_bytes());
    }
    let word = |n: usize| u32::try_from(n).unwrap().to_be_bytes();
    let mut frame = word(16 + headers.len() + payload.len()).to_vec();
    frame.extend(word(headers.len()));
    frame.extend(crc32(&frame).to_be_bytes());
    frame.extend(headers);
    frame.extend(payload);
    frame.extend(crc32(&frame).to_be_bytes());
    frame
}

/// CRC-32 (IEEE 802.3), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    };
    !bytes.iter().fold(u32::MAX, step)
}
