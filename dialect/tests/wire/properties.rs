//! What must hold for any bytes that a provider answers, cut anywhere. Shared by the property tests,
//! the replay of the committed corpora and the fuzz targets.

use ark_dialect::gate::{FirstEvent, GateVerdict};
use ark_dialect::provider_error::ProviderError;
use ark_dialect::rate_limit::{RESET_LIMIT_MS, Reader};
use serde_json::Value;

use crate::cut::cut;

fn gated(pieces: &[&[u8]]) -> GateVerdict {
    let mut gate = FirstEvent::new();
    for piece in pieces {
        let verdict = gate.push(piece);
        if verdict != GateVerdict::NeedMore {
            return verdict;
        }
    }
    gate.finish()
}

/// The verdict does not depend on the cut, and there is one at the end.
pub(crate) fn gate(stream: &[u8], seed: u64) {
    let whole = gated(&[stream]);
    assert_ne!(whole, GateVerdict::NeedMore);
    assert_eq!(gated(&cut(stream, seed)), whole);
}

/// Whatever a provider sends, the client gets an OpenAI error of bounded size.
pub(crate) fn provider_error(body: &[u8]) {
    let written = ProviderError::read(body).body();
    assert!(written.len() < 64 * 1024);
    let error: Value = serde_json::from_slice(&written).unwrap();
    assert!(
        error["error"]["message"]
            .as_str()
            .is_some_and(|m| !m.is_empty())
    );
}

/// Whatever headers a provider sends (`name:value`, one a line), what they say is bounded.
pub(crate) fn rate_limits(head: &[u8]) {
    let mut reader = Reader::default();
    for line in head.split(|byte| *byte == b'\n') {
        let colon = line
            .iter()
            .position(|byte| *byte == b':')
            .unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        reader.push(name, value.strip_prefix(b":").unwrap_or(value));
    }
    let said = reader.finish(|| 0).unwrap_or_default();
    for allowance in [said.requests, said.tokens].into_iter().flatten() {
        assert!(allowance.reset_ms.is_none_or(|ms| ms <= RESET_LIMIT_MS));
        let limit = allowance.limit.unwrap_or(u64::MAX);
        assert!(limit > 0 && allowance.remaining <= limit);
    }
}
