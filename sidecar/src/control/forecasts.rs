//! What is to come, as `/v1/forecast` shows it and an autoscaler reads it.

use ark_gateway_core::record::Allowance;
use serde::Serialize;

use super::Control;
use crate::Ms;
use crate::forecast::{Errors, Forecast, Forecaster, Horizon};
use crate::headroom::{Account, Shown};

/// `/v1/forecast`.
#[derive(Debug, Serialize)]
pub struct ForecastView {
    /// What is asked of each model.
    pub models: Vec<ModelView>,
    /// What each provider is sent, and the room that is left there.
    pub providers: Vec<ProviderView>,
    /// What providers have said of their limits.
    pub told: Vec<ToldView>,
}

/// One model.
#[derive(Debug, Serialize)]
pub struct ModelView {
    /// Its name.
    pub model: String,
    /// Tokens that were asked of it in the last whole minute.
    pub tokens_per_minute: f64,
    /// What is expected.
    pub ahead: Vec<Ahead>,
}

/// One provider.
#[derive(Debug, Serialize)]
pub struct ProviderView {
    /// Its name.
    pub provider: String,
    /// Requests in flight there.
    pub in_flight: u64,
    /// Requests in flight that it takes.
    pub max_in_flight: u32,
    /// What it takes per minute by `ark.yaml`.
    pub requests_per_minute: Option<u32>,
    /// The same in tokens.
    pub tokens_per_minute: Option<u64>,
    /// The share of its limits that is free: by what was sent and by its own word.
    pub headroom: f64,
    /// The same when the next minute has gone as expected.
    pub predicted_headroom: f64,
    /// Tokens that will be sent to it.
    pub ahead: Vec<Ahead>,
}

/// One horizon.
#[derive(Debug, Serialize)]
pub struct Ahead {
    /// It speaks of the minute that ends in so many minutes.
    pub minutes: u64,
    /// What is expected in it.
    #[serde(flatten)]
    pub forecast: Forecast,
    /// How wrong such forecasts have been; `None` until one could be judged.
    pub errors: Option<Errors>,
}

/// One target's limits by its provider's word.
#[derive(Debug, Serialize)]
pub struct ToldView {
    /// The provider.
    pub provider: String,
    /// Its name for the model.
    pub upstream_model: String,
    /// Of requests.
    pub requests: Option<Allowance>,
    /// Of tokens.
    pub tokens: Option<Allowance>,
    /// How long ago it was said.
    pub age_ms: Ms,
    /// The share that is used up by now.
    pub used: f32,
}

impl Control {
    /// What is to come.
    #[must_use]
    pub fn forecast_view(&self, now: Ms) -> ForecastView {
        let model = |(name, demand): (&str, &Forecaster)| ModelView {
            model: name.to_owned(),
            tokens_per_minute: demand.last_minute(),
            ahead: ahead(demand),
        };
        let told = self.observations.told(now);
        ForecastView {
            models: self.observations.demands().map(model).collect(),
            providers: self
                .observations
                .accounts()
                .map(|(name, account)| self.provider_view(name, account, now))
                .collect(),
            told: told
                .map(|((provider, model), shown, used)| told_view((provider, model), shown, used))
                .collect(),
        }
    }

    fn provider_view(&self, name: &str, account: &Account, now: Ms) -> ProviderView {
        let in_flight = self.in_flight(name, now);
        let fill = account.fill(in_flight, now);
        let told = self.observations.told(now);
        let told = told.filter(|((provider, _), ..)| provider == name);
        let told = told.map(|(_, _, used)| used).fold(0.0, f32::max);
        let free = |used: f32| f64::from((1.0 - used).max(0.0));
        let config = self.config.providers.iter().find(|p| p.name == name);
        ProviderView {
            provider: name.to_owned(),
            in_flight,
            max_in_flight: config.map_or(0, |p| p.limits.max_in_flight),
            requests_per_minute: account.limits().requests,
            tokens_per_minute: account.limits().tokens,
            headroom: free(fill.now.max(told)),
            predicted_headroom: free(fill.predicted.max(told)),
            ahead: ahead(account.demand()),
        }
    }
}

fn ahead(series: &Forecaster) -> Vec<Ahead> {
    let horizons = Horizon::ALL.into_iter().filter_map(|horizon| {
        Some(Ahead {
            minutes: horizon.minutes(),
            forecast: series.forecast(horizon)?,
            errors: series.errors(horizon),
        })
    });
    horizons.collect()
}

fn told_view((provider, model): (&str, &str), shown: Shown, used: f32) -> ToldView {
    ToldView {
        provider: provider.to_owned(),
        upstream_model: model.to_owned(),
        requests: shown.requests,
        tokens: shown.tokens,
        age_ms: shown.age_ms,
        used,
    }
}
