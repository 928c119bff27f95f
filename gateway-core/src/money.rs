//! Money and prices as integers.

use serde::{Deserialize, Serialize};

/// An amount of money in millionths of a US dollar (micro-USD).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct MicroUsd(pub u64);

/// An amount of money in millionths of a micro-USD: what a price times a count of tokens is, exactly.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct PicoUsd(pub u64);

impl PicoUsd {
    /// Rounded up to the next micro-USD.
    #[must_use]
    pub fn in_micro_usd(self) -> MicroUsd {
        MicroUsd(self.0.div_ceil(1_000_000))
    }
}

/// The price of one token kind: micro-USD per million tokens (USD 0.15 per million is 150 000).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MicroUsdPerMillion(pub u64);

impl MicroUsdPerMillion {
    /// The cost of `tokens` tokens, rounded up to the next micro-USD; saturates instead of wrapping.
    #[must_use]
    pub fn cost_of(self, tokens: u64) -> MicroUsd {
        let exact = u128::from(self.0) * u128::from(tokens);
        MicroUsd(u64::try_from(exact.div_ceil(1_000_000)).unwrap_or(u64::MAX))
    }
}

impl MicroUsd {
    /// The sum, saturating.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// What a target charges, the provider's price multiplier already applied.
///
/// A target without a known price has no `Price` at all: an unknown price is never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// For prompt tokens.
    pub input: MicroUsdPerMillion,
    /// For completion tokens.
    pub output: MicroUsdPerMillion,
}

impl Price {
    /// The exact cost of an exchange, saturating: for comparing many prices fast.
    #[must_use]
    pub fn exact_cost_of(self, input_tokens: u64, output_tokens: u64) -> PicoUsd {
        let input = self.input.0.saturating_mul(input_tokens);
        PicoUsd(input.saturating_add(self.output.0.saturating_mul(output_tokens)))
    }

    /// The cost of an exchange of `input_tokens` and `output_tokens`, rounded up to the next micro-USD
    /// once, as a whole; saturates instead of wrapping.
    #[must_use]
    pub fn cost_of(self, input_tokens: u64, output_tokens: u64) -> MicroUsd {
        let exact = |price: MicroUsdPerMillion, tokens| u128::from(price.0) * u128::from(tokens);
        let sum = exact(self.input, input_tokens).saturating_add(exact(self.output, output_tokens));
        MicroUsd(u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_rounded_up_and_never_wraps() {
        let price = Price {
            input: MicroUsdPerMillion(150_000),
            output: MicroUsdPerMillion(600_000),
        };
        assert_eq!(price.cost_of(0, 0), MicroUsd(0));
        assert_eq!(price.cost_of(1, 0), MicroUsd(1));
        assert_eq!(price.cost_of(1_000_000, 1_000_000), MicroUsd(750_000));
        assert_eq!(price.exact_cost_of(3, 1), PicoUsd(1_050_000));
        assert_eq!(price.exact_cost_of(3, 1).in_micro_usd(), MicroUsd(2));
        assert_eq!(price.exact_cost_of(u64::MAX, 1), PicoUsd(u64::MAX));
        assert_eq!(price.cost_of(1, 1), MicroUsd(1), "rounded once");
        let dear = MicroUsdPerMillion(2_000_000);
        assert_eq!(dear.cost_of(u64::MAX), MicroUsd(u64::MAX));
    }
}
