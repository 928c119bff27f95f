//! Moments as RFC 3339 writes them.

use super::date::Date;

/// Reads `2026-01-31T02:00:00Z`, seconds and all; an offset `+02:00` may stand for the `Z`. Seconds since
/// the Unix epoch; `None` for anything else, and for moments before it.
#[must_use]
pub(super) fn parse(text: &str) -> Option<u64> {
    let (date, time) = text.split_once(['T', ' '])?;
    let date = Date::parse(date)?;
    let (clock, offset_s) = match time.strip_suffix('Z') {
        Some(clock) => (clock, 0),
        None => {
            let at = time.rfind(['+', '-'])?;
            let (clock, offset) = time.split_at_checked(at)?;
            let (sign, offset) = offset.split_at_checked(1)?;
            let (hours, minutes) = offset.split_once(':')?;
            let seconds = i64::from(field(hours, 23)? * 3_600 + field(minutes, 59)? * 60);
            (clock, if sign == "-" { -seconds } else { seconds })
        }
    };
    let mut parts = clock.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let of_day = field(hour, 23)? * 3_600 + field(minute, 59)? * 60 + field(second, 59)?;
    let local = i64::try_from(date.days_since_epoch()).ok()? * 86_400 + i64::from(of_day);
    u64::try_from(local - offset_s).ok()
}

/// Two digits, at most `most`.
fn field(text: &str, most: u32) -> Option<u32> {
    let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|value| digits && *value <= most)
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
            ("2024-02-29T12:30Z", None),
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
