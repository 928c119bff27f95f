//! The load generator: many requests of one kind to one URL, closed or open loop.
//!
//! Latencies are exact to three digits. In open loop (`--rate`) they count from the moment that a
//! request was due, so that a stalled server cannot hide its queue.

mod client;
mod events;
mod request;
mod schedule;
pub mod tally;

use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clap::Args;
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::client::Client;
use self::request::Template;
use self::schedule::Schedule;
use self::tally::{Report, Tally};

/// Longest run when only `--requests` is given, seconds.
const LONGEST_SECONDS: f64 = 600.0;
/// Run when neither `--requests` nor `--seconds` is given, seconds.
const DEFAULT_SECONDS: f64 = 10.0;

/// `ark-traffic load`.
#[derive(Args, Clone, Debug)]
pub struct LoadArgs {
    /// Where to send: `http://host:port`, then `/v1/chat/completions` is meant, or a full URL
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// Connections, each with at most one request at a time
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub concurrency: u16,
    /// Stop after this many requests
    #[arg(long)]
    pub requests: Option<u64>,
    /// Start no request after this many seconds (10 by default, 600 with --requests)
    #[arg(long)]
    pub seconds: Option<f64>,
    /// Size of the request's body; the user's message is padded to it
    #[arg(long, default_value_t = 0)]
    pub body_bytes: usize,
    /// Ask for a stream
    #[arg(long)]
    pub stream: bool,
    /// Length of the answer in words (and chunks), by the demo providers' script
    #[arg(long)]
    pub chunks: Option<usize>,
    /// Key to send as `authorization: Bearer`; empty for none
    #[arg(long, default_value = "ark-demo")]
    pub key: String,
    /// Model to ask for
    #[arg(long, default_value = "gpt-4o-mini")]
    pub model: String,
    /// Further header, `name: value`; may be repeated
    #[arg(long)]
    pub header: Vec<String>,
    /// Requests per second, started at even distances whether or not answers come (open loop)
    #[arg(long)]
    pub rate: Option<f64>,
    /// Longest time for one request, milliseconds
    #[arg(long, default_value_t = 60_000)]
    pub timeout_ms: u64,
    /// Print a JSON line about each second to stderr
    #[arg(long)]
    pub progress: bool,
    /// How long is told of in one line of --progress, milliseconds
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(50..=60_000))]
    pub progress_ms: u64,
}

impl LoadArgs {
    /// One connection, one request, all else as on the command line.
    #[must_use]
    pub fn single(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            concurrency: 1,
            requests: Some(1),
            seconds: None,
            body_bytes: 0,
            stream: false,
            chunks: None,
            key: "ark-demo".to_owned(),
            model: "gpt-4o-mini".to_owned(),
            header: Vec::new(),
            rate: None,
            timeout_ms: 60_000,
            progress: false,
            progress_ms: 1_000,
        }
    }
}

/// What all connections share.
struct Shared {
    template: Template,
    schedule: Schedule,
    timeout: Duration,
    tally: Mutex<Tally>,
}

impl Shared {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        // A tally is a sum: a poisoned one is still the sum so far.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs `ark-traffic load`: prints the report to stdout.
///
/// # Errors
/// A sentence for the operator, also when not one request succeeded.
pub async fn run(args: &LoadArgs) -> Result<(), String> {
    let report = generate(args).await?;
    let json = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
    writeln!(std::io::stdout(), "{json}").map_err(|error| format!("stdout: {error}"))?;
    if report.ok == 0 {
        return Err("no request succeeded".to_owned());
    }
    Ok(())
}

/// Sends the load and tells what happened.
///
/// # Errors
/// When the arguments make no request.
pub async fn generate(args: &LoadArgs) -> Result<Report, String> {
    let template = Template::new(args)?;
    let seconds = args.seconds.unwrap_or(match args.requests {
        Some(_) => LONGEST_SECONDS,
        None => DEFAULT_SECONDS,
    });
    let length = Duration::try_from_secs_f64(seconds).map_err(|e| format!("--seconds: {e}"))?;
    let start = Instant::now();
    let shared = Arc::new(Shared {
        template,
        schedule: Schedule::new(start, length, args.requests, args.rate)?,
        timeout: Duration::from_millis(args.timeout_ms),
        tally: Mutex::new(Tally::new()?),
    });
    let mut clients = JoinSet::new();
    for _ in 0..args.concurrency {
        clients.spawn(drive(Arc::clone(&shared)));
    }
    let every = Duration::from_millis(args.progress_ms);
    let progress = args
        .progress
        .then(|| tokio::spawn(report_progress(Arc::clone(&shared), start, every)));
    while clients.join_next().await.is_some() {}
    if let Some(progress) = progress {
        progress.abort();
    }
    let report = shared.tally().report(start.elapsed());
    Ok(report)
}

/// One connection's requests, one after the other.
async fn drive(shared: Arc<Shared>) {
    let mut client = Client::default();
    while let Some(due) = shared.schedule.next().await {
        let exchange = client.exchange(&shared.template, due);
        let outcome = match tokio::time::timeout(shared.timeout, exchange).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => {
                client.disconnect();
                tally::Outcome::failed(tally::Failure::Timeout)
            }
        };
        let rest = outcome.failure == Some(tally::Failure::Connect);
        shared.tally().add(outcome, due.elapsed());
        if rest {
            // A refused connection costs nothing: without a rest this would be a busy loop.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn report_progress(shared: Arc<Shared>, start: Instant, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let window = shared.tally().take_window();
        let line = window.to_json(start.elapsed());
        // Whoever read stderr may be gone; the load goes on.
        let _unread = writeln!(std::io::stderr(), "{line}");
    }
}
