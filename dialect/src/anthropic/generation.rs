//! What a Claude model takes, told by its name, where a wrong guess is refused with 400.
//!
//! Sources: <https://platform.claude.com/docs/en/build-with-claude/thinking-troubleshooting> (thinking
//! by model), `…/adaptive-thinking`, `…/models/opus-5-5/whats-new-opus-5-5` (forced tools, thinking
//! that cannot be turned off), `…/about-claude/models/migration-guide` (sampling, prefill),
//! `…/build-with-claude/effort` (`xhigh`), `…/about-claude/models/overview` (output tokens). Names:
//! SDK type `ModelParam`.

/// How a model is told to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ThinkingModes {
    /// Not at all: before Claude 3.7.
    Never,
    /// By a budget only: from Claude 3.7 to 4.5.
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
    /// Whether it knows the effort `xhigh`, between `high` and `max`.
    pub(crate) xhigh: bool,
    /// Most output tokens, thinking included, of models that think by a budget.
    pub(crate) most_tokens: Option<u64>,
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
                (1..=2, _) | (3, 0..=6) => ThinkingModes::Never,
                (0..=3, _) | (4, 0..=5) => ThinkingModes::Budget,
                (4, 6) => ThinkingModes::Either,
                _ => ThinkingModes::Adaptive,
            },
            xhigh: closed || version >= (4, 7),
            most_tokens: most_tokens(version, family),
            thinks_by_default: closed || version >= (5, 0),
            can_disable: !always_thinks,
            sampling: !closed && version < (4, 7),
            both_samplings: version < (4, 1),
            forced_tools: version < (5, 1),
            prefill: !closed && version < (4, 6),
        }
    }
}

/// What a server of another make allows is not known; later models allow more than any budget asks.
fn most_tokens(version: (u32, u32), family: &str) -> Option<u64> {
    match version {
        (4, 0..=1) if family == "opus" => Some(32_000),
        (3..=4, _) => Some(64_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_told_by_their_names() {
        use ThinkingModes::{Adaptive, Budget, Either, Never};
        for (model, thinking, can_disable, sampling, forced) in [
            ("claude-3-7-sonnet-20250219", Budget, true, true, true),
            ("claude-3-5-haiku-latest", Never, true, true, true),
            ("claude-3-opus-20240229", Never, true, true, true),
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
        let most = |model| Generation::of(model).most_tokens;
        assert_eq!(most("claude-opus-4-1-20250805"), Some(32_000));
        assert_eq!(most("claude-opus-4-20250514"), Some(32_000));
        assert_eq!(most("claude-opus-4-5"), Some(64_000));
        assert_eq!(most("deepseek-chat"), None);
        assert!(Generation::of("claude-haiku-4-5").prefill);
        assert!(!Generation::of("claude-opus-4-6").prefill);
    }
}
