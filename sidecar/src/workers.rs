//! Envoy's workers, as they report: what each runs, what waits there, when it was last heard.

use std::collections::BTreeMap;

use ark_gateway_core::overload::Load;
use ark_gateway_core::snapshot::SnapshotVersion;
use ark_gateway_core::sync::{Faults, SyncRequest, Waiting};

use crate::Ms;

/// A worker that was not heard for so long holds up no rollout, milliseconds.
pub const LIVE_MS: Ms = 5_000;
/// Age after which what a worker said of waiting attempts is not believed, milliseconds.
const WAITING_MAX_AGE_MS: Ms = 2_000;
/// A worker that was not heard for so long is forgotten, milliseconds.
const FORGET_MS: Ms = 60_000;
/// Most workers that are remembered; an Envoy has one per core, a trapped VM comes back as new.
const MAX_WORKERS: usize = 1024;
/// Longest name of a worker that is taken, bytes.
const MAX_NAME_BYTES: usize = 128;

/// One worker's VM.
#[derive(Debug)]
pub struct Worker {
    /// The snapshot that it runs.
    pub snapshot: Option<SnapshotVersion>,
    /// The scores that it runs.
    pub scores: u64,
    /// When it last synced.
    pub heard: Ms,
    /// How much it has to do.
    pub load: Load,
    /// The highest number of its records that were taken in.
    taken: u64,
    faults: Faults,
    waiting: Vec<Waiting>,
}

/// All workers that were heard lately.
#[derive(Debug, Default)]
pub struct Workers(BTreeMap<String, Worker>);

/// A worker's name that cannot be one, or one worker too many.
#[derive(Debug, PartialEq, Eq)]
pub struct TooMany;

impl Workers {
    /// Takes in what a worker reports; returns what went wrong there since it was last heard.
    ///
    /// # Errors
    /// There are too many workers, or its name is too long.
    pub fn heard(&mut self, request: &mut SyncRequest, now: Ms) -> Result<Faults, TooMany> {
        self.0
            .retain(|_, worker| now.saturating_sub(worker.heard) < FORGET_MS);
        let known = self.0.get(&request.worker);
        if request.worker.len() > MAX_NAME_BYTES || (known.is_none() && self.0.len() >= MAX_WORKERS)
        {
            return Err(TooMany);
        }
        let earlier = known.map_or_else(Faults::default, |worker| worker.faults);
        let taken = known.map_or(0, |worker| worker.taken);
        let worker = Worker {
            snapshot: request.snapshot.clone(),
            scores: request.scores,
            heard: now,
            load: request.load,
            taken,
            faults: request.faults,
            waiting: std::mem::take(&mut request.waiting),
        };
        self.0.insert(request.worker.clone(), worker);
        Ok(request.faults.since(earlier))
    }

    /// Whether a worker's record of this number is new. Each worker sends its records in their order,
    /// also again: what is not above the highest was taken in before. 0 is no number.
    pub fn takes(&mut self, worker: &str, sequence: u64) -> bool {
        match self.0.get_mut(worker) {
            Some(worker) if sequence > 0 => {
                let is_new = sequence > worker.taken;
                worker.taken = worker.taken.max(sequence);
                is_new
            }
            Some(_) | None => true,
        }
    }

    /// Every worker that is remembered.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Worker)> {
        self.0.iter()
    }

    /// Those that were heard within [`LIVE_MS`].
    pub fn live(&self, now: Ms) -> impl Iterator<Item = &Worker> {
        self.0
            .values()
            .filter(move |worker| now.saturating_sub(worker.heard) < LIVE_MS)
    }

    /// The attempts that wait for their first byte: how long, milliseconds, at `now`.
    #[must_use]
    pub fn waiting(&self, provider: &str, model: &str, now: Ms) -> Vec<u32> {
        self.fresh(now)
            .flat_map(|worker| worker.waiting.iter().map(move |waiting| (worker, waiting)))
            .filter(|(_, waiting)| waiting.provider == provider && waiting.model == model)
            .flat_map(|(worker, waiting)| {
                let since = u32::try_from(now.saturating_sub(worker.heard)).unwrap_or(u32::MAX);
                waiting
                    .ages_ms
                    .iter()
                    .map(move |age| age.saturating_add(since))
            })
            .collect()
    }

    /// How many attempts wait at a provider; `None` when no worker was heard lately.
    #[must_use]
    pub fn waiting_at(&self, provider: &str, now: Ms) -> Option<u64> {
        self.fresh(now).next()?;
        let count = self
            .fresh(now)
            .flat_map(|worker| &worker.waiting)
            .filter(|waiting| waiting.provider == provider)
            .map(|waiting| waiting.ages_ms.len() as u64)
            .sum();
        Some(count)
    }

    fn fresh(&self, now: Ms) -> impl Iterator<Item = &Worker> {
        self.0
            .values()
            .filter(move |worker| now.saturating_sub(worker.heard) < WAITING_MAX_AGE_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(worker: &str, dropped: u64, ages_ms: &[u32]) -> SyncRequest {
        SyncRequest {
            worker: worker.to_owned(),
            faults: Faults {
                records_dropped: dropped,
                ..Faults::default()
            },
            waiting: vec![Waiting {
                provider: "a".to_owned(),
                model: "m".to_owned(),
                ages_ms: ages_ms.to_vec(),
            }],
            ..SyncRequest::default()
        }
    }

    #[test]
    fn the_newest_word_on_waiting_replaces_the_one_before_and_ages_and_expires() {
        let mut workers = Workers::default();
        workers
            .heard(&mut request("w1", 0, &[10, 20]), 1_000)
            .unwrap();
        workers.heard(&mut request("w1", 0, &[30]), 1_250).unwrap();
        workers.heard(&mut request("w2", 0, &[5]), 2_000).unwrap();
        assert_eq!(workers.waiting("a", "m", 2_000), [780, 5]);
        assert_eq!(workers.waiting("a", "other", 2_000), [0_u32; 0]);
        assert_eq!(workers.waiting_at("a", 2_000), Some(2));
        assert_eq!(workers.waiting("a", "m", 3_250), [1_255]);
        assert_eq!(workers.waiting_at("b", 3_250), Some(0));
        assert_eq!(workers.waiting_at("a", 4_000), None);
    }

    #[test]
    fn a_record_is_taken_in_once_however_often_it_comes() {
        let mut workers = Workers::default();
        let batch = |workers: &mut Workers, numbers: &[u64]| -> Vec<bool> {
            workers.heard(&mut request("w", 0, &[]), 0).unwrap();
            numbers.iter().map(|&n| workers.takes("w", n)).collect()
        };
        assert_eq!(batch(&mut workers, &[1, 2]), [true, true]);
        assert_eq!(batch(&mut workers, &[1, 2, 3]), [false, false, true]);
        assert_eq!(
            batch(&mut workers, &[1, 2]),
            [false, false],
            "the first came late"
        );
        assert_eq!(batch(&mut workers, &[0, 0]), [true, true], "unnumbered");
    }

    #[test]
    fn drops_are_counted_once_and_the_number_of_workers_is_bounded() {
        let mut workers = Workers::default();
        let mut dropped = |request: &mut SyncRequest, now| {
            workers
                .heard(request, now)
                .map(|faults| faults.records_dropped)
        };
        assert_eq!(dropped(&mut request("w", 3, &[]), 0), Ok(3));
        assert_eq!(dropped(&mut request("w", 5, &[]), 1), Ok(2));
        for n in 0..MAX_WORKERS - 1 {
            workers
                .heard(&mut request(&n.to_string(), 0, &[]), 2)
                .unwrap();
        }
        assert_eq!(
            workers.heard(&mut request("one more", 0, &[]), 3),
            Err(TooMany)
        );
        assert_eq!(
            workers.heard(&mut request("w", 5, &[]), 4),
            Ok(Faults::default())
        );
        assert_eq!(workers.live(4).count(), MAX_WORKERS);
        assert_eq!(workers.live(5_003).count(), 1);
        workers
            .heard(&mut request("one more", 0, &[]), 70_000)
            .unwrap();
        assert_eq!(workers.iter().count(), 1);
        assert_eq!(
            workers.heard(&mut request(&"x".repeat(129), 0, &[]), 70_000),
            Err(TooMany)
        );
    }
}
