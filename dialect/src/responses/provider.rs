//! OpenAI's Responses API as a provider speaks it: OpenAI's own, Azure's newer paths, and servers that
//! have taken it over.
//!
//! Requests are stateless (`store: false`), so what was thought in earlier turns travels with them: a
//! reasoning item's `encrypted_content` is OpenAI's signature, and its id is kept with it, as both are
//! wanted back (`signature.rs`).
//!
//! Sources: OpenAI's OpenAPI document (`CreateResponse`, `Response`, `ResponseStreamEvent`);
//! <https://platform.openai.com/docs/guides/reasoning>, on encrypted reasoning;
//! <https://platform.openai.com/docs/guides/migrate-to-responses>, on what the API calls otherwise.

mod items;
mod read;
mod request;
mod stream;
#[cfg(test)]
mod tests;
mod wire;

pub use read::{read_answer, read_answer_of};
pub use request::write_request;
pub use stream::{EVENT_LIMIT_BYTES, StreamReader};

use crate::openai_chat::family::Family;

/// Whether this API serves the model of this name better than Chat Completions: it is one of OpenAI's
/// that reason. There the chat API loses what was thought in earlier turns, the summary of it, and with
/// the newest models all reasoning beside functions; what the chat API has in addition (`stop`, `seed`,
/// penalties), these models do not take.
#[must_use]
pub fn is_better_for(model: &str) -> bool {
    Family::of(model).reasons()
}
