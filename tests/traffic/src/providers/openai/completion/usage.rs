//! The usage of a completion, where and as each API has it.

use super::{Completion, Form, put};
use crate::providers::vendors::{CacheWord, UsagePlace};

impl Completion<'_> {
    /// What stands in the last chunk with a choice, where a vendor puts the usage there.
    pub(super) fn write_final_usage(&self, out: &mut Vec<u8>) {
        let (open, close): (&[u8], &[u8]) = match self.usage_place() {
            UsagePlace::Asked => (b"}]", b""),
            UsagePlace::LastChunk => (b"}],\"usage\":", b""),
            UsagePlace::LastChoice => (b",\"usage\":", b"}]"),
            UsagePlace::XGroq => (b"}],\"x_groq\":{\"id\":\"req_1\",\"usage\":", b"}"),
        };
        out.extend_from_slice(open);
        if self.usage_place() != UsagePlace::Asked {
            self.write_usage(out);
        }
        out.extend_from_slice(close);
    }

    /// Where a stream has it.
    pub(super) fn usage_place(&self) -> UsagePlace {
        self.vendor()
            .map_or(UsagePlace::Asked, |vendor| vendor.usage)
    }

    /// Writes the usage object.
    pub(super) fn write_usage(&self, out: &mut Vec<u8>) {
        let usage = self.reply.usage;
        let (prompt, cached, thoughts) = (usage.prompt, usage.cached, usage.thoughts);
        let completion = self.tokens() * self.choices;
        let total = prompt + completion;
        put(
            out,
            format_args!(
                r#"{{"prompt_tokens":{prompt},"completion_tokens":{completion},"total_tokens":{total}"#
            ),
        );
        if self.form == Form::Chat {
            let reasoning = thoughts * self.choices;
            match self.vendor().map(|vendor| vendor.cache) {
                None | Some(CacheWord::Details) => put(
                    out,
                    format_args!(
                        r#","prompt_tokens_details":{{"cached_tokens":{cached},"audio_tokens":0}}"#
                    ),
                ),
                Some(CacheWord::HitMiss) => put(
                    out,
                    format_args!(
                        r#","prompt_cache_hit_tokens":{cached},"prompt_cache_miss_tokens":{},"prompt_tokens_details":{{"cached_tokens":{cached}}}"#,
                        prompt - cached
                    ),
                ),
                Some(CacheWord::Flat) => put(out, format_args!(r#","cached_tokens":{cached}"#)),
                Some(CacheWord::None) => {}
            }
            put(
                out,
                format_args!(
                    r#","completion_tokens_details":{{"reasoning_tokens":{reasoning},"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}"#
                ),
            );
        }
        out.push(b'}');
    }
}
