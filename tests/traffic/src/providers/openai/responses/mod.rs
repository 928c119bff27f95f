//! OpenAI's Responses API, after its OpenAPI description and the types of the official SDK.

mod check;
mod output;
mod shape;
mod stream;

use serde_json::{Value, json};

use self::check::{check, check_account};
use self::output::Output;
use super::answer::{missing, whole_json};
use super::ask::choice;
use super::route::Served;
use crate::providers::dialect::{Answer, Context};
use crate::providers::refusal::Refusal;
use crate::providers::reply::{Format, Reply, Sights, Tool, Wish};
use crate::providers::sse::Events;

/// Answers a request to `/responses`.
pub(super) fn respond(
    served: &Served<'_>,
    context: &Context<'_>,
    body: &[u8],
) -> Result<Answer, Refusal> {
    let request: Value = serde_json::from_slice(body).map_err(|error| {
        let message = format!("We could not parse the JSON body of your request. ({error})");
        Refusal::invalid(message, None)
    })?;
    check(&request)?;
    check_account(&request, &context.config.name)?;
    let asked = request.get("model").and_then(Value::as_str);
    let model = served.model(context, Some(asked.ok_or_else(|| missing("model"))?))?;
    let wish = wish(model, &request);
    let reply = Reply::to(&wish, context, body.len());
    let output = Output::new(&request, model, reply, context);
    Ok(if request.get("stream") == Some(&Value::Bool(true)) {
        Answer::Stream(output.stream())
    } else {
        whole_json(&output.whole(), output.tokens())
    })
}

/// Appends an error to a stream.
pub(super) fn stream_error(kind: Option<&str>, events: &mut Events) {
    let message = "The server had an error while processing your request.";
    let code = kind.unwrap_or("server_error");
    let event = if code == "response.failed" {
        let error = json!({"code": "server_error", "message": message});
        let response = json!({
            "id": "resp_failed", "object": "response", "created_at": 0, "status": "failed",
            "error": error, "model": "", "output": [], "parallel_tool_calls": true,
            "tool_choice": "auto", "tools": [],
        });
        json!({"type": code, "sequence_number": 0, "response": response})
    } else {
        json!({
            "type": "error", "code": code, "message": message, "param": null, "sequence_number": 0,
        })
    };
    let name = event
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    events.push_named(name, |out| {
        out.extend_from_slice(event.to_string().as_bytes())
    });
}

fn wish(model: &str, request: &Value) -> Wish {
    let at = |pointer: &str| request.pointer(pointer).filter(|value| !value.is_null());
    let word = |pointer: &str| at(pointer).and_then(Value::as_str);
    let tools = at("/tools").and_then(Value::as_array);
    Wish {
        model: model.to_owned(),
        limit: at("/max_output_tokens")
            .and_then(Value::as_u64)
            .and_then(|limit| usize::try_from(limit).ok()),
        tools: tools
            .into_iter()
            .flatten()
            .filter(|tool| tool.get("type").and_then(Value::as_str) == Some("function"))
            .map(|tool| Tool {
                name: tool
                    .get("name")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned(),
                schema: tool.get("parameters").cloned().unwrap_or_default(),
            })
            .collect(),
        choice: choice(at("/tool_choice")),
        one_call: at("/parallel_tool_calls") == Some(&Value::Bool(false)),
        format: match word("/text/format/type") {
            Some("json_object") => Format::Json,
            Some("json_schema") => {
                Format::Schema(at("/text/format/schema").cloned().unwrap_or_default())
            }
            _ => Format::Words,
        },
        thinks: at("/reasoning").is_some() && word("/reasoning/effort") != Some("none"),
        sights: sights(request),
    }
}

fn sights(request: &Value) -> Sights {
    let mut sights = Sights::default();
    let items = request.get("input").and_then(Value::as_array);
    for item in items.into_iter().flatten() {
        let output = item.get("type").and_then(Value::as_str) == Some("function_call_output");
        sights.results += usize::from(output);
        sights.answered = output;
        let parts = item.get("content").and_then(Value::as_array);
        for part in parts.into_iter().flatten() {
            match part.get("type").and_then(Value::as_str) {
                Some("input_image") => sights.images += 1,
                Some("input_file") => sights.documents += 1,
                Some("input_audio") => sights.sounds += 1,
                _ => {}
            }
        }
    }
    sights
}
