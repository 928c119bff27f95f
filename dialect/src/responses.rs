//! OpenAI's Responses API without a store: as clients speak it, and as providers do ([`provider`]).
//!
//! Nothing is kept between requests: `store: true` is accepted and means `false`, and what refers to
//! something stored (`previous_response_id`, `conversation`, `prompt`, `background`, item references)
//! is refused with what to send instead. Answers say `"store": false`.
//!
//! Wire format: <https://platform.openai.com/docs/api-reference/responses> and the types of the
//! official SDK (`openai.types.responses`).
//!
//! What is particular:
//! - `instructions` become the first system turn.
//! - Reasoning is shown as `summary` when the client asked for one, else as `content`. Proof of
//!   reasoning by another maker than OpenAI travels in `encrypted_content` as `ark1.<maker>.<data>`,
//!   encrypted reasoning as `ark1r.<maker>.<data>`; Google's signature of a tool call as a reasoning
//!   item without text just before the call.
//! - A tool that is no function, and a choice of one, are listed as `tools.<type>` and
//!   `tool_choice.<type>` among the unknown members.
//! - Errors have the form of the chat API: [`crate::error_body`].

mod answer;
mod fields;
mod input;
mod item;
mod meter;
mod object;
pub mod provider;
mod request;
mod signature;
mod store;
mod stream;
#[cfg(test)]
mod tests;
mod tools;

pub use answer::write_answer;
pub use meter::StreamMeter;
pub use request::read_request;
pub use store::store_edit;
pub use stream::{OUTPUT_LIMIT_BYTES, StreamWriter};
