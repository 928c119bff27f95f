//! A chunk of text from an OpenAI-shaped provider for a client of Anthropic's, repeated, for counting
//! instructions: `valgrind --tool=callgrind target/release/examples/hot_translated_chunk 10000`.

use std::hint::black_box;

use ark_dialect::chat::AnswerContext;
use ark_dialect::translate::{Client, Translation, Wire};
use ark_dialect::vendor::Vendor;

const CHUNK: &[u8] = b"data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1755133833,\"model\":\"m\",\"system_fingerprint\":\"fp\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"words and \"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let chunks: u64 = std::env::args().nth(1).map_or(Ok(1_000), |n| n.parse())?;
    let wire = (Wire::Openai(Vendor::OPENAI), "m");
    let mut translation = Translation::new(Client::Messages, wire, AnswerContext::default());
    let mut out = Vec::new();
    for _ in 0..chunks {
        out.clear();
        translation.push(black_box(CHUNK), false, &mut out);
        black_box(&out);
    }
    Ok(())
}
