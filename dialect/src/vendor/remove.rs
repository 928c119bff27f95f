//! Taking members out of objects together with their commas.

use std::ops::Range;

use crate::bytes::{is_space, tail};

/// The ranges to take out so that the members at `spans` (key to value) are gone and the objects
/// around them are objects still. Members of several objects may be given at once.
pub(crate) fn members(body: &[u8], mut spans: Vec<Range<usize>>) -> Vec<Range<usize>> {
    spans.sort_by_key(|span| span.start);
    let mut ranges: Vec<Range<usize>> = Vec::with_capacity(spans.len());
    for span in spans {
        let after = skip_space(body, span.end);
        if body.get(after) == Some(&b',') {
            ranges.push(span.start..after.saturating_add(1));
            continue;
        }
        // The last member of its object: the comma before goes, also where that is a member's that
        // goes itself.
        let mut start = before_space(body, span.start);
        while let Some(last) = ranges.pop_if(|last| last.end == start) {
            start = before_space(body, last.start);
        }
        match start.checked_sub(1) {
            Some(comma) if body.get(comma) == Some(&b',') => ranges.push(comma..span.end),
            Some(_) | None => ranges.push(start..span.end),
        }
    }
    ranges
}

/// The first place from `at` on that is no white space.
pub(crate) fn skip_space(body: &[u8], at: usize) -> usize {
    let spaces = tail(body, at).iter().take_while(|&&byte| is_space(byte));
    at.saturating_add(spaces.count())
}

/// The place before which there is no white space, from `at` back.
pub(crate) fn before_space(body: &[u8], at: usize) -> usize {
    let before = body.get(..at).unwrap_or_default();
    let spaces = before.iter().rev().take_while(|&&byte| is_space(byte));
    at.saturating_sub(spaces.count())
}
