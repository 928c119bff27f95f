//! `prices`, a target's `price` and `unknown_price`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ark_gateway_core::money::{MOST_TIERS, MicroUsdPerMillion, Parts, Price, PriceTier};
use serde_json::Value;

use super::super::date::Date;
use super::super::node::{Fields, Node};
use super::super::prices::{
    CeilingConfig, Currency, PriceConfig, PricesConfig, UnknownPriceConfig,
};
use super::super::words::quoted;
use super::Names;

/// Largest list price, units of its currency per million tokens; one above it is a typing error.
const MOST_PER_MILLION: u64 = 1_000_000;

/// Most that a US dollar buys of any currency.
const MOST_PER_USD: u64 = 10_000_000;

/// Most currencies.
const MOST_CURRENCIES: usize = 200;

/// A target's `price` as it is written.
pub(super) enum Written {
    /// Not at all: the catalogue may know it.
    Nothing,
    /// In numbers.
    Price(Box<PriceConfig>),
    /// As the name of an entry of the catalogue.
    Entry(String),
}

pub(super) fn read_prices(node: &Node<'_>, names: &Names) -> Option<PricesConfig> {
    let mut fields = node.fields()?;
    let file = fields.maybe("file", read_file);
    let per_usd = fields.or("per_usd", BTreeMap::new(), read_rates);
    let unknown = fields.or("unknown_price", UnknownPriceConfig::default(), |node| {
        read_unknown(node, names)
    });
    fields.finish("")?;
    Some(PricesConfig {
        file: file?,
        catalogue: None,
        per_usd: per_usd?,
        unknown_price: unknown?,
    })
}

fn read_file(node: &Node<'_>) -> Option<PathBuf> {
    let text = node.text()?;
    if text.is_empty() || text.len() > 4_096 || text.chars().any(char::is_control) {
        return node.problem_with_hint(
            "must be the path of a catalogue",
            "`ark prices import` makes one; a relative path begins where this file is",
        );
    }
    Some(PathBuf::from(text))
}

fn read_rates(node: &Node<'_>) -> Option<BTreeMap<Currency, u64>> {
    let entries = node.entries(MOST_CURRENCIES)?;
    // Collect first: an early end would hide the problems of later items.
    let read: Vec<_> = entries
        .iter()
        .map(|(name, node)| read_rate(name, node))
        .collect();
    read.into_iter().collect()
}

fn read_rate(name: &str, node: &Node<'_>) -> Option<(Currency, u64)> {
    let currency = match Currency::parse(name) {
        Some(Currency::USD) => return node.problem("is what the others are measured in"),
        Some(currency) => currency,
        None => {
            return node.problem_with_hint("is not a currency", "write its ISO 4217 code, as CNY");
        }
    };
    match node.millionths(MOST_PER_USD)? {
        0 => node.problem_with_hint(
            "must be above 0",
            "how much of it a US dollar buys: CNY: 7.19",
        ),
        rate => Some((currency, rate)),
    }
}

/// The currencies that have a rate, right or wrong.
pub(super) fn currencies_of(document: &Value) -> Vec<Currency> {
    let rates = document
        .get("prices")
        .and_then(|prices| prices.get("per_usd"));
    let rates = rates.and_then(Value::as_object).into_iter().flatten();
    rates
        .filter_map(|(name, _)| Currency::parse(name))
        .collect()
}

pub(super) fn read_unknown(node: &Node<'_>, names: &Names) -> Option<UnknownPriceConfig> {
    if node.peek_text().is_some() {
        return node.one_of(&[
            ("deny", UnknownPriceConfig::Deny),
            ("allow", UnknownPriceConfig::Allow),
            ("ceiling", UnknownPriceConfig::Dearest),
        ]);
    }
    let mut fields = node.fields()?;
    let ceiling = fields.must("ceiling", |node| match node.peek_text() {
        Some(_) => node.one_of(&[("dearest", UnknownPriceConfig::Dearest)]),
        None => read_ceiling(node, names).map(UnknownPriceConfig::Ceiling),
    });
    fields.finish("")?;
    ceiling
}

fn read_ceiling(node: &Node<'_>, names: &Names) -> Option<CeilingConfig> {
    let mut fields = node.fields()?;
    let currency = fields.must("currency", |node| read_currency(node, names));
    let input = fields.must("input_per_million", read_amount);
    let output = fields.must("output_per_million", read_amount);
    fields.finish("")?;
    let ceiling = CeilingConfig {
        currency: currency?,
        input: input?,
        output: output?,
    };
    if ceiling.input.0 == 0 {
        return node.problem_with_hint(
            "is 0, but an unknown price is never zero",
            "for a target that costs nothing write price with 0",
        );
    }
    Some(ceiling)
}

pub(super) fn read(node: &Node<'_>, names: &Names) -> Option<Written> {
    let mut fields = node.fields()?;
    if let Some(entry) = fields.find("catalogue") {
        let entry = read_entry(&entry);
        fields.finish("")?;
        return entry.map(Written::Entry);
    }
    let currency = fields.must("currency", |node| read_currency(node, names));
    let base = read_rates_of(&mut fields);
    let tiers = fields.or("tiers", Vec::new(), |node| node.each(MOST_TIERS, read_tier));
    let valid_from = fields.maybe("valid_from", read_date);
    let valid_until = fields.maybe("valid_until", read_date);
    fields.finish("")?;
    let (input, output, parts) = base?;
    let mut list = Price {
        parts,
        ..Price::flat(input, output)
    };
    for (slot, tier) in list.tiers.iter_mut().zip(tiers?) {
        *slot = Some(tier);
    }
    let price = PriceConfig {
        list,
        currency: currency?,
        valid_from: valid_from?,
        valid_until: valid_until?,
    };
    if let Some(problem) = tiers_problem(&price.list) {
        return node.problem(problem);
    }
    match (price.valid_from, price.valid_until) {
        (Some(from), Some(until)) if until < from => {
            node.problem(format!("ends ({until}) before it begins ({from})"))
        }
        _ => Some(Written::Price(Box::new(price))),
    }
}

fn read_entry(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    match text.split_once('/') {
        Some((provider, model)) if !provider.is_empty() && !model.is_empty() => {
            Some(text.to_owned())
        }
        Some(_) | None => node.problem_with_hint(
            format!("{} is not the name of an entry", quoted(text)),
            "`ark prices show MODEL` lists them, such as openai/gpt-4o",
        ),
    }
}

type Rates = (MicroUsdPerMillion, MicroUsdPerMillion, Parts);

fn read_rates_of(fields: &mut Fields<'_, '_>) -> Option<Rates> {
    let input = fields.must("input_per_million", read_amount);
    let output = fields.must("output_per_million", read_amount);
    let cached_input = fields.maybe("cached_input_per_million", read_amount);
    let cache_write = fields.maybe("cache_write_per_million", read_amount);
    let input_audio = fields.maybe("input_audio_per_million", read_amount);
    let reasoning = fields.maybe("reasoning_per_million", read_amount);
    let output_audio = fields.maybe("output_audio_per_million", read_amount);
    let parts = Parts {
        cached_input: cached_input?,
        cache_write: cache_write?,
        input_audio: input_audio?,
        reasoning: reasoning?,
        output_audio: output_audio?,
    };
    Some((input?, output?, parts))
}

fn read_tier(node: &Node<'_>) -> Option<PriceTier> {
    let mut fields = node.fields()?;
    let above = fields.must("above_input_tokens", |node| {
        node.integer(1..=u64::from(u32::MAX))
    });
    let rates = read_rates_of(&mut fields);
    fields.finish("")?;
    let (input, output, parts) = rates?;
    Some(PriceTier {
        above_input_tokens: above?,
        input,
        output,
        parts,
    })
}

/// Thresholds rise, and no longer prompt is cheaper: anything else is a typing error.
fn tiers_problem(price: &Price) -> Option<String> {
    let mut below = (0, price.input, price.output);
    for (n, tier) in price.tiers.iter().flatten().enumerate() {
        if tier.above_input_tokens <= below.0 {
            return Some(format!("tiers[{n}] is not above the one before it"));
        }
        if tier.input < below.1 || tier.output < below.2 {
            return Some(format!("tiers[{n}] is cheaper than what is below it"));
        }
        below = (tier.above_input_tokens, tier.input, tier.output);
    }
    None
}

fn read_currency(node: &Node<'_>, names: &Names) -> Option<Currency> {
    let text = node.text()?;
    match Currency::parse(text) {
        Some(currency) if currency == Currency::USD || names.currencies.contains(&currency) => {
            Some(currency)
        }
        Some(currency) => node.problem_with_hint(
            format!("{currency} has no rate"),
            format!("say how much of it a US dollar buys: prices: {{per_usd: {{{currency}: …}}}}"),
        ),
        None => node.problem_with_hint(
            format!("{} is not a currency", quoted(text)),
            "write its ISO 4217 code, as USD",
        ),
    }
}

fn read_amount(node: &Node<'_>) -> Option<MicroUsdPerMillion> {
    node.millionths(MOST_PER_MILLION).map(MicroUsdPerMillion)
}

pub(super) fn read_date(node: &Node<'_>) -> Option<Date> {
    let text = node.text()?;
    match Date::parse(text) {
        Some(date) => Some(date),
        None => node.problem_with_hint(
            format!("{} is not a day", quoted(text)),
            "write it as 2025-12-31",
        ),
    }
}
