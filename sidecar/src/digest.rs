//! SHA-256, as versions and as the digests of keys.

use sha2::{Digest, Sha256};

/// The digest of the parts one after the other: 64 lower-case hex digits.
#[must_use]
pub fn hex(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    let mut text = String::with_capacity(64);
    for byte in hasher.finalize() {
        for nibble in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(nibble), 16));
        }
    }
    text
}

/// The first 12 digits of [`hex`]: enough to tell versions apart.
#[must_use]
pub fn short(parts: &[&[u8]]) -> String {
    let mut text = hex(parts);
    text.truncate(12);
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_demo_key_has_its_known_digest() {
        let digest = super::hex(&[b"ark-", b"demo"]);
        assert_eq!(digest, super::hex(&[b"ark-demo"]));
        assert_eq!(
            super::hex(&[b"abc"]),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(super::short(&[b"abc"]), "ba7816bf8f01");
    }
}
