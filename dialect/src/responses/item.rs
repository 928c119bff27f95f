//! Output items, as they grow and as they are written.

use serde::Serialize;
use serde_json::Value;

use super::signature::Proof;

/// An output item.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    Reasoning {
        text: String,
        proof: Option<Proof>,
    },
    Message(Vec<Content>),
    Call {
        call_id: String,
        name: String,
        arguments: String,
    },
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Content {
    pub(super) refusal: bool,
    pub(super) text: String,
    /// In this dialect's form.
    pub(super) logprobs: Vec<Value>,
}

/// Where an item is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ItemStatus {
    #[default]
    InProgress,
    Completed,
    Incomplete,
}

/// An item on the wire.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Written<'a> {
    Reasoning {
        id: String,
        summary: Vec<TextPart<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        content: Option<Vec<TextPart<'a>>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        encrypted_content: Option<String>,
        status: ItemStatus,
    },
    Message {
        id: String,
        status: ItemStatus,
        role: &'static str,
        content: Vec<MessagePart<'a>>,
    },
    FunctionCall {
        id: String,
        call_id: &'a str,
        name: &'a str,
        arguments: &'a str,
        status: ItemStatus,
    },
}

/// A text with its kind: `summary_text`, `reasoning_text`.
#[derive(Serialize)]
pub(super) struct TextPart<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) text: &'a str,
}

/// A part of a message on the wire.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum MessagePart<'a> {
    OutputText {
        annotations: [(); 0],
        logprobs: &'a [Value],
        text: &'a str,
    },
    Refusal {
        refusal: &'a str,
    },
}

impl Content {
    pub(super) fn new(refusal: bool) -> Self {
        Self {
            refusal,
            text: String::new(),
            logprobs: Vec::new(),
        }
    }

    pub(super) fn written(&self) -> MessagePart<'_> {
        if self.refusal {
            MessagePart::Refusal {
                refusal: &self.text,
            }
        } else {
            MessagePart::OutputText {
                annotations: [],
                logprobs: &self.logprobs,
                text: &self.text,
            }
        }
    }
}

impl Item {
    /// The id of the item at `index` of the output of the answer `of`.
    pub(super) fn id(&self, of: &str, index: usize) -> String {
        let prefix = match self {
            Self::Reasoning { .. } => "rs",
            Self::Message(_) => "msg",
            Self::Call { .. } => "fc",
        };
        format!("{prefix}_{of}_{index}")
    }

    /// Whether nothing more can come: proof ends reasoning.
    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Reasoning { proof: Some(_), .. })
    }

    /// The item as it is written; reasoning as a summary of it when `summary`.
    pub(super) fn written(&self, id: String, status: ItemStatus, summary: bool) -> Written<'_> {
        match self {
            Self::Reasoning { text, proof } => {
                let part = |kind| {
                    let said = !text.is_empty();
                    said.then_some(TextPart { kind, text })
                };
                let content = part("reasoning_text").filter(|_| !summary);
                Written::Reasoning {
                    id,
                    summary: part("summary_text")
                        .filter(|_| summary)
                        .into_iter()
                        .collect(),
                    content: content.map(|part| vec![part]),
                    encrypted_content: proof.as_ref().map(Proof::encode),
                    status,
                }
            }
            Self::Message(content) => Written::Message {
                id,
                status,
                role: "assistant",
                content: content.iter().map(Content::written).collect(),
            },
            Self::Call {
                call_id,
                name,
                arguments,
            } => Written::FunctionCall {
                id,
                call_id,
                name,
                arguments,
                status,
            },
        }
    }
}

/// The `content` of OpenAI's `logprobs` object in this dialect's form: `bytes` are always there.
pub(super) fn logprobs(object: &Value) -> Vec<Value> {
    let tokens = object.get("content").and_then(Value::as_array);
    tokens.into_iter().flatten().map(token).collect()
}

fn token(entry: &Value) -> Value {
    let mut written = with_bytes(entry);
    let others = entry.get("top_logprobs").and_then(Value::as_array);
    let others = others.into_iter().flatten().map(with_bytes).collect();
    if let Some(written) = written.as_object_mut() {
        written.insert("top_logprobs".to_owned(), Value::Array(others));
    }
    written
}

fn with_bytes(entry: &Value) -> Value {
    let token = entry.get("token").and_then(Value::as_str);
    let token = token.unwrap_or_default();
    let own = || token.bytes().map(Value::from).collect();
    let bytes = entry.get("bytes").filter(|bytes| bytes.is_array());
    let logprob = entry.get("logprob").filter(|logprob| logprob.is_number());
    let members = [
        ("token", Value::from(token)),
        ("logprob", logprob.cloned().unwrap_or(Value::from(0))),
        (
            "bytes",
            bytes.cloned().unwrap_or_else(|| Value::Array(own())),
        ),
    ];
    let named = members.map(|(name, value)| (name.to_owned(), value));
    Value::Object(named.into_iter().collect())
}
