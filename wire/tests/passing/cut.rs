//! Cutting a stream where a network might.

/// `bytes` cut into pieces whose sizes follow from `seed`; no piece is empty.
pub(crate) fn cut(bytes: &[u8], seed: u64) -> Vec<&[u8]> {
    let mut state = seed | 1;
    let mut rest = bytes;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let most = [1, 3, 16, 200][(seed % 4) as usize];
        let (piece, left) = rest.split_at(((state >> 33) as usize % most + 1).min(rest.len()));
        pieces.push(piece);
        rest = left;
    }
    pieces
}
