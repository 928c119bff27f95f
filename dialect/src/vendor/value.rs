//! Members whose value is said otherwise: `tool_choice`, `stop`, reasoning.

use serde_json::Value;

use super::edit::Edit;
use super::table::ReasoningControl;
use crate::chat::Effort;
use crate::loss::Field;

pub(super) fn edit(edit: &mut Edit<'_>) {
    tool_choice(edit);
    stop(edit);
    reasoning(edit);
}

fn tool_choice(edit: &mut Edit<'_>) {
    const NAME: &str = "tool_choice";
    let Some(choice) = edit.found.said(NAME).and_then(parse) else {
        return;
    };
    let takes = edit.quirks.tool_choice;
    let kind = choice.get("type").and_then(Value::as_str);
    let (taken, instead) = match (choice.as_str(), kind) {
        (Some("none"), _) => (takes.none, None),
        (Some("required"), _) => match takes.required {
            Some("required") => (true, None),
            // Another word for the same.
            Some(word) => return edit.replace_value(NAME, quoted(word)),
            None => (false, None),
        },
        (None, Some("function")) => (takes.named, takes.required),
        (None, Some("allowed_tools")) => {
            let mode = choice.pointer("/allowed_tools/mode");
            let required = mode.and_then(Value::as_str) == Some("required");
            (takes.allowed, takes.required.filter(|_| required))
        }
        (None, Some(_)) => (takes.allowed, None),
        (Some(_), _) | (None, None) => (true, None),
    };
    if taken {
        return;
    }
    edit.losses.note(Field::ToolChoice);
    match instead {
        Some(word) => edit.replace_value(NAME, quoted(word)),
        None => edit.remove(NAME),
    }
}

fn stop(edit: &mut Edit<'_>) {
    let Some(most) = edit.quirks.max_stop else {
        return;
    };
    let Some(Value::Array(mut texts)) = edit.found.said("stop").and_then(parse) else {
        return;
    };
    if texts.len() > most {
        texts.truncate(most);
        edit.replace_value("stop", Value::Array(texts).to_string());
        edit.losses.note(Field::Stop);
    }
}

fn reasoning(edit: &mut Edit<'_>) {
    const NAME: &str = "reasoning_effort";
    let Some(Value::String(word)) = edit.found.said(NAME).and_then(parse) else {
        return;
    };
    // A word that is not known is the vendor's own.
    let Some(effort) = Effort::parse(&word) else {
        return;
    };
    let none = effort == Effort::None;
    let switch = |on: bool| {
        if on {
            r#""thinking":{"type":"enabled"}"#
        } else {
            r#""thinking":{"type":"disabled"}"#
        }
    };
    match edit.quirks.reasoning {
        ReasoningControl::Effort => {}
        ReasoningControl::EffortOf(words) => {
            if !words.contains(&word.as_str())
                && let Some(nearest) = nearest(words, effort)
            {
                edit.replace_value(NAME, quoted(nearest));
                edit.losses.note(Field::Reasoning);
            }
        }
        ReasoningControl::ThinkingOrEffort if !none => {}
        ReasoningControl::ThinkingOrEffort => own_words(edit, &["thinking"], switch(false).into()),
        ReasoningControl::Thinking => {
            edit.losses.note_if(!none, Field::Reasoning);
            own_words(edit, &["thinking"], switch(!none).into());
        }
        ReasoningControl::EnableThinking => {
            let amount = match effort.budget_tokens() {
                0 => r#""enable_thinking":false"#.to_owned(),
                tokens => format!(r#""enable_thinking":true,"thinking_budget":{tokens}"#),
            };
            own_words(edit, &["enable_thinking", "thinking_budget"], amount);
        }
        ReasoningControl::TemplateKwargs => {
            let argument = if none {
                r#""enable_thinking":false"#.to_owned()
            } else {
                format!(r#""reasoning_effort":{}"#, quoted(&word))
            };
            let member = format!(r#""chat_template_kwargs":{{{argument}}}"#);
            own_words(edit, &["chat_template_kwargs"], member);
        }
        ReasoningControl::None => edit.lose(NAME),
    }
}

/// Says the amount in the vendor's words, unless the client did.
fn own_words(edit: &mut Edit<'_>, words: &[&str], text: String) {
    if words.iter().any(|word| edit.found.get(word).is_some()) {
        edit.remove("reasoning_effort");
    } else {
        edit.replace_member("reasoning_effort", text);
    }
}

/// The word that comes nearest; of two, the one for more.
fn nearest(words: &'static [&'static str], wish: Effort) -> Option<&'static str> {
    let distance = |word: &&&str| {
        let effort = Effort::parse(word).unwrap_or(Effort::Medium);
        (effort as i8 - wish as i8).abs()
    };
    words.iter().rev().min_by_key(distance).copied()
}

pub(super) fn parse(value: &[u8]) -> Option<Value> {
    serde_json::from_slice(value).ok()
}

pub(super) fn quoted(word: &str) -> String {
    // A string always serialises.
    serde_json::to_string(word).unwrap_or_default()
}
