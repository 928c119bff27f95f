//! Values with a name before them that says what they are: `api_key=…`, `"password": "…"`, `BSN …`.

use std::ops::Range;

use crate::scan::{Text, is_word, secret};
use crate::{Found, Kind, identity};

/// Longest name that is looked at.
const MOST_NAME: usize = 64;
/// How much of a value is looked at before it is believed.
const LOOK: usize = 256;
/// Shortest password, and shortest of all else.
const LEAST: (usize, usize) = (6, 16);

/// How a name ends whose value is chosen by people.
const PASSWORDS: &[&[u8]] = &[b"password", b"passwd", b"passphrase", b"pwd"];
/// How a name ends whose value was made by a machine; without `-` and `_`.
const SECRETS: &[&[u8]] = &[
    b"key",
    b"keys",
    b"token",
    b"secret",
    b"credential",
    b"credentials",
    b"authorization",
    b"sig",
    b"signature",
    b"cookie",
    b"sessionid",
    b"provided",
    b"auth",
];

/// The value that the name at a place is of.
pub(crate) fn value(text: Text<'_>, at: usize) -> Option<Found> {
    if text.before(at) == b'-' {
        return None;
    }
    let end = text.run_within(at, MOST_NAME, |byte| is_word(byte) || byte == b'-');
    let mut name = [0_u8; MOST_NAME];
    let mut len = 0;
    let plain = text
        .slice(at..end)
        .iter()
        .filter(|b| **b != b'_' && **b != b'-');
    for (slot, byte) in name.iter_mut().zip(plain) {
        *slot = byte.to_ascii_lowercase();
        len += 1;
    }
    let name = name.get(..len)?;
    if let Some(range) = number(text, end, name) {
        return Some(Found {
            range,
            kind: Kind::EuId,
        });
    }
    let is_password = PASSWORDS.iter().any(|known| name.ends_with(known));
    if !is_password && !SECRETS.iter().any(|known| name.ends_with(known)) {
        return None;
    }
    let start = behind_separator(text, end)?;
    if secret(text, start).is_some() {
        return None;
    }
    let looked = text.run_within(start, LOOK, is_value);
    let is_secret = match is_password {
        true => is_chosen(text.slice(start..looked)),
        false => is_made(text.slice(start..looked)),
    };
    let end = text.run(looked, is_value);
    let end = start + without_stops(text.slice(start..end)).len();
    is_secret.then_some(Found {
        range: start..end,
        kind: Kind::Credential,
    })
}

fn number(text: Text<'_>, end: usize, name: &[u8]) -> Option<Range<usize>> {
    let start = text.run_within(end, 4, |b| matches!(b, b' ' | b':' | b'=' | b'"' | b'.'));
    match start > end {
        true => identity::named(text, start, name),
        false => None,
    }
}

/// Where a value begins: after `=` or `:`, with quotes, blanks and backslashes around it.
fn behind_separator(text: Text<'_>, end: usize) -> Option<usize> {
    let is_around = |b: u8| matches!(b, b' ' | b'"' | b'\'' | b'\\' | b'`');
    let separator = text.run_within(end, 4, is_around);
    let after = match (text.at(separator), text.at(separator + 1)) {
        (b'=', b'>') => separator + 2,
        (b'=' | b':', _) => separator + 1,
        _ => return None,
    };
    Some(text.run_within(after, 6, is_around))
}

fn is_value(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=@:$!#%^*|?".contains(&byte)
}

fn is_chosen(value: &[u8]) -> bool {
    value.len() >= LEAST.0
        && value
            .iter()
            .any(|byte| !byte.is_ascii_alphabetic() && !b".:".contains(byte))
}

/// Letters and digits mixed, and long enough.
fn is_made(value: &[u8]) -> bool {
    let value = without_stops(value);
    value.len() >= LEAST.1
        && value.iter().any(u8::is_ascii_digit)
        && value.iter().any(u8::is_ascii_alphabetic)
}

/// A sentence's marks at the end are not the value's.
fn without_stops(value: &[u8]) -> &[u8] {
    let marks = value.iter().rev();
    let marks = marks.take_while(|byte| b".:".contains(byte)).count();
    value.get(..value.len() - marks).unwrap_or_default()
}
