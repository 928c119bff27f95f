//! `ark explain` without its files and terminal: scores as the admin port shows them, and an
//! explanation as text.

use std::fmt::Write as _;

use ark_gateway_core::decide::NoTarget;
use ark_gateway_core::explain::{CandidateView, Explanation, Filter, Scored, Standing};
use ark_gateway_core::rules::CanaryShare;
use ark_gateway_core::score::{KeyLengths, Learnt, ModelScore, Scores, TargetScore};
use ark_gateway_core::snapshot::Snapshot;
use ark_gateway_core::{hedge, shadow};
use serde::Deserialize;

/// What `/v1/scores` says, as far as it is needed; or the scores themselves.
#[derive(Deserialize)]
#[serde(untagged)]
enum Known {
    View(View),
    Scores(Scores),
}

#[derive(Deserialize)]
struct View {
    snapshot: String,
    sequence: u64,
    targets: Vec<ViewTarget>,
    #[serde(default)]
    models: Vec<ModelScore>,
    #[serde(default)]
    canaries: Vec<CanaryShare>,
    #[serde(default)]
    lengths: Vec<KeyLengths>,
    #[serde(default)]
    workers: Option<u16>,
}

#[derive(Deserialize)]
struct ViewTarget {
    provider: String,
    upstream_model: String,
    told: TargetScore,
}

/// Reads scores for `snapshot`: what `/v1/scores` answers, whose targets are found by name. The flag is
/// whether they were made for another snapshot.
///
/// # Errors
/// In words.
pub fn read_scores(text: &str, snapshot: &Snapshot) -> Result<(Scores, bool), String> {
    let known: Known = serde_json::from_str(text)
        .map_err(|error| format!("is not what /v1/scores answers: {error}"))?;
    let view = match known {
        Known::Scores(scores) if scores.snapshot == snapshot.version => return Ok((scores, false)),
        Known::Scores(_) => {
            return Err(
                "holds scores of another snapshot, without the names of targets".to_owned(),
            );
        }
        Known::View(view) => view,
    };
    let told = |provider: &str, model: &str| {
        let same = |t: &&ViewTarget| t.provider == provider && t.upstream_model == model;
        view.targets.iter().find(same).map(|t| t.told)
    };
    let targets = snapshot.targets.iter().map(|spec| {
        let provider = snapshot.providers.get(usize::from(spec.provider.0));
        provider
            .and_then(|p| told(&p.name, &spec.model))
            .unwrap_or_default()
    });
    let is_other = view.snapshot != snapshot.version.0;
    let scores = Scores {
        snapshot: snapshot.version.clone(),
        sequence: view.sequence,
        targets: targets.collect(),
        // Models are known by their place, which another snapshot may have given to others.
        models: if is_other {
            Vec::new()
        } else {
            view.models.clone()
        },
        canaries: if is_other {
            Vec::new()
        } else {
            view.canaries.clone()
        },
        lengths: if is_other {
            Vec::new()
        } else {
            view.lengths.clone()
        },
        workers: view.workers.unwrap_or(1),
    };
    Ok((scores, is_other))
}

/// Renders an explanation for people.
#[must_use]
pub fn render(explained: &Explanation) -> String {
    let mut out = format!(
        "{} as {}, snapshot {}, scores {}, draw {}\n",
        explained.model,
        explained.priority.as_str(),
        explained.snapshot.0,
        explained
            .scores
            .map_or_else(|| "none".to_owned(), |n| n.to_string()),
        explained.draw,
    );
    if let Some(estimate) = explained.estimate {
        let _ = writeln!(
            out,
            "taken for {} prompt tokens and {} completion tokens ({} if long){}",
            estimate.input_tokens,
            estimate.output_tokens,
            estimate.long_output_tokens,
            explained.learnt.map_or("", learnt)
        );
    }
    let _ = match (explained.rule, explained.refused) {
        (Some(rule), _) => writeln!(out, "rule: {rule:?}"),
        (None, Some(why)) => writeln!(out, "refused: {}", refusal(why)),
        (None, None) => Ok(()),
    };
    if let Some(access) = &explained.access {
        let verb = if access.allowed { "allows" } else { "denies" };
        let _ = writeln!(out, "access: {} {verb} it", access.rule);
    }
    if let Some(canary) = explained.canary {
        let side = if canary.is_canary {
            "canary"
        } else {
            "baseline"
        };
        let _ = writeln!(
            out,
            "canary: {side}, as its place is {} and the canary has those below {}",
            percent(canary.place),
            percent(canary.share.0)
        );
    }
    out.push_str(&extras(explained));
    let mut candidates: Vec<&CandidateView> = explained.candidates.iter().collect();
    candidates.sort_by_key(|candidate| candidate.rank.unwrap_or(usize::MAX));
    for candidate in candidates {
        out.push_str(&told(explained, candidate));
    }
    out
}

/// One candidate.
fn told(explained: &Explanation, candidate: &CandidateView) -> String {
    let place = candidate
        .rank
        .map_or_else(|| "-".to_owned(), |rank| rank.to_string());
    let mut out = format!("\n{place}  {} {}", candidate.provider, candidate.model);
    let _ = match &candidate.fallback {
        Some(model) => writeln!(out, ", of the fallback {model}"),
        None if candidate.is_canary => writeln!(out, ", the canary"),
        None => writeln!(out),
    };
    if let Some(filter) = candidate.removed_by {
        let _ = match &candidate.access_rule {
            Some(rule) => {
                writeln!(out, "   removed: access: {rule} does not let it serve this")
            }
            None => writeln!(out, "   removed: {}", filtered(filter)),
        };
    }
    if let Some(scored) = &candidate.scored {
        out.push_str(&terms(explained, scored));
    }
    out
}

fn learnt(of: Learnt) -> &'static str {
    match of {
        Learnt::Nothing => ", as nothing is known of its answers",
        Learnt::Model => ", by the model's answers",
        Learnt::Key => ", by the model's answers to this key",
    }
}

/// What is sent besides.
fn extras(explained: &Explanation) -> String {
    let mut out = String::new();
    if let Some(hedge) = &explained.hedge {
        let provider = hedge.provider.as_deref().unwrap_or("nobody");
        let _ = match (hedge.after_ms, hedge.skipped) {
            (Some(ms), _) => writeln!(
                out,
                "hedge: after {ms} ms without a first token {provider} is asked too (of {} requests at \
                 most one)",
                (1.0 / hedge.budget.max(f32::MIN_POSITIVE)).round()
            ),
            (None, Some(why)) => writeln!(out, "hedge: no, {}", unhedged(why)),
            (None, None) => Ok(()),
        };
    }
    if let Some(shadow) = &explained.shadow {
        let (to, share) = (&shadow.provider, shadow.share * 100.0);
        let _ = match shadow.skipped {
            Some(why) => writeln!(out, "shadow: no copy to {to} now, {}", uncopied(why)),
            None if shadow.share <= 0.0 => {
                writeln!(
                    out,
                    "shadow: requests of this priority are not copied to {to}"
                )
            }
            None => writeln!(out, "shadow: {share} % of such requests are copied to {to}"),
        };
    }
    out
}

fn unhedged(why: hedge::Skip) -> &'static str {
    match why {
        hedge::Skip::NoTarget => "there is no second target that is well and far from its limits",
        hedge::Skip::NoDelay => {
            "it is not known how slow the first target is, or its time-out is first"
        }
        hedge::Skip::NoBudget => "the budget is spent",
        hedge::Skip::Retries => "retries are short",
    }
}

fn uncopied(why: shadow::Skip) -> &'static str {
    match why {
        shadow::Skip::Unfit => "it is not well",
        shadow::Skip::Limited => "it is near its limits",
        shadow::Skip::Unsuitable => "it cannot do what is asked, or must not",
        shadow::Skip::TooLarge => "the body is too large",
        shadow::Skip::Busy => "there are too many copies in flight",
        shadow::Skip::NotSent => "Envoy does not know its route yet",
    }
}

fn percent(millionths: u32) -> String {
    format!("{:.2} %", f64::from(millionths) / 10_000.0)
}

fn terms(explained: &Explanation, scored: &Scored) -> String {
    let (terms, inputs, weights) = (&scored.terms, &scored.inputs, &explained.weights);
    let unknown = || "not known".to_owned();
    let cost = inputs.cost.map(|c| {
        format!(
            "{} micro-USD{}",
            c.in_micro_usd().0,
            cached(inputs.cached_tokens)
        )
    });
    let latency = inputs
        .latency_ms
        .map(|ms| format!("{ms:.0} ms of {:.0} ms", explained.slo.latency_ms));
    let failures = inputs
        .failure_rate
        .map(|rate| format!("{rate:.5} of {:.5}", explained.slo.failure_rate));
    let mut out = format!(
        "   score {:.3}, odds {:.1} %, exploration {:.1} %, {}\n",
        scored.score,
        scored.odds * 100.0,
        scored.exploration * 100.0,
        standing(scored.standing),
    );
    for (name, term, weight, input) in [
        (
            "cost",
            terms.cost,
            weights.cost,
            cost.unwrap_or_else(unknown),
        ),
        (
            "performance",
            terms.performance,
            weights.performance,
            latency.unwrap_or_else(unknown),
        ),
        (
            "reliability",
            terms.reliability,
            weights.reliability,
            failures.unwrap_or_else(unknown),
        ),
        (
            "load",
            terms.load,
            weights.load,
            format!("{:.1} % used", inputs.utilisation * 100.0),
        ),
        (
            "compliance",
            terms.compliance,
            weights.compliance,
            format!("{} certifications", inputs.certifications),
        ),
    ] {
        let _ = writeln!(out, "   {name:<12} {term:.3} x {weight:<5} {input}");
    }
    out
}

fn cached(tokens: u64) -> String {
    match tokens {
        0 => String::new(),
        tokens => format!(", {tokens} prompt tokens cached there"),
    }
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Fit => "fit",
        Standing::Limited => "behind others: full, or its circuit is half open",
        Standing::CircuitOpen => "behind others: its circuit is open",
        Standing::Unavailable => "behind others: no healthy host",
    }
}

fn filtered(filter: Filter) -> String {
    match filter {
        Filter::Pin => "the client pinned another provider".to_owned(),
        Filter::Capability(capability) => {
            format!("it is no target that {}", capability.missing())
        }
        Filter::Compliance(demand) => {
            format!(
                "compliance: its provider does not meet what is required, {}",
                demand.as_str()
            )
        }
        Filter::UnknownPrice => "unknown_price: it has no known price".to_owned(),
        Filter::Dialect => "its dialect cannot carry the request".to_owned(),
        Filter::Drained => "its provider is drained for maintenance".to_owned(),
    }
}

fn refusal(why: NoTarget) -> String {
    match why {
        NoTarget::None => "the model has no target now".to_owned(),
        NoTarget::Pin => "the pinned provider has no target of the model".to_owned(),
        NoTarget::Lacking(capability) => format!("no target {}", capability.missing()),
        NoTarget::Compliance(demand) => {
            format!("no provider meets what is required, {}", demand.as_str())
        }
        NoTarget::UnknownPrice => "no target has a known price".to_owned(),
        NoTarget::Refused => "no target's dialect can carry the request".to_owned(),
        NoTarget::Drained => "what could serve it is drained for maintenance".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use ark_gateway_core::capability::Needs;
    use ark_gateway_core::compliance::Requirement;
    use ark_gateway_core::decide::Facts;
    use ark_gateway_core::explain::explain;
    use ark_gateway_core::policy::Policy;
    use ark_gateway_core::priority::Priority;
    use ark_gateway_core::snapshot::ModelId;

    use super::*;
    use crate::replay::testing::snapshot;

    fn view(version: &str) -> String {
        format!(
            r#"{{"snapshot": "{version}", "sequence": 9, "targets": [
                {{"provider": "b", "upstream_model": "m", "models": ["m"], "now": {{}},
                  "told": {{"ttft_ms": 120.0, "tpot_ms": 5.0, "failure_rate": 0.0004,
                            "utilisation": 0.1, "unavailable": false}}}}]}}"#
        )
    }

    #[test]
    fn scores_are_found_by_name_and_shown_with_what_they_come_from() {
        let snapshot = snapshot(&["a", "b"]);
        let (scores, is_other) = read_scores(&view("other"), &snapshot).unwrap();
        assert!(is_other);
        assert_eq!(scores.targets[0], TargetScore::default());
        assert_eq!(scores.targets[1].ttft_ms, Some(120.0));
        let (_, is_other) = read_scores(&view(&snapshot.version.0), &snapshot).unwrap();
        assert!(!is_other);
        assert!(read_scores("{}", &snapshot).is_err());
        let whole = serde_json::to_string(&scores).unwrap();
        assert_eq!(read_scores(&whole, &snapshot).unwrap().0, scores);

        let policy = Policy::new(snapshot).unwrap();
        let facts = Facts {
            model: ModelId(0),
            priority: Priority::Critical,
            pin: None,
            needs: Needs::default(),
            refused: &[],
            caller: ark_gateway_core::decide::Caller::default(),
            part: ark_gateway_core::decide::Part::All,
            requires: Requirement::default(),
            warm: None,
        };
        let text = render(&explain(&policy, Some(&scores), &facts, 1).unwrap());
        let first = text.find("1  b m").unwrap();
        assert!(first < text.find("2  a m").unwrap(), "{text}");
        assert!(text.contains("0.00040 of 0.00100"), "{text}");
        assert!(text.contains("not known"), "{text}");
    }
}
