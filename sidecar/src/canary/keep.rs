//! Where a canary stands, over a restart of the sidecar.

use std::collections::BTreeMap;

use ark_gateway_core::rules::Share;
use serde::{Deserialize, Serialize};

use super::{Canaries, Canary, State};
use crate::Ms;
use crate::config::CanaryConfig;
use crate::digest;

/// Where a canary stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptCanary {
    /// A digest of what it tries, on whom and through which shares: another canary begins anew.
    of: String,
    state: State,
    share_millionths: Share,
    reason: String,
    held: bool,
}

/// What may have moved a canary.
const REASONS: [&str; 5] = ["start", "proved", "errors", "latency", "cost"];

impl Canaries {
    /// Where those stand that are moved; those that only the file moves are not among them.
    #[must_use]
    pub fn kept(&self) -> BTreeMap<String, KeptCanary> {
        let moved = |canary: &&Canary| canary.config.promote.is_some();
        let all = self.by_model.iter().filter(|(_, canary)| moved(canary));
        all.map(|(model, canary)| (model.clone(), canary.kept()))
            .collect()
    }

    /// Puts those that are still the same where they stood.
    pub fn restore(&mut self, kept: &BTreeMap<String, KeptCanary>, now: Ms) {
        for (model, kept) in kept {
            let Some(canary) = self.by_model.get_mut(model) else {
                continue;
            };
            if canary.config.promote.is_some() && kept.of == of(&canary.config) {
                let reason = REASONS.into_iter().find(|known| **known == kept.reason);
                canary.state = kept.state;
                canary.share = kept.share_millionths;
                canary.reason = reason.unwrap_or("operator");
                canary.is_held = kept.held;
                canary.since = now;
                tracing::info!(model, state = kept.state.as_str(), "canary goes on");
            }
        }
    }
}

impl Canary {
    fn kept(&self) -> KeptCanary {
        KeptCanary {
            of: of(&self.config),
            state: self.state,
            share_millionths: self.share,
            reason: self.reason.to_owned(),
            held: self.is_held,
        }
    }
}

fn of(config: &CanaryConfig) -> String {
    let steps = config.promote.as_ref().map(|promote| &promote.steps);
    let what = (
        &config.provider,
        &config.model,
        &config.sticky,
        config.share,
        steps,
    );
    let mut of = digest::hex(&[format!("{what:?}").as_bytes()]);
    of.truncate(16);
    of
}
