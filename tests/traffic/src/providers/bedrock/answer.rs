//! What is asked for, and the answer: whole, or as events.

use serde_json::{Value, json};

use crate::providers::dialect::{Context, set};
use crate::providers::openai::embedding::base64;
use crate::providers::reply::{Choice, Format, Reply, Sights, Stop, Tool, Usage, Wish};
use crate::providers::signature::Maker;
use crate::providers::text::Text;

/// An answer to be written.
#[derive(Clone, Debug)]
pub(super) struct Conversed {
    blocks: Vec<Block>,
    stop: String,
    usage: Usage,
    sequence: u64,
    tier: Option<Value>,
}

#[derive(Clone, Debug)]
enum Block {
    Thoughts(Text),
    Redacted(String),
    Text(Text),
    Call { name: String, input: Text },
}

/// What a request asks `model` for.
pub(super) fn wish(model: &str, request: &Value) -> Wish {
    let at = |pointer: &str| request.pointer(pointer);
    let tools = at("/toolConfig/tools").and_then(Value::as_array);
    let named = at("/toolConfig/toolChoice/tool/name").and_then(Value::as_str);
    let thinking = ["thinking", "reasoning_config"].iter().find_map(|name| {
        at("/additionalModelRequestFields")?
            .get(*name)?
            .get("type")?
            .as_str()
    });
    let schema = at("/outputConfig/textFormat/structure/jsonSchema/schema").and_then(Value::as_str);
    Wish {
        model: model.to_owned(),
        limit: at("/inferenceConfig/maxTokens")
            .and_then(Value::as_u64)
            .and_then(|limit| usize::try_from(limit).ok()),
        tools: tools
            .into_iter()
            .flatten()
            .filter_map(|tool| tool.get("toolSpec"))
            .map(|tool| Tool {
                name: tool
                    .get("name")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned(),
                schema: tool
                    .pointer("/inputSchema/json")
                    .cloned()
                    .unwrap_or_default(),
            })
            .collect(),
        choice: match named {
            Some(name) => Choice::Named(name.to_owned()),
            None if at("/toolConfig/toolChoice/any").is_some() => Choice::Any,
            None => Choice::Auto,
        },
        one_call: false,
        format: schema.map_or(Format::Words, |schema| {
            Format::Schema(serde_json::from_str(schema).unwrap_or_default())
        }),
        thinks: matches!(thinking, Some("enabled" | "adaptive")),
        sights: sights(request),
    }
}

fn sights(request: &Value) -> Sights {
    let mut sights = Sights::default();
    let messages = request.get("messages").and_then(Value::as_array);
    for message in messages.into_iter().flatten() {
        sights.answered = false;
        let blocks = message.get("content").and_then(Value::as_array);
        for block in blocks.into_iter().flatten() {
            sights.images += usize::from(block.get("image").is_some());
            sights.documents += usize::from(block.get("document").is_some());
            sights.sounds += usize::from(block.get("audio").is_some());
            if block.get("toolResult").is_some() {
                sights.results += 1;
                sights.answered = true;
            }
        }
    }
    sights
}

impl Conversed {
    /// What says `reply` to `request`.
    pub(super) fn new(request: &Value, reply: Reply, context: &Context<'_>) -> Self {
        let stop = reply.stop_word(|stop| match stop {
            Stop::Calls => "tool_use",
            Stop::Limit => "max_tokens",
            Stop::End => "end_turn",
        });
        let redacted = (stop == "redacted").then(|| Maker::Anthropic.seal(context.sequence));
        let stop = if redacted.is_some() { "end_turn" } else { stop }.to_owned();
        let mut blocks = Vec::new();
        blocks.extend(reply.thoughts.map(Block::Thoughts));
        blocks.extend(redacted.map(Block::Redacted));
        blocks.extend(reply.text.map(Block::Text));
        blocks.extend(reply.calls.into_iter().map(|call| Block::Call {
            name: call.name,
            input: call.arguments,
        }));
        Self {
            blocks,
            stop,
            usage: reply.usage,
            sequence: context.sequence,
            tier: request.get("serviceTier").cloned(),
        }
    }

    /// What a guardrail says in place of the model.
    pub(super) fn intervened() -> Self {
        let text = Text::of("Sorry, the model cannot answer this question.");
        Self {
            usage: Usage {
                prompt: 10,
                answer: text.pieces(),
                ..Usage::default()
            },
            blocks: vec![Block::Text(text)],
            stop: "guardrail_intervened".to_owned(),
            sequence: 0,
            tier: None,
        }
    }

    /// Tokens of the answer.
    pub(super) fn tokens(&self) -> usize {
        self.usage.answer
    }

    /// The JSON answer.
    pub(super) fn whole(&self) -> Value {
        let content: Vec<Value> = self
            .blocks
            .iter()
            .enumerate()
            .map(|(index, block)| self.block(index, block))
            .collect();
        let mut answer = json!({
            "metrics": {"latencyMs": 42},
            "output": {"message": {"content": content, "role": "assistant"}},
            "stopReason": self.stop,
            "usage": self.usage(),
        });
        self.add_tier(&mut answer);
        answer
    }

    fn block(&self, index: usize, block: &Block) -> Value {
        match block {
            Block::Thoughts(text) => {
                let said = text.plain();
                let signature = Maker::Anthropic.sign(&said);
                json!({"reasoningContent": {"reasoningText": {"text": said, "signature": signature}}})
            }
            Block::Redacted(data) => {
                json!({"reasoningContent": {"redactedContent": base64(data.as_bytes())}})
            }
            Block::Text(text) => json!({"text": text.plain()}),
            Block::Call { name, input } => {
                let input: Value = serde_json::from_str(&input.plain()).unwrap_or_default();
                json!({"toolUse": {"toolUseId": self.call_id(index), "name": name, "input": input}})
            }
        }
    }

    fn call_id(&self, index: usize) -> String {
        format!("tooluse_{}_{index}", self.sequence)
    }

    /// The events of the streamed answer. Text needs no start.
    pub(super) fn events(&self) -> Vec<(&'static str, Value)> {
        let mut events = vec![("messageStart", json!({"role": "assistant"}))];
        for (index, block) in self.blocks.iter().enumerate() {
            let mut delta = |delta: Value| {
                let event = json!({"contentBlockIndex": index, "delta": delta});
                events.push(("contentBlockDelta", event));
            };
            match block {
                Block::Thoughts(text) => {
                    for piece in 0..text.pieces() {
                        delta(json!({"reasoningContent": {"text": text.piece_plain(piece)}}));
                    }
                    let signature = Maker::Anthropic.sign(&text.plain());
                    delta(json!({"reasoningContent": {"signature": signature}}));
                }
                Block::Redacted(data) => {
                    let data = base64(data.as_bytes());
                    delta(json!({"reasoningContent": {"redactedContent": data}}));
                }
                Block::Text(text) => {
                    for piece in 0..text.pieces() {
                        delta(json!({"text": text.piece_plain(piece)}));
                    }
                }
                Block::Call { name, input } => {
                    let start =
                        json!({"toolUse": {"name": name, "toolUseId": self.call_id(index)}});
                    let event = json!({"contentBlockIndex": index, "start": start});
                    events.push(("contentBlockStart", event));
                    for piece in 0..input.pieces() {
                        let delta = json!({"toolUse": {"input": input.piece_plain(piece)}});
                        let event = json!({"contentBlockIndex": index, "delta": delta});
                        events.push(("contentBlockDelta", event));
                    }
                }
            }
            events.push(("contentBlockStop", json!({"contentBlockIndex": index})));
        }
        events.push(("messageStop", json!({"stopReason": self.stop})));
        let mut metadata = json!({"metrics": {"latencyMs": 42}, "usage": self.usage()});
        self.add_tier(&mut metadata);
        events.push(("metadata", metadata));
        // Bedrock pads its events, so that their lengths tell nothing of what they say.
        for (place, (_, payload)) in events.iter_mut().enumerate() {
            let padding = "abcdefghijklmnopqrstuvwxyz";
            set(payload, "p", json!(padding.get(..=place % padding.len())));
        }
        events
    }

    fn add_tier(&self, answer: &mut Value) {
        if let Some(tier) = &self.tier {
            set(answer, "serviceTier", tier.clone());
        }
    }

    fn usage(&self) -> Value {
        let Usage {
            prompt,
            cached,
            written,
            answer,
            ..
        } = self.usage;
        let mut usage = json!({
            "inputTokens": prompt.saturating_sub(cached + written), "outputTokens": answer,
            "totalTokens": prompt + answer,
        });
        if cached + written > 0 {
            set(&mut usage, "cacheReadInputTokens", json!(cached));
            set(&mut usage, "cacheWriteInputTokens", json!(written));
        }
        usage
    }
}
