//! The provider model: what a replay assumes of each provider, written by hand or by default.

use std::collections::BTreeMap;

use ark_gateway_core::money::Price;
use ark_gateway_core::snapshot::Tier;
use serde::{Deserialize, Serialize};

/// A provider model file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldConfig {
    /// By the name of the provider in the policy; those without an entry have their tier's defaults.
    pub providers: BTreeMap<String, Nature>,
}

/// How one provider behaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nature {
    /// Time to the first token.
    pub ttft: Ttft,
    /// Time per output token after the first.
    pub tpot: Spread,
    /// Requests at once up to which its pace does not suffer; beyond it slows in proportion.
    #[serde(default = "unlimited")]
    pub capacity: u32,
    /// Requests at once beyond which it answers 503.
    #[serde(default = "unlimited")]
    pub max_in_flight: u32,
    /// Requests per minute beyond which it answers 429, as a bucket of one minute.
    #[serde(default)]
    pub requests_per_minute: Option<u32>,
    /// Tokens per minute, prompt and completion, beyond which it answers 429.
    #[serde(default)]
    pub tokens_per_minute: Option<u64>,
    /// Whether its 429 says when to come back.
    #[serde(default = "yes")]
    pub says_retry_after: bool,
    /// Share of requests that fail one by one, apart from outages.
    #[serde(default)]
    pub error_share: f64,
    /// Share of requests that are refused with 429 one by one, apart from limits.
    #[serde(default)]
    pub refused_share: f64,
    /// When it is down.
    #[serde(default)]
    pub outages: Outages,
    /// When it is slow.
    #[serde(default)]
    pub brown_outs: BrownOuts,
    /// What it charges, by its own name for a model, whatever the policy thinks; micro-USD per million
    /// tokens. What is not named costs what the policy says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub prices: BTreeMap<String, Price>,
}

/// A log-normal duration.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// Its median, milliseconds.
    pub median_ms: f64,
    /// Standard deviation of its logarithm.
    #[serde(default)]
    pub sigma: f64,
}

/// Time to the first token.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ttft {
    /// Its median for a short prompt, milliseconds.
    pub median_ms: f64,
    /// Standard deviation of its logarithm.
    #[serde(default)]
    pub sigma: f64,
    /// What a thousand prompt tokens add to the median, milliseconds.
    #[serde(default)]
    pub per_1k_prompt_ms: f64,
}

/// How a provider is down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Down {
    /// It answers 500.
    #[default]
    Error,
    /// It takes no connection.
    Refuse,
    /// It takes requests and never answers.
    Hang,
}

/// When a provider is down: bursts of a seeded process, and windows on top.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Outages {
    /// Share of the time that it is up, by the process.
    pub availability: f64,
    /// Mean length of the process's outages, seconds.
    pub mean_s: f64,
    /// How it is down in them.
    pub kinds: Vec<Down>,
    /// Whether an outage breaks answers that have begun.
    pub cuts_streams: bool,
    /// Outages at a given time.
    pub windows: Vec<OutageWindow>,
}

/// An outage at a given time of the simulation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutageWindow {
    /// Its start, seconds.
    pub from_s: f64,
    /// Its end, seconds.
    pub to_s: f64,
    /// How it is down.
    #[serde(default)]
    pub kind: Down,
}

/// When a provider is slow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BrownOuts {
    /// Share of the time that it is slow, by the process.
    pub share: f64,
    /// Mean length of the process's brown-outs, seconds.
    pub mean_s: f64,
    /// How many times slower it is in them.
    pub factor: f64,
    /// Brown-outs at a given time.
    pub windows: Vec<BrownOutWindow>,
}

/// A brown-out at a given time of the simulation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrownOutWindow {
    /// Its start, seconds.
    pub from_s: f64,
    /// Its end, seconds.
    pub to_s: f64,
    /// How many times slower it is at its end.
    pub factor: f64,
    /// Whether it grows from 1 to the factor (a leak) instead of being there at once.
    #[serde(default)]
    pub gradual: bool,
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a limit per minute needs no 53 bits, and the cast saturates"
)]
fn times(count: u64, rate: f64) -> u64 {
    (count as f64 * rate) as u64
}

fn unlimited() -> u32 {
    u32::MAX
}

fn yes() -> bool {
    true
}

impl Default for Outages {
    fn default() -> Self {
        Self {
            availability: 1.0,
            mean_s: 30.0,
            kinds: vec![Down::Error],
            cuts_streams: false,
            windows: Vec::new(),
        }
    }
}

impl Default for BrownOuts {
    fn default() -> Self {
        Self {
            share: 0.0,
            mean_s: 60.0,
            factor: 5.0,
            windows: Vec::new(),
        }
    }
}

impl Nature {
    /// What a tier's provider is like: the demo's fleet, with limits as vendors give to accounts of
    /// this size.
    #[must_use]
    pub fn of(tier: Tier) -> Self {
        let (ttft_ms, tpot_ms, availability, tokens_per_minute) = match tier {
            Tier::Official => (250.0, 12.0, 0.9999, 800_000),
            Tier::Azure => (300.0, 10.0, 0.9995, 600_000),
            Tier::Optimized | Tier::SelfHosted => (150.0, 5.0, 0.999, 1_000_000),
            Tier::Domestic => (400.0, 15.0, 0.998, 1_500_000),
        };
        Self {
            ttft: Ttft {
                median_ms: ttft_ms,
                sigma: 0.3,
                per_1k_prompt_ms: 10.0,
            },
            tpot: Spread {
                median_ms: tpot_ms,
                sigma: 0.15,
            },
            capacity: 256,
            max_in_flight: 1_024,
            requests_per_minute: None,
            tokens_per_minute: Some(tokens_per_minute),
            says_retry_after: true,
            error_share: 0.0,
            refused_share: 0.0,
            outages: Outages {
                availability,
                mean_s: 30.0,
                kinds: vec![Down::Error, Down::Refuse, Down::Error, Down::Hang],
                cuts_streams: false,
                windows: Vec::new(),
            },
            brown_outs: BrownOuts {
                share: 0.002,
                ..BrownOuts::default()
            },
            prices: BTreeMap::new(),
        }
    }

    /// The same provider in a world where all goes `rate` times faster: what lasts is shorter, what is
    /// allowed per minute is more. Shares, and what it takes at once, stay.
    #[must_use]
    pub fn compressed(mut self, rate: f64) -> Self {
        self.ttft.median_ms /= rate;
        self.ttft.per_1k_prompt_ms /= rate;
        self.tpot.median_ms /= rate;
        self.requests_per_minute = self.requests_per_minute.map(|n| {
            let faster = times(u64::from(n), rate);
            u32::try_from(faster).unwrap_or(u32::MAX)
        });
        self.tokens_per_minute = self.tokens_per_minute.map(|n| times(n, rate));
        self.outages.mean_s /= rate;
        for window in &mut self.outages.windows {
            window.from_s /= rate;
            window.to_s /= rate;
        }
        self.brown_outs.mean_s /= rate;
        for window in &mut self.brown_outs.windows {
            window.from_s /= rate;
            window.to_s /= rate;
        }
        self
    }

    /// What cannot be simulated, in words.
    ///
    /// # Errors
    /// The first such field.
    pub fn check(&self) -> Result<(), String> {
        let times = |x: f64| x.is_finite() && (0.0..=1e9).contains(&x);
        let checks = [
            (
                times(self.ttft.median_ms),
                "ttft.median_ms must be at least 0",
            ),
            (
                times(self.tpot.median_ms),
                "tpot.median_ms must be at least 0",
            ),
            (
                (0.0..=3.0).contains(&self.ttft.sigma),
                "ttft.sigma must be from 0 to 3",
            ),
            (
                (0.0..=3.0).contains(&self.tpot.sigma),
                "tpot.sigma must be from 0 to 3",
            ),
            (
                times(self.ttft.per_1k_prompt_ms),
                "ttft.per_1k_prompt_ms must be at least 0",
            ),
            (self.capacity > 0, "capacity must be at least 1"),
            (
                is_share(self.error_share),
                "error_share must be from 0 to 1",
            ),
            (
                is_share(self.refused_share),
                "refused_share must be from 0 to 1",
            ),
        ];
        first_bad(
            checks
                .into_iter()
                .chain(self.outages.checks())
                .chain(self.brown_outs.checks()),
        )
    }
}

impl Outages {
    fn checks(&self) -> [(bool, &'static str); 4] {
        let mut windows = self.windows.iter();
        [
            (
                self.availability > 0.0 && is_share(self.availability),
                "outages.availability must be above 0 and at most 1",
            ),
            (self.mean_s > 0.0, "outages.mean_s must be above 0"),
            (
                !self.kinds.is_empty(),
                "outages.kinds must name one at least",
            ),
            (
                windows.all(|w| is_window(w.from_s, w.to_s)),
                "outages.windows must begin before they end",
            ),
        ]
    }
}

impl BrownOuts {
    fn checks(&self) -> [(bool, &'static str); 4] {
        let mut factors = self.windows.iter().map(|w| w.factor).chain([self.factor]);
        let mut windows = self.windows.iter();
        [
            (
                (0.0..1.0).contains(&self.share),
                "brown_outs.share must be from 0 to below 1",
            ),
            (self.mean_s > 0.0, "brown_outs.mean_s must be above 0"),
            (
                factors.all(|factor| factor > 0.0 && factor.is_finite()),
                "a brown-out's factor must be above 0",
            ),
            (
                windows.all(|w| is_window(w.from_s, w.to_s)),
                "brown_outs.windows must begin before they end",
            ),
        ]
    }
}

fn is_share(x: f64) -> bool {
    (0.0..=1.0).contains(&x)
}

fn is_window(from_s: f64, to_s: f64) -> bool {
    (0.0..=1e9).contains(&from_s) && (0.0..=1e9).contains(&to_s) && from_s < to_s
}

fn first_bad(checks: impl Iterator<Item = (bool, &'static str)>) -> Result<(), String> {
    let mut bad = checks.filter(|(good, _)| !good);
    bad.next()
        .map_or(Ok(()), |(_, message)| Err(message.to_owned()))
}

/// Parses a provider model, YAML or JSON.
///
/// # Errors
/// In words.
pub fn parse(text: &str) -> Result<WorldConfig, String> {
    let options = serde_saphyr::options! { with_snippet: false };
    let world: WorldConfig =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())?;
    for (name, nature) in &world.providers {
        nature
            .check()
            .map_err(|problem| format!("providers.{name}: {problem}"))?;
    }
    Ok(world)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIERS: [Tier; 5] = [
        Tier::Official,
        Tier::Azure,
        Tier::Optimized,
        Tier::Domestic,
        Tier::SelfHosted,
    ];

    #[test]
    fn the_defaults_are_good_and_what_is_wrong_is_named() {
        for tier in TIERS {
            assert_eq!(Nature::of(tier).check(), Ok(()));
        }
        let file = |more: &str| {
            parse(&format!(
                "providers:\n  a:\n    ttft: {{median_ms: 100}}\n    tpot: {{median_ms: 5}}\n{more}"
            ))
        };
        assert!(file("").is_ok());
        assert!(parse(r#"{"providers": {}}"#).is_ok(), "JSON is YAML");
        for (more, part) in [
            (
                "    outages: {availability: 99.9}\n",
                "providers.a: outages.availability",
            ),
            (
                "    outages: {windows: [{from_s: 3, to_s: 2}]}\n",
                "outages.windows must begin",
            ),
            ("    wings: 2\n", "wings"),
            ("    brown_outs: {factor: 0}\n", "factor"),
        ] {
            let error = file(more).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_compressed_world_is_the_same_in_less_time() {
        let mut nature = Nature::of(Tier::Domestic);
        nature.outages.windows.push(OutageWindow {
            from_s: 60.0,
            to_s: 90.0,
            kind: Down::Hang,
        });
        let fast = nature.clone().compressed(10.0);
        assert_eq!(fast.check(), Ok(()));
        assert!((fast.ttft.median_ms * 10.0 - nature.ttft.median_ms).abs() < 1e-9);
        assert!((fast.outages.mean_s * 10.0 - nature.outages.mean_s).abs() < 1e-9);
        assert!((fast.outages.windows[0].to_s - 9.0).abs() < 1e-9);
        assert_eq!(fast.tokens_per_minute, Some(15_000_000));
        assert_eq!(fast.capacity, nature.capacity);
        assert_eq!(fast.outages.kinds, nature.outages.kinds);
    }
}
