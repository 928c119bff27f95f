//! From the field's shared price file (LiteLLM's `model_prices_and_context_window.json`) to a catalogue.

use std::collections::BTreeMap;

use ark_gateway_core::money::Price;

pub use super::entry::{Doubt, Refusal};
use super::entry::{Fields, judge, text};
use super::{Catalogue, MOST_ENTRIES};
use crate::digest;

/// Entries under a prefix of the file, offered to one provider of `ark.yaml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The provider's name in `ark.yaml`.
    pub provider: String,
    /// What names in the file begin with: `azure/eu/`.
    pub prefix: String,
}

impl Mapping {
    /// Reads `NAME=PREFIX`.
    ///
    /// # Errors
    /// It has another form.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((provider, prefix)) if !provider.is_empty() && !prefix.is_empty() => Ok(Self {
                provider: provider.to_owned(),
                prefix: prefix.to_owned(),
            }),
            Some(_) | None => Err("write it as NAME=PREFIX, such as azure-eu=azure/eu/".to_owned()),
        }
    }
}

/// A catalogue, and what an operator should know of how it came to be.
#[derive(Debug)]
pub struct Imported {
    /// What was made.
    pub catalogue: Catalogue,
    /// Models of the file without an entry, by why.
    pub refused: BTreeMap<Refusal, Vec<String>>,
    /// Entries that are odd, by how.
    pub doubts: BTreeMap<Doubt, Vec<String>>,
    /// Mappings that no model of the file begins with.
    pub unused: Vec<Mapping>,
}

/// Reads the shared price file. `source` is what people read of where it comes from.
///
/// # Errors
/// It is not such a file.
pub fn import(file: &str, source: &str, mappings: &[Mapping]) -> Result<Imported, String> {
    let models: BTreeMap<String, Box<serde_json::value::RawValue>> = serde_json::from_str(file)
        .map_err(|error| format!("is no JSON object of models: {error}"))?;
    let mut taken = Taken::default();
    let mut used = vec![false; mappings.len()];
    for (name, model) in &models {
        // The file explains its own fields in a model of that name.
        if name == "sample_spec" {
            continue;
        }
        let Ok(fields) = serde_json::from_str::<Fields>(model.get()) else {
            taken.refuse(Refusal::NotANumber, name);
            continue;
        };
        let judged = match judge(&fields) {
            Ok(judged) => judged,
            Err(refusal) => {
                taken.refuse(refusal, name);
                continue;
            }
        };
        for doubt in judged.doubts {
            taken.doubt(doubt, name);
        }
        if let Some(entry) = entry_of(name, &fields) {
            taken.take(entry, judged.price);
        }
        for (mapping, used) in mappings.iter().zip(&mut used) {
            if let Some(rest) = name.strip_prefix(&mapping.prefix)
                && !rest.is_empty()
            {
                *used = true;
                taken.take(format!("{}/{rest}", mapping.provider), judged.price);
            }
        }
    }
    if taken.prices.is_empty() {
        return Err("has no model with a price per token".to_owned());
    }
    if taken.prices.len() > MOST_ENTRIES {
        return Err(format!("has more than {MOST_ENTRIES} prices"));
    }
    let unused = mappings.iter().zip(used).filter(|(_, used)| !used);
    let digest = digest::hex(&[file.as_bytes()]);
    Ok(Imported {
        catalogue: Catalogue::of(format!("{source}, sha256 {digest}"), taken.prices),
        refused: taken.refused,
        doubts: taken.doubts,
        unused: unused.map(|(mapping, _)| mapping.clone()).collect(),
    })
}

#[derive(Default)]
struct Taken {
    prices: BTreeMap<String, Price>,
    refused: BTreeMap<Refusal, Vec<String>>,
    doubts: BTreeMap<Doubt, Vec<String>>,
}

impl Taken {
    fn refuse(&mut self, refusal: Refusal, name: &str) {
        self.refused
            .entry(refusal)
            .or_default()
            .push(name.to_owned());
    }

    fn doubt(&mut self, doubt: Doubt, name: &str) {
        self.doubts.entry(doubt).or_default().push(name.to_owned());
    }

    fn take(&mut self, entry: String, price: Price) {
        let sum = |price: &Price| price.input.0.saturating_add(price.output.0);
        match self.prices.get(&entry) {
            Some(known) if *known == price => {}
            Some(known) => {
                let is_dearer = sum(&price) > sum(known);
                self.doubt(Doubt::Twice, &entry);
                if is_dearer {
                    self.prices.insert(entry, price);
                }
            }
            None => {
                self.prices.insert(entry, price);
            }
        }
    }
}

/// The entry's name: the vendor, then the name that the vendor itself gives the model.
fn entry_of(name: &str, fields: &Fields) -> Option<String> {
    let provider = text(fields, "litellm_provider")?;
    let family = family(&provider);
    let model = match name.split_once('/') {
        Some((first, rest)) if first == family || first == provider => rest,
        Some(_) | None => name,
    };
    Some(format!("{family}/{model}"))
}

/// What the file splits by product is one vendor.
fn family(provider: &str) -> &str {
    match provider {
        "bedrock_converse" => "bedrock",
        "text-completion-openai" => "openai",
        "text-completion-codestral" => "codestral",
        "azure_text" => "azure",
        "cohere_chat" => "cohere",
        other if other.starts_with("vertex_ai-") => "vertex_ai",
        other if other.starts_with("fireworks_ai-") => "fireworks_ai",
        other => other,
    }
}
