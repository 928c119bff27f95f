//! Slices that cannot panic.

/// `bytes` from `at` on; empty when there is no such place.
pub(crate) fn tail(bytes: &[u8], at: usize) -> &[u8] {
    bytes.get(at..).unwrap_or_default()
}

/// `bytes` before `end`; all of them when there are fewer.
pub(crate) fn head(bytes: &[u8], end: usize) -> &[u8] {
    bytes.get(..end).unwrap_or(bytes)
}

/// White space of JSON, RFC 8259 section 2.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
