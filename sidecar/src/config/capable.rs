//! What targets can do when the operator has not said.
//!
//! Optimistic where it depends on the model, as a provider's refusal is loud; `false` where no model
//! behind that API can, or where Ark has no words for it there. What [`never`] names cannot be
//! claimed either.

use ark_gateway_core::capability::Capability::{Audio, Embeddings, Files, Images, JsonSchema};
use ark_gateway_core::capability::{Capabilities, Capability};
use ark_gateway_core::snapshot::ProviderKind;

/// What a target of this kind (and vendor, for an OpenAI-compatible one) can do by default.
pub(super) fn default(kind: ProviderKind, vendor: Option<&str>) -> Capabilities {
    match kind {
        // Audio, PDF and embeddings are each some model's.
        ProviderKind::Openai | ProviderKind::AzureOpenai | ProviderKind::Gemini => {
            Capabilities::ALL
        }
        // `embedContent` is there for few models; most speak `:predict`, which Ark does not.
        ProviderKind::Vertex => without(&[Embeddings]),
        ProviderKind::Anthropic | ProviderKind::Bedrock => without(never(kind)),
        ProviderKind::OpenaiCompatible => without(vendor.map_or(&[], lacking)),
    }
}

/// What no target of this kind can do, whatever its model.
pub(super) fn never(kind: ProviderKind) -> &'static [Capability] {
    match kind {
        // Messages takes text, images and documents, and Anthropic makes no embeddings.
        // <https://docs.claude.com/en/api/messages>, <https://docs.claude.com/en/docs/build-with-claude/embeddings>
        ProviderKind::Anthropic => &[Audio, Embeddings],
        // Converse is chat only (embeddings are InvokeModel's), and Ark writes it no sound.
        // <https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html>
        ProviderKind::Bedrock => &[Audio, Embeddings],
        ProviderKind::Openai
        | ProviderKind::AzureOpenai
        | ProviderKind::OpenaiCompatible
        | ProviderKind::Gemini
        | ProviderKind::Vertex => &[],
    }
}

/// What a vendor's OpenAI-compatible API has for none of its models.
const LACKING: [(&str, &[Capability]); 8] = [
    // Text only; `response_format` knows json_object, no schema.
    // <https://api-docs.deepseek.com/api/create-chat-completion>
    ("deepseek", &[JsonSchema, Images, Files, Audio, Embeddings]),
    // `response_format` knows json_object; documents go through a file API of its own.
    // <https://docs.bigmodel.cn/api-reference>
    ("glm", &[JsonSchema, Files]),
    // Documents go through a file API and come back as text; there is no embeddings endpoint.
    // <https://platform.moonshot.ai/docs/api/chat>
    ("kimi", &[Files, Audio, Embeddings]),
    // Its embeddings are not OpenAI's. <https://platform.minimax.io/docs/api-reference/text-openai-api>
    ("minimax", &[Files, Audio, Embeddings]),
    // Sound is the transcription endpoint's. <https://console.groq.com/docs/openai>
    ("groq", &[Files, Audio, Embeddings]),
    // Nothing there speaks of documents or sound. <https://docs.cohere.com/docs/compatibility-api>
    ("cohere", &[Files, Audio]),
    // Images are all that its chat takes beside text.
    // <https://docs.ollama.com/api/openai-compatibility>
    ("ollama", &[Files, Audio]),
    // No `file` parts. <https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md>
    ("llama-cpp", &[Files]),
];

fn lacking(vendor: &str) -> &'static [Capability] {
    let row = LACKING.iter().find(|(name, _)| *name == vendor);
    row.map_or(&[], |(_, lacking)| lacking)
}

/// Everything but some.
fn without(lacking: &[Capability]) -> Capabilities {
    let mut all = Capabilities::ALL;
    for lack in lacking {
        let flag = match lack {
            Capability::Tools => &mut all.tools,
            Capability::JsonSchema => &mut all.json_schema,
            Capability::Images => &mut all.images,
            Capability::Files => &mut all.files,
            Capability::Audio => &mut all.audio,
            Capability::Embeddings => &mut all.embeddings,
            Capability::Context | Capability::Output => continue,
        };
        *flag = false;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::vendor;

    #[test]
    fn every_row_is_of_a_vendor_that_there_is() {
        for (name, lacking) in LACKING {
            assert_eq!(vendor::parse(name), Some(name));
            assert!(!lacking.is_empty());
        }
    }
}
