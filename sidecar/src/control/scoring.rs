//! Scores of the running snapshot's targets, from all that was measured.

use ark_gateway_core::score::{Scores, TargetScore};
use ark_gateway_core::snapshot::TargetSpec;

use super::Control;
use crate::Ms;
use crate::scores::{self, Inputs};

impl Control {
    /// Judges all targets anew; what has not changed beyond noise is no news for the workers.
    pub(super) fn rescore(&mut self, now: Ms) {
        let targets = self.assess(now, |inputs, _| scores::assess(inputs, now));
        let told = &self.scores;
        let same = told.snapshot == self.snapshot.version
            && told.targets.len() == targets.len()
            && !told
                .targets
                .iter()
                .zip(&targets)
                .any(|(old, new)| scores::differs(old, new));
        if !same {
            self.scores = Scores {
                snapshot: self.snapshot.version.clone(),
                sequence: told.sequence + 1,
                targets,
            };
        }
    }

    /// Runs `judge` over the inputs of every target of the snapshot, with what the filter was told.
    pub(super) fn assess<T>(
        &self,
        now: Ms,
        judge: impl Fn(&Inputs<'_>, TargetScore) -> T,
    ) -> Vec<T> {
        let reachability = self.observations.reachability(now);
        let is_told = self.scores.snapshot == self.snapshot.version;
        let target = |(n, spec): (usize, &TargetSpec)| {
            let provider = self.snapshot.providers.get(usize::from(spec.provider.0));
            let name = provider.map_or("", |p| p.name.as_str());
            let told = self.scores.targets.get(n).filter(|_| is_told);
            let inputs = Inputs {
                window: self.observations.window(name, &spec.model),
                waiting_ms: &self.workers.waiting(name, &spec.model, now),
                provider_waiting: self.workers.waiting_at(name, now),
                gauges: self.envoy.gauges(name),
                reachability: reachability.get(name).copied().unwrap_or_default(),
                max_in_flight: provider.map_or(1, |p| p.max_in_flight),
            };
            judge(&inputs, told.copied().unwrap_or_default())
        };
        self.snapshot
            .targets
            .iter()
            .enumerate()
            .map(target)
            .collect()
    }
}
