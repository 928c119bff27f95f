//! What is sent, and what is read off it.

use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use crate::bench::sample::count;
use crate::bench::sides::Side;
use crate::child::{self, LastWord};
use crate::failure::{Doing, Failure, Outcome};

/// How much is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// Enough for figures.
    Full,
    /// Enough for a look.
    Quick,
}

impl Scale {
    /// Requests of this scale, where `full` are needed for figures.
    pub(super) fn requests(self, full: u64) -> u64 {
        match self {
            Self::Full => full,
            Self::Quick => (full / 10).max(20),
        }
    }
}

/// One kind of load.
#[derive(Clone, Copy, Debug)]
pub(super) struct Workload {
    /// As in `--only` and the report.
    pub(super) name: &'static str,
    /// Connections, each with one request at a time.
    concurrency: u16,
    /// Requests of a full round.
    requests: u64,
    /// Size of the request's body.
    body_bytes: u64,
    /// Chunks of a streamed answer; 0 for a whole one.
    chunks: u64,
    /// Milliseconds between chunks; with none, many arrive in one read.
    pause_ms: u64,
    /// Also asked of the provider with another dialect.
    pub(super) translated: bool,
}

/// All of them. CPU time is counted in ticks of 10 ms: each runs long enough to use at least 50.
pub(super) const WORKLOADS: [Workload; 6] = [
    Workload {
        name: "latency",
        concurrency: 1,
        requests: 4000,
        body_bytes: 1024,
        chunks: 0,
        pause_ms: 0,
        translated: false,
    },
    Workload {
        name: "1KB",
        concurrency: 32,
        requests: 20_000,
        body_bytes: 1024,
        chunks: 0,
        pause_ms: 0,
        translated: true,
    },
    Workload {
        name: "100KB",
        concurrency: 32,
        requests: 5000,
        body_bytes: 100 * 1024,
        chunks: 0,
        pause_ms: 0,
        translated: true,
    },
    Workload {
        name: "1MB",
        concurrency: 32,
        requests: 600,
        body_bytes: 1024 * 1024,
        chunks: 0,
        pause_ms: 0,
        translated: false,
    },
    Workload {
        name: "stream",
        concurrency: 8,
        requests: 400,
        body_bytes: 1024,
        chunks: 200,
        pause_ms: 0,
        translated: true,
    },
    Workload {
        name: "paced",
        concurrency: 32,
        requests: 320,
        body_bytes: 1024,
        chunks: 200,
        pause_ms: 2,
        translated: true,
    },
];

/// What `ark-traffic load` prints, as far as it is used here.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Load {
    /// Answered with success to the end.
    pub(super) ok: u64,
    errors: Errors,
    rps: f64,
    latency_us: Percentiles,
    /// Stream events.
    pub(super) chunks: u64,
    chunks_per_s: f64,
}

#[derive(Clone, Debug, Deserialize)]
struct Errors {
    total: u64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Percentiles {
    p50: u64,
    p99: u64,
}

/// One figure of a round.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Figure {
    /// What it is of.
    pub(super) name: String,
    /// Its unit.
    pub(super) unit: &'static str,
    /// The figure.
    pub(super) value: f64,
}

impl Workload {
    /// Sends it to a side and waits for the end; `requests` in place of its own number.
    pub(super) fn send(
        self,
        traffic: &std::path::Path,
        side: &Side,
        requests: u64,
    ) -> Outcome<Load> {
        let url = &side.url;
        let mut command = child::command(traffic, LastWord::Kill)?;
        self.arguments(&mut command, side, requests);
        let said = child::capture(command, Duration::from_secs(15 * 60))?;
        let load: Load = serde_json::from_str(&said.out).map_err(|error| {
            let what = said.last_lines(5);
            Failure::new(format!("ark-traffic load: {error}: {what}"))
        })?;
        if load.errors.total > 0 {
            // Figures of a run with failures compare nothing.
            return Err(Failure::new(format!(
                "{} requests of workload {} failed at {url}:\n{}",
                load.errors.total, self.name, said.out
            )));
        }
        Ok(load)
    }

    fn arguments(self, command: &mut Command, side: &Side, requests: u64) {
        command
            .args(["load", "--url", &side.url])
            .args(["--model", side.model])
            .args(["--concurrency", &self.concurrency.to_string()])
            .args(["--requests", &requests.to_string()])
            .args(["--body-bytes", &self.body_bytes.to_string()]);
        if self.chunks > 0 {
            command.args(["--stream", "--chunks", &self.chunks.to_string()]);
        }
        if self.pause_ms > 0 {
            let script = format!("x-demo-script: *=chunk-delay:{}", self.pause_ms);
            command.args(["--header", &script]);
        }
    }

    /// Requests of one round.
    pub(super) fn requests(self, scale: Scale) -> u64 {
        scale.requests(self.requests)
    }

    /// The figures of a round that used `cpu` of the gateway's time.
    pub(super) fn figures(self, load: &Load, cpu: Duration) -> Vec<Figure> {
        let figure = |name: &str, unit, value| Figure {
            name: format!("{} {name}", self.name),
            unit,
            value,
        };
        let per = |events: u64| cpu.as_secs_f64() * 1e6 / count(events.max(1));
        if self.chunks > 0 {
            let cpu = figure("CPU per chunk", "µs", per(load.chunks));
            // At a pace, the rate is the upstream's, not the gateway's.
            let rate = figure("chunks", "1/s", load.chunks_per_s);
            return if self.pause_ms > 0 {
                vec![cpu]
            } else {
                vec![rate, cpu]
            };
        }
        if self.concurrency == 1 {
            return vec![
                figure("p50", "µs", count(load.latency_us.p50)),
                figure("p99", "µs", count(load.latency_us.p99)),
            ];
        }
        vec![
            figure("throughput", "1/s", load.rps),
            figure("CPU per request", "µs", per(load.ok)),
        ]
    }
}

/// The workload of this name.
pub(super) fn named(name: &str) -> Outcome<Workload> {
    let found = WORKLOADS.into_iter().find(|workload| workload.name == name);
    found.ok_or(name).doing(|| "no workload".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = r#"{"requests": 10, "ok": 10, "errors": {"total": 0, "connect": 0, "status": {}},
        "duration_s": 1.0, "rps": 10.0, "latency_us": {"p50": 100, "p90": 1, "p99": 300, "max": 1, "mean": 1.0},
        "chunks": 2020, "chunks_per_s": 2020.0, "bytes": 1}"#;

    #[test]
    fn figures_are_read_off_what_the_load_tool_says() {
        let load: Load = serde_json::from_str(SAID).unwrap();
        let check = |name: &str, expected: [(&str, f64); 2]| {
            let figures = named(name)
                .unwrap()
                .figures(&load, Duration::from_millis(10));
            let found: Vec<_> = figures.iter().map(|f| (f.name.as_str(), f.value)).collect();
            assert_eq!(found[0], expected[0]);
            assert_eq!(found[1].0, expected[1].0);
            assert!((found[1].1 - expected[1].1).abs() < 1e-9);
        };
        check("latency", [("latency p50", 100.0), ("latency p99", 300.0)]);
        check(
            "1KB",
            [("1KB throughput", 10.0), ("1KB CPU per request", 1000.0)],
        );
        check(
            "stream",
            [
                ("stream chunks", 2020.0),
                ("stream CPU per chunk", 10_000.0 / 2020.0),
            ],
        );
        assert!(named("2KB").is_err());
        let paced = named("paced").unwrap().figures(&load, Duration::ZERO);
        assert_eq!(paced.len(), 1);
    }

    #[test]
    fn a_quick_look_is_a_tenth() {
        assert_eq!(Scale::Quick.requests(4000), 400);
        assert_eq!(Scale::Quick.requests(100), 20);
        assert_eq!(Scale::Full.requests(100), 100);
    }
}
