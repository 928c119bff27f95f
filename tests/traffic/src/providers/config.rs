//! Which providers run: the `--config` file, and the demo's fleet.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::conditions::LatencyConfig;
use super::vendors;

/// Which API a provider speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// `/v1/chat/completions` with `authorization: Bearer KEY`.
    #[default]
    Openai,
    /// `/openai/deployments/{deployment}/chat/completions?api-version=…`, or `/openai/v1/…`, with
    /// `api-key: KEY`.
    AzureOpenai,
    /// OpenAI's chat API with the quirks of `vendor`.
    OpenaiCompatible,
    /// `/v1/messages` with `x-api-key: KEY`.
    Anthropic,
    /// `/v1beta/models/{model}:generateContent` with `x-goog-api-key: KEY`.
    Gemini,
    /// `…/publishers/google/models/{model}:generateContent` with `authorization: Bearer KEY`.
    Vertex,
    /// `/model/{model}/converse` signed with AWS Signature Version 4; the key is
    /// `ACCESS_KEY_ID:SECRET`, or `ACCESS_KEY_ID:SECRET:SESSION_TOKEN`, or a bearer token without `:`.
    Bedrock,
}

/// One scripted provider.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// Its name, as in scripts and control paths.
    pub name: String,
    /// Its TCP port; 0 for any free one.
    pub port: u16,
    /// Its API.
    #[serde(default)]
    pub kind: Kind,
    /// The row of the vendors' table that an `openai-compatible` provider follows.
    #[serde(default)]
    pub vendor: Option<String>,
    /// The credential that it expects; `None` accepts anything.
    #[serde(default)]
    pub key: Option<String>,
    /// The bearer token that it takes as well: Microsoft Entra's, for Azure.
    #[serde(default)]
    pub token: Option<String>,
    /// Whether OpenAI's and Azure's chat refuse unknown fields and broken conversations, as the real
    /// ones do. The other kinds always do.
    #[serde(default)]
    pub strict: bool,
    /// Its latency; none by default.
    #[serde(default)]
    pub latency: LatencyConfig,
    /// Share of requests that succeed, 0 to 1.
    #[serde(default = "always")]
    pub availability: f64,
    /// Mean length of a spell of failures, requests.
    #[serde(default = "spell")]
    pub spell_requests: f64,
    /// Seed of all that it draws.
    #[serde(default)]
    pub seed: u64,
    /// Models that it serves; empty: any.
    #[serde(default)]
    pub models: Vec<String>,
    /// How many received requests it keeps for inspection; 0 keeps none and costs nothing.
    #[serde(default = "seen")]
    pub seen: usize,
    /// Whether answers carry the headers that real vendors add (`openai-organization`,
    /// `x-ratelimit-*`, `set-cookie`, …).
    #[serde(default = "yes")]
    pub vendor_headers: bool,
}

/// The `--config` file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FleetConfig {
    /// The providers, each on its own port.
    pub providers: Vec<ProviderConfig>,
}

fn always() -> f64 {
    1.0
}

fn spell() -> f64 {
    8.0
}

fn seen() -> usize {
    256
}

fn yes() -> bool {
    true
}

impl ProviderConfig {
    /// A provider without latency that accepts the key `key-{name}`.
    #[must_use]
    pub fn new(name: &str, kind: Kind, port: u16) -> Self {
        Self {
            name: name.to_owned(),
            port,
            kind,
            vendor: None,
            token: None,
            strict: false,
            key: Some(format!("key-{name}")),
            latency: LatencyConfig::default(),
            availability: always(),
            spell_requests: spell(),
            seed: 0,
            models: Vec::new(),
            seen: seen(),
            vendor_headers: true,
        }
    }
}

impl FleetConfig {
    /// Reads a `--config` file's text.
    ///
    /// # Errors
    /// A sentence saying what is wrong with it.
    pub fn parse(json: &str) -> Result<Self, String> {
        let config: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let mut names = BTreeSet::new();
        for (index, provider) in config.providers.iter().enumerate() {
            let at = |problem: &str| Err(format!("providers[{index}].{problem}"));
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if provider.name.is_empty() || !provider.name.chars().all(plain) {
                return at("name: letters, digits, `-`, `_` and `.` only");
            }
            if !names.insert(&provider.name) {
                return at("name: used twice");
            }
            if !(0.0..=1.0).contains(&provider.availability) {
                return at("availability: from 0 to 1");
            }
            if provider.seen > 65_536 {
                return at("seen: at most 65536");
            }
            if (provider.kind == Kind::OpenaiCompatible) != provider.vendor.is_some() {
                return at("vendor: goes with kind `openai-compatible`, and must");
            }
            if provider
                .vendor
                .as_deref()
                .is_some_and(|v| vendors::find(v).is_none())
            {
                return at("vendor: not in the table");
            }
        }
        Ok(config)
    }

    /// The demo's fleet: a vendor's own API, the same models in Azure, an optimised node and a
    /// domestic model, on successive ports.
    ///
    /// # Errors
    /// When the ports run past 65535.
    pub fn demo(port_base: u16, seed: u64) -> Result<Self, String> {
        let fleet: [(&str, Kind, f64, f64, f64); 4] = [
            ("official", Kind::Openai, 250.0, 12.0, 0.9999),
            ("azure", Kind::AzureOpenai, 300.0, 10.0, 0.9995),
            ("optimized", Kind::Openai, 150.0, 5.0, 0.999),
            ("domestic", Kind::Openai, 400.0, 15.0, 0.998),
        ];
        let mut providers = Vec::new();
        for (offset, (name, kind, ttft_ms, tpot_ms, availability)) in (0..).zip(fleet) {
            let port = port_base
                .checked_add(offset)
                .ok_or_else(|| format!("--port-base {port_base}: no room for four ports"))?;
            providers.push(ProviderConfig {
                latency: LatencyConfig {
                    ttft_ms,
                    tpot_ms,
                    sigma: 0.3,
                },
                availability,
                seed: seed.wrapping_add(u64::from(offset)),
                ..ProviderConfig::new(name, kind, if port_base == 0 { 0 } else { port })
            });
        }
        Ok(Self { providers })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_file_is_enough() {
        let config = FleetConfig::parse(
            r#"{"providers": [{"name": "a", "port": 0, "kind": "azure-openai", "key": "k"}]}"#,
        )
        .unwrap();
        assert_eq!(
            config.providers,
            [ProviderConfig {
                key: Some("k".to_owned()),
                ..ProviderConfig::new("a", Kind::AzureOpenai, 0)
            }]
        );
    }

    #[test]
    fn mistakes_are_named() {
        for (json, problem) in [
            (r#"{"providers": [{"name": "a"}]}"#, "missing field `port`"),
            (
                r#"{"providers": [{"name": "a", "port": 1, "x": 1}]}"#,
                "unknown field `x`",
            ),
            (
                r#"{"providers": [{"name": "a", "port": 1}, {"name": "a", "port": 2}]}"#,
                "providers[1].name: used twice",
            ),
            (
                r#"{"providers": [{"name": "a,b", "port": 1}]}"#,
                "providers[0].name",
            ),
            (
                r#"{"providers": [{"name": "a", "port": 1, "kind": "openai-compatible"}]}"#,
                "providers[0].vendor",
            ),
            (
                r#"{"providers": [{"name": "a", "port": 1, "kind": "openai-compatible", "vendor": "x"}]}"#,
                "providers[0].vendor: not in the table",
            ),
            (
                r#"{"providers": [{"name": "a", "port": 1, "availability": 99.9}]}"#,
                "providers[0].availability",
            ),
        ] {
            let error = FleetConfig::parse(json).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn the_demo_has_four_ports_and_four_keys() {
        let demo = FleetConfig::demo(9101, 1).unwrap();
        let ports: Vec<u16> = demo.providers.iter().map(|p| p.port).collect();
        assert_eq!(ports, [9101, 9102, 9103, 9104]);
        let keys: BTreeSet<_> = demo.providers.iter().map(|p| p.key.clone()).collect();
        assert_eq!(keys.len(), 4);
        assert!(FleetConfig::demo(65_534, 1).is_err());
    }
}
