//! Client keys: made here once, kept by their owner, known to Ark by their digest only.

use crate::digest;

/// Random bytes of a key.
const KEY_BYTES: usize = 32;
/// Digits of a key; 32 of them, so that each byte's low five bits are one digit without bias.
/// Letters that are mistaken for digits are missing.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Longest key that is taken, bytes.
const MAX_KEY_BYTES: usize = 4096;

/// A fresh key, `ark-` and 32 digits of 5 random bits each: 160 bits.
///
/// # Errors
/// The system has no randomness.
pub fn fresh() -> Result<String, String> {
    let mut random = [0_u8; KEY_BYTES];
    getrandom::fill(&mut random).map_err(|error| format!("no randomness: {error}"))?;
    let digits = random
        .iter()
        .filter_map(|byte| DIGITS.get(usize::from(byte & 31)));
    let mut key = "ark-".to_owned();
    key.extend(digits.map(|digit| char::from(*digit)));
    Ok(key)
}

/// The digest of a key for `ark.yaml`; one trailing newline is not part of the key.
///
/// # Errors
/// It is nothing that a client could send.
pub fn digest_of(input: &str) -> Result<String, String> {
    let key = input.strip_suffix('\n').unwrap_or(input);
    let key = key.strip_suffix('\r').unwrap_or(key);
    if key.is_empty() {
        return Err(
            "no key: write it to standard input, e.g. with: ark keys hash < FILE".to_owned(),
        );
    }
    if key.len() > MAX_KEY_BYTES || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!(
            "a key is one line of at most {MAX_KEY_BYTES} visible ASCII characters without spaces"
        ));
    }
    Ok(digest::hex(&[key.as_bytes()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_keys_differ_and_can_be_sent() {
        let (a, b) = (fresh().unwrap(), fresh().unwrap());
        assert_ne!(a, b);
        assert_eq!(a.len(), 36);
        assert!(a.starts_with("ark-"));
        assert_eq!(digest_of(&a).unwrap().len(), 64);
    }

    #[test]
    fn the_newline_of_an_editor_is_not_part_of_a_key() {
        let digest = digest_of("ark-demo").unwrap();
        assert_eq!(digest_of("ark-demo\n").unwrap(), digest);
        assert_eq!(digest_of("ark-demo\r\n").unwrap(), digest);
        for bad in ["", "\n", "two keys", "one\ntwo", "schlüssel"] {
            assert!(digest_of(bad).is_err(), "{bad:?}");
        }
    }
}
