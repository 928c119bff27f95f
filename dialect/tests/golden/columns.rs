//! The models that requests are shown for: what a provider is sent depends on their names.

use ark_dialect::gemini::Api;
use ark_dialect::responses::provider::is_better_for;
use ark_dialect::translate::{Client, OpenaiApi, Wire};
use ark_dialect::vendor::Vendor;

/// A provider's dialect and one of its models.
#[derive(Clone, Copy)]
pub struct Column {
    pub provider: &'static str,
    pub model: &'static str,
    pub wire: Wire,
}

const OPENAI: Wire = Wire::Openai(Vendor::OPENAI);
const GEMINI: Wire = Wire::Gemini(Api::Gemini);

/// Vendors' models have names that say nothing.
const OF_VENDOR: &str = "its-name-for-the-model";

impl Column {
    const fn new(provider: &'static str, model: &'static str, wire: Wire) -> Self {
        Self {
            provider,
            model,
            wire,
        }
    }

    pub fn name(&self) -> String {
        match self.model {
            OF_VENDOR => self.provider.to_owned(),
            model => format!("{} ({model})", self.provider),
        }
    }

    /// What it speaks to this client, as `api: auto` decides it.
    pub fn wire_for(&self, client: Client) -> Wire {
        let api = if is_better_for(self.model) {
            OpenaiApi::Responses
        } else {
            OpenaiApi::Either
        };
        self.wire.asked_by(client, api)
    }

    /// What a server without quirks, which is not asked natively, would be sent of such a model.
    pub fn plain(&self) -> Self {
        Self {
            wire: Wire::Azure { v1: false },
            ..*self
        }
    }
}

/// The providers' dialects, vendors with quirks aside; those of one provider side by side.
pub fn providers() -> Vec<Column> {
    let column = Column::new;
    vec![
        column("openai", "gpt-4.1", OPENAI),
        column("openai", "gpt-5.6", OPENAI),
        column("azure-openai", "gpt-4.1", Wire::Azure { v1: false }),
        column("anthropic", "claude-sonnet-4-5", Wire::Anthropic),
        column("anthropic", "claude-opus-5-5", Wire::Anthropic),
        column("gemini", "gemini-2.5-flash", GEMINI),
        column("gemini", "gemini-3-pro", GEMINI),
        column(
            "bedrock",
            "anthropic.claude-sonnet-4-5-20250929-v1:0",
            Wire::Bedrock,
        ),
        column("bedrock", "anthropic.claude-opus-5-5", Wire::Bedrock),
        column("bedrock", "amazon.nova-2-lite-v1:0", Wire::Bedrock),
    ]
}

/// The OpenAI-compatible vendors.
pub fn vendors() -> Vec<Column> {
    let compatible = Vendor::all().filter(|v| v.has_quirks());
    compatible
        .map(|v| Column::new(v.name(), OF_VENDOR, Wire::Openai(v)))
        .collect()
}
