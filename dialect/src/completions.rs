//! OpenAI's legacy Completions, for clients only: what they ask becomes a conversation of one user
//! turn, so that a provider without that endpoint can answer it.
//!
//! Source: `CreateCompletionRequest` and `CreateCompletionResponse` of OpenAI's OpenAPI document
//! (<https://github.com/openai/openai-openapi>). Errors are those of [`crate::openai_chat`].

mod logprobs;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use read::read_request;
pub use write::{StreamWriter, write_answer};
