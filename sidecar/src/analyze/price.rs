//! What the same traffic would have cost elsewhere, and what unpriced lines cost by a file's prices.
//!
//! Prices are per token, so sums of tokens are enough: the result differs from line by line prices only
//! by what each line is rounded up.

use ark_gateway_core::money::Price;
use ark_gateway_core::snapshot::{ModelSpec, Snapshot};

use super::money::Pico;

/// A file's prices.
pub struct Prices {
    /// Its name.
    pub name: String,
    /// What it says.
    pub snapshot: Snapshot,
}

/// What one of a file's targets would have cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Its provider.
    pub provider: String,
    /// Its model there.
    pub upstream_model: String,
    /// The cost; `None` when its price is not known.
    pub cost: Option<Pico>,
}

impl Prices {
    /// The model that logs call so: by its name, or by its name at some provider.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&ModelSpec> {
        let models = &self.snapshot.models;
        let by_name = models.iter().find(|model| model.name == name);
        let serves = |model: &&ModelSpec| {
            let mut targets = model.targets.iter();
            targets.any(|id| {
                let target = self.snapshot.targets.get(usize::from(id.0));
                target.is_some_and(|target| target.model == name)
            })
        };
        by_name.or_else(|| models.iter().find(serves))
    }

    /// What each target of a model would have cost, in the operator's order.
    #[must_use]
    pub fn offers(&self, model: &ModelSpec, (input, output): (u64, u64)) -> Vec<Offer> {
        let targets = model.targets.iter().filter_map(|id| {
            let target = self.snapshot.targets.get(usize::from(id.0))?;
            let provider = self
                .snapshot
                .providers
                .get(usize::from(target.provider.0))?;
            Some(Offer {
                provider: provider.name.clone(),
                upstream_model: target.model.clone(),
                cost: target.price.map(|price| cost(price, (input, output))),
            })
        });
        targets.collect()
    }

    /// What these tokens cost by this file: at the provider that logs name, if it is one of the file's,
    /// or at the model's only price. `None` when that is not known.
    #[must_use]
    pub fn charge(&self, (provider, model): (&str, &str), tokens: (u64, u64)) -> Option<Pico> {
        let offers = self.offers(self.model(model)?, tokens);
        if let Some(own) = offers.iter().find(|offer| offer.provider == provider) {
            return own.cost;
        }
        let mut costs = offers.iter().map(|offer| offer.cost);
        let first = costs.next()??;
        costs.all(|cost| cost == Some(first)).then_some(first)
    }
}

/// Prices are micro-USD per million tokens: times tokens they are 10^-12 USD.
fn cost(price: Price, (input, output): (u64, u64)) -> Pico {
    Pico::from(price.input.0) * Pico::from(input) + Pico::from(price.output.0) * Pico::from(output)
}
