//! Counts of how attempts ended, by verdict.

use ark_gateway_core::record::Verdict;

/// All verdicts, in the order of [`Verdict`].
const ALL: [Verdict; 12] = [
    Verdict::Ok,
    Verdict::ClientError,
    Verdict::Unreachable,
    Verdict::Timeout,
    Verdict::RateLimited,
    Verdict::Overloaded,
    Verdict::ServerError,
    Verdict::Auth,
    Verdict::FirstEvent,
    Verdict::Cut,
    Verdict::Abandoned,
    Verdict::Hedged,
];

/// The verdict's name in records, logs and labels.
#[must_use]
pub fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::ClientError => "client_error",
        Verdict::Unreachable => "unreachable",
        Verdict::Timeout => "timeout",
        Verdict::RateLimited => "rate_limited",
        Verdict::Overloaded => "overloaded",
        Verdict::ServerError => "server_error",
        Verdict::Auth => "auth",
        Verdict::FirstEvent => "first_event",
        Verdict::Cut => "cut",
        Verdict::Abandoned => "abandoned",
        Verdict::Hedged => "hedged",
    }
}

/// How many attempts ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdicts([u64; ALL.len()]);

impl Verdicts {
    /// Counts one.
    pub fn count(&mut self, verdict: Verdict) {
        for (slot, known) in self.0.iter_mut().zip(ALL) {
            if known == verdict {
                *slot += 1;
            }
        }
    }

    /// Adds all that `other` has counted.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }

    /// How many ended with `verdict`.
    #[must_use]
    pub fn of(&self, verdict: Verdict) -> u64 {
        self.iter()
            .find_map(|(known, count)| (known == verdict).then_some(count))
            .unwrap_or(0)
    }

    /// Attempts that say something about the provider: all but those that the client, or
    /// Ark itself, did not wait for.
    #[must_use]
    pub fn judged(&self) -> u64 {
        let all: u64 = self.0.iter().sum();
        all - self.of(Verdict::Abandoned) - self.of(Verdict::Hedged)
    }

    /// Attempts that failed by the provider's fault.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.iter()
            .filter(|(verdict, _)| verdict.is_provider_fault())
            .map(|(_, count)| count)
            .sum()
    }

    /// Faults that are the provider's as a whole, whatever the model: no connection, a bad credential.
    #[must_use]
    pub fn provider_wide_faults(&self) -> u64 {
        self.of(Verdict::Unreachable) + self.of(Verdict::Auth)
    }

    /// All verdicts with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (Verdict, u64)> {
        ALL.into_iter().zip(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_verdict_is_counted_in_its_own_place_under_its_wire_name() {
        let mut verdicts = Verdicts::default();
        for (n, verdict) in ALL.into_iter().enumerate() {
            for _ in 0..=n {
                verdicts.count(verdict);
            }
            let wire = serde_json::to_string(&verdict).unwrap();
            assert_eq!(wire, format!("\"{}\"", name(verdict)));
        }
        for (n, verdict) in ALL.into_iter().enumerate() {
            assert_eq!(verdicts.of(verdict), n as u64 + 1, "{verdict:?}");
        }
        assert_eq!(verdicts.judged(), (1..=10).sum::<u64>());
        assert_eq!(verdicts.faults(), (3..=10).sum::<u64>());
    }
}
