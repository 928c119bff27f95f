//! Envoy's outlier detection, as `ark serve` configures it: a host that fails five times in a row is taken
//! out for seconds, and for longer each time it does so again.
//!
//! <https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/outlier>: ejections end when
//! the interval is looked at, and each interval without one makes the next a step shorter.

use ark_gateway_core::record::Verdict;

use crate::Ms;

/// Failures in a row.
const CONSECUTIVE: u32 = 5;
/// How often Envoy looks, milliseconds.
const INTERVAL_MS: Ms = 1_000;
/// How long the first ejection lasts, milliseconds.
const BASE_MS: Ms = 5_000;
/// How long one lasts at most, milliseconds.
const MOST_MS: Ms = 30_000;

/// What Envoy thinks of a provider's only host.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outlier {
    consecutive: u32,
    ejected: Option<Ms>,
    times: Ms,
    looked: Ms,
}

impl Outlier {
    /// An attempt has ended.
    pub(super) fn saw(&mut self, verdict: Verdict, now: Ms) {
        self.look(now);
        match verdict {
            Verdict::Unreachable
            | Verdict::Timeout
            | Verdict::Overloaded
            | Verdict::ServerError
            | Verdict::FirstEvent => self.consecutive += 1,
            Verdict::Ok
            | Verdict::ClientError
            | Verdict::RateLimited
            | Verdict::Auth
            | Verdict::Cut => self.consecutive = 0,
            Verdict::Abandoned | Verdict::Hedged => {}
        }
        if self.consecutive >= CONSECUTIVE {
            self.consecutive = 0;
            if self.ejected.is_none() {
                self.ejected = Some(now);
                self.times += 1;
            }
        }
    }

    /// Whether it is out at `now`.
    pub(super) fn is_ejected(&mut self, now: Ms) -> bool {
        self.look(now);
        self.ejected.is_some()
    }

    fn look(&mut self, now: Ms) {
        while self.looked + INTERVAL_MS <= now {
            self.looked += INTERVAL_MS;
            match self.ejected {
                Some(since) => {
                    let lasts = (BASE_MS * self.times).min(MOST_MS);
                    if self.looked >= since + lasts {
                        self.ejected = None;
                    }
                }
                None if self.times == 0 => self.looked = now - now % INTERVAL_MS,
                None => self.times -= 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_in_a_row_take_it_out_and_for_longer_the_next_time() {
        let mut outlier = Outlier::default();
        let fail = |outlier: &mut Outlier, now| {
            for _ in 0..5 {
                outlier.saw(Verdict::ServerError, now);
            }
        };
        for _ in 0..4 {
            outlier.saw(Verdict::Unreachable, 100);
        }
        outlier.saw(Verdict::Ok, 100);
        outlier.saw(Verdict::Unreachable, 100);
        assert!(!outlier.is_ejected(200));
        fail(&mut outlier, 1_500);
        assert!(outlier.is_ejected(6_400));
        assert!(!outlier.is_ejected(7_000), "looked at once a second");
        fail(&mut outlier, 7_100);
        assert!(outlier.is_ejected(16_900) && !outlier.is_ejected(18_000));
        // Two quiet seconds take two steps back.
        fail(&mut outlier, 30_000);
        assert!(outlier.is_ejected(34_900) && !outlier.is_ejected(35_000));
    }
}
