//! What must hold for any bytes, cut anywhere. Shared by the property tests, the replay of the
//! committed corpora and the fuzz targets.

use ark_wire::answer::AnswerInspector;
use ark_wire::relay::{RelayOut, StreamRelay};
use ark_wire::request::{BodyError, Params, ParamsScan, RequestFacts, RequestInspector};
use ark_wire::rewrite::{Edits, Plan, StoreEdit, plan};
use ark_wire::sse::{Overflow, SseReader};
use serde_json::{Value, json};

use crate::cut::cut;

fn inspect(pieces: &[&[u8]]) -> Result<RequestFacts, BodyError> {
    let mut inspector = RequestInspector::new();
    pieces.iter().for_each(|piece| inspector.push(piece));
    inspector.finish()
}

fn bounded(pieces: &[&[u8]]) -> Result<Params, BodyError> {
    let mut scan = ParamsScan::default();
    pieces.iter().for_each(|piece| scan.push(piece));
    scan.finish()
}

fn no_members(body: &[u8]) -> bool {
    serde_json::from_slice::<Value>(body).is_ok_and(|v| v.as_object().is_none_or(|o| o.is_empty()))
}

/// The facts do not depend on the cut, and edits change what they say and nothing else.
pub(crate) fn request(body: &[u8], seed: u64) {
    let whole = inspect(&[body]);
    assert_eq!(inspect(&cut(body, seed)), whole);
    // What rules of access bound does not depend on the cut either, and refuses nothing but its own members.
    let params = bounded(&[body]);
    assert_eq!(bounded(&cut(body, seed)), params);
    if let Ok(params) = &params {
        let splice = params.bound("max_tokens", 9);
        let edited = Plan::new(vec![splice], body.len()).apply(body).unwrap();
        if serde_json::from_slice::<Value>(body).is_ok() && !no_members(body) {
            let read = bounded(&[&edited]);
            assert!(read.is_err() || read.is_ok_and(|p| p.max_tokens >= Some(9)));
        }
    }
    let Ok(facts) = whole.inspect_err(|error| assert!(!error.message().is_empty())) else {
        return;
    };
    let none = plan(&facts, Edits::default());
    assert!(none.is_empty());
    assert_eq!(none.apply(body).unwrap(), body);
    let edits = Edits {
        model: Some("neu\n\"é\""),
        include_usage: true,
        store: StoreEdit::SayOff,
    };
    let planned = plan(&facts, edits);
    let edited = planned.apply(body).unwrap();
    assert_eq!(edited.len(), planned.new_len());
    assert_eq!(
        edited.len() as isize - body.len() as isize,
        planned.len_delta()
    );
    let Ok(mut expected) = serde_json::from_slice::<Value>(body) else {
        return;
    };
    expected["model"] = json!("neu\n\"é\"");
    expected["store"] = json!(false);
    if facts.stream {
        if expected["stream_options"].is_null() {
            expected["stream_options"] = json!({});
        }
        expected["stream_options"]["include_usage"] = json!(true);
    }
    assert_eq!(serde_json::from_slice::<Value>(&edited).unwrap(), expected);
    let again = inspect(&[&edited]).unwrap();
    assert_eq!(again.include_usage, facts.include_usage || facts.stream);
    assert!(plan(&again, edits).is_empty());
}

type Events = (Vec<(Vec<u8>, Vec<u8>)>, Result<(), Overflow>);

fn events(pieces: &[&[u8]], limit: usize) -> Events {
    let mut reader = SseReader::new(limit);
    let mut events = Vec::new();
    let mut result = Ok(());
    for piece in pieces {
        result = reader.push(piece, &mut |event| {
            assert!(event.name.len() + event.data.len() <= limit);
            events.push((event.name.to_vec(), event.data.to_vec()));
        });
    }
    (events, result)
}

/// Events and overflow do not depend on the cut.
pub(crate) fn sse(stream: &[u8], seed: u64) {
    for limit in [20, 1 << 20] {
        assert_eq!(events(&cut(stream, seed), limit), events(&[stream], limit));
    }
}

/// What passes; what was taken out; what was seen.
fn relayed(pieces: &[&[u8]], strip: bool) -> (Vec<u8>, Option<Vec<u8>>, String) {
    let mut relay = StreamRelay::new(strip).watching_base_resp();
    let mut out = Vec::new();
    let mut push = |piece: &[u8], last| match relay.push(piece, last) {
        RelayOut::Unchanged => out.extend_from_slice(piece),
        RelayOut::Replace(other) => out.extend(other),
    };
    pieces.iter().for_each(|piece| push(piece, false));
    push(b"", true);
    let (done, error) = (relay.saw_done(), relay.saw_error());
    let seen = format!("{:?} {} {done} {error}", relay.usage(), relay.events());
    // Whether the end of its last line is all there depends on where that is cut.
    let taken = relay.take_foreign_error().map(|mut taken| {
        taken.pop_if(|byte| *byte == b'\n');
        taken
    });
    (out, taken, seen)
}

/// What the client gets and what was seen do not depend on the cut; unless usage is stripped the
/// stream is what it was, up to an error in a vendor's own form, and if it is, only the usage chunk
/// is missing.
pub(crate) fn relay(stream: &[u8], seed: u64) {
    let stripped = relayed(&[stream], true);
    assert_eq!(relayed(&cut(stream, seed), true), stripped);
    let plain = relayed(&[stream], false);
    assert_eq!(relayed(&cut(stream, seed), false), plain);
    match &plain.1 {
        None => assert_eq!(plain.0, stream),
        // Line ends aside, of which one is cut in two by the end.
        Some(taken) => assert!(stream.starts_with(&[plain.0.as_slice(), taken].concat())),
    }
    assert_eq!((&plain.1, &plain.2), (&stripped.1, &stripped.2));
    let mut left = stream.iter();
    assert!(
        stripped.0.iter().all(|byte| left.any(|b| b == byte)),
        "reordered"
    );
}

/// The answer's facts do not depend on the cut.
pub(crate) fn answer(body: &[u8], seed: u64) {
    let read = |pieces: &[&[u8]]| {
        let mut inspector = AnswerInspector::new();
        pieces.iter().for_each(|piece| inspector.push(piece));
        inspector.finish()
    };
    assert_eq!(read(&cut(body, seed)), read(&[body]));
}
