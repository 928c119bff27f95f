//! Where vendors put an error's message, type, field and code.
//!
//! | form | vendors |
//! |---|---|
//! | `{error: {message, type, param, code}}` | OpenAI, and most that are compatible with it |
//! | `{error: {code: "1261", message}}` | Zhipu |
//! | `{error: "…"}` | Ollama |
//! | `{object: "error", message, type, param, code}` | vLLM, Mistral, whose `message` may be `{detail: […]}` |
//! | `{detail: "…"}`, `{detail: [{loc, msg}]}` | Mistral, and servers built on FastAPI |
//! | `{code, message, request_id}` | DashScope |
//! | `{base_resp: {status_code, status_msg}}` | MiniMax, with status 200 |

use serde_json::Value;

/// Problems of a validation that are shown.
const MOST_DETAILS: usize = 8;

/// Whose codes they are, where two vendors use the same numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Origin {
    #[default]
    Any,
    MiniMax,
}

/// The parts of an error, whatever its form; `null` where there is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Shape {
    pub(super) message: Value,
    pub(super) kind: Value,
    pub(super) param: Value,
    pub(super) code: Value,
    pub(super) origin: Origin,
}

impl Shape {
    /// From the members of an error; the message may be a list of problems.
    pub(super) fn new(message: &Value, kind: &Value, param: &Value, code: &Value) -> Self {
        let mut shape = Self {
            kind: kind.clone(),
            param: param.clone(),
            code: code.clone(),
            ..Self::default()
        };
        let problems = message.get("detail").unwrap_or(message);
        match problems.as_array() {
            Some(problems) => shape.list(problems),
            None => shape.message = problems.clone(),
        }
        shape
    }

    pub(super) fn of_body(body: &Value) -> Self {
        let error = body.get("error").filter(|error| !error.is_null());
        if let Some(error) = error {
            return Self::of_error(error);
        }
        if let Some(shape) = body.get("base_resp").and_then(Self::of_base_resp) {
            return shape;
        }
        let member = |name| body.get(name).unwrap_or(&Value::Null);
        let told = body.get("message").filter(|message| !message.is_null());
        let message = told.unwrap_or_else(|| member("detail"));
        Self::new(message, member("type"), member("param"), member("code"))
    }

    /// From an `error` member.
    pub(super) fn of_error(error: &Value) -> Self {
        let member = |name| error.get(name).unwrap_or(&Value::Null);
        let message = if error.is_string() {
            error
        } else {
            member("message")
        };
        Self::new(message, member("type"), member("param"), member("code"))
    }

    pub(super) fn of_base_resp(member: &Value) -> Option<Self> {
        let code = member.get("status_code")?;
        if code.as_i64() == Some(0) {
            return None;
        }
        Some(Self {
            message: member.get("status_msg").cloned().unwrap_or_default(),
            code: code.clone(),
            origin: Origin::MiniMax,
            ..Self::default()
        })
    }

    /// Problems of a validation: what is wrong and where, without the input that they quote.
    fn list(&mut self, problems: &[Value]) {
        let mut told = Vec::new();
        for problem in problems.iter().take(MOST_DETAILS) {
            let place = problem.get("loc").map(place).unwrap_or_default();
            let what = problem.get("msg").and_then(Value::as_str);
            let what = what.unwrap_or("is not valid");
            if self.param.is_null() && !place.is_empty() {
                self.param = Value::String(place.clone());
            }
            told.push(if place.is_empty() {
                what.to_owned()
            } else {
                format!("{place}: {what}")
            });
        }
        if self.kind.is_null() && !told.is_empty() {
            self.kind = Value::from("invalid_request_error");
        }
        self.message = Value::String(told.join("; "));
    }
}

/// `["body", "messages", 1, "role"]` as `messages[1].role`.
fn place(loc: &Value) -> String {
    let mut path = String::new();
    for step in loc.as_array().into_iter().flatten() {
        match (step.as_str(), step.as_u64()) {
            (Some("body"), _) if path.is_empty() => {}
            (Some(name), _) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(name);
            }
            (None, Some(index)) => path.push_str(&format!("[{index}]")),
            (None, None) => {}
        }
    }
    path
}
