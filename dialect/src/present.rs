//! Whether a member of JSON says anything: all that is read of what no other dialect has a place for.

use serde::de::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Whether there is anything but null, false, zero, or an empty string, array or object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Present(pub(crate) bool);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = <&RawValue>::deserialize(deserializer)?.get();
        let within = |open, close| json.strip_prefix(open)?.strip_suffix(close);
        let inside = within('[', ']').or_else(|| within('{', '}'));
        Ok(Self(match inside {
            Some(inside) => !inside.trim_ascii().is_empty(),
            None => !matches!(json, "null" | "false" | "0" | "0.0" | "\"\""),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_is_not_there() {
        for (json, present) in [
            ("null", false),
            ("false", false),
            ("0", false),
            ("0.0", false),
            ("\"\"", false),
            ("[]", false),
            ("[ ]", false),
            ("{}", false),
            ("true", true),
            ("-1", true),
            ("1.5", true),
            ("\"a\"", true),
            ("[null]", true),
            ("{\"a\":[]}", true),
        ] {
            let read: Present = serde_json::from_str(json).unwrap();
            assert_eq!(read, Present(present), "{json}");
        }
    }
}
