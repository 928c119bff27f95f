//! Gauges of what is to come, for people and for autoscalers.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::labels::ProviderLabels;
use crate::control::ForecastView;

type Number = Gauge<f64, AtomicU64>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ModelLabels {
    model: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ModelAheadLabels {
    model: String,
    minutes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProviderAheadLabels {
    provider: String,
    minutes: u64,
}

/// What is to come, as it was when it was last shown.
#[derive(Default)]
pub struct Forecasts {
    demand: Family<ModelLabels, Number>,
    expected: Family<ModelAheadLabels, Number>,
    upper: Family<ModelAheadLabels, Number>,
    mape: Family<ModelAheadLabels, Number>,
    wape: Family<ModelAheadLabels, Number>,
    pinball: Family<ModelAheadLabels, Number>,
    in_flight: Family<ProviderLabels, Gauge>,
    in_flight_limit: Family<ProviderLabels, Gauge>,
    headroom: Family<ProviderLabels, Number>,
    predicted_headroom: Family<ProviderLabels, Number>,
    sent: Family<ProviderAheadLabels, Number>,
}

impl Forecasts {
    /// Adds them to a registry.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "demand_tokens_per_minute",
            "Tokens that were asked of a model in the last whole minute",
            self.demand.clone(),
        );
        registry.register(
            "forecast_tokens_per_minute",
            "Tokens that will be asked of a model in the minute that ends in so many minutes",
            self.expected.clone(),
        );
        registry.register(
            "forecast_upper_tokens_per_minute",
            "What nine of ten such minutes stay below",
            self.upper.clone(),
        );
        registry.register(
            "forecast_mape_ratio",
            "Mean absolute error of the forecast over the actual demand, minutes without any left out",
            self.mape.clone(),
        );
        registry.register(
            "forecast_wape_ratio",
            "Sum of the forecast's absolute errors over the sum of the actual demand",
            self.wape.clone(),
        );
        registry.register(
            "forecast_pinball_tokens",
            "Mean pinball loss of the upper bound at 0.9",
            self.pinball.clone(),
        );
        self.register_providers(registry);
    }

    fn register_providers(&self, registry: &mut Registry) {
        registry.register(
            "provider_in_flight",
            "Requests in flight at a provider",
            self.in_flight.clone(),
        );
        registry.register(
            "provider_in_flight_limit",
            "Requests in flight that a provider takes, by ark.yaml",
            self.in_flight_limit.clone(),
        );
        registry.register(
            "provider_headroom_ratio",
            "Share of a provider's rate limits that is free",
            self.headroom.clone(),
        );
        registry.register(
            "provider_predicted_headroom_ratio",
            "Share of a provider's rate limits that is free when the next minute has gone as expected",
            self.predicted_headroom.clone(),
        );
        registry.register(
            "provider_forecast_tokens_per_minute",
            "Tokens that will be sent to a provider in the minute that ends in so many minutes",
            self.sent.clone(),
        );
    }

    /// Takes in what is to come; what is not in it is forgotten.
    pub fn show(&self, view: &ForecastView) {
        self.demand.clear();
        for family in [
            &self.expected,
            &self.upper,
            &self.mape,
            &self.wape,
            &self.pinball,
        ] {
            family.clear();
        }
        for shown in &view.models {
            let model = shown.model.clone();
            let labels = ModelLabels { model };
            let demand = self.demand.get_or_create(&labels);
            demand.set(shown.tokens_per_minute);
            for ahead in &shown.ahead {
                let labels = ModelAheadLabels {
                    model: shown.model.clone(),
                    minutes: ahead.minutes,
                };
                let set = |family: &Family<ModelAheadLabels, Number>, value| {
                    family.get_or_create(&labels).set(value);
                };
                set(&self.expected, ahead.forecast.tokens_per_minute);
                set(&self.upper, ahead.forecast.upper_tokens_per_minute);
                if let Some(errors) = &ahead.errors {
                    set(&self.mape, errors.mape);
                    set(&self.wape, errors.wape);
                    set(&self.pinball, errors.pinball_tokens);
                }
            }
        }
        self.show_providers(view);
    }

    fn show_providers(&self, view: &ForecastView) {
        self.in_flight.clear();
        self.in_flight_limit.clear();
        self.headroom.clear();
        self.predicted_headroom.clear();
        self.sent.clear();
        for shown in &view.providers {
            let provider = shown.provider.clone();
            let labels = ProviderLabels { provider };
            let in_flight = i64::try_from(shown.in_flight).unwrap_or(i64::MAX);
            self.in_flight.get_or_create(&labels).set(in_flight);
            let limit = self.in_flight_limit.get_or_create(&labels);
            limit.set(i64::from(shown.max_in_flight));
            drop(limit);
            self.headroom.get_or_create(&labels).set(shown.headroom);
            let predicted = self.predicted_headroom.get_or_create(&labels);
            predicted.set(shown.predicted_headroom);
            drop(predicted);
            for ahead in &shown.ahead {
                let labels = ProviderAheadLabels {
                    provider: shown.provider.clone(),
                    minutes: ahead.minutes,
                };
                let sent = self.sent.get_or_create(&labels);
                sent.set(ahead.forecast.tokens_per_minute);
            }
        }
    }
}
