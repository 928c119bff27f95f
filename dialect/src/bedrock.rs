//! Amazon Bedrock's Converse and ConverseStream, as a provider.
//!
//! The wire format is the `bedrock-runtime` service model of 2023-09-30, which every AWS SDK is made
//! from (in botocore: `data/bedrock-runtime/2023-09-30/service-2.json.gz`); where the model says
//! nothing, the Bedrock user guide:
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>.
//!
//! Usage: `inputTokens` counts only what was neither read from nor written to the prompt cache
//! (<https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html>): both are added
//! here, for the convention of this crate is inclusive.

mod answer;
mod cache;
mod conversation;
mod error;
mod family;
mod form;
mod ids;
mod media;
mod request;
mod settings;
mod stream;
#[cfg(test)]
mod tests;
mod thinking;
mod tools;
mod wire;

pub use answer::{read_answer, read_answer_of};
pub use error::{read_error, read_error_typed};
pub use request::write_request;
pub use stream::{FRAME_LIMIT_BYTES, SIGNATURE_LIMIT_BYTES, StreamReader};

/// The tool by which a model gives an answer in a form, where Converse offers no other way: its
/// input is the answer. Reserved: a client's own tool of this name is not told from it.
pub const ANSWER_TOOL: &str = "ark_structured_answer";

/// The path of Converse or ConverseStream for a model, an inference profile or an ARN.
///
/// `base_path` is empty or begins with a slash and ends without one. The model is percent-encoded
/// as botocore does it, colons and slashes too: a slash of an ARN that is left as it is names
/// another operation.
#[must_use]
pub fn path(base_path: &str, model: &str, stream: bool) -> String {
    let mut path = String::with_capacity(base_path.len() + model.len() + 40);
    path.push_str(base_path);
    path.push_str("/model/");
    crate::path::push_encoded(&mut path, model);
    path.push_str(if stream {
        "/converse-stream"
    } else {
        "/converse"
    });
    path
}
