//! A whole answer of an OpenAI-shaped provider.

use super::wire::{Answer, Call, Choice as WireChoice, Function, Said};
use super::{errors, finish, reasoning};
use crate::chat::{ChatAnswer, Choice, Finish, Maker, Part, Signature};
use crate::provider_error::ProviderError;

/// Reads a `chat.completion` (OpenAI's `CreateChatCompletionResponse`), with what compatible vendors
/// write otherwise.
///
/// # Errors
/// The error that hides in a 200, or that it is no such answer.
pub fn read_answer(body: &[u8]) -> Result<ChatAnswer, ProviderError> {
    let Ok(answer) = serde_json::from_slice::<Answer<'_>>(body) else {
        return Err(errors::unreadable());
    };
    if let Some(error) = errors::hidden(&answer, false, body) {
        return Err(error);
    }
    if answer.choices.is_empty() {
        return Err(errors::unreadable());
    }
    let usage = answer.usage();
    let mut choices = Vec::new();
    let mut indexed: Vec<_> = answer.choices.into_iter().enumerate().collect();
    indexed.sort_by_key(|(at, choice)| choice.index.0.unwrap_or(*at as u64));
    for (number, (_, choice)) in indexed.into_iter().enumerate() {
        choices.push(read_choice(choice, number)?);
    }
    Ok(ChatAnswer {
        id: answer.id.owned(),
        model: answer.model.owned(),
        created: answer.created.0.filter(|&created| created > 0),
        choices,
        usage,
        service_tier: answer.service_tier.owned(),
    })
}

fn read_choice(choice: WireChoice<'_>, number: usize) -> Result<Choice, ProviderError> {
    let said = choice.message.0.unwrap_or_default();
    let parts = parts(*said, number);
    let calls = parts.iter().any(|p| matches!(p, Part::ToolCall { .. }));
    let finish: Finish = finish::read(choice.finish_reason.as_str(), calls)?;
    Ok(Choice {
        parts,
        finish,
        logprobs: choice.logprobs.map(|logprobs| *logprobs),
    })
}

fn parts(said: Said<'_>, choice: usize) -> Vec<Part> {
    let flat = said.reasoning_content.get().or(said.reasoning.get());
    let flat = flat.map(std::borrow::Cow::into_owned);
    let thinking = Some(said.content.thinking).filter(|text| !text.is_empty());
    let mut parts = reasoning::parts(flat.or(thinking).into(), &said.reasoning_details.0);
    parts.extend(said.content.text.owned().map(Part::text));
    let spoken = said.audio.0.and_then(|sound| sound.transcript.owned());
    parts.extend(spoken.map(Part::text));
    parts.extend(said.refusal.owned().map(|text| Part::Refusal { text }));
    parts.extend(calls(said.tool_calls.0, choice));
    if let Some(function) = said.function_call.0 {
        parts.push(called(String::new(), *function, None, choice, 0));
    }
    parts
}

fn calls<'a>(calls: Vec<Call<'a>>, choice: usize) -> impl Iterator<Item = Part> + use<'a> {
    let calls = calls.into_iter().enumerate();
    calls.map(move |(number, call)| {
        let signature = signature(&call);
        let function = call.function.0.unwrap_or_default();
        let id = call.id.owned().unwrap_or_default();
        called(id, function, signature, choice, number)
    })
}

/// Google's signature of a call.
pub(super) fn signature(call: &Call<'_>) -> Option<Signature> {
    let google = call.extra_content.0.as_ref()?.google.0.as_ref()?;
    let data = google.thought_signature.as_str();
    (!data.is_empty()).then(|| Signature {
        maker: Maker::Google,
        data: data.to_owned(),
    })
}

/// The id of a call that has none, from its place.
pub(super) fn made_id(choice: usize, call: usize) -> String {
    format!("call_{choice}_{call}")
}

fn called(
    id: String,
    function: Function<'_>,
    signature: Option<Signature>,
    choice: usize,
    number: usize,
) -> Part {
    Part::ToolCall {
        id: if id.is_empty() {
            made_id(choice, number)
        } else {
            id
        },
        name: function.name.owned().unwrap_or_default(),
        arguments: function.arguments.0.owned().unwrap_or_default(),
        cache: None,
        signature,
    }
}
