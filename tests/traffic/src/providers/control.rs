//! Faults switched on and off at run time.

use serde::{Deserialize, Deserializer, Serialize};

use super::script::{Instead, Script};

/// What a provider has been told to do, beyond its configuration.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Control {
    /// Multiplies the drawn latency.
    pub latency_factor: f64,
    /// Answer with this status.
    pub status: Option<u16>,
    /// Never answer.
    pub hang: bool,
    /// Behaviours as in a request's script, without a provider's name.
    pub script: Option<String>,
    /// Share of requests that `status`, `hang` and `script` hit.
    pub share: f64,
    /// No listener, no connections.
    pub down: bool,
    #[serde(skip)]
    parsed: Script,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            latency_factor: 1.0,
            status: None,
            hang: false,
            script: None,
            share: 1.0,
            down: false,
            parsed: Script::default(),
        }
    }
}

/// A change: absent fields stay, `null` clears.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Change {
    /// Everything back to normal first.
    reset: bool,
    latency_factor: Option<f64>,
    #[serde(deserialize_with = "present")]
    status: Option<Option<u16>>,
    hang: Option<bool>,
    #[serde(deserialize_with = "present")]
    script: Option<Option<String>>,
    share: Option<f64>,
    down: Option<bool>,
}

/// Tells `null` from absent.
fn present<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

impl Control {
    /// This control after the change in `json`.
    ///
    /// # Errors
    /// A sentence saying what is wrong with the change; nothing changes then.
    pub fn changed(&self, json: &[u8]) -> Result<Self, String> {
        let change: Change = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let mut next = if change.reset {
            Self::default()
        } else {
            self.clone()
        };
        if let Some(factor) = change.latency_factor {
            if !(0.0..=10_000.0).contains(&factor) {
                return Err("latency_factor: from 0 to 10000".to_owned());
            }
            next.latency_factor = factor;
        }
        if let Some(share) = change.share {
            if !(0.0..=1.0).contains(&share) {
                return Err("share: from 0 to 1".to_owned());
            }
            next.share = share;
        }
        if let Some(status) = change.status {
            if status.is_some_and(|status| !(200..=599).contains(&status)) {
                return Err("status: from 200 to 599, or null".to_owned());
            }
            next.status = status;
        }
        if let Some(script) = change.script {
            let behaviours = script.as_deref().unwrap_or("ok");
            next.parsed = Script::parse(behaviours).map_err(|error| format!("script: {error}"))?;
            if script.is_none() {
                next.parsed = Script::default();
            }
            next.script = script;
        }
        next.hang = change.hang.unwrap_or(next.hang);
        next.down = change.down.unwrap_or(next.down);
        Ok(next)
    }

    /// Whether some requests are to fail.
    pub(super) fn has_fault(&self) -> bool {
        self.status.is_some() || self.hang || self.script.is_some()
    }

    /// The fault as a script.
    pub(super) fn fault(&self) -> Script {
        let mut script = self.parsed.clone();
        if let Some(status) = self.status {
            script.instead = Some(Instead::Status(status));
        }
        if self.hang {
            script.instead = Some(Instead::Hang);
        }
        script
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_stays_and_null_clears() {
        let control = Control::default()
            .changed(br#"{"status": 503, "latency_factor": 10, "share": 0.3}"#)
            .unwrap();
        assert_eq!(control.fault().instead, Some(Instead::Status(503)));
        let next = control.changed(br#"{"status": null}"#).unwrap();
        assert!(!next.has_fault());
        assert_eq!((next.latency_factor, next.share), (10.0, 0.3));
        assert_eq!(
            next.changed(br#"{"reset": true}"#).unwrap(),
            Control::default()
        );
    }

    #[test]
    fn a_script_is_a_fault_until_cleared() {
        let control = Control::default()
            .changed(br#"{"script": "cut:3"}"#)
            .unwrap();
        assert_eq!(control.fault(), Script::parse("cut:3").unwrap());
        let cleared = control.changed(br#"{"script": null}"#).unwrap();
        assert_eq!(cleared, Control::default());
    }

    #[test]
    fn nonsense_is_refused() {
        for json in [
            r#"{"latency": 1}"#,
            r#"{"share": 2}"#,
            r#"{"status": 42}"#,
            r#"{"script": "explode"}"#,
            r#"{"latency_factor": -1}"#,
            "[",
        ] {
            assert!(
                Control::default().changed(json.as_bytes()).is_err(),
                "{json}"
            );
        }
    }
}
