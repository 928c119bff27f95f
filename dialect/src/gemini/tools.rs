//! `tools` and `toolConfig`.

use serde::Serialize;
use serde_json::Value;

use super::generation::Generation;
use super::request::Model;
use super::schema::parameters;
use crate::chat::{ChatRequest, Format, Tool, ToolChoice};
use crate::loss::{Field, Losses};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolSet<'a> {
    function_declarations: Vec<Declaration<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Declaration<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_json_schema: Option<Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolConfig<'a> {
    function_calling_config: FunctionCallingConfig<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FunctionCallingConfig<'a> {
    mode: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed_function_names: Vec<&'a str>,
}

/// The functions, and whether and which must be called.
///
/// `allowedFunctionNames` goes only with `ANY`: when only some may but none must be called, the
/// others are not declared.
pub(super) fn tools<'a>(
    request: &'a ChatRequest,
    model: Model,
    losses: &mut Losses,
) -> (Vec<ToolSet<'a>>, Option<ToolConfig<'a>>) {
    let choice = request.tool_choice.as_ref();
    if request.tools.is_empty() {
        losses.note_if(choice.is_some_and(must_call), Field::ToolChoice);
        return (Vec::new(), None);
    }
    // Before Gemini 3 functions and structured output exclude each other.
    let unused = choice == Some(&ToolChoice::None) && request.format != Format::Text;
    if unused && model.generation < Generation::V3 {
        return (Vec::new(), None);
    }
    let serial = request.parallel_tool_calls == Some(false);
    losses.note_if(serial, Field::ParallelToolCalls);
    let declared: Vec<_> = request
        .tools
        .iter()
        .filter(|tool| may_call(choice, tool))
        .map(|tool| declaration(tool, losses))
        .collect();
    if declared.is_empty() {
        return (Vec::new(), None);
    }
    let config = choice.map(|choice| ToolConfig {
        function_calling_config: calling(choice),
    });
    let set = ToolSet {
        function_declarations: declared,
    };
    (vec![set], config)
}

fn must_call(choice: &ToolChoice) -> bool {
    match choice {
        ToolChoice::None | ToolChoice::Auto => false,
        ToolChoice::Required | ToolChoice::Tool(_) => true,
        ToolChoice::Allowed { required, .. } => *required,
    }
}

fn may_call(choice: Option<&ToolChoice>, tool: &Tool) -> bool {
    match choice {
        Some(ToolChoice::Allowed {
            names,
            required: false,
        }) => names.contains(&tool.name),
        Some(_) | None => true,
    }
}

fn declaration<'a>(tool: &'a Tool, losses: &mut Losses) -> Declaration<'a> {
    losses.note_if(tool.strict == Some(true), Field::StrictTools);
    losses.note_if(tool.cache.is_some(), Field::CacheControl);
    Declaration {
        name: &tool.name,
        description: tool.description.as_deref(),
        parameters_json_schema: tool.parameters.as_ref().map(parameters),
    }
}

fn calling(choice: &ToolChoice) -> FunctionCallingConfig<'_> {
    let (mode, allowed_function_names) = match choice {
        ToolChoice::None => ("NONE", Vec::new()),
        ToolChoice::Auto => ("AUTO", Vec::new()),
        ToolChoice::Required => ("ANY", Vec::new()),
        ToolChoice::Tool(name) => ("ANY", vec![name.as_str()]),
        ToolChoice::Allowed { names, required } if *required => {
            ("ANY", names.iter().map(String::as_str).collect())
        }
        ToolChoice::Allowed { .. } => ("AUTO", Vec::new()),
    };
    FunctionCallingConfig {
        mode,
        allowed_function_names,
    }
}
