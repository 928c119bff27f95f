//! Slices that cannot panic.

/// `bytes` from `at` on; empty when there is no such place.
#[must_use]
pub fn tail(bytes: &[u8], at: usize) -> &[u8] {
    bytes.get(at..).unwrap_or_default()
}

/// `bytes` before `end`; all of them when there are fewer.
#[must_use]
pub fn head(bytes: &[u8], end: usize) -> &[u8] {
    bytes.get(..end).unwrap_or(bytes)
}

/// White space of JSON, RFC 8259 section 2.
#[must_use]
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
