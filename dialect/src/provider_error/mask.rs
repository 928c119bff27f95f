//! Blanking out what looks like a credential.

const MASK: &str = "***";
/// How credentials of well-known vendors begin.
const PREFIXES: [&str; 8] = [
    "sk-", "gsk_", "xai-", "pplx-", "hf_", "nvapi-", "AIza", "AKIA",
];
/// Words next to which a long run of letters and digits is taken for a credential.
const KEY_WORDS: [&str; 7] = [
    "key",
    "token",
    "secret",
    "authorization",
    "credential",
    "password",
    "signature",
];
const RUN_BYTES: usize = 24;
const NEAR_BYTES: usize = 48;

/// `text` with credentials blanked out: known prefixes, what follows `Bearer`, and long runs of
/// letters and digits next to a word such as `key`.
pub(super) fn masked(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut safe = String::with_capacity(text.len());
    let mut bearer = false;
    let mut start = 0;
    for (is_run, piece) in pieces(text) {
        let end = start + piece.len();
        if is_run && (bearer || has_prefix(piece) || is_key(piece, &lower, start, end)) {
            safe.push_str(prefix(piece));
            safe.push_str(MASK);
            if piece.ends_with('.') {
                safe.push('.');
            }
        } else {
            safe.push_str(piece);
        }
        // `Bearer X` and `Bearer: X`: what stands between is not a run.
        if is_run {
            bearer = piece.eq_ignore_ascii_case("bearer");
        }
        start = end;
    }
    safe
}

/// The text cut into runs of credential characters and what stands between them.
fn pieces(text: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let is_run = is_run_char(rest.chars().next()?);
        let end = rest
            .find(|c| is_run_char(c) != is_run)
            .unwrap_or(rest.len());
        let (piece, left) = rest.split_at_checked(end)?;
        rest = left;
        Some((is_run, piece))
    })
}

fn is_run_char(c: char) -> bool {
    // `*` as providers blank out the middle of a key and show its ends; `.` as in JSON Web Tokens.
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '/' | '*' | '~' | '.')
}

fn prefix(run: &str) -> &'static str {
    PREFIXES
        .into_iter()
        .find(|prefix| run.starts_with(prefix))
        .unwrap_or_default()
}

/// A vendor's prefix with something of a key behind it.
fn has_prefix(run: &str) -> bool {
    run.split('/').any(|part| {
        let prefix = prefix(part);
        !prefix.is_empty() && part.len() >= prefix.len() + 4
    })
}

fn is_key(run: &str, lower: &str, start: usize, end: usize) -> bool {
    if run.len() < RUN_BYTES {
        return false;
    }
    let digit = run.bytes().any(|b| b.is_ascii_digit());
    let upper = run.bytes().any(|b| b.is_ascii_uppercase());
    let small = run.bytes().any(|b| b.is_ascii_lowercase());
    let from = lower.floor_char_boundary(start.saturating_sub(NEAR_BYTES));
    let to = lower.floor_char_boundary(end.saturating_add(NEAR_BYTES).min(lower.len()));
    let near = |range| {
        let around: &str = lower.get(range).unwrap_or_default();
        KEY_WORDS.iter().any(|word| around.contains(word))
    };
    (digit || (upper && small)) && (near(from..start) || near(end..to))
}
