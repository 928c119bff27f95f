//! Ids of tool calls: made where a provider gave none, and told apart where one comes again.

use std::collections::{BTreeMap, BTreeSet};

/// Room for what tells a name from an equal one, in bytes.
pub(crate) const SUFFIX_BYTES: usize = 12;

/// Ids for the calls of one answer whose provider gave none: `call_<answer>_<choice>_<call>`, where
/// `<answer>` is a checksum of the answer's id. Clients send them back turn after turn, so those of
/// two answers must differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MadeIds(u32);

impl MadeIds {
    /// For an answer of this id, which should be unique.
    #[must_use]
    pub fn of(answer_id: &str) -> Self {
        Self(crc32fast::hash(answer_id.as_bytes()))
    }

    /// The id of a choice's call, by their places.
    #[must_use]
    pub fn id(self, choice: u32, call: u32) -> String {
        format!("call_{:08x}_{choice}_{call}", self.0)
    }

    /// Whether an id has the form of [`MadeIds::id`], or that of a position alone, `call_0_1`: no
    /// provider gave it, so none wants it back.
    #[must_use]
    pub fn is_made(id: &str) -> bool {
        let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let sum = |text: &str| {
            let hex = |b: u8| b.is_ascii_digit() || matches!(b, b'a'..=b'f');
            text.len() == 8 && text.bytes().all(hex)
        };
        let Some(rest) = id.strip_prefix("call_") else {
            return false;
        };
        let mut words = rest.split('_');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some(choice), Some(call), None, None) => number(choice) && number(call),
            (Some(answer), Some(choice), Some(call), None) => {
                sum(answer) && number(choice) && number(call)
            }
            _ => false,
        }
    }
}

/// Ids of tool calls as a provider takes them: what does not fit is replaced, the same id always in
/// the same way; an id that comes again for another call gets a number, and results belong to the
/// latest call of their id.
#[derive(Debug)]
pub(crate) struct CallIds {
    /// The id as the provider takes it.
    fit: fn(&str) -> String,
    /// Bytes of an id that comes again before its number.
    stem_bytes: usize,
    /// By the client's id.
    latest: BTreeMap<String, String>,
    written: Distinct,
}

impl CallIds {
    /// Ids of at most `limit_bytes`, within which `fit` brings them.
    pub(crate) fn new(limit_bytes: usize, fit: fn(&str) -> String) -> Self {
        Self {
            fit,
            stem_bytes: limit_bytes.saturating_sub(SUFFIX_BYTES),
            latest: BTreeMap::new(),
            written: Distinct::default(),
        }
    }

    /// The id of a new call.
    pub(crate) fn call(&mut self, id: &str) -> String {
        let fit = self.written.admit((self.fit)(id), '-', self.stem_bytes);
        self.latest.insert(id.to_owned(), fit.clone());
        fit
    }

    /// The id of the call that a result is for.
    pub(crate) fn result(&self, id: &str) -> String {
        let called = self.latest.get(id).cloned();
        called.unwrap_or_else(|| (self.fit)(id))
    }
}

/// Names without repetition.
#[derive(Debug, Default)]
pub(crate) struct Distinct {
    taken: BTreeSet<String>,
    /// The last number behind a stem: a search that goes on from there, so that many equal names
    /// cost no more than as many different ones.
    numbers: BTreeMap<String, usize>,
}

impl Distinct {
    /// `name`, or, if it is taken, its first `stem_bytes` with a number behind them.
    pub(crate) fn admit(&mut self, name: String, mark: char, stem_bytes: usize) -> String {
        if self.taken.insert(name.clone()) {
            return name;
        }
        let stem = name.get(..stem_bytes).unwrap_or(&name);
        let number = self.numbers.entry(stem.to_owned()).or_insert(1);
        loop {
            *number = number.saturating_add(1);
            let numbered = format!("{stem}{mark}{number}");
            if self.taken.insert(numbered.clone()) {
                return numbered;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_ids_differ_between_answers_and_are_known_again() {
        let (one, other) = (MadeIds::of("r1"), MadeIds::of("r2"));
        assert_eq!(one.id(0, 1), MadeIds::of("r1").id(0, 1));
        assert_ne!(one.id(0, 1), other.id(0, 1));
        assert_ne!(one.id(0, 1), one.id(1, 0));
        for id in [&one.id(0, 0), &other.id(7, 12), "call_0_0", "call_1_12"] {
            assert!(MadeIds::is_made(id), "{id}");
        }
        for id in [
            "",
            "call_",
            "call_0",
            "call_0_",
            "call_a_0",
            "call_0123456_0_0",
            "call_0123456g_0_0",
            "call_01234567_0_0_0",
            "call_01234567_x_0",
            "call_XK2hQ0R0n",
            "toolu_01234567_0_0",
        ] {
            assert!(!MadeIds::is_made(id), "{id}");
        }
    }

    #[test]
    fn an_id_that_comes_again_is_numbered() {
        let mut ids = CallIds::new(16, |id| id.replace(' ', "_"));
        assert_eq!(ids.result("never called"), "never_called");
        for (id, written) in [
            ("a b", "a_b"),
            ("a_b", "a_b-2"),
            ("a b", "a_b-3"),
            ("0123456789abcdef", "0123456789abcdef"),
            ("0123456789abcdef", "0123-2"),
        ] {
            assert_eq!(ids.call(id), written);
            assert_eq!(ids.result(id), written);
        }
    }
}
