//! What a provider speaks, and where it listens for it.

use ark_dialect::gemini::Api;
use ark_dialect::translate::{Client, OpenaiApi, Wire};
use ark_dialect::vendor::Vendor;
use ark_dialect::{bedrock, gemini};
use ark_gateway_core::snapshot::{ProviderKind, ProviderSpec, TargetApi, TargetSpec};
use ark_wire::path::{Endpoint, Layout, upstream_path};

/// The `api_version` by which Azure's newer paths are chosen.
const AZURE_V1: &str = "v1";

/// What a target speaks to this client.
pub(crate) fn wire_of(provider: &ProviderSpec, target: &TargetSpec, client: Client) -> Wire {
    let api = match target.api {
        TargetApi::Chat => OpenaiApi::Chat,
        TargetApi::Either => OpenaiApi::Either,
        TargetApi::Responses => OpenaiApi::Responses,
    };
    spoken_by(provider).asked_by(client, api)
}

/// What a provider speaks.
fn spoken_by(provider: &ProviderSpec) -> Wire {
    match provider.kind {
        ProviderKind::Openai => Wire::Openai(Vendor::OPENAI),
        ProviderKind::OpenaiCompatible => {
            let named = provider.vendor.as_deref().and_then(Vendor::parse);
            Wire::Openai(named.unwrap_or(Vendor::OPENAI))
        }
        ProviderKind::AzureOpenai => Wire::Azure {
            v1: provider.api_version.as_deref() == Some(AZURE_V1),
        },
        ProviderKind::Anthropic => Wire::Anthropic,
        ProviderKind::Gemini => Wire::Gemini(Api::Gemini),
        ProviderKind::Vertex => Wire::Gemini(Api::Vertex),
        ProviderKind::Bedrock => Wire::Bedrock,
    }
}

/// The path of an attempt, query included.
pub(super) fn path_of(
    provider: &ProviderSpec,
    model: &str,
    (client, wire, (native, stream)): (Client, Wire, (bool, bool)),
) -> String {
    let base = &provider.base_path;
    let endpoint = match client {
        Client::Completions if native => Endpoint::Completions,
        _ if matches!(wire, Wire::Responses(_)) => Endpoint::Responses,
        Client::Embeddings => Endpoint::Embeddings,
        Client::Chat
        | Client::Completions
        | Client::Responses
        | Client::Messages
        | Client::CountTokens => Endpoint::ChatCompletions,
    };
    match wire {
        Wire::Openai(vendor) if endpoint == Endpoint::ChatCompletions => {
            format!("{base}{}", vendor.quirks().chat_path)
        }
        Wire::Responses(_) if provider.kind == ProviderKind::AzureOpenai => {
            upstream_path(base, endpoint, Layout::AzureV1)
        }
        Wire::Openai(_) | Wire::Responses(_) => upstream_path(base, endpoint, Layout::Openai),
        Wire::Azure { v1: true } => upstream_path(base, endpoint, Layout::AzureV1),
        Wire::Azure { v1: false } => {
            let layout = Layout::AzureOpenai {
                deployment: model,
                api_version: provider.api_version.as_deref().unwrap_or_default(),
            };
            upstream_path(base, endpoint, layout)
        }
        Wire::Anthropic if client == Client::CountTokens => format!("{base}/messages/count_tokens"),
        Wire::Anthropic => format!("{base}/messages"),
        Wire::Gemini(api) => gemini::path(base, model, gemini_method(client, stream, api)),
        Wire::Bedrock => bedrock::path(base, model, stream),
    }
}

fn gemini_method(client: Client, stream: bool, api: Api) -> gemini::Method {
    match client {
        Client::Embeddings => gemini::Method::of_embeddings(api),
        Client::CountTokens => gemini::Method::CountTokens,
        Client::Chat | Client::Completions | Client::Responses | Client::Messages if stream => {
            gemini::Method::Stream
        }
        Client::Chat | Client::Completions | Client::Responses | Client::Messages => {
            gemini::Method::Generate
        }
    }
}
