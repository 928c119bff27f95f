//! Why something could not be written or read.

use std::fmt::{self, Display};

use serde::{de, ser};

/// What is wrong. It names a field or type where there is one, and quotes nothing of the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The bytes end too early.
    Short,
    /// There are bytes behind the value.
    Excess,
    /// A number is too large, a flag is neither yes nor no, a text is not UTF-8.
    Invalid,
    /// This struct or enum has a field or variant on the other side that it has not here.
    Unknown(&'static str),
    /// The other side does not send this field.
    Missing(&'static str),
    /// The form has no place for it.
    Unsupported,
    /// The type refuses the value.
    Refused,
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, name) = match self {
            Self::Short => ("it ends too early", ""),
            Self::Excess => ("something follows it", ""),
            Self::Invalid => ("it is malformed", ""),
            Self::Unknown(name) => ("another version wrote it: there is more in ", *name),
            Self::Missing(name) => ("another version wrote it: it lacks ", *name),
            Self::Unsupported => ("it cannot be said", ""),
            Self::Refused => ("a value is out of its range", ""),
        };
        f.write_str(what)?;
        f.write_str(name)
    }
}

impl std::error::Error for Error {}

impl ser::Error for Error {
    fn custom<T: Display>(_: T) -> Self {
        Self::Refused
    }
}

// Each default would write a sentence, and bring the code for it into the module.
impl de::Error for Error {
    fn custom<T: Display>(_: T) -> Self {
        Self::Refused
    }

    fn invalid_type(_: de::Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self::Invalid
    }

    fn invalid_value(_: de::Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self::Refused
    }

    fn invalid_length(_: usize, _: &dyn de::Expected) -> Self {
        Self::Invalid
    }

    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        Self::Invalid
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self::Invalid
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }

    fn duplicate_field(_: &'static str) -> Self {
        Self::Invalid
    }
}
