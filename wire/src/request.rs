//! What the gateway needs to know of a request's body.

mod error;
mod fields;
mod params;
#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::json_scan::{Keys, ObjectScanner, Scanned, Wanted};
pub use error::BodyError;
pub use params::{Params, ParamsScan};

/// Most bytes of a model's name.
pub const MODEL_LIMIT_BYTES: usize = 256;

/// A `prompt_cache_key` beyond this is not looked at.
const CACHE_KEY_LIMIT_BYTES: usize = 512;

const fn wanted(name: &'static str, capture_bytes: usize) -> Wanted {
    Wanted {
        name,
        capture_bytes,
        unique: false,
    }
}

static WANTED: [Wanted; 10] = [
    Wanted {
        // Two models are one for the gateway's allow-list and another for the provider.
        unique: true,
        // Every byte may be written as `\u00xx`.
        ..wanted("model", 6 * MODEL_LIMIT_BYTES + 2)
    },
    wanted("stream", 8),
    wanted("stream_options", 1024),
    wanted("max_tokens", 32),
    wanted("max_completion_tokens", 32),
    wanted("tools", 16),
    wanted("functions", 16),
    wanted("response_format", 1024),
    wanted("prompt_cache_key", CACHE_KEY_LIMIT_BYTES),
    Wanted {
        // An edit of one of two would leave the other.
        unique: true,
        ..wanted("store", 8)
    },
];

/// What a request's body says; the offsets are into that very body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestFacts {
    /// The model asked for, decoded.
    pub model: String,
    /// Where its value stands, quotes included.
    pub model_span: Range<usize>,
    /// Whether the answer is asked for as a stream.
    pub stream: bool,
    /// Whether the client asked for the usage chunk.
    pub include_usage: bool,
    /// What `stream_options` is.
    pub stream_options: StreamOptions,
    /// Bound on output tokens: `max_completion_tokens`, else `max_tokens`.
    pub max_tokens: Option<u64>,
    /// Whether tools or functions are offered to the model.
    pub tools: bool,
    /// Whether the answer must follow a JSON schema.
    pub json_schema: bool,
    /// The `prompt_cache_key` as it stands, quotes included, where it is a string.
    pub prompt_cache_key: Option<Vec<u8>>,
    /// The `store` member, if it is there.
    pub store: Option<Store>,
    /// The offset just after the object's `{`; a body has at least a `model`, so members follow.
    pub object_open: usize,
    /// Bytes of the body.
    pub body_len: usize,
}

/// The `store` member: whether the provider is to keep the exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// Where its value stands.
    pub span: Range<usize>,
    /// Whether it is `false`.
    pub off: bool,
}

/// The `stream_options` member and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamOptions {
    /// Not there.
    Absent,
    /// `null` at this span.
    Null(Range<usize>),
    /// An object.
    Object {
        /// Where it stands, braces included.
        span: Range<usize>,
        /// The offset just after its `{`.
        open: usize,
        /// Whether it has no members.
        empty: bool,
        /// Where the value of its `include_usage` stands, if it is there.
        include_usage: Option<Range<usize>>,
    },
}

/// Reads a request's body chunk by chunk; holds a few small values, whatever the body's size.
#[derive(Debug)]
pub struct RequestInspector(ObjectScanner<10>);

impl Default for RequestInspector {
    fn default() -> Self {
        Self::new()
    }
}

impl RequestInspector {
    /// An inspector at the start of a body.
    #[must_use]
    pub fn new() -> Self {
        Self(ObjectScanner::new(&WANTED, Keys::Folded))
    }

    /// Reads the next bytes.
    pub fn push(&mut self, chunk: &[u8]) {
        self.0.push(chunk);
    }

    /// Whether the body is refused already, so that the rest need not be read.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.0.failed()
    }

    /// Ends the body.
    ///
    /// # Errors
    /// When it is not a JSON object, or a member that the gateway acts on is not what it must be.
    pub fn finish(self) -> Result<RequestFacts, BodyError> {
        let Scanned {
            members,
            object_open,
            body_len,
        } = self.0.finish()?;
        let [
            model,
            stream,
            options,
            max_tokens,
            max_completion,
            tools,
            functions,
            format,
            cache_key,
            store,
        ] = &members;
        let (model, model_span) = fields::model(model.as_ref())?;
        let (stream_options, include_usage) = fields::stream_options(options.as_ref())?;
        Ok(RequestFacts {
            model,
            model_span,
            stream: fields::flag(stream.as_ref(), "stream")?.unwrap_or(false),
            include_usage,
            stream_options,
            max_tokens: match fields::tokens(max_completion.as_ref(), "max_completion_tokens")? {
                Some(tokens) => Some(tokens),
                None => fields::tokens(max_tokens.as_ref(), "max_tokens")?,
            },
            tools: fields::any_element(tools.as_ref()) || fields::any_element(functions.as_ref()),
            json_schema: fields::json_schema(format.as_ref()),
            prompt_cache_key: fields::text(cache_key.as_ref()),
            store: store.as_ref().map(|member| Store {
                span: member.span.clone(),
                off: member.whole() == Some(b"false"),
            }),
            object_open,
            body_len,
        })
    }
}
