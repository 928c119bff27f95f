//! What is asked for, and the answer: whole, or in chunks that each look like an answer.

use serde_json::{Value, json};

use crate::providers::dialect::{Context, set};
use crate::providers::reply::{Choice, Format, Reply, Sights, Stop, Tool, Usage, Wish};
use crate::providers::signature::Maker;
use crate::providers::sse::Events;
use crate::providers::text::Text;

/// An answer to be written.
#[derive(Clone, Debug)]
pub(super) struct Generated {
    model: String,
    id: String,
    candidates: usize,
    reply: Reply,
    finish: String,
    signature: String,
    thinks: bool,
    logprobs: bool,
}

/// What a request asks `model` for.
pub(super) fn wish(model: &str, request: &Value) -> Wish {
    let config = |name: &str| request.get("generationConfig").and_then(|c| c.get(name));
    let tools = request.get("tools").and_then(Value::as_array);
    let declared = tools
        .into_iter()
        .flatten()
        .filter_map(|tool| tool.get("functionDeclarations")?.as_array())
        .flatten();
    let schema = config("responseSchema").or_else(|| config("responseJsonSchema"));
    let json_mode = config("responseMimeType").and_then(Value::as_str) == Some("application/json");
    Wish {
        model: model.to_owned(),
        limit: config("maxOutputTokens")
            .and_then(Value::as_u64)
            .and_then(|limit| usize::try_from(limit).ok()),
        tools: declared
            .map(|tool| Tool {
                name: tool
                    .get("name")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned(),
                schema: tool
                    .get("parameters")
                    .or_else(|| tool.get("parametersJsonSchema"))
                    .map(plain_schema)
                    .unwrap_or_default(),
            })
            .collect(),
        choice: choice(request),
        one_call: false,
        format: match schema {
            Some(schema) => Format::Schema(plain_schema(schema)),
            None if json_mode => Format::Json,
            None => Format::Words,
        },
        thinks: request.pointer("/generationConfig/thinkingConfig/includeThoughts")
            == Some(&Value::Bool(true)),
        sights: sights(request),
    }
}

/// The schema with JSON Schema's names of types.
fn plain_schema(schema: &Value) -> Value {
    match schema {
        Value::Object(object) => {
            let plain = |(key, value): (&String, &Value)| {
                let value = match (key.as_str(), value) {
                    ("type", Value::String(word)) => Value::from(word.to_lowercase()),
                    (_, value) => plain_schema(value),
                };
                (key.clone(), value)
            };
            Value::Object(object.iter().map(plain).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(plain_schema).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => schema.clone(),
    }
}

fn choice(request: &Value) -> Choice {
    let config = request.pointer("/toolConfig/functionCallingConfig");
    let mode = config.and_then(|c| c.get("mode")).and_then(Value::as_str);
    let allowed = config
        .and_then(|c| c.get("allowedFunctionNames"))
        .and_then(|n| n.get(0));
    match (mode, allowed.and_then(Value::as_str)) {
        (Some("NONE"), _) => Choice::None,
        (Some("ANY"), Some(name)) => Choice::Named(name.to_owned()),
        (Some("ANY"), None) => Choice::Any,
        _ => Choice::Auto,
    }
}

fn sights(request: &Value) -> Sights {
    let mut sights = Sights::default();
    let contents = request.get("contents").and_then(Value::as_array);
    for content in contents.into_iter().flatten() {
        sights.answered = false;
        let parts = content.get("parts").and_then(Value::as_array);
        for part in parts.into_iter().flatten() {
            let data = part.get("inlineData").or_else(|| part.get("fileData"));
            let media = data.and_then(|d| d.get("mimeType")).and_then(Value::as_str);
            match media.map(|media| media.split('/').next().unwrap_or_default()) {
                Some("image") => sights.images += 1,
                Some("audio") => sights.sounds += 1,
                Some(_) => sights.documents += 1,
                None => {}
            }
            if part.get("functionResponse").is_some() {
                sights.results += 1;
                sights.answered = true;
            }
        }
    }
    sights
}

/// The answer of `countTokens`.
pub(super) fn counted(tokens: usize) -> Value {
    json!({
        "totalTokens": tokens,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}],
    })
}

impl Generated {
    /// What says `reply` to `request` at this home.
    pub(super) fn new(
        request: &Value,
        wish: &Wish,
        (reply, home): (Reply, &str),
        context: &Context<'_>,
    ) -> Self {
        let config = |name: &str| request.get("generationConfig").and_then(|c| c.get(name));
        let finish = reply.stop_word(|stop| match stop {
            Stop::Limit => "MAX_TOKENS",
            Stop::End | Stop::Calls => "STOP",
        });
        let candidates = config("candidateCount").and_then(Value::as_u64);
        Self {
            model: wish.model.clone(),
            id: format!("{}-{}", context.config.name, context.sequence),
            candidates: candidates
                .and_then(|count| usize::try_from(count).ok())
                .unwrap_or(1),
            finish: finish.to_owned(),
            signature: Maker::Google.seal_at(home, context.sequence),
            thinks: reply.thoughts.is_some(),
            logprobs: config("responseLogprobs") == Some(&Value::Bool(true)),
            reply,
        }
    }

    /// Tokens of one candidate.
    pub(super) fn tokens(&self) -> usize {
        self.reply.usage.answer
    }

    /// The JSON answer.
    pub(super) fn whole(&self) -> Value {
        let mut parts = Vec::new();
        if let Some(thoughts) = &self.reply.thoughts {
            parts.push(json!({"text": thoughts.plain(), "thought": true}));
        }
        if let Some(text) = &self.reply.text {
            let mut part = json!({"text": text.plain()});
            if self.thinks && self.reply.calls.is_empty() {
                set(&mut part, "thoughtSignature", json!(self.signature));
            }
            parts.push(part);
        }
        parts.extend(self.calls());
        let candidates: Vec<Value> = (0..self.candidates)
            .map(|index| {
                let mut candidate = json!({
                    "content": {"parts": parts, "role": "model"}, "finishReason": self.finish,
                    "index": index,
                });
                self.add_logprobs(&mut candidate);
                candidate
            })
            .collect();
        self.answer(candidates, self.tokens())
    }

    /// The streamed answer; lines end as Google ends them.
    pub(super) fn stream(&self) -> Events {
        let mut events = Events::with_capacity(320 * (self.tokens() + 4));
        for chunk in self.chunks() {
            events.push(|out| out.extend_from_slice(chunk.to_string().as_bytes()));
        }
        events.closed_by(1).with_crlf()
    }

    /// The chunks of a stream.
    pub(super) fn chunks(&self) -> Vec<Value> {
        let mut said: Vec<(Value, usize)> = Vec::new();
        let words = |text: &Text, thought: bool| -> Vec<(Value, usize)> {
            let piece = |index: usize| {
                let text = text.piece_plain(index);
                let part = if thought {
                    json!({"text": text, "thought": true})
                } else {
                    json!({"text": text})
                };
                (part, 1)
            };
            (0..text.pieces()).map(piece).collect()
        };
        if let Some(thoughts) = &self.reply.thoughts {
            said.extend(words(thoughts, true));
        }
        if let Some(text) = &self.reply.text {
            said.extend(words(text, false));
        }
        let calls = self
            .reply
            .calls
            .iter()
            .map(|call| call.arguments.pieces().max(1));
        said.extend(self.calls().into_iter().zip(calls));
        let mut tokens = 0;
        let mut chunks = Vec::new();
        for (part, count) in said {
            tokens += count;
            chunks.push(self.chunk(&part, tokens, false));
        }
        let mut last = json!({"text": ""});
        if self.thinks && self.reply.calls.is_empty() {
            set(&mut last, "thoughtSignature", json!(self.signature));
        }
        chunks.push(self.chunk(&last, self.tokens(), true));
        chunks
    }

    fn chunk(&self, part: &Value, tokens: usize, last: bool) -> Value {
        let candidates: Vec<Value> = (0..self.candidates)
            .map(|index| {
                let mut candidate =
                    json!({"content": {"parts": [part], "role": "model"}, "index": index});
                if last {
                    set(&mut candidate, "finishReason", json!(self.finish));
                    self.add_logprobs(&mut candidate);
                }
                candidate
            })
            .collect();
        self.answer(candidates, tokens)
    }

    fn calls(&self) -> Vec<Value> {
        let calls = self.reply.calls.iter().enumerate();
        calls
            .map(|(number, call)| {
                let args: Value = serde_json::from_str(&call.arguments.plain()).unwrap_or_default();
                let mut part = json!({"functionCall": {"name": call.name, "args": args}});
                // Of parallel calls the first alone is signed.
                if number == 0 {
                    set(&mut part, "thoughtSignature", json!(self.signature));
                }
                part
            })
            .collect()
    }

    fn add_logprobs(&self, candidate: &mut Value) {
        let Some(text) = self.reply.text.as_ref().filter(|_| self.logprobs) else {
            return;
        };
        let token = |index: usize| json!({"token": text.piece_plain(index), "tokenId": index, "logProbability": -0.25});
        let chosen: Vec<Value> = (0..text.pieces()).map(token).collect();
        let top: Vec<Value> = chosen
            .iter()
            .map(|one| json!({"candidates": [one]}))
            .collect();
        set(candidate, "avgLogprobs", json!(-0.25));
        set(
            candidate,
            "logprobsResult",
            json!({"topCandidates": top, "chosenCandidates": chosen}),
        );
    }

    /// The answer after `tokens` of it, thoughts included.
    fn answer(&self, candidates: Vec<Value>, tokens: usize) -> Value {
        let Usage {
            prompt,
            cached,
            thoughts,
            ..
        } = self.reply.usage;
        let thought = tokens.min(thoughts);
        let spoken = (tokens - thought) * self.candidates;
        let mut usage = json!({
            "promptTokenCount": prompt, "candidatesTokenCount": spoken,
            "totalTokenCount": prompt + spoken + thought,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt}],
        });
        if thought > 0 {
            set(&mut usage, "thoughtsTokenCount", json!(thought));
        }
        if cached > 0 {
            set(&mut usage, "cachedContentTokenCount", json!(cached));
        }
        json!({
            "candidates": candidates, "usageMetadata": usage, "modelVersion": self.model,
            "responseId": self.id,
        })
    }
}
