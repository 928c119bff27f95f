//! Amounts as logs write them, exactly: never through a float.

/// Millionths of a micro-unit of a currency: 10^12 to the unit.
pub type Pico = i128;

/// Decimals of a unit that are kept; more are cut off.
const DECIMALS: usize = 12;

/// Reads a decimal, with an exponent as languages print small floats: `0.0021`, `1.5e-06`.
pub(super) fn parse(text: &[u8]) -> Option<Pico> {
    let text = text.strip_prefix(b"$").unwrap_or(text);
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let mut value: Pico = 0;
    let (mut digits, mut decimals, mut after_dot) = (0_usize, 0_i64, false);
    let mut exponent = 0_i64;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                digits += 1;
                // More than the mantissa of any float has.
                if digits > 24 {
                    decimals -= i64::from(!after_dot);
                    continue;
                }
                value = value * 10 + Pico::from(byte - b'0');
                decimals += i64::from(after_dot);
            }
            b'.' if !after_dot => after_dot = true,
            b'e' | b'E' if digits > 0 => {
                exponent = integer(text.get(at + 1..)?)?;
                break;
            }
            _ => return None,
        }
    }
    if digits == 0 {
        return None;
    }
    let shift = i64::try_from(DECIMALS).ok()? - decimals + exponent;
    let scaled = match u32::try_from(shift) {
        Ok(up) => value.checked_mul(10_i128.checked_pow(up)?)?,
        Err(_negative) => {
            let down = u32::try_from(shift.unsigned_abs()).ok()?;
            10_i128.checked_pow(down).map_or(0, |scale| value / scale)
        }
    };
    Some(if negative { -scaled } else { scaled })
}

/// A whole number with a sign.
fn integer(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A count; fractions, which some exports write, are cut off.
pub(super) fn count(text: &[u8]) -> Option<u64> {
    let mut value: u64 = 0;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
            }
            b'.' if at > 0 => {
                let part = text.get(at + 1..)?;
                return part.iter().all(u8::is_ascii_digit).then_some(value);
            }
            _ => return None,
        }
    }
    (!text.is_empty()).then_some(value)
}

/// An amount in units, to a millionth.
#[must_use]
pub(super) fn shown(pico: Pico) -> String {
    let sign = if pico < 0 { "-" } else { "" };
    let micro = pico.unsigned_abs() / 1_000_000;
    format!("{sign}{}.{:06}", micro / 1_000_000, micro % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_are_read_exactly() {
        for (text, pico) in [
            ("0", Some(0)),
            ("1", Some(1_000_000_000_000)),
            ("0.000001", Some(1_000_000)),
            ("1.5e-06", Some(1_500_000)),
            ("2E3", Some(2_000_000_000_000_000)),
            ("-0.5", Some(-500_000_000_000)),
            ("$12.50", Some(12_500_000_000_000)),
            (
                "0.1000000000000000055511151231257827",
                Some(100_000_000_000),
            ),
            ("1e-40", Some(0)),
            ("1e400", None),
            ("", None),
            ("-", None),
            ("1,5", None),
            ("abc", None),
            ("1e", None),
        ] {
            assert_eq!(parse(text.as_bytes()), pico, "{text}");
        }
        assert_eq!(shown(1_500_000), "0.000001");
        assert_eq!(shown(-12_500_000_000_000), "-12.500000");
        assert_eq!(
            (count(b"12"), count(b"12.0"), count(b"-1"), count(b"")),
            (Some(12), Some(12), None, None)
        );
    }

    proptest! {
        #[test]
        fn every_amount_in_micros_survives(micro in -1_000_000_000_000_000_i64..1_000_000_000_000_000) {
            let text = shown(Pico::from(micro) * 1_000_000);
            prop_assert_eq!(parse(text.as_bytes()), Some(Pico::from(micro) * 1_000_000));
        }

        #[test]
        fn nothing_panics(text in "[0-9eE.+-]{0,60}") {
            let _ = (parse(text.as_bytes()), count(text.as_bytes()));
        }
    }
}
