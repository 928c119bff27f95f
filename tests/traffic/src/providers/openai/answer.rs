//! From a request's body to its answer.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde_json::{Value, json};

use super::ask::{Ask, Encoding};
use super::completion::{Completion, Form};
use super::embedding::{DIMENSIONS, DIMENSIONS_LIMIT, INPUTS_LIMIT, count_inputs, embeddings};
use super::errors::{no_deployment, openai_failure};
use super::responses;
use super::route::{Flavour, Place, Served};
use super::strict;
use crate::providers::dialect::{Answer, Context, Endpoint};
use crate::providers::refusal::{Failing, Refusal};
use crate::providers::reply::{Reply, Usage};
use crate::providers::script::CHUNKS_LIMIT;
use crate::providers::sse::Events;
use crate::providers::text::escape;

/// Most choices of one request, as at OpenAI.
const CHOICES_LIMIT: usize = 128;
/// Models that a provider lists when its configuration names none.
const LISTED: [&str; 4] = [
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-3.5-turbo-instruct",
    "text-embedding-3-small",
];

impl Endpoint for Served<'_> {
    fn answer(&self, context: &Context<'_>, body: &[u8]) -> Result<Answer, Refusal> {
        match self.place {
            Place::Models => Ok(whole_json(&models(context), 0)),
            Place::Model => {
                let model = self.named.unwrap_or_default();
                self.check_model(context, model)?;
                Ok(whole_json(&model_entry(context, model), 0))
            }
            Place::Responses => responses::respond(self, context, body),
            Place::Chat | Place::Completions | Place::Embeddings => {
                if self.place == Place::Chat {
                    strict::check(self.flavour, context.config, body)?;
                }
                let ask = read(body)?;
                let model = self.model(context, ask.model.as_deref())?.to_owned();
                if self.place == Place::Embeddings {
                    let _ = context.told.set(Usage::of_prompt(body.len()));
                    return embed(&ask, &model, (body.len() / 4).max(1));
                }
                self.complete(context, &ask, &model, body.len())
            }
        }
    }

    fn stream_error(&self, kind: Option<&str>, events: &mut Events) -> bool {
        let own = self.place == Place::Responses;
        if own {
            responses::stream_error(kind, events);
        }
        own
    }
}

impl Served<'_> {
    fn complete(
        &self,
        context: &Context<'_>,
        ask: &Ask<'_>,
        model: &str,
        prompt_bytes: usize,
    ) -> Result<Answer, Refusal> {
        let form = if self.place == Place::Chat {
            check_messages(ask)?;
            Form::Chat
        } else {
            if ask.prompt.is_none() {
                return Err(missing("prompt"));
            }
            Form::Text
        };
        let choices = check_counts(ask)?;
        let mut reply = Reply::to(&ask.wish(model), context, prompt_bytes);
        reply.text = reply.text.map(|text| {
            text.limited(Some(CHUNKS_LIMIT / choices))
                .padded(context.script.big.map(|bytes| bytes / choices))
        });
        let completion = Completion {
            form,
            flavour: self.flavour,
            provider: &context.config.name,
            model: escape(model),
            sequence: context.sequence,
            created: now(),
            choices,
            include_usage: ask.include_usage(),
            logprobs: ask.logprobs == Some(Value::Bool(true)),
            service_tier: ask.service_tier.as_deref(),
            reply,
        };
        if ask.stream == Some(true) {
            return Ok(Answer::Stream(completion.stream()));
        }
        Ok(Answer::Whole {
            tokens: completion.tokens(),
            body: completion.whole().into(),
        })
    }

    /// The model that a request is for: Azure's older paths name it, otherwise the body does.
    pub(super) fn model<'b>(
        &'b self,
        context: &Context<'_>,
        asked: Option<&'b str>,
    ) -> Result<&'b str, Refusal> {
        let model = match self.named {
            Some(deployment) => deployment,
            None => asked
                .filter(|m| !m.is_empty())
                .ok_or_else(|| Refusal::invalid("you must provide a model parameter", None))?,
        };
        self.check_model(context, model)?;
        Ok(model)
    }

    fn check_model(&self, context: &Context<'_>, model: &str) -> Result<(), Refusal> {
        let models = &context.config.models;
        if models.is_empty() || models.iter().any(|known| known == model) {
            return Ok(());
        }
        Err(match self.flavour {
            Flavour::OpenAi | Flavour::Vendor(_) => {
                let mut refusal = openai_failure(Failing::NotFound);
                refusal.message =
                    format!("The model `{model}` does not exist or you do not have access to it.");
                refusal
            }
            Flavour::Azure => no_deployment(),
        })
    }
}

fn models(context: &Context<'_>) -> Value {
    let entries: Vec<Value> = if context.config.models.is_empty() {
        let listed = LISTED.iter();
        listed.map(|model| model_entry(context, model)).collect()
    } else {
        let models = context.config.models.iter();
        models.map(|model| model_entry(context, model)).collect()
    };
    json!({"object": "list", "data": entries})
}

fn model_entry(context: &Context<'_>, model: &str) -> Value {
    json!({
        "id": model, "object": "model", "created": 1_715_367_049, "owned_by": context.config.name,
    })
}

/// The number of choices, when it and the number of tokens are what they may be.
fn check_counts(ask: &Ask<'_>) -> Result<usize, Refusal> {
    let choices = ask.n.unwrap_or(1);
    if !(1..=CHOICES_LIMIT).contains(&choices) {
        let message = format!("Invalid 'n': integer out of range. Got {choices}.");
        return Err(Refusal::invalid(message, Some("n")).coded("integer_out_of_range"));
    }
    if ask.token_limit() == Some(0) {
        let message = "Invalid 'max_tokens': integer below minimum value. Expected a value >= 1, but got 0 instead.";
        return Err(Refusal::invalid(message, Some("max_tokens")).coded("integer_below_min_value"));
    }
    Ok(choices)
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

pub(super) fn missing(param: &str) -> Refusal {
    Refusal::invalid(
        format!("Missing required parameter: '{param}'."),
        Some(param),
    )
    .coded("missing_required_parameter")
}

pub(super) fn whole_json(value: &Value, tokens: usize) -> Answer {
    Answer::Whole {
        body: Bytes::from(value.to_string()),
        tokens,
    }
}

pub(in crate::providers) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}

#[cfg(test)]
mod tests {
    use super::super::errors;
    use super::*;
    use crate::providers::config::{Kind, ProviderConfig};
    use crate::providers::script::Script;

    fn answer(place: Place, flavour: Flavour, body: &str) -> Result<Value, (u16, String)> {
        let mut config = ProviderConfig::new("p", Kind::Openai, 0);
        config.models = vec!["m".to_owned()];
        let context = Context {
            config: &config,
            script: &Script::default(),
            sequence: 1,
            text: None,
            told: &crate::providers::bill::Told::new(),
        };
        let served = Served {
            flavour,
            place,
            named: (flavour == Flavour::Azure).then_some("m"),
        };
        match served.answer(&context, body.as_bytes()) {
            Ok(Answer::Whole { body, .. }) => Ok(serde_json::from_slice(&body).unwrap()),
            Ok(Answer::Stream(_)) => Ok(Value::Null),
            Err(refusal) => Err((refusal.status, errors::body(&refusal)["error"].to_string())),
        }
    }

    fn refused(place: Place, body: &str, status: u16, part: &str) {
        let (got, error) = answer(place, Flavour::OpenAi, body).unwrap_err();
        assert_eq!(got, status, "{body}");
        assert!(error.contains(part), "{body}: {error}");
    }

    #[test]
    fn bad_chat_bodies_are_refused_by_name() {
        let chat = |body: &str, status, part| refused(Place::Chat, body, status, part);
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
        let (text, embeddings) = (Place::Completions, Place::Embeddings);
        refused(text, r#"{"model":"m"}"#, 400, r#""param":"prompt""#);
        refused(embeddings, r#"{"model":"m"}"#, 400, r#""param":"input""#);
        refused(embeddings, r#"{"model":"m","input":[]}"#, 400, "input");
        let dimensions = r#"{"model":"m","input":"x","dimensions":0}"#;
        refused(embeddings, dimensions, 400, "dimensions");
    }

    #[test]
    fn azure_takes_the_model_from_the_deployment() {
        let body = r#"{"messages":[{"role":"user","content":"x"}]}"#;
        let whole = answer(Place::Chat, Flavour::Azure, body).unwrap();
        assert_eq!(whole["model"], "m");
        assert!(whole["prompt_filter_results"].is_array());
    }

    #[test]
    fn formats_and_tools_shape_the_answer() {
        let ask = |extra: &str| {
            let body = format!(r#"{{"model":"m","messages":[{{"role":"user"}}],{extra}}}"#);
            answer(Place::Chat, Flavour::OpenAi, &body).unwrap()["choices"][0].clone()
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
