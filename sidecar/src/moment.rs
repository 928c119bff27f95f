//! Moments as the world writes them: RFC 3339, dates, and seconds or milliseconds since 1970.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::TimeZone;

/// Milliseconds since the Unix epoch.
pub type UnixMs = i64;

static PARSER: DateTimeParser = DateTimeParser::new();

/// Reads `2026-11-23`, `2026-11-23T12:38:03.5Z`, an offset such as `+01:00` in place of the `Z`, a blank
/// in place of the `T`; without an offset, or with ` UTC`, it is UTC. Nothing before 1970.
#[must_use]
pub fn parse(text: &[u8]) -> Option<UnixMs> {
    let text = text.strip_suffix(b" UTC").unwrap_or(text);
    let moment = PARSER.parse_timestamp(text).or_else(|_| {
        let local = PARSER.parse_datetime(text)?;
        TimeZone::UTC.to_timestamp(local)
    });
    let at = moment.ok()?.as_millisecond();
    (at >= 0).then_some(at)
}

/// Reads what [`parse`] reads, or a number: of seconds, milliseconds, microseconds or nanoseconds since
/// 1970, told apart by its size, fractions allowed.
#[must_use]
pub fn parse_any(text: &[u8]) -> Option<UnixMs> {
    if text.get(4) == Some(&b'-') {
        return parse(text);
    }
    let (whole, part) = match memchr::memchr(b'.', text) {
        Some(dot) => (text.get(..dot)?, text.get(dot + 1..)?),
        None => (text, &b""[..]),
    };
    let number = digits(whole)?;
    match number {
        0..100_000_000_000 => Some(number * 1_000 + thousandths(part)?),
        100_000_000_000..100_000_000_000_000 => Some(number),
        100_000_000_000_000..100_000_000_000_000_000 => Some(number / 1_000),
        _ => Some(number / 1_000_000),
    }
}

/// Writes a moment as `2026-11-23T12:38:03Z`, with milliseconds when there are some.
#[must_use]
pub fn format(at: UnixMs) -> String {
    let moment = timestamp(at);
    match at.rem_euclid(1_000) {
        0 => format!("{moment:.0}"),
        _ => format!("{moment:.3}"),
    }
}

/// The first moment of the month of `at`, and of the month after.
#[must_use]
pub fn month_of(at: UnixMs) -> (UnixMs, UnixMs) {
    let day = TimeZone::UTC.to_datetime(timestamp(at)).date();
    let of = |date: Date| {
        let midnight = TimeZone::UTC.to_timestamp(date.to_datetime(Time::midnight()));
        midnight.map_or(UnixMs::MAX, Timestamp::as_millisecond)
    };
    let next = day.last_of_month().tomorrow();
    (of(day.first_of_month()), next.map_or(UnixMs::MAX, of))
}

/// The moment, or the last that the calendar has.
fn timestamp(at: UnixMs) -> Timestamp {
    Timestamp::from_millisecond(at).unwrap_or(Timestamp::MAX)
}

fn digits(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 19 {
        return None;
    }
    text.iter().try_fold(0i64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| i64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// Milliseconds of the digits after a dot.
fn thousandths(part: &[u8]) -> Option<i64> {
    let kept = part.get(..part.len().min(3)).unwrap_or_default();
    if kept.is_empty() {
        return Some(0);
    }
    let scale = [100, 10, 1].get(kept.len() - 1)?;
    Some(digits(kept)? * scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn moments_are_read_as_they_are_written() {
        for (text, at) in [
            ("1970-01-01", Some(0)),
            ("2000-03-01T00:00:00Z", Some(951_868_800_000)),
            ("2024-02-29 12:00:00.5", Some(1_709_208_000_500)),
            ("2024-02-29T13:00:00+01:00", Some(1_709_208_000_000)),
            ("2024-02-29T12:00:00.123456Z", Some(1_709_208_000_123)),
            ("2024-02-29 12:00:00 UTC", Some(1_709_208_000_000)),
            ("2023-02-29", None),
            ("2024-13-01", None),
            ("2024-01-01T24:00:00", None),
            ("2024-01-01T00:00:00.Z", None),
            ("2024-01-01T00:00", Some(1_704_067_200_000)),
            ("24-01-01", None),
            ("", None),
        ] {
            assert_eq!(parse(text.as_bytes()), at, "{text}");
        }
        for text in [
            "1709208000",
            "1709208000.0",
            "1709208000000",
            "1709208000000000",
            "1709208000000000000",
            "2024-02-29T12:00:00Z",
        ] {
            assert_eq!(
                parse_any(text.as_bytes()),
                Some(1_709_208_000_000),
                "{text}"
            );
        }
        assert_eq!(parse_any(b"1709208000.25"), Some(1_709_208_000_250));
        assert_eq!(parse_any(b"soon"), None);
    }

    #[test]
    fn a_month_has_a_beginning_and_an_end() {
        let (from, to) = month_of(parse(b"2026-12-31T23:59:59Z").unwrap());
        assert_eq!(format(from), "2026-12-01T00:00:00Z");
        assert_eq!(format(to), "2027-01-01T00:00:00Z");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(at in 0i64..253_402_300_799_999) {
            prop_assert_eq!(parse(format(at).as_bytes()), Some(at));
        }

        #[test]
        fn nothing_panics(text in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = parse_any(&text);
        }
    }
}
