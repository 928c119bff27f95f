//! What a model's name says of what it takes.

/// A generation of Gemini models, such as 2.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Generation {
    major: u32,
    minor: u32,
}

/// A size of Gemini models: each has its own range of thinking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    Pro,
    Flash,
    Lite,
    Other,
}

impl Generation {
    /// The first that thinks, and fetches URLs.
    pub(super) const V2_5: Self = Self { major: 2, minor: 5 };
    /// The first with thinking levels, media in function responses, structured output beside
    /// functions, and function calls that must be signed.
    pub(super) const V3: Self = Self { major: 3, minor: 0 };

    /// Reads `gemini-2.5-flash-lite`; `gemini-flash-latest` is of the third. Other names, such as
    /// those of tuned models, count as 2.5, whose forms the third takes too.
    pub(super) fn of(model: &str) -> Self {
        let Some((_, version)) = model.split_once("gemini-") else {
            return Self::V2_5;
        };
        let number = |text: &str| -> Option<u32> {
            let end = text
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(text.len());
            text.get(..end)?.parse().ok()
        };
        match number(version) {
            Some(major) => {
                let rest = version.trim_start_matches(|c: char| c.is_ascii_digit());
                let minor = rest.strip_prefix('.').and_then(number);
                Self {
                    major,
                    minor: minor.unwrap_or_default(),
                }
            }
            None if version.ends_with("latest") => Self::V3,
            None => Self::V2_5,
        }
    }
}

impl Size {
    pub(super) fn of(model: &str) -> Self {
        if model.contains("lite") {
            Self::Lite
        } else if model.contains("flash") {
            Self::Flash
        } else if model.contains("-pro") {
            Self::Pro
        } else {
            Self::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_the_generation_and_the_size() {
        let v = |major, minor| Generation { major, minor };
        for (model, generation, size) in [
            ("gemini-1.5-pro-002", v(1, 5), Size::Pro),
            ("gemini-2.0-flash", v(2, 0), Size::Flash),
            ("models/gemini-2.5-flash-lite", v(2, 5), Size::Lite),
            ("gemini-3-pro-preview", v(3, 0), Size::Pro),
            ("gemini-3.1-pro-preview", v(3, 1), Size::Pro),
            ("gemini-10-flash", v(10, 0), Size::Flash),
            ("gemini-flash-latest", v(3, 0), Size::Flash),
            ("gemini-robotics-er", v(2, 5), Size::Other),
            ("4711", v(2, 5), Size::Other),
            ("gemini-99999999999", v(2, 5), Size::Other),
        ] {
            assert_eq!(Generation::of(model), generation, "{model}");
            assert_eq!(Size::of(model), size, "{model}");
        }
        assert!(Generation::V2_5 < Generation::V3 && v(3, 1) > Generation::V3);
    }
}
