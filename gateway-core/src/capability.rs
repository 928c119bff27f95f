//! What a target can do, and what a request needs: consulted before routing, so that a request never
//! reaches a target that cannot take it.

use serde::{Deserialize, Serialize};

/// What a target can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capabilities {
    /// Calls tools.
    pub tools: bool,
    /// Answers in JSON that follows a schema.
    pub json_schema: bool,
    /// Reads images.
    pub images: bool,
    /// Reads documents, such as PDF.
    pub files: bool,
    /// Hears sound.
    pub audio: bool,
    /// Makes embeddings.
    pub embeddings: bool,
    /// Tokens of prompt and answer together; `None` when the operator has not said.
    pub context_tokens: Option<u32>,
    /// Largest bound on output tokens that it accepts; `None` when the operator has not said.
    pub max_output_tokens: Option<u32>,
}

impl Capabilities {
    /// Everything, without bounds.
    pub const ALL: Self = Self {
        tools: true,
        json_schema: true,
        images: true,
        files: true,
        audio: true,
        embeddings: true,
        context_tokens: None,
        max_output_tokens: None,
    };
}

impl Default for Capabilities {
    fn default() -> Self {
        Self::ALL
    }
}

/// What a request needs of a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// It offers tools.
    pub tools: bool,
    /// It demands a JSON schema.
    pub json_schema: bool,
    /// It shows images.
    pub images: bool,
    /// It shows documents.
    pub files: bool,
    /// It holds sound.
    pub audio: bool,
    /// It wants embeddings.
    pub embeddings: bool,
    /// Its prompt, in tokens, as estimated.
    pub input_tokens: u64,
    /// Its bound on output tokens.
    pub max_output_tokens: Option<u64>,
}

/// One thing that a target may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// [`Capabilities::tools`].
    Tools,
    /// [`Capabilities::json_schema`].
    JsonSchema,
    /// [`Capabilities::images`].
    Images,
    /// [`Capabilities::files`].
    Files,
    /// [`Capabilities::audio`].
    Audio,
    /// [`Capabilities::embeddings`].
    Embeddings,
    /// [`Capabilities::context_tokens`].
    Context,
    /// [`Capabilities::max_output_tokens`].
    Output,
}

impl Capability {
    /// The request's field that asks for it, by OpenAI's name.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::JsonSchema => "response_format",
            Self::Images | Self::Files | Self::Audio | Self::Context => "messages",
            Self::Embeddings => "model",
            Self::Output => "max_tokens",
        }
    }

    /// What is missing, to complete "no target of this model …".
    #[must_use]
    pub fn missing(self) -> &'static str {
        match self {
            Self::Tools => "can call tools",
            Self::JsonSchema => "can follow a JSON schema",
            Self::Images => "can read images",
            Self::Files => "can read documents",
            Self::Audio => "can hear sound",
            Self::Embeddings => "makes embeddings",
            Self::Context => "has a context window that is large enough for this prompt",
            Self::Output => "accepts so large a bound on output tokens",
        }
    }
}

impl Capabilities {
    /// The first thing that `needs` asks for and the target lacks.
    #[must_use]
    pub fn lacks(&self, needs: &Needs) -> Option<Capability> {
        let beyond = |bound: Option<u32>, asked: u64| bound.is_some_and(|n| asked > u64::from(n));
        [
            (needs.embeddings && !self.embeddings, Capability::Embeddings),
            (needs.tools && !self.tools, Capability::Tools),
            (
                needs.json_schema && !self.json_schema,
                Capability::JsonSchema,
            ),
            (needs.images && !self.images, Capability::Images),
            (needs.files && !self.files, Capability::Files),
            (needs.audio && !self.audio, Capability::Audio),
            (
                beyond(self.context_tokens, needs.input_tokens),
                Capability::Context,
            ),
            (
                beyond(
                    self.max_output_tokens,
                    needs.max_output_tokens.unwrap_or_default(),
                ),
                Capability::Output,
            ),
        ]
        .into_iter()
        .find_map(|(lacking, capability)| lacking.then_some(capability))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_lacks_what_it_cannot_do_and_nothing_else() {
        let nothing = Capabilities {
            tools: false,
            json_schema: false,
            images: false,
            files: false,
            audio: false,
            embeddings: false,
            context_tokens: Some(100),
            max_output_tokens: Some(10),
        };
        let needs = |set: fn(&mut Needs)| {
            let mut needs = Needs::default();
            set(&mut needs);
            needs
        };
        for (needs, lacking) in [
            (needs(|_| {}), None),
            (needs(|n| n.tools = true), Some(Capability::Tools)),
            (
                needs(|n| n.json_schema = true),
                Some(Capability::JsonSchema),
            ),
            (needs(|n| n.images = true), Some(Capability::Images)),
            (needs(|n| n.files = true), Some(Capability::Files)),
            (needs(|n| n.audio = true), Some(Capability::Audio)),
            (needs(|n| n.embeddings = true), Some(Capability::Embeddings)),
            (needs(|n| n.input_tokens = 100), None),
            (needs(|n| n.input_tokens = 101), Some(Capability::Context)),
            (needs(|n| n.max_output_tokens = Some(10)), None),
            (
                needs(|n| n.max_output_tokens = Some(11)),
                Some(Capability::Output),
            ),
        ] {
            assert_eq!(nothing.lacks(&needs), lacking, "{needs:?}");
            assert_eq!(Capabilities::ALL.lacks(&needs), None, "{needs:?}");
        }
    }
}
