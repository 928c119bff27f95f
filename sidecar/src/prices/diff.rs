//! What is different between two catalogues.

use ark_gateway_core::money::Price;

use super::Catalogue;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// Only the new one has it.
    Added(&'a str, &'a Price),
    /// Only the old one has it.
    Removed(&'a str, &'a Price),
    /// Both have it: old, new.
    Changed(&'a str, &'a Price, &'a Price),
}

/// All differences, by name.
#[must_use]
pub fn diff<'a>(old: &'a Catalogue, new: &'a Catalogue) -> Vec<Change<'a>> {
    let mut changes = Vec::new();
    for (name, price) in &old.prices {
        match new.prices.get(name) {
            None => changes.push(Change::Removed(name, price)),
            Some(other) if other != price => changes.push(Change::Changed(name, price, other)),
            Some(_) => {}
        }
    }
    let added = new
        .prices
        .iter()
        .filter(|(name, _)| !old.prices.contains_key(*name));
    changes.extend(added.map(|(name, price)| Change::Added(name, price)));
    changes.sort_by_key(|change| match change {
        Change::Added(name, _) | Change::Removed(name, _) | Change::Changed(name, _, _) => *name,
    });
    changes
}

/// A price for people: US dollars per million tokens.
#[must_use]
pub fn in_words(price: &Price) -> String {
    use std::fmt::Write as _;
    let parts = |parts: &ark_gateway_core::money::Parts| {
        [
            ("cached", parts.cached_input),
            ("cache write", parts.cache_write),
            ("audio in", parts.input_audio),
            ("reasoning", parts.reasoning),
            ("audio out", parts.output_audio),
        ]
        .into_iter()
        .filter_map(|(name, amount)| Some(format!(", {name} {}", usd(amount?.0))))
        .collect::<String>()
    };
    let mut text = format!("in {}, out {}", usd(price.input.0), usd(price.output.0));
    text.push_str(&parts(&price.parts));
    for tier in price.tiers.iter().flatten() {
        let _ = write!(
            text,
            "; above {} prompt tokens in {}, out {}{}",
            tier.above_input_tokens,
            usd(tier.input.0),
            usd(tier.output.0),
            parts(&tier.parts)
        );
    }
    text
}

/// Micro-dollars as dollars, without a float.
fn usd(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
