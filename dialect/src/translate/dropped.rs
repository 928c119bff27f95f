//! What of an answer a client's dialect has no place for: a loss is never silent.

use crate::anthropic;
use crate::chat::{ChatAnswer, Event, Part};
use crate::loss::{Field, Losses};
use crate::translate::Client;

/// What a client does not get of a whole answer; `legacy` when it asked with OpenAI's deprecated
/// functions.
pub(super) fn of_answer(client: Client, legacy: bool, answer: &ChatAnswer) -> Losses {
    let mut losses = answer.foreign.clone();
    for choice in &answer.choices {
        let mut calls = 0;
        for part in &choice.parts {
            if matches!(part, Part::ToolCall { .. }) {
                calls += 1;
            }
            let second = legacy && calls > 1;
            if let Some(field) = of_part(client, second, part) {
                losses.note(field);
            }
        }
    }
    losses
}

fn of_part(client: Client, second: bool, part: &Part) -> Option<Field> {
    let plain = client == Client::Completions;
    match part {
        Part::Text { .. } | Part::Refusal { .. } => None,
        Part::Reasoning { text, .. } => {
            (plain && !text.is_empty()).then_some(Field::AnswerReasoning)
        }
        Part::RedactedReasoning { .. } => plain.then_some(Field::AnswerReasoning),
        Part::ToolCall { .. } => (plain || second).then_some(Field::AnswerToolCalls),
        Part::Image { .. } => Some(Field::AnswerImages),
        Part::File { .. } => Some(Field::AnswerFiles),
        Part::Audio { .. } => Some(Field::AnswerAudio),
        Part::ToolResult { .. } => Some(Field::AnswerServerTools),
        Part::Foreign { kind, .. }
            if client == Client::Messages && anthropic::is_own_kind(kind) =>
        {
            None
        }
        Part::Foreign { kind, value } => Some(Field::of_answer_part(kind, value)),
    }
}

/// What a client does not get of an event; `legacy` as in [`of_answer`].
pub(super) fn of_event(client: Client, legacy: bool, event: &Event<'_>) -> Option<Field> {
    let plain = client == Client::Completions;
    match event {
        Event::Foreign { field, .. } => Some(field.clone()),
        Event::Reasoning { .. } | Event::RedactedReasoning { .. } => {
            plain.then_some(Field::AnswerReasoning)
        }
        Event::ToolCall { call, .. } => {
            (plain || (legacy && *call > 0)).then_some(Field::AnswerToolCalls)
        }
        Event::Text { .. }
        | Event::Start { .. }
        | Event::ReasoningSignature { .. }
        | Event::Refusal { .. }
        | Event::ToolArguments { .. }
        | Event::Logprobs { .. }
        | Event::Finish { .. }
        | Event::Usage(_)
        | Event::Ping
        | Event::Error(_)
        | Event::End => None,
    }
}
