//! What an attempt is charged with: every attempt that its provider bills, not only the last.

use super::Exchange;
use super::attempt::Attempt;
use crate::record::{Charge, Endpoint, Settlement, Usage, Verdict};

impl Exchange {
    /// The charge of an attempt that has ended; `None` when its provider bills nothing for it.
    pub(super) fn charge(&self, attempt: &Attempt) -> Option<Charge> {
        let (usage, settlement) = self.used(attempt)?;
        let target = self.policy.target(attempt.target);
        let price = target.and_then(|target| target.price.as_ref());
        Some(Charge {
            usage,
            settlement,
            price: price.map(|price| price.of_prompt(usage.input_tokens)),
            cost: price.map(|price| price.charge(&usage)),
        })
    }

    fn used(&self, attempt: &Attempt) -> Option<(Usage, Settlement)> {
        match attempt.usage {
            Some(usage) if attempt.usage_is_whole => Some((usage, Settlement::Reported)),
            Some(usage) => {
                let usage = Usage {
                    output_tokens: usage.output_tokens.max(attempt.output_tokens),
                    ..usage
                };
                Some((usage, Settlement::Partial))
            }
            None if self.is_billed(attempt) => {
                let usage = Usage {
                    input_tokens: self.input_tokens,
                    output_tokens: attempt.output_tokens,
                    ..Usage::default()
                };
                Some((usage, Settlement::Estimated))
            }
            None => None,
        }
    }

    /// Whether a provider that said nothing of usage bills it all the same: it has answered, or has the
    /// prompt and was left before it could. Vendors bill no error, and no count of tokens.
    fn is_billed(&self, attempt: &Attempt) -> bool {
        let answered = attempt.status.is_none_or(|s| (200..300).contains(&s));
        let verdict = attempt.ended.map_or(Verdict::Abandoned, |(_, v)| v);
        let worked = match verdict {
            Verdict::Ok
            | Verdict::Cut
            | Verdict::Timeout
            | Verdict::Abandoned
            | Verdict::Hedged => true,
            Verdict::ClientError
            | Verdict::Unreachable
            | Verdict::RateLimited
            | Verdict::Overloaded
            | Verdict::ServerError
            | Verdict::Auth
            | Verdict::FirstEvent => false,
        };
        worked && answered && self.endpoint != Endpoint::CountTokens
    }
}
