//! A whole answer.

use super::wire::{Response, odds};
use crate::chat::{ChatAnswer, Choice, Finish, MadeIds, Part};
use crate::loss::Losses;
use crate::openai_chat::errors::unreadable;
use crate::provider_error::ProviderError;

/// Reads a `response` (OpenAI's `Response`).
///
/// # Errors
/// The error that it holds, or that it is no such answer.
pub fn read_answer(body: &[u8]) -> Result<ChatAnswer, ProviderError> {
    read_answer_of("", body)
}

/// As [`read_answer`]; `id` is one that no other answer has, for where the provider gave none: a call
/// without an id gets one of [`MadeIds`].
///
/// # Errors
/// As [`read_answer`].
pub fn read_answer_of(id: &str, body: &[u8]) -> Result<ChatAnswer, ProviderError> {
    let Ok(mut answer) = serde_json::from_slice::<Response<'_>>(body) else {
        return Err(unreadable());
    };
    if let Some(error) = answer.failure() {
        return Err(error);
    }
    if answer.output.0.is_empty() && answer.status.as_str().is_empty() {
        return Err(unreadable());
    }
    let ids = MadeIds::of(
        Some(answer.id.as_str())
            .filter(|id| !id.is_empty())
            .unwrap_or(id),
    );
    let (mut parts, mut foreign, mut tokens) = (Vec::new(), Losses::default(), Vec::new());
    let mut calls = 0;
    for item in &mut answer.output.0 {
        item.parts(&mut |said| match said {
            Ok(mut part) => {
                if let Part::ToolCall { id, .. } = &mut part {
                    if id.is_empty() {
                        *id = ids.id(0, calls);
                    }
                    calls += 1;
                }
                parts.push(part);
            }
            Err(field) => foreign.note(field),
        });
        for part in &mut item.content.0 {
            tokens.append(&mut part.logprobs.0);
        }
    }
    let finish = finish(answer.status.as_str(), answer.cut_by(), calls > 0);
    Ok(ChatAnswer {
        usage: answer.usage(),
        id: answer.id.owned(),
        model: answer.model.owned(),
        created: answer.created_at.0.filter(|&created| created > 0),
        choices: vec![Choice {
            parts,
            finish,
            logprobs: odds(tokens),
        }],
        service_tier: answer.service_tier.owned(),
        foreign,
    })
}

/// Why it stopped, by its status and by what cut it.
pub(super) fn finish(status: &str, cut_by: &str, calls: bool) -> Finish {
    match (status, cut_by) {
        (_, "content_filter") => Finish::ContentFilter,
        ("incomplete", _) | (_, "max_output_tokens") => Finish::Length,
        _ if calls => Finish::ToolCalls,
        _ => Finish::Stop,
    }
}
