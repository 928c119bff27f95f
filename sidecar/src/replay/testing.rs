//! Building blocks of the replay's tests.

use ark_gateway_core::capability::Capabilities;
use ark_gateway_core::money::{MicroUsdPerMillion, Price};
use ark_gateway_core::snapshot::Snapshot;

use super::Us;
use super::trace::Arrival;
use super::world::Nature;

/// The default priorities over providers of these names, all serving the model `m`, the first the
/// dearest: 100 %, 80 %, 60 % and so on.
pub(crate) fn snapshot(providers: &[&str]) -> Snapshot {
    let yaml = crate::testing::config_yaml(providers);
    let config = crate::config::parse(&yaml).unwrap();
    let usable = config.providers.iter().map(|p| p.name.clone()).collect();
    let today = crate::config::Date::parse("2026-01-01").unwrap();
    let mut snapshot = crate::config::compile(&config, &usable, today);
    for (n, target) in (0u64..).zip(&mut snapshot.targets) {
        target.price = Some(price(100 - 20 * n));
        target.capabilities = Capabilities::ALL;
    }
    for model in &mut snapshot.models {
        model.reference_price = Some(price(100));
        model.first_byte_timeout_ms = 10_000;
    }
    snapshot
}

pub(crate) fn price(percent: u64) -> Price {
    Price::flat(
        MicroUsdPerMillion(25_000 * percent),
        MicroUsdPerMillion(100_000 * percent),
    )
}

/// So many requests per second for so many seconds, evenly.
pub(crate) fn steady(per_s: f64, seconds: f64) -> Vec<Arrival> {
    (0..(per_s * seconds) as u64)
        .map(|n| Arrival {
            at: (n as f64 / per_s * 1e6) as Us,
            input_tokens: 500,
            output_tokens: 20,
            max_tokens: None,
            priority: None,
            model: None,
            stream: true,
        })
        .collect()
}

/// A provider that never fails and is as fast as said.
pub(crate) fn nature(ttft_ms: f64) -> Nature {
    let mut nature = Nature::of(ark_gateway_core::snapshot::Tier::Official);
    nature.ttft.median_ms = ttft_ms;
    nature.ttft.per_1k_prompt_ms = 0.0;
    nature.tpot.median_ms = 5.0;
    nature.tokens_per_minute = None;
    nature.outages.availability = 1.0;
    nature.brown_outs.share = 0.0;
    nature
}
