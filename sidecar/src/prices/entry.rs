//! One model of the shared price file: its fields, judged.

use std::collections::BTreeMap;

use ark_gateway_core::money::{MOST_TIERS, MicroUsdPerMillion, Parts, Price, PriceTier};
use serde_json::value::RawValue;

use super::decimal::{self, Amount};

/// Above this a price is taken for an error: USD 1 000 per million tokens.
const MOST: u64 = 1_000 * 1_000_000;

/// A price per token is read in units of 10^-12 dollars: micro-dollars per million tokens.
const SCALE: i32 = 12;

/// The fields of a model, as they stand in the file.
pub(super) type Fields = BTreeMap<String, Box<RawValue>>;

/// Why a model has no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// It is not one of chat, completion, responses or embedding.
    NotTokens,
    /// It has no price for prompt tokens, or none for completion tokens: it is charged by something else.
    NoTokenPrice,
    /// Its prices are 0: free, or not known.
    Free,
    /// One of its prices is no number, or a negative one.
    NotANumber,
    /// One of its prices is above USD 1 000 per million tokens.
    TooDear,
    /// Its tiers cannot be read, or are too many.
    Tiers,
}

impl Refusal {
    /// In words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotTokens => "no model of text that is paid by the token",
            Self::NoTokenPrice => "no price for prompt or for completion tokens",
            Self::Free => "its price is 0: free, or not known; if it is free, say so in ark.yaml",
            Self::NotANumber => "a price that is no number, or a negative one",
            Self::TooDear => "a price above USD 1 000 per million tokens",
            Self::Tiers => "tiers that cannot be read",
        }
    }
}

/// What is odd with an entry that was made all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doubt {
    /// Completion tokens cost less than prompt tokens.
    OutputCheaper,
    /// Cached tokens cost more than others.
    CachedDearer,
    /// A price had more digits than there are units; the nearest was taken.
    Rounded,
    /// A part (cached, written, sound, reasoning) has the price 0; the whole's price counts.
    PartFree,
    /// A price above a threshold is lower than below it; the lower threshold's counts.
    TierCheaper,
    /// It is also paid by something else: a request, an image, a query.
    OtherCharges,
    /// It has other prices at some hours or days.
    OffPeak,
    /// Two models of the file have this name with different prices; the dearer stands.
    Twice,
}

impl Doubt {
    /// In words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OutputCheaper => "completion tokens cost less than prompt tokens",
            Self::CachedDearer => "cached tokens cost more than others",
            Self::Rounded => "a price was rounded to the nearest micro-dollar per million tokens",
            Self::PartFree => {
                "a price of 0 for cached, written, sound or reasoning tokens was left out"
            }
            Self::TierCheaper => "a price above a threshold is lower than below it, and was raised",
            Self::OtherCharges => "it is charged by more than tokens, which Ark does not count",
            Self::OffPeak => "it has off-peak prices, which Ark does not use",
            Self::Twice => "the file has it twice; the dearer price stands",
        }
    }
}

/// A judged model.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) price: Price,
    pub(super) doubts: Vec<Doubt>,
}

/// Fields whose presence means that tokens are not all that is paid.
const OTHER_CHARGES: [&str; 4] = [
    "input_cost_per_request",
    "input_cost_per_query",
    "input_cost_per_image",
    "output_cost_per_image",
];

/// Judges a model's fields.
pub(super) fn judge(fields: &Fields) -> Result<Judged, Refusal> {
    let mode = text(fields, "mode");
    let embeds = mode.as_deref() == Some("embedding");
    match mode.as_deref() {
        None | Some("chat" | "completion" | "responses" | "embedding") => {}
        Some(_) => return Err(Refusal::NotTokens),
    }
    let mut reader = Reader::default();
    let price = match fields.get("tiered_pricing") {
        Some(bands) => reader.banded(bands.get(), embeds)?,
        None => reader.plain(fields, embeds)?,
    };
    let mut doubts = reader.doubts;
    if !embeds && price.output < price.input {
        doubts.push(Doubt::OutputCheaper);
    }
    if price.parts.cached_input.is_some_and(|c| c > price.input) {
        doubts.push(Doubt::CachedDearer);
    }
    let is_charged = |name: &&str| {
        let amount = fields
            .get(*name)
            .map(|value| decimal::read(value.get(), SCALE));
        amount.is_some_and(|amount| amount != Amount::Exact(0))
    };
    if OTHER_CHARGES.iter().any(is_charged) {
        doubts.push(Doubt::OtherCharges);
    }
    if fields.contains_key("off_peak_pricing") {
        doubts.push(Doubt::OffPeak);
    }
    doubts.sort();
    doubts.dedup();
    Ok(Judged { price, doubts })
}

/// A field that is text.
pub(super) fn text(fields: &Fields, name: &str) -> Option<String> {
    serde_json::from_str(fields.get(name)?.get()).ok()
}

/// The two wholes and their parts, of one tier; what the file does not say is `None`.
#[derive(Clone, Copy, Default)]
struct Rates {
    input: Option<MicroUsdPerMillion>,
    output: Option<MicroUsdPerMillion>,
    parts: Parts,
}

#[derive(Default)]
struct Reader {
    doubts: Vec<Doubt>,
}

impl Reader {
    /// Fields of the model itself, with thresholds in their names.
    fn plain(&mut self, fields: &Fields, embeds: bool) -> Result<Price, Refusal> {
        let value = |name: &str| fields.get(name).map(|value| value.get().to_owned());
        let base = self.rates(&value, "")?;
        let mut tiers = Vec::new();
        for above_k in thresholds(fields) {
            let tier = self.rates(&value, &format!("_above_{above_k}k_tokens"))?;
            tiers.push((above_k * 1_000, tier));
        }
        self.price(base, tiers, embeds)
    }

    /// `tiered_pricing`: a list of bands, the first from 0.
    fn banded(&mut self, bands: &str, embeds: bool) -> Result<Price, Refusal> {
        let bands: Vec<Fields> = serde_json::from_str(bands).map_err(|_other| Refusal::Tiers)?;
        let mut base = None;
        let mut tiers: Vec<(u32, Rates)> = Vec::new();
        for band in &bands {
            let range = band.get("range").ok_or(Refusal::Tiers)?;
            let (from, _): (Box<RawValue>, Box<RawValue>) =
                serde_json::from_str(range.get()).map_err(|_other| Refusal::Tiers)?;
            let Amount::Exact(from) = decimal::read(from.get(), 0) else {
                return Err(Refusal::Tiers);
            };
            let value = |name: &str| band.get(name).map(|value| value.get().to_owned());
            let rates = self.rates(&value, "")?;
            match base {
                None if from == 0 => base = Some(rates),
                None => return Err(Refusal::Tiers),
                Some(_) => tiers.push((u32::try_from(from).map_err(|_big| Refusal::Tiers)?, rates)),
            }
        }
        self.price(base.ok_or(Refusal::Tiers)?, tiers, embeds)
    }

    fn rates(
        &mut self,
        value: &dyn Fn(&str) -> Option<String>,
        suffix: &str,
    ) -> Result<Rates, Refusal> {
        let mut whole = |name: &str| self.amount(value(&format!("{name}{suffix}")));
        let input = whole("input_cost_per_token")?;
        let output = whole("output_cost_per_token")?;
        let mut part = |name: &str| -> Result<Option<MicroUsdPerMillion>, Refusal> {
            match self.amount(value(&format!("{name}{suffix}")))? {
                Some(MicroUsdPerMillion(0)) => {
                    self.doubts.push(Doubt::PartFree);
                    Ok(None)
                }
                amount => Ok(amount),
            }
        };
        Ok(Rates {
            input,
            output,
            parts: Parts {
                cached_input: part("cache_read_input_token_cost")?,
                cache_write: part("cache_creation_input_token_cost")?,
                input_audio: part("input_cost_per_audio_token")?,
                reasoning: part("output_cost_per_reasoning_token")?,
                output_audio: part("output_cost_per_audio_token")?,
            },
        })
    }

    fn amount(&mut self, text: Option<String>) -> Result<Option<MicroUsdPerMillion>, Refusal> {
        let Some(text) = text.filter(|text| text != "null") else {
            return Ok(None);
        };
        let units = match decimal::read(&text, SCALE) {
            Amount::Exact(units) => units,
            Amount::Rounded(units) => {
                self.doubts.push(Doubt::Rounded);
                units
            }
            Amount::Negative | Amount::Unreadable => return Err(Refusal::NotANumber),
        };
        match units {
            dear if dear > MOST => Err(Refusal::TooDear),
            units => Ok(Some(MicroUsdPerMillion(units))),
        }
    }

    fn price(
        &mut self,
        base: Rates,
        tiers: Vec<(u32, Rates)>,
        embeds: bool,
    ) -> Result<Price, Refusal> {
        let nothing = embeds.then_some(MicroUsdPerMillion(0));
        let (Some(input), Some(output)) = (base.input, base.output.or(nothing)) else {
            return Err(Refusal::NoTokenPrice);
        };
        if input.0 == 0 || (output.0 == 0 && !embeds) {
            return Err(Refusal::Free);
        }
        if tiers.len() > MOST_TIERS {
            return Err(Refusal::Tiers);
        }
        let mut price = Price {
            parts: base.parts,
            ..Price::flat(input, output)
        };
        let mut below = (input, output, base.parts);
        for (slot, (above_input_tokens, rates)) in price.tiers.iter_mut().zip(tiers) {
            let tier = self.tier(above_input_tokens, rates, below);
            below = (tier.input, tier.output, tier.parts);
            *slot = Some(tier);
        }
        Ok(price)
    }

    /// A tier over what is below it: nothing in it is cheaper, and what it leaves out is as below.
    fn tier(
        &mut self,
        above_input_tokens: u32,
        rates: Rates,
        below: (MicroUsdPerMillion, MicroUsdPerMillion, Parts),
    ) -> PriceTier {
        let mut raised = |own: Option<MicroUsdPerMillion>, below: MicroUsdPerMillion| {
            let own = own.unwrap_or(below);
            if own < below {
                self.doubts.push(Doubt::TierCheaper);
            }
            own.max(below)
        };
        let (below_input, below_output, parts) = below;
        let input = raised(rates.input, below_input);
        let output = raised(rates.output, below_output);
        let mut part = |own: Option<_>, below: Option<_>, whole_below| match (own, below) {
            (None, None) => None,
            (own, below) => Some(raised(own, below.unwrap_or(whole_below))),
        };
        let own = rates.parts;
        PriceTier {
            above_input_tokens,
            input,
            output,
            parts: Parts {
                cached_input: part(own.cached_input, parts.cached_input, below_input),
                cache_write: part(own.cache_write, parts.cache_write, below_input),
                input_audio: part(own.input_audio, parts.input_audio, below_input),
                reasoning: part(own.reasoning, parts.reasoning, below_output),
                output_audio: part(own.output_audio, parts.output_audio, below_output),
            },
        }
    }
}

/// The thresholds in the names of a model's fields, in thousands of tokens, rising.
fn thresholds(fields: &Fields) -> Vec<u32> {
    let of_tokens = fields.keys().filter(|name| name.contains("token"));
    let mut found: Vec<u32> = of_tokens
        .filter_map(|name| {
            let (_, rest) = name.split_once("_above_")?;
            rest.strip_suffix("k_tokens")?.parse().ok()
        })
        .filter(|above_k| *above_k > 0 && *above_k < 1_000_000)
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}
