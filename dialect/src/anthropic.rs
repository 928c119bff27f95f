//! Anthropic's Messages API, as a client's dialect and as a provider's.
//!
//! Sources: <https://platform.claude.com/docs/en/api/messages>, `…/build-with-claude/streaming`,
//! `…/api/errors`, and the types of the `anthropic` Python SDK 2.12 (`anthropic/types/*.py`), which
//! each function names.

mod answer;
mod block;
mod count;
mod error;
pub(crate) mod generation;
pub mod headers;
mod json;
mod models;
mod provider;
mod request;
mod signature;
mod stop;
mod stream;
mod usage;

pub use answer::{read_answer, write_answer};
pub(crate) use block::is_own_kind;
pub use count::{count_tokens_body, count_tokens_request, estimate_tokens};
pub use error::{error_body, read_error, refusal_body};
pub use models::{model_object, models_list};
pub use provider::{write_count_tokens_request, write_request};
pub use request::read_request;
pub use signature::FOREIGN_SIGNATURES;
pub use stream::{EVENT_LIMIT_BYTES, StreamMeter, StreamReader, StreamWriter};
pub use usage::read_usage;
