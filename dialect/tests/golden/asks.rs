//! What clients ask, and what every provider is sent.

use std::fmt::Write;
use std::path::PathBuf;

use ark_dialect::chat::{TargetFacts, Written};
use ark_dialect::gemini::Api;
use ark_dialect::loss::Loss;
use ark_dialect::translate::{Client, Wire, read, write};
use ark_dialect::vendor::{Vendor, adapt};

use crate::story::{Input, folder, inputs, pretty};

/// The clients' dialects by the names of their folders.
pub const CLIENTS: [(&str, Client); 5] = [
    ("chat", Client::Chat),
    ("responses", Client::Responses),
    ("completions", Client::Completions),
    ("embeddings", Client::Embeddings),
    ("messages", Client::Messages),
];

/// The providers' dialects, vendors with quirks aside.
pub fn providers() -> Vec<(String, Wire)> {
    vec![
        ("openai".to_owned(), Wire::Openai(Vendor::OPENAI)),
        ("azure-openai".to_owned(), Wire::Azure { v1: false }),
        ("anthropic".to_owned(), Wire::Anthropic),
        ("gemini".to_owned(), Wire::Gemini(Api::Gemini)),
        ("bedrock".to_owned(), Wire::Bedrock),
    ]
}

/// The OpenAI-compatible vendors.
pub fn vendors() -> Vec<(String, Wire)> {
    let compatible = Vendor::all().filter(|v| v.has_quirks());
    compatible
        .map(|v| (v.name().to_owned(), Wire::Openai(v)))
        .collect()
}

/// One request.
pub struct Ask {
    pub client_name: &'static str,
    pub client: Client,
    pub input: Input,
}

/// What a provider is sent.
pub enum Sent {
    /// The client's bytes, but for the model's name.
    Passed,
    /// The same dialect with some members changed, or another dialect.
    Written(Written),
    /// Nothing: it cannot be asked this.
    Nothing,
}

impl Sent {
    pub fn losses(&self) -> &[Loss] {
        match self {
            Self::Written(written) => &written.losses,
            Self::Passed | Self::Nothing => &[],
        }
    }
}

/// All requests.
pub fn all() -> Vec<Ask> {
    let mut all = Vec::new();
    for (client_name, client) in CLIENTS {
        for input in inputs(&folder().join("asks").join(client_name), &["json"]) {
            all.push(Ask {
                client_name,
                client,
                input,
            });
        }
    }
    all
}

impl Ask {
    pub fn story_file(&self) -> PathBuf {
        self.input.file.with_extension("md")
    }

    /// What a provider is sent.
    pub fn sent(&self, wire: Wire) -> Sent {
        let body = self.input.text.as_bytes();
        let target = TargetFacts {
            model: "its-name-for-the-model",
            default_max_tokens: 4096,
        };
        if self.client.is_native_to(wire) {
            let Wire::Openai(vendor) = wire else {
                return Sent::Passed;
            };
            if self.client != Client::Chat || !vendor.has_quirks() {
                return Sent::Passed;
            }
            let asked = Written {
                body: body.to_vec(),
                losses: Vec::new(),
            };
            let written = adapt(asked, vendor);
            return if written.body == body {
                Sent::Passed
            } else {
                Sent::Written(written)
            };
        }
        if !self.client.is_served_by(wire) {
            return Sent::Nothing;
        }
        let asked = read(self.client, body)
            .unwrap_or_else(|bad| panic!("{}: {bad:?}", self.input.file.display()));
        write(&asked, self.client, wire, &target).map_or(Sent::Nothing, Sent::Written)
    }

    pub fn story(&self) -> String {
        let mut out = format!("# {}: {}\n\n", self.client_name, self.input.feature());
        for source in &self.input.sources {
            writeln!(out, "{source}  ").unwrap();
        }
        let asked = pretty(self.input.text.as_bytes());
        write!(out, "\n## asked\n\n```json\n{asked}\n```\n").unwrap();
        for (name, wire) in providers() {
            self.tell(&mut out, &name, wire);
        }
        for (name, wire) in vendors() {
            if matches!(self.sent(wire), Sent::Written(_)) && self.client == Client::Chat {
                self.tell(&mut out, &name, wire);
            }
        }
        out
    }

    fn tell(&self, out: &mut String, name: &str, wire: Wire) {
        match self.sent(wire) {
            Sent::Passed => write!(
                out,
                "\n## to {name}\n\nBytes pass; the model's name changes.\n"
            ),
            Sent::Nothing => write!(out, "\n## to {name}\n\nCannot be asked this.\n"),
            Sent::Written(written) => {
                let lost = lost(&written.losses);
                let body = pretty(&written.body);
                write!(out, "\n## to {name}{lost}\n\n```json\n{body}\n```\n")
            }
        }
        .unwrap();
    }
}

fn lost(losses: &[Loss]) -> String {
    if losses.is_empty() {
        return String::new();
    }
    let names: Vec<_> = losses.iter().map(|loss| loss.field.name()).collect();
    format!(" (lossy: {})", names.join(", "))
}
