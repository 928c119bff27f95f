//! Money and prices as integers.

use serde::{Deserialize, Serialize};

use crate::left_out::is_default;
use crate::record::Usage;

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

/// Most tiers of a price above its first.
pub const MOST_TIERS: usize = 3;

/// Prices of token kinds that are a part of another kind; each `None` costs what the whole does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts {
    /// For prompt tokens read from the provider's prompt cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input: Option<MicroUsdPerMillion>,
    /// For prompt tokens written to the provider's prompt cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<MicroUsdPerMillion>,
    /// For prompt tokens of sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_audio: Option<MicroUsdPerMillion>,
    /// For completion tokens of hidden reasoning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<MicroUsdPerMillion>,
    /// For completion tokens of sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_audio: Option<MicroUsdPerMillion>,
}

/// What the whole request is charged at when its prompt is long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceTier {
    /// It rules above so many prompt tokens, cached ones included.
    pub above_input_tokens: u32,
    /// For prompt tokens.
    pub input: MicroUsdPerMillion,
    /// For completion tokens.
    pub output: MicroUsdPerMillion,
    /// For parts of both.
    #[serde(default, skip_serializing_if = "is_default")]
    pub parts: Parts,
}

/// What a target charges, in US dollars, the provider's price multiplier already applied.
///
/// A target without a known price has no `Price` at all: an unknown price is never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// For prompt tokens.
    pub input: MicroUsdPerMillion,
    /// For completion tokens.
    pub output: MicroUsdPerMillion,
    /// For parts of both.
    #[serde(default, skip_serializing_if = "is_default")]
    pub parts: Parts,
    /// By rising [`PriceTier::above_input_tokens`], `None` last. The highest that a prompt is above
    /// rules all of the request's tokens, as vendors charge (docs/prices.md names where they say so).
    #[serde(default, skip_serializing_if = "is_default")]
    pub tiers: [Option<PriceTier>; MOST_TIERS],
}

impl Price {
    /// One price for all prompt tokens and one for all completion tokens.
    #[must_use]
    pub const fn flat(input: MicroUsdPerMillion, output: MicroUsdPerMillion) -> Self {
        Self {
            input,
            output,
            parts: Parts {
                cached_input: None,
                cache_write: None,
                input_audio: None,
                reasoning: None,
                output_audio: None,
            },
            tiers: [None; MOST_TIERS],
        }
    }

    /// The exact cost of an exchange, saturating: for comparing many prices fast.
    #[must_use]
    pub fn exact_cost_of(&self, input_tokens: u64, output_tokens: u64) -> PicoUsd {
        let (input, output, _) = self.rates(input_tokens);
        let input = input.0.saturating_mul(input_tokens);
        PicoUsd(input.saturating_add(output.0.saturating_mul(output_tokens)))
    }

    /// The same where `cached_tokens` of the prompt are read from the provider's cache, at their own price;
    /// without one at `permille` thousandths of the others'.
    #[must_use]
    pub fn exact_cost_with(
        &self,
        (input_tokens, output_tokens): (u64, u64),
        (cached_tokens, permille): (u64, u32),
    ) -> PicoUsd {
        let (input, output, parts) = self.rates(input_tokens);
        let cached = match parts.cached_input {
            Some(price) => price.0.saturating_mul(cached_tokens),
            None => input.0.saturating_mul(cached_tokens) / 1_000 * u64::from(permille),
        };
        let fresh = input_tokens.saturating_sub(cached_tokens);
        let rest = input.0.saturating_mul(fresh);
        let output = output.0.saturating_mul(output_tokens);
        PicoUsd(cached.saturating_add(rest).saturating_add(output))
    }

    /// What `written_tokens` of a prompt cost more for being written to the provider's cache; nothing where
    /// that has no price of its own.
    #[must_use]
    pub fn exact_write_cost(&self, input_tokens: u64, written_tokens: u64) -> PicoUsd {
        let (input, _, parts) = self.rates(input_tokens);
        let more = parts.cache_write.map_or(0, |w| w.0.saturating_sub(input.0));
        PicoUsd(more.saturating_mul(written_tokens))
    }

    /// The cost of an exchange of `input_tokens` and `output_tokens`, rounded up to the next micro-USD
    /// once, as a whole; saturates instead of wrapping.
    #[must_use]
    pub fn cost_of(&self, input_tokens: u64, output_tokens: u64) -> MicroUsd {
        self.charge(&Usage {
            input_tokens,
            output_tokens,
            ..Usage::default()
        })
    }

    /// The cost of what an answer used, each kind of token at its own price, rounded up to the next
    /// micro-USD once, as a whole; saturates instead of wrapping.
    ///
    /// The parts are within their whole, see [`Usage`]; of parts that come to more than the whole, the
    /// first ones count, in the order of [`Parts`].
    #[must_use]
    pub fn charge(&self, usage: &Usage) -> MicroUsd {
        let (input, output, parts) = self.rates(usage.input_tokens);
        let prompt = split(
            (usage.input_tokens, input),
            [
                (usage.cached_tokens, parts.cached_input),
                (usage.cache_creation_tokens, parts.cache_write),
                (usage.input_audio_tokens, parts.input_audio),
            ],
        );
        let completion = split(
            (usage.output_tokens, output),
            [
                (usage.reasoning_tokens, parts.reasoning),
                (usage.output_audio_tokens, parts.output_audio),
                (0, None),
            ],
        );
        let exact = prompt.saturating_add(completion);
        MicroUsd(u64::try_from(exact.div_ceil(1_000_000)).unwrap_or(u64::MAX))
    }

    /// The price that rules a prompt of so many tokens, without its other tiers.
    #[must_use]
    pub fn of_prompt(&self, input_tokens: u64) -> Self {
        let (input, output, parts) = self.rates(input_tokens);
        Self {
            parts: *parts,
            ..Self::flat(input, output)
        }
    }

    /// What rules a prompt of so many tokens.
    fn rates(&self, input_tokens: u64) -> (MicroUsdPerMillion, MicroUsdPerMillion, &Parts) {
        let mut tiers = self.tiers.iter().flatten();
        match tiers.rfind(|tier| input_tokens > u64::from(tier.above_input_tokens)) {
            Some(tier) => (tier.input, tier.output, &tier.parts),
            None => (self.input, self.output, &self.parts),
        }
    }

    /// The same price with each amount put through `convert`.
    #[must_use]
    pub fn map(&self, convert: impl Fn(MicroUsdPerMillion) -> MicroUsdPerMillion) -> Self {
        let parts = |parts: &Parts| Parts {
            cached_input: parts.cached_input.map(&convert),
            cache_write: parts.cache_write.map(&convert),
            input_audio: parts.input_audio.map(&convert),
            reasoning: parts.reasoning.map(&convert),
            output_audio: parts.output_audio.map(&convert),
        };
        Self {
            input: convert(self.input),
            output: convert(self.output),
            parts: parts(&self.parts),
            tiers: self.tiers.map(|tier| {
                tier.map(|tier| PriceTier {
                    above_input_tokens: tier.above_input_tokens,
                    input: convert(tier.input),
                    output: convert(tier.output),
                    parts: parts(&tier.parts),
                })
            }),
        }
    }
}

/// Charges the parts of a whole at their own prices and the rest at the whole's, in millionths of a
/// micro-USD.
fn split(
    (whole, price): (u64, MicroUsdPerMillion),
    parts: [(u64, Option<MicroUsdPerMillion>); 3],
) -> u128 {
    let exact = |price: MicroUsdPerMillion, tokens| u128::from(price.0) * u128::from(tokens);
    let mut rest = whole;
    let mut sum = 0u128;
    for (tokens, own) in parts {
        let tokens = tokens.min(rest);
        rest -= tokens;
        sum = sum.saturating_add(exact(own.unwrap_or(price), tokens));
    }
    sum.saturating_add(exact(price, rest))
}

/// What a target's price is, and what happens without one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceBasis {
    /// As the operator or the catalogue says; without a price the cost stays unknown.
    #[default]
    Listed,
    /// It is not known, and what is charged instead is a ceiling.
    Ceiling,
    /// It is not known, so the target is not used.
    Denied,
}

#[cfg(test)]
mod tests;
