//! `access`, typed.

use ark_gateway_core::access::{Ceiling, Effect, Network, ProviderSet, Who};
use ark_gateway_core::priority::Priority;
use ark_gateway_core::record::Endpoint;

use super::shape::RequiresConfig;

/// One of `access`. Of every list: `None` for any, never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessConfig {
    /// Its name, unique.
    pub name: String,
    /// What it does.
    pub effect: Effect,
    /// Whom it concerns.
    pub who: WhoConfig,
    /// Names of models, never aliases.
    pub models: Option<Vec<String>>,
    /// Endpoints.
    pub endpoints: Option<Vec<Endpoint>>,
    /// Names of providers.
    pub providers: Option<Vec<String>>,
    /// Priorities.
    pub priorities: Option<Vec<Priority>>,
    /// When.
    pub hours: Option<HoursConfig>,
    /// From where.
    pub networks: Option<Vec<Network>>,
    /// What a request may hold.
    pub limit: Ceiling,
    /// What it requires of a provider.
    pub require: RequiresConfig,
}

/// A rule's `who`; each empty for any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WhoConfig {
    /// Names of tenants.
    pub tenants: Vec<String>,
    /// Ids of keys.
    pub keys: Vec<String>,
    /// Roles.
    pub roles: Vec<String>,
}

impl WhoConfig {
    /// What the filter and the sidecar judge by.
    pub(super) fn compiled(&self) -> Who {
        Who {
            tenants: self.tenants.clone(),
            keys: self.keys.clone(),
            roles: self.roles.clone(),
        }
    }
}

/// A rule's `hours`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoursConfig {
    /// Days on which they begin: 0 for Monday to 6; ascending, at least one.
    pub days: Vec<u16>,
    /// Minute of the day at which they begin.
    pub from: u16,
    /// Minute of the day before which they end; of the next day when it is not after `from`.
    pub until: u16,
    /// A time zone of the IANA database.
    pub zone: String,
}

/// The days of the week, as the file names them.
pub(super) const DAYS: [(&str, u16); 7] = [
    ("mon", 0),
    ("tue", 1),
    ("wed", 2),
    ("thu", 3),
    ("fri", 4),
    ("sat", 5),
    ("sun", 6),
];

const MINUTES_OF_DAY: u16 = 24 * 60;
const MINUTES_OF_WEEK: u16 = 7 * MINUTES_OF_DAY;

impl HoursConfig {
    /// The stretches of a week that they are: minutes since Monday 00:00, ascending, none touches another.
    #[must_use]
    pub fn spans(&self) -> Vec<(u16, u16)> {
        let length = match self.until > self.from {
            true => self.until - self.from,
            false => self.until + MINUTES_OF_DAY - self.from,
        };
        let mut spans = Vec::new();
        for day in &self.days {
            let start = day * MINUTES_OF_DAY + self.from;
            let end = start + length;
            spans.push((start, end.min(MINUTES_OF_WEEK)));
            if end > MINUTES_OF_WEEK {
                spans.push((0, end - MINUTES_OF_WEEK));
            }
        }
        spans.sort_unstable();
        let mut merged: Vec<(u16, u16)> = Vec::new();
        for (start, end) in spans {
            match merged.last_mut() {
                Some((_, last)) if start <= *last => *last = end.max(*last),
                Some(_) | None => merged.push((start, end)),
            }
        }
        merged
    }

    /// In words, for refusals and `ark check`.
    #[must_use]
    pub fn words(&self) -> String {
        let name = |day: &u16| DAYS.get(usize::from(*day)).map_or("", |(name, _)| *name);
        let days: Vec<&str> = self.days.iter().map(name).collect();
        let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        let (from, until) = (clock(self.from), clock(self.until));
        format!("{} {from}-{until} {}", days.join(","), self.zone)
    }
}

/// A set of providers by the names of those that are usable.
pub(super) fn provider_set(names: &[String], usable: &[&str]) -> ProviderSet {
    let places = (0u16..).zip(usable);
    let named = places.filter(|(_, known)| names.iter().any(|name| name == *known));
    named.fold(ProviderSet::default(), |set, (at, _)| {
        set.with(ark_gateway_core::snapshot::ProviderId(at))
    })
}
