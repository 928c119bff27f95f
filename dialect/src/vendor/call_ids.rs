//! Ids of tool calls for a vendor that is particular about them.

use std::collections::{BTreeMap, BTreeSet};

/// Letters and digits that such an id has.
const LENGTH: usize = 9;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The ids of one conversation: the client's, and those of nine letters and digits that stand for them.
/// The same id always gets the same, in every request, so that the prompt stays the same for caches;
/// two never share one.
#[derive(Debug, Default)]
pub(super) struct ShortIds {
    by_id: BTreeMap<String, String>,
    taken: BTreeSet<String>,
}

impl ShortIds {
    /// The id to write for one of the client's; `None` when it may stay.
    pub(super) fn short(&mut self, id: &str) -> Option<String> {
        if let Some(known) = self.by_id.get(id) {
            return Some(known.clone()).filter(|known| known != id);
        }
        let fits = id.len() == LENGTH && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let mut short = if fits { id.to_owned() } else { digest(id, 0) };
        let mut attempt = 0_u64;
        while !self.taken.insert(short.clone()) {
            attempt = attempt.saturating_add(1);
            short = digest(id, attempt);
        }
        self.by_id.insert(id.to_owned(), short.clone());
        Some(short).filter(|short| short != id)
    }
}

/// FNV-1a of 64 bits (<http://www.isthe.com/chongo/tech/comp/fnv/>), as digits.
fn digest(id: &str, attempt: u64) -> String {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    let mut hash = id.bytes().fold(BASIS ^ attempt, step);
    // Its last bits depend on the last byte alone: let all depend on all.
    hash = (hash ^ (hash >> 32)).wrapping_mul(PRIME.wrapping_mul(PRIME));
    hash ^= hash >> 29;
    let digit = |_| {
        let digit = usize::try_from(hash % 62).unwrap_or_default();
        hash /= 62;
        char::from(DIGITS.get(digit).copied().unwrap_or(b'0'))
    };
    (0..LENGTH).map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_short_stable_and_different() {
        let mut ids = ShortIds::default();
        assert_eq!(ids.short("abcDEF123"), None);
        let mut all = BTreeSet::from(["abcDEF123".to_owned()]);
        for id in [
            "",
            "call_0_0",
            "call_0_1",
            "toolu_01A",
            "abcDEF12",
            "abcDEF12_",
            "é",
        ] {
            let short = ids.short(id).unwrap();
            assert!(
                short.len() == 9 && short.bytes().all(|b| b.is_ascii_alphanumeric()),
                "{short}"
            );
            assert_eq!(ids.short(id), Some(short.clone()));
            assert_eq!(ShortIds::default().short(id), Some(short.clone()));
            assert_eq!(
                ids.short(&short),
                Some(digest(&short, 1)),
                "taken by another"
            );
            assert!(all.insert(short), "{id}");
        }
        for number in 0..10_000 {
            let short = ids.short(&format!("call_{number}_x")).unwrap();
            assert!(all.insert(short));
        }
    }
}
