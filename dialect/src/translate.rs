//! From what a client speaks to what a provider speaks, and back.
//!
//! Where both speak the same, [`Client::is_native_to`] says so and bytes pass: this module is for the
//! rest. A request is read once and written for each attempt's own provider; an answer is read by its
//! provider's rules and written by its client's.

mod answer;
mod dropped;
mod stream;

use std::rc::Rc;

pub use answer::{Answered, answer};
pub use stream::Translation;

use crate::chat::{BadRequest, ChatRequest, Role, TargetFacts, Written};
use crate::embeddings::EmbeddingRequest;
use crate::loss::{Field, Losses};
use crate::provider_error::ProviderError;
use crate::vendor::{self, Vendor};
use crate::{
    account, anthropic, bedrock, completions, embeddings, error_body, gemini, openai_chat,
    responses,
};

/// What a client speaks, by the endpoint that it called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    /// OpenAI's `POST /v1/chat/completions`.
    Chat,
    /// OpenAI's `POST /v1/completions`.
    Completions,
    /// OpenAI's `POST /v1/embeddings`.
    Embeddings,
    /// OpenAI's `POST /v1/responses`.
    Responses,
    /// Anthropic's `POST /v1/messages`.
    Messages,
    /// Anthropic's `POST /v1/messages/count_tokens`.
    CountTokens,
}

/// What a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// OpenAI's API, with a vendor's quirks.
    Openai(Vendor),
    /// Azure OpenAI; its newer paths also have Responses.
    Azure {
        /// Whether the API version is `v1`.
        v1: bool,
    },
    /// OpenAI's Responses API, of a server whose chat API has a vendor's quirks: see [`Wire::asked_by`].
    Responses(Vendor),
    /// Anthropic's Messages.
    Anthropic,
    /// Google's generateContent, at Google's Gemini API or at Vertex AI.
    Gemini(gemini::Api),
    /// Amazon Bedrock's Converse.
    Bedrock,
}

/// By which of OpenAI's two APIs for conversations a target is asked that has both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OpenaiApi {
    /// By Chat Completions only: there is nothing else.
    Chat,
    /// Each client of OpenAI's by its own, others by Chat Completions.
    #[default]
    Either,
    /// Each client of OpenAI's by its own, others by Responses.
    Responses,
}

impl Wire {
    /// What the target speaks to this client: OpenAI's Responses in the place of its chat API, where
    /// the server has it and it is what the client speaks, or says more of what the client says.
    #[must_use]
    pub fn asked_by(self, client: Client, api: OpenaiApi) -> Self {
        let wanted = match client {
            Client::Responses => api != OpenaiApi::Chat,
            Client::Messages => api == OpenaiApi::Responses,
            Client::Chat | Client::Completions | Client::Embeddings | Client::CountTokens => false,
        };
        match self {
            Self::Openai(vendor) if wanted && vendor.quirks().responses => Self::Responses(vendor),
            Self::Azure { v1: true } if wanted => Self::Responses(Vendor::OPENAI),
            Self::Openai(_)
            | Self::Azure { .. }
            | Self::Responses(_)
            | Self::Anthropic
            | Self::Gemini(_)
            | Self::Bedrock => self,
        }
    }
}

/// Whose form of errors a client reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorForm {
    /// `{"error": {message, type, param, code}}`.
    #[default]
    Openai,
    /// `{"type": "error", "error": {type, message}}`.
    Anthropic,
}

impl Client {
    /// The form of its errors.
    #[must_use]
    pub fn error_form(self) -> ErrorForm {
        match self {
            Self::Messages | Self::CountTokens => ErrorForm::Anthropic,
            Self::Chat | Self::Completions | Self::Embeddings | Self::Responses => {
                ErrorForm::Openai
            }
        }
    }

    /// Whether the provider has this very endpoint, so that bytes pass; `wire` as this client asks it,
    /// see [`Wire::asked_by`].
    #[must_use]
    pub fn is_native_to(self, wire: Wire) -> bool {
        match (self, wire) {
            (Self::Chat, Wire::Openai(_) | Wire::Azure { .. })
            | (Self::Completions | Self::Embeddings, Wire::Azure { .. })
            | (Self::Responses, Wire::Responses(_))
            | (Self::Messages | Self::CountTokens, Wire::Anthropic) => true,
            (Self::Completions, Wire::Openai(vendor)) => vendor.quirks().completions,
            (Self::Embeddings, Wire::Openai(vendor)) => vendor.quirks().embeddings,
            (Self::Responses, Wire::Openai(_) | Wire::Azure { .. })
            | (Self::Chat | Self::Completions | Self::Embeddings, Wire::Responses(_))
            | (
                Self::Chat | Self::Completions | Self::Embeddings | Self::Responses,
                Wire::Anthropic | Wire::Gemini(_) | Wire::Bedrock,
            )
            | (
                Self::Messages | Self::CountTokens,
                Wire::Openai(_)
                | Wire::Azure { .. }
                | Wire::Responses(_)
                | Wire::Gemini(_)
                | Wire::Bedrock,
            ) => false,
        }
    }

    /// Whether the provider can be asked this at all, translated or not.
    #[must_use]
    pub fn is_served_by(self, wire: Wire) -> bool {
        match self {
            Self::Chat | Self::Completions | Self::Responses | Self::Messages => true,
            Self::Embeddings => self.is_native_to(wire) || matches!(wire, Wire::Gemini(_)),
            Self::CountTokens => matches!(wire, Wire::Anthropic | Wire::Gemini(_)),
        }
    }
}

/// What a client asked, in no one's wire format.
#[derive(Clone, Debug)]
pub enum Asked {
    /// The next turn of a conversation, or its tokens to be counted.
    Chat(Rc<ChatRequest>),
    /// Embeddings.
    Embeddings(Rc<EmbeddingRequest>),
}

/// Reads a client's request.
///
/// # Errors
/// It is not what its dialect says it must be.
pub fn read(client: Client, body: &[u8]) -> Result<Asked, BadRequest> {
    let chat = |request: ChatRequest| Asked::Chat(Rc::new(request));
    match client {
        Client::Chat => openai_chat::read_request(body).map(chat),
        Client::Completions => completions::read_request(body).map(chat),
        Client::Responses => responses::read_request(body).map(chat),
        Client::Messages => anthropic::read_request(body).map(chat),
        Client::CountTokens => anthropic::count_tokens_request(body).map(chat),
        Client::Embeddings => {
            embeddings::read_request(body).map(|request| Asked::Embeddings(Rc::new(request)))
        }
    }
}

/// Writes a request for a provider; `None` when the provider cannot be asked this.
#[must_use]
pub fn write(
    asked: &Asked,
    client: Client,
    wire: Wire,
    target: &TargetFacts<'_>,
) -> Option<Written> {
    let (own, strange) = account::own(asked, target.account);
    let asked = own.as_ref();
    let mut written = match (asked, wire) {
        (Asked::Embeddings(request), Wire::Gemini(api)) => {
            gemini::write_embeddings(request, target, api)
        }
        (
            Asked::Embeddings(_),
            Wire::Openai(_)
            | Wire::Azure { .. }
            | Wire::Responses(_)
            | Wire::Anthropic
            | Wire::Bedrock,
        ) => return None,
        (Asked::Chat(request), Wire::Gemini(api)) if client == Client::CountTokens => {
            gemini::write_count(request, target, api)
        }
        (Asked::Chat(request), Wire::Anthropic) if client == Client::CountTokens => {
            anthropic::write_count_tokens_request(request, target)
        }
        (
            Asked::Chat(_),
            Wire::Openai(_) | Wire::Azure { .. } | Wire::Responses(_) | Wire::Bedrock,
        ) if client == Client::CountTokens => return None,
        (Asked::Chat(request), Wire::Responses(_)) => {
            responses::provider::write_request(request, target)
        }
        (Asked::Chat(request), Wire::Openai(vendor)) => {
            vendor::write_request(request, target, vendor)
        }
        (Asked::Chat(request), Wire::Azure { .. }) => openai_chat::write_request(request, target),
        (Asked::Chat(request), Wire::Anthropic) => anthropic::write_request(request, target),
        (Asked::Chat(request), Wire::Gemini(_)) => gemini::write_request(request, target),
        (Asked::Chat(request), Wire::Bedrock) => bedrock::write_request(request, target),
    };
    let anew = client == Client::Messages && begins_anew(asked, wire);
    if anew || strange {
        let mut losses: Losses = written.losses.into_iter().collect();
        losses.note_if(anew, Field::Messages);
        losses.note_if(strange, Field::ReasoningHistory);
        written.losses = losses.into_vec();
    }
    Some(written)
}

/// Whether the beginning of an answer, which a client of Anthropic's puts last to have it continued,
/// is answered anew: in OpenAI's dialect it is a turn like any other.
fn begins_anew(asked: &Asked, wire: Wire) -> bool {
    let Asked::Chat(request) = asked else {
        return false;
    };
    let last = request.turns.last();
    matches!(
        wire,
        Wire::Openai(_) | Wire::Azure { .. } | Wire::Responses(_)
    ) && last.is_some_and(|turn| turn.role == Role::Assistant)
}

/// Reads a provider's answer that is not a success.
#[must_use]
pub fn read_error(wire: Wire, status: u16, body: &[u8]) -> ProviderError {
    match wire {
        Wire::Openai(_) | Wire::Azure { .. } | Wire::Responses(_) => {
            openai_chat::read_error(status, body)
        }
        Wire::Anthropic => anthropic::read_error(status, body),
        Wire::Gemini(_) => gemini::read_error(status, body),
        Wire::Bedrock => bedrock::read_error(status, body),
    }
}

/// Writes a provider's error for a client.
#[must_use]
pub fn write_error(form: ErrorForm, error: &ProviderError) -> Vec<u8> {
    match form {
        ErrorForm::Openai => openai_chat::error_body(error),
        ErrorForm::Anthropic => anthropic::error_body(error),
    }
}

/// Writes the gateway's own refusal for a client: OpenAI's `type` is `kind`.
#[must_use]
pub fn write_refusal(form: ErrorForm, status: u16, error: &error_body::ErrorObject<'_>) -> Vec<u8> {
    match form {
        ErrorForm::Openai => error_body::error_body(error),
        ErrorForm::Anthropic => anthropic::refusal_body(
            status,
            error.code.unwrap_or_default(),
            error.message,
            error.param,
        ),
    }
}
