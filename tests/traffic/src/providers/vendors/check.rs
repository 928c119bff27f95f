//! What a vendor refuses of a chat request.

use serde_json::{Value, json};

use super::{ErrorForm, Refuses, Vendor};
use crate::providers::openai::strict::{check_json_word, check_tool_turns};
use crate::providers::refusal::Refusal;

/// What `at` of an object says, if it says something.
fn given<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.get(name).filter(|value| !value.is_null())
}

impl Vendor {
    /// Checks a chat request.
    pub(in crate::providers) fn check(&self, request: &Value) -> Result<(), Refusal> {
        self.check_known(request)?;
        let none = Vec::new();
        let messages = request
            .get("messages")
            .and_then(Value::as_array)
            .unwrap_or(&none);
        for (index, message) in messages.iter().enumerate() {
            self.check_message(index, message)?;
        }
        self.check_ranges(request)?;
        for refuses in self.refuses {
            self.check_refused(*refuses, request, messages)?;
        }
        check_tool_turns(request)
    }

    fn check_known(&self, request: &Value) -> Result<(), Refusal> {
        let Some(known) = self.known else {
            return Ok(());
        };
        let members = request.as_object().into_iter().flatten();
        let unknown: Vec<(&String, &Value)> = members
            .filter(|(name, _)| !known.contains(&name.as_str()))
            .collect();
        let Some((first, _)) = unknown.first() else {
            return Ok(());
        };
        if self.errors != ErrorForm::Mistral {
            return Err(self.bad(format!("property '{first}' is unsupported"), first));
        }
        let mut refusal = self.misread("Extra inputs are not permitted".to_owned());
        refusal.details = unknown
            .into_iter()
            .map(|(name, input)| {
                json!({
                    "type": "extra_forbidden", "loc": ["body", name],
                    "msg": "Extra inputs are not permitted", "input": input,
                })
            })
            .collect();
        Err(refusal)
    }

    fn check_message(&self, index: usize, message: &Value) -> Result<(), Refusal> {
        let role = message
            .get("role")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if !self.roles.contains(&role) {
            return Err(self.misread(format!(
                "Failed to deserialize the JSON body into the target type: messages[{index}].role: unknown variant `{role}`, expected one of {:?}",
                self.roles
            )));
        }
        let parts = message.get("content").and_then(Value::as_array);
        for part in parts.into_iter().flatten() {
            let kind = part.get("type").and_then(Value::as_str).unwrap_or_default();
            if !self.parts.contains(&kind) {
                return Err(self.misread(format!(
                    "Failed to deserialize the JSON body into the target type: messages[{index}]: unknown variant `{kind}`, expected one of {:?}",
                    self.parts
                )));
            }
        }
        self.check_call_ids(message)
    }

    fn check_call_ids(&self, message: &Value) -> Result<(), Refusal> {
        let called = message.get("tool_calls").and_then(Value::as_array);
        let called = called
            .into_iter()
            .flatten()
            .filter_map(|call| call.get("id"));
        for id in called.chain(message.get("tool_call_id")) {
            let id = id.as_str().unwrap_or("null");
            let short = id.len() == 9 && id.chars().all(|c| c.is_ascii_alphanumeric());
            if self.short_call_ids && !short {
                let message =
                    format!("Tool call id was {id} but must be a-z, A-Z, 0-9, with a length of 9.");
                let mut refusal = Refusal::new(400, "invalid_function_call", message);
                refusal.code = Some("3280");
                return Err(refusal);
            }
        }
        Ok(())
    }

    fn check_ranges(&self, request: &Value) -> Result<(), Refusal> {
        let heat = given(request, "temperature")
            .and_then(Value::as_f64)
            .unwrap_or(0.0);
        if !(0.0..=self.hottest).contains(&heat) {
            let message = format!("temperature must be between 0 and {}", self.hottest);
            return Err(self.bad(message, "temperature"));
        }
        let stops = given(request, "stop")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        if stops > self.stops {
            let message = format!("stop must hold at most {} sequences", self.stops);
            return Err(self.bad(message, "stop"));
        }
        Ok(())
    }

    fn check_refused(
        &self,
        refuses: Refuses,
        request: &Value,
        messages: &[Value],
    ) -> Result<(), Refusal> {
        let word = |pointer: &str| request.pointer(pointer).and_then(Value::as_str);
        let problem = match refuses {
            Refuses::Param(name) => given(request, name)
                .map(|_| (name, format!("`{name}` is not supported with this model"))),
            Refuses::MessageParam(name) => messages
                .iter()
                .position(|message| given(message, name).is_some())
                .map(|at| {
                    (
                        "messages",
                        format!("'messages.{at}': property '{name}' is unsupported"),
                    )
                }),
            Refuses::Choices => given(request, "n")
                .filter(|n| n.as_u64() != Some(1))
                .map(|_| ("n", "'n' : number must be at most 1".to_owned())),
            Refuses::ToolChoice(refused) => {
                let said = word("/tool_choice").or_else(|| word("/tool_choice/type"));
                (said == Some(refused)).then(|| {
                    (
                        "tool_choice",
                        format!("tool_choice `{refused}` is not supported"),
                    )
                })
            }
            Refuses::Format(refused) => {
                (word("/response_format/type") == Some(refused)).then(|| {
                    (
                        "response_format",
                        "This response_format type is unavailable now".to_owned(),
                    )
                })
            }
            Refuses::JsonWithoutWord => return check_json_word(request),
            Refuses::ImageUrl => messages
                .iter()
                .filter_map(|message| message.get("content")?.as_array())
                .flatten()
                .filter_map(|part| part.pointer("/image_url/url")?.as_str())
                .any(|url| !url.starts_with("data:"))
                .then(|| ("messages", "invalid image input".to_owned())),
            Refuses::ThinkingWithoutStream => {
                let thinks = request.get("enable_thinking") == Some(&Value::Bool(true));
                let streams = request.get("stream") == Some(&Value::Bool(true));
                (thinks && !streams).then(|| {
                    (
                        "enable_thinking",
                        "parameter.enable_thinking must be set to false for non-streaming calls"
                            .to_owned(),
                    )
                })
            }
        };
        problem.map_or(Ok(()), |(param, message)| Err(self.bad(message, param)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::find;
    use super::*;

    fn checked(vendor: &str, extra: &Value) -> Result<(), (u16, String)> {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
        for (key, value) in extra.as_object().unwrap() {
            body[key] = value.clone();
        }
        let vendor = find(vendor).unwrap();
        vendor
            .check(&body)
            .map_err(|refusal| (refusal.status, vendor.error_body(&refusal, 7).to_string()))
    }

    fn image(url: &str) -> Value {
        let part = json!({"type": "image_url", "image_url": {"url": url}});
        json!({"messages": [{"role": "user", "content": [part]}]})
    }

    #[test]
    fn each_vendor_refuses_what_it_does() {
        let call = json!({"messages": [{"role": "assistant", "tool_calls": [{"id": "call_1"}]}]});
        for (vendor, extra, status, part) in [
            (
                "mistral",
                json!({"seed": 1}),
                422,
                r#""loc":["body","seed"]"#,
            ),
            (
                "mistral",
                json!({"max_completion_tokens": 1}),
                422,
                "extra_forbidden",
            ),
            ("mistral", call, 400, "with a length of 9"),
            ("mistral", json!({"temperature": 1.6}), 422, "temperature"),
            ("groq", json!({"logprobs": true}), 400, "logprobs"),
            ("groq", json!({"n": 2}), 400, "at most 1"),
            (
                "groq",
                json!({"store": true}),
                400,
                "property 'store' is unsupported",
            ),
            (
                "groq",
                json!({"messages": [{"role": "user", "content": "x", "name": "y"}]}),
                400,
                "'messages.0'",
            ),
        ] {
            let (got, body) = checked(vendor, &extra).unwrap_err();
            assert!(body.contains(part), "{vendor} {extra}: {body}");
            assert_eq!(got, status, "{vendor} {extra}: {body}");
        }
    }

    #[test]
    fn the_other_vendors_refuse_what_they_do() {
        let named = json!({"tool_choice": {"type": "function", "function": {"name": "f"}}});
        let developer = json!({"messages": [{"role": "developer", "content": "x"}]});
        let schema =
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n"}}});
        for (vendor, extra, status, part) in [
            (
                "deepseek",
                image("data:x"),
                422,
                "unknown variant `image_url`",
            ),
            ("deepseek", developer, 422, "unknown variant `developer`"),
            ("deepseek", schema, 422, "unavailable now"),
            (
                "deepseek",
                json!({"response_format": {"type": "json_object"}}),
                400,
                "'json'",
            ),
            (
                "qwen",
                json!({"enable_thinking": true}),
                400,
                "non-streaming",
            ),
            (
                "qwen",
                json!({"tool_choice": "required"}),
                400,
                "invalid_parameter_error",
            ),
            ("glm", json!({"stop": ["a", "b"]}), 400, "1214"),
            ("glm", named, 400, "tool_choice"),
            ("kimi", json!({"temperature": 1.5}), 400, "temperature"),
            ("minimax", json!({"n": 2}), 400, "http_code"),
            ("ollama", image("https://x"), 400, "invalid image input"),
        ] {
            let (got, body) = checked(vendor, &extra).unwrap_err();
            assert!(body.contains(part), "{vendor} {extra}: {body}");
            assert_eq!(got, status, "{vendor} {extra}: {body}");
        }
    }

    #[test]
    fn what_they_take_they_take() {
        for (vendor, extra) in [
            (
                "mistral",
                json!({"random_seed": 1, "max_tokens": 5, "temperature": 1.5}),
            ),
            (
                "groq",
                json!({"n": 1, "seed": 4, "max_completion_tokens": 9}),
            ),
            (
                "deepseek",
                json!({"top_k": 5, "logprobs": true, "temperature": 2}),
            ),
            ("qwen", json!({"enable_thinking": true, "stream": true})),
            (
                "vllm",
                json!({"messages": [{"role": "developer", "content": "x"}], "min_p": 0.1}),
            ),
            ("ollama", image("data:image/png;base64,AA==")),
            ("llama-cpp", json!({"tool_choice": "required"})),
            ("doubao", json!({"thinking": {"type": "enabled"}})),
            ("glm", json!({"tool_choice": "auto", "stop": ["a"]})),
        ] {
            assert_eq!(checked(vendor, &extra), Ok(()), "{vendor} {extra}");
        }
    }
}
