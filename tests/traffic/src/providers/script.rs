//! What a request asks of a provider: the `x-demo-script` header.
//!
//! `official=status:503, azure=hang, *=chunks:200`: entries per provider name (`*`: every one), each
//! one or more behaviours joined by `+`. All entries that name a provider apply, in order.
//!
//! In place of an answer: `status:N`, `fail:WAY` ([`Failing::WORDS`]), `block[:REASON]`, `reset`, `hang`,
//! `first-event-error[:TYPE]`, `empty-stream`, `error-200`, `replay:NAME`, `echo-headers`, `ok`.
//! What is said: `say:TEXT` (with `%XX`), `calls:N`, `reason:WORDS`, `stop:WORD`, `chunks:N`, `big:BYTES`.
//! What the head says: `header:NAME:VALUE` (with `%XX`), in place of what the provider says by itself.
//! What is counted: `prompt-tokens:N`, `cached:N`, `written:N`. When to come again: `retry-after:S`, or
//! `retry-after:none`. The stream: `slow:MS`, `chunk-delay:MS`, `split:BYTES`, `crlf`, `burst`,
//! `comment-first`, `keep-alives`, `cut:N`, `end:N`, `no-end`, `error-at:N`,
//! `strange-error-at:N`.

use std::time::Duration;

use super::refusal::Failing;

/// Largest scripted answer, bytes.
pub const BIG_LIMIT_BYTES: usize = 64 << 20;
/// Most scripted chunks of one answer.
pub const CHUNKS_LIMIT: usize = 100_000;
/// Longest scripted delay, milliseconds.
const DELAY_LIMIT_MS: usize = 3_600_000;

/// The behaviours that one provider shows for one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// What it does in place of its ordinary answer.
    pub instead: Option<Instead>,
    /// Time to the first byte, in place of a drawn one.
    pub ttft: Option<Duration>,
    /// Time between chunks, in place of a drawn one.
    pub chunk_delay: Option<Duration>,
    /// Words of the answer, one per chunk.
    pub chunks: Option<usize>,
    /// Bytes of the answer's text.
    pub big: Option<usize>,
    /// Write the stream in pieces of this many bytes, whatever the events' bounds.
    pub split: Option<usize>,
    /// How a stream ends.
    pub ending: Option<Ending>,
    /// Keep-alive comments, with the head sent at once, before the first event.
    pub comment_first: bool,
    /// `\r\n` line ends in the stream.
    pub crlf: bool,
    /// The whole stream in one write.
    pub burst: bool,
    /// A keep-alive after each event: a comment, or the dialect's own.
    pub keep_alives: bool,
    /// Headers of the answer, whatever it is.
    pub headers: Vec<(String, String)>,
    /// What the answer says.
    pub answer: AnswerScript,
}

/// What a scripted answer says, whatever its dialect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerScript {
    /// Its text.
    pub say: Option<String>,
    /// How many tools it calls, of those offered, in turn.
    pub calls: Option<usize>,
    /// Words of reasoning before it, also when nobody asked for any.
    pub reason: Option<usize>,
    /// Why it stops, in the dialect's own word.
    pub stop: Option<String>,
    /// The prompt's tokens, all told.
    pub prompt_tokens: Option<usize>,
    /// Those of the prompt's tokens that were read from a cache.
    pub cached: Option<usize>,
    /// Those of the prompt's tokens that were written to a cache.
    pub written: Option<usize>,
    /// Seconds after which a refused client may come again; `Some(None)` for no hint.
    pub retry_after_s: Option<Option<u64>>,
}

/// What takes the place of an ordinary answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instead {
    /// Nothing: an ordinary answer, also while the provider has a bad spell.
    Ordinary,
    /// This status with an error body.
    Status(u16),
    /// A TCP reset in place of an answer.
    Reset,
    /// No answer, ever.
    Hang,
    /// This failure, as the dialect tells it.
    Fail(Failing),
    /// The prompt is blocked, for this reason of the dialect's.
    Block(Option<String>),
    /// A 200 stream whose first event is an error of this type of the dialect's.
    FirstEventError(Option<String>),
    /// A 200 stream without a byte.
    EmptyStream,
    /// A 200 with an error as its JSON body.
    Error200,
    /// The recorded exchange of this name.
    Replay(String),
    /// An answer whose text is the JSON list of the received headers' names.
    EchoHeaders,
}

/// A stream's end, other than the usual one. Counts are SSE events, the role event included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A TCP reset after this many events.
    Cut(usize),
    /// A proper end of the body after this many events, without `[DONE]`.
    End(usize),
    /// A proper end of the body just before the events that tell the stream's end.
    Unfinished,
    /// The dialect's error after this many events.
    Error(usize),
    /// An error in a form of nobody's after this many events.
    StrangeError(usize),
}

impl Script {
    /// Reads the entries of `header` that are for `provider`.
    ///
    /// # Errors
    /// A sentence naming the part that is not understood, in whichever entry: a typo must not
    /// turn a test of a failure into a test of nothing.
    pub fn parse_for(header: &str, provider: &str) -> Result<Self, String> {
        let mut script = Self::default();
        for entry in header.split(',').map(str::trim).filter(|e| !e.is_empty()) {
            let (name, behaviours) = entry
                .split_once('=')
                .ok_or_else(|| format!("`{entry}` is not NAME=BEHAVIOUR"))?;
            let parsed = Self::parse(behaviours)?;
            if matches!(name.trim(), "*") || name.trim() == provider {
                script = script.overridden_by(parsed);
            }
        }
        Ok(script)
    }

    /// Reads behaviours joined by `+`.
    ///
    /// # Errors
    /// A sentence naming the behaviour that is not understood.
    pub fn parse(behaviours: &str) -> Result<Self, String> {
        let mut script = Self::default();
        for behaviour in behaviours.split('+').map(str::trim) {
            script.add(behaviour)?;
        }
        Ok(script)
    }

    fn add(&mut self, behaviour: &str) -> Result<(), String> {
        let (verb, argument) = match behaviour.split_once(':') {
            Some((verb, argument)) => (verb, Some(argument)),
            None => (behaviour, None),
        };
        let number = |limit: usize| -> Result<usize, String> {
            argument
                .and_then(|a| a.parse().ok())
                .filter(|n| *n <= limit)
                .ok_or_else(|| format!("`{behaviour}` needs a number up to {limit}, as `{verb}:1`"))
        };
        match verb {
            "slow" => self.ttft = Some(milliseconds(number(DELAY_LIMIT_MS)?)),
            "chunk-delay" => self.chunk_delay = Some(milliseconds(number(DELAY_LIMIT_MS)?)),
            "chunks" => self.chunks = Some(number(CHUNKS_LIMIT)?),
            "big" => self.big = Some(number(BIG_LIMIT_BYTES)?),
            "split" => self.split = Some(number(BIG_LIMIT_BYTES)?.max(1)),
            "cut" => self.ending = Some(Ending::Cut(number(CHUNKS_LIMIT)?)),
            "end" => self.ending = Some(Ending::End(number(CHUNKS_LIMIT)?)),
            "comment-first" => self.comment_first = true,
            "crlf" => self.crlf = true,
            "burst" => self.burst = true,
            "keep-alives" => self.keep_alives = true,
            "header" => {
                let header = argument
                    .and_then(|a| a.split_once(':'))
                    .and_then(|(name, value)| Some((name.to_ascii_lowercase(), unescaped(value)?)));
                let needs = || format!("`{behaviour}` needs a name and a value, as `header:x-a:1`");
                self.headers.push(header.ok_or_else(needs)?);
            }
            "no-end" => self.ending = Some(Ending::Unfinished),
            "error-at" => self.ending = Some(Ending::Error(number(CHUNKS_LIMIT)?)),
            "strange-error-at" => {
                self.ending = Some(Ending::StrangeError(number(CHUNKS_LIMIT)?));
            }
            "say" | "calls" | "reason" | "stop" | "prompt-tokens" | "cached" | "written"
            | "retry-after" => self.answer.add(verb, argument).ok_or_else(|| {
                format!("`{behaviour}` needs a number up to {CHUNKS_LIMIT}, or a text")
            })?,
            _ => self.instead = Some(Instead::parse(behaviour, verb, argument)?),
        }
        Ok(())
    }

    /// These behaviours, with those of `over` taking precedence.
    #[must_use]
    pub fn overridden_by(self, over: Self) -> Self {
        Self {
            instead: over.instead.or(self.instead),
            ttft: over.ttft.or(self.ttft),
            chunk_delay: over.chunk_delay.or(self.chunk_delay),
            chunks: over.chunks.or(self.chunks),
            big: over.big.or(self.big),
            split: over.split.or(self.split),
            ending: over.ending.or(self.ending),
            comment_first: over.comment_first || self.comment_first,
            crlf: over.crlf || self.crlf,
            burst: over.burst || self.burst,
            keep_alives: over.keep_alives || self.keep_alives,
            // A later one of the same name replaces an earlier one.
            headers: self.headers.into_iter().chain(over.headers).collect(),
            answer: self.answer.overridden_by(over.answer),
        }
    }
}

impl AnswerScript {
    fn add(&mut self, verb: &str, argument: Option<&str>) -> Option<()> {
        let argument = argument?;
        let number = || argument.parse().ok().filter(|n| *n <= CHUNKS_LIMIT);
        match verb {
            "say" => self.say = Some(unescaped(argument)?),
            "stop" => self.stop = Some(argument.to_owned()),
            "calls" => self.calls = Some(number()?),
            "reason" => self.reason = Some(number()?),
            "prompt-tokens" => self.prompt_tokens = Some(number()?),
            "cached" => self.cached = Some(number()?),
            "written" => self.written = Some(number()?),
            _ if argument == "none" => self.retry_after_s = Some(None),
            _ => self.retry_after_s = Some(Some(argument.parse().ok()?)),
        }
        Some(())
    }

    fn overridden_by(self, over: Self) -> Self {
        Self {
            say: over.say.or(self.say),
            calls: over.calls.or(self.calls),
            reason: over.reason.or(self.reason),
            stop: over.stop.or(self.stop),
            prompt_tokens: over.prompt_tokens.or(self.prompt_tokens),
            cached: over.cached.or(self.cached),
            written: over.written.or(self.written),
            retry_after_s: over.retry_after_s.or(self.retry_after_s),
        }
    }
}

impl Instead {
    fn parse(behaviour: &str, verb: &str, argument: Option<&str>) -> Result<Self, String> {
        match (verb, argument) {
            ("ok", None) => Ok(Self::Ordinary),
            ("reset", None) => Ok(Self::Reset),
            ("hang", None) => Ok(Self::Hang),
            ("first-event-error", kind) => Ok(Self::FirstEventError(kind.map(str::to_owned))),
            ("block", reason) => Ok(Self::Block(reason.map(str::to_owned))),
            ("fail", Some(word)) => Failing::WORDS
                .into_iter()
                .find(|(name, _)| *name == word)
                .map(|(_, failing)| Self::Fail(failing))
                .ok_or_else(|| format!("`{behaviour}` needs a way to fail")),
            ("empty-stream", None) => Ok(Self::EmptyStream),
            ("error-200", None) => Ok(Self::Error200),
            ("echo-headers", None) => Ok(Self::EchoHeaders),
            ("replay", Some(name)) => Ok(Self::Replay(name.to_owned())),
            ("status", Some(status)) => match status.parse() {
                Ok(status @ 200..=599) => Ok(Self::Status(status)),
                _ => Err(format!("`{behaviour}` needs a status from 200 to 599")),
            },
            _ => Err(format!("`{behaviour}` is not a behaviour")),
        }
    }
}

/// `%XX` as in URLs, since `,` and `+` part a script's words.
pub(super) fn unescaped(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

fn milliseconds(count: usize) -> Duration {
    Duration::from_millis(u64::try_from(count).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, provider: &str, expected: &Script) {
        assert_eq!(
            Script::parse_for(header, provider).as_ref(),
            Ok(expected),
            "{header}"
        );
    }

    #[test]
    fn entries_apply_to_the_provider_they_name() {
        let header = "official=status:503, azure=hang , *=chunks:200";
        let chunks = Script {
            chunks: Some(200),
            ..Script::default()
        };
        check("", "official", &Script::default());
        check(header, "domestic", &chunks);
        check(
            header,
            "official",
            &Script {
                instead: Some(Instead::Status(503)),
                ..chunks.clone()
            },
        );
        check(
            header,
            "azure",
            &Script {
                instead: Some(Instead::Hang),
                ..chunks
            },
        );
    }

    #[test]
    fn behaviours_join_and_later_entries_win() {
        check(
            "*=slow:20+chunks:3+cut:2+crlf, a=slow:5+comment-first+split:7",
            "a",
            &Script {
                ttft: Some(Duration::from_millis(5)),
                chunks: Some(3),
                ending: Some(Ending::Cut(2)),
                crlf: true,
                comment_first: true,
                split: Some(7),
                ..Script::default()
            },
        );
        check(
            "a=first-event-error:overloaded_error",
            "a",
            &Script {
                instead: Some(Instead::FirstEventError(Some(
                    "overloaded_error".to_owned(),
                ))),
                ..Script::default()
            },
        );
    }

    #[test]
    fn an_answer_is_scripted_by_what_it_says() {
        let answer = AnswerScript {
            say: Some("1+1, 100%".to_owned()),
            calls: Some(2),
            retry_after_s: Some(None),
            cached: Some(7),
            ..AnswerScript::default()
        };
        check(
            "*=say:1%2B1%2C 100%25+calls:1+retry-after:none, a=calls:2+cached:7",
            "a",
            &Script {
                answer,
                ..Script::default()
            },
        );
    }

    #[test]
    fn a_typo_is_an_error_whichever_provider_it_is_for() {
        for header in [
            "official",
            "other=statsu:503",
            "a=status:99",
            "a=status",
            "a=cut:x",
            "a=cut",
            "a=big:999999999999",
            "a=ok:1",
            "a=ok+",
            "a=replay",
            "a=fail:x",
            "a=say:%2",
            "a=calls:x",
            "a=retry-after",
            "a=header:x-a",
        ] {
            assert!(Script::parse_for(header, "official").is_err(), "{header}");
        }
    }
}
