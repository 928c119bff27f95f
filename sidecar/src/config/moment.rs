//! Moments as RFC 3339 writes them.

use jiff::Timestamp;

/// Reads `2026-01-31T02:00:00Z`; an offset `+02:00` may stand for the `Z`. Seconds since the Unix epoch;
/// `None` for anything else, for parts of a second, and for moments before it.
#[must_use]
pub(super) fn parse(text: &str) -> Option<u64> {
    let moment: Timestamp = text.parse().ok()?;
    let is_whole = moment.subsec_nanosecond() == 0;
    u64::try_from(moment.as_second()).ok().filter(|_| is_whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_one_whatever_its_offset() {
        for (text, unix_s) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2024-02-29T12:30:05Z", Some(1_709_209_805)),
            ("2024-02-29T14:30:05+02:00", Some(1_709_209_805)),
            ("2024-02-29 07:00:05-05:30", Some(1_709_209_805)),
            ("1970-01-01T00:00:00+01:00", None),
            ("2024-02-30T00:00:00Z", None),
            ("2024-02-29T24:00:00Z", None),
            ("2024-02-29T12:30Z", Some(1_709_209_800)),
            ("2024-02-29T12:30:05", None),
            ("2024-02-29", None),
            ("2024-02-29T1:30:05Z", None),
            ("2024-02-29T12:30:05.5Z", None),
            ("é024-02-29T12:30:05Zé", None),
        ] {
            assert_eq!(parse(text), unix_s, "{text}");
        }
    }
}
