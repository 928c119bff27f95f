//! What a client of Chat Completions asks.

use std::collections::BTreeSet;

use serde_json::Value;

use super::object::Object;
use super::{read_messages, read_tools};
use crate::chat::{BadRequest, ChatRequest, Effort, Reasoning};

/// Reads a request for `/v1/chat/completions` (OpenAI's `CreateChatCompletionRequest`), and what
/// clients of other gateways add to it: `top_k`, `reasoning`, `thinking`, `cache_control`,
/// `reasoning_content`, `reasoning_details`.
///
/// Members that nobody knows are named in [`ChatRequest::unknown`], also below the top:
/// `messages.X`, `stream_options.X`, and `tools.X` and `tool_choice.X` for a tool of a type X that is
/// no function.
///
/// # Errors
/// When it is not JSON, or a member that is acted on is not what it must be; the field is named by
/// its path.
pub fn read_request(body: &[u8]) -> Result<ChatRequest, BadRequest> {
    let mut body = Object::body(body)?;
    let mut unknown = BTreeSet::new();
    let mut request = ChatRequest::default();
    common(&mut body, &mut request, &mut unknown)?;
    let Some(messages) = body.elements("messages")? else {
        return Err(body.wrong("messages", "is required and must be an array"));
    };
    let place = body.place().member("messages");
    request.turns = read_messages::turns(messages, &place, &mut unknown)?;
    read_tools::tools(&mut body, &mut request, &mut unknown)?;
    request.format = read_tools::format(&mut body)?;
    let max_tokens = body.count("max_tokens")?;
    request.max_tokens = body.count("max_completion_tokens")?.or(max_tokens);
    request.top_k = top_k(&mut body)?;
    request.logprobs = body.flag("logprobs")?.unwrap_or(false);
    request.top_logprobs = body.count("top_logprobs")?;
    request.reasoning = reasoning(&mut body)?;
    request.verbosity = body.text("verbosity")?;
    request.service_tier = body.text("service_tier")?;
    request.metadata = body.map("metadata")?;
    request.prompt_cache_key = body.text("prompt_cache_key")?;
    defaults(&mut body);
    unknown.extend(body.rest());
    request.unknown = unknown.into_iter().collect();
    Ok(request)
}

/// Reads what chat and legacy completions have in common.
pub(crate) fn common(
    body: &mut Object<'_>,
    request: &mut ChatRequest,
    unknown: &mut BTreeSet<String>,
) -> Result<(), BadRequest> {
    request.model = body.need_text("model")?;
    if request.model.is_empty() {
        return Err(body.wrong("model", "must not be empty"));
    }
    request.temperature = body.number("temperature")?;
    request.top_p = body.number("top_p")?;
    request.stop = stop(body)?;
    request.seed = body.number("seed")?;
    request.frequency_penalty = body.number("frequency_penalty")?;
    request.presence_penalty = body.number("presence_penalty")?;
    request.logit_bias = body.map("logit_bias")?;
    request.n = body.count("n")?;
    request.stream = body.flag("stream")?.unwrap_or(false);
    let user = body.text("user")?;
    request.user = body.text("safety_identifier")?.or(user);
    if let Some(value) = body.take("stream_options") {
        let place = body.place().member("stream_options");
        let mut options = Object::new(value, &place)?;
        request.include_usage = options.flag("include_usage")?.unwrap_or(false);
        // Padding against eavesdroppers: without it is what every other provider does.
        if options.flag("include_obfuscation")? == Some(true) {
            unknown.insert("stream_options.include_obfuscation".to_owned());
        }
        let rest = options.rest();
        unknown.extend(rest.map(|name| format!("stream_options.{name}")));
    }
    Ok(())
}

fn stop(body: &mut Object<'_>) -> Result<Vec<String>, BadRequest> {
    const NAME: &str = "stop";
    match body.take(NAME) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![text]),
        Some(Value::Array(texts)) => {
            let place = body.place().member(NAME);
            let texts = texts.into_iter().enumerate();
            let texts = texts.map(|(index, text)| {
                let Value::String(text) = text else {
                    return Err(place.element(index).wrong("must be a string"));
                };
                Ok(text)
            });
            texts.collect()
        }
        Some(_) => Err(body.wrong(NAME, "must be a string or an array of strings")),
    }
}

/// Not OpenAI's: `-1` and `0` are how vLLM and others say "off".
fn top_k(body: &mut Object<'_>) -> Result<Option<u64>, BadRequest> {
    let top_k = body.number("top_k")?.and_then(|top_k| top_k.as_u64());
    Ok(top_k.filter(|&top_k| top_k > 0))
}

/// `reasoning_effort` (OpenAI), `reasoning` (OpenRouter) or `thinking` (Anthropic's form, as LiteLLM,
/// DeepSeek and GLM take it), the first of them first.
fn reasoning(body: &mut Object<'_>) -> Result<Option<Reasoning>, BadRequest> {
    let effort = effort(body, "reasoning_effort")?;
    let mut read = Reasoning::default();
    if let Some(value) = body.take("reasoning") {
        let place = body.place().member("reasoning");
        let mut reasoning = Object::new(value, &place)?;
        read.effort = self::effort(&mut reasoning, "effort")?;
        read.budget_tokens = reasoning.count("max_tokens")?;
        let shown = reasoning.flag("exclude")?.map(|exclude| !exclude);
        read.summary = shown.filter(|shown| !shown);
        switch(&mut read, reasoning.flag("enabled")?);
    }
    if let Some(value) = body.take("thinking") {
        let place = body.place().member("thinking");
        let mut thinking = Object::new(value, &place)?;
        let budget = thinking.count("budget_tokens")?;
        read.budget_tokens = read.budget_tokens.or(budget);
        let enabled = match thinking.need_text("type")?.as_str() {
            "enabled" | "adaptive" | "auto" => true,
            "disabled" => false,
            _ => {
                let problem = "must be enabled, disabled, adaptive or auto";
                return Err(thinking.wrong("type", problem));
            }
        };
        switch(&mut read, Some(enabled));
    }
    if effort.is_some() {
        read.effort = effort;
        read.adaptive = false;
    }
    Ok((read != Reasoning::default()).then_some(read))
}

/// Reasoning that is on without an amount is as much as the model likes.
fn switch(reasoning: &mut Reasoning, enabled: Option<bool>) {
    match enabled {
        Some(true) => {
            reasoning.adaptive = reasoning.effort.is_none() && reasoning.budget_tokens.is_none();
        }
        Some(false) => reasoning.effort = Some(Effort::None),
        None => {}
    }
}

fn effort(object: &mut Object<'_>, name: &str) -> Result<Option<Effort>, BadRequest> {
    let Some(word) = object.text(name)? else {
        return Ok(None);
    };
    let problem = "must be one of none, minimal, low, medium, high, xhigh, max";
    Effort::parse(&word)
        .map(Some)
        .ok_or_else(|| object.wrong(name, problem))
}

/// Takes out members whose value is what every provider does anyway.
fn defaults(body: &mut Object<'_>) {
    for (name, default) in [
        ("store", Value::Bool(false)),
        ("modalities", Value::from(vec!["text"])),
    ] {
        body.drop_if(name, &default);
    }
}
