//! A configuration for the real providers whose keys are in the environment.

use std::fmt::Write;

/// What the environment says of real providers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RealKeys {
    openai: bool,
    azure: Option<Azure>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Azure {
    endpoint: String,
    deployment: Option<String>,
}

/// Name, and list price in USD per million input and output tokens, since when.
const MODELS: [(&str, &str, &str, &str); 3] = [
    ("gpt-4o-mini", "0.15", "0.60", "2024-07-18"),
    ("gpt-4o", "2.50", "10.00", "2024-10-02"),
    ("text-embedding-3-small", "0.02", "0.00", "2024-01-25"),
];

const HEAD: &str = "\
# Written by `cargo xtask up` at each start, from the keys in its environment: copy it to keep changes.
version: 1
providers:
";

const OPENAI: &str = "  - name: openai
    kind: openai
    endpoint: https://api.openai.com/v1
    tier: official
    credential: {env: OPENAI_API_KEY}
";

/// The key `ark-demo`: the gateway listens on 127.0.0.1 only.
const TENANTS: &str = "tenants:
  - name: local
    keys:
      - id: local
        sha256: 26e9446d67a12a8fe707951cf97f3eec88b116e19dafd9fdfc24bbe4e8d45e17
        models: [\"*\"]
        priorities: [critical, standard, batch]
        may_pin: true
";

impl RealKeys {
    /// Asks for `OPENAI_API_KEY`, `AZURE_OPENAI_API_KEY` with `AZURE_OPENAI_ENDPOINT`, and the
    /// optional `AZURE_OPENAI_DEPLOYMENT` (for `gpt-4o-mini`).
    pub(super) fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name| variable(name).filter(|value| !value.trim().is_empty());
        let endpoint = set("AZURE_OPENAI_API_KEY").and_then(|_| set("AZURE_OPENAI_ENDPOINT"));
        Self {
            openai: set("OPENAI_API_KEY").is_some(),
            azure: endpoint.map(|endpoint| Azure {
                endpoint: endpoint.trim().trim_end_matches('/').to_owned(),
                deployment: set("AZURE_OPENAI_DEPLOYMENT"),
            }),
        }
    }

    /// The variables that are set, for a line of explanation; `None` when there are none.
    pub(super) fn names(&self) -> Option<&'static str> {
        match (self.openai, &self.azure) {
            (true, Some(_)) => Some("OPENAI_API_KEY and AZURE_OPENAI_API_KEY"),
            (true, None) => Some("OPENAI_API_KEY"),
            (false, Some(_)) => Some("AZURE_OPENAI_API_KEY"),
            (false, None) => None,
        }
    }

    /// The configuration. Holds the names of the variables, never a key.
    pub(super) fn config(&self) -> String {
        let mut text = HEAD.to_owned();
        if self.openai {
            text.push_str(OPENAI);
        }
        if let Some(azure) = &self.azure {
            let endpoint = quote(&azure.endpoint);
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "  - name: azure\n    kind: azure-openai\n    endpoint: {endpoint}\n    \
                 api_version: \"2024-10-21\"\n    tier: azure\n    \
                 credential: {{env: AZURE_OPENAI_API_KEY}}\n"
            );
        }
        text.push_str("models:\n");
        for model in MODELS {
            self.model(&mut text, model);
        }
        text.push_str(TENANTS);
        text
    }

    fn model(&self, text: &mut String, (name, input, output, since): (&str, &str, &str, &str)) {
        let price = format!(
            "        price: {{currency: USD, input_per_million: {input}, \
             output_per_million: {output}, valid_from: {since}}}\n"
        );
        let _ = write!(text, "  - name: {name}\n    targets:\n");
        if self.openai {
            let _ = write!(text, "      - provider: openai\n{price}");
        }
        if let Some(azure) = &self.azure {
            let _ = writeln!(text, "      - provider: azure");
            let deployment = azure.deployment.as_deref();
            if let Some(deployment) = deployment.filter(|_| name == "gpt-4o-mini") {
                let _ = writeln!(text, "        model: {}", quote(deployment));
            }
            text.push_str(&price);
        }
    }
}

/// A YAML scalar in double quotes; JSON's strings are YAML's too.
fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(set: &[(&str, &str)]) -> RealKeys {
        RealKeys::read(|name| {
            let found = set.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    const AZURE: (&str, &str) = ("AZURE_OPENAI_API_KEY", "s3cret");
    const ENDPOINT: (&str, &str) = ("AZURE_OPENAI_ENDPOINT", "https://me.example/");

    #[test]
    fn only_complete_keys_count() {
        let check = |set: &[(&str, &str)], names: Option<&str>| {
            assert_eq!(keys(set).names(), names, "{set:?}");
        };
        let openai = ("OPENAI_API_KEY", "x");
        check(&[], None);
        check(&[("OPENAI_API_KEY", " ")], None);
        check(&[openai], Some("OPENAI_API_KEY"));
        check(&[AZURE], None);
        check(&[AZURE, ENDPOINT], Some("AZURE_OPENAI_API_KEY"));
        check(
            &[openai, AZURE, ENDPOINT],
            Some("OPENAI_API_KEY and AZURE_OPENAI_API_KEY"),
        );
    }

    #[test]
    fn the_configuration_names_variables_and_never_holds_a_key() {
        let text = keys(&[AZURE, ENDPOINT, ("AZURE_OPENAI_DEPLOYMENT", "mini")]).config();
        assert!(
            text.contains("endpoint: \"https://me.example\"\n"),
            "{text}"
        );
        assert!(
            text.contains("provider: azure\n        model: \"mini\"\n"),
            "{text}"
        );
        assert!(
            !text.contains("s3cret") && !text.contains("provider: openai"),
            "{text}"
        );
    }
}
