//! `prices`, typed, and what a price is written in.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use ark_gateway_core::money::{MicroUsdPerMillion, Price};

use super::date::Date;
use crate::prices::Catalogue;

/// `prices`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PricesConfig {
    /// The catalogue's file, as the operator wrote it.
    pub file: Option<PathBuf>,
    /// The catalogue that was read from there.
    pub catalogue: Option<Arc<Catalogue>>,
    /// How much of a currency a US dollar buys, in millionths.
    pub per_usd: BTreeMap<Currency, u64>,
    /// What happens without a price, where a model does not say.
    pub unknown_price: UnknownPriceConfig,
}

/// `unknown_price`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownPriceConfig {
    /// The target is not used.
    Deny,
    /// It is used, and its cost stays unknown.
    Allow,
    /// It is used, and charged like the dearest known price of its model, or else of all models; without
    /// any, its cost stays unknown.
    #[default]
    Dearest,
    /// It is used, and charged this.
    Ceiling(CeilingConfig),
}

/// A stated `ceiling`, in millionths of its currency per million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CeilingConfig {
    /// Its currency.
    pub currency: Currency,
    /// For prompt tokens.
    pub input: MicroUsdPerMillion,
    /// For completion tokens.
    pub output: MicroUsdPerMillion,
}

/// A target's `price`: a list price in a currency, neither converted nor multiplied yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceConfig {
    /// The list price, in millionths of `currency` per million tokens.
    pub list: Price,
    /// Its currency.
    pub currency: Currency,
    /// First day on which it is valid; `None` for always.
    pub valid_from: Option<Date>,
    /// Last day on which it is valid; `None` for until further notice.
    pub valid_until: Option<Date>,
}

impl PriceConfig {
    /// Whether the price is valid on `day`, both ends included.
    #[must_use]
    pub fn is_valid_on(&self, day: Date) -> bool {
        self.valid_from.is_none_or(|from| from <= day)
            && self.valid_until.is_none_or(|until| day <= until)
    }
}

/// A currency, ISO 4217.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The one that costs are counted in.
    pub const USD: Self = Self(*b"USD");

    /// Three capital letters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let letters: [u8; 3] = text.as_bytes().try_into().ok()?;
        let is_code = letters.iter().all(u8::is_ascii_uppercase);
        is_code.then_some(Self(letters))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}
