//! What must hold of AWS's event stream for any bytes, cut anywhere. Shared by the property tests,
//! the replay of the committed corpus and the fuzz target.

use ark_dialect::bedrock::StreamReader;
use ark_dialect::chat::Event;
use ark_dialect::event_stream::{EventStreamReader, FrameError};

use crate::cut::cut;

type Read = (Vec<(String, Vec<u8>)>, Result<(), FrameError>, bool);

fn frames(pieces: &[&[u8]], limit_bytes: usize) -> Read {
    let mut reader = EventStreamReader::new(limit_bytes);
    let mut frames = Vec::new();
    let mut result = Ok(());
    for piece in pieces {
        result = reader.push(piece, &mut |frame| {
            assert!(16 + frame.payload.len() <= limit_bytes);
            for (name, value) in frame.headers.iter() {
                assert!(
                    !name.is_empty() && frame.headers.get(name).is_some(),
                    "{value:?}"
                );
            }
            frames.push((format!("{:?}", frame.headers), frame.payload.to_vec()));
        });
    }
    (frames, result, reader.is_between_frames())
}

fn events(pieces: &[&[u8]]) -> Vec<String> {
    let mut reader = StreamReader::new();
    let mut events = Vec::new();
    let mut sink = |event: Event<'_>| events.push(format!("{event:?}"));
    pieces
        .iter()
        .for_each(|piece| reader.push(piece, &mut sink));
    reader.finish(&mut sink);
    events
}

/// Frames, errors and Bedrock's events do not depend on the cut; a stream has one end, and nothing
/// follows it. Gives back the payloads.
pub(crate) fn event_stream(stream: &[u8], seed: u64) -> Vec<Vec<u8>> {
    let pieces = cut(stream, seed);
    assert_eq!(frames(&pieces, 64), frames(&[stream], 64));
    let whole = frames(&[stream], 1 << 20);
    assert_eq!(frames(&pieces, 1 << 20), whole);
    let shown = events(&[stream]);
    assert_eq!(events(&pieces), shown);
    let is_end = |event: &String| event == "End" || event.starts_with("Error(");
    assert_eq!(shown.iter().position(is_end), shown.len().checked_sub(1));
    whole.0.into_iter().map(|(_, payload)| payload).collect()
}
