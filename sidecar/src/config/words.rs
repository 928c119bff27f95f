//! Judging single words of the file: names, near misses, and what must not be repeated.

/// Beginnings of well-known providers' keys.
const KEY_PREFIXES: [&str; 15] = [
    "sk-", "sk_", "rk-", "pk-", "gsk_", "xai-", "hf_", "ghp_", "AIza", "ya29.", "AKIA", "ABSK",
    "eyJ", "Bearer ", "bearer ",
];

/// Whether text has the form of a well-known kind of secret: the operator has pasted a key.
pub(super) fn is_pasted_key(text: &str) -> bool {
    text.len() >= 12 && KEY_PREFIXES.iter().any(|prefix| text.starts_with(prefix))
}

/// Whether text could be a secret: reason enough not to repeat it in a message or a log.
pub(super) fn looks_secret(text: &str) -> bool {
    let dense = text.len() >= 20
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-+/=".contains(&byte));
    KEY_PREFIXES.iter().any(|prefix| text.starts_with(prefix)) || dense
}

/// The text in quotes, or a word for it when it is too long or could be a secret.
pub(super) fn quoted(text: &str) -> String {
    if text.chars().count() > 64 || looks_secret(text) {
        "the value".to_owned()
    } else {
        format!("{text:?}")
    }
}

/// Names of providers, tenants and keys: `[a-z0-9][a-z0-9._-]{0,63}`.
pub(super) fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    bytes.next().is_some_and(word)
        && text.len() <= 64
        && bytes.all(|byte| word(byte) || b"._-".contains(&byte))
}

/// Names of models: `[A-Za-z0-9._:/@-]{1,128}`.
pub(super) fn is_model_name(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._:/@-".contains(&byte))
}

/// The name that `text` was most likely meant to be.
pub(super) fn nearest<'n>(text: &str, names: &[&'n str]) -> Option<&'n str> {
    // Longer words are no typing errors, and would cost quadratic time.
    if text.len() > 64 {
        return None;
    }
    let close = names.iter().map(|name| (distance(text, name), *name));
    let near = |name: &str| match name.len() {
        0..4 => 1,
        // Two letters in the wrong order are two errors.
        4..9 => 2,
        long => long / 3,
    };
    close
        .filter(|(far, name)| *far <= near(name))
        .min_by_key(|(far, _)| *far)
        .map(|(_, name)| name)
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut left = i + 1;
        let mut next = vec![left];
        for ((above_left, above), other) in row.iter().zip(row.iter().skip(1)).zip(&b) {
            left = (left + 1)
                .min(above + 1)
                .min(above_left + usize::from(*other != letter));
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

/// Reads a plain decimal of at most six decimals, in millionths.
pub(super) fn millionths(text: &str) -> Option<u64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let decimals = match decimals.trim_end_matches('0') {
        "" => "0",
        some => some,
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(decimals) || decimals.len() > 6 {
        return None;
    }
    let decimals: u64 = format!("{decimals:0<6}").parse().ok()?;
    let whole: u64 = whole.parse().ok()?;
    whole.checked_mul(1_000_000)?.checked_add(decimals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        for (text, value) in [
            ("0", Some(0)),
            ("0.15", Some(150_000)),
            ("1.0", Some(1_000_000)),
            ("2.5000000", Some(2_500_000)),
            ("0.000001", Some(1)),
            ("0.0000001", None),
            ("1e-7", None),
            ("-1", None),
            ("1.", Some(1_000_000)),
            (".5", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(millionths(text), value, "{text}");
        }
    }

    #[test]
    fn a_typing_error_finds_its_name() {
        let names = ["openai", "azure", "official", "domestic"];
        for (text, name) in [
            ("opnai", Some("openai")),
            ("Azure", Some("azure")),
            ("offical", Some("official")),
            ("domestci", Some("domestic")),
            ("bedrock", None),
            ("", None),
        ] {
            assert_eq!(nearest(text, &names), name, "{text}");
        }
    }

    #[test]
    fn what_could_be_a_secret_is_not_repeated() {
        for secret in [
            "sk-proj-abc",
            "Bearer x",
            "0123456789abcdef0123456789abcdef",
            "AIzaSyD-0123456789",
        ] {
            assert_eq!(quoted(secret), "the value");
        }
        for plain in ["opnai", "gpt-4o-mini", "us-east-1", "http://example.com/v1"] {
            assert_eq!(quoted(plain), format!("\"{plain}\""));
        }
    }
}
