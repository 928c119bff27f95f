//! Numbers as they are written: digits and letters with separators at fixed places.

use std::ops::Range;

use crate::scan::Text;

/// Longest number of a template, digits and letters.
const MOST: usize = 24;

/// What a template took out of a text: its digits (as numbers) and letters (as upper case), without
/// separators.
#[derive(Clone, Copy)]
pub(crate) struct Taken {
    values: [u8; MOST],
    len: usize,
}

impl Taken {
    /// Digits as numbers 0 to 9, letters as upper-case ASCII.
    pub(crate) fn values(&self) -> &[u8] {
        self.values.get(..self.len).unwrap_or_default()
    }

    fn push(&mut self, value: u8) -> Option<()> {
        *self.values.get_mut(self.len)? = value;
        self.len += 1;
        Some(())
    }
}

/// Reads a template at a place: `d` is a digit, `L` a letter, `U` an upper-case letter, `*` either, and
/// anything else itself. Nothing may go on behind it.
pub(crate) fn read(text: Text<'_>, at: usize, template: &str) -> Option<(Range<usize>, Taken)> {
    let mut taken = Taken {
        values: [0; MOST],
        len: 0,
    };
    for (n, wanted) in template.bytes().enumerate() {
        let byte = text.at(at + n);
        let is_wanted = match wanted {
            b'd' => byte.is_ascii_digit(),
            b'L' => byte.is_ascii_alphabetic(),
            b'U' => byte.is_ascii_uppercase(),
            b'*' => byte.is_ascii_alphanumeric(),
            _ if byte == wanted => continue,
            _ => return None,
        };
        if !is_wanted {
            return None;
        }
        taken.push(match byte {
            b'0'..=b'9' => byte - b'0',
            _ => byte.to_ascii_uppercase(),
        })?;
    }
    let end = at + template.len();
    text.ends(end).then_some((at..end, taken))
}
