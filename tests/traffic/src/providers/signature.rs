//! Signatures of reasoning: a server takes back only what a server of the same maker gave out.
//!
//! Real signatures are opaque; these can be checked without memory, so that any of a maker's
//! servers (Anthropic's own API and Bedrock) knows another's. Where they are of one account, they say of
//! which.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::openai::embedding::base64;

/// Whose signature it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Maker {
    Anthropic,
    Google,
    Openai,
}

impl Maker {
    fn name(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Google => "google",
            Self::Openai => "openai",
        }
    }

    /// The signature of `text`, in base64.
    pub(super) fn sign(self, text: &str) -> String {
        let digest = Sha256::digest(format!("{}\n{text}", self.name()));
        base64(&digest)
    }

    /// An opaque token, in base64, that says only who made it.
    pub(super) fn seal(self, nonce: u64) -> String {
        self.seal_at("", nonce)
    }

    /// The same of one account, which has no colon in its name.
    pub(super) fn seal_at(self, account: &str, nonce: u64) -> String {
        let mut token = format!("{}:{nonce}:{account}:", self.name());
        let digest = Sha256::digest(&token);
        for byte in digest.iter().take(8) {
            // Writing to a string cannot fail.
            let _written = write!(token, "{byte:02x}");
        }
        base64(token.as_bytes())
    }

    /// Whether `token` is one of [`Maker::seal`]'s.
    pub(super) fn sealed(self, token: &str) -> bool {
        let made = said(token).map(|(nonce, account)| self.seal_at(&account, nonce));
        made.as_deref() == Some(token)
    }
}

/// The account that a sealed token is of.
pub(super) fn account_of(token: &str) -> Option<String> {
    said(token).map(|(_, account)| account)
}

/// The nonce and the account are found again by reading them.
fn said(token: &str) -> Option<(u64, String)> {
    let text = String::from_utf8(decode(token)?).ok()?;
    let mut words = text.split(':').skip(1);
    Some((words.next()?.parse().ok()?, words.next()?.to_owned()))
}

/// Decodes standard base64 with padding.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let digits = text.trim_end_matches('=');
    if text.len() - digits.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for digit in digits.bytes() {
        let value = ALPHABET.iter().position(|letter| *letter == digit)?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
        bits &= (1 << count) - 1;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_maker_knows_its_own_only() {
        let sealed = Maker::Google.seal(42);
        assert!(Maker::Google.sealed(&sealed));
        assert!(!Maker::Openai.sealed(&sealed));
        let ours = Maker::Google.seal_at("ours", 42);
        assert!(Maker::Google.sealed(&ours));
        assert_eq!(account_of(&ours).as_deref(), Some("ours"));
        assert_eq!(account_of(&sealed).as_deref(), Some(""));
        assert!(!Maker::Google.sealed("Zm9v"));
        assert!(!Maker::Google.sealed("not base64"));
        assert_ne!(Maker::Anthropic.sign("a"), Maker::Anthropic.sign("b"));
        assert_ne!(Maker::Anthropic.sign("a"), Maker::Google.sign("a"));
    }

    #[test]
    fn base64_is_decoded() {
        for (text, bytes) in [
            ("", Some("")),
            ("Zg==", Some("f")),
            ("Zm8=", Some("fo")),
            ("Zm9v", Some("foo")),
            ("Zm9vYmFy", Some("foobar")),
            ("Zm9", None),
            ("Z===", None),
            ("Zm9*", None),
        ] {
            assert_eq!(decode(text), bytes.map(|b| b.as_bytes().to_vec()), "{text}");
        }
    }
}
