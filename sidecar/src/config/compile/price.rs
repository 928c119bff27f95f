//! What a target charges: the operator's price, or the catalogue's, or what its policy says without one.

use ark_gateway_core::money::{MicroUsdPerMillion, Price, PriceBasis};
use ark_gateway_core::snapshot::PriceSource;

use super::super::prices::{CeilingConfig, Currency, PriceConfig, UnknownPriceConfig};
use super::super::shape::TargetConfig;
use super::{Config, Date, ModelConfig, ProviderConfig};

/// Prices of one configuration on one day.
pub(in crate::config) struct Prices<'a> {
    config: &'a Config,
    today: Date,
    /// The dearest known price of all models.
    dearest: Option<Price>,
}

/// A target's price, and how it came to it.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::config) struct Priced {
    /// What is charged; `None`: not known.
    pub(in crate::config) price: Option<Price>,
    /// Whether that is a price.
    pub(in crate::config) basis: PriceBasis,
    /// Where it comes from.
    pub(in crate::config) source: Option<PriceSource>,
}

impl<'a> Prices<'a> {
    pub(in crate::config) fn of(config: &'a Config, today: Date) -> Self {
        let mut prices = Self {
            config,
            today,
            dearest: None,
        };
        let dearest = config
            .models
            .iter()
            .filter_map(|model| prices.dearest_of(model));
        prices.dearest = dearest.reduce(|a, b| highest(&a, &b));
        prices
    }

    /// The price of a target of `model` at `provider`.
    pub(in crate::config) fn of_target(
        &self,
        model: &ModelConfig,
        target: &TargetConfig,
        provider: &ProviderConfig,
    ) -> Priced {
        if let Some((price, source)) = self.known(target, provider) {
            return Priced {
                price: Some(price),
                basis: PriceBasis::Listed,
                source,
            };
        }
        let unknown = |price, basis| Priced {
            price,
            basis,
            source: None,
        };
        match model
            .unknown_price
            .unwrap_or(self.config.prices.unknown_price)
        {
            UnknownPriceConfig::Deny => unknown(None, PriceBasis::Denied),
            UnknownPriceConfig::Allow => unknown(None, PriceBasis::Listed),
            UnknownPriceConfig::Ceiling(ceiling) => {
                unknown(Some(self.stated(ceiling)), PriceBasis::Ceiling)
            }
            UnknownPriceConfig::Dearest => match self.dearest_of(model).or(self.dearest) {
                Some(price) => unknown(Some(price), PriceBasis::Ceiling),
                None => unknown(None, PriceBasis::Listed),
            },
        }
    }

    fn known(
        &self,
        target: &TargetConfig,
        provider: &ProviderConfig,
    ) -> Option<(Price, Option<PriceSource>)> {
        let multiplier = provider.price_multiplier_millionths;
        if let Some(price) = target.price {
            return price
                .is_valid_on(self.today)
                .then(|| self.charged(price, multiplier));
        }
        let catalogue = self.config.prices.catalogue.as_ref()?;
        let (entry, price) = match &target.price_entry {
            Some(entry) => (entry.clone(), catalogue.prices.get(entry)?),
            None => {
                let made = (provider.kind, provider.vendor.as_deref());
                catalogue.look_up(&provider.name, made, &target.model)?
            }
        };
        let source = PriceSource {
            catalogue: Some(entry),
            ..PriceSource::default()
        };
        Some((
            price.map(|amount| scaled(amount, multiplier, 1_000_000)),
            Some(source),
        ))
    }

    /// A list price as its provider charges it, in US dollars, each amount rounded up once.
    fn charged(&self, price: PriceConfig, multiplier: u64) -> (Price, Option<PriceSource>) {
        let per_usd = self.per_usd(price.currency);
        let charged = price.list.map(|amount| scaled(amount, multiplier, per_usd));
        let source = (price.currency != Currency::USD).then(|| PriceSource {
            catalogue: None,
            currency: Some(price.currency.to_string()),
            per_usd_millionths: Some(per_usd),
            list_input: Some(price.list.input.0),
            list_output: Some(price.list.output.0),
        });
        (charged, source)
    }

    fn stated(&self, ceiling: CeilingConfig) -> Price {
        let per_usd = self.per_usd(ceiling.currency);
        Price::flat(ceiling.input, ceiling.output).map(|amount| scaled(amount, 1_000_000, per_usd))
    }

    /// Reading has seen to it that every currency has a rate.
    fn per_usd(&self, currency: Currency) -> u64 {
        self.config
            .prices
            .per_usd
            .get(&currency)
            .copied()
            .unwrap_or(1_000_000)
    }

    /// No known price of the model's targets is above it, for any kind of token.
    fn dearest_of(&self, model: &ModelConfig) -> Option<Price> {
        let known = model.targets.iter().filter_map(|target| {
            let mut providers = self.config.providers.iter();
            let provider = providers.find(|provider| provider.name == target.provider)?;
            self.known(target, provider).map(|(price, _)| price)
        });
        known
            .map(|price| ceiling_of(&price))
            .reduce(|a, b| highest(&a, &b))
    }
}

/// `amount` × `multiplier` ÷ `divisor`, rounded up; saturates.
fn scaled(amount: MicroUsdPerMillion, multiplier: u64, divisor: u64) -> MicroUsdPerMillion {
    let exact = u128::from(amount.0) * u128::from(multiplier);
    let scaled = exact.div_ceil(u128::from(divisor.max(1)));
    MicroUsdPerMillion(u64::try_from(scaled).unwrap_or(u64::MAX))
}

/// One price that nothing in `price` is above: tiers, cached tokens, sound and all.
fn ceiling_of(price: &Price) -> Price {
    let mut top = Price::flat(price.input, price.output);
    let tiers = price.tiers.iter().flatten();
    let tiers = tiers.map(|tier| (tier.input, tier.output, tier.parts));
    for (input, output, parts) in tiers.chain([(price.input, price.output, price.parts)]) {
        for amount in [parts.cached_input, parts.cache_write, parts.input_audio] {
            top.input = top.input.max(input).max(amount.unwrap_or(input));
        }
        for amount in [parts.reasoning, parts.output_audio] {
            top.output = top.output.max(output).max(amount.unwrap_or(output));
        }
    }
    top
}

fn highest(a: &Price, b: &Price) -> Price {
    Price::flat(a.input.max(b.input), a.output.max(b.output))
}

/// The price that a model's costs are measured against: the dearest known one, by the sum of its wholes,
/// the first on a tie; or else the ceiling.
#[derive(Default)]
pub(super) struct Reference {
    known: Option<Price>,
    ceiling: Option<Price>,
}

impl Reference {
    pub(super) fn take(&mut self, priced: &Priced) {
        match priced.basis {
            PriceBasis::Listed => self.known = dearer(self.known, priced.price),
            PriceBasis::Ceiling => self.ceiling = dearer(self.ceiling, priced.price),
            PriceBasis::Denied => {}
        }
    }

    pub(super) fn price(self) -> Option<Price> {
        self.known.or(self.ceiling)
    }
}

fn dearer(a: Option<Price>, b: Option<Price>) -> Option<Price> {
    let sum = |price: &Price| u128::from(price.input.0) + u128::from(price.output.0);
    match (a, b) {
        (Some(a), Some(b)) if sum(&b) > sum(&a) => Some(b),
        (Some(a), _) => Some(a),
        (None, b) => b,
    }
}
