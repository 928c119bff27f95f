//! What must hold of translations for any bytes, cut anywhere. Shared by the replay of the goldens and
//! of the committed corpora, and by the fuzz targets. The first byte of an input chooses who speaks.

use ark_dialect::chat::{AnswerContext, TargetFacts};
use ark_dialect::gemini::Api;
use ark_dialect::meter::Meter;
use ark_dialect::translate::{
    Client, Translation, Wire, answer, read, read_error, write, write_error,
};
use ark_dialect::vendor::Vendor;
use serde_json::Value;

use crate::cut::cut;

const CLIENTS: [Client; 6] = [
    Client::Chat,
    Client::Responses,
    Client::Completions,
    Client::Messages,
    Client::CountTokens,
    Client::Embeddings,
];
/// Those that get streams.
const LISTENERS: usize = 4;
pub(crate) const WIRES: [Wire; 5] = [
    Wire::Openai(Vendor::OPENAI),
    Wire::Anthropic,
    Wire::Gemini(Api::Gemini),
    Wire::Bedrock,
    Wire::Responses(Vendor::OPENAI),
];
const MODEL: &str = "anthropic.claude-sonnet-4-5-20250929-v1:0";

/// One of `all`, by the first byte, and the rest.
fn chosen<'i, T: Copy>(all: &[T], input: &'i [u8]) -> (T, &'i [u8]) {
    let (first, rest) = input.split_first().unwrap_or((&0, &[]));
    (all[usize::from(*first) % all.len()], rest)
}

fn translated(client: Client, wire: Wire, pieces: &[&[u8]]) -> (Vec<u8>, String) {
    let context = AnswerContext {
        model: "asked".to_owned(),
        id: "0123456789abcdef".to_owned(),
        ..AnswerContext::default()
    };
    let mut translation = Translation::new(client, (wire, MODEL), context);
    let mut out = Vec::new();
    for piece in pieces {
        translation.push(piece, false, &mut out);
    }
    translation.push(b"", true, &mut out);
    let (failed, ended) = (translation.failed(), translation.ended());
    assert!(failed.is_some() || ended, "a stream has an end");
    let seen = format!(
        "{:?} {ended} {failed:?} {:?} {}",
        translation.dropped(),
        translation.usage(),
        translation.pieces()
    );
    (out, seen)
}

/// What every client gets of a stream does not depend on the cut, and it has an end.
pub(crate) fn stream(input: &[u8], seed: u64) {
    let (wire, bytes) = chosen(&WIRES, input);
    let pieces = cut(bytes, seed);
    for client in &CLIENTS[..LISTENERS] {
        let whole = translated(*client, wire, &[bytes]);
        assert_eq!(translated(*client, wire, &pieces), whole, "{client:?}");
    }
}

/// Whatever a provider answers, every client gets JSON.
pub(crate) fn whole_answer(input: &[u8]) {
    let (wire, body) = chosen(&WIRES, input);
    let is_json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).is_ok();
    for client in CLIENTS {
        let form = client.error_form();
        match answer(client, (wire, MODEL), body, &AnswerContext::default()) {
            Ok(answered) => assert!(is_json(&answered.body), "{client:?}"),
            Err(error) => assert!(is_json(&write_error(form, &error)), "{client:?}"),
        }
        for status in [400, 429, 500] {
            assert!(is_json(&write_error(form, &read_error(wire, status, body))));
        }
    }
}

/// Whatever a client asks is refused by name, or is JSON for every provider that can be asked it.
pub(crate) fn asked(input: &[u8]) {
    let (client, body) = chosen(&CLIENTS, input);
    let asked = match read(client, body) {
        Ok(asked) => asked,
        Err(bad) => return assert!(!bad.problem.is_empty()),
    };
    let vendors = Vendor::all().map(Wire::Openai);
    for wire in WIRES.into_iter().chain(vendors) {
        for model in [MODEL, "gpt-5.6", "gemini-3-pro"] {
            let target = TargetFacts {
                model,
                default_max_tokens: 4096,
                account: "",
            };
            if let Some(written) = write(&asked, client, wire, &target) {
                let json = serde_json::from_slice::<Value>(&written.body);
                assert!(json.is_ok_and(|body| body.is_object()), "{wire:?}");
            }
        }
    }
}

fn metered(client: Client, wire: Wire, pieces: &[&[u8]]) -> (Vec<u8>, String) {
    let mut meter = Meter::new(client, wire, true);
    let mut out = Vec::new();
    let mut push = |piece: &[u8], last| match meter.push(piece, last) {
        ark_wire::relay::RelayOut::Unchanged => out.extend_from_slice(piece),
        ark_wire::relay::RelayOut::Replace(other) => out.extend(other),
    };
    pieces.iter().for_each(|piece| push(piece, false));
    push(b"", true);
    let (end, error) = (meter.saw_end(), meter.saw_error());
    let seen = format!("{:?} {} {end} {error}", meter.usage(), meter.events());
    (out, seen)
}

/// What is seen of a stream that passes, and what the client gets of it, does not depend on the cut.
pub(crate) fn passing(input: &[u8], seed: u64) {
    let (client, bytes) = chosen(&CLIENTS[..LISTENERS], input);
    for name in ["openai", "mistral", "minimax"] {
        let wire = Wire::Openai(Vendor::parse(name).unwrap());
        let whole = metered(client, wire, &[bytes]);
        assert_eq!(
            metered(client, wire, &cut(bytes, seed)),
            whole,
            "{client:?}"
        );
    }
}
