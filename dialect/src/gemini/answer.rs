//! Reading a whole answer.

use super::error::{blocked, find, own, unreadable};
use super::finish::{broken, finish};
use super::wire::{Candidate, FunctionCall, Part, Response, Text, UsageMetadata, arguments};
use crate::chat::{self, ChatAnswer, Choice, Finish, MadeIds, Maker, Signature};
use crate::loss::{Field, Losses};
use crate::provider_error::{ErrorClass, ProviderError};

/// Reads the body of a successful answer, as [`read_answer_of`] does, of which nothing is known.
///
/// # Errors
/// As [`read_answer_of`].
pub fn read_answer(body: &[u8]) -> Result<ChatAnswer, ProviderError> {
    read_answer_of("", body)
}

/// Reads the body of a successful answer; `id` is one that no other answer has, for where the
/// provider gave none.
///
/// A call without an id gets one of [`MadeIds`]. A signature on a text becomes that of the
/// reasoning before it, or of an empty one in its place. Parts that no other dialect has are
/// [`chat::Part::Foreign`].
///
/// # Errors
/// When it holds an error, a blocked prompt, no candidate or a broken one, or is no answer at all.
pub fn read_answer_of(id: &str, body: &[u8]) -> Result<ChatAnswer, ProviderError> {
    let response: Response<'_> = serde_json::from_slice(body)
        .map_err(|_unreadable| find(body, None).unwrap_or_else(unreadable))?;
    if response.error.is_some() {
        return Err(find(body, None).unwrap_or_else(unreadable));
    }
    if response.candidates.is_empty() {
        let empty = || {
            own(
                ErrorClass::Server,
                "The provider answered without an answer.",
            )
        };
        return Err(blocked(response.prompt_feedback).unwrap_or_else(empty));
    }
    let mut candidates: Vec<_> = response.candidates.into_iter().collect();
    candidates.sort_by_key(|candidate| candidate.index.unwrap_or_default());
    let given: Option<String> = Text::said(response.response_id).map(Into::into);
    let ids = MadeIds::of(given.as_deref().unwrap_or(id));
    let mut foreign = Losses::default();
    let cites = candidates.iter().any(Candidate::has_sources);
    foreign.note_if(cites, Field::AnswerAnnotations);
    let choices = (0u32..)
        .zip(candidates)
        .map(|(choice, candidate)| read_choice(choice, ids, candidate));
    Ok(ChatAnswer {
        id: given,
        model: Text::said(response.model_version).map(Into::into),
        created: None,
        choices: choices.collect::<Result<_, _>>()?,
        usage: response.usage_metadata.and_then(UsageMetadata::usage),
        service_tier: None,
        foreign,
    })
}

/// Names a choice's next call.
struct Calls {
    ids: MadeIds,
    choice: u32,
    next: u32,
}

impl Calls {
    fn id(&mut self, given: Option<Text<'_>>) -> String {
        let call = self.next;
        self.next = call.saturating_add(1);
        Text::said(given).map_or_else(|| self.ids.id(self.choice, call), Into::into)
    }
}

fn read_choice(
    choice: u32,
    ids: MadeIds,
    candidate: Candidate<'_>,
) -> Result<Choice, ProviderError> {
    if let Some(error) = broken(&candidate) {
        return Err(error);
    }
    let mut parts = Vec::new();
    let next = 0;
    let mut calls = Calls { ids, choice, next };
    for part in candidate.content.unwrap_or_default().parts {
        read_part(part, &mut calls, &mut parts);
    }
    let has_calls = calls.next > 0;
    let unsaid = if has_calls {
        Finish::ToolCalls
    } else {
        Finish::Stop
    };
    Ok(Choice {
        parts,
        finish: finish(candidate.finish_reason, has_calls).unwrap_or(unsaid),
        logprobs: candidate.logprobs_result.and_then(|it| it.openai()),
    })
}

fn read_part(part: Part<'_>, calls: &mut Calls, out: &mut Vec<chat::Part>) {
    let signature = signature(part.thought_signature);
    if let Some(FunctionCall { id, name, args }) = part.function_call {
        return out.push(chat::Part::ToolCall {
            id: calls.id(id),
            name: name.unwrap_or_default().0.into(),
            arguments: arguments(args).into(),
            cache: None,
            signature,
        });
    }
    let text = Text::said(part.text);
    if part.thought {
        if let Some(text) = text {
            out.push(chat::Part::Reasoning {
                text: text.into(),
                signature: None,
            });
        }
        return sign(signature, out);
    }
    sign(signature, out);
    if let Some(text) = text {
        out.push(chat::Part::text(text));
    }
    if let Some((kind, value)) = part.foreign {
        out.push(chat::Part::Foreign {
            kind: kind.to_owned(),
            value,
        });
    }
}

/// Gives the reasoning just before its proof.
fn sign(proof: Option<Signature>, out: &mut Vec<chat::Part>) {
    if proof.is_none() {
        return;
    }
    if let Some(chat::Part::Reasoning { signature, .. }) = out.last_mut()
        && signature.is_none()
    {
        *signature = proof;
        return;
    }
    out.push(chat::Part::Reasoning {
        text: String::new(),
        signature: proof,
    });
}

pub(super) fn signature(data: Option<Text<'_>>) -> Option<Signature> {
    Text::said(data).map(|data| Signature {
        maker: Maker::Google,
        data: data.into(),
    })
}
