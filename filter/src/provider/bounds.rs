//! What a provider may not be told, whatever the client says: to store, or to answer without a bound.

use std::rc::Rc;

use ark_dialect::chat::Written;
use ark_dialect::translate::{Asked, Client, Wire};
use ark_dialect::vendor::MaxTokens;
use ark_gateway_core::snapshot::{ProviderId, ProviderKind, ProviderSpec};
use ark_wire::request::RequestFacts;
use ark_wire::rewrite::{Plan, StoreEdit, plan, say_off};

use super::request::edits;
use crate::vm::Live;

/// Whether the request's tenant lets providers store what it sends.
pub(super) fn may_store(live: &Live) -> bool {
    let exchange = &live.exchange;
    let key = exchange
        .admission()
        .and_then(|a| exchange.policy().key(a.key));
    key.is_some_and(|key| key.may_store)
}

/// What changes in a body that passes.
pub(super) fn planned(
    live: &Live,
    facts: &RequestFacts,
    (wire, provider): (Wire, &ProviderSpec),
    model: &str,
) -> Plan {
    let mut edits = edits(wire, model, live);
    edits.store = match (live.client, wire) {
        (Some(Client::Chat | Client::Completions), Wire::Openai(_) | Wire::Azure { .. })
            if !may_store(live) =>
        {
            let stores = provider.stores && live.client == Some(Client::Chat);
            if stores {
                StoreEdit::SayOff
            } else {
                StoreEdit::Off
            }
        }
        (_, _) => StoreEdit::Leave,
    };
    let planned = plan(facts, edits);
    let name = live.client.and_then(|client| bound_name(client, wire));
    match (&live.bound, name) {
        (Some(bound), Some(name)) => planned.with(vec![bound.said.bound(name, bound.tokens)]),
        (_, _) => planned,
    }
}

/// What a client's dialect calls the bound on output tokens, as this provider takes it.
fn bound_name(client: Client, wire: Wire) -> Option<&'static str> {
    match (client, wire) {
        (Client::Chat, Wire::Openai(vendor)) if vendor.quirks().max_tokens == MaxTokens::Old => {
            Some("max_tokens")
        }
        (Client::Chat, _) => Some("max_completion_tokens"),
        (Client::Completions | Client::Messages, _) => Some("max_tokens"),
        (Client::Responses, _) => Some("max_output_tokens"),
        (Client::Embeddings | Client::CountTokens, _) => None,
    }
}

/// The request with the bound that a rule puts on it.
pub(super) fn bounded(asked: &Asked, live: &Live) -> Asked {
    match (asked, &live.bound) {
        (Asked::Chat(request), Some(bound)) if request.max_tokens.is_none() => {
            let mut request = Rc::clone(request);
            Rc::make_mut(&mut request).max_tokens = Some(bound.tokens);
            Asked::Chat(request)
        }
        (_, _) => asked.clone(),
    }
}

/// What was written for a provider that stores by default tells it not to.
pub(super) fn stored_nowhere(written: Written, live: &Live, provider: ProviderId) -> Written {
    let provider = live.exchange.policy().provider(provider);
    let knows = provider.is_some_and(|p| match p.kind {
        ProviderKind::Openai
        | ProviderKind::AzureOpenai
        | ProviderKind::OpenaiCompatible
        | ProviderKind::Gemini => p.stores,
        ProviderKind::Anthropic | ProviderKind::Vertex | ProviderKind::Bedrock => false,
    });
    if may_store(live) || !knows {
        return written;
    }
    // Embeddings are of no kind that is stored, and endpoints refuse members that they do not know.
    match live.client {
        Some(Client::Chat | Client::Completions | Client::Responses | Client::Messages) => {
            Written {
                body: say_off(written.body),
                ..written
            }
        }
        Some(Client::Embeddings | Client::CountTokens) | None => written,
    }
}
