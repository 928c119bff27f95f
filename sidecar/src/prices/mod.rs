//! The price catalogue: what models cost at which provider, kept beside `ark.yaml` in a file of its own.
//!
//! `ark prices import` makes it from the field's shared price file; `prices.file` of `ark.yaml` names
//! it; targets without a price of their own look theirs up in it.

mod decimal;
pub mod diff;
mod entry;
pub mod import;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ark_gateway_core::money::Price;
use ark_gateway_core::snapshot::ProviderKind;
use serde::{Deserialize, Serialize};

use crate::digest;

/// The form of the file.
const FORMAT: &str = "ark-prices/1";

/// Most entries of a catalogue.
pub const MOST_ENTRIES: usize = 50_000;

/// Largest catalogue, and largest shared price file, that is read, in bytes.
pub const FILE_LIMIT_BYTES: u64 = 32 * 1024 * 1024;

/// Prices by `PROVIDER/MODEL`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// The first 12 hex digits of the SHA-256 of the prices.
    pub version: String,
    /// What it was made from, for people.
    pub source: String,
    /// In millionths of a US dollar per million tokens; no multiplier applied.
    pub prices: BTreeMap<String, Price>,
}

/// The file as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    unit: String,
    source: String,
    version: String,
    prices: BTreeMap<String, Price>,
}

const UNIT: &str = "millionths of a US dollar per million tokens";

impl Catalogue {
    /// Of these prices.
    #[must_use]
    pub fn of(source: String, prices: BTreeMap<String, Price>) -> Self {
        Self {
            version: version_of(&prices),
            source,
            prices,
        }
    }

    /// Reads what [`Catalogue::render`] writes.
    ///
    /// # Errors
    /// In words, to follow the file's name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: File = serde_json::from_str(text).map_err(|error| {
            format!("is not a price catalogue ({error}); make one with `ark prices import`")
        })?;
        if file.format != FORMAT || file.unit != UNIT {
            return Err(format!("is not of the form {FORMAT:?} in {UNIT}"));
        }
        if file.prices.len() > MOST_ENTRIES {
            return Err(format!("has more than {MOST_ENTRIES} prices"));
        }
        let catalogue = Self::of(file.source, file.prices);
        if catalogue.version != file.version {
            return Err(format!(
                "says version {:?}, but its prices are {:?}: it was edited or cut off; import it again, \
                 and write prices of your own into ark.yaml",
                file.version, catalogue.version
            ));
        }
        Ok(catalogue)
    }

    /// The file's text: one price a line, so that version control shows what has changed.
    ///
    /// # Errors
    /// Never, unless JSON cannot be written.
    pub fn render(&self) -> Result<String, serde_json::Error> {
        let mut text = format!(
            "{{\n\"format\": \"{FORMAT}\",\n\"unit\": \"{UNIT}\",\n\"source\": {},\n\"version\": \"{}\",\n\"prices\": {{",
            serde_json::to_string(&self.source)?,
            self.version
        );
        let mut separator = "";
        for (name, price) in &self.prices {
            let (name, price) = (serde_json::to_string(name)?, serde_json::to_string(price)?);
            let _ = write!(text, "{separator}\n{name}: {price}");
            separator = ",";
        }
        text.push_str("\n}\n}\n");
        Ok(text)
    }

    /// The price of `model` at a provider: under the provider's own name if the import gave it entries,
    /// or else under what the shared file calls its vendor. The name of the entry comes with it.
    #[must_use]
    pub fn look_up(
        &self,
        provider: &str,
        (kind, vendor): (ProviderKind, Option<&str>),
        model: &str,
    ) -> Option<(String, &Price)> {
        let own = std::iter::once(provider);
        let mut names = own
            .chain(family(kind, vendor))
            .map(|first| format!("{first}/{model}"));
        names.find_map(|name| {
            let price = self.prices.get(&name)?;
            Some((name, price))
        })
    }
}

fn version_of(prices: &BTreeMap<String, Price>) -> String {
    let content = serde_json::to_string(prices).unwrap_or_default();
    let mut hex = digest::hex(&[content.as_bytes()]);
    hex.truncate(12);
    hex
}

/// What a catalogue calls the vendor of a kind; `None` for servers that are somebody's own.
fn family(kind: ProviderKind, vendor: Option<&str>) -> Option<&'static str> {
    match kind {
        ProviderKind::Openai => Some("openai"),
        ProviderKind::AzureOpenai => Some("azure"),
        ProviderKind::Anthropic => Some("anthropic"),
        ProviderKind::Gemini => Some("gemini"),
        ProviderKind::Vertex => Some("vertex_ai"),
        ProviderKind::Bedrock => Some("bedrock"),
        ProviderKind::OpenaiCompatible => {
            let known = [
                ("deepseek", "deepseek"),
                ("qwen", "dashscope"),
                ("glm", "zai"),
                ("kimi", "moonshot"),
                ("doubao", "volcengine"),
                ("minimax", "minimax"),
                ("mistral", "mistral"),
                ("groq", "groq"),
            ];
            let (_, family) = known.into_iter().find(|(name, _)| Some(*name) == vendor)?;
            Some(family)
        }
    }
}

#[cfg(test)]
mod tests;
