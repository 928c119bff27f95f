//! What the headers of an answer say of the account's rate limits.
//!
//! OpenAI's `x-ratelimit-{limit,remaining,reset}-{requests,tokens}` with durations such as `6m0s`
//! (<https://platform.openai.com/docs/guides/rate-limits>), which Azure, Groq, Fireworks and others send
//! too; Anthropic's `anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-…` with RFC 3339
//! times (<https://docs.anthropic.com/en/api/rate-limits>); names with a window, such as Mistral's
//! `x-ratelimitbysize-remaining-minute` and Cerebras' `x-ratelimit-remaining-requests-day`; and the plain
//! `x-ratelimit-remaining`. Whatever makes no sense counts as not said.

mod time;

/// Longest time to a reset that is told, milliseconds.
pub const RESET_LIMIT_MS: u64 = 3_600_000;

/// Largest count that is told; what is larger is no limit.
const COUNT_LIMIT: u64 = 1_000_000_000_000;

/// Longest value that is read, bytes.
const VALUE_LIMIT_BYTES: usize = 64;

/// What is left of one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Requests or tokens that are left.
    pub remaining: u64,
    /// Of how many; never 0.
    pub limit: Option<u64>,
    /// When it is whole again, milliseconds from the answer's head, at most [`RESET_LIMIT_MS`].
    pub reset_ms: Option<u64>,
}

/// The tightest limit of requests and of tokens; `None` where nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimits {
    /// Of requests.
    pub requests: Option<Allowance>,
    /// Of tokens.
    pub tokens: Option<Allowance>,
}

/// Limits of one resource that are told apart: whole, per minute, for longer, of prompts, of answers.
const SCOPES: usize = 5;

/// Reads header by header; holds a fixed amount whatever comes.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    slots: [[Slot; SCOPES]; 2],
    any: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    remaining: Option<u64>,
    limit: Option<u64>,
    reset: Option<Reset>,
}

/// When a limit is whole again, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reset {
    /// From now.
    In(u64),
    /// Since the Unix epoch.
    At(u64),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Limit,
    Remaining,
    Reset,
}

impl Reader {
    /// Takes in one header; its name in lower case.
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        let Some(rest) = limits_of(name) else {
            return;
        };
        let Some((resource, scope, word)) = meaning(rest) else {
            return;
        };
        let text = value.trim_ascii();
        let slots = self.slots.get_mut(resource);
        let Some(slot) = slots.and_then(|scopes| scopes.get_mut(scope)) else {
            return;
        };
        if text.len() > VALUE_LIMIT_BYTES {
            return;
        }
        self.any = true;
        match word {
            Word::Limit => slot.limit = count(text).filter(|limit| *limit > 0),
            Word::Remaining => slot.remaining = count(text),
            Word::Reset => slot.reset = time::reset(text),
        }
    }

    /// What was said, if anything; `now` tells milliseconds since the Unix epoch, and is asked only when
    /// a reset is a moment.
    #[must_use]
    pub fn finish(&self, now: impl Fn() -> u64) -> Option<RateLimits> {
        if !self.any {
            return None;
        }
        let [requests, tokens] = &self.slots;
        let said = RateLimits {
            requests: tightest(requests, &now),
            tokens: tightest(tokens, &now),
        };
        (said != RateLimits::default()).then_some(said)
    }
}

/// What follows the prefix of a header that speaks of limits.
fn limits_of(name: &[u8]) -> Option<&[u8]> {
    let prefixes: [&[u8]; 4] = [
        b"x-ratelimit",
        b"anthropic-ratelimit",
        b"ratelimit",
        b"x-tokenlimit",
    ];
    let tokens = name.starts_with(b"x-tokenlimit");
    let rest = prefixes
        .iter()
        .find_map(|prefix| name.strip_prefix(*prefix));
    // Its prefix is all that says that it counts tokens.
    if tokens {
        name.strip_prefix(b"x-")
    } else {
        rest
    }
}

/// Which resource (requests, tokens), which scope and which word; `None` for what is not understood.
fn meaning(rest: &[u8]) -> Option<(usize, usize, Word)> {
    let (mut resource, mut scope, mut word) = (0, 0, None);
    for part in rest.split(|byte| *byte == b'-') {
        match part {
            b"" | b"requests" | b"req" => {}
            b"tokens" | b"tokenlimit" | b"bysize" => resource = 1,
            b"minute" => scope = 1,
            b"hour" | b"day" | b"month" => scope = 2,
            b"input" | b"prompt" => scope = 3,
            b"output" | b"generated" => scope = 4,
            b"limit" if word.is_none() => word = Some(Word::Limit),
            b"remaining" if word.is_none() => word = Some(Word::Remaining),
            b"reset" if word.is_none() => word = Some(Word::Reset),
            _ => return None,
        }
    }
    Some((resource, scope, word?))
}

/// A count of at most [`COUNT_LIMIT`]; a policy may follow it, as in `100, 100;w=60`.
fn count(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at_checked(digits)?;
    let ends = matches!(rest.first(), None | Some(b'.' | b',' | b';' | b' '));
    let value: u64 = std::str::from_utf8(number).ok()?.parse().ok()?;
    (ends && value <= COUNT_LIMIT).then_some(value)
}

/// The limit of which the smallest share is left.
fn tightest(slots: &[Slot; SCOPES], now: &impl Fn() -> u64) -> Option<Allowance> {
    let allowances = slots.iter().filter_map(|slot| {
        let remaining = slot.remaining?;
        let reset_ms = slot.reset.map(|reset| match reset {
            Reset::In(ms) => ms,
            Reset::At(at) => at.saturating_sub(now()),
        });
        Some(Allowance {
            remaining: slot.limit.map_or(remaining, |limit| remaining.min(limit)),
            limit: slot.limit,
            reset_ms: reset_ms.map(|ms| ms.min(RESET_LIMIT_MS)),
        })
    });
    allowances.min_by(|a, b| left(a).total_cmp(&left(b)))
}

/// The share that is left; all of it where the limit is not known and something is.
#[allow(clippy::cast_precision_loss, reason = "only compared")]
fn left(allowance: &Allowance) -> f64 {
    match (allowance.remaining, allowance.limit) {
        (0, _) => 0.0,
        (remaining, Some(limit)) => remaining as f64 / limit as f64,
        (_, None) => 1.0,
    }
}

#[cfg(test)]
mod tests;
