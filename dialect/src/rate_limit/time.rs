//! When a limit is whole again, in the forms that vendors write.

use super::{RESET_LIMIT_MS, Reset};

/// Numbers from here on are moments: seconds since the Unix epoch.
const EPOCH_S: u64 = 1_000_000_000;
/// Numbers from here on are moments: milliseconds since the Unix epoch.
const EPOCH_MS: u64 = 1_000_000_000_000;

/// A duration (`6m0s`, `1.5s`, `20ms`, plain seconds), seconds or milliseconds since the Unix epoch, or a
/// time by RFC 3339.
pub(super) fn reset(text: &[u8]) -> Option<Reset> {
    if text
        .get(10)
        .is_some_and(|byte| matches!(byte, b'T' | b't' | b' '))
    {
        return moment(text).map(Reset::At);
    }
    let (thousandths, rest) = number(text)?;
    if !rest.is_empty() {
        return duration(text).map(Reset::In);
    }
    Some(match thousandths / 1_000 {
        0..EPOCH_S => Reset::In(thousandths.min(RESET_LIMIT_MS)),
        EPOCH_S..EPOCH_MS => Reset::At(thousandths),
        milliseconds => Reset::At(milliseconds),
    })
}

/// Go's form of a duration, in milliseconds, rounded up.
fn duration(mut text: &[u8]) -> Option<u64> {
    let mut total_us = 0_u64;
    while !text.is_empty() {
        let (thousandths, rest) = number(text)?;
        let letters = rest
            .iter()
            .take_while(|byte| !byte.is_ascii_digit() && **byte != b'.')
            .count();
        let (unit, rest) = rest.split_at_checked(letters)?;
        // Microseconds in a thousandth of the unit; what is finer than that is next to nothing.
        let us = match unit.trim_ascii() {
            b"d" => 86_400_000,
            b"h" => 3_600_000,
            b"m" => 60_000,
            b"s" => 1_000,
            b"ms" => 1,
            b"us" | b"ns" | b"\xc2\xb5s" | b"\xce\xbcs" => 0,
            _ => return None,
        };
        total_us = total_us.saturating_add(thousandths.saturating_mul(us));
        text = rest;
    }
    Some(total_us.div_ceil(1_000).min(RESET_LIMIT_MS))
}

/// A plain decimal number in thousandths, and what follows it.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (whole, rest) = text.split_at_checked(digits(text))?;
    let (fraction, rest) = match rest.strip_prefix(b".") {
        Some(rest) => rest.split_at_checked(digits(rest))?,
        None => (&[][..], rest),
    };
    if whole.is_empty() || whole.len() > 15 {
        return None;
    }
    let places = [fraction.first(), fraction.get(1), fraction.get(2)];
    let digits = whole
        .iter()
        .chain(places.into_iter().map(|digit| digit.unwrap_or(&b'0')));
    let value = digits.fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    Some((value, rest))
}

/// A time by RFC 3339 in milliseconds since the Unix epoch.
fn moment(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let digits = |from: usize, to: usize| -> Option<u64> {
        let part = text.get(from..to)?;
        let all = part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse().ok().filter(|_| all)
    };
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    let (hour, minute, second) = (digits(11, 13)?, digits(14, 16)?, digits(17, 19)?);
    let in_range = year >= 1970
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !in_range {
        return None;
    }
    let local = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    let zone = text
        .get(19..)?
        .trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let utc = match zone.as_bytes() {
        b"Z" | b"z" | b"" => local,
        [sign @ (b'+' | b'-'), rest @ ..] => {
            let part = |at: usize| -> Option<u64> {
                std::str::from_utf8(rest.get(at..at + 2)?)
                    .ok()?
                    .parse()
                    .ok()
            };
            let offset = part(0)? * 3_600 + part(3)? * 60;
            if *sign == b'+' {
                local.saturating_sub(offset)
            } else {
                local + offset
            }
        }
        _ => return None,
    };
    Some(utc * 1_000)
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, years counted from March.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month <= 2 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let leap = year / 4 - year / 100 + year / 400;
    let to_1970 = 719_468;
    (year * 365 + leap + (153 * month + 2) / 5 + day - 1).saturating_sub(to_1970)
}
