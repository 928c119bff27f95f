//! Decimal text to integers, digit by digit: no float comes near a price.

/// What a decimal came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Amount {
    /// Exactly so many units.
    Exact(u64),
    /// The nearest number of units, halves up: the text had more digits than there are units.
    Rounded(u64),
    /// Below zero.
    Negative,
    /// No number, or one that no price can be.
    Unreadable,
}

/// Most digits, and largest exponent, of a number that is read.
const MOST_DIGITS: usize = 40;

/// Reads a JSON number, or one in quotes, in units of 10^-`scale`.
pub(super) fn read(text: &str, scale: i32) -> Amount {
    let text = text.trim().trim_matches('"').trim();
    let (is_negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    match magnitude(text, scale) {
        Some((0, false)) => Amount::Exact(0),
        Some(_) if is_negative => Amount::Negative,
        Some((units, false)) => Amount::Exact(units),
        Some((units, true)) => Amount::Rounded(units),
        None => Amount::Unreadable,
    }
}

/// The units, and whether they had to be rounded.
fn magnitude(text: &str, scale: i32) -> Option<(u64, bool)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{decimals}");
    let is_number = !whole.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || digits.len() > MOST_DIGITS || exponent.unsigned_abs() > 60 {
        return None;
    }
    let digits = digits.trim_start_matches('0');
    // The number is `digits` × 10^`shift` units.
    let shift = exponent
        .checked_sub(i32::try_from(decimals.len()).ok()?)?
        .checked_add(scale)?;
    if digits.is_empty() {
        return Some((0, false));
    }
    if let Ok(zeros) = usize::try_from(shift) {
        let units = format!("{digits}{}", "0".repeat(zeros));
        return Some((units.parse().ok()?, false));
    }
    let dropped = usize::try_from(shift.unsigned_abs()).ok()?;
    let padded = format!("{digits:0>width$}", width = dropped + 1);
    let (kept, lost) = padded.split_at(padded.len() - dropped);
    let kept: u64 = kept.parse().ok()?;
    if lost.bytes().all(|byte| byte == b'0') {
        return Some((kept, false));
    }
    let up = u64::from(lost.bytes().next().is_some_and(|byte| byte >= b'5'));
    Some((kept.checked_add(up)?, true))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_digit_counts() {
        for (text, amount) in [
            ("2.5e-07", Amount::Exact(250_000)),
            ("2.5E-7", Amount::Exact(250_000)),
            ("0.00000015", Amount::Exact(150_000)),
            ("\"0.00000015\"", Amount::Exact(150_000)),
            ("1e-12", Amount::Exact(1)),
            ("0", Amount::Exact(0)),
            ("0.0", Amount::Exact(0)),
            ("-0.0", Amount::Exact(0)),
            ("3", Amount::Exact(3_000_000_000_000)),
            // What a float made of 0.0000003 plus an error: its nearest unit, and that is said.
            ("3.0001999999999996e-7", Amount::Rounded(300_020)),
            ("0.000015000020000000002", Amount::Rounded(15_000_020)),
            ("4e-13", Amount::Rounded(0)),
            ("5e-13", Amount::Rounded(1)),
            ("9.99999999999999e-13", Amount::Rounded(1)),
            ("-1e-7", Amount::Negative),
            ("", Amount::Unreadable),
            ("null", Amount::Unreadable),
            (".5", Amount::Unreadable),
            ("1e999", Amount::Unreadable),
            ("1e-9999999999", Amount::Unreadable),
            ("99999999999", Amount::Unreadable),
            ("1,5", Amount::Unreadable),
        ] {
            assert_eq!(read(text, 12), amount, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_same_number_in_any_form_is_the_same(units in 0u64..10_000_000_000, exponent in -9i32..9) {
            let plain = format!("0.{units:012}");
            prop_assert_eq!(read(&plain, 12), Amount::Exact(units));
            let scientific = format!("{units}e-12");
            prop_assert_eq!(read(&scientific, 12), Amount::Exact(units));
            if let Some(scaled) = 10u64.checked_pow(exponent.unsigned_abs()) && exponent < 0 {
                let small = format!("{}e{}", u128::from(units) * u128::from(scaled), exponent - 12);
                prop_assert_eq!(read(&small, 12), Amount::Exact(units));
            }
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,60}", scale in 0i32..20) {
            let _ = read(&text, scale);
        }
    }
}
