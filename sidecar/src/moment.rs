//! Moments as the world writes them: RFC 3339, dates, and seconds or milliseconds since 1970.

/// Milliseconds since the Unix epoch.
pub type UnixMs = i64;

const DAY_MS: i64 = 86_400_000;

/// Reads `2026-11-23`, `2026-11-23T12:38:03.5Z`, an offset such as `+01:00` in place of the `Z`, a blank
/// in place of the `T`; without an offset it is UTC.
#[must_use]
pub fn parse(text: &[u8]) -> Option<UnixMs> {
    let number = |from: usize, to: usize| digits(text.get(from..to)?);
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let dashes = text.get(4) == Some(&b'-') && text.get(7) == Some(&b'-');
    let in_range = (1970..=9999).contains(&year) && (1..=12).contains(&month) && day >= 1;
    if !dashes || !in_range || day > days_in(year, month) {
        return None;
    }
    let date = days(year, month, day) * DAY_MS;
    if text.len() == 10 {
        return Some(date);
    }
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let marks = matches!(text.get(10), Some(b'T' | b't' | b' '))
        && text.get(13) == Some(&b':')
        && text.get(16) == Some(&b':');
    if !marks || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (millis, offset) = fraction(text.get(19..)?)?;
    let shift = zone_minutes(offset)?;
    let minutes = hour * 60 + minute - shift;
    Some(date + minutes * 60_000 + second * 1_000 + millis)
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
    let (day, ms) = (at.div_euclid(DAY_MS), at.rem_euclid(DAY_MS));
    let (year, month, day) = date_of(day);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    let head = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    match ms % 1_000 {
        0 => format!("{head}Z"),
        ms => format!("{head}.{ms:03}Z"),
    }
}

/// The first moment of the month of `at`, and of the month after.
#[must_use]
pub fn month_of(at: UnixMs) -> (UnixMs, UnixMs) {
    let (year, month, _) = date_of(at.div_euclid(DAY_MS));
    let (next_year, next) = if month == 12 {
        (year + 1, 1)
    } else {
        (year, month + 1)
    };
    (
        days(year, month, 1) * DAY_MS,
        days(next_year, next, 1) * DAY_MS,
    )
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

/// Milliseconds of `.5`, and what follows it.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    if !matches!(rest.first(), Some(b'.' | b',')) {
        return Some((0, rest));
    }
    let rest = rest.get(1..)?;
    let end = rest.iter().position(|byte| !byte.is_ascii_digit());
    let (part, offset) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
    if part.is_empty() {
        return None;
    }
    Some((thousandths(part)?, offset))
}

fn zone_minutes(offset: &[u8]) -> Option<i64> {
    match offset {
        b"" | b"Z" | b"z" | b" UTC" => Some(0),
        [sign @ (b'+' | b'-'), rest @ ..] => {
            let hours = digits(rest.get(..2)?)?;
            let minutes = match rest.get(2..)? {
                [] => 0,
                [b':', minutes @ ..] | minutes => digits(minutes)?,
            };
            let shift = hours * 60 + minutes;
            Some(if *sign == b'-' { -shift } else { shift })
        }
        _ => None,
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, years counted from March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month <= 2 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let leap = year / 4 - year / 100 + year / 400;
    year * 365 + leap + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// The inverse of [`days`] for days from year 1 on.
fn date_of(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (year + era * 400 + next, month, day)
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
            ("2024-01-01T00:00", None),
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
