//! How often a request crosses the border between Envoy and the filter.
//!
//! Envoy's Wasm host logs each crossing at trace level: an Ark of its own runs with that, gets a few
//! requests, and the log is counted.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use serde::Serialize;

use crate::bench::sample::count;
use crate::bench::sides::{place_config, start_ark, start_upstream, take};
use crate::bench::workload;
use crate::console;
use crate::failure::{Doing, Outcome};
use crate::service::{Fleet, Logs};
use crate::setup::build::Artefacts;
use crate::up::ports;
use crate::workspace::Workspace;

/// Requests over which crossings are averaged.
const REQUESTS: u64 = 50;

/// Each line begins with its thread: callbacks of different threads' VMs interleave.
const LOGGING: [&str; 6] = [
    "--log-level",
    "error",
    "--component-log-level",
    "wasm:trace",
    "--log-format",
    "%t %v",
];

/// Callbacks that belong to the worker, not to a request.
const OF_THE_WORKER: [&str; 6] = [
    "proxy_on_tick",
    "proxy_on_http_call_response",
    "proxy_on_vm_start",
    "proxy_on_configure",
    "_initialize",
    "main",
];

/// Crossings per request of one workload.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Crossings {
    /// The workload.
    pub(super) workload: &'static str,
    /// Calls from Envoy into the filter.
    pub(super) callbacks: f64,
    /// Calls from the filter into Envoy.
    pub(super) host_calls: f64,
    /// Both, by function.
    pub(super) by_function: BTreeMap<String, f64>,
}

/// Counts for a whole answer and for one of 200 chunks that arrive one by one.
pub(super) fn measure(
    workspace: &Workspace,
    artefacts: &Artefacts,
    envoy: &Path,
) -> Outcome<Vec<Crossings>> {
    ["1KB", "paced"]
        .into_iter()
        .map(|name| of(workspace, artefacts, envoy, name))
        .collect()
}

fn of(
    workspace: &Workspace,
    artefacts: &Artefacts,
    envoy: &Path,
    name: &'static str,
) -> Outcome<Crossings> {
    console::step(&format!("counting crossings of the Wasm boundary: {name}"));
    let upstreams = take(ports::free(3)?)?;
    let log = workspace.ark("run/bench-boundary.log");
    let mut fleet = Fleet::default();
    start_upstream(&mut fleet, workspace, artefacts, upstreams)?;
    let (side, _) = start_ark(&mut fleet, workspace, artefacts, envoy, &|stack| {
        let config = stack.file("ark.yaml");
        place_config(&config, upstreams)?;
        let proxy = stack.envoy(1, &LOGGING)?;
        let file = File::create(&log).doing(|| format!("making {}", log.display()))?;
        Ok((stack.sidecar(&config)?, proxy, Logs::To(file)))
    })?;
    let workload = workload::named(name)?;
    // What happens once per VM, and our own questions for readiness, are behind us then.
    workload.send(&artefacts.traffic, &side, REQUESTS)?;
    let before = read(&log)?;
    workload.send(&artefacts.traffic, &side, REQUESTS)?;
    let after = read(&log)?;
    fleet.end();
    let _ = fs::remove_file(&log);
    Ok(average(name, &after.since(&before), REQUESTS))
}

fn read(log: &Path) -> Outcome<Counts> {
    let text = fs::read(log).doing(|| format!("reading {}", log.display()))?;
    Ok(Counts::of(&String::from_utf8_lossy(&text)))
}

/// Calls by function, with the direction before the name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Counts {
    calls: BTreeMap<String, u64>,
}

impl Counts {
    /// Counts a log. A worker's callbacks and all that happens in them do not count.
    fn of(log: &str) -> Self {
        let mut counts = Self::default();
        let mut threads: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for line in log.lines() {
            let Some((thread, text)) = line.split_once(' ') else {
                continue;
            };
            let inside = threads.entry(thread).or_default();
            if let Some(call) = text.strip_prefix("[host->vm] ") {
                let name = call.split('(').next().unwrap_or(call);
                inside.push(name);
                if !of_the_worker(inside) {
                    counts.add("callback", name);
                }
            } else if text.starts_with("[host<-vm] ") {
                inside.pop();
            } else if let Some(call) = text.strip_prefix("[vm->host] ")
                && !inside.is_empty()
                && !of_the_worker(inside)
            {
                let name = call.split('(').next().unwrap_or(call);
                counts.add("host call", name.trim_start_matches("env."));
            }
        }
        counts
    }

    fn add(&mut self, direction: &str, name: &str) {
        *self.calls.entry(format!("{direction} {name}")).or_default() += 1;
    }

    fn since(&self, before: &Self) -> Self {
        let earlier = |name: &String| before.calls.get(name).copied().unwrap_or(0);
        let calls = self.calls.iter();
        Self {
            calls: calls
                .map(|(name, calls)| (name.clone(), calls.saturating_sub(earlier(name))))
                .filter(|(_, calls)| *calls > 0)
                .collect(),
        }
    }

    fn sum(&self, direction: &str) -> u64 {
        let calls = self.calls.iter();
        let of_it = calls.filter(|(name, _)| name.starts_with(direction));
        of_it.map(|(_, calls)| calls).sum()
    }
}

fn of_the_worker(inside: &[&str]) -> bool {
    inside.iter().any(|name| OF_THE_WORKER.contains(name))
}

fn average(workload: &'static str, counts: &Counts, requests: u64) -> Crossings {
    let per_request = |calls: u64| count(calls) / count(requests);
    Crossings {
        workload,
        callbacks: per_request(counts.sum("callback")),
        host_calls: per_request(counts.sum("host call")),
        by_function: counts
            .calls
            .iter()
            .map(|(name, calls)| (name.clone(), per_request(*calls)))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
7 [host->vm] proxy_on_tick(1)
7 [vm->host] env.proxy_dispatch_http_call(1)
7 [vm<-host] env.proxy_dispatch_http_call return: 0
7 [host<-vm] proxy_on_tick return: void
8 [host->vm] proxy_on_tick(1)
7 [host->vm] proxy_on_request_headers(3, 4, 0)
7 [vm->host] env.proxy_get_header_map_pairs(2, 1, 2)
7 [host->vm] proxy_on_memory_allocate(135)
7 [host<-vm] proxy_on_memory_allocate return: 1061680
7 [vm<-host] env.proxy_get_header_map_pairs return: 0
7 [vm->host] env.proxy_set_property(2, 1, 2)
7 [vm<-host] env.proxy_set_property return: 0
7 [host<-vm] proxy_on_request_headers return: 0
8 [host<-vm] proxy_on_tick return: void
other line
";

    #[test]
    fn crossings_of_requests_are_counted_and_those_of_workers_are_not() {
        let counts = Counts::of(LOG);
        // The allocation for the answer is a call into the filter, too.
        assert_eq!(counts.sum("callback"), 2);
        assert_eq!(counts.sum("host call"), 2);
        let twice = Counts::of(&LOG.repeat(3)).since(&counts);
        let average = average("1KB", &twice, 2);
        assert!((average.callbacks - 2.0).abs() < 1e-9);
        assert!((average.by_function["host call proxy_set_property"] - 1.0).abs() < 1e-9);
    }
}
