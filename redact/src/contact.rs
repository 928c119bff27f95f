//! E-mail addresses and telephone numbers.

use std::ops::Range;

use crate::scan::{Text, is_word};
use crate::template;

/// Longest local part (RFC 5321, 4.5.3.1.1).
const MOST_LOCAL: usize = 64;
/// Longest domain (RFC 5321, 4.5.3.1.2).
const MOST_DOMAIN: usize = 255;
/// E.164 has 15 digits at most; shorter than 8 is no subscriber with a country's code.
const E164_DIGITS: Range<usize> = 8..16;

/// An address: what people write, not all that RFC 5321 allows. An escaped at sign (`%40`) is one, too.
pub(crate) fn email(text: Text<'_>, at: usize) -> Option<Range<usize>> {
    let local = text.run_within(at, MOST_LOCAL + 1, is_local);
    if local - at > MOST_LOCAL {
        return None;
    }
    let domain = match text.at(local) {
        b'@' => local + 1,
        b'%' if text.at(local + 1) == b'4' && text.at(local + 2) == b'0' => local + 3,
        _ => return None,
    };
    let (mut label, mut place, mut end) = (domain, domain, None);
    while place - domain <= MOST_DOMAIN {
        let (byte, next) = (text.at(place), text.at(place + 1));
        if is_inner(byte) || (byte == b'-' && place > label) {
            place += 1;
            continue;
        }
        // A mask may stand behind any label, so what comes then must not matter.
        let is_top = label > domain && is_top(text.slice(label..place));
        if is_top && text.ends(place) {
            end = Some(place);
        }
        if byte != b'.' || place == label || !is_inner(next) {
            break;
        }
        (label, place) = (place + 1, place + 1);
    }
    end.map(|end| at..end)
}

fn is_top(label: &[u8]) -> bool {
    let is_international = label.starts_with(b"xn--");
    label.len() > 1 && (is_international || label.iter().all(u8::is_ascii_alphabetic))
}

fn is_inner(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn is_local(byte: u8) -> bool {
    is_word(byte) || matches!(byte, b'.' | b'+' | b'-' | b'\'')
}

/// `+` and a country's code, with the usual separators; or `(415) 555-2671`.
pub(crate) fn phone(text: Text<'_>, at: usize) -> Option<Range<usize>> {
    if text.at(at) == b'(' {
        return template::read(text, at, "(ddd) ddd-dddd").map(|(range, _)| range);
    }
    if !(b'1'..=b'9').contains(&text.at(at + 1)) {
        return None;
    }
    let (mut digits, mut place, mut end) = (0, at + 1, None);
    while digits < E164_DIGITS.end {
        let byte = text.at(place);
        if byte.is_ascii_digit() {
            digits += 1;
            if E164_DIGITS.contains(&digits) && text.ends(place + 1) {
                end = Some(place + 1);
            }
            place += 1;
            continue;
        }
        match separator(text, place) {
            Some(after) => place = after,
            None => break,
        }
    }
    end.map(|end| at..end)
}

/// Where the next group of digits begins.
fn separator(text: Text<'_>, at: usize) -> Option<usize> {
    let after = text.run_within(at, 3, |b| {
        matches!(b, b' ' | b'-' | b'.' | b'(' | b')' | b'/')
    });
    (after > at && text.at(after).is_ascii_digit()).then_some(after)
}

/// A Chinese mobile number (11 digits from 13 to 19), with or without the country's code; or a North
/// American number with its separators.
pub(crate) fn national_phone(text: Text<'_>, at: usize) -> Option<Range<usize>> {
    const CHINESE: [(&str, usize); 5] = [
        ("ddddddddddd", 0),
        ("ddd dddd dddd", 0),
        ("ddd-dddd-dddd", 0),
        ("ddddddddddddd", 2),
        ("dd-ddddddddddd", 2),
    ];
    for (template, code) in CHINESE {
        if let Some((range, taken)) = template::read(text, at, template) {
            let (country, own) = taken.values().split_at_checked(code)?;
            if (country.is_empty() || country == [8, 6]) && is_chinese_mobile(own) {
                return Some(range);
            }
        }
    }
    ["ddd-ddd-dddd", "ddd.ddd.dddd"].into_iter().find_map(|t| {
        let (range, taken) = template::read(text, at, t)?;
        let area = |from: usize| taken.values().get(from).is_some_and(|digit| *digit > 1);
        (area(0) && area(3)).then_some(range)
    })
}

fn is_chinese_mobile(digits: &[u8]) -> bool {
    matches!(digits, [1, 3..=9, ..])
}
