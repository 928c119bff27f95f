//! Keys that show by their beginning whose they are.

use std::ops::Range;

use crate::scan::{Text, is_word};

/// What follows a prefix.
#[derive(Clone, Copy)]
enum Body {
    /// Letters and digits.
    Alnum,
    /// Those, `-` and `_`.
    Dashed,
    /// Those, `.`, `/`, `+`, `=` and `~`.
    Loose,
    /// Capital letters and digits.
    Upper,
}

impl Body {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Dashed => is_word(byte) || byte == b'-',
            Self::Loose => is_word(byte) || matches!(byte, b'-' | b'.' | b'/' | b'+' | b'=' | b'~'),
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
        }
    }
}

/// A prefix, what follows, and how many bytes of that there are at least. The longer of two prefixes
/// stands first.
type Row = (&'static str, Body, usize);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // Models.
    ("sk-ant-", Body::Dashed, 16),          // Anthropic
    ("sk-proj-", Body::Dashed, 16),         // OpenAI, as the next three
    ("sk-svcacct-", Body::Dashed, 16),
    ("sk-admin-", Body::Dashed, 16),
    ("sk-None-", Body::Dashed, 16),
    ("sk-or-", Body::Dashed, 16),           // OpenRouter
    ("sk-api-", Body::Dashed, 16),          // MiniMax
    ("sk-cp-", Body::Dashed, 16),           // MiniMax
    ("sk-sp-", Body::Dashed, 16),           // Alibaba Cloud Model Studio
    ("sk-lf-", Body::Dashed, 16),           // Langfuse
    ("sk_live_", Body::Alnum, 16),          // Stripe
    ("sk_test_", Body::Alnum, 16),
    ("rk_live_", Body::Alnum, 16),
    ("sk_", Body::Alnum, 32),               // ElevenLabs
    // OpenAI's older form, DeepSeek, Qwen, Kimi, SiliconFlow, and many that copy it.
    ("sk-", Body::Alnum, 20),
    ("csk-", Body::Alnum, 20),              // Cerebras
    ("gsk_", Body::Alnum, 20),              // Groq
    ("xai-", Body::Alnum, 20),
    ("pplx-", Body::Alnum, 20),             // Perplexity
    ("nvapi-", Body::Dashed, 20),
    ("hf_", Body::Alnum, 20),               // Hugging Face
    ("r8_", Body::Alnum, 20),               // Replicate
    ("fw_", Body::Alnum, 20),               // Fireworks
    ("tgp_v1_", Body::Dashed, 20),          // Together
    ("jina_", Body::Dashed, 20),
    ("tvly-", Body::Dashed, 16),            // Tavily
    ("lsv2_", Body::Dashed, 20),            // LangSmith
    ("pa-", Body::Dashed, 40),              // Voyage
    ("ABSK", Body::Loose, 40),              // Bedrock
    ("bedrock-api-key-", Body::Loose, 20),
    ("bce-v3/", Body::Loose, 30),           // Baidu
    // Ark's own: 32 digits.
    ("ark-", Body::Alnum, 32),
    // Clouds.
    ("AKIA", Body::Upper, 16),              // AWS, as the next three
    ("ASIA", Body::Upper, 16),
    ("ABIA", Body::Upper, 16),
    ("ACCA", Body::Upper, 16),
    ("AIza", Body::Dashed, 35),             // Google, as the next five
    ("AQ.", Body::Dashed, 30),
    ("ya29.", Body::Loose, 20),
    ("1//0", Body::Dashed, 30),
    ("GOCSPX-", Body::Dashed, 20),
    ("LTAI", Body::Alnum, 12),              // Alibaba Cloud
    ("AKID", Body::Alnum, 28),              // Tencent Cloud
    ("AKLT", Body::Alnum, 20),              // Volcengine
    ("dop_v1_", Body::Alnum, 32),           // DigitalOcean
    ("dapi", Body::Alnum, 32),              // Databricks
    // Forges, registries, chat and mail.
    ("github_pat_", Body::Dashed, 22),
    ("ghp_", Body::Alnum, 30),
    ("gho_", Body::Alnum, 30),
    ("ghu_", Body::Alnum, 30),
    ("ghs_", Body::Alnum, 30),
    ("ghr_", Body::Alnum, 30),
    ("glpat-", Body::Dashed, 20),
    ("npm_", Body::Alnum, 30),
    ("pypi-", Body::Dashed, 40),
    ("xoxb-", Body::Dashed, 10),            // Slack, as the next six
    ("xoxp-", Body::Dashed, 10),
    ("xoxa-", Body::Dashed, 10),
    ("xoxr-", Body::Dashed, 10),
    ("xoxs-", Body::Dashed, 10),
    ("xoxe", Body::Loose, 20),
    ("xapp-", Body::Dashed, 10),
    ("hooks.slack.com/services/", Body::Loose, 20),
    ("SG.", Body::Loose, 40),               // SendGrid
    ("hvs.", Body::Dashed, 20),             // HashiCorp Vault
    ("AGE-SECRET-KEY-1", Body::Alnum, 40),
];

/// A key at a place where a word begins.
pub(crate) fn key(text: Text<'_>, at: usize) -> Option<Range<usize>> {
    let rest = text.rest(at);
    let first = rest.first()?;
    let row = ROWS
        .iter()
        .filter(|(p, _, _)| p.as_bytes().first() == Some(first));
    row.filter(|(prefix, _, _)| rest.starts_with(prefix.as_bytes()))
        .find_map(|(prefix, body, least)| {
            let start = at + prefix.len();
            let end = text.run(start, |byte| body.has(byte));
            let end = end - trailing_stops(text.slice(start..end));
            let is_exact = !matches!(body, Body::Upper) || end - start == *least;
            let is_key = end - start >= *least && is_exact && has_digit(text, start..end);
            (is_key && !is_word(text.at(end))).then_some(at..end)
        })
        .or_else(|| unmarked(text, at))
}

/// A full stop, and dashes, at the end are the sentence's.
fn trailing_stops(body: &[u8]) -> usize {
    body.iter()
        .rev()
        .take_while(|b| matches!(b, b'.' | b'/' | b'-'))
        .count()
}

/// Words with dashes between them are no key.
fn has_digit(text: Text<'_>, body: Range<usize>) -> bool {
    text.slice(body).iter().any(u8::is_ascii_digit)
}

/// Keys without a prefix that their form shows all the same: Zhipu's `ID.SECRET`, Azure's 84
/// characters with their mark, a client secret of Entra ID.
fn unmarked(text: Text<'_>, at: usize) -> Option<Range<usize>> {
    const ZHIPU: (usize, usize) = (32, 16);
    const AZURE: (usize, &[u8]) = (84, b"JQQJ99");
    const ENTRA: (usize, usize, &[u8]) = (3, 34, b"Q~");
    let end = text.run_within(at, AZURE.0 + 1, |byte| byte.is_ascii_alphanumeric());
    let run = text.slice(at..end);
    if run.len() == AZURE.0 && run.windows(AZURE.1.len()).any(|part| part == AZURE.1) {
        return Some(at..end);
    }
    let is_lower_hex = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    if run.len() == ZHIPU.0 && text.at(end) == b'.' && run.iter().all(is_lower_hex) {
        let last = text.run_within(end + 1, ZHIPU.1 + 1, |b| b.is_ascii_alphanumeric());
        let is_one = last - end - 1 == ZHIPU.1 && !is_word(text.at(last));
        return is_one.then_some(at..last);
    }
    // Three characters, a digit, `Q~`, and the rest.
    let (before, total, mark) = ENTRA;
    if run.len() == before + 2 && text.slice(end - 1..end + 1) == mark {
        let last = text.run_within(at, 64, |byte| Body::Loose.has(byte));
        let is_one = last - at >= total && run.get(before).is_some_and(u8::is_ascii_digit);
        return (is_one && !is_word(text.at(last))).then_some(at..last);
    }
    None
}
