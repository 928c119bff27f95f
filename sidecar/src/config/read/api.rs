//! A target's `api`: by which of OpenAI's two APIs for conversations it is asked.

use ark_dialect::responses::provider::is_better_for;
use ark_dialect::vendor::Vendor;
use ark_gateway_core::snapshot::{ProviderKind, TargetApi};

use super::super::node::Fields;
use super::Made;

const APIS: [(&str, Option<TargetApi>); 3] = [
    ("auto", None),
    ("chat", Some(TargetApi::Chat)),
    ("responses", Some(TargetApi::Responses)),
];

/// Whether a provider of this kind has Responses beside Chat Completions.
pub(super) fn has_responses(
    kind: ProviderKind,
    vendor: Option<&str>,
    version: Option<&str>,
) -> bool {
    match kind {
        ProviderKind::Openai => true,
        ProviderKind::AzureOpenai => version == Some("v1"),
        ProviderKind::OpenaiCompatible => {
            let named = vendor.map_or(Some(Vendor::OPENAI), Vendor::parse);
            named.is_some_and(|vendor| vendor.quirks().responses)
        }
        ProviderKind::Anthropic
        | ProviderKind::Gemini
        | ProviderKind::Vertex
        | ProviderKind::Bedrock => false,
    }
}

/// Reads `api`, by default `auto`: Responses where OpenAI itself serves one of its models that reason,
/// told by its name; `made` is `None` for a provider whose kind could not be read.
pub(super) fn read(
    fields: &mut Fields<'_, '_>,
    made: Option<&Made>,
    model: Option<&str>,
) -> Option<TargetApi> {
    let own = made.is_some_and(|made| made.responses && made.kind.is_openais());
    let auto = if own && model.is_some_and(is_better_for) {
        TargetApi::Responses
    } else {
        TargetApi::default()
    };
    fields.or("api", auto, |node| {
        let said = node.one_of(&APIS)?;
        match made {
            Some(made) if !made.responses && said == Some(TargetApi::Responses) => node
                .problem_with_hint(
                    "is responses, which this provider does not have",
                    "remove it; kind openai has it, and azure-openai with api_version: v1",
                ),
            Some(_) | None => Some(said.unwrap_or(auto)),
        }
    })
}
