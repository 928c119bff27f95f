//! What a request that is explained may, by its key and the rules of `access`.

use std::net::IpAddr;

use ark_gateway_core::access::{ENDPOINTS, Head};
use ark_gateway_core::basis::Basis;
use ark_gateway_core::compliance::Requirement;
use ark_gateway_core::explain::{Rights, rights};
use ark_gateway_core::policy::Policy;
use ark_gateway_core::record::Endpoint;
use ark_gateway_core::snapshot::ModelId;
use serde::Deserialize;

use crate::serve::shared;

/// What the head of a request says that is explained, as far as rules ask for it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AskedHead {
    /// The endpoint, by its name in rules; `None`: chat completions.
    endpoint: Option<String>,
    /// The address that it comes from; `None`: not known, which no rule allows that names networks.
    source: Option<IpAddr>,
    /// Its `x-ark-require`.
    require: Option<String>,
}

impl AskedHead {
    /// Of a request to `endpoint` from `source` that requires this.
    #[must_use]
    pub fn new(endpoint: Option<String>, source: Option<IpAddr>, require: Option<String>) -> Self {
        Self {
            endpoint,
            source,
            require,
        }
    }
}

/// The rights of the caller of `basis` now. Without a key only the header requires something.
///
/// # Errors
/// An unknown endpoint, or a header that cannot be read, in words.
pub fn rights_of(
    policy: &Policy,
    basis: &Basis,
    (model, asked): (ModelId, &AskedHead),
) -> Result<Rights, String> {
    let named = |name: &String| {
        let known = ENDPOINTS.iter().find(|(known, _)| known == name);
        let names = || ENDPOINTS.map(|(name, _)| name).join(", ");
        known.map(|(_, endpoint)| *endpoint).ok_or_else(|| {
            let names = names();
            format!("there is no endpoint {name:?}; there are {names}")
        })
    };
    let endpoint = asked.endpoint.as_ref().map(named).transpose()?;
    let required = match &asked.require {
        None => Requirement::default(),
        Some(header) => {
            let vocabulary = &policy.snapshot().compliance;
            let read = vocabulary.read(header);
            read.map_err(|bad| bad.message().to_owned())?
        }
    };
    let head = Head {
        endpoint: Some(endpoint.unwrap_or(Endpoint::ChatCompletions)),
        priority: basis.priority,
        now_s: shared::unix_ms() / 1_000,
        source: asked.source,
    };
    let own = basis
        .caller
        .key
        .map(|key| rights(policy, key, (model, &head)));
    let own = own.unwrap_or_default();
    Ok(Rights {
        requires: own.requires.and(required),
        access: own.access,
    })
}

#[cfg(test)]
mod tests {
    use ark_gateway_core::decide::Caller;

    use super::*;

    fn policy() -> Policy {
        let rule = "{name: from-home, effect: allow, what: {providers: [a]}, when: {networks: [10.0.0.0/8]}}";
        let yaml = crate::testing::config_yaml(&["a", "b"]);
        let config = crate::config::parse(&format!("{yaml}access:\n  - {rule}\n")).unwrap();
        let usable = config.providers.iter().map(|p| p.name.clone()).collect();
        let today = crate::config::Date::parse("2026-01-01").unwrap();
        Policy::new(crate::config::compile(&config, &usable, today)).unwrap()
    }

    #[test]
    fn a_request_is_explained_by_the_rules_that_its_head_meets() {
        let policy = policy();
        let (key, _) = policy.key_named("demo").unwrap();
        let mut basis = Basis {
            caller: Caller {
                key: Some(key),
                unit: None,
            },
            ..Basis::default()
        };
        let ask = |basis: &Basis, endpoint: Option<&str>, source: Option<&str>| {
            let source = source.map(|source| source.parse().unwrap());
            let head = AskedHead::new(endpoint.map(str::to_owned), source, None);
            rights_of(&policy, basis, (ModelId(0), &head))
        };
        let home = ask(&basis, None, Some("10.1.2.3")).unwrap();
        let access = home.access.unwrap();
        assert_eq!((access.rule.as_str(), access.allowed), ("from-home", true));
        assert_eq!(access.taken.get("b").map(String::as_str), Some("from-home"));
        assert!(home.requires.providers.is_some());
        let unknown = ask(&basis, None, None).unwrap().access.unwrap();
        assert_eq!((unknown.rule.as_str(), unknown.allowed), ("default", false));
        let error = ask(&basis, Some("chat"), None).unwrap_err();
        assert!(error.contains("chat_completions"), "{error}");
        basis.caller.key = None;
        assert_eq!(ask(&basis, None, None).unwrap(), Rights::default());
    }
}
