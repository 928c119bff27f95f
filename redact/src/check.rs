//! Check digits.

/// The sum of values times weights; values are digits as numbers.
pub(crate) fn weighted(values: &[u8], weights: &[u8]) -> u32 {
    let pairs = values.iter().zip(weights);
    pairs.map(|(v, w)| u32::from(*v) * u32::from(*w)).sum()
}

/// Luhn (ISO/IEC 7812-1, annex B) over digits, the check digit being the last.
pub(crate) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(n, digit)| match (n % 2, u32::from(*digit)) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => digit * 2 - 9,
            (_, digit) => digit * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// ISO/IEC 7064 MOD 11,10 over digits, the check digit being the last.
pub(crate) fn mod_11_10(digits: &[u8]) -> bool {
    let Some((check, digits)) = digits.split_last() else {
        return false;
    };
    let mut product = 10_u32;
    for digit in digits {
        let sum = (product + u32::from(*digit)) % 10;
        product = (if sum == 0 { 10 } else { sum }) * 2 % 11;
    }
    (11 - product) % 10 == u32::from(*check)
}

/// ISO/IEC 7064 MOD 97-10 over digits (0 to 9) and upper-case letters, as IBANs use it.
pub(crate) fn mod_97(values: impl Iterator<Item = u8>) -> u32 {
    values.fold(0, |rest, value| match value {
        0..=9 => (rest * 10 + u32::from(value)) % 97,
        _ => (rest * 100 + u32::from(value.wrapping_sub(b'A')) + 10) % 97,
    })
}

/// Digits as one number.
pub(crate) fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |number: u64, digit| {
        number.saturating_mul(10).saturating_add(u64::from(*digit))
    })
}

/// Whether a month and a day can be; the year is not looked at.
pub(crate) fn is_day(month: u64, day: u64) -> bool {
    let days = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day)
}

/// Digits of a place, as one number.
pub(crate) fn part(digits: &[u8], from: usize, len: usize) -> u64 {
    number(digits.get(from..from + len).unwrap_or_default())
}
