//! Allocations per translated chunk of text, read and write together, from each provider's dialect to each
//! client's: `cargo run --release -p ark-dialect --example chunk_allocations`.
//!
//! Prints one JSON object; `cargo xtask bench` puts it into its report. What happens once per stream is
//! left out: counting begins after the first hundred chunks.
#![allow(
    unsafe_code,
    reason = "an allocator that counts is unsafe by its interface"
)]
#![allow(clippy::print_stdout, reason = "the report is what it is for")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use ark_dialect::chat::AnswerContext;
use ark_dialect::gemini::Api;
use ark_dialect::translate::{Client, Translation, Wire};
use ark_dialect::vendor::Vendor;

/// The system's allocator, counted.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const WARM_UP: u32 = 100;
const COUNTED: u32 = 1_000;
/// Plain words, and words with what JSON escapes.
const TEXTS: [(&str, &str); 2] = [("plain", "words and "), ("escaped", "a \\\"b\\\"\\n")];
const CLIENTS: [(&str, Client); 3] = [
    ("chat", Client::Chat),
    ("messages", Client::Messages),
    ("responses", Client::Responses),
];

fn main() {
    let wires = [
        ("openai", Wire::Openai(Vendor::OPENAI)),
        ("responses", Wire::Responses(Vendor::OPENAI)),
        ("anthropic", Wire::Anthropic),
        ("gemini", Wire::Gemini(Api::Gemini)),
        ("bedrock", Wire::Bedrock),
    ];
    let mut report = BTreeMap::new();
    for (from, wire) in wires {
        for (to, client) in CLIENTS {
            if client.is_native_to(wire) && from != "openai" {
                continue;
            }
            for (kind, text) in TEXTS {
                let name = format!("{from} to {to}, {kind} text");
                report.insert(name, per_chunk((client, wire), text));
            }
        }
    }
    println!("{}", serde_json::json!(report));
}

fn per_chunk((client, wire): (Client, Wire), text: &str) -> f64 {
    let mut translation = Translation::new(client, (wire, "model"), AnswerContext::default());
    let mut out = Vec::with_capacity(64 * 1024);
    translation.push(&start(wire), false, &mut out);
    let chunk = chunk(wire, text);
    let mut push = || {
        out.clear();
        translation.push(&chunk, false, &mut out);
    };
    (0..WARM_UP).for_each(|_| push());
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    (0..COUNTED).for_each(|_| push());
    let counted = ALLOCATIONS.load(Ordering::Relaxed) - before;
    assert!(
        translation.pieces() >= u64::from(WARM_UP + COUNTED),
        "a chunk was not read"
    );
    counted as f64 / f64::from(COUNTED)
}

/// What comes before the first words.
fn start(wire: Wire) -> Vec<u8> {
    match wire {
        Wire::Anthropic => b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"m\",\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n".to_vec(),
        Wire::Bedrock => frame("messageStart", r#"{"role":"assistant","p":"abc"}"#),
        Wire::Openai(_) | Wire::Azure { .. } | Wire::Responses(_) | Wire::Gemini(_) => Vec::new(),
    }
}

/// A chunk of text, as the provider sends many.
fn chunk(wire: Wire, text: &str) -> Vec<u8> {
    match wire {
        Wire::Openai(_) | Wire::Azure { .. } => format!("data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1755133833,\"model\":\"m\",\"system_fingerprint\":\"fp\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}},\"logprobs\":null,\"finish_reason\":null}}],\"usage\":null}}\n\n").into_bytes(),
        Wire::Responses(_) => format!("event: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",\"sequence_number\":9,\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"delta\":\"{text}\",\"logprobs\":[],\"obfuscation\":\"abcd\"}}\n\n").into_bytes(),
        Wire::Anthropic => format!("event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\"{text}\"}}}}\n\n").into_bytes(),
        Wire::Gemini(_) => format!("data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"{text}\"}}],\"role\":\"model\"}},\"index\":0}}],\"usageMetadata\":{{\"promptTokenCount\":4,\"candidatesTokenCount\":9}},\"modelVersion\":\"m\",\"responseId\":\"r\"}}\r\n\r\n").into_bytes(),
        Wire::Bedrock => frame("contentBlockDelta", &format!("{{\"contentBlockIndex\":0,\"delta\":{{\"text\":\"{text}\"}},\"p\":\"abcdefgh\"}}")),
    }
}

/// A frame of AWS's event stream.
fn frame(event: &str, payload: &str) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in [
        (":event-type", event),
        (":content-type", "application/json"),
        (":message-type", "event"),
    ] {
        headers.push(name.len() as u8);
        headers.extend(name.as_bytes());
        headers.push(7);
        headers.extend((value.len() as u16).to_be_bytes());
        headers.extend(value.as_bytes());
    }
    let size = 16 + headers.len() + payload.len();
    let mut frame = (size as u32).to_be_bytes().to_vec();
    frame.extend((headers.len() as u32).to_be_bytes());
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame.extend(headers);
    frame.extend(payload.as_bytes());
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame
}
