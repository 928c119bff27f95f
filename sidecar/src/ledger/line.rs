//! From a record to its lines.

use ark_gateway_core::record::{AttemptRecord, Record, Settlement, Usage};
use serde::Serialize;

use super::sql::{COLUMNS, Cell};
use crate::moment::UnixMs;
use crate::probing::is_probe;
use crate::verdicts;

/// One attempt, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The worker's VM that made the record. With the next two it is the line's identity.
    pub worker: String,
    /// The number that it gave the record.
    pub sequence: i64,
    /// Which attempt of the record, from 0.
    pub attempt: i64,
    /// Whether it is the record's last: there is one per request.
    pub is_last: bool,
    /// The value of `x-request-id`.
    pub request_id: String,
    /// When the attempt began.
    pub at: UnixMs,
    /// How long it took, microseconds.
    pub duration_us: i64,
    /// Whose request.
    pub tenant: String,
    /// The key's id.
    pub key: String,
    /// The name in `ark.yaml` of the model that was asked for.
    pub model: String,
    /// What was called, such as `chat_completions`.
    pub endpoint: String,
    /// The target's provider.
    pub provider: String,
    /// The provider's name for the model.
    pub upstream_model: String,
    /// The request's priority.
    pub priority: &'static str,
    /// What it was sent for: a `client`, a `probe` of Ark's own, or a `shadow` copy, which nobody
    /// got.
    pub purpose: &'static str,
    /// How the attempt ended.
    pub verdict: &'static str,
    /// The provider's status, when it answered.
    pub status: Option<u16>,
    /// `reported`, `partial`, `estimated`; `unbilled` when the provider charges nothing; `reserved` while
    /// it runs, and `lost` when its end was never told.
    pub settlement: &'static str,
    /// What it used.
    pub usage: Usage,
    /// The price that applied, as JSON.
    pub price: Option<String>,
    /// The snapshot that the price is of.
    pub snapshot: String,
    /// What it cost, micro-USD; `None` when the price is not known.
    pub cost_micro_usd: Option<i64>,
    /// The tags, as a JSON object.
    pub tags: Option<String>,
    /// The number by which the worker told of the request while it ran.
    pub opened: Option<i64>,
    /// While it runs: tokens that it may come to.
    pub ceiling_tokens: Option<i64>,
    /// While it runs: what it may cost, micro-USD; `None` when the price is not known.
    pub ceiling_micro_usd: Option<i64>,
}

impl Line {
    /// Its values, in the order of [`COLUMNS`].
    pub(super) fn cells(&self) -> [Cell; COLUMNS.len()] {
        let text = |text: &str| Cell::Text(text.to_owned());
        let count = |tokens: u64| Cell::Integer(signed(tokens));
        let usage = &self.usage;
        [
            text(&self.worker),
            Cell::Integer(self.sequence),
            Cell::Integer(self.attempt),
            Cell::Integer(self.is_last.into()),
            text(&self.request_id),
            Cell::Integer(self.at),
            Cell::Integer(self.duration_us),
            text(&self.tenant),
            text(&self.key),
            text(&self.model),
            text(&self.endpoint),
            text(&self.provider),
            text(&self.upstream_model),
            text(self.priority),
            text(self.purpose),
            text(self.verdict),
            self.status
                .map_or(Cell::Null, |status| Cell::Integer(status.into())),
            text(self.settlement),
            count(usage.input_tokens),
            count(usage.output_tokens),
            count(usage.cached_tokens),
            count(usage.cache_creation_tokens),
            count(usage.reasoning_tokens),
            count(usage.input_audio_tokens),
            count(usage.output_audio_tokens),
            Cell::maybe(self.price.as_ref()),
            text(&self.snapshot),
            self.cost_micro_usd.map_or(Cell::Null, Cell::Integer),
            text("USD"),
            Cell::maybe(self.tags.as_ref()),
            self.opened.map_or(Cell::Null, Cell::Integer),
            self.ceiling_tokens.map_or(Cell::Null, Cell::Integer),
            self.ceiling_micro_usd.map_or(Cell::Null, Cell::Integer),
        ]
    }
}

/// The settlement of an attempt that runs.
pub(super) const RESERVED: &str = "reserved";
/// The settlement of one whose end was never told.
pub(super) const LOST: &str = "lost";

/// The lines of a request that runs, one per attempt of which is told what it may come to. They go when
/// the lines of the same request's end come.
#[must_use]
pub fn reserved_lines_of(worker: &str, record: &Record) -> Vec<Line> {
    if record.opened == 0 {
        return Vec::new();
    }
    let lines = record
        .attempts
        .iter()
        .enumerate()
        .filter_map(|(n, attempt)| {
            let charge = attempt.charge.as_ref()?;
            let usage = charge.usage;
            let tokens = usage.input_tokens.saturating_add(usage.output_tokens);
            Some(Line {
                worker: worker.to_owned(),
                // Ends count from 1 upwards.
                sequence: signed(record.opened).saturating_neg(),
                verdict: "open",
                status: None,
                settlement: RESERVED,
                usage: Usage::default(),
                cost_micro_usd: None,
                ceiling_tokens: Some(signed(tokens)),
                ceiling_micro_usd: charge.cost.map(|cost| signed(cost.0)),
                ..line_of((worker, record), attempt, (n, false))
            })
        });
    lines.collect()
}

/// The lines of a record that a worker sent, one per attempt.
#[must_use]
pub fn lines_of(worker: &str, record: &Record) -> Vec<Line> {
    let last = record.attempts.len().saturating_sub(1);
    let attempts = record.attempts.iter().enumerate();
    attempts
        .map(|(n, attempt)| line_of((worker, record), attempt, (n, n == last)))
        .collect()
}

fn line_of(
    (worker, record): (&str, &Record),
    attempt: &AttemptRecord,
    (place, is_last): (usize, bool),
) -> Line {
    let (worker, sequence) = identity(worker, record);
    let charge = attempt.charge.as_ref();
    let at_ms = record.at_ms.saturating_add(attempt.start_us / 1_000);
    Line {
        worker,
        sequence,
        attempt: i64::try_from(place).unwrap_or(i64::MAX),
        is_last,
        request_id: record.id.clone(),
        at: signed(at_ms),
        duration_us: signed(attempt.duration_us),
        tenant: record.tenant.clone(),
        key: record.key.clone(),
        model: record.model.clone(),
        endpoint: word(&record.endpoint),
        provider: attempt.provider.clone(),
        upstream_model: attempt.model.clone(),
        priority: record.priority.as_str(),
        purpose: match record {
            _ if record.is_shadow() => "shadow",
            _ if is_probe(record) => "probe",
            _ => "client",
        },
        verdict: verdicts::name(attempt.verdict),
        status: attempt.status,
        settlement: settlement(charge.map(|charge| charge.settlement)),
        usage: charge.map_or_else(Usage::default, |charge| charge.usage),
        price: charge
            .and_then(|charge| charge.price.as_ref())
            .and_then(|price| serde_json::to_string(price).ok()),
        snapshot: record.snapshot.0.clone(),
        cost_micro_usd: match charge {
            // That a provider charges nothing is known.
            None => Some(0),
            Some(charge) => charge.cost.map(|cost| signed(cost.0)),
        },
        tags: (!record.tags.is_empty())
            .then(|| serde_json::to_string(&record.tags).ok())
            .flatten(),
        opened: (record.opened > 0).then(|| signed(record.opened)),
        ceiling_tokens: None,
        ceiling_micro_usd: None,
    }
}

/// A record's own number, or what comes nearest to one where a filter gives none.
fn identity(worker: &str, record: &Record) -> (String, i64) {
    match record.sequence {
        0 => (format!("request {}", record.id), signed(record.at_ms)),
        sequence => (worker.to_owned(), signed(sequence)),
    }
}

fn settlement(settlement: Option<Settlement>) -> &'static str {
    match settlement {
        Some(Settlement::Reported) => "reported",
        Some(Settlement::Partial) => "partial",
        Some(Settlement::Estimated) => "estimated",
        None => "unbilled",
    }
}

/// The word by which a value is known in JSON.
fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(_) | Err(_) => "other".to_owned(),
    }
}

/// SQL's integers are signed: what is larger is as large as can be.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
