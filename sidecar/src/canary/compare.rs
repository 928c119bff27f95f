//! Is the canary as good as the baseline? On errors, latency and cost, with confidence bounds.

use serde::Serialize;

use super::evidence::Side;
use crate::bounds::wilson;
use crate::config::PromoteConfig;

/// Standard deviations for a rollback: of comparisons every quarter of a second hardly one is wrong.
const CERTAIN: f64 = 3.0;
/// Standard deviations for a promotion: 95 % one-sided.
const CONFIDENT: f64 = 1.645;
/// Fewest failures that prove anything.
const LEAST_FAULTS: u64 = 3;
/// Fewest times to the first byte of a side for its P95 to mean anything.
const LEAST_TTFTS: u64 = 20;
/// Fewest answers of a side for its mean cost to mean anything.
const LEAST_ANSWERS: u64 = 20;
/// The quantile of the time to the first byte that counts.
const QUANTILE: f64 = 0.95;
/// So much more to the first byte is never a reason against a canary, milliseconds.
const LATENCY_FLOOR_MS: f64 = 25.0;

/// What was found of one criterion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The canary is worse than it may be.
    Worse,
    /// It may be either.
    Unproved,
    /// It is as good as it has to be.
    Proved,
    /// Neither side's is known.
    NotCompared,
}

/// A value with its bounds. Errors are shares, latencies milliseconds, costs micro-USD.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// As measured.
    pub value: f64,
    /// So little it may be, as far as a rollback has to be certain.
    pub at_least: f64,
    /// So much it may be, as far as a promotion has to be confident.
    pub at_most: f64,
}

/// One criterion.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// What was found.
    pub finding: Finding,
    /// The canary.
    pub canary: Option<Measured>,
    /// The baseline.
    pub baseline: Option<Measured>,
    /// What the canary's may be.
    pub limit: Option<f64>,
}

/// All criteria.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The share of attempts that failed by the provider's fault.
    pub errors: Compared,
    /// P95 of the time to the first byte.
    pub latency: Compared,
    /// Mean cost of a request.
    pub cost: Compared,
}

impl Comparison {
    /// The first criterion on which the canary is worse.
    #[must_use]
    pub fn worse(&self) -> Option<&'static str> {
        let named = [
            ("errors", self.errors),
            ("latency", self.latency),
            ("cost", self.cost),
        ];
        let worse = |(_, compared): &(_, Compared)| compared.finding == Finding::Worse;
        named.into_iter().find(worse).map(|(name, _)| name)
    }

    /// Whether nothing speaks against more traffic, and nothing is left to be shown.
    #[must_use]
    pub fn is_proved(&self) -> bool {
        [self.errors, self.latency, self.cost]
            .iter()
            .all(|c| match c.finding {
                Finding::Proved | Finding::NotCompared => true,
                Finding::Worse | Finding::Unproved => false,
            })
    }
}

/// Compares two sides.
#[must_use]
pub fn compare(canary: &Side, baseline: &Side, rules: &PromoteConfig) -> Comparison {
    Comparison {
        errors: errors(canary, baseline, rules),
        latency: latency(canary, baseline, rules),
        cost: cost(canary, baseline, rules),
    }
}

/// A baseline of which nothing is known is taken for one that never fails.
fn errors(canary: &Side, baseline: &Side, rules: &PromoteConfig) -> Compared {
    let (own, other) = (error_share(canary), error_share(baseline));
    let margin = f64::from(rules.max_error_increase.0) / 1e6;
    let usual = other.map_or(0.0, |other| other.value);
    let usual_at_most = other.map_or(0.0, |other| other.at_most);
    let finding = match own {
        None => Finding::Unproved,
        Some(own) if canary.faults >= LEAST_FAULTS && own.at_least > usual_at_most + margin => {
            Finding::Worse
        }
        Some(own) if own.at_most <= usual + margin => Finding::Proved,
        Some(_) => Finding::Unproved,
    };
    Compared {
        finding: enough(finding, canary.judged, rules),
        canary: own,
        baseline: other,
        limit: Some(usual + margin),
    }
}

/// What is proved by too few requests is not.
fn enough(finding: Finding, requests: u64, rules: &PromoteConfig) -> Finding {
    match finding {
        Finding::Proved if requests < u64::from(rules.min_requests) => Finding::Unproved,
        Finding::Proved | Finding::Worse | Finding::Unproved | Finding::NotCompared => finding,
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "counts of minutes, and bounds of shares"
)]
fn error_share(side: &Side) -> Option<Measured> {
    let (faults, judged) = (side.faults as f32, side.judged as f32);
    (side.judged > 0).then(|| Measured {
        value: f64::from(faults / judged),
        at_least: f64::from(wilson(faults, judged, -CERTAIN as f32)),
        at_most: f64::from(wilson(faults, judged, CONFIDENT as f32)),
    })
}

fn latency(canary: &Side, baseline: &Side, rules: &PromoteConfig) -> Compared {
    let (own, other) = (ttft(canary), ttft(baseline));
    let limit = |usual: f64| usual * ratio(rules.max_latency_ratio) + LATENCY_FLOOR_MS;
    judged(own, other, limit)
}

/// P95 with the quantiles that bound it, by the normal approximation of the ranks' distribution.
#[allow(clippy::cast_precision_loss, reason = "counts of minutes")]
fn ttft(side: &Side) -> Option<Measured> {
    let n = side.ttft.len();
    if n < LEAST_TTFTS {
        return None;
    }
    let spread = (QUANTILE * (1.0 - QUANTILE) / n as f64).sqrt();
    let at = |z: f64| side.ttft.quantile_ms(QUANTILE + z * spread).map(f64::from);
    Some(Measured {
        value: at(0.0)?,
        at_least: at(-CERTAIN)?,
        at_most: at(CONFIDENT)?,
    })
}

/// An unknown cost is never taken for a low one: where only one side's is known, nothing is proved.
fn cost(canary: &Side, baseline: &Side, rules: &PromoteConfig) -> Compared {
    let compared = judged(mean_cost(canary), mean_cost(baseline), |usual| {
        usual * ratio(rules.max_cost_ratio)
    });
    let is_unknown = canary.unpriced > 0;
    let finding = match compared.finding {
        _ if is_unknown && canary.priced == 0 && baseline.priced == 0 => Finding::NotCompared,
        Finding::Proved if is_unknown => Finding::Unproved,
        Finding::Proved | Finding::Worse | Finding::Unproved | Finding::NotCompared => {
            compared.finding
        }
    };
    Compared {
        finding,
        ..compared
    }
}

fn mean_cost(side: &Side) -> Option<Measured> {
    let (mean, error) = side.cost().filter(|_| side.priced >= LEAST_ANSWERS)?;
    Some(Measured {
        value: mean,
        at_least: mean - CERTAIN * error,
        at_most: mean + CONFIDENT * error,
    })
}

fn judged(own: Option<Measured>, other: Option<Measured>, limit: impl Fn(f64) -> f64) -> Compared {
    let finding = match (own, other) {
        (Some(own), Some(other)) if own.at_least > limit(other.at_most) => Finding::Worse,
        (Some(own), Some(other)) if own.at_most <= limit(other.value) => Finding::Proved,
        (_, _) => Finding::Unproved,
    };
    Compared {
        finding,
        canary: own,
        baseline: other,
        limit: other.map(|other| limit(other.value)),
    }
}

#[allow(clippy::cast_precision_loss, reason = "ratios of up to a thousand")]
fn ratio(millionths: u64) -> f64 {
    millionths as f64 / 1e6
}
