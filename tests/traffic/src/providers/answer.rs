//! From a request's body to its answer.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde_json::{Value, json};

use super::ask::{Ask, Encoding, sample};
use super::completion::{Completion, Form, Saying};
use super::config::{Kind, ProviderConfig};
use super::embedding::{DIMENSIONS, DIMENSIONS_LIMIT, INPUTS_LIMIT, count_inputs, embeddings};
use super::refusal::Refusal;
use super::route::{Endpoint, Route};
use super::script::{CHUNKS_LIMIT, Script};
use super::sse::Events;
use super::text::{Text, escape};

/// Most choices of one request, as at OpenAI.
const CHOICES_LIMIT: usize = 128;
/// Models that a provider lists when its configuration names none.
const LISTED: [&str; 4] = [
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-3.5-turbo-instruct",
    "text-embedding-3-small",
];

/// An answer with status 200.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// A JSON body that took this many tokens to make.
    Whole { body: Bytes, tokens: usize },
    /// A stream.
    Stream(Events),
}

/// What an answer depends on besides the body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    pub(super) config: &'a ProviderConfig,
    pub(super) route: Route<'a>,
    pub(super) script: &'a Script,
    pub(super) sequence: u64,
    /// Text to answer with in place of the ordinary sentence.
    pub(super) text: Option<&'a str>,
}

impl Context<'_> {
    /// Answers `body`, or says what is wrong with it.
    pub(super) fn answer(&self, body: &[u8]) -> Result<Answer, Refusal> {
        match self.route.endpoint {
            Endpoint::Models => Ok(whole_json(&self.models(), 0)),
            Endpoint::Model => {
                let model = self.route.named.unwrap_or_default();
                self.check_model(model)?;
                Ok(whole_json(&self.model_entry(model), 0))
            }
            Endpoint::Chat | Endpoint::Completions | Endpoint::Embeddings => {
                let ask = read(body)?;
                let model = self.model(&ask)?;
                let prompt_tokens = (body.len() / 4).max(1);
                if self.route.endpoint == Endpoint::Embeddings {
                    return embed(&ask, model, prompt_tokens);
                }
                self.complete(&ask, model, prompt_tokens)
            }
        }
    }

    fn complete(&self, ask: &Ask<'_>, model: &str, prompt: usize) -> Result<Answer, Refusal> {
        let form = if self.route.endpoint == Endpoint::Chat {
            check_messages(ask)?;
            Form::Chat
        } else {
            if ask.prompt.is_none() {
                return Err(missing("prompt"));
            }
            Form::Text
        };
        let choices = ask.n.unwrap_or(1);
        if !(1..=CHOICES_LIMIT).contains(&choices) {
            let message = format!("Invalid 'n': integer out of range. Got {choices}.");
            return Err(Refusal::invalid(message, Some("n")).coded("integer_out_of_range"));
        }
        if ask.token_limit() == Some(0) {
            let message = "Invalid 'max_tokens': integer below minimum value. Expected a value >= 1, but got 0 instead.";
            return Err(
                Refusal::invalid(message, Some("max_tokens")).coded("integer_below_min_value")
            );
        }
        let completion = Completion {
            form,
            kind: self.config.kind,
            provider: &self.config.name,
            model: escape(model),
            sequence: self.sequence,
            created: now(),
            prompt_tokens: prompt,
            choices,
            include_usage: ask.include_usage(),
            saying: self.saying(ask, model, choices),
        };
        if ask.stream == Some(true) {
            return Ok(Answer::Stream(completion.stream()));
        }
        Ok(Answer::Whole {
            tokens: completion.tokens(),
            body: completion.whole().into(),
        })
    }

    fn saying(&self, ask: &Ask<'_>, model: &str, choices: usize) -> Saying {
        if let Some(text) = self.text {
            return Saying::Words(Text::of(text));
        }
        if let Some(function) = ask.function_to_call() {
            return Saying::Call {
                name: escape(&function.name),
                arguments: Text::of(&sample(&function.parameters, 0).to_string()),
            };
        }
        let format = |pointer: &str| {
            ask.response_format
                .as_ref()
                .and_then(|f| f.pointer(pointer))
        };
        match format("/type").and_then(Value::as_str) {
            Some("json_object") => {
                let answer = json!({"provider": self.config.name, "model": model, "ok": true});
                Saying::Words(Text::of(&answer.to_string()))
            }
            Some("json_schema") => {
                let schema = format("/json_schema/schema").unwrap_or(&Value::Null);
                Saying::Words(Text::of(&sample(schema, 0).to_string()))
            }
            _ => Saying::Words(
                Text::sentence(&self.config.name, model, self.script.chunks)
                    // A scripted length is meant whatever limit the client's request has.
                    .limited(ask.token_limit().filter(|_| self.script.chunks.is_none()))
                    .limited(Some(CHUNKS_LIMIT / choices))
                    .padded(self.script.big.map(|bytes| bytes / choices)),
            ),
        }
    }

    fn model<'b>(&'b self, ask: &'b Ask<'_>) -> Result<&'b str, Refusal> {
        let model = match (self.config.kind, self.route.named) {
            (Kind::AzureOpenai, Some(deployment)) => deployment,
            _ => ask
                .model
                .as_deref()
                .filter(|m| !m.is_empty())
                .ok_or_else(|| Refusal::invalid("you must provide a model parameter", None))?,
        };
        self.check_model(model)?;
        Ok(model)
    }

    fn check_model(&self, model: &str) -> Result<(), Refusal> {
        let models = &self.config.models;
        if models.is_empty() || models.iter().any(|known| known == model) {
            return Ok(());
        }
        let refusal = match self.config.kind {
            Kind::Openai => Refusal::invalid(
                format!("The model `{model}` does not exist or you do not have access to it."),
                None,
            )
            .coded("model_not_found"),
            Kind::AzureOpenai => {
                Refusal::invalid("The API deployment for this resource does not exist.", None)
                    .coded("DeploymentNotFound")
            }
        };
        Err(refusal.with_status(404))
    }

    fn models(&self) -> Value {
        let entries: Vec<Value> = if self.config.models.is_empty() {
            LISTED.iter().map(|model| self.model_entry(model)).collect()
        } else {
            let models = self.config.models.iter();
            models.map(|model| self.model_entry(model)).collect()
        };
        json!({"object": "list", "data": entries})
    }

    fn model_entry(&self, model: &str) -> Value {
        json!({
            "id": model, "object": "model", "created": 1_715_367_049, "owned_by": self.config.name,
        })
    }
}

fn embed(ask: &Ask<'_>, model: &str, prompt_tokens: usize) -> Result<Answer, Refusal> {
    let input = ask.input.as_ref().ok_or_else(|| missing("input"))?;
    let inputs = count_inputs(input)
        .filter(|count| *count <= INPUTS_LIMIT)
        .ok_or_else(|| Refusal::invalid("'$.input' is invalid.", Some("input")))?;
    let dimensions = ask.dimensions.unwrap_or(DIMENSIONS);
    if !(1..=DIMENSIONS_LIMIT).contains(&dimensions) {
        let message = format!("Invalid value for 'dimensions' = {dimensions}.");
        return Err(Refusal::invalid(message, Some("dimensions")));
    }
    let encoding = ask.encoding_format.unwrap_or(Encoding::Float);
    let answer = embeddings(model, inputs, dimensions, encoding, prompt_tokens);
    Ok(whole_json(&answer, 0))
}

/// The whole body must be JSON, as a real provider would refuse it otherwise.
fn read(body: &[u8]) -> Result<Ask<'_>, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        if error.is_data() {
            Refusal::invalid(format!("Invalid type in the request: {error}."), None)
                .coded("invalid_type")
        } else {
            Refusal::invalid(
                format!("We could not parse the JSON body of your request. ({error})"),
                None,
            )
        }
    })
}

fn check_messages(ask: &Ask<'_>) -> Result<(), Refusal> {
    match &ask.messages {
        None => Err(missing("messages")),
        Some(messages) if messages.is_empty() => Err(Refusal::invalid(
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            Some("messages"),
        )
        .coded("empty_array")),
        Some(_) => Ok(()),
    }
}

fn missing(param: &'static str) -> Refusal {
    Refusal::invalid(
        format!("Missing required parameter: '{param}'."),
        Some(param),
    )
    .coded("missing_required_parameter")
}

fn whole_json(value: &Value, tokens: usize) -> Answer {
    Answer::Whole {
        body: Bytes::from(value.to_string()),
        tokens,
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(endpoint: Endpoint, kind: Kind, body: &str) -> Result<Value, (u16, String)> {
        let mut config = ProviderConfig::new("p", kind, 0);
        config.models = vec!["m".to_owned()];
        let context = Context {
            config: &config,
            route: Route {
                endpoint,
                named: (kind == Kind::AzureOpenai).then_some("m"),
            },
            script: &Script::default(),
            sequence: 1,
            text: None,
        };
        match context.answer(body.as_bytes()) {
            Ok(Answer::Whole { body, .. }) => Ok(serde_json::from_slice(&body).unwrap()),
            Ok(Answer::Stream(_)) => Ok(Value::Null),
            Err(refusal) => Err((refusal.status, refusal.body(kind)["error"].to_string())),
        }
    }

    fn refused(endpoint: Endpoint, body: &str, status: u16, part: &str) {
        let (got, error) = answer(endpoint, Kind::Openai, body).unwrap_err();
        assert_eq!(got, status, "{body}");
        assert!(error.contains(part), "{body}: {error}");
    }

    #[test]
    fn bad_chat_bodies_are_refused_by_name() {
        let chat = |body: &str, status, part| refused(Endpoint::Chat, body, status, part);
        chat("{", 400, "could not parse");
        chat("{} x", 400, "could not parse");
        chat("{\"a\":\"\u{1}\"}", 400, "could not parse");
        chat(
            r#"{"messages":[{"role":"user"}]}"#,
            400,
            "must provide a model",
        );
        chat(r#"{"model":"m"}"#, 400, r#""param":"messages""#);
        chat(r#"{"model":"m","messages":[]}"#, 400, "empty_array");
        chat(r#"{"model":"m","messages":"hi"}"#, 400, "invalid_type");
        chat(
            r#"{"model":"m","messages":[{"role":"x"}]}"#,
            400,
            "invalid_type",
        );
        let with = |extra: &str| format!(r#"{{"messages":[{{"role":"user"}}],{extra}}}"#);
        chat(&with(r#""model":"x""#), 404, "model_not_found");
        chat(&with(r#""model":"m","n":0"#), 400, r#""param":"n""#);
        chat(&with(r#""model":"m","max_tokens":0"#), 400, "max_tokens");
    }

    #[test]
    fn other_bad_bodies_are_refused_by_name() {
        let (text, embeddings) = (Endpoint::Completions, Endpoint::Embeddings);
        refused(text, r#"{"model":"m"}"#, 400, r#""param":"prompt""#);
        refused(embeddings, r#"{"model":"m"}"#, 400, r#""param":"input""#);
        refused(embeddings, r#"{"model":"m","input":[]}"#, 400, "input");
        let dimensions = r#"{"model":"m","input":"x","dimensions":0}"#;
        refused(embeddings, dimensions, 400, "dimensions");
    }

    #[test]
    fn azure_takes_the_model_from_the_deployment() {
        let body = r#"{"messages":[{"role":"user","content":"x"}]}"#;
        let whole = answer(Endpoint::Chat, Kind::AzureOpenai, body).unwrap();
        assert_eq!(whole["model"], "m");
        assert!(whole["prompt_filter_results"].is_array());
    }

    #[test]
    fn formats_and_tools_shape_the_answer() {
        let ask = |extra: &str| {
            let body = format!(r#"{{"model":"m","messages":[{{"role":"user"}}],{extra}}}"#);
            answer(Endpoint::Chat, Kind::Openai, &body).unwrap()["choices"][0].clone()
        };
        let content = |choice: &Value| -> Value {
            serde_json::from_str(choice["message"]["content"].as_str().unwrap()).unwrap()
        };
        let object = ask(r#""response_format":{"type":"json_object"}"#);
        assert_eq!(content(&object)["provider"], "p");
        let schema = ask(
            r#""response_format":{"type":"json_schema","json_schema":{"schema":{"type":"object","properties":{"a":{"type":"integer"}}}}}"#,
        );
        assert_eq!(content(&schema), json!({"a": 1}));
        let call = ask(r#""tools":[{"type":"function","function":{"name":"f"}}]"#);
        assert_eq!(
            call["message"]["tool_calls"][0]["function"]["arguments"],
            "{}"
        );
    }
}
