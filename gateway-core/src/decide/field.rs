//! The candidates of one request in one fixed place: nothing is allocated on the request path.

use crate::chance;
use crate::decide::MAX_ATTEMPTS;
use crate::policy::Policy;
use crate::snapshot::{ProviderId, TargetId};

/// Most candidates that are kept; of more the best.
const CANDIDATES: usize = 64;

/// Gaps of more than this many temperatures are never drawn: one in a hundred thousand.
const FAR: f32 = 12.0;

/// Gaps of up to this many temperatures are near-equal.
const NEAR: f32 = 3.0;

/// Own requests in flight, over what the provider takes, that halve a near-equal's odds.
const CROWD: f32 = 1.0 / 64.0;

/// How fit a candidate is to be tried; the fitter always comes first. Unfit ones still come last: what
/// was measured may be wrong, and a request that has nothing better is not lost by trying.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fitness {
    /// Nothing is against it.
    Fit,
    /// It is full, or its circuit is half open: for a few.
    Limited,
    /// Its circuit is open.
    Open,
    /// Envoy has no healthy host for it.
    Unavailable,
}

/// A candidate on its way into the order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) target: TargetId,
    pub(crate) provider: ProviderId,
    pub(crate) fitness: Fitness,
    /// The weighted sum of its terms.
    pub(crate) score: f32,
    /// Own requests in flight at its provider, over what that takes.
    pub(crate) crowd: f32,
}

/// All candidates of one request.
pub(crate) struct Field {
    slots: [Candidate; CANDIDATES],
    len: usize,
}

/// Who is first, and whether it was drawn among near-equals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Drawn {
    pub(crate) target: TargetId,
    pub(crate) among_equals: bool,
}

impl Default for Field {
    fn default() -> Self {
        let nobody = Candidate {
            target: TargetId(u16::MAX),
            provider: ProviderId(u16::MAX),
            fitness: Fitness::Unavailable,
            score: 0.0,
            crowd: 0.0,
        };
        Self {
            slots: [nobody; CANDIDATES],
            len: 0,
        }
    }
}

impl Field {
    pub(crate) fn push(&mut self, candidate: Candidate) {
        if let Some(slot) = self.slots.get_mut(self.len) {
            *slot = candidate;
            self.len += 1;
            return;
        }
        let worst = self.slots.iter_mut().max_by(|a, b| order(a, b));
        if let Some(worst) = worst
            && order(&candidate, worst).is_lt()
        {
            *worst = candidate;
        }
    }

    pub(crate) fn all(&self) -> &[Candidate] {
        self.slots.get(..self.len).unwrap_or(&[])
    }

    /// The best by fitness, then score.
    pub(crate) fn best(&self) -> Option<&Candidate> {
        self.all().iter().min_by(|a, b| order(a, b))
    }

    /// Draws the first: each of the fittest with a probability proportional to
    /// `exp(score / temperature)`, less for whom this worker already crowds.
    ///
    /// A soft choice moves load by degrees, so that many workers with one set of scores do not herd. As
    /// each score is linear in each weight, more weight on a term never lowers its expected value.
    pub(crate) fn draw(&self, temperature: f32, draw: u64) -> Option<Drawn> {
        let best = *self.best()?;
        let mut least: Option<(f32, TargetId)> = None;
        let mut equals = 0usize;
        for candidate in self.all() {
            let Some(gap) = gap(&best, candidate, temperature) else {
                continue;
            };
            equals += usize::from(gap <= NEAR);
            let late = chance::late(chance::mix(draw, u64::from(candidate.target.0)));
            let crowded = match candidate.crowd > 0.0 {
                true => chance::ln(1.0 + candidate.crowd / CROWD),
                false => 0.0,
            };
            let key = gap + crowded + late;
            if least.is_none_or(|(least, _)| key < least) {
                least = Some((key, candidate.target));
            }
        }
        least.map(|(_, target)| Drawn {
            target,
            among_equals: equals > 1,
        })
    }

    /// How likely each candidate is to be drawn, in the order of [`Field::all`].
    pub(crate) fn odds(&self, temperature: f32) -> Vec<f32> {
        let Some(best) = self.best() else {
            return Vec::new();
        };
        let weight = |candidate: &Candidate| {
            gap(best, candidate, temperature)
                .map_or(0.0, |gap| (-gap).exp() / (1.0 + candidate.crowd / CROWD))
        };
        let weights: Vec<f32> = self.all().iter().map(weight).collect();
        let sum: f32 = weights.iter().sum();
        weights.into_iter().map(|weight| weight / sum).collect()
    }

    /// The targets in order, `first` first. Each next one is the best of those that share neither
    /// provider nor region with one before it, as far as there are such among the fittest.
    pub(crate) fn in_order(
        &self,
        policy: &Policy,
        first: TargetId,
        limit: usize,
    ) -> [Option<TargetId>; MAX_ATTEMPTS] {
        let mut chosen: [Option<&Candidate>; MAX_ATTEMPTS] = [None; MAX_ATTEMPTS];
        let mut next = self.all().iter().find(|c| c.target == first);
        for place in 0..limit.min(MAX_ATTEMPTS) {
            if let Some(slot) = chosen.get_mut(place) {
                *slot = next;
            }
            next = self.next(policy, &chosen);
        }
        chosen.map(|candidate| candidate.map(|c| c.target))
    }

    fn next(&self, policy: &Policy, chosen: &[Option<&Candidate>]) -> Option<&Candidate> {
        let mut best: Option<(u8, &Candidate)> = None;
        for candidate in self.all() {
            let shared = shared(policy, candidate, chosen);
            let is_better = best.is_none_or(|(least, best)| {
                let by_fitness = candidate.fitness.cmp(&best.fitness);
                let by_fate = by_fitness.then(shared.cmp(&least));
                by_fate
                    .then_with(|| best.score.total_cmp(&candidate.score))
                    .is_lt()
            });
            let is_taken = || {
                chosen
                    .iter()
                    .flatten()
                    .any(|c| c.target == candidate.target)
            };
            if is_better && !is_taken() {
                best = Some((shared, candidate));
            }
        }
        best.map(|(_, candidate)| candidate)
    }
}

/// Fitter first, then better. Ties go to the operator's order, in which candidates stand.
fn order(a: &Candidate, b: &Candidate) -> std::cmp::Ordering {
    let by_score = b.score.total_cmp(&a.score);
    a.fitness.cmp(&b.fitness).then(by_score)
}

/// How far behind the best, in temperatures; `None` when it is out of reach.
fn gap(best: &Candidate, candidate: &Candidate, temperature: f32) -> Option<f32> {
    let behind = best.score - candidate.score;
    let gap = if behind <= 0.0 {
        0.0
    } else if temperature > 0.0 {
        behind / temperature
    } else {
        return None;
    };
    (candidate.fitness == best.fitness && gap <= FAR).then_some(gap)
}

/// How much of its fate a candidate shares with those before it: 2 an account, 1 a region, 0 nothing.
fn shared(policy: &Policy, candidate: &Candidate, chosen: &[Option<&Candidate>]) -> u8 {
    let with = |other: &&Candidate| {
        if other.provider == candidate.provider {
            2
        } else {
            u8::from(policy.same_region(other.provider, candidate.provider))
        }
    };
    chosen.iter().flatten().map(with).max().unwrap_or(0)
}
