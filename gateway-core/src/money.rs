//! Money and prices as integers.

use serde::{Deserialize, Serialize};

/// An amount of money in millionths of a US dollar (micro-USD).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct MicroUsd(pub u64);

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
    /// The cost of an exchange of `input_tokens` and `output_tokens`.
    #[must_use]
    pub fn cost_of(self, input_tokens: u64, output_tokens: u64) -> MicroUsd {
        self.input
            .cost_of(input_tokens)
            .plus(self.output.cost_of(output_tokens))
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
        let dear = MicroUsdPerMillion(2_000_000);
        assert_eq!(dear.cost_of(u64::MAX), MicroUsd(u64::MAX));
    }
}
