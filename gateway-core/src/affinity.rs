//! Where a conversation's prompt cache is warm, as a price: what of its prompt a provider would charge at
//! its cached price, were it asked again.
//!
//! Only hashes are kept, keyed by the caller with a secret of this process: no content, and nothing that
//! could be compared elsewhere. One worker remembers [`CONVERSATIONS`] of them; another worker's are not
//! known, so a warm cache is an advantage that some requests of a conversation do not see.

use serde::{Deserialize, Serialize};

use crate::record::Usage;
use crate::snapshot::{ProviderKind, TargetId};

/// Conversations that one worker remembers.
pub const CONVERSATIONS: usize = SETS * WAYS;
const SETS: usize = 1_024;
const WAYS: usize = 4;

/// A moment in milliseconds, from any clock that never goes back.
pub type Ms = u64;

/// The target at which a conversation's prompt is cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warm {
    /// Where.
    pub target: TargetId,
    /// How many tokens of the prompt, from its beginning.
    pub tokens: u32,
}

/// How the providers of a kind cache prompts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PromptCache {
    /// What a cached token costs, in thousandths of one that is not.
    pub price_permille: u32,
    /// How long a prompt is kept that nobody asks for, milliseconds.
    pub keeps_ms: Ms,
    /// Prompts of so many tokens are cached unasked; `None`: only what the client marks, as its usage
    /// then says.
    pub unasked_tokens: Option<u64>,
}

impl PromptCache {
    /// What the vendors state of their defaults; the prices of a vendor's models differ, and this is the
    /// least discount of those that are sold now.
    ///
    /// OpenAI and Azure: <https://platform.openai.com/docs/guides/prompt-caching> (1,024 tokens, 5 to 10
    /// minutes, half price or less). Anthropic: <https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching>
    /// (marked, 5 minutes, a tenth). Bedrock: <https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html>
    /// (the same). Gemini and Vertex: <https://ai.google.dev/gemini-api/docs/caching> (implicit, a quarter;
    /// nothing is said of how long, so the shortest of the others). Of OpenAI-compatible vendors nothing
    /// can be said in general: `None`.
    #[must_use]
    pub fn of(kind: ProviderKind) -> Option<Self> {
        let cache = |price_permille, unasked_tokens| Self {
            price_permille,
            keeps_ms: 300_000,
            unasked_tokens,
        };
        match kind {
            ProviderKind::Openai | ProviderKind::AzureOpenai => Some(cache(500, Some(1_024))),
            ProviderKind::Anthropic | ProviderKind::Bedrock => Some(cache(100, None)),
            ProviderKind::Gemini | ProviderKind::Vertex => Some(cache(250, Some(2_048))),
            ProviderKind::OpenaiCompatible => None,
        }
    }

    /// How many tokens an answer with this usage leaves in the cache.
    #[must_use]
    pub fn warmed_by(self, usage: &Usage) -> u32 {
        let said = usage
            .cached_tokens
            .saturating_add(usage.cache_creation_tokens);
        let unasked = match self.unasked_tokens {
            Some(least) if usage.input_tokens >= least => usage.input_tokens,
            Some(_) | None => 0,
        };
        u32::try_from(said.max(unasked).min(usage.input_tokens)).unwrap_or(u32::MAX)
    }
}

/// What an answer has left in its provider's prompt cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Where, and how much.
    pub warm: Warm,
    /// How long the prompt was, as its request was estimated.
    pub prompt_tokens: u64,
    /// How much of it the provider had cached before, by its word.
    pub found_tokens: u64,
    /// How long it keeps it, milliseconds.
    pub keeps_ms: Ms,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    conversation: u64,
    warm: Warm,
    prompt_tokens: u64,
    /// Several conversations begin alike: what they were seen to have in common; `None`: it is one.
    shared: Option<u32>,
    until: Ms,
}

impl Entry {
    /// What of a prompt of so many tokens, as estimated, is warm. A conversation only grows: a shorter
    /// prompt is another one's, with the same opening.
    fn of(&self, prompt_tokens: u64) -> Option<Warm> {
        let tokens = match self.shared {
            Some(tokens) => tokens,
            None if prompt_tokens < self.prompt_tokens => 0,
            None => self.warm.tokens,
        };
        (tokens > 0).then_some(Warm {
            tokens,
            ..self.warm
        })
    }

    /// Whether what was found at the same target shows that it is several conversations: with far less
    /// than was there.
    fn shared_by(&self, left: &Left, now: Ms) -> Option<u32> {
        if self.warm.target != left.warm.target || self.until <= now {
            return None;
        }
        let there = u64::from(self.warm.tokens).min(left.prompt_tokens);
        let is_less = left.found_tokens.saturating_mul(2) < there;
        is_less.then(|| u32::try_from(left.found_tokens).unwrap_or(u32::MAX))
    }
}

/// What one worker remembers: a table of sets, in which the newcomer takes the place of who is forgotten
/// first. Nothing is allocated before the first conversation.
#[derive(Debug, Default)]
pub struct Affinity {
    sets: Vec<[Option<Entry>; WAYS]>,
}

impl Affinity {
    /// Where a conversation is warm at `now`, for a prompt of so many tokens, as estimated.
    #[must_use]
    pub fn find(&self, conversation: u64, prompt_tokens: u64, now: Ms) -> Option<Warm> {
        let set = self.sets.get(place(conversation))?;
        let mut entries = set.iter().flatten();
        let entry = entries.find(|e| e.conversation == conversation && e.until > now)?;
        entry.of(prompt_tokens)
    }

    /// A target has answered a conversation and keeps its prompt for a while.
    pub fn warmed(&mut self, conversation: u64, left: &Left, now: Ms) {
        if self.sets.is_empty() {
            self.sets = vec![[None; WAYS]; SETS];
        }
        let Some(set) = self.sets.get_mut(place(conversation)) else {
            return;
        };
        let is_own = |slot: &Option<Entry>| slot.is_some_and(|e| e.conversation == conversation);
        let at = set.iter().position(is_own);
        let least = || {
            let untils = set.iter().map(|slot| slot.map_or(0, |e| e.until));
            untils
                .enumerate()
                .min_by_key(|(_, until)| *until)
                .map_or(0, |(at, _)| at)
        };
        let at = at.unwrap_or_else(least);
        if let Some(slot) = set.get_mut(at) {
            let before = slot.filter(|e| e.conversation == conversation);
            *slot = Some(Entry {
                conversation,
                warm: left.warm,
                prompt_tokens: left.prompt_tokens,
                shared: before.and_then(|entry| entry.shared_by(left, now)),
                until: now.saturating_add(left.keeps_ms),
            });
        }
    }

    /// Forgets all: targets are other ones now.
    pub fn clear(&mut self) {
        self.sets = Vec::new();
    }
}

fn place(conversation: u64) -> usize {
    usize::try_from(conversation % SETS as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: Ms = 60_000;

    fn warm(target: u16) -> Warm {
        Warm {
            target: TargetId(target),
            tokens: 2_000,
        }
    }

    fn left(target: u16, found_tokens: u64, keeps_ms: Ms) -> Left {
        Left {
            warm: warm(target),
            prompt_tokens: 2_000,
            found_tokens,
            keeps_ms,
        }
    }

    #[test]
    fn what_only_begins_alike_is_not_taken_for_what_goes_on() {
        let mut affinity = Affinity::default();
        affinity.warmed(7, &left(1, 0, 5 * MINUTE), 0);
        assert_eq!(affinity.find(7, 1_999, 1), None, "another, and shorter");
        assert_eq!(affinity.find(7, 2_300, 1), Some(warm(1)), "it has grown");
        // It had not: the provider had only what both begin with.
        affinity.warmed(7, &left(1, 300, 5 * MINUTE), MINUTE);
        let some = Warm {
            tokens: 300,
            ..warm(1)
        };
        assert_eq!(affinity.find(7, 5_000, MINUTE), Some(some));
        assert_eq!(affinity.find(7, 1_000, MINUTE), Some(some));
        // One of them goes on.
        affinity.warmed(7, &left(1, 1_900, 5 * MINUTE), 2 * MINUTE);
        assert_eq!(affinity.find(7, 5_000, 2 * MINUTE), Some(warm(1)));
        // Nothing was in common at all.
        affinity.warmed(7, &left(1, 0, 5 * MINUTE), 3 * MINUTE);
        assert_eq!(affinity.find(7, 5_000, 3 * MINUTE), None);
        // Elsewhere nothing can have been found.
        affinity.warmed(7, &left(2, 0, 5 * MINUTE), 4 * MINUTE);
        assert_eq!(affinity.find(7, 5_000, 4 * MINUTE), Some(warm(2)));
    }

    #[test]
    fn a_conversation_is_warm_where_it_was_last_and_not_for_ever() {
        let mut affinity = Affinity::default();
        assert_eq!(affinity.find(7, 2_000, 0), None);
        affinity.warmed(7, &left(1, 0, 5 * MINUTE), 0);
        affinity.warmed(7, &left(2, 0, 5 * MINUTE), MINUTE);
        assert_eq!(affinity.find(7, 2_000, 2 * MINUTE), Some(warm(2)));
        assert_eq!(affinity.find(7, 2_000, 6 * MINUTE), None);
        assert_eq!(affinity.find(7 + SETS as u64, 2_000, 2 * MINUTE), None);
        affinity.clear();
        assert_eq!(affinity.find(7, 2_000, 2 * MINUTE), None);
    }

    proptest! {
        /// However many there are, the table stays as large as it is, and whoever came last is in it.
        #[test]
        fn it_is_bounded_and_keeps_the_newest(conversations in prop::collection::vec(any::<u64>(), 1..500)) {
            let mut affinity = Affinity::default();
            for (now, conversation) in (0u64..).zip(&conversations) {
                let conversation = *conversation % 64 * SETS as u64;
                affinity.warmed(conversation, &left(3, 2_000, MINUTE), now);
                prop_assert_eq!(affinity.find(conversation, 2_000, now), Some(warm(3)));
            }
            let held: usize = affinity.sets.iter().map(|set| set.iter().flatten().count()).sum();
            prop_assert!(held <= WAYS && affinity.sets.len() == SETS);
        }
    }

    #[test]
    fn what_an_answer_leaves_behind_is_what_the_vendor_says() {
        let usage = |input_tokens, cached_tokens, cache_creation_tokens| Usage {
            input_tokens,
            cached_tokens,
            cache_creation_tokens,
            ..Usage::default()
        };
        let warmed = |kind, usage| PromptCache::of(kind).map(|cache| cache.warmed_by(&usage));
        let openai = ProviderKind::Openai;
        assert_eq!(warmed(openai, usage(1_023, 0, 0)), Some(0));
        assert_eq!(warmed(openai, usage(5_000, 1_024, 0)), Some(5_000));
        let anthropic = ProviderKind::Anthropic;
        assert_eq!(
            warmed(anthropic, usage(5_000, 0, 0)),
            Some(0),
            "nothing was marked"
        );
        assert_eq!(warmed(anthropic, usage(5_000, 3_000, 1_000)), Some(4_000));
        assert_eq!(
            warmed(ProviderKind::OpenaiCompatible, usage(9_000, 0, 0)),
            None
        );
    }
}
