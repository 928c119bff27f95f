//! One key, decoded as it comes.

use super::{Keys, Wanted};

const MAX_KEY_BYTES: usize = 32;

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
                    match u8::try_from(value) {
                        Ok(ascii @ 0..0x80) => self.add(ascii),
                        Ok(_) | Err(_) => self.foreign = true,
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
}
