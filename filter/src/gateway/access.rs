//! The rules of `access`, asked and obeyed.

use ark_dialect::translate::{Asked as Said, Client};
use ark_gateway_core::access::{Asked, Breach};
use ark_gateway_core::admit::Admission;
use ark_gateway_core::capability::Needs;
use ark_gateway_core::compliance::Demand;
use ark_gateway_core::limit::Nanos;
use ark_gateway_core::policy::Policy;
use ark_gateway_core::reject::{Reject, RejectCode};
use ark_gateway_core::snapshot::ModelSpec;

use super::GatewayFilter;
use super::choose::malformed;
use crate::host;
use crate::vm::{Bound, Shared};

/// Where there may be an image: by the words of all dialects, or behind an escape that can spell them.
static IMAGES: [&[u8]; 4] = [b"image", b"\\u00", b"\"file", b"\"document\""];

/// Checks the head of an admitted request; whether its body must be looked into.
pub(super) fn check_access(live: &Shared, now: Nanos) -> Result<bool, Reject> {
    let mut live = live.borrow_mut();
    live.exchange.check_access(now, host::source_address)?;
    Ok(live.exchange.bounds_body())
}

/// The refusal when a rule of `access` requires what no provider meets, or allows none that could serve.
pub(super) fn beyond_rule(
    shared: &Shared,
    (admission, model): (Admission, &ModelSpec),
    demand: Demand,
) -> Option<Reject> {
    let live = shared.borrow();
    if demand == Demand::Provider {
        return Some(live.exchange.beyond(Breach::Providers));
    }
    let words = live.exchange.access_words();
    if words.is_empty() {
        return None;
    }
    let by_key = live.exchange.policy().key(admission.key);
    let by_key = by_key.map_or("", |key| key.requires.words.as_str());
    let stated = [by_key, words, &model.requires.words];
    Some(Reject::compliance_unmet(demand, &stated, admission.asks))
}

impl GatewayFilter {
    /// Whether the caller is shown a model, by its name.
    pub(super) fn shows(&self, policy: &Policy, name: &str) -> bool {
        let (Some(live), Some(model)) = (&self.live, policy.model_named(name)) else {
            return false;
        };
        live.borrow().exchange.shows(model)
    }

    /// The header that names the rule that refused.
    pub(super) fn refusing_rule(&self, reject: &Reject) -> Option<(&'static str, String)> {
        let live = self.live.as_ref()?.try_borrow().ok()?;
        let rule = live.exchange.access_rule()?;
        (reject.code == RejectCode::AccessDenied).then(|| ("x-ark-rule", rule.to_owned()))
    }

    /// Checks what the body holds against the rule that let the request pass; what it needs then.
    pub(super) fn check_ceiling(
        &mut self,
        shared: &Shared,
        client: Client,
        needs: Needs,
    ) -> Result<Needs, Reject> {
        let Some(scan) = self.params.take() else {
            return Ok(needs);
        };
        let said = scan.finish().map_err(malformed)?;
        let ceiling = shared.borrow().exchange.ceiling();
        let asked = Asked {
            max_tokens: said.max_tokens,
            tools: said.tools,
            images: ceiling.no_images && self.has_images(client)?,
        };
        let mut live = shared.borrow_mut();
        live.exchange.check_ceiling(&asked)?;
        let answers = match client {
            Client::Chat | Client::Completions | Client::Responses | Client::Messages => true,
            Client::Embeddings | Client::CountTokens => false,
        };
        let unbounded = answers && said.max_tokens.is_none();
        live.bound = ceiling
            .max_tokens
            .filter(|_| unbounded)
            .map(|tokens| Bound { tokens, said });
        let written = live.bound.as_ref().map(|bound| bound.tokens);
        Ok(Needs {
            max_output_tokens: needs.max_output_tokens.or(written),
            ..needs
        })
    }

    fn has_images(&self, client: Client) -> Result<bool, Reject> {
        if client == Client::Embeddings || !self.finds(&IMAGES) {
            return Ok(false);
        }
        Ok(match self.asked()? {
            Said::Chat(request) => request.content().images,
            Said::Embeddings(_) => false,
        })
    }
}
