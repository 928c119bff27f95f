//! What the model's id says of what the model takes: Converse passes much on to models that differ.

use crate::chat::Maker;

/// A kind of model behind Bedrock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// Anthropic's.
    Claude(Claude),
    /// Amazon Nova; those from version 2 on can reason.
    Nova {
        /// Takes `reasoningConfig`.
        reasons: bool,
    },
    /// OpenAI's; the open-weight ones know fewer efforts.
    Openai {
        /// gpt-oss.
        open_weight: bool,
    },
    /// Another vendor's.
    Other,
    /// An ARN or an imported model that does not say what it is: Converse's own fields are taken
    /// to be understood, a vendor's fields are not written.
    Opaque,
}

/// What Claude's version says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claude {
    /// Major and minor; the highest when the id has none, as for previews.
    version: (u8, u8),
    haiku: bool,
    opus: bool,
    /// Fable and Mythos.
    frontier: bool,
}

/// Ids of vendors that are not told apart further.
const OTHERS: [&str; 13] = [
    "ai21.",
    "cohere.",
    "deepseek.",
    "google.",
    "meta.",
    "minimax.",
    "mistral.",
    "moonshot",
    "nvidia.",
    "qwen.",
    "titan",
    "writer.",
    "zai.",
];

/// Ids, beyond Claude's, for which the user guide lists structured output:
/// <https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html>
const STRUCTURED: [&str; 12] = [
    "deepseek.v3",
    "google.gemma-3",
    "minimax.minimax-m2",
    "mistral.magistral",
    "mistral.ministral-3",
    "mistral.mistral-large-3",
    "mistral.voxtral",
    "moonshot",
    "nvidia.nemotron",
    "openai.",
    "qwen.qwen3",
    "zai.glm",
];

/// A model, by its id or ARN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Model {
    pub(super) family: Family,
    /// Constrains its output, and the input of strict tools, to a JSON schema.
    pub(super) structured: bool,
}

impl Model {
    pub(super) fn of(id: &str) -> Self {
        let family = if let Some((_, name)) = id.split_once("claude") {
            Family::Claude(Claude::of(name))
        } else if let Some((_, name)) = id.split_once("amazon.nova-") {
            let reasons = !["micro", "lite", "pro", "premier"]
                .iter()
                .any(|first| name.starts_with(first));
            Family::Nova { reasons }
        } else if let Some((_, name)) = id.split_once("openai.") {
            let open_weight = name.starts_with("gpt-oss");
            Family::Openai { open_weight }
        } else if OTHERS.iter().any(|vendor| id.contains(vendor)) {
            Family::Other
        } else {
            Family::Opaque
        };
        let structured = match family {
            Family::Claude(claude) => matches!(claude.version, (4, 5 | 6)),
            Family::Openai { .. } | Family::Other => {
                STRUCTURED.iter().any(|known| id.contains(known))
            }
            Family::Nova { .. } | Family::Opaque => false,
        };
        Self { family, structured }
    }

    /// Whether the model takes back reasoning with this maker's signature. Signatures read from an
    /// answer whose model was not known count as Bedrock's, hence both for Claude.
    pub(super) fn takes(self, maker: Maker) -> bool {
        match (self.family, maker) {
            (Family::Claude(_) | Family::Opaque, Maker::Anthropic) | (_, Maker::Bedrock) => true,
            (_, Maker::Anthropic | Maker::Google | Maker::Openai) => false,
        }
    }

    /// Whose signatures are in its answers.
    pub(super) fn maker(self) -> Maker {
        match self.family {
            Family::Claude(_) => Maker::Anthropic,
            Family::Nova { .. } | Family::Openai { .. } | Family::Other | Family::Opaque => {
                Maker::Bedrock
            }
        }
    }

    /// Whether the last message may be the model's.
    pub(super) fn takes_prefill(self) -> bool {
        match self.family {
            Family::Claude(claude) => claude.takes_prefill(),
            Family::Nova { .. } | Family::Openai { .. } | Family::Other | Family::Opaque => true,
        }
    }

    /// Whether it hears: no Claude does, nor did the first Nova models.
    pub(super) fn takes_audio(self) -> bool {
        match self.family {
            Family::Claude(_) | Family::Nova { reasons: false } => false,
            Family::Nova { reasons: true }
            | Family::Openai { .. }
            | Family::Other
            | Family::Opaque => true,
        }
    }

    /// Whether it knows `toolResult.status` and the choice of one tool by name; the service model
    /// names Claude and Nova for both.
    pub(super) fn knows_tool_details(self) -> bool {
        match self.family {
            Family::Claude(_) | Family::Nova { .. } | Family::Opaque => true,
            Family::Openai { .. } | Family::Other => false,
        }
    }

    /// Whether a tool call can be forced at all.
    pub(super) fn can_be_forced(self) -> bool {
        !matches!(self.family, Family::Claude(claude) if claude.always_thinks())
    }

    /// Whether cache points are taken in system and messages.
    pub(super) fn caches(self) -> bool {
        self.knows_tool_details()
    }

    /// Whether cache points are taken among tools, and may say how long they hold.
    pub(super) fn caches_tools(self) -> bool {
        match self.family {
            Family::Claude(_) | Family::Opaque => true,
            Family::Nova { .. } | Family::Openai { .. } | Family::Other => false,
        }
    }
}

impl Claude {
    /// Reads `-3-7-sonnet-20250219-v1:0`, `-opus-4-6-v1`, `-sonnet-4-20250514-v1:0`, `-opus-5`.
    fn of(name: &str) -> Self {
        let mut numbers = name
            .split(['-', '.', ':', '@'])
            .skip_while(|word| word.parse::<u8>().is_err())
            .map_while(|word| word.parse::<u8>().ok());
        let version = if name.starts_with("-v2") || name.starts_with("-instant") {
            (2, 0)
        } else {
            let major = numbers.next();
            major.map_or((u8::MAX, 0), |major| (major, numbers.next().unwrap_or(0)))
        };
        Self {
            version,
            haiku: name.contains("haiku"),
            opus: name.contains("opus"),
            frontier: name.contains("fable") || name.contains("mythos"),
        }
    }

    /// Thinks whatever the request says, and therefore cannot be forced to call a tool:
    /// <https://platform.claude.com/docs/en/models/opus-5-5/whats-new-opus-5-5>.
    pub(super) fn always_thinks(self) -> bool {
        self.frontier || (self.version >= (5, 5) && !self.haiku)
    }

    /// Thinks unless told otherwise.
    pub(super) fn thinks_by_default(self) -> bool {
        self.always_thinks() || self.version >= (5, 0)
    }

    /// Can think.
    pub(super) fn thinks(self) -> bool {
        self.version >= (3, 7)
    }

    /// Takes `thinking: {type: enabled, budget_tokens}`:
    /// <https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-adaptive-thinking.html>.
    pub(super) fn takes_budget(self) -> bool {
        !self.frontier && self.version <= (4, 6)
    }

    /// Takes `thinking: {type: adaptive}` and an effort.
    pub(super) fn adapts(self) -> bool {
        self.frontier || self.version >= (4, 6)
    }

    /// Most output tokens, thinking included, where an effort's budget could exceed them:
    /// <https://platform.claude.com/docs/en/about-claude/models/overview>.
    pub(super) fn most_tokens(self) -> Option<u64> {
        let first = self.opus && matches!(self.version, (4, 0 | 1));
        first.then_some(32_000)
    }

    /// Knows the effort `xhigh`: <https://platform.claude.com/docs/en/build-with-claude/effort>.
    pub(super) fn knows_xhigh(self) -> bool {
        self.frontier || self.version >= (4, 7)
    }

    /// Goes on with an answer whose beginning is the last turn:
    /// <https://platform.claude.com/docs/en/api/errors#prefill-not-supported>.
    pub(super) fn takes_prefill(self) -> bool {
        !self.frontier && self.version < (4, 6)
    }

    /// Takes temperature, top-p and top-k other than their defaults.
    pub(super) fn samples(self) -> bool {
        !self.frontier && self.version <= (4, 6)
    }

    /// Takes either temperature or top-p.
    pub(super) fn samples_one_way(self) -> bool {
        self.version >= (4, 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_say_what_the_model_is() {
        let claude = |major, minor, id: &str| {
            let Family::Claude(claude) = Model::of(id).family else {
                panic!("{id} is no Claude");
            };
            assert_eq!(claude.version, (major, minor), "{id}");
        };
        claude(3, 0, "anthropic.claude-3-haiku-20240307-v1:0");
        claude(3, 7, "us.anthropic.claude-3-7-sonnet-20250219-v1:0");
        claude(4, 0, "anthropic.claude-sonnet-4-20250514-v1:0");
        claude(4, 1, "anthropic.claude-opus-4-1-20250805-v1:0");
        claude(4, 6, "global.anthropic.claude-opus-4-6-v1");
        claude(5, 0, "anthropic.claude-opus-5");
        claude(5, 5, "eu.anthropic.claude-sonnet-5-5");
        claude(2, 0, "anthropic.claude-v2:1");
        claude(255, 0, "anthropic.claude-mythos-preview");
        claude(
            4,
            5,
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-haiku-4-5-20251001-v1:0",
        );
        for (id, family) in [
            ("amazon.nova-pro-v1:0", Family::Nova { reasons: false }),
            ("us.amazon.nova-2-lite-v1:0", Family::Nova { reasons: true }),
            (
                "openai.gpt-oss-120b-1:0",
                Family::Openai { open_weight: true },
            ),
            ("openai.gpt-5.6", Family::Openai { open_weight: false }),
            ("meta.llama3-3-70b-instruct-v1:0", Family::Other),
            (
                "arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/a1b2c3",
                Family::Opaque,
            ),
        ] {
            assert_eq!(Model::of(id).family, family, "{id}");
        }
    }

    #[test]
    fn structured_output_is_where_the_guide_lists_it() {
        for (id, structured) in [
            ("anthropic.claude-sonnet-4-5-20250929-v1:0", true),
            ("anthropic.claude-opus-4-6-v1", true),
            ("anthropic.claude-sonnet-4-20250514-v1:0", false),
            ("anthropic.claude-opus-5", false),
            ("qwen.qwen3-32b-v1:0", true),
            ("deepseek.r1-v1:0", false),
            ("deepseek.v3-v1:0", true),
            ("amazon.nova-2-lite-v1:0", false),
            ("meta.llama3-3-70b-instruct-v1:0", false),
        ] {
            assert_eq!(Model::of(id).structured, structured, "{id}");
        }
    }
}
