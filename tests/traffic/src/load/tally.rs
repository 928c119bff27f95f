//! What happened, added up.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use hyper::header::HeaderValue;
use serde::Serialize;
use serde_json::{Value, json};

/// Most distinct values kept of one response header.
const VALUES_LIMIT: usize = 64;
/// Longest recorded time, microseconds.
const LONGEST_US: u64 = 3_600_000_000;

/// How a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// No connection.
    Connect,
    /// The connection broke before the answer's head.
    Reset,
    /// No end within the time.
    Timeout,
    /// An error status.
    Status(u16),
    /// The body broke off, or a stream ended without `[DONE]`.
    Truncated,
    /// A stream carried an error event.
    StreamError,
    /// A stream was asked for, and something else came.
    NotStream,
}

/// How one request went.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) failure: Option<Failure>,
    /// From due to the answer's head.
    pub(super) ttfb: Option<Duration>,
    /// From due to a stream's first event.
    pub(super) first_event: Option<Duration>,
    pub(super) events: u64,
    pub(super) bytes: u64,
    pub(super) provider: Option<HeaderValue>,
    pub(super) attempts: Option<HeaderValue>,
}

impl Outcome {
    /// A failure before any answer.
    pub(super) fn failed(failure: Failure) -> Self {
        Self {
            failure: Some(failure),
            ttfb: None,
            first_event: None,
            events: 0,
            bytes: 0,
            provider: None,
            attempts: None,
        }
    }
}

/// Failed requests by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Errors {
    /// All of them.
    pub total: u64,
    /// No connection.
    pub connect: u64,
    /// The connection broke before the answer's head.
    pub reset: u64,
    /// No end within `--timeout-ms`.
    pub timeout: u64,
    /// The body broke off, or a stream ended without `[DONE]`.
    pub truncated: u64,
    /// A stream carried an error event.
    pub stream_error: u64,
    /// A stream was asked for, and something else came.
    pub not_stream: u64,
    /// Error statuses.
    pub status: BTreeMap<u16, u64>,
}

/// Percentiles in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// The median.
    pub p50: u64,
    /// 90 %.
    pub p90: u64,
    /// 99 %.
    pub p99: u64,
    /// The longest.
    pub max: u64,
    /// The mean.
    pub mean: f64,
}

/// What is printed at the end.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Requests finished, failed ones included.
    pub requests: u64,
    /// Requests answered with success to the end.
    pub ok: u64,
    /// The others.
    pub errors: Errors,
    /// Wall time.
    pub duration_s: f64,
    /// Successes per second.
    pub rps: f64,
    /// Successes: from due to the answer's last byte.
    pub latency_us: Percentiles,
    /// Successes: from due to the answer's head.
    pub ttfb_us: Percentiles,
    /// Successful streams: from due to the first event.
    pub first_event_us: Percentiles,
    /// Stream events, `[DONE]` included.
    pub chunks: u64,
    /// The same per second.
    pub chunks_per_s: f64,
    /// Bytes of all answers' bodies.
    pub bytes: u64,
    /// Answers by `x-ark-provider`.
    pub providers: BTreeMap<String, u64>,
    /// Answers by `x-ark-attempts`.
    pub attempts: BTreeMap<String, u64>,
}

/// What happened in the last second.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    requests: u64,
    ok: u64,
    errors: Errors,
    providers: BTreeMap<String, u64>,
}

/// The sum so far.
#[derive(Debug)]
pub(super) struct Tally {
    total: Window,
    window: Window,
    attempts: BTreeMap<String, u64>,
    latency: Histogram<u64>,
    ttfb: Histogram<u64>,
    first_event: Histogram<u64>,
    events: u64,
    bytes: u64,
}

impl Tally {
    /// Nothing yet.
    pub(super) fn new() -> Result<Self, String> {
        let histogram =
            || Histogram::new_with_max(LONGEST_US, 3).map_err(|error| error.to_string());
        Ok(Self {
            total: Window::default(),
            window: Window::default(),
            attempts: BTreeMap::new(),
            latency: histogram()?,
            ttfb: histogram()?,
            first_event: histogram()?,
            events: 0,
            bytes: 0,
        })
    }

    /// Adds a request that took `latency` from due to end.
    pub(super) fn add(&mut self, outcome: Outcome, latency: Duration) {
        self.events += outcome.events;
        self.bytes += outcome.bytes;
        count(&mut self.attempts, outcome.attempts.as_ref());
        for sum in [&mut self.total, &mut self.window] {
            sum.requests += 1;
            count(&mut sum.providers, outcome.provider.as_ref());
            match outcome.failure {
                None => sum.ok += 1,
                Some(failure) => sum.errors.add(failure),
            }
        }
        if outcome.failure.is_none() {
            record(&mut self.latency, Some(latency));
            record(&mut self.ttfb, outcome.ttfb);
            record(&mut self.first_event, outcome.first_event);
        }
    }

    /// What happened since the last call.
    pub(super) fn take_window(&mut self) -> Window {
        std::mem::take(&mut self.window)
    }

    /// The report after `duration`.
    pub(super) fn report(&self, duration: Duration) -> Report {
        let seconds = duration.as_secs_f64().max(1e-9);
        Report {
            requests: self.total.requests,
            ok: self.total.ok,
            errors: self.total.errors.clone(),
            duration_s: seconds,
            rps: per_second(self.total.ok, seconds),
            latency_us: percentiles(&self.latency),
            ttfb_us: percentiles(&self.ttfb),
            first_event_us: percentiles(&self.first_event),
            chunks: self.events,
            chunks_per_s: per_second(self.events, seconds),
            bytes: self.bytes,
            providers: self.total.providers.clone(),
            attempts: self.attempts.clone(),
        }
    }
}

impl Errors {
    fn add(&mut self, failure: Failure) {
        self.total += 1;
        match failure {
            Failure::Connect => self.connect += 1,
            Failure::Reset => self.reset += 1,
            Failure::Timeout => self.timeout += 1,
            Failure::Status(status) => *self.status.entry(status).or_default() += 1,
            Failure::Truncated => self.truncated += 1,
            Failure::StreamError => self.stream_error += 1,
            Failure::NotStream => self.not_stream += 1,
        }
    }
}

impl Window {
    /// One line of progress; `landed` are shares of the answers that name their provider.
    pub(super) fn to_json(&self, elapsed: Duration) -> Value {
        let answers: u64 = self.providers.values().sum();
        let landed: serde_json::Map<String, Value> = self
            .providers
            .iter()
            .map(|(name, count)| {
                let share = per_second(*count, per_second(answers, 1.0));
                (name.clone(), json!((share * 1000.0).round() / 1000.0))
            })
            .collect();
        json!({
            "t": (elapsed.as_secs_f64() * 100.0).round() / 100.0,
            "requests": self.requests, "ok": self.ok, "errors": self.errors, "landed": landed,
            "landed_count": self.providers,
        })
    }
}

fn record(histogram: &mut Histogram<u64>, time: Option<Duration>) {
    if let Some(time) = time {
        let microseconds = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        histogram.saturating_record(microseconds);
    }
}

fn count(counts: &mut BTreeMap<String, u64>, value: Option<&HeaderValue>) {
    let Some(value) = value.and_then(|value| value.to_str().ok()) else {
        return;
    };
    if let Some(count) = counts.get_mut(value) {
        *count += 1;
    } else if counts.len() < VALUES_LIMIT {
        counts.insert(value.to_owned(), 1);
    }
}

fn percentiles(histogram: &Histogram<u64>) -> Percentiles {
    Percentiles {
        p50: histogram.value_at_quantile(0.5),
        p90: histogram.value_at_quantile(0.9),
        p99: histogram.value_at_quantile(0.99),
        max: histogram.max(),
        mean: histogram.mean(),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a run are far below 2^52"
)]
fn per_second(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn landed(provider: &'static str, failure: Option<Failure>) -> Outcome {
        Outcome {
            failure,
            ttfb: Some(Duration::from_micros(100)),
            provider: Some(HeaderValue::from_static(provider)),
            ..Outcome::failed(Failure::Reset)
        }
    }

    #[test]
    fn a_report_adds_up() {
        let mut tally = Tally::new().unwrap();
        for (provider, failure) in [
            ("a", None),
            ("a", None),
            ("a", None),
            ("b", Some(Failure::Status(503))),
        ] {
            tally.add(landed(provider, failure), Duration::from_micros(200));
        }
        tally.add(Outcome::failed(Failure::Connect), Duration::ZERO);
        let report = tally.report(Duration::from_secs(2));
        assert_eq!((report.requests, report.ok), (5, 3));
        assert_eq!((report.errors.total, report.errors.connect), (2, 1));
        assert_eq!(report.errors.status, BTreeMap::from([(503, 1)]));
        assert!((report.rps - 1.5).abs() < 1e-9);
        assert_eq!((report.latency_us.p50, report.ttfb_us.max), (200, 100));
        assert_eq!(report.providers["a"], 3);
        let window = tally.take_window().to_json(Duration::from_secs(1));
        assert_eq!(window["landed"], json!({"a": 0.75, "b": 0.25}));
        assert_eq!(tally.take_window().requests, 0);
    }
}
