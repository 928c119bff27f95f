//! What clients ask, and what every provider is sent.

use std::fmt::Write;
use std::path::PathBuf;

use ark_dialect::anthropic::FOREIGN_SIGNATURES;
use ark_dialect::chat::{TargetFacts, Written};
use ark_dialect::loss::Loss;
use ark_dialect::openai_chat::{FOREIGN_HISTORY, LEGACY_FUNCTIONS};
use ark_dialect::rewrite::Plan;
use ark_dialect::translate::{Client, Wire, read, write};
use ark_dialect::vendor::{adapt, foreign_history};
use ark_wire::markers::MarkerScan;
use serde_json::Value;

use crate::columns::{Column, providers, vendors};
use crate::story::{Input, folder, inputs, pretty};

/// The clients' dialects by the names of their folders.
pub const CLIENTS: [(&str, Client); 5] = [
    ("chat", Client::Chat),
    ("responses", Client::Responses),
    ("completions", Client::Completions),
    ("embeddings", Client::Embeddings),
    ("messages", Client::Messages),
];

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
    pub fn sent(&self, column: &Column) -> Sent {
        let (body, wire) = (self.input.text.as_bytes(), column.wire_for(self.client));
        if self.client.is_native_to(wire) && !self.has_foreign_signature() {
            if self.client != Client::Chat {
                return Sent::Passed;
            }
            let vendor = match wire {
                Wire::Openai(vendor) if vendor.has_quirks() => vendor,
                Wire::Openai(_) | Wire::Azure { .. } => return self.sent_to_openai(),
                Wire::Responses(_) | Wire::Anthropic | Wire::Gemini(_) | Wire::Bedrock => {
                    return Sent::Passed;
                }
            };
            if !vendor.takes_functions() && self.holds(&LEGACY_FUNCTIONS) {
                return self.translated(column);
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
        self.translated(column)
    }

    fn translated(&self, column: &Column) -> Sent {
        let (body, wire) = (self.input.text.as_bytes(), column.wire_for(self.client));
        if !self.client.is_served_by(wire) {
            return Sent::Nothing;
        }
        let target = TargetFacts {
            model: column.model,
            default_max_tokens: 4096,
            account: "",
        };
        let asked = read(self.client, body)
            .unwrap_or_else(|bad| panic!("{}: {bad:?}", self.input.file.display()));
        write(&asked, self.client, wire, &target).map_or(Sent::Nothing, Sent::Written)
    }

    /// As the filter does it: what another maker's model left in the history goes.
    fn sent_to_openai(&self) -> Sent {
        if !self.holds(&FOREIGN_HISTORY) {
            return Sent::Passed;
        }
        let body = self.input.text.as_bytes();
        let edits = foreign_history(body).unwrap();
        Sent::Written(Written {
            body: Plan::new(edits.splices, body.len()).apply(body).unwrap(),
            losses: edits.losses,
        })
    }

    fn holds(&self, markers: &'static [&'static [u8]]) -> bool {
        let mut scan = MarkerScan::new(markers);
        scan.push(self.input.text.as_bytes());
        scan.found()
    }

    /// As the filter looks for it: such a request is read and written even where it could pass.
    fn has_foreign_signature(&self) -> bool {
        let mut scan = MarkerScan::new(&FOREIGN_SIGNATURES);
        if matches!(self.client, Client::Messages | Client::Responses) {
            scan.push(self.input.text.as_bytes());
        }
        scan.found()
    }

    /// Whether stories and tables tell what vendors are sent.
    pub fn is_told_of_vendors(&self) -> bool {
        matches!(
            self.client,
            Client::Chat | Client::Messages | Client::Responses
        )
    }

    pub fn story(&self) -> String {
        let mut out = format!("# {}: {}\n\n", self.client_name, self.input.feature());
        for source in &self.input.sources {
            writeln!(out, "{source}  ").unwrap();
        }
        let asked = pretty(self.input.text.as_bytes());
        write!(out, "\n## asked\n\n```json\n{asked}\n```\n").unwrap();
        let mut first: Option<(&str, Told)> = None;
        for column in providers() {
            let told = Told::of(&self.sent(&column));
            // A further model of a provider, where that makes a difference.
            match &first {
                Some((provider, like)) if *provider == column.provider => {
                    if *like == told {
                        continue;
                    }
                }
                Some(_) | None => first = Some((column.provider, told.clone())),
            }
            told.tell(&mut out, &column.name());
        }
        for (names, told) in self.told_vendors() {
            told.tell(&mut out, &names.join(", "));
        }
        out
    }

    /// What vendors are sent where it is not what a server without quirks is sent, together where it
    /// is the same.
    fn told_vendors(&self) -> Vec<(Vec<&'static str>, Told)> {
        let mut groups: Vec<(Vec<&'static str>, Told)> = Vec::new();
        if !self.is_told_of_vendors() {
            return groups;
        }
        for column in vendors() {
            let told = Told::of(&self.sent(&column));
            if told == Told::of(&self.sent(&column.plain())) {
                continue;
            }
            match groups.iter_mut().find(|(_, known)| *known == told) {
                Some((names, _)) => names.push(column.provider),
                None => groups.push((vec![column.provider], told)),
            }
        }
        groups
    }
}

/// What a story tells of what is sent: the title's end, and the text. Equal where only the model's
/// name differs.
#[derive(Clone)]
struct Told {
    lost: String,
    text: String,
    nameless: String,
}

impl PartialEq for Told {
    fn eq(&self, other: &Self) -> bool {
        (&self.lost, &self.nameless) == (&other.lost, &other.nameless)
    }
}

impl Told {
    fn of(sent: &Sent) -> Self {
        let plain = |text: &str| Self {
            lost: String::new(),
            text: text.to_owned(),
            nameless: text.to_owned(),
        };
        match sent {
            Sent::Passed => plain("Bytes pass; the model's name changes."),
            Sent::Nothing => plain("Cannot be asked this."),
            Sent::Written(written) => Self {
                lost: lost(&written.losses),
                text: format!("```json\n{}\n```", pretty(&written.body)),
                nameless: nameless(&written.body),
            },
        }
    }

    fn tell(&self, out: &mut String, name: &str) {
        let Self { lost, text, .. } = self;
        write!(out, "\n## to {name}{lost}\n\n{text}\n").unwrap();
    }
}

fn nameless(body: &[u8]) -> String {
    let mut body: Value = serde_json::from_slice(body).unwrap();
    if let Some(members) = body.as_object_mut() {
        members.remove("model");
    }
    body.to_string()
}

pub fn lost(losses: &[Loss]) -> String {
    if losses.is_empty() {
        return String::new();
    }
    let names: Vec<_> = losses.iter().map(|loss| loss.field.name()).collect();
    format!(" (lossy: {})", names.join(", "))
}
