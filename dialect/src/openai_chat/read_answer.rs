//! A whole answer of an OpenAI-shaped provider.

use super::wire::{Answer, Call, Choice as WireChoice, Function, Said};
use super::{errors, finish, reasoning};
use crate::chat::{ChatAnswer, Choice, Finish, MadeIds, Maker, Part, Signature};
use crate::loss::{Field, Losses};
use crate::provider_error::ProviderError;

/// Reads a `chat.completion` (OpenAI's `CreateChatCompletionResponse`), with what compatible vendors
/// write otherwise.
///
/// # Errors
/// The error that hides in a 200, or that it is no such answer.
pub fn read_answer(body: &[u8]) -> Result<ChatAnswer, ProviderError> {
    read_answer_of("", body)
}

/// As [`read_answer`]; `id` is one that no other answer has, for where the provider gave none: a call
/// without an id gets one of [`MadeIds`].
///
/// # Errors
/// As [`read_answer`].
pub fn read_answer_of(id: &str, body: &[u8]) -> Result<ChatAnswer, ProviderError> {
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
    let mut foreign = Losses::default();
    foreign.note_if(answer.has_sources(), Field::AnswerAnnotations);
    let given = answer.id.owned();
    let ids = MadeIds::of(given.as_deref().unwrap_or(id));
    let mut choices = Vec::new();
    let mut indexed: Vec<_> = answer.choices.into_iter().enumerate().collect();
    indexed.sort_by_key(|(at, choice)| choice.index.0.unwrap_or(*at as u64));
    for (number, (_, choice)) in (0u32..).zip(indexed) {
        if let Some(said) = &choice.message.0 {
            said.foreign(|field| foreign.note(field));
        }
        choices.push(read_choice(
            choice,
            Made {
                ids,
                choice: number,
            },
        )?);
    }
    Ok(ChatAnswer {
        id: given,
        model: answer.model.owned(),
        created: answer.created.0.filter(|&created| created > 0),
        choices,
        usage,
        service_tier: answer.service_tier.owned(),
        foreign,
    })
}

/// Names the calls of a choice that have no id.
#[derive(Clone, Copy)]
struct Made {
    ids: MadeIds,
    choice: u32,
}

fn read_choice(choice: WireChoice<'_>, made: Made) -> Result<Choice, ProviderError> {
    let said = choice.message.0.unwrap_or_default();
    let parts = parts(*said, made);
    let calls = parts.iter().any(|p| matches!(p, Part::ToolCall { .. }));
    let finish: Finish = finish::read(choice.finish_reason.as_str(), calls)?;
    Ok(Choice {
        parts,
        finish,
        logprobs: choice.logprobs.map(|logprobs| *logprobs),
    })
}

fn parts(said: Said<'_>, made: Made) -> Vec<Part> {
    let flat = said.reasoning_content.get().or(said.reasoning.get());
    let flat = flat.map(std::borrow::Cow::into_owned);
    let thinking = Some(said.content.thinking).filter(|text| !text.is_empty());
    let mut parts = reasoning::parts(flat.or(thinking).into(), &said.reasoning_details.0);
    parts.extend(said.content.text.owned().map(Part::text));
    let spoken = said.audio.0.and_then(|sound| sound.transcript.owned());
    parts.extend(spoken.map(Part::text));
    parts.extend(said.refusal.owned().map(|text| Part::Refusal { text }));
    parts.extend(calls(said.tool_calls.0, made));
    if let Some(function) = said.function_call.0 {
        parts.push(called(String::new(), *function, None, (made, 0)));
    }
    parts
}

fn calls<'a>(calls: Vec<Call<'a>>, made: Made) -> impl Iterator<Item = Part> + use<'a> {
    let calls = (0u32..).zip(calls);
    calls.map(move |(number, call)| {
        let signature = signature(&call);
        let function = call.function.0.unwrap_or_default();
        let id = call.id.owned().unwrap_or_default();
        called(id, function, signature, (made, number))
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

fn called(
    id: String,
    function: Function<'_>,
    signature: Option<Signature>,
    (made, number): (Made, u32),
) -> Part {
    Part::ToolCall {
        id: if id.is_empty() {
            made.ids.id(made.choice, number)
        } else {
            id
        },
        name: function.name.owned().unwrap_or_default(),
        arguments: function.arguments.0.owned().unwrap_or_default(),
        cache: None,
        signature,
    }
}
