//! Tools and the choice among them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::cache::CachePoints;
use super::family::Model;
use super::form::{Form, is_closed, object_schema};
use super::wire::{Choice, InputSchema, ToolConfig, ToolEntry, ToolSpec};
use crate::chat::{ChatRequest, Part, Tool, ToolChoice};
use crate::loss::{Field, Losses};

/// `toolConfig`, and whether the model has to call a tool.
#[derive(Debug)]
pub(super) struct Tools<'a> {
    pub(super) config: Option<ToolConfig<'a>>,
    pub(super) forced: bool,
}

/// Whether the client's choice leaves the model only calls of the client's tools.
pub(super) fn is_forced_by_client(request: &ChatRequest) -> bool {
    !request.tools.is_empty() && matches!(wanted(request), Wanted::Any | Wanted::This(_))
}

enum Wanted<'a> {
    Nothing,
    Free,
    Any,
    This(&'a str),
}

fn wanted(request: &ChatRequest) -> Wanted<'_> {
    match &request.tool_choice {
        Some(ToolChoice::None) => Wanted::Nothing,
        None
        | Some(
            ToolChoice::Auto
            | ToolChoice::Allowed {
                required: false, ..
            },
        ) => Wanted::Free,
        Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) => Wanted::Any,
        Some(ToolChoice::Tool(name)) => Wanted::This(name),
    }
}

/// Writes `toolConfig`.
///
/// - Converse has no choice of none: the tools are left out. But a conversation with calls in it
///   must have a `toolConfig`: the tools stay then, and that they may be called is a loss. Where the
///   client sends such a conversation without any tools, those that were called are declared, by
///   name only.
/// - Of `allowed_tools` only the allowed ones are written.
/// - One tool by name is for Claude and Nova; other models get only that tool and have to call one.
/// - With [`super::ANSWER_TOOL`] the model has to call a tool: one of the client's, or the answer.
/// - A model that cannot be forced chooses by itself, which is a loss.
pub(super) fn write<'a>(
    request: &'a ChatRequest,
    model: Model,
    form: &mut Form<'a>,
    caches: &mut CachePoints,
    losses: &mut Losses,
) -> Tools<'a> {
    let wanted = wanted(request);
    let answer = match form {
        Form::Tool(_) => match std::mem::replace(form, Form::Free) {
            Form::Tool(answer) => Some(answer),
            Form::Free | Form::Native(_) => None,
        },
        Form::Free | Form::Native(_) => None,
    };
    let mut entries = Vec::with_capacity(request.tools.len().saturating_add(1));
    for tool in &request.tools {
        if is_offered(tool, request, model, answer.is_some()) {
            entries.push(ToolEntry::ToolSpec(spec(tool, model, losses)));
            let mark = tool.cache.as_ref().filter(|_| model.caches_tools());
            losses.note_if(mark.is_none() && tool.cache.is_some(), Field::CacheControl);
            let point = mark.and_then(|mark| caches.point(mark, losses));
            entries.extend(point.map(ToolEntry::CachePoint));
        }
    }
    if entries.is_empty() && answer.is_none() {
        entries = called(request);
    }
    let parallel = request.parallel_tool_calls == Some(false);
    losses.note_if(parallel && !entries.is_empty(), Field::ParallelToolCalls);
    let is_free = matches!(wanted, Wanted::Nothing) && !entries.is_empty();
    losses.note_if(is_free, Field::ToolChoice);
    let asked = match wanted {
        _ if answer.is_some() => Some(Choice::Any {}),
        Wanted::Nothing | Wanted::Free => None,
        Wanted::This(name) if model.knows_tool_details() => Some(Choice::Tool { name }),
        Wanted::Any | Wanted::This(_) => Some(Choice::Any {}),
    };
    // That the answer's tool is only offered is noted as a loss of the form.
    let takes = model.can_be_forced() && (answer.is_some() || !entries.is_empty());
    losses.note_if(
        asked.is_some() && !takes && answer.is_none(),
        Field::ToolChoice,
    );
    entries.extend(answer.map(ToolEntry::ToolSpec));
    let tool_choice = asked.filter(|_| takes);
    Tools {
        forced: tool_choice.is_some(),
        config: (!entries.is_empty()).then_some(ToolConfig {
            tools: entries,
            tool_choice,
        }),
    }
}

fn is_offered(tool: &Tool, request: &ChatRequest, model: Model, has_answer: bool) -> bool {
    match &request.tool_choice {
        Some(ToolChoice::None) => !has_answer && has_calls(request),
        Some(ToolChoice::Allowed { names, .. }) => names.contains(&tool.name),
        Some(ToolChoice::Tool(name)) => model.knows_tool_details() || *name == tool.name,
        None | Some(ToolChoice::Auto | ToolChoice::Required) => true,
    }
}

fn has_calls(request: &ChatRequest) -> bool {
    let mut parts = request.turns.iter().flat_map(|turn| &turn.parts);
    parts.any(|part| matches!(part, Part::ToolCall { .. } | Part::ToolResult { .. }))
}

fn spec<'a>(tool: &'a Tool, model: Model, losses: &mut Losses) -> ToolSpec<'a> {
    let schema = match &tool.parameters {
        Some(schema) => object_schema(schema).unwrap_or(Cow::Borrowed(schema)),
        None => Cow::Owned(no_arguments()),
    };
    let strict = (tool.strict == Some(true)).then_some(model.structured && is_closed(&schema));
    losses.note_if(strict == Some(false), Field::StrictTools);
    ToolSpec {
        name: &tool.name,
        description: tool.description.as_deref().filter(|text| !text.is_empty()),
        input_schema: InputSchema { json: schema },
        strict: strict.filter(|strict| *strict),
    }
}

/// The tools that earlier turns called.
fn called(request: &ChatRequest) -> Vec<ToolEntry<'_>> {
    let mut names = BTreeSet::new();
    let parts = request.turns.iter().flat_map(|turn| &turn.parts);
    parts
        .filter_map(|part| match part {
            Part::ToolCall { name, .. } => names.insert(name.as_str()).then_some(name.as_str()),
            Part::Text { .. }
            | Part::Image { .. }
            | Part::File { .. }
            | Part::Audio { .. }
            | Part::ToolResult { .. }
            | Part::Reasoning { .. }
            | Part::RedactedReasoning { .. }
            | Part::Refusal { .. }
            | Part::Foreign { .. } => None,
        })
        .map(|name| {
            ToolEntry::ToolSpec(ToolSpec {
                name,
                description: None,
                input_schema: InputSchema {
                    json: Cow::Owned(no_arguments()),
                },
                strict: None,
            })
        })
        .collect()
}

fn no_arguments() -> Value {
    json!({"type": "object", "properties": {}})
}
