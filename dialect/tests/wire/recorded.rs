//! The gate and the errors against exchanges recorded with the OpenAI API.

use ark_dialect::gate::{FirstEvent, GateVerdict};
use ark_dialect::provider_error::ProviderError;
use serde_json::Value;

use crate::cassette::recorded;

#[test]
fn streams() {
    for name in ["chat-streaming", "completion-streaming"] {
        let Some([_, answered]) = recorded(name) else {
            continue;
        };
        assert_eq!(
            FirstEvent::new().push(answered.as_bytes()),
            GateVerdict::Pass
        );
    }
}

#[test]
fn refusals() {
    for (name, code) in [
        ("chat-bad-request", None),
        ("chat-unknown-model", Some("model_not_found")),
    ] {
        let Some([_, answered]) = recorded(name) else {
            continue;
        };
        let error = ProviderError::read(answered.as_bytes());
        assert!(error.class.is_clients_fault(), "{name}: {:?}", error.class);
        assert!(code.is_none() || error.code.as_deref() == code);
        let shown: Value = serde_json::from_slice(&error.body()).unwrap();
        assert_eq!(
            shown,
            serde_json::from_str::<Value>(&answered).unwrap(),
            "{name}"
        );
    }
}
