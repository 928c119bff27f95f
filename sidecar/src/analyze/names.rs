//! Names as numbers: each is kept once, and there is a bound on how many.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Most names of one kind; further ones are [`OTHER`].
const LIMIT: usize = 16_384;
/// Longest name, bytes; the rest is cut off.
const NAME_LIMIT_BYTES: usize = 128;

/// Stands for names beyond the bound.
pub(super) const OTHER: u32 = 0;
/// Stands where a line has none.
pub(super) const NONE: u32 = 1;

/// A fast hash of short keys (FxHash, as the Rust compiler uses it). Nobody attacks his own logs: the
/// number of keys is bounded, and with it what a collision costs.
#[derive(Default)]
pub(super) struct Fast(u64);

impl Hasher for Fast {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        self.write_u64(u64::from_le_bytes(last) ^ ((bytes.len() as u64) << 56));
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(word.into());
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }
}

/// A map with [`Fast`].
pub(super) type FastMap<K, V> = HashMap<K, V, BuildHasherDefault<Fast>>;

/// The names of one kind.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: FastMap<Box<[u8]>, u32>,
    names: Vec<Box<[u8]>>,
}

impl Names {
    /// The number of a name.
    pub(super) fn number(&mut self, name: &[u8]) -> u32 {
        let name = name.get(..NAME_LIMIT_BYTES).unwrap_or(name);
        if name.is_empty() {
            return NONE;
        }
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        if self.names.len() >= LIMIT {
            return OTHER;
        }
        self.names.push(name.into());
        let number = u32::try_from(self.names.len() + 1).unwrap_or(OTHER);
        self.numbers.insert(name.into(), number);
        number
    }

    /// The bytes of a number; none for [`OTHER`] and [`NONE`].
    pub(super) fn bytes(&self, number: u32) -> Option<&[u8]> {
        let at = usize::try_from(number).ok()?.checked_sub(2)?;
        self.names.get(at).map(AsRef::as_ref)
    }

    /// A number's name as people read it.
    pub(super) fn shown(&self, number: u32) -> String {
        match self.bytes(number) {
            Some(bytes) => readable(bytes),
            None if number == OTHER => "(other)".to_owned(),
            None => "(none)".to_owned(),
        }
    }
}

/// A name without what would move a terminal's cursor. One that looks like a secret is not shown.
fn readable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    if text.starts_with("sk-") && text.len() > 12 {
        let end: String = text.chars().rev().take(4).collect();
        return format!("sk-…{}", end.chars().rev().collect::<String>());
    }
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_numbered_up_to_a_bound() {
        let mut names = Names::default();
        let first = names.number(b"gpt-4o");
        assert_eq!(names.number(b"gpt-4o"), first);
        assert_ne!(names.number(b"gpt-4o-mini"), first);
        assert_eq!(names.shown(first), "gpt-4o");
        assert_eq!(names.number(b""), NONE);
        for n in 0..LIMIT {
            names.number(format!("n{n}").as_bytes());
        }
        assert_eq!(names.number(b"one more"), OTHER);
        assert_eq!(names.shown(OTHER), "(other)");
        assert_eq!(readable(b"sk-proj-0123456789abcdef"), "sk-…cdef");
        assert_eq!(readable(b"a\x1b[2J"), "a\u{fffd}[2J");
    }
}
