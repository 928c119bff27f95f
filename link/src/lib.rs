//! The messages between the filter and the sidecar as bytes, and what the filter keeps for itself.
//!
//! Nothing here is generic: the code for each message exists once, in this crate, which is compiled for
//! size (`Cargo.toml`, profile `wasm`). The types of `ark_gateway_core` are the source of truth;
//! `ark_codec` says how they are written. A message begins with three bytes that say what it is, so that
//! nothing else is ever taken for one.

use ark_codec::Error;
use ark_gateway_core::keys::Paged;
use ark_gateway_core::quota::{QuotaAnswer, QuotaReport};
use ark_gateway_core::snapshot::Snapshot;
use ark_gateway_core::sync::{SyncRequest, SyncResponse};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The `content-type` of the messages.
pub const CONTENT_TYPE: &str = "application/x-ark";

/// What a fresh VM finds of the snapshot that the last one ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// All but its keys.
    pub snapshot: Snapshot,
    /// Of the two places for each page, which holds it: the second?
    pub second: Vec<bool>,
}

/// Why bytes are not the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// They do not begin as this message does.
    Foreign,
    /// Its content.
    Content(Error),
}

impl std::fmt::Display for Bad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Foreign => f.write_str("not a message of this version of Ark"),
            Self::Content(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Bad {}

/// Two bytes that no text begins with; the second counts changes of `ark_codec`'s form.
const MARK: [u8; 2] = [0xa7, 1];

fn write<T: Serialize>(kind: u8, message: &T) -> Result<Vec<u8>, Error> {
    let [mark, form] = MARK;
    let mut bytes = vec![mark, form, kind];
    ark_codec::write_to(&mut bytes, message)?;
    Ok(bytes)
}

fn read<T: DeserializeOwned>(kind: u8, bytes: &[u8]) -> Result<T, Bad> {
    let [mark, form] = MARK;
    let content = bytes
        .strip_prefix(&[mark, form, kind])
        .ok_or(Bad::Foreign)?;
    ark_codec::read(content).map_err(Bad::Content)
}

macro_rules! messages {
    ($($kind:literal $type:ident $write:ident $read:ident;)*) => {$(
        #[doc = concat!("Writes a [`", stringify!($type), "`].")]
        ///
        /// # Errors
        /// A type of it has no place in the form: a mistake of its author, which tests find.
        #[inline(never)]
        pub fn $write(message: &$type) -> Result<Vec<u8>, Error> {
            write($kind, message)
        }

        #[doc = concat!("Reads a [`", stringify!($type), "`].")]
        ///
        /// # Errors
        /// The bytes are none of this version.
        #[inline(never)]
        pub fn $read(bytes: &[u8]) -> Result<$type, Bad> {
            read($kind, bytes)
        }
    )*};
}

messages! {
    1 SyncRequest write_sync_request read_sync_request;
    2 SyncResponse write_sync_response read_sync_response;
    3 QuotaReport write_quota_report read_quota_report;
    4 QuotaAnswer write_quota_answer read_quota_answer;
    5 Kept write_kept read_kept;
    6 Paged write_paged read_paged;
}

/// A snapshot as text, for a configuration that is a text.
///
/// # Errors
/// As [`write_paged`].
pub fn snapshot_to_text(paged: &Paged) -> Result<String, Error> {
    Ok(STANDARD.encode(write_paged(paged)?))
}

/// Reads what [`snapshot_to_text`] wrote.
///
/// # Errors
/// It is something else.
pub fn snapshot_from_text(text: &str) -> Result<Paged, Bad> {
    let bytes = STANDARD.decode(text).map_err(|_not_base64| Bad::Foreign)?;
    read_paged(&bytes)
}

#[cfg(test)]
mod tests {
    use ark_gateway_core::quota::{CounterGrant, CounterReport};
    use ark_gateway_core::record::Record;
    use ark_gateway_core::score::Scores;

    use super::*;

    const SNAPSHOT: &str = include_str!("../../gateway-core/examples/hot_path.json");
    const RECORD: &str = r#"{"id": "0123", "at_ms": 1700000000000, "tenant": "acme", "key": "app",
        "endpoint": "chat_completions", "model": "gpt", "priority": "standard", "stream": true,
        "snapshot": "0123456789ab", "scores": 9, "stale": false, "rule": "score", "status": 200,
        "outcome": "ok", "reject": null, "duration_us": 600000, "attempts": [{"provider": "a",
        "model": "m", "start_us": 0, "status": 200, "verdict": "ok", "ttft_us": 100000,
        "duration_us": 500000, "lost": ["seed"]}], "usage": {"input_tokens": 10, "output_tokens": 21,
        "cached_tokens": 4}, "usage_source": "reported", "cost": 7, "tags": {"team": "x"}}"#;
    const SCORES: &str = r#"{"snapshot": "0123456789ab", "sequence": 3, "targets": [{"ttft_ms": 1.5,
        "tpot_ms": null, "failure_rate": 0.25, "utilisation": null, "metered": null,
        "unavailable": false, "circuit": "half_open", "explore": 0.5, "hoped_ttft_ms": null,
        "hoped_failure_rate": null}], "workers": 2}"#;

    fn paged() -> Paged {
        let snapshot: Snapshot = serde_json::from_str(SNAPSHOT).unwrap();
        Paged::of(snapshot).unwrap()
    }

    #[test]
    fn a_response_is_read_as_it_was_written() {
        let paged = paged();
        let response = SyncResponse {
            pages: (0..).zip(paged.pages.clone()).collect(),
            snapshot: Some(paged.snapshot),
            scores: Some(serde_json::from_str::<Scores>(SCORES).unwrap()),
            resend: true,
        };
        let bytes = write_sync_response(&response).unwrap();
        assert_eq!(read_sync_response(&bytes), Ok(response));
        let nothing = write_sync_response(&SyncResponse::default()).unwrap();
        assert_eq!(nothing.len(), 4, "{nothing:?}");
    }

    #[test]
    fn a_request_is_read_as_it_was_written_and_its_records_are_small() {
        let record: Record = serde_json::from_str(RECORD).unwrap();
        let request = SyncRequest {
            worker: "w".to_owned(),
            records: vec![record.clone(); 100],
            ..SyncRequest::default()
        };
        let bytes = write_sync_request(&request).unwrap();
        assert_eq!(read_sync_request(&bytes).as_ref(), Ok(&request));
        let json = serde_json::to_vec(&record).unwrap().len();
        assert!(bytes.len() * 10 < json * 100 * 7, "{} {json}", bytes.len());
    }

    #[test]
    fn quotas_are_read_as_they_were_written() {
        let report = QuotaReport {
            worker: "w".to_owned(),
            counters: vec![CounterReport {
                limit: "l".to_owned(),
                used: u64::MAX,
                closed: true,
                ..CounterReport::default()
            }],
        };
        let bytes = write_quota_report(&report).unwrap();
        assert_eq!(read_quota_report(&bytes), Ok(report));
        let answer = QuotaAnswer {
            counters: vec![None, Some(CounterGrant::default())],
        };
        let bytes = write_quota_answer(&answer).unwrap();
        assert_eq!(read_quota_answer(&bytes), Ok(answer));
    }

    #[test]
    fn no_message_is_taken_for_another() {
        let response = write_sync_response(&SyncResponse::default()).unwrap();
        assert_eq!(read_sync_request(&response), Err(Bad::Foreign));
        assert_eq!(read_sync_response(b"{}"), Err(Bad::Foreign));
        assert_eq!(read_sync_response(b""), Err(Bad::Foreign));
        let mut newer = response;
        newer[1] += 1;
        assert_eq!(read_sync_response(&newer), Err(Bad::Foreign));
    }

    #[test]
    fn a_snapshot_as_text_comes_back() {
        let paged = paged();
        let text = snapshot_to_text(&paged).unwrap();
        assert_eq!(snapshot_from_text(&text), Ok(paged));
        assert_eq!(snapshot_from_text("{}"), Err(Bad::Foreign));
    }
}
