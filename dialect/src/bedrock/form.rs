//! The form of the answer: natively where the model constrains its output, else by a tool.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::family::Model;
use super::wire::{InputSchema, Structure, TextFormat, ToolSpec};
use super::{ANSWER_TOOL, tools};
use crate::chat::{ChatRequest, Format};
use crate::loss::{Field, Losses};

/// What the model reads where the client said nothing of the schema.
const PURPOSE: &str =
    "Gives the answer to the user. Call it exactly once, with the whole answer as its input.";

/// How the form of the answer is asked for.
#[derive(Debug)]
pub(super) enum Form<'a> {
    /// Not at all.
    Free,
    /// `outputConfig.textFormat`.
    Native(TextFormat<'a>),
    /// By [`ANSWER_TOOL`].
    Tool(ToolSpec<'a>),
}

/// Decides on the form.
///
/// - A schema whose objects are all closed (`additionalProperties: false`, without which constrained
///   output is refused) goes to `outputConfig.textFormat` of models that have it.
/// - Any other schema of an object becomes the input of [`ANSWER_TOOL`], which the model has to call:
///   with it, no text is written. Where a call cannot be forced the tool is only offered, and the
///   form is a loss. Where the client forces a tool of its own the form is of no use.
/// - "Any JSON object" is asked for in words, which is a loss: there is no schema to constrain by, and
///   models that are forced to call a tool without one tend to answer `{}`.
pub(super) fn form<'a>(request: &'a ChatRequest, model: Model, losses: &mut Losses) -> Form<'a> {
    let (name, description, schema, strict) = match &request.format {
        Format::Text => return Form::Free,
        Format::JsonObject => {
            losses.note(Field::ResponseFormat);
            return Form::Free;
        }
        Format::JsonSchema {
            name,
            description,
            schema,
            strict,
        } => (name, description.as_deref(), schema, *strict),
    };
    let description = description.filter(|text| !text.is_empty());
    if model.structured && is_closed(schema) {
        return Form::Native(TextFormat {
            kind: "json_schema",
            structure: Structure::JsonSchema {
                schema: schema.to_string(),
                name,
                description,
            },
        });
    }
    if tools::is_forced_by_client(request) {
        return Form::Free;
    }
    let Some(schema) = object_schema(schema) else {
        losses.note(Field::ResponseFormat);
        return Form::Free;
    };
    losses.note_if(!model.can_be_forced(), Field::ResponseFormat);
    losses.note_if(strict == Some(true), Field::StrictTools);
    Form::Tool(ToolSpec {
        name: ANSWER_TOOL,
        description: Some(description.unwrap_or(PURPOSE)),
        input_schema: InputSchema { json: schema },
        strict: None,
    })
}

/// The schema with `type: object`, which a tool's must have; `None` when it says otherwise.
pub(super) fn object_schema(schema: &Value) -> Option<Cow<'_, Value>> {
    let members = schema.as_object()?;
    match members.get("type") {
        Some(kind) => (kind == "object").then_some(Cow::Borrowed(schema)),
        None => {
            let mut typed = Map::from_iter([("type".to_owned(), Value::from("object"))]);
            typed.extend(members.clone());
            Some(Cow::Owned(Value::Object(typed)))
        }
    }
}

/// Whether no object in the schema may have members beyond those it names. In doubt it is open.
pub(super) fn is_closed(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => {
            let is_object = members.contains_key("properties")
                || members.get("type").is_some_and(|kind| kind == "object");
            let closed = members.get("additionalProperties") == Some(&Value::Bool(false));
            (!is_object || closed) && members.values().all(is_closed)
        }
        Value::Array(items) => items.iter().all(is_closed),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}
