//! Names of counters as two words, the same under every snapshot.

/// FNV-1a (Fowler, Noll, Vo), 64 bits, twice from different offsets. The names are the operator's own,
/// so what matters is accidents, and 128 bits leave none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NameHash(u64, u64);

const PRIME: u64 = 0x0000_0100_0000_01b3;

impl NameHash {
    pub(super) const NEW: Self = Self(0xcbf2_9ce4_8422_2325, 0x6c62_272e_07bb_0142);

    /// With a name added; where it ends is part of it.
    pub(super) fn with(mut self, name: &str) -> Self {
        for byte in name.bytes().chain([0xff]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(PRIME);
            self.1 = (self.1.rotate_left(5) ^ u64::from(byte)).wrapping_mul(PRIME);
        }
        self
    }
}
