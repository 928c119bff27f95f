//! What holds for any text; the fuzzer asks the same.

use ark_redact::{MOST_GROWTH, find, mask};

/// Checks all of it.
pub(crate) fn hold(text: &str) {
    let mut end = 0;
    for found in find(text) {
        assert!(
            found.range.start >= end && !found.range.is_empty(),
            "{text:?}: {found:?}"
        );
        assert!(
            text.get(found.range.clone()).is_some(),
            "{text:?}: {found:?}"
        );
        end = found.range.end;
    }
    let once = mask(text);
    assert!(once.len() <= text.len() * MOST_GROWTH);
    let left: Vec<_> = find(&once).collect();
    assert!(
        left.is_empty(),
        "{text:?} becomes {once:?}, which has {left:?}"
    );
}
