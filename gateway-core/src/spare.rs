//! Whether a target can take a request that it need not have.

use crate::circuit::Circuit;
use crate::policy::Policy;
use crate::score::{Scores, TargetScore};
use crate::snapshot::{ProviderId, TargetId};

/// The share of what a provider takes that may be in use when it is sent what it need not have; the
/// rest is kept for requests that have nowhere else to go.
const CEILING: f32 = 0.7;

/// Why a target is spared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spared {
    /// Envoy has no healthy host for it, or its circuit is open.
    Unfit,
    /// Its circuit is half open: a few may try whether it is well again.
    Recovering,
    /// Its provider is near a limit.
    Limited,
}

/// Whether `target` is well and far from its limits. What is not known does not speak against it: a
/// new target is to be met with copies before it is met with clients.
pub(crate) fn spared(policy: &Policy, scores: Option<&Scores>, target: TargetId) -> Option<Spared> {
    let known = scores.filter(|s| s.snapshot == policy.snapshot().version);
    let measured = known.and_then(|s| s.targets.get(usize::from(target.0)));
    let measured = measured.copied().unwrap_or_default();
    if measured.unavailable || measured.circuit == Circuit::Open {
        return Some(Spared::Unfit);
    }
    let provider = policy.target(target).map(|spec| spec.provider)?;
    if used(&measured) >= CEILING || crowd(policy, provider) >= CEILING {
        return Some(Spared::Limited);
    }
    (measured.circuit == Circuit::HalfOpen).then_some(Spared::Recovering)
}

fn used(measured: &TargetScore) -> f32 {
    let of = |share: Option<f32>| share.unwrap_or(0.0);
    of(measured.utilisation).max(of(measured.metered))
}

#[expect(clippy::cast_precision_loss, reason = "request counts fit")]
fn crowd(policy: &Policy, provider: ProviderId) -> f32 {
    let takes = policy
        .provider(provider)
        .map_or(1, |p| p.max_in_flight.max(1));
    policy.in_flight(provider) as f32 / takes as f32
}
