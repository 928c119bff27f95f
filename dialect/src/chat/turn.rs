//! Turns of a conversation and their parts.

use serde_json::Value;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The application, by its system prompt.
    System,
    /// The application, as OpenAI's newer models call it.
    Developer,
    /// The user; tool results are parts of user turns.
    User,
    /// The model.
    Assistant,
}

/// One turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part>,
    /// OpenAI's `name` of a participant.
    pub name: Option<String>,
}

/// The prompt up to the part that carries this is worth caching (Anthropic's `cache_control`,
/// Bedrock's `cachePoint`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheMark {
    /// How long: `5m`, `1h`; `None` for the provider's default.
    pub ttl: Option<String>,
}

/// Where the bytes of an image, a file or a sound are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// At a URL that the provider fetches.
    Url(String),
    /// Here, in standard base64 as the client sent it.
    Base64 {
        /// Such as `image/png`.
        media_type: String,
        /// The bytes, encoded.
        data: String,
    },
    /// In a provider's own file store, by its id: no other provider knows it.
    FileId(String),
    /// Plain text (Anthropic's `text` document source).
    Text(String),
}

impl Source {
    /// A `data:` URL (RFC 2397) in base64 is taken apart; every other URL stays as it is.
    #[must_use]
    pub fn of_url(mut url: String) -> Self {
        const MARK: &str = ";base64,";
        let head = url
            .strip_prefix("data:")
            .and_then(|rest| rest.split_once(MARK))
            .map(|(head, _)| head);
        let Some(head) = head else {
            return Self::Url(url);
        };
        let media_type = head.split(';').next().unwrap_or_default().to_owned();
        let end = "data:".len() + head.len() + MARK.len();
        // The bytes are megabytes: they are moved, not copied.
        url.drain(..end);
        Self::Base64 {
            media_type,
            data: url,
        }
    }
}

/// Whose models made a signature: only they accept it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Maker {
    /// Anthropic's models, wherever they are served.
    Anthropic,
    /// Google's models.
    Google,
    /// OpenAI's models (`encrypted_content`).
    Openai,
    /// Amazon's models, and other models behind Bedrock.
    Bedrock,
}

/// Proof of reasoning that a provider wants to see again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Whose it is.
    pub maker: Maker,
    /// Opaque.
    pub data: String,
}

/// A part of a turn or of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Text.
    Text {
        /// The text.
        text: String,
        /// Worth caching up to here.
        cache: Option<CacheMark>,
    },
    /// An image.
    Image {
        /// Where it is.
        source: Source,
        /// OpenAI's `detail`: `low`, `high`, `auto`.
        detail: Option<String>,
        /// Worth caching up to here.
        cache: Option<CacheMark>,
    },
    /// A document, such as a PDF.
    File {
        /// Where it is.
        source: Source,
        /// Its name.
        name: Option<String>,
        /// Worth caching up to here.
        cache: Option<CacheMark>,
    },
    /// A sound: standard base64, and its format such as `wav` or `mp3`.
    Audio {
        /// The bytes, encoded.
        data: String,
        /// `wav`, `mp3`, ….
        format: String,
    },
    /// The model calls a tool.
    ToolCall {
        /// Names the call, for its result.
        id: String,
        /// The tool.
        name: String,
        /// A JSON object as text; may be empty, which means `{}`.
        arguments: String,
        /// Worth caching up to here.
        cache: Option<CacheMark>,
        /// Google's `thoughtSignature` of the call.
        signature: Option<Signature>,
    },
    /// What a tool gave back; in user turns.
    ToolResult {
        /// Which call.
        id: String,
        /// Text, images, files.
        parts: Vec<Part>,
        /// The tool failed.
        is_error: bool,
        /// Worth caching up to here.
        cache: Option<CacheMark>,
    },
    /// What the model thought.
    Reasoning {
        /// As far as it is shown; may be empty.
        text: String,
        /// Proof.
        signature: Option<Signature>,
    },
    /// What the model thought, encrypted (Anthropic's `redacted_thinking`).
    RedactedReasoning {
        /// Opaque.
        signature: Signature,
    },
    /// The model declines, in its own words (OpenAI's `refusal`).
    Refusal {
        /// The words.
        text: String,
    },
    /// A part that only its own dialect knows, by its type; a loss wherever else it is written.
    Foreign {
        /// Its type's name.
        kind: String,
        /// The part itself.
        value: Value,
    },
}

impl Part {
    /// Text without a cache mark.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text {
            text: text.into(),
            cache: None,
        }
    }
}
