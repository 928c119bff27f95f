//! Whether a body holds one of some byte strings, however it is cut: a look that costs less than a
//! parse.

use memchr::memmem;

use crate::bytes::tail;

/// Longest marker, in bytes.
const MARKER_LIMIT_BYTES: usize = 32;

/// Looks for markers in windows that follow each other.
#[derive(Clone, Debug)]
pub struct MarkerScan {
    markers: &'static [&'static [u8]],
    /// The end of what was read, in which a marker may have begun.
    seam: Vec<u8>,
    found: bool,
}

impl MarkerScan {
    /// A scan at the start of a body. A marker of more than 32 bytes may be missed at a seam.
    #[must_use]
    pub fn new(markers: &'static [&'static [u8]]) -> Self {
        Self {
            markers,
            seam: Vec::new(),
            found: false,
        }
    }

    /// Reads the next bytes.
    pub fn push(&mut self, window: &[u8]) {
        if self.found {
            return;
        }
        let begun = window.get(..MARKER_LIMIT_BYTES).unwrap_or(window);
        if !self.seam.is_empty() {
            self.seam.extend_from_slice(begun);
            self.found = self.holds(&self.seam);
        }
        self.found = self.found || self.holds(window);
        if window.len() >= MARKER_LIMIT_BYTES {
            self.seam.clear();
            self.seam
                .extend_from_slice(tail(window, window.len() - MARKER_LIMIT_BYTES));
        } else {
            if self.seam.is_empty() {
                self.seam.extend_from_slice(window);
            }
            let surplus = self.seam.len().saturating_sub(MARKER_LIMIT_BYTES);
            self.seam.drain(..surplus);
        }
    }

    /// Whether one has been found.
    #[must_use]
    pub fn found(&self) -> bool {
        self.found
    }

    fn holds(&self, bytes: &[u8]) -> bool {
        self.markers
            .iter()
            .any(|marker| memmem::find(bytes, marker).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::cut;
    use proptest::prelude::*;

    static MARKERS: [&[u8]; 2] = [b"\"image\"", b"ark1."];

    fn found(parts: &[&[u8]]) -> bool {
        let mut scan = MarkerScan::new(&MARKERS);
        for part in parts {
            scan.push(part);
        }
        scan.found()
    }

    #[test]
    fn a_marker_is_found_wherever_it_is_cut() {
        let body = [&[b'x'; 100], &b"{\"image\":1}"[..], &[b'y'; 100]].concat();
        for size in 1..=body.len() {
            let parts: Vec<&[u8]> = body.chunks(size).collect();
            assert!(found(&parts), "in windows of {size}");
        }
        assert!(!found(&[br#"{"text":"an \"image\" of"}"#]));
    }

    proptest! {
        #[test]
        fn cutting_changes_nothing(body in "[ark1.x]{0,80}", cuts in prop::collection::vec(1usize..20, 1..20)) {
            let parts = cut(body.as_bytes(), &cuts);
            prop_assert_eq!(found(&parts), body.contains("ark1."));
        }
    }
}
