//! `ark serve`: the control plane at work.

mod access;
mod admin_api;
mod audit;
mod clean;
mod commands;
mod door;
mod ledger;
mod private_api;
mod probe_key;
mod probes;
mod scrape;
pub mod shared;
mod socket;
mod spend_api;
mod watch;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use crate::command_file::{CommandFile, Kept};
use crate::config::{Config, LedgerStore, Problem, Problems};
use crate::control::{Control, Loaded, Setting};
use crate::credential::Secret;
use crate::digest;
use crate::envoy::Place;
use crate::http;
use crate::key_file::KeyFile;
use crate::quota::{self, Quota};
use crate::supervise::Tasks;
use access::Reach;
use door::AdminDoor;
use shared::Shared;

/// How often the filter asks for news when nothing happens, milliseconds.
pub const SYNC_INTERVAL_MS: u32 = 250;
/// How often scores are computed.
const TICK: Duration = Duration::from_millis(250);

/// What `ark serve` is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// `ark.yaml`.
    pub config: PathBuf,
    /// The Unix socket.
    pub socket: PathBuf,
    /// The admin port.
    pub admin: SocketAddr,
    /// Whether the admin port may be open to other machines.
    pub admin_allow_remote: bool,
    /// Where keys are kept that are made while Ark runs.
    pub keys: Option<PathBuf>,
    /// Where operators' commands are kept; by default beside the keys.
    pub commands: Option<PathBuf>,
    /// Envoy's admin interface, `host:port`.
    pub envoy_admin: String,
    /// `ark_filter.wasm`, as Envoy sees it.
    pub filter: String,
    /// Where Envoy listens, instead of what the file says.
    pub listen: Option<SocketAddr>,
    /// Where the ledger is, instead of what the file says.
    pub ledger: Option<LedgerStore>,
}

/// The admin port, and who may come to it.
async fn listen_for_admin(options: &Options) -> Result<(TcpListener, Reach), String> {
    let address = options.admin;
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|error| {
        format!("cannot listen on {address}: {error}; choose another with --admin")
    })?;
    let reach = match address.ip().is_loopback() {
        true => Reach::Loopback,
        false => Reach::Remote {
            is_open: options.admin_allow_remote,
        },
    };
    Ok((listener, reach))
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// In words for the operator: it could not start, or a part of it ended.
pub async fn run(options: Options) -> Result<(), String> {
    let mut terminate = listen_to(SignalKind::terminate())?;
    let mut interrupt = listen_to(SignalKind::interrupt())?;
    let (loaded, watch) = watch::load(&options.config)?;
    let watch = watch.guarding(options.admin, options.admin_allow_remote);
    check_admin(&options, &loaded)?;
    watch::tell_of_prices(&loaded.config);
    let quota = Quota::open(&loaded.config.limits_store, shared::unix_ms())?;
    let probe_key = probe_key::of(&options.socket)?;
    let setting = setting(&options, &probe_key)?;
    let mut control = Control::new(setting, loaded, shared::today());
    let key_file = options.keys.clone().map(KeyFile::new);
    if let Some(file) = &key_file {
        control.replace_keys(file.load()?, 0);
    }
    let commands = restored(&options, &mut control)?;
    let shared = Shared::with_quota(control, key_file, quota);
    if let Some((file, kept)) = commands {
        shared.keep_commands_in(file, kept);
    }
    let admin = listen_for_admin(&options).await?;
    let writer = ledger::open(&shared, options.ledger.clone())?;
    let audit_writer = audit::open(&shared)?;
    let (listener, socket_file) = socket::bind(&options.socket)?;
    tracing::info!(socket = %options.socket.display(), admin = %options.admin, "ark serves");

    let mut tasks = Tasks::default();
    if let Some(writer) = audit_writer {
        tasks.start("audit", writer.run());
    }
    start(&mut tasks, &shared, listener, admin);
    if let Some(writer) = writer {
        let writer_has_spool = writer.has_spool();
        tasks.start("ledger", writer.run());
        if writer_has_spool {
            tasks.start("ledger spool", ledger::tick(Arc::clone(&shared)));
        }
        tasks.start("ledger closing", ledger::close(Arc::clone(&shared)));
        tasks.start("ledger retention", ledger::retain(Arc::clone(&shared)));
    }
    tasks.start("config watch", watch.run(Arc::clone(&shared)));
    let envoy = options.envoy_admin.clone();
    tasks.start("probes", probes::run(Arc::clone(&shared), envoy, probe_key));
    tasks.start(
        "scrape",
        scrape::run(Arc::clone(&shared), options.envoy_admin),
    );
    let result = tokio::select! {
        ended = tasks.first_end() => Err(ended.to_string()),
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    };
    audit::stop(&shared, if result.is_ok() { "signal" } else { "failure" }).await;
    tasks.stop().await;
    drop(socket_file);
    if result.is_ok() {
        tracing::info!("ark stopped");
    }
    result
}

/// Where commands are kept: where the operator says, or else beside the keys.
fn command_file(options: &Options) -> Result<Option<CommandFile>, String> {
    let beside = |keys: &PathBuf| keys.with_file_name("commands.json");
    let path = options.commands.clone();
    let path = path.or_else(|| options.keys.as_ref().map(beside));
    match path {
        Some(path) if options.keys.as_ref() == Some(&path) => Err(format!(
            "{} cannot hold keys and commands; choose another file with --commands",
            path.display()
        )),
        path => Ok(path.map(CommandFile::new)),
    }
}

/// Takes up what was commanded before, and says where that is.
fn restored(
    options: &Options,
    control: &mut Control,
) -> Result<Option<(CommandFile, Kept)>, String> {
    let Some(file) = command_file(options)? else {
        return Ok(None);
    };
    let kept = file.load()?;
    control.restore(&kept, 0);
    Ok(Some((file, kept)))
}

/// An admin port that others reach has TLS and tokens, or the operator's word that it needs none.
fn check_admin(options: &Options, loaded: &Loaded) -> Result<(), String> {
    let problems = door::forbids(options.admin, options.admin_allow_remote, &loaded.config);
    match problems.is_empty() {
        true => {
            door::tell(options.admin, &loaded.config);
            Ok(())
        }
        false => Err(Problems(problems).to_string()),
    }
}

/// What forbids to serve a configuration's admin API at an address: see `ark check --admin`.
#[must_use]
pub fn forbids(admin: SocketAddr, allow_remote: bool, config: &Config) -> Vec<Problem> {
    door::forbids(admin, allow_remote, config)
}

fn setting(options: &Options, probe_key: &Secret) -> Result<Setting, String> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| format!("no randomness: {error}"))?;
    Ok(Setting {
        place: Place {
            filter: options.filter.clone(),
            listen: options
                .listen
                .map(|listen| listen.to_string())
                .unwrap_or_default(),
            socket: options.socket.display().to_string(),
            sync_interval_ms: SYNC_INTERVAL_MS,
        },
        listen_is_fixed: options.listen.is_some(),
        metrics: Arc::default(),
        news: Arc::default(),
        salt,
        started_unix_ms: shared::unix_ms(),
        probe_sha256: Some(digest::hex(&[probe_key.expose().as_bytes()])),
    })
}

fn listen_to(kind: SignalKind) -> Result<tokio::signal::unix::Signal, String> {
    signal(kind).map_err(|error| format!("cannot listen to signals: {error}"))
}

/// Starts what needs nothing but the two doors.
fn start(
    tasks: &mut Tasks,
    shared: &Arc<Shared>,
    socket: UnixListener,
    (admin, reach): (TcpListener, Reach),
) {
    let state = Arc::clone(shared);
    let private = move |request| private_api::handle(Arc::clone(&state), request);
    tasks.start("socket", http::serve(socket, private_api::LIMITS, private));
    let state = Arc::clone(shared);
    let public = move |request| admin_api::handle(Arc::clone(&state), reach, request);
    let door = AdminDoor {
        listener: admin,
        shared: Arc::clone(shared),
    };
    tasks.start("admin", http::serve(door, admin_api::LIMITS, public));
    tasks.start("commands", commands::run(Arc::clone(shared)));
    tasks.start("alerts", quota::run_alerts(Arc::clone(shared)));
    tasks.start("tick", tick(Arc::clone(shared)));
}

async fn tick(shared: Arc<Shared>) -> Result<Infallible, String> {
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let now = shared.now();
        shared.control().tick(now, shared::today());
        shared.keep_commands();
    }
}

#[cfg(test)]
mod tests;
