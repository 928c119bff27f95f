//! A target's `capabilities` and `default_max_tokens`.

use ark_gateway_core::capability::{Capabilities, Capability};
use ark_gateway_core::snapshot::DEFAULT_MAX_TOKENS;

use super::super::capable;
use super::super::node::{Fields, Node};
use super::Made;
use super::provider::kind;

/// Largest number of tokens; one above it is a typing error.
const MOST_TOKENS: u64 = 100_000_000;

/// Reads `capabilities`, on top of what the provider's kind can; `made` is `None` for a provider whose
/// kind could not be read.
pub(super) fn read(fields: &mut Fields<'_, '_>, made: Option<&Made>) -> Option<Capabilities> {
    let default = made.map_or(Capabilities::ALL, |made| {
        capable::default(made.kind, made.vendor.as_deref())
    });
    fields.or("capabilities", default, |node| {
        read_block(node, default, made)
    })
}

fn read_block(node: &Node<'_>, default: Capabilities, made: Option<&Made>) -> Option<Capabilities> {
    let mut fields = node.fields()?;
    let mut flag = |name, default, capability| {
        fields.or(name, default, |node| read_flag(node, capability, made))
    };
    let tools = flag("tools", default.tools, Capability::Tools);
    let json_schema = flag("json_schema", default.json_schema, Capability::JsonSchema);
    let images = flag("images", default.images, Capability::Images);
    let files = flag("files", default.files, Capability::Files);
    let audio = flag("audio", default.audio, Capability::Audio);
    let embeddings = flag("embeddings", default.embeddings, Capability::Embeddings);
    let context_tokens = fields.maybe("context_tokens", |node| node.integer(1..=MOST_TOKENS));
    let max_output_tokens = fields.maybe("max_output_tokens", |node| node.integer(1..=MOST_TOKENS));
    fields.finish("")?;
    let capabilities = Capabilities {
        tools: tools?,
        json_schema: json_schema?,
        images: images?,
        files: files?,
        audio: audio?,
        embeddings: embeddings?,
        context_tokens: context_tokens?,
        max_output_tokens: max_output_tokens?,
    };
    match (capabilities.context_tokens, capabilities.max_output_tokens) {
        (Some(context), Some(output)) if output > context => node.problem(format!(
            "max_output_tokens ({output}) is more than context_tokens ({context})"
        )),
        _ => Some(capabilities),
    }
}

fn read_flag(node: &Node<'_>, capability: Capability, made: Option<&Made>) -> Option<bool> {
    let value = node.boolean()?;
    match made.map(|made| made.kind) {
        Some(kind) if value && capable::never(kind).contains(&capability) => node
            .problem_with_hint(
                format!("is true, but no target of kind {} can", kind::name(kind)),
                "remove it",
            ),
        Some(_) | None => Some(value),
    }
}

/// Reads `default_max_tokens`: at most what the target accepts.
pub(super) fn read_default_max_tokens(
    fields: &mut Fields<'_, '_>,
    capabilities: Option<Capabilities>,
) -> Option<u32> {
    let most = capabilities.and_then(|capabilities| capabilities.max_output_tokens);
    let default = most.map_or(DEFAULT_MAX_TOKENS, |most| most.min(DEFAULT_MAX_TOKENS));
    fields.or("default_max_tokens", default, |node| {
        let tokens: u32 = node.integer(1..=MOST_TOKENS)?;
        match most {
            Some(most) if tokens > most => node.problem(format!(
                "is {tokens}, more than capabilities.max_output_tokens ({most})"
            )),
            Some(_) | None => Some(tokens),
        }
    })
}
