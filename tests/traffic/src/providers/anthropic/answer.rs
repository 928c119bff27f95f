//! A message of the model's: what is asked for, and its blocks, whole.

use serde_json::{Value, json};

use crate::providers::dialect::{Context, set};
use crate::providers::reply::{Choice, Format, Reply, Sights, Stop, Tool, Usage, Wish};
use crate::providers::signature::Maker;
use crate::providers::text::Text;

/// The most tokens of a stop sequence's answer.
const BEFORE_STOP: usize = 4;

/// A message to be written.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) model: String,
    pub(super) blocks: Vec<Block>,
    pub(super) stop_reason: String,
    pub(super) stop_sequence: Option<String>,
    pub(super) usage: Usage,
    service_tier: &'static str,
}

/// A block of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// Thoughts with their signature; omitted ones have the signature only.
    Thinking {
        text: Option<Text>,
        signature: String,
    },
    Redacted(String),
    Text(Text),
    ToolUse {
        id: String,
        name: String,
        input: Text,
    },
}

/// What a request asks for.
pub(super) fn wish(request: &Value) -> Wish {
    let at = |pointer: &str| request.pointer(pointer);
    let word = |pointer: &str| at(pointer).and_then(Value::as_str);
    let tools = at("/tools").and_then(Value::as_array);
    Wish {
        model: word("/model").unwrap_or_default().to_owned(),
        limit: at("/max_tokens")
            .and_then(Value::as_u64)
            .and_then(|limit| usize::try_from(limit).ok()),
        tools: tools
            .into_iter()
            .flatten()
            .map(|tool| Tool {
                name: tool
                    .get("name")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned(),
                schema: tool.get("input_schema").cloned().unwrap_or_default(),
            })
            .collect(),
        choice: match word("/tool_choice/type") {
            Some("none") => Choice::None,
            Some("any") => Choice::Any,
            Some("tool") => Choice::Named(word("/tool_choice/name").unwrap_or_default().to_owned()),
            _ => Choice::Auto,
        },
        one_call: at("/tool_choice/disable_parallel_tool_use") == Some(&Value::Bool(true)),
        format: at("/output_config/format/schema")
            .map_or(Format::Words, |schema| Format::Schema(schema.clone())),
        thinks: matches!(word("/thinking/type"), Some("enabled" | "adaptive")),
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
            see(block, &mut sights);
        }
    }
    sights
}

fn see(block: &Value, sights: &mut Sights) {
    match block.get("type").and_then(Value::as_str) {
        Some("image") => sights.images += 1,
        Some("document") => sights.documents += 1,
        Some("tool_result") => {
            sights.results += 1;
            sights.answered = true;
            let inner = block.get("content").and_then(Value::as_array);
            inner
                .into_iter()
                .flatten()
                .for_each(|part| see(part, sights));
        }
        _ => {}
    }
}

impl Message {
    /// The message that says `reply` to `request`.
    pub(super) fn new(request: &Value, wish: &Wish, reply: Reply, context: &Context<'_>) -> Self {
        let reason = reply.stop_word(|stop| match stop {
            Stop::Calls => "tool_use",
            Stop::Limit => "max_tokens",
            Stop::End => "end_turn",
        });
        let stop_reason = reason.to_owned();
        let omitted =
            request.pointer("/thinking/display").and_then(Value::as_str) == Some("omitted");
        let mut blocks = Vec::new();
        if let Some(thoughts) = reply.thoughts {
            let plain = if omitted {
                String::new()
            } else {
                thoughts.plain()
            };
            blocks.push(Block::Thinking {
                signature: Maker::Anthropic.sign(&plain),
                text: (!omitted).then_some(thoughts),
            });
        }
        if context.script.answer.stop.as_deref() == Some("redacted") {
            blocks.push(Block::Redacted(Maker::Anthropic.seal(context.sequence)));
        }
        let sequences = request.get("stop_sequences").and_then(|list| list.get(0));
        let stop_sequence = sequences
            .and_then(Value::as_str)
            .filter(|_| stop_reason == "stop_sequence")
            .map(str::to_owned);
        if let Some(text) = reply.text {
            let limit = stop_sequence.as_ref().map(|_| BEFORE_STOP);
            blocks.push(Block::Text(text.limited(limit)));
        }
        for (number, call) in reply.calls.into_iter().enumerate() {
            blocks.push(Block::ToolUse {
                id: format!("toolu_{}_{number}", context.sequence),
                name: call.name,
                input: call.arguments,
            });
        }
        Self {
            id: format!("msg_{}_{}", context.config.name, context.sequence),
            model: wish.model.clone(),
            blocks,
            stop_reason: match stop_reason.as_str() {
                "redacted" => "end_turn".to_owned(),
                _ => stop_reason,
            },
            stop_sequence,
            usage: reply.usage,
            service_tier: "standard",
        }
    }

    /// What is said in place of an answer to a prompt against the policy.
    pub(super) fn refused() -> Self {
        Self {
            id: "msg_refused".to_owned(),
            model: "claude".to_owned(),
            blocks: Vec::new(),
            stop_reason: "refusal".to_owned(),
            stop_sequence: None,
            usage: Usage {
                prompt: 10,
                answer: 1,
                ..Usage::default()
            },
            service_tier: "standard",
        }
    }

    /// Tokens of the answer.
    pub(super) fn tokens(&self) -> usize {
        self.usage.answer
    }

    /// The JSON answer.
    pub(super) fn whole(&self) -> Value {
        let blocks: Vec<Value> = self.blocks.iter().map(Block::whole).collect();
        let mut message = self.head();
        set(&mut message, "content", Value::Array(blocks));
        set(&mut message, "stop_reason", json!(self.stop_reason));
        set(&mut message, "stop_sequence", json!(self.stop_sequence));
        if let Some(usage) = message.get_mut("usage") {
            set(usage, "output_tokens", self.usage.answer);
        }
        message
    }

    /// The message before it says anything.
    pub(super) fn head(&self) -> Value {
        json!({
            "id": self.id, "type": "message", "role": "assistant", "model": self.model,
            "content": [], "stop_reason": null, "stop_sequence": null,
            "usage": {
                "input_tokens": self.fresh(),
                "cache_creation_input_tokens": self.usage.written,
                "cache_read_input_tokens": self.usage.cached,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": self.usage.written,
                    "ephemeral_1h_input_tokens": 0,
                },
                "output_tokens": 1,
                "service_tier": self.service_tier,
            },
        })
    }

    /// The prompt's tokens that have nothing to do with the cache.
    pub(super) fn fresh(&self) -> usize {
        let Usage {
            prompt,
            cached,
            written,
            ..
        } = self.usage;
        prompt.saturating_sub(cached + written)
    }
}

impl Block {
    fn whole(&self) -> Value {
        match self {
            Self::Thinking { text, signature } => {
                let thinking = text.as_ref().map(Text::plain).unwrap_or_default();
                json!({"type": "thinking", "thinking": thinking, "signature": signature})
            }
            Self::Redacted(data) => json!({"type": "redacted_thinking", "data": data}),
            Self::Text(text) => json!({"type": "text", "text": text.plain()}),
            Self::ToolUse { id, name, input } => {
                let input: Value = serde_json::from_str(&input.plain()).unwrap_or_default();
                json!({"type": "tool_use", "id": id, "name": name, "input": input})
            }
        }
    }
}
