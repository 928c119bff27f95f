//! What shadow copies showed: the two sides of each shadowed request, put together by its id.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ark_gateway_core::money::MicroUsd;
use ark_gateway_core::record::{Outcome, Record, Shadow, UsageSource};
use serde::Serialize;

use crate::histogram::Histogram;
use crate::verdicts;

/// Sides that wait for their other side at most; of more the oldest counts as alone.
const MOST_WAITING: usize = 4_096;
/// Most comparisons that are kept: a file's models, with some that were edited away.
const MOST_COMPARISONS: usize = 4_096;

/// Which model, and who gets its copies.
type Key = (String, String, String);

/// All comparisons since the sidecar's start.
#[derive(Default)]
pub struct Shadows {
    waiting: BTreeMap<String, Record>,
    /// The ids of [`Self::waiting`], oldest first; some are gone from there.
    order: VecDeque<String>,
    comparisons: BTreeMap<Key, Comparison>,
    alone: u64,
}

/// One model's requests and their copies at one target.
#[derive(Clone, Debug, Default)]
struct Comparison {
    original: Side,
    copy: Side,
    both_ok: u64,
    only_original_ok: u64,
    only_copy_ok: u64,
    neither_ok: u64,
    /// Of those where both were right: the copy's first token came sooner.
    copy_sooner: u64,
    /// Of those where both were right: the copy was done sooner.
    copy_done_sooner: u64,
}

/// What is counted of either side; of times, tokens and cost only of right answers.
#[derive(Clone, Debug, Default)]
struct Side {
    ends: BTreeMap<&'static str, u64>,
    statuses: BTreeMap<u16, u64>,
    ttft: Histogram,
    total: Histogram,
    input_tokens: u64,
    output_tokens: u64,
    estimated: u64,
    cost: MicroUsd,
    cost_unknown: u64,
}

impl Shadows {
    /// Takes in a record; one that was not shadowed is nothing to it.
    pub fn observe(&mut self, record: &Record) {
        if record.shadow.is_none() {
            return;
        }
        match self.waiting.remove(&record.id) {
            Some(other) if other.shadow != record.shadow => self.compare(&other, record),
            // The same side twice: sent again as its acknowledgement was lost.
            Some(_) | None => self.wait(record),
        }
    }

    fn wait(&mut self, record: &Record) {
        self.waiting.insert(record.id.clone(), record.clone());
        self.order.push_back(record.id.clone());
        while self.order.len() > MOST_WAITING {
            let oldest = self.order.pop_front();
            if oldest.is_some_and(|id| self.waiting.remove(&id).is_some()) {
                self.alone += 1;
            }
        }
    }

    fn compare(&mut self, one: &Record, other: &Record) {
        let (original, copy) = match one.shadow {
            Some(Shadow::Copy) => (other, one),
            Some(Shadow::Original) | None => (one, other),
        };
        let Some(attempt) = copy.attempts.last() else {
            return;
        };
        let key = (
            copy.model.clone(),
            attempt.provider.clone(),
            attempt.model.clone(),
        );
        if self.comparisons.len() >= MOST_COMPARISONS && !self.comparisons.contains_key(&key) {
            self.alone += 1;
            return;
        }
        self.comparisons
            .entry(key)
            .or_default()
            .take(original, copy);
    }

    /// Forgets the comparisons of models that are shadowed no more.
    pub fn retain(&mut self, models: &BTreeSet<String>) {
        self.comparisons
            .retain(|(model, _, _), _| models.contains(model));
    }

    /// `/v1/shadows`.
    #[must_use]
    pub fn view(&self) -> ShadowsView {
        let comparison = |((model, provider, upstream), c): (&Key, &Comparison)| ComparisonView {
            model: model.clone(),
            provider: provider.clone(),
            upstream_model: upstream.clone(),
            pairs: c.both_ok + c.only_original_ok + c.only_copy_ok + c.neither_ok,
            both_ok: c.both_ok,
            only_original_ok: c.only_original_ok,
            only_copy_ok: c.only_copy_ok,
            neither_ok: c.neither_ok,
            copy_first_token_sooner: c.copy_sooner,
            copy_done_sooner: c.copy_done_sooner,
            original: c.original.view(),
            copy: c.copy.view(),
        };
        ShadowsView {
            waiting: self.waiting.len(),
            alone: self.alone,
            comparisons: self.comparisons.iter().map(comparison).collect(),
        }
    }
}

impl Comparison {
    fn take(&mut self, original: &Record, copy: &Record) {
        self.original.take(original);
        self.copy.take(copy);
        let is_ok = |record: &Record| record.outcome == Outcome::Ok;
        *match (is_ok(original), is_ok(copy)) {
            (true, true) => &mut self.both_ok,
            (true, false) => &mut self.only_original_ok,
            (false, true) => &mut self.only_copy_ok,
            (false, false) => &mut self.neither_ok,
        } += 1;
        let (Some(theirs), Some(ours)) = (original.attempts.last(), copy.attempts.last()) else {
            return;
        };
        if is_ok(original) && is_ok(copy) {
            let sooner = theirs.ttft_us > ours.ttft_us && ours.ttft_us.is_some();
            self.copy_sooner += u64::from(sooner);
            self.copy_done_sooner += u64::from(ours.duration_us < theirs.duration_us);
        }
    }
}

impl Side {
    fn take(&mut self, record: &Record) {
        let Some(attempt) = record.attempts.last() else {
            *self.ends.entry("none").or_default() += 1;
            return;
        };
        *self
            .ends
            .entry(verdicts::name(attempt.verdict))
            .or_default() += 1;
        *self
            .statuses
            .entry(attempt.status.unwrap_or(0))
            .or_default() += 1;
        if record.outcome != Outcome::Ok {
            return;
        }
        if let Some(ttft_us) = attempt.ttft_us {
            self.ttft.record(ttft_us);
        }
        self.total.record(attempt.duration_us);
        self.input_tokens += record.usage.input_tokens;
        self.output_tokens += record.usage.output_tokens;
        self.estimated += u64::from(record.usage_source != UsageSource::Reported);
        match record.cost {
            Some(cost) => self.cost = self.cost.plus(cost),
            None => self.cost_unknown += 1,
        }
    }

    fn view(&self) -> SideView {
        let quantiles = |of: &Histogram| Quantiles {
            p50_ms: of.quantile_ms(0.5),
            p95_ms: of.quantile_ms(0.95),
        };
        SideView {
            verdicts: self.ends.clone(),
            statuses: self.statuses.clone(),
            ttft: quantiles(&self.ttft),
            total: quantiles(&self.total),
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            usage_estimated: self.estimated,
            cost_micro_usd: self.cost.0,
            cost_unknown: self.cost_unknown,
        }
    }
}

/// `/v1/shadows`: what the copies of each model showed, against their originals.
#[derive(Debug, Serialize)]
pub struct ShadowsView {
    /// Sides whose other side has not come yet.
    waiting: usize,
    /// Sides whose other side never came.
    alone: u64,
    comparisons: Vec<ComparisonView>,
}

#[derive(Debug, Serialize)]
struct ComparisonView {
    model: String,
    /// Who gets the copies.
    provider: String,
    upstream_model: String,
    pairs: u64,
    both_ok: u64,
    only_original_ok: u64,
    only_copy_ok: u64,
    neither_ok: u64,
    copy_first_token_sooner: u64,
    copy_done_sooner: u64,
    original: SideView,
    copy: SideView,
}

/// Times, tokens and cost are of right answers only.
#[derive(Debug, Serialize)]
struct SideView {
    verdicts: BTreeMap<&'static str, u64>,
    /// 0 stands for no answer.
    statuses: BTreeMap<u16, u64>,
    ttft: Quantiles,
    total: Quantiles,
    input_tokens: u64,
    output_tokens: u64,
    usage_estimated: u64,
    cost_micro_usd: u64,
    cost_unknown: u64,
}

#[derive(Debug, Serialize)]
struct Quantiles {
    p50_ms: Option<f32>,
    p95_ms: Option<f32>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{attempt, record};
    use ark_gateway_core::record::Verdict;

    fn side(id: &str, shadow: Shadow, verdict: Verdict) -> Record {
        let provider = match shadow {
            Shadow::Original => "a",
            Shadow::Copy => "b",
        };
        let mut record = record(vec![attempt(provider, "up", verdict)]);
        record.id = id.to_owned();
        record.shadow = Some(shadow);
        if verdict != Verdict::Ok {
            record.outcome = Outcome::Failed;
        }
        record
    }

    fn view(shadows: &Shadows) -> serde_json::Value {
        serde_json::to_value(shadows.view()).unwrap()
    }

    #[test]
    fn the_two_sides_find_each_other_in_either_order() {
        let mut shadows = Shadows::default();
        shadows.observe(&side("1", Shadow::Original, Verdict::Ok));
        shadows.observe(&side("2", Shadow::Copy, Verdict::ServerError));
        assert_eq!(view(&shadows)["waiting"], 2);
        let mut fast = side("1", Shadow::Copy, Verdict::Ok);
        fast.attempts[0].ttft_us = Some(1);
        fast.cost = None;
        shadows.observe(&fast);
        shadows.observe(&side("2", Shadow::Original, Verdict::Ok));
        shadows.observe(&record(vec![attempt("a", "up", Verdict::Ok)]));
        let view = view(&shadows);
        assert_eq!(view["waiting"], 0);
        let comparison = &view["comparisons"][0];
        assert_eq!(comparison["provider"], "b");
        assert_eq!(
            (&comparison["pairs"], &comparison["both_ok"]),
            (&2.into(), &1.into())
        );
        assert_eq!(comparison["only_original_ok"], 1);
        assert_eq!(comparison["copy_first_token_sooner"], 1);
        assert_eq!(comparison["copy"]["verdicts"]["server_error"], 1);
        assert_eq!(comparison["copy"]["cost_unknown"], 1, "never zero");
        assert_eq!(comparison["copy"]["output_tokens"], 21);
        assert_eq!(comparison["original"]["cost_micro_usd"], 14);
    }

    #[test]
    fn a_side_that_stays_alone_is_counted_and_forgotten() {
        let mut shadows = Shadows::default();
        for n in 0..=MOST_WAITING {
            shadows.observe(&side(&n.to_string(), Shadow::Copy, Verdict::Ok));
        }
        let view = view(&shadows);
        assert_eq!(view["waiting"], MOST_WAITING);
        assert_eq!(view["alone"], 1);
        assert_eq!(view["comparisons"].as_array().unwrap().len(), 0);
    }
}
