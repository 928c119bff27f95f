//! What a Claude model takes, told by its name, where a wrong guess is refused with 400.
//!
//! Sources: <https://platform.claude.com/docs/en/build-with-claude/thinking-troubleshooting> (thinking
//! by model), `…/adaptive-thinking`, `…/models/opus-5-5/whats-new-opus-5-5` (forced tools, thinking
//! that cannot be turned off), `…/about-claude/models/migration-guide` (sampling, prefill). Names:
//! SDK type `ModelParam`.

/// How a model is told to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ThinkingModes {
    /// By a budget only: before Claude 4.6.
    Budget,
    /// By a budget or adaptively: Claude 4.6.
    Either,
    /// Adaptively only: Claude 4.7 and later.
    Adaptive,
}

/// What a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation {
    /// How it is told to think.
    pub(crate) thinking: ThinkingModes,
    /// Whether it thinks unless told otherwise.
    pub(crate) thinks_by_default: bool,
    /// Whether thinking can be turned off.
    pub(crate) can_disable: bool,
    /// Whether `temperature`, `top_p` and `top_k` may be set.
    pub(crate) sampling: bool,
    /// Whether `temperature` and `top_p` may be set together.
    pub(crate) both_samplings: bool,
    /// Whether a tool can be forced.
    pub(crate) forced_tools: bool,
    /// Whether the last turn may be the beginning of the answer.
    pub(crate) prefill: bool,
}

impl Generation {
    /// Reads a model's name, with or without a vendor's prefix and a date. A name that is no
    /// Claude's belongs to a server that speaks the dialect: those take what the first models took.
    /// A Claude without a version is taken for the latest.
    pub(crate) fn of(model: &str) -> Self {
        let Some((_, name)) = model.rsplit_once("claude-") else {
            return Self::at((0, 0), "");
        };
        let mut words = name.split(['-', '.', '@', ':', '/']);
        let version = |word: &str| word.parse::<u32>().ok().filter(|number| *number < 100);
        let major = words.find_map(version);
        let minor = words.next().and_then(version).unwrap_or_default();
        let family = name
            .split(['-', '.'])
            .find(|word| version(word).is_none())
            .unwrap_or_default();
        Self::at((major.unwrap_or(5), minor), family)
    }

    fn at(version: (u32, u32), family: &str) -> Self {
        let closed = matches!(family, "fable" | "mythos");
        let always_thinks = closed || (version >= (5, 5) && family != "haiku");
        Self {
            thinking: match version {
                _ if closed => ThinkingModes::Adaptive,
                (0..=3, _) | (4, 0..=5) => ThinkingModes::Budget,
                (4, 6) => ThinkingModes::Either,
                _ => ThinkingModes::Adaptive,
            },
            thinks_by_default: closed || version >= (5, 0),
            can_disable: !always_thinks,
            sampling: !closed && version < (4, 7),
            both_samplings: version < (4, 1),
            forced_tools: version < (5, 1),
            prefill: !closed && version < (4, 6),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_told_by_their_names() {
        use ThinkingModes::{Adaptive, Budget, Either};
        for (model, thinking, can_disable, sampling, forced) in [
            ("claude-3-7-sonnet-20250219", Budget, true, true, true),
            ("claude-3-5-haiku-latest", Budget, true, true, true),
            ("claude-opus-4-20250514", Budget, true, true, true),
            ("claude-sonnet-4-5-20250929", Budget, true, true, true),
            (
                "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                Budget,
                true,
                true,
                true,
            ),
            ("claude-opus-4@20250514", Budget, true, true, true),
            ("anthropic/claude-opus-4.6", Either, true, true, true),
            ("claude-sonnet-4-6", Either, true, true, true),
            ("claude-opus-4-7", Adaptive, true, false, true),
            ("claude-opus-5", Adaptive, true, false, true),
            ("claude-haiku-5-5", Adaptive, true, false, false),
            ("claude-opus-5-5", Adaptive, false, false, false),
            ("claude-fable-5", Adaptive, false, false, true),
            ("claude-fable-5-1", Adaptive, false, false, false),
            ("claude-mythos-preview", Adaptive, false, false, true),
            ("claude-opus-latest", Adaptive, true, false, true),
            ("deepseek-chat", Budget, true, true, true),
        ] {
            let generation = Generation::of(model);
            assert_eq!(
                (
                    generation.thinking,
                    generation.can_disable,
                    generation.sampling,
                    generation.forced_tools
                ),
                (thinking, can_disable, sampling, forced),
                "{model}"
            );
        }
        assert!(Generation::of("claude-sonnet-4").both_samplings);
        assert!(!Generation::of("claude-haiku-4-5").both_samplings);
        assert!(Generation::of("claude-haiku-4-5").prefill);
        assert!(!Generation::of("claude-opus-4-6").prefill);
    }
}
