//! A chunk of text that passes, repeated, for counting instructions:
//! `valgrind --tool=callgrind target/release/examples/hot_passing_chunk 10000`.

use std::hint::black_box;

use ark_wire::relay::StreamRelay;

const CHUNK: &[u8] = b"data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1755133833,\"model\":\"m\",\"system_fingerprint\":\"fp\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"words and \"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let chunks: u64 = std::env::args().nth(1).map_or(Ok(1_000), |n| n.parse())?;
    let mut relay = StreamRelay::new(true);
    for _ in 0..chunks {
        black_box(relay.push(black_box(CHUNK), false));
    }
    Ok(())
}
