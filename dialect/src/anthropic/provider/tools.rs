//! Tools and which of them to call.
//!
//! Source: SDK types `ToolParam` and `ToolChoiceParam`.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::conversation::Conversation;
use super::schema;
use crate::anthropic::block::{Mark, write_mark};
use crate::anthropic::generation::Generation;
use crate::anthropic::json::Json;
use crate::chat::{ChatRequest, Tool, ToolChoice};
use crate::loss::{Field, Losses};

struct Function<'a> {
    name: &'a str,
    description: Option<&'a str>,
    schema: Cow<'a, Value>,
    strict: bool,
    mark: Option<Mark>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice<'a> {
    Auto,
    Any,
    Tool(&'a str),
    None,
}

/// The tools to write.
pub(super) struct Tools<'a> {
    functions: Vec<Function<'a>>,
    choice: Option<Choice<'a>>,
    /// At most one call at a time.
    single: bool,
}

impl<'a> Tools<'a> {
    pub(super) fn of(
        request: &'a ChatRequest,
        conversation: &Conversation<'a>,
        generation: Generation,
        losses: &mut Losses,
    ) -> Self {
        let allowed = |tool: &&Tool| match &request.tool_choice {
            Some(ToolChoice::Allowed { names, .. }) => names.contains(&tool.name),
            _ => true,
        };
        let offered = request.tools.iter().filter(allowed);
        let functions: Vec<_> = offered.map(|tool| function(tool, losses)).collect();
        if functions.is_empty() {
            return Self::of_history(conversation);
        }
        let mut choice = request.tool_choice.as_ref().map(choice);
        if !generation.forced_tools && forced(choice) {
            losses.note(Field::ToolChoice);
            choice = Some(Choice::Auto);
        }
        let single = request.parallel_tool_calls == Some(false) && choice != Some(Choice::None);
        Self {
            functions,
            choice: choice.or(single.then_some(Choice::Auto)),
            single,
        }
    }

    /// Calls of earlier turns want their tools declared even where none is offered now.
    fn of_history(conversation: &Conversation<'a>) -> Self {
        let declared = conversation.called().into_iter().map(|name| Function {
            name,
            description: None,
            schema: Cow::Owned(empty_schema()),
            strict: false,
            mark: None,
        });
        let functions: Vec<_> = declared.collect();
        Self {
            choice: (!functions.is_empty()).then_some(Choice::None),
            functions,
            single: false,
        }
    }

    /// Whether a call is forced.
    pub(super) fn forces(&self) -> bool {
        forced(self.choice)
    }

    /// Every place for a cache mark.
    pub(super) fn for_each_mark(&mut self, visit: &mut dyn FnMut(&mut Option<Mark>)) {
        for function in &mut self.functions {
            visit(&mut function.mark);
        }
    }

    pub(super) fn write(&self, json: &mut Json<'_>) {
        if self.functions.is_empty() {
            return;
        }
        json.key("tools").array(|json| {
            for function in &self.functions {
                function.write(json);
            }
        });
        let Some(choice) = self.choice else { return };
        json.key("tool_choice").object(|json| {
            let kind = match choice {
                Choice::Auto => "auto",
                Choice::Any => "any",
                Choice::Tool(_) => "tool",
                Choice::None => "none",
            };
            json.key("type").string(kind);
            if let Choice::Tool(name) = choice {
                json.key("name").string(name);
            }
            if self.single {
                json.key("disable_parallel_tool_use").boolean(true);
            }
        });
    }
}

impl Function<'_> {
    fn write(&self, json: &mut Json<'_>) {
        json.object(|json| {
            json.key("name").string(self.name);
            if let Some(description) = self.description {
                json.key("description").string(description);
            }
            json.key("input_schema").value(&self.schema);
            if self.strict {
                json.key("strict").boolean(true);
            }
            write_mark(self.mark, json);
        });
    }
}

fn forced(choice: Option<Choice<'_>>) -> bool {
    matches!(choice, Some(Choice::Any | Choice::Tool(_)))
}

fn choice(choice: &ToolChoice) -> Choice<'_> {
    match choice {
        ToolChoice::None => Choice::None,
        ToolChoice::Auto
        | ToolChoice::Allowed {
            required: false, ..
        } => Choice::Auto,
        ToolChoice::Required | ToolChoice::Allowed { required: true, .. } => Choice::Any,
        ToolChoice::Tool(name) => Choice::Tool(name),
    }
}

fn function<'a>(tool: &'a Tool, losses: &mut Losses) -> Function<'a> {
    let strict = tool.strict.unwrap_or_default();
    let mut schema = object_schema(tool.parameters.as_ref());
    if strict {
        let (closed, whole) = schema::supported(&schema);
        losses.note_if(!whole, Field::StrictTools);
        schema = Cow::Owned(closed);
    }
    Function {
        name: &tool.name,
        description: tool.description.as_deref(),
        schema,
        strict,
        mark: tool.cache.as_ref().map(|cache| {
            let (mark, known) = Mark::of(cache);
            losses.note_if(!known, Field::CacheControl);
            mark
        }),
    }
}

/// Anthropic wants `type: object` at the top.
fn object_schema(parameters: Option<&Value>) -> Cow<'_, Value> {
    match parameters {
        Some(schema @ Value::Object(members)) if members.contains_key("type") => {
            Cow::Borrowed(schema)
        }
        Some(Value::Object(members)) => {
            let mut typed = Map::new();
            typed.insert("type".to_owned(), Value::String("object".to_owned()));
            typed.extend(members.iter().map(|(k, v)| (k.clone(), v.clone())));
            Cow::Owned(Value::Object(typed))
        }
        _ => Cow::Owned(empty_schema()),
    }
}

fn empty_schema() -> Value {
    serde_json::json!({"type": "object", "properties": {}})
}
