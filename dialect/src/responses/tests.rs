//! Sources: <https://platform.openai.com/docs/api-reference/responses>, and the types and the stream
//! accumulator of the official SDK (`openai` 3.x), by which the golden answers were checked.

mod answers;
mod meters;
mod requests;
mod streams;

use std::rc::Rc;

use serde_json::Value;

use super::*;
use crate::chat::{AnswerContext, ChatRequest, Maker, Signature};

fn read(body: &str) -> ChatRequest {
    read_request(body.as_bytes()).unwrap()
}

fn context(body: &str) -> AnswerContext {
    AnswerContext {
        model: "asked".to_owned(),
        id: "r1".to_owned(),
        created: 1_700_000_000,
        request: Rc::new(read(body)),
        encoding: Default::default(),
        account: String::new(),
    }
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn signature(maker: Maker, data: &str) -> Signature {
    Signature {
        maker,
        data: data.to_owned(),
    }
}
