//! A trace through a running Ark in compressed time, next to what `ark replay` says of it.
//!
//! It plays the providers (the simulator's own [`ark_sidecar::replay::server::Server`] behind real
//! sockets), sends the trace's requests to the gateway when they are due, and listens between Envoy and
//! the sidecar for the records that Ark makes of them. `cargo xtask replay-live` starts it with the rest.

mod compared;
mod driver;
mod paced;
mod stage;
mod tee;
mod upstream;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ark_gateway_core::snapshot::{ModelId, Snapshot};
use ark_sidecar::config::{self, Config};
use ark_sidecar::replay::ark::Wiring;
use ark_sidecar::replay::load::{Load, Mix, Shape};
use ark_sidecar::replay::run::Setting;
use ark_sidecar::replay::trace;
use ark_sidecar::replay::world::{BrownOutWindow, Down, Nature, OutageWindow, WorldConfig};
use ark_sidecar::serve::shared;
use clap::Parser;
use tokio::time::{Instant, sleep};

use compared::Compared;
use stage::Stage;

/// How long Ark may take to be ready, and its last records to come: Envoy compiles the module first, which
/// takes a busy machine most of a minute.
const PATIENCE: Duration = Duration::from_secs(180);
/// Slots of the time line.
const SLOTS: usize = 96;

/// What to play, and where.
#[derive(Debug, Parser)]
struct Args {
    /// The trace, as `ark replay` reads it
    #[arg(long, value_name = "FILE")]
    trace: PathBuf,
    /// What the running Ark was started with; the providers' ports are read from it
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The model that is asked for
    #[arg(long)]
    model: String,
    /// How many of the trace's requests
    #[arg(long, default_value_t = 5_000)]
    requests: usize,
    /// How many times faster than it was
    #[arg(long, default_value_t = 10.0)]
    rate: f64,
    /// Of everything random
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Envoy workers, for the simulation
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// Play outages and a brown-out on top of the tiers' own; costs that differ are then no failure
    #[arg(long)]
    drill: bool,
    /// Where the gateway listens
    #[arg(long, value_name = "IP:PORT")]
    gateway: SocketAddr,
    /// The client's key
    #[arg(long, default_value = "ark-demo")]
    key: String,
    /// The socket on which the sidecar answers
    #[arg(long, value_name = "PATH")]
    sidecar: PathBuf,
    /// The socket that Envoy asks instead
    #[arg(long, value_name = "PATH")]
    tee: PathBuf,
    /// Where to write the comparison
    #[arg(long, value_name = "FILE")]
    json: PathBuf,
    /// Where to write Ark's records, with the snapshots and scores that it decided by
    #[arg(long, value_name = "FILE")]
    records: Option<PathBuf>,
}

fn main() -> Result<(), String> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(run(&args))
}

async fn run(args: &Args) -> Result<(), String> {
    let config = config::load(&args.config).map_err(|error| error.to_string())?;
    let all = config.providers.iter().map(|p| p.name.clone()).collect();
    let snapshot = config::compile(&config, &all, shared::today());
    let model = snapshot.models.iter().position(|m| m.name == args.model);
    let model = model.and_then(|at| u16::try_from(at).ok()).map(ModelId);
    let model = model.ok_or_else(|| format!("the configuration has no model {:?}", args.model))?;
    let mut arrivals = trace::read(&args.trace)?;
    arrivals.truncate(args.requests);
    let shape = Shape {
        repeat: 1,
        rate: args.rate,
        mix: Mix::default(),
        seed: args.seed,
    };
    let load = Load::new(arrivals, &snapshot, model, shape);
    let world = world(args, &snapshot, &load);
    let setting = Setting {
        no_forecast: false,
        load: &load,
        world: &world,
        workers: args.workers,
        seed: args.seed,
        first: &snapshot,
        model,
    };
    let simulated = setting.policy(
        &snapshot,
        Wiring {
            starts_ready: true,
            ..Wiring::default()
        },
        None,
        SLOTS,
    )?;
    let stage = Arc::new(Stage::new(&setting, &snapshot));
    let heard = play(args, &config, &stage).await?;
    let tally = stage.tally(&snapshot, &load, &heard.records, SLOTS)?;
    if let Some(file) = &args.records {
        heard.write(file)?;
    }
    let compared = Compared::new((&load, &snapshot), (&simulated, &tally), &heard)?;
    compared.show(args.rate);
    let json = serde_json::to_string_pretty(&compared).map_err(|error| error.to_string())?;
    std::fs::write(&args.json, json)
        .map_err(|error| format!("cannot write {}: {error}", args.json.display()))?;
    compared.verdict(args.drill)
}

/// The four tiers as `ark replay` takes them; in a drill also trouble in this hour: an outage of half a minute of
/// each provider but the first, one after the other, and a minute of the last but one being slow.
fn world(args: &Args, snapshot: &Snapshot, load: &Load) -> WorldConfig {
    let count = snapshot.providers.len();
    // By count of requests, not by time: a trace has long pauses.
    let at = |permille: u64| {
        let request = load.request(load.len() * permille / 1_000);
        ark_sidecar::replay::run::seconds(request.map_or(0, |r| r.at)) * args.rate
    };
    let mut world = WorldConfig::default();
    for (n, provider) in snapshot.providers.iter().enumerate() {
        let mut nature = Nature::of(provider.tier);
        if args.drill && n > 0 {
            let kinds = [Down::Error, Down::Refuse, Down::Hang];
            let from_s = at(800 * n as u64 / count.max(1) as u64);
            nature.outages.windows.push(OutageWindow {
                from_s,
                to_s: from_s + 30.0,
                kind: kinds.get((n - 1) % 3).copied().unwrap_or_default(),
            });
        }
        if args.drill && n + 2 == count {
            nature.brown_outs.windows.push(BrownOutWindow {
                from_s: at(850),
                to_s: at(850) + 60.0,
                factor: 5.0,
                gradual: false,
            });
        }
        world
            .providers
            .insert(provider.name.clone(), nature.compressed(args.rate));
    }
    world
}

#[expect(clippy::print_stderr, reason = "a word before some silent minutes")]
async fn play(args: &Args, config: &Config, stage: &Arc<Stage>) -> Result<tee::Heard, String> {
    let mut parts = tokio::task::JoinSet::new();
    for (n, provider) in config.providers.iter().enumerate() {
        let address = upstream::address(&provider.endpoint)?;
        let door = upstream::bind(address).await?;
        parts.spawn(upstream::serve(door, Arc::clone(stage), n));
    }
    let tee = tee::Tee::bind(&args.tee, &args.sidecar)?;
    let heard = tee.heard();
    parts.spawn(tee.serve());
    let client = driver::Client::new(args.gateway, &args.model, &args.key);
    client.await_ready(PATIENCE).await?;
    eprintln!(
        "playing {} requests in {:.0} s",
        stage.len(),
        stage.span_s()
    );
    client.drive(stage).await;
    let until = Instant::now() + PATIENCE;
    while heard.count() < stage.sent() && Instant::now() < until {
        sleep(Duration::from_millis(50)).await;
    }
    // Whatever serves goes with this set.
    drop(parts);
    Ok(heard.take())
}
