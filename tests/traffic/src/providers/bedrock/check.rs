//! What Converse refuses, in its words.

use std::fmt::Write;

use serde_json::Value;

use super::errors::invalid;
use super::shape::CONVERSE;
use crate::providers::refusal::Refusal;
use crate::providers::shape::{Flaw, Measure, Problem, Step, flaws};
use crate::providers::signature::{Maker, decode};

/// What a Claude model takes in `additionalModelRequestFields`.
const CLAUDE_FIELDS: [&str; 5] = [
    "thinking",
    "reasoning_config",
    "top_k",
    "anthropic_beta",
    "output_config",
];

/// Whether `model` looks like an id, an inference profile or an ARN.
pub(super) fn is_model(model: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/');
    !model.is_empty() && model.len() <= 2048 && model.chars().all(plain)
}

/// Checks a request to `model`.
pub(super) fn check(model: &str, request: &Value) -> Result<(), Refusal> {
    if let Some(flaw) = flaws(&CONVERSE, request).first() {
        return Err(refusal(flaw));
    }
    let none = Vec::new();
    let messages = request
        .get("messages")
        .and_then(Value::as_array)
        .unwrap_or(&none);
    if messages.is_empty() {
        return Err(invalid(
            "The messages field is empty. Add a message to the messages field and try again.",
        ));
    }
    check_roles(messages)?;
    for (index, message) in messages.iter().enumerate() {
        check_blocks(index, blocks(message))?;
    }
    check_tools(request, messages)?;
    check_additional(model, request)
}

fn blocks(message: &Value) -> &[Value] {
    let blocks = message.get("content").and_then(Value::as_array);
    blocks.map(Vec::as_slice).unwrap_or_default()
}

fn check_roles(messages: &[Value]) -> Result<(), Refusal> {
    let role = |message: &Value| message.get("role").cloned().unwrap_or_default();
    if messages.first().is_some_and(|first| role(first) != "user") {
        return Err(invalid(
            "A conversation must start with a user message. Try again with a conversation that starts with a user message.",
        ));
    }
    let alternate = messages.windows(2).all(|pair| match pair {
        [before, after] => role(before) != role(after),
        _ => true,
    });
    if !alternate {
        return Err(invalid(
            "A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and assistant roles and try again.",
        ));
    }
    Ok(())
}

fn check_blocks(index: usize, blocks: &[Value]) -> Result<(), Refusal> {
    if blocks.is_empty() {
        return Err(invalid(format!(
            "The content field in the Message object at messages.{index} is empty. Add a ContentBlock object to the content field and try again."
        )));
    }
    for (at, block) in blocks.iter().enumerate() {
        let place = format!("messages.{index}.content.{at}");
        let text = block.get("text").and_then(Value::as_str);
        if text.is_some_and(|text| text.trim().is_empty()) {
            return Err(invalid(format!(
                "The text field in the ContentBlock object at {place} is blank. Add text to the text field, and try again."
            )));
        }
        if let Some(document) = block.get("document") {
            check_document(document, blocks)?;
        }
        for kind in ["image", "document", "video", "audio"] {
            let source = block
                .get(kind)
                .and_then(|media| media.pointer("/source/bytes"));
            let bytes = source.and_then(Value::as_str);
            if bytes.is_some_and(|bytes| decode(bytes).is_none()) {
                return Err(Refusal::new(
                    400,
                    "SerializationException",
                    "Invalid Base64",
                ));
            }
        }
        check_reasoning(&place, block)?;
    }
    Ok(())
}

fn check_document(document: &Value, blocks: &[Value]) -> Result<(), Refusal> {
    let name = document
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '(' | ')' | '[' | ']');
    if !name.chars().all(plain) || name.contains("  ") {
        return Err(invalid(
            "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, parentheses, and square brackets. The name can't contain more than one consecutive whitespace character.",
        ));
    }
    if !blocks.iter().any(|block| block.get("text").is_some()) {
        return Err(invalid(
            "If you include a ContentBlock with a document field in the array, you must also include a ContentBlock with a text field.",
        ));
    }
    Ok(())
}

fn check_reasoning(place: &str, block: &Value) -> Result<(), Refusal> {
    let Some(reasoning) = block.get("reasoningContent") else {
        return Ok(());
    };
    let good = match reasoning.get("reasoningText") {
        Some(text) => {
            let said = text.get("text").and_then(Value::as_str).unwrap_or_default();
            let signature = text.get("signature").and_then(Value::as_str);
            signature == Some(Maker::Anthropic.sign(said).as_str())
        }
        None => {
            // What was redacted is bytes, which JSON has in base64 once more.
            let data = reasoning.get("redactedContent").and_then(Value::as_str);
            let token = data
                .and_then(decode)
                .and_then(|bytes| String::from_utf8(bytes).ok());
            token.is_some_and(|token| Maker::Anthropic.sealed(&token))
        }
    };
    if good {
        return Ok(());
    }
    Err(invalid(format!(
        "The model returned the following errors: {place}: Invalid `signature` in `thinking` block"
    )))
}

fn ids<'a>(message: &'a Value, kind: &str) -> Vec<&'a str> {
    let found = blocks(message)
        .iter()
        .filter_map(|b| b.get(kind)?.get("toolUseId")?.as_str());
    found.collect()
}

fn check_tools(request: &Value, messages: &[Value]) -> Result<(), Refusal> {
    let mut open: Vec<&str> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let results = ids(message, "toolResult");
        if results.len() > open.len() {
            return Err(invalid(format!(
                "The number of toolResult blocks at messages.{index}.content exceeds the number of toolUse blocks of previous turn."
            )));
        }
        let missing: Vec<&str> = open
            .iter()
            .filter(|id| !results.contains(id))
            .copied()
            .collect();
        if !missing.is_empty() {
            return Err(unanswered(index, &missing));
        }
        open = ids(message, "toolUse");
        let used = !results.is_empty() || !open.is_empty();
        if used && request.get("toolConfig").is_none() {
            return Err(invalid(
                "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
            ));
        }
    }
    if !open.is_empty() {
        return Err(unanswered(messages.len(), &open));
    }
    let named = request
        .pointer("/toolConfig/toolChoice/tool/name")
        .and_then(Value::as_str);
    let tools = request
        .pointer("/toolConfig/tools")
        .and_then(Value::as_array);
    let offered = |name: &str| {
        let mut names = tools
            .into_iter()
            .flatten()
            .filter_map(|t| t.pointer("/toolSpec/name"));
        names.any(|offered| offered == name)
    };
    match named {
        Some(name) if !offered(name) => Err(invalid(format!(
            "The tool {name} in toolChoice is not among the tools in toolConfig."
        ))),
        _ => Ok(()),
    }
}

fn unanswered(index: usize, ids: &[&str]) -> Refusal {
    invalid(format!(
        "Expected toolResult blocks at messages.{index}.content for the following Ids: {}",
        ids.join(", ")
    ))
}

/// What goes to the model as it is, is refused by the model.
fn check_additional(model: &str, request: &Value) -> Result<(), Refusal> {
    let Some(fields) = request
        .get("additionalModelRequestFields")
        .and_then(Value::as_object)
    else {
        return Ok(());
    };
    if !model.contains("anthropic.") {
        return Ok(());
    }
    if let Some(name) = fields
        .keys()
        .find(|name| !CLAUDE_FIELDS.contains(&name.as_str()))
    {
        return Err(invalid(format!(
            "The model returned the following errors: {name}: Extra inputs are not permitted"
        )));
    }
    let Some(thinking) = fields
        .get("thinking")
        .or_else(|| fields.get("reasoning_config"))
    else {
        return Ok(());
    };
    let kind = thinking.get("type").and_then(Value::as_str);
    let budget = thinking.get("budget_tokens").and_then(Value::as_u64);
    let limit = request
        .pointer("/inferenceConfig/maxTokens")
        .and_then(Value::as_u64);
    let problem = match kind {
        Some("enabled") if budget.is_none_or(|budget| budget < 1024) => {
            "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
        }
        Some("enabled") if limit.is_some_and(|limit| budget >= Some(limit)) => {
            "`max_tokens` must be greater than `thinking.budget_tokens`."
        }
        Some("enabled" | "adaptive") if forces_tool(request) => {
            "Thinking may not be enabled when tool_choice forces tool use."
        }
        _ => return Ok(()),
    };
    Err(invalid(format!(
        "The model returned the following errors: {problem}"
    )))
}

fn forces_tool(request: &Value) -> bool {
    let choice = request.pointer("/toolConfig/toolChoice");
    choice.is_some_and(|choice| choice.get("any").is_some() || choice.get("tool").is_some())
}

/// A flaw in Bedrock's words.
fn refusal(flaw: &Flaw) -> Refusal {
    let path = path(&flaw.path);
    let detected = |problem: String| invalid(format!("1 validation error detected: {problem}"));
    match &flaw.problem {
        Problem::Unknown(name, _) => invalid(format!(
            "Malformed input request: #{}: extraneous key [{name}] is not permitted, please reformat your input and try again.",
            path.replace('.', "/")
        )),
        Problem::Missing(name) => {
            let at = if path.is_empty() {
                (*name).to_owned()
            } else {
                format!("{path}.{name}")
            };
            detected(format!(
                "Value at '{at}' failed to satisfy constraint: Member must not be null"
            ))
        }
        Problem::Word(words, got) => detected(format!(
            "Value '{got}' at '{path}' failed to satisfy constraint: Member must satisfy enum value set: {words:?}"
        )),
        Problem::Under(least, Measure::Value) => detected(format!(
            "Value at '{path}' failed to satisfy constraint: Member must have value greater than or equal to {least}"
        )),
        Problem::Over(most, Measure::Value) => detected(format!(
            "Value at '{path}' failed to satisfy constraint: Member must have value less than or equal to {most}"
        )),
        Problem::Under(least, _) => detected(format!(
            "Value at '{path}' failed to satisfy constraint: Member must have length greater than or equal to {least}"
        )),
        Problem::Over(most, _) => detected(format!(
            "Value at '{path}' failed to satisfy constraint: Member must have length less than or equal to {most}"
        )),
        Problem::Type(wanted, _) => Refusal::new(
            400,
            "SerializationException",
            format!("The value at '{path}' is not of type {wanted}"),
        ),
        Problem::Tag(..) | Problem::NotSingle(_) => Refusal::new(
            400,
            "SerializationException",
            format!("Exactly one member of the union at '{path}' must be set"),
        ),
    }
}

/// Members by name, elements of lists from one.
fn path(steps: &[Step]) -> String {
    let mut path = String::new();
    for step in steps {
        // Writing to a string cannot fail.
        let _written = match step {
            Step::Key(key) if path.is_empty() => write!(path, "{key}"),
            Step::Key(key) => write!(path, ".{key}"),
            Step::Index(index) | Step::Entry(index) => write!(path, ".{}.member", index + 1),
            Step::Tag(_) => Ok(()),
        };
    }
    path
}

#[cfg(test)]
mod tests;
