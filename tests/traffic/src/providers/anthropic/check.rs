//! What the Messages API refuses, in its words.

use serde_json::Value;

use super::invalid;
use super::shape::{COUNT_TOKENS, MESSAGES};
use super::wording::refusal;
use crate::providers::refusal::Refusal;
use crate::providers::shape::flaws;
use crate::providers::signature::Maker;

/// Most cache marks in one request.
const CACHE_MARKS_LIMIT: usize = 4;

/// The version of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// `2023-06-01`.
    First,
    /// `2026-10-21`: without sampling parameters, documents only from users, citations never from
    /// them.
    Second,
}

impl Version {
    /// The version that `anthropic-version` names.
    pub(super) fn read(header: Option<&str>) -> Result<Self, Refusal> {
        match header {
            None => Err(invalid("anthropic-version: header is required")),
            Some("2023-06-01") => Ok(Self::First),
            Some("2026-10-21") => Ok(Self::Second),
            Some(other) => Err(invalid(&format!(
                "anthropic-version: \"{other}\" is not a valid version."
            ))),
        }
    }
}

/// A message of the request with its blocks; text alone is a block of none.
struct Turn<'a> {
    index: usize,
    role: &'a str,
    blocks: &'a [Value],
    message: &'a Value,
}

/// Checks a whole request; one that counts tokens only has fewer members.
pub(super) fn check(request: &Value, version: Version, counting: bool) -> Result<(), Refusal> {
    let shape = if counting { &COUNT_TOKENS } else { &MESSAGES };
    if let Some(flaw) = flaws(shape, request).first() {
        return Err(refusal(flaw));
    }
    if version == Version::Second {
        check_second(request)?;
    }
    let turns = turns(request);
    check_roles(&turns)?;
    check_texts(&turns)?;
    check_tools(&turns)?;
    check_signatures(&turns)?;
    check_thinking(request)?;
    check_choice(request)?;
    let marks = cache_marks(request);
    if marks > CACHE_MARKS_LIMIT {
        return Err(invalid(&format!(
            "A maximum of {CACHE_MARKS_LIMIT} blocks with cache_control may be provided. Found {marks}."
        )));
    }
    Ok(())
}

/// How many marks for the prompt cache a request has.
pub(super) fn cache_marks(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.iter().map(cache_marks).sum(),
        Value::Object(object) => object
            .iter()
            .map(|(key, inner)| match key.as_str() {
                "cache_control" => usize::from(inner.is_object()),
                // What these hold is the caller's own.
                "input" | "input_schema" | "schema" => 0,
                _ => cache_marks(inner),
            })
            .sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn turns(request: &Value) -> Vec<Turn<'_>> {
    let messages = request.get("messages").and_then(Value::as_array);
    messages
        .into_iter()
        .flatten()
        .enumerate()
        .map(|(index, message)| Turn {
            index,
            role: word(message, "role"),
            blocks: message
                .get("content")
                .and_then(Value::as_array)
                .map(Vec::as_slice)
                .unwrap_or_default(),
            message,
        })
        .collect()
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn check_second(request: &Value) -> Result<(), Refusal> {
    for name in ["temperature", "top_p", "top_k"] {
        if request.get(name).is_some() {
            return Err(invalid(&format!("{name}: Extra inputs are not permitted")));
        }
    }
    for turn in turns(request) {
        for (at, block) in turn.blocks.iter().enumerate() {
            let place = format!("messages.{}.content.{at}", turn.index);
            if turn.role == "assistant" && word(block, "type") == "document" {
                return Err(invalid(&format!(
                    "{place}: `document` blocks are not permitted in assistant messages"
                )));
            }
            let cited = block.get("citations").and_then(Value::as_array);
            if turn.role == "user" && cited.is_some_and(|list| !list.is_empty()) {
                return Err(invalid(&format!(
                    "{place}.text.citations: citations are not permitted in user messages"
                )));
            }
        }
    }
    Ok(())
}

/// The first turn is the user's. Turns of one role in a row are one turn to the API, so they are no
/// fault. Instructions may stand after a user's turn.
fn check_roles(turns: &[Turn<'_>]) -> Result<(), Refusal> {
    if turns.first().is_some_and(|turn| turn.role != "user") {
        return Err(invalid(
            "messages: first message must use the \"user\" role",
        ));
    }
    for pair in turns.windows(2) {
        if let [before, turn] = pair
            && turn.role == "system"
            && before.role != "user"
        {
            return Err(invalid(&format!(
                "messages.{}: role \"system\" must immediately follow a \"user\" message",
                turn.index
            )));
        }
    }
    Ok(())
}

fn check_texts(turns: &[Turn<'_>]) -> Result<(), Refusal> {
    for turn in turns {
        let last = turn.index + 1 == turns.len() && turn.role == "assistant";
        let content = turn.message.get("content").and_then(Value::as_str);
        let empty =
            content.is_some_and(str::is_empty) || content.is_none() && turn.blocks.is_empty();
        if empty && !last {
            return Err(invalid(&format!(
                "messages.{}: all messages must have non-empty content except for the optional final assistant message",
                turn.index
            )));
        }
        let texts = turn
            .blocks
            .iter()
            .filter(|block| word(block, "type") == "text");
        for text in texts.map(|block| word(block, "text")).chain(content) {
            if text.is_empty() && !last {
                return Err(invalid("messages: text content blocks must be non-empty"));
            }
            if !text.is_empty() && text.trim().is_empty() {
                return Err(invalid(
                    "messages: text content blocks must contain non-whitespace text",
                ));
            }
            if last && text.ends_with(char::is_whitespace) {
                return Err(invalid(
                    "messages: final assistant content cannot end with trailing whitespace",
                ));
            }
        }
    }
    Ok(())
}

/// Tool results answer the calls of the turn before, all of them and no others.
fn check_tools(turns: &[Turn<'_>]) -> Result<(), Refusal> {
    let mut open: Vec<&str> = Vec::new();
    let mut opened = 0;
    let mut index = 0;
    while let Some(turn) = turns.get(index) {
        // The turns of one role in a row are one.
        let rest = turns.get(index..).unwrap_or_default();
        let run = rest
            .iter()
            .take_while(|other| other.role == turn.role)
            .count();
        let same = rest.get(..run).unwrap_or_default();
        let results = of_type(same, "tool_result", "tool_use_id");
        for (message, block, id) in &results {
            if !open.contains(id) {
                return Err(invalid(&format!(
                    "messages.{message}.content.{block}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
                )));
            }
        }
        let missing: Vec<&str> = open
            .iter()
            .filter(|id| !results.iter().any(|r| r.2 == **id))
            .copied()
            .collect();
        if !missing.is_empty() {
            return Err(unanswered(opened, &missing));
        }
        open = of_type(same, "tool_use", "id")
            .into_iter()
            .map(|(_, _, id)| id)
            .collect();
        opened = turn.index;
        index += run;
    }
    if open.is_empty() {
        Ok(())
    } else {
        Err(unanswered(opened, &open))
    }
}

fn unanswered(index: usize, ids: &[&str]) -> Refusal {
    invalid(&format!(
        "messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: {}. Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
        ids.join(", ")
    ))
}

/// The blocks of this type: message, block and the id that `field` holds.
fn of_type<'a>(turns: &[Turn<'a>], kind: &str, field: &str) -> Vec<(usize, usize, &'a str)> {
    let mut found = Vec::new();
    for turn in turns {
        for (at, block) in turn.blocks.iter().enumerate() {
            if word(block, "type") == kind {
                found.push((turn.index, at, word(block, field)));
            }
        }
    }
    found
}

fn check_signatures(turns: &[Turn<'_>]) -> Result<(), Refusal> {
    for turn in turns {
        for (at, block) in turn.blocks.iter().enumerate() {
            let (kind, field, good) = match word(block, "type") {
                "thinking" => {
                    let own = Maker::Anthropic.sign(word(block, "thinking"));
                    ("thinking", "signature", word(block, "signature") == own)
                }
                "redacted_thinking" => (
                    "redacted_thinking",
                    "data",
                    Maker::Anthropic.sealed(word(block, "data")),
                ),
                _ => continue,
            };
            if !good {
                return Err(invalid(&format!(
                    "messages.{}.content.{at}: Invalid `{field}` in `{kind}` block",
                    turn.index
                )));
            }
        }
    }
    Ok(())
}

fn check_thinking(request: &Value) -> Result<(), Refusal> {
    let at = |pointer: &str| request.pointer(pointer);
    let kind = at("/thinking/type").and_then(Value::as_str);
    if !matches!(kind, Some("enabled" | "adaptive")) {
        return Ok(());
    }
    let budget = at("/thinking/budget_tokens").and_then(Value::as_u64);
    let limit = at("/max_tokens").and_then(Value::as_u64);
    if limit.is_some_and(|limit| budget >= Some(limit)) {
        return Err(invalid(
            "`max_tokens` must be greater than `thinking.budget_tokens`.",
        ));
    }
    let forced = at("/tool_choice/type").and_then(Value::as_str);
    if matches!(forced, Some("any" | "tool")) {
        return Err(invalid(
            "Thinking may not be enabled when tool_choice forces tool use.",
        ));
    }
    if kind == Some("enabled") {
        let heat = at("/temperature").and_then(Value::as_f64);
        if heat.is_some_and(|heat| heat < 1.0) {
            return Err(invalid(
                "`temperature` may only be set to 1 when thinking is enabled.",
            ));
        }
        if at("/top_k").is_some_and(|top_k| !top_k.is_null()) {
            return Err(invalid("`top_k` must be unset when thinking is enabled."));
        }
    }
    Ok(())
}

fn check_choice(request: &Value) -> Result<(), Refusal> {
    let tools = request.get("tools").and_then(Value::as_array);
    let offered: Vec<&str> = tools
        .into_iter()
        .flatten()
        .map(|tool| word(tool, "name"))
        .collect();
    let choice = request
        .get("tool_choice")
        .filter(|choice| !choice.is_null());
    let Some(choice) = choice else {
        return Ok(());
    };
    if offered.is_empty() && word(choice, "type") != "none" {
        return Err(invalid(
            "tool_choice may only be specified while providing tools.",
        ));
    }
    let named = word(choice, "name");
    if word(choice, "type") == "tool" && !offered.contains(&named) {
        return Err(invalid(&format!(
            "Tool '{named}' not found in provided tools"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
