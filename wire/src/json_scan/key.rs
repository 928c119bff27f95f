//! One key, decoded as it comes.

use super::{Keys, Wanted};

const MAX_KEY_BYTES: usize = 32;

/// The two letters beyond ASCII that fold to ASCII ones: `s` and `k`.
const LONG_S: u32 = 0x17f;
const LONG_S_UTF8: [u8; 2] = [0xc5, 0xbf];
const KELVIN: u32 = 0x212a;
const KELVIN_UTF8: [u8; 3] = [0xe2, 0x84, 0xaa];

#[derive(Clone, Copy, Debug)]
enum Escape {
    No,
    Backslash,
    Hex { digits: u8, value: u32 },
}

/// The key under way. One that is too long, or not ASCII where escaped, is not a wanted one.
#[derive(Debug)]
pub(super) struct Key {
    buf: [u8; MAX_KEY_BYTES],
    len: usize,
    foreign: bool,
    escape: Escape,
}

/// What a byte did to the key.
pub(super) enum KeyStep {
    More,
    Closed,
    Bad,
}

impl Key {
    pub(super) fn new() -> Self {
        Self {
            buf: [0; MAX_KEY_BYTES],
            len: 0,
            foreign: false,
            escape: Escape::No,
        }
    }

    pub(super) fn push(&mut self, byte: u8, keys: Keys) -> KeyStep {
        match self.escape {
            Escape::No => match byte {
                b'"' => return KeyStep::Closed,
                b'\\' => {
                    self.foreign |= keys == Keys::Raw;
                    self.escape = Escape::Backslash;
                }
                0..0x20 => return KeyStep::Bad,
                _ => self.add(byte),
            },
            Escape::Backslash => return self.unescape(byte),
            Escape::Hex { digits, value } => {
                let Some(digit) = char::from(byte).to_digit(16) else {
                    return KeyStep::Bad;
                };
                let value = value << 4 | digit;
                if digits < 3 {
                    let digits = digits + 1;
                    self.escape = Escape::Hex { digits, value };
                } else {
                    self.escape = Escape::No;
                    match (u8::try_from(value), value) {
                        (Ok(ascii @ 0..0x80), _) => self.add(ascii),
                        (_, LONG_S) => LONG_S_UTF8.iter().for_each(|b| self.add(*b)),
                        (_, KELVIN) => KELVIN_UTF8.iter().for_each(|b| self.add(*b)),
                        (_, _) => self.foreign = true,
                    }
                }
            }
        }
        KeyStep::More
    }

    fn unescape(&mut self, byte: u8) -> KeyStep {
        self.escape = Escape::No;
        match byte {
            b'"' | b'\\' | b'/' => self.add(byte),
            b'b' => self.add(0x08),
            b'f' => self.add(0x0c),
            b'n' => self.add(b'\n'),
            b'r' => self.add(b'\r'),
            b't' => self.add(b'\t'),
            b'u' => {
                self.escape = Escape::Hex {
                    digits: 0,
                    value: 0,
                }
            }
            _ => return KeyStep::Bad,
        }
        KeyStep::More
    }

    fn add(&mut self, byte: u8) {
        match self.buf.get_mut(self.len) {
            Some(slot) => {
                *slot = byte;
                self.len += 1;
            }
            None => self.foreign = true,
        }
    }

    /// The index of the wanted member with this key.
    pub(super) fn find(&self, wanted: &[Wanted]) -> Option<usize> {
        let name = self.buf.get(..self.len).filter(|_| !self.foreign)?;
        wanted.iter().position(|w| w.name.as_bytes() == name)
    }

    /// The unique wanted key that this is but for its case.
    pub(super) fn find_folded(&self, wanted: &[Wanted]) -> Option<&'static str> {
        let name = self.buf.get(..self.len).filter(|_| !self.foreign)?;
        let mut unique = wanted.iter().filter(|w| w.unique);
        unique
            .find(|w| is_folded(name, w.name.as_bytes()))
            .map(|w| w.name)
    }
}

/// Whether `name` is `plain`, in lower case and ASCII, but for the case of its letters.
fn is_folded(name: &[u8], plain: &[u8]) -> bool {
    // Most keys are not even as long.
    if name.len() < plain.len()
        || name.first().is_some_and(|b| b.is_ascii_lowercase()) && name.first() != plain.first()
    {
        return false;
    }
    let mut rest = name;
    for wanted in plain {
        let folds = match wanted {
            b's' => rest.strip_prefix(&LONG_S_UTF8),
            b'k' => rest.strip_prefix(&KELVIN_UTF8),
            _ => None,
        };
        rest = match (folds, rest.split_first()) {
            (Some(after), _) => after,
            (None, Some((byte, after))) if byte.eq_ignore_ascii_case(wanted) => after,
            (None, Some(_) | None) => return false,
        };
    }
    rest.is_empty()
}
