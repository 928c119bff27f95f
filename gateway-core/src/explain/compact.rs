//! An explanation that fits into a header.

use serde::Serialize;

use super::{CandidateView, Explanation, Filter, Standing};
use crate::capability::Capability;
use crate::decide::NoTarget;
use crate::priority::Priority;
use crate::record::Rule;
use crate::snapshot::SnapshotVersion;

/// An [`Explanation`] in short. Its JSON is one line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compact<'a> {
    snapshot: &'a SnapshotVersion,
    /// The scores' sequence; absent when none decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    scores: Option<u64>,
    model: &'a str,
    priority: Priority,
    /// Cost, performance, reliability, load, compliance.
    weights: [f32; 5],
    /// 16 hex digits.
    draw: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<Rule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<NoTarget>,
    /// Tokens: prompt, completion, completion if long.
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<[u64; 3]>,
    /// In the order in which they are tried, then those that are not.
    candidates: Vec<CompactCandidate<'a>>,
    /// Candidates that were left out, so that it fits.
    #[serde(skip_serializing_if = "is_none")]
    more: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct CompactCandidate<'a> {
    provider: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rank: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    standing: Option<Standing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    odds: Option<f32>,
    /// Tokens of the prompt that it has cached.
    #[serde(skip_serializing_if = "Option::is_none")]
    cached: Option<u64>,
    /// Cost, performance, reliability, load, compliance, each 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    terms: Option<[f32; 5]>,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference; in Wasm that is the smaller one"
)]
fn is_none(count: &usize) -> bool {
    *count == 0
}

impl<'a> Compact<'a> {
    /// At most `most` candidates.
    #[must_use]
    pub fn new(explained: &'a Explanation, most: usize) -> Self {
        let mut candidates: Vec<&CandidateView> = explained.candidates.iter().collect();
        candidates.sort_by_key(|c| (c.rank.unwrap_or(usize::MAX), c.removed_by.is_some()));
        let w = &explained.weights;
        Self {
            snapshot: &explained.snapshot,
            scores: explained.scores,
            model: &explained.model,
            priority: explained.priority,
            weights: [w.cost, w.performance, w.reliability, w.load, w.compliance],
            draw: format!("{:016x}", explained.draw),
            rule: explained.rule,
            refused: explained.refused,
            tokens: explained
                .estimate
                .map(|e| [e.input_tokens, e.output_tokens, e.long_output_tokens]),
            more: candidates.len().saturating_sub(most),
            candidates: candidates.into_iter().take(most).map(candidate).collect(),
        }
    }
}

fn candidate(view: &CandidateView) -> CompactCandidate<'_> {
    let scored = view.scored.as_ref();
    CompactCandidate {
        provider: &view.provider,
        rank: view.rank,
        removed: view.removed_by.map(filter_name),
        standing: scored.map(|s| s.standing).filter(|s| *s != Standing::Fit),
        score: scored.map(|s| thousandths(s.score)),
        odds: scored.map(|s| thousandths(s.odds)),
        cached: scored.map(|s| s.inputs.cached_tokens).filter(|n| *n > 0),
        terms: scored.map(|s| {
            let t = &s.terms;
            [t.cost, t.performance, t.reliability, t.load, t.compliance].map(thousandths)
        }),
    }
}

fn thousandths(share: f32) -> f32 {
    (share * 1000.0).round() / 1000.0
}

fn filter_name(filter: Filter) -> &'static str {
    match filter {
        Filter::Pin => "pin",
        Filter::Dialect => "dialect",
        Filter::Drained => "drained",
        Filter::UnknownPrice => "unknown_price",
        Filter::Compliance(demand) => demand.as_str(),
        Filter::Capability(capability) => match capability {
            Capability::Tools => "tools",
            Capability::JsonSchema => "json_schema",
            Capability::Images => "images",
            Capability::Files => "files",
            Capability::Audio => "audio",
            Capability::Embeddings => "embeddings",
            Capability::Context => "context",
            Capability::Output => "max_output",
        },
    }
}
