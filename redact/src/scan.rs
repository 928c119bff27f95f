//! The one pass.

use std::ops::Range;

use crate::{Found, Kind, contact, credential, identity, label, money, vendor};

/// A text, and where the last match in it ended: what follows one begins anew, as it would after its
/// mask.
#[derive(Clone, Copy)]
pub(crate) struct Text<'a> {
    bytes: &'a [u8],
    edge: usize,
}

/// Whether a byte is of a word: nothing begins or ends within one.
pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

impl<'a> Text<'a> {
    /// The byte at a place; 0 after the end.
    pub(crate) fn at(self, place: usize) -> u8 {
        self.bytes.get(place).copied().unwrap_or(0)
    }

    /// The byte before a place; 0 at the beginning.
    pub(crate) fn before(self, place: usize) -> u8 {
        match place.checked_sub(1) {
            Some(before) if place > self.edge => self.at(before),
            Some(_) | None => 0,
        }
    }

    /// What lies between two places.
    pub(crate) fn slice(self, range: Range<usize>) -> &'a [u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    /// Everything from a place on.
    pub(crate) fn rest(self, from: usize) -> &'a [u8] {
        self.bytes.get(from..).unwrap_or_default()
    }

    /// Where a run of such bytes from a place on ends.
    pub(crate) fn run(self, from: usize, is_in: impl Fn(u8) -> bool) -> usize {
        let rest = self.rest(from);
        let len = rest.iter().position(|byte| !is_in(*byte));
        from + len.unwrap_or(rest.len())
    }

    /// The same, looking at so many bytes at most.
    pub(crate) fn run_within(self, from: usize, most: usize, is_in: impl Fn(u8) -> bool) -> usize {
        let rest = self.rest(from);
        let rest = rest.get(..most).unwrap_or(rest);
        from + rest
            .iter()
            .position(|byte| !is_in(*byte))
            .unwrap_or(rest.len())
    }

    /// Whether a number or word may end before a place: neither a word nor decimals go on.
    pub(crate) fn ends(self, at: usize) -> bool {
        let next = self.at(at);
        let goes_on = is_word(next) || (next == b'.' && self.at(at + 1).is_ascii_digit());
        !goes_on
    }
}

/// What is found, in order.
pub(crate) struct Scan<'a> {
    text: Text<'a>,
    at: usize,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        Self {
            text: Text { bytes, edge: 0 },
            at: 0,
        }
    }
}

impl Iterator for Scan<'_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        while let Some(byte) = self.text.bytes.get(self.at) {
            let found = match byte {
                b':' => credential::in_url(self.text, self.at),
                b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'+' | b'(' | b'-'
                    if !is_word(self.text.before(self.at)) =>
                {
                    look(self.text, self.at, *byte)
                }
                _ => None,
            };
            match found {
                Some(found) => {
                    self.at = found.range.end;
                    self.text.edge = found.range.end;
                    return Some(found);
                }
                // Nothing begins within a word.
                None if is_word(*byte) => self.at = self.text.run(self.at + 1, is_word),
                None => self.at += 1,
            }
        }
        None
    }
}

/// What begins at a place where a word may begin.
fn look(text: Text<'_>, at: usize, byte: u8) -> Option<Found> {
    let (range, kind) = match byte {
        b'-' => (credential::private_key(text, at)?, Kind::PrivateKey),
        b'+' | b'(' => (contact::phone(text, at)?, Kind::Phone),
        b'0'..=b'9' => number(text, at)?,
        _ => return word(text, at),
    };
    Some(Found { range, kind })
}

/// Letters that nothing beside them makes anything else than a word of a sentence: most of all text is
/// that, and need not be looked at further.
fn is_prose(text: Text<'_>, at: usize) -> bool {
    /// The shortest number that can have no digits.
    const LETTERS_ONLY: usize = 16;
    let end = text.run_within(at, LETTERS_ONLY, |byte| byte.is_ascii_alphabetic());
    let len = end - at;
    let is_of_word = |byte: u8| byte.is_ascii_alphabetic() || byte >= 0x80;
    let is_scheme = || matches!(text.at(at) | 0x20, b'b') && matches!(len, 5 | 6);
    match (text.at(end), text.at(end + 1)) {
        _ if len == LETTERS_ONLY => false,
        (b',' | b';' | b')' | b'!' | b'?' | b'\n' | 0x80.., _) => true,
        (b' ', next) => is_of_word(next) && !is_scheme(),
        (b'.', b' ') => is_of_word(text.at(end + 2)),
        (b'.', b'\n') => true,
        _ => false,
    }
}

fn word(text: Text<'_>, at: usize) -> Option<Found> {
    if is_prose(text, at) {
        return None;
    }
    if let Some((range, kind)) = secret(text, at) {
        return Some(Found { range, kind });
    }
    if let Some(found) = label::value(text, at) {
        return Some(found);
    }
    let (range, kind) = contact::email(text, at)
        .map(|range| (range, Kind::Email))
        .or_else(|| Some((money::iban(text, at)?, Kind::Iban)))
        .or_else(|| Some((identity::european(text, at)?, Kind::EuId)))?;
    Some(Found { range, kind })
}

/// What shows by itself that it is a secret.
pub(crate) fn secret(text: Text<'_>, at: usize) -> Option<(Range<usize>, Kind)> {
    vendor::key(text, at)
        .map(|range| (range, Kind::ApiKey))
        .or_else(|| Some((credential::jwt(text, at)?, Kind::Jwt)))
        .or_else(|| Some((credential::of_scheme(text, at)?, Kind::Credential)))
}

/// Bytes in which six digits stand in every number that is written with separators.
const LONGEST_OF_SIX: usize = 12;

fn number(text: Text<'_>, at: usize) -> Option<(Range<usize>, Kind)> {
    if let Some(range) = contact::email(text, at) {
        return Some((range, Kind::Email));
    }
    if let Some(range) = vendor::key(text, at) {
        return Some((range, Kind::ApiKey));
    }
    // Numbers of people and accounts have six digits at least before their first letter.
    let mut digits = text.rest(at).iter().take(LONGEST_OF_SIX);
    let is_near = |byte: &&u8| byte.is_ascii_digit() || b" -./".contains(*byte);
    let digits = digits.by_ref().take_while(is_near);
    if digits.filter(|byte| byte.is_ascii_digit()).count() < 6 {
        return None;
    }
    // Decimals, and the rest of a number that began before.
    let before = text.before(at);
    if (before == b'.' || before == b'-') && text.before(at - 1).is_ascii_digit() {
        return None;
    }
    identity::chinese(text, at)
        .map(|range| (range, Kind::ChineseId))
        .or_else(|| Some((money::card(text, at)?, Kind::Card)))
        .or_else(|| Some((contact::national_phone(text, at)?, Kind::Phone)))
        .or_else(|| Some((identity::european(text, at)?, Kind::EuId)))
}
