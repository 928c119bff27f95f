//! Numbers of payment cards and bank accounts.

use std::ops::Range;

use crate::check::{luhn, mod_97};
use crate::scan::Text;

/// Digits of a card's number (ISO/IEC 7812-1).
const CARD_DIGITS: Range<usize> = 13..20;

/// A card's number: of an issuer that exists, with its check digit, in one piece or in groups.
pub(crate) fn card(text: Text<'_>, at: usize) -> Option<Range<usize>> {
    let mut digits = [0_u8; CARD_DIGITS.end];
    let (mut len, mut place, mut group) = (0, at, 0);
    let (mut separator, mut found) = (None, None);
    while let Some(slot) = digits.get_mut(len) {
        let byte = text.at(place);
        if byte.is_ascii_digit() {
            *slot = byte - b'0';
            (len, place, group) = (len + 1, place + 1, group + 1);
            let taken = digits.get(..len).unwrap_or_default();
            if CARD_DIGITS.contains(&len) && text.ends(place) && is_card(taken) {
                found = Some(at..place);
            }
            continue;
        }
        let is_group = group >= 3 && text.at(place + 1).is_ascii_digit();
        let is_separator = byte == b' ' || byte == b'-';
        if !is_group || !is_separator || *separator.get_or_insert(byte) != byte {
            break;
        }
        (place, group) = (place + 1, 0);
    }
    found
}

fn is_card(digits: &[u8]) -> bool {
    is_issued(digits) && luhn(digits)
}

/// The beginnings and lengths that the card networks issue.
fn is_issued(digits: &[u8]) -> bool {
    let &[a, b, c, d, ..] = digits else {
        return false;
    };
    let (two, four) = (
        a * 10 + b,
        u32::from(a) * 1000 + u32::from(b) * 100 + u32::from(c) * 10 + u32::from(d),
    );
    match digits.len() {
        13 => a == 4,
        14 => matches!(two, 36 | 38 | 39) || (300..=305).contains(&(four / 10)),
        15 => matches!(two, 34 | 37),
        16 => {
            a == 4
                || matches!(two, 50..=58 | 60 | 62 | 64 | 65 | 67 | 81)
                || (2221..=2720).contains(&four)
                || (3528..=3589).contains(&four)
        }
        17..=19 => matches!(two, 62 | 63 | 67) || (a == 4 && digits.len() == 19),
        _ => false,
    }
}

#[rustfmt::skip]
/// Countries with their IBANs' lengths (SWIFT's IBAN registry).
const LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24), (b"AE", 23), (b"AL", 28), (b"AT", 20), (b"AZ", 28), (b"BA", 20), (b"BE", 16),
    (b"BG", 22), (b"BH", 22), (b"BR", 29), (b"BY", 28), (b"CH", 21), (b"CR", 22), (b"CY", 28),
    (b"CZ", 24), (b"DE", 22), (b"DK", 18), (b"DO", 28), (b"EE", 20), (b"EG", 29), (b"ES", 24),
    (b"FI", 18), (b"FO", 18), (b"FR", 27), (b"GB", 22), (b"GE", 22), (b"GI", 23), (b"GL", 18),
    (b"GR", 27), (b"GT", 28), (b"HR", 21), (b"HU", 28), (b"IE", 22), (b"IL", 23), (b"IQ", 23),
    (b"IS", 26), (b"IT", 27), (b"JO", 30), (b"KW", 30), (b"KZ", 20), (b"LB", 28), (b"LI", 21),
    (b"LT", 20), (b"LU", 20), (b"LV", 21), (b"MC", 27), (b"MD", 24), (b"ME", 22), (b"MK", 19),
    (b"MT", 31), (b"MU", 30), (b"NL", 18), (b"NO", 15), (b"PK", 24), (b"PL", 28), (b"PS", 29),
    (b"PT", 25), (b"QA", 29), (b"RO", 24), (b"RS", 22), (b"SA", 24), (b"SE", 24), (b"SI", 19),
    (b"SK", 24), (b"SM", 27), (b"TN", 24), (b"TR", 26), (b"UA", 29), (b"VG", 24), (b"XK", 20),
];

/// An IBAN in one piece or in groups of four.
pub(crate) fn iban(text: Text<'_>, at: usize) -> Option<Range<usize>> {
    let upper = |place: usize| text.at(place).to_ascii_uppercase();
    if !text.at(at + 2).is_ascii_digit() || !text.at(at + 3).is_ascii_digit() {
        return None;
    }
    let country = [upper(at), upper(at + 1)];
    let (_, length) = LENGTHS.iter().find(|(name, _)| **name == country)?;
    let (mut values, mut len, mut place) = ([0_u8; 34], 0, at);
    while len < *length {
        if len > 0 && len % 4 == 0 && text.at(place) == b' ' {
            place += 1;
        }
        *values.get_mut(len)? = match upper(place) {
            digit @ b'0'..=b'9' => digit - b'0',
            letter @ b'A'..=b'Z' => letter,
            _ => return None,
        };
        (len, place) = (len + 1, place + 1);
    }
    let (head, rest) = values.get(..len)?.split_at_checked(4)?;
    let is_right = mod_97(rest.iter().chain(head).copied()) == 1;
    (is_right && text.ends(place)).then_some(at..place)
}
