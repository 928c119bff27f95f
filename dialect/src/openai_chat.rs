//! OpenAI's Chat Completions, as clients speak it and as OpenAI and the vendors that are compatible
//! with it answer.
//!
//! Sources: OpenAI's OpenAPI document (<https://github.com/openai/openai-openapi>) and the types of its
//! Python SDK; vendors' own documents where they differ, named where they are read.

pub(crate) mod errors;
pub(crate) mod family;
mod finish;
pub(crate) mod frame;
pub(crate) mod lenient;
pub(crate) mod object;
mod read_answer;
mod read_choice;
mod read_messages;
mod read_part;
mod read_request;
mod read_stream;
mod read_tools;
mod reasoning;
mod strict;
pub(crate) mod wire;
mod write_answer;
pub(crate) mod write_messages;
pub(crate) mod write_request;
pub(crate) mod write_sampling;
mod write_stream;

#[cfg(test)]
mod tests;

pub use errors::{error_body, read_error};
pub use read_answer::{read_answer, read_answer_of};
pub(crate) use read_request::common;
pub use read_request::read_request;
pub use read_stream::{EVENT_LIMIT_BYTES, StreamReader};
pub use read_tools::LEGACY_FUNCTIONS;
pub use reasoning::FOREIGN_HISTORY;
pub use write_answer::write_answer;
pub(crate) use write_request::write_request_with;
pub use write_request::{ReasoningBack, write_request};
pub use write_stream::StreamWriter;
