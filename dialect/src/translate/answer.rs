//! A whole answer, translated.

use crate::chat::{AnswerContext, ChatAnswer};
use crate::loss::Loss;
use crate::provider_error::ProviderError;
use crate::translate::{Client, Wire, dropped};
use crate::usage::Usage;
use crate::{account, anthropic, bedrock, completions, embeddings, gemini, openai_chat, responses};

/// An answer in the client's dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The body.
    pub body: Vec<u8>,
    /// What it used, if the provider said.
    pub usage: Option<Usage>,
    /// What of the provider's answer it does not say, in the order of [`crate::loss::Field`].
    pub dropped: Vec<Loss>,
}

/// Translates a whole JSON answer of the target that the provider calls `target_model`.
///
/// # Errors
/// The provider's own error, hidden in a success, or that the answer cannot be read.
pub fn answer(
    client: Client,
    (wire, target_model): (Wire, &str),
    body: &[u8],
    context: &AnswerContext,
) -> Result<Answered, ProviderError> {
    match client {
        Client::Embeddings => {
            let answer = gemini::read_embeddings(body)?;
            Ok(Answered {
                usage: answer.usage,
                body: embeddings::write_answer(&answer, context.encoding, &context.model),
                dropped: Vec::new(),
            })
        }
        Client::CountTokens => gemini::read_count(body).map(|tokens| Answered {
            body: anthropic::count_tokens_body(tokens),
            usage: None,
            dropped: Vec::new(),
        }),
        Client::Chat | Client::Completions | Client::Responses | Client::Messages => {
            let mut answer = read((wire, target_model), body, &context.id)?;
            for choice in &mut answer.choices {
                account::mark_parts(&mut choice.parts, &context.account);
            }
            let legacy = context.request.legacy_functions;
            Ok(Answered {
                body: write(client, &answer, context),
                usage: answer.usage,
                dropped: dropped::of_answer(client, legacy, &answer).into_vec(),
            })
        }
    }
}

/// `id` is one that no other answer has.
fn read(
    (wire, target_model): (Wire, &str),
    body: &[u8],
    id: &str,
) -> Result<ChatAnswer, ProviderError> {
    match wire {
        Wire::Openai(_) | Wire::Azure { .. } => openai_chat::read_answer_of(id, body),
        Wire::Responses(_) => responses::provider::read_answer_of(id, body),
        Wire::Anthropic => anthropic::read_answer(body),
        Wire::Gemini(_) => gemini::read_answer_of(id, body),
        Wire::Bedrock => bedrock::read_answer_of(target_model, body),
    }
}

fn write(client: Client, answer: &ChatAnswer, context: &AnswerContext) -> Vec<u8> {
    match client {
        Client::Completions => completions::write_answer(answer, context),
        Client::Responses => responses::write_answer(answer, context),
        Client::Messages | Client::CountTokens => anthropic::write_answer(answer, context),
        Client::Chat | Client::Embeddings => openai_chat::write_answer(answer, context),
    }
}
