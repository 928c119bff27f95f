//! What Google refuses, in its words.

use std::fmt::Write;

use serde_json::Value;

use super::Method;
use super::errors::{invalid, violations};
use super::shape::{BATCH_EMBED, COUNT_TOKENS, EMBED, GENERATE};
use crate::providers::refusal::Refusal;
use crate::providers::shape::{Flaw, Measure, Problem, Shape, Step, flaws, renamed};
use crate::providers::signature::{Maker, account_of};

/// What a part must have one of.
const DATA: [&str; 7] = [
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
];
/// Stand-ins for a signature that are taken as one: ai.google.dev/gemini-api/docs/thought-signatures.
const SKIPPED: [&str; 2] = [
    "skip_thought_signature_validator",
    "context_engineering_is_the_way_to_go",
];

/// What a request for `method` may hold.
fn shape(method: Method) -> &'static Shape {
    match method {
        Method::Generate | Method::Stream(_) => &GENERATE,
        Method::CountTokens => &COUNT_TOKENS,
        Method::Embed => &EMBED,
        Method::BatchEmbed => &BATCH_EMBED,
    }
}

/// The request with its members named as JSON names them; the wire's own `snake_case` is as good.
pub(super) fn named(method: Method, request: Value) -> Value {
    renamed(shape(method), request, &camel)
}

fn camel(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    for word in name.split('_') {
        let mut letters = word.chars();
        match letters.next() {
            Some(first) if !camel.is_empty() => camel.push(first.to_ascii_uppercase()),
            Some(first) => camel.push(first),
            None => {}
        }
        camel.push_str(letters.as_str());
    }
    camel
}

/// Checks a request for `method` of `model`.
pub(super) fn check(method: Method, model: &str, request: &Value) -> Result<(), Refusal> {
    let shape = shape(method);
    let flaws = flaws(shape, request);
    if !flaws.is_empty() {
        let list: Vec<(String, String)> = flaws.iter().map(violation).collect();
        return Err(violations(&list));
    }
    if !matches!(method, Method::Generate | Method::Stream(_)) {
        return Ok(());
    }
    let none = Vec::new();
    let contents = request
        .get("contents")
        .and_then(Value::as_array)
        .unwrap_or(&none);
    if contents.is_empty() {
        return Err(invalid(
            "* GenerateContentRequest.contents: contents is not specified\n",
        ));
    }
    check_parts(contents)?;
    check_turns(contents)?;
    check_signatures(model, contents)?;
    check_tools(model, request)?;
    check_format(request)
}

fn parts(content: &Value) -> &[Value] {
    let parts = content.get("parts").and_then(Value::as_array);
    parts.map(Vec::as_slice).unwrap_or_default()
}

fn check_parts(contents: &[Value]) -> Result<(), Refusal> {
    for (index, content) in contents.iter().enumerate() {
        let role = content.get("role").and_then(Value::as_str);
        if !matches!(role, None | Some("user" | "model")) {
            return Err(invalid("Please use a valid role: user, model."));
        }
        if parts(content).is_empty() {
            return Err(invalid(format!(
                "* GenerateContentRequest.contents[{index}].parts: contents.parts must not be empty.\n"
            )));
        }
        for (at, part) in parts(content).iter().enumerate() {
            let data = DATA
                .iter()
                .filter(|name| part.get(**name).is_some())
                .count();
            if data != 1 && part.get("thoughtSignature").is_none() {
                return Err(invalid(format!(
                    "* GenerateContentRequest.contents[{index}].parts[{at}].data: required oneof field 'data' must have one initialized field\n"
                )));
            }
            let media = part.pointer("/inlineData/mimeType").and_then(Value::as_str);
            if media.is_some_and(|media| !supported(media)) {
                return Err(invalid(format!(
                    "Unsupported MIME type: {}",
                    media.unwrap_or_default()
                )));
            }
        }
    }
    Ok(())
}

fn supported(media: &str) -> bool {
    let kinds = [
        "image/",
        "audio/",
        "video/",
        "text/",
        "application/pdf",
        "application/json",
    ];
    kinds.iter().any(|kind| media.starts_with(kind)) && media != "image/gif"
}

fn names<'a>(content: &'a Value, kind: &str) -> Vec<&'a str> {
    let named = parts(content)
        .iter()
        .filter_map(|part| part.get(kind)?.get("name")?.as_str());
    named.collect()
}

/// Responses of functions answer the calls of the turn before, each of them.
fn check_turns(contents: &[Value]) -> Result<(), Refusal> {
    let mut open: Vec<&str> = Vec::new();
    for (index, content) in contents.iter().enumerate() {
        let responses = names(content, "functionResponse");
        if !responses.is_empty() && open.is_empty() {
            return Err(invalid(
                "Please ensure that function response turn comes immediately after a function call turn.",
            ));
        }
        if responses.len() != open.len() || responses.iter().any(|name| !open.contains(name)) {
            return Err(invalid(
                "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.",
            ));
        }
        open = names(content, "functionCall");
        let model = content.get("role").and_then(Value::as_str) == Some("model");
        let misplaced = !open.is_empty() && (!model || index == 0);
        if misplaced {
            return Err(invalid(
                "Please ensure that function call turn comes immediately after a user turn or after a function response turn.",
            ));
        }
    }
    Ok(())
}

/// Nothing says that one of the two takes what the other has signed: it does not.
pub(super) fn check_home(home: &str, request: &Value) -> Result<(), Refusal> {
    let contents = request.get("contents").and_then(Value::as_array);
    for part in contents.into_iter().flatten().flat_map(parts) {
        let signature = part.get("thoughtSignature").and_then(Value::as_str);
        if signature
            .and_then(account_of)
            .is_some_and(|of| !of.is_empty() && of != home)
        {
            return Err(invalid("Thought signature is not valid."));
        }
    }
    Ok(())
}

/// Signatures are Google's own. Newer models want one at the first call of each step since the user
/// last spoke.
fn check_signatures(model: &str, contents: &[Value]) -> Result<(), Refusal> {
    let signature = |part: &Value| {
        part.get("thoughtSignature")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    for part in contents.iter().flat_map(parts) {
        if let Some(signature) = signature(part)
            && !Maker::Google.sealed(&signature)
            && !SKIPPED.contains(&signature.as_str())
        {
            return Err(invalid("Corrupted thought signature."));
        }
    }
    if !model.starts_with("gemini-3") {
        return Ok(());
    }
    let spoke = contents.iter().rposition(|content| {
        content.get("role").and_then(Value::as_str) != Some("model")
            && names(content, "functionResponse").is_empty()
    });
    for (index, content) in contents.iter().enumerate().skip(spoke.unwrap_or(0)) {
        let call = parts(content)
            .iter()
            .position(|part| part.get("functionCall").is_some());
        let Some(at) = call else { continue };
        if parts(content).get(at).and_then(signature).is_none() {
            return Err(invalid(format!(
                "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing thought_signature may lead to degraded model performance. Additional data, function call, position {index}."
            )));
        }
    }
    Ok(())
}

fn check_tools(model: &str, request: &Value) -> Result<(), Refusal> {
    let tools = request.get("tools").and_then(Value::as_array);
    let declared: Vec<&str> = tools
        .into_iter()
        .flatten()
        .filter_map(|tool| tool.get("functionDeclarations")?.as_array())
        .flatten()
        .filter_map(|declaration| declaration.get("name")?.as_str())
        .collect();
    for name in &declared {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-');
        let start = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !start || !name.chars().all(plain) || name.len() > 64 {
            return Err(invalid(
                "* GenerateContentRequest.tools[0].function_declarations[0].name: [FIELD_INVALID] Invalid function name. Must start with a letter or an underscore. Must be alphameric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 64.\n",
            ));
        }
    }
    let config = request.pointer("/toolConfig/functionCallingConfig");
    let word = |name: &str| config.and_then(|c| c.get(name)).and_then(Value::as_str);
    let allowed = config
        .and_then(|c| c.get("allowedFunctionNames"))
        .and_then(Value::as_array);
    let any = matches!(word("mode"), Some("ANY" | "VALIDATED"));
    if allowed.is_some_and(|names| !names.is_empty()) && !any {
        return Err(invalid(
            "Please set function calling mode to ANY when allowed_function_names is set.",
        ));
    }
    let unknown = allowed
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .find(|name| !declared.contains(name));
    if let Some(name) = unknown {
        return Err(invalid(format!(
            "allowed_function_names contains `{name}`, which is not among the function declarations."
        )));
    }
    let media = request
        .pointer("/generationConfig/responseMimeType")
        .and_then(Value::as_str);
    let older = model.starts_with("gemini-1") || model.starts_with("gemini-2");
    if older && !declared.is_empty() && media == Some("application/json") {
        return Err(invalid(
            "Function calling with a response mime type: 'application/json' is unsupported",
        ));
    }
    Ok(())
}

fn check_format(request: &Value) -> Result<(), Refusal> {
    let at = |name: &str| {
        let config = request.get("generationConfig")?;
        config.get(name).filter(|value| !value.is_null())
    };
    let (schema, json) = (at("responseSchema"), at("responseJsonSchema"));
    if schema.is_some() && json.is_some() {
        return Err(invalid(
            "Only one of response_schema and response_json_schema may be set.",
        ));
    }
    let media = at("responseMimeType")
        .and_then(Value::as_str)
        .unwrap_or("text/plain");
    if (schema.is_some() || json.is_some()) && media == "text/plain" {
        return Err(invalid(
            "* GenerateContentRequest.generation_config.response_schema: only allowed when response_mime_type is 'application/json' or 'text/x.enum'\n",
        ));
    }
    let both = at("thinkingConfig")
        .is_some_and(|t| t.get("thinkingBudget").is_some() && t.get("thinkingLevel").is_some());
    if both {
        return Err(invalid(
            "You can only set one of thinking budget and thinking level.",
        ));
    }
    if at("logprobs").is_some() && at("responseLogprobs") != Some(&Value::Bool(true)) {
        return Err(invalid("Logprobs requires response_logprobs to be true."));
    }
    Ok(())
}

/// A flaw in Google's words: where, and what.
fn violation(flaw: &Flaw) -> (String, String) {
    let path = path(&flaw.path);
    let description = match &flaw.problem {
        Problem::Unknown(name, _) if path.is_empty() => {
            format!("Invalid JSON payload received. Unknown name \"{name}\": Cannot find field.")
        }
        Problem::Unknown(name, _) => format!(
            "Invalid JSON payload received. Unknown name \"{name}\" at '{path}': Cannot find field."
        ),
        Problem::Missing(name) => format!("* {path}.{name}: required field is not set"),
        Problem::Type(_, got) if got.is_array() => format!(
            "Invalid JSON payload received. Unknown name \"\" at '{path}': Proto field is not repeating, cannot start list."
        ),
        Problem::Type(wanted, got) => {
            format!(
                "Invalid value at '{path}' (TYPE_{}), {got}",
                wanted.to_uppercase()
            )
        }
        Problem::Word(_, got) => format!("Invalid value at '{path}' (TYPE_ENUM), \"{got}\""),
        Problem::Tag(..) | Problem::NotSingle(_) => {
            format!("Invalid value at '{path}', oneof field is not set")
        }
        Problem::Over(most, Measure::Items) if path.ends_with("stop_sequences") => {
            format!("* {path}: the number of stop sequences must be at most {most}")
        }
        Problem::Under(bound, _) => format!("* {path}: must be at least {bound}"),
        Problem::Over(bound, _) => format!("* {path}: must be at most {bound}"),
    };
    (path, description)
}

/// Names in the wire's own `snake_case`, values of maps as entries.
fn path(steps: &[Step]) -> String {
    let mut path = String::new();
    for step in steps {
        // Writing to a string cannot fail.
        let _written = match step {
            Step::Key(key) => {
                let dot = if path.is_empty() { "" } else { "." };
                write!(path, "{dot}{}", snake(key))
            }
            Step::Index(index) => write!(path, "[{index}]"),
            Step::Entry(index) => write!(path, "[{index}].value"),
            Step::Tag(_) => Ok(()),
        };
    }
    path
}

fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests;
