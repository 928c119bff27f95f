//! The gateways that are compared, all in front of one upstream.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::child::{self, LastWord};
use crate::failure::{Doing, Failure, Outcome};
use crate::procfs;
use crate::service::{Fleet, Logs};
use crate::setup::build::Artefacts;
use crate::up::ports::{self, Ports};
use crate::up::stack::Stack;
use crate::up::wait_for;
use crate::workspace::Workspace;
use crate::{http, stop};

/// The configuration that Ark is measured with: everything on, limits out of the way.
const ARK_YAML: &str = include_str!("ark.yaml");

/// How long a gateway may take to answer at all.
const START_DEADLINE: Duration = Duration::from_secs(30);

/// One gateway.
#[derive(Clone, Debug)]
pub(super) struct Side {
    /// Its name in the report.
    pub(super) name: &'static str,
    /// Where load goes.
    pub(super) url: String,
    /// The process whose CPU time and memory count.
    pub(super) pid: u32,
    /// The model that is asked for.
    pub(super) model: &'static str,
}

/// The side that asks Ark for a model behind another dialect.
pub(super) const TRANSLATED: &str = "translated";

impl Side {
    /// CPU time used so far.
    pub(super) fn cpu(&self) -> Outcome<Duration> {
        procfs::cpu_time(self.pid).ok_or_else(|| self.unseen())
    }

    /// Resident memory, in bytes.
    pub(super) fn resident_bytes(&self) -> Outcome<u64> {
        procfs::resident_bytes(self.pid).ok_or_else(|| self.unseen())
    }

    fn unseen(&self) -> Failure {
        Failure::new(format!(
            "/proc tells nothing of {} (pid {})",
            self.name, self.pid
        ))
    }
}

/// All gateways, running.
#[derive(Debug)]
pub(super) struct Sides {
    /// Bare Envoy first: the others are compared to it.
    pub(super) all: Vec<Side>,
    /// The load tool.
    pub(super) traffic: PathBuf,
    /// The sidecar's process.
    pub(super) sidecar: u32,
    fleet: Fleet,
}

impl Sides {
    /// Starts the upstream, bare Envoy, Ark, and the peer if there is one.
    pub(super) fn start(
        workspace: &Workspace,
        artefacts: &Artefacts,
        envoy: &Path,
        peer: Option<&str>,
    ) -> Outcome<Self> {
        let [first, second, third, bare_port, peer_port] = take(ports::free(5)?)?;
        let mut fleet = Fleet::default();
        let upstreams = [first, second, third];
        start_upstream(&mut fleet, workspace, artefacts, upstreams)?;
        let bare = start_bare(&mut fleet, workspace, envoy, (bare_port, first))?;
        let (ark, sidecar) = start_ark(&mut fleet, workspace, artefacts, envoy, &|stack| {
            let config = stack.file("ark.yaml");
            place_config(&config, upstreams)?;
            let proxy = stack.envoy(1, &["--log-level", "error"])?;
            Ok((stack.sidecar(&config)?, proxy, Logs::Keep))
        })?;
        let translated = Side {
            name: TRANSLATED,
            model: "claude",
            ..ark.clone()
        };
        let mut all = vec![bare, ark, translated];
        if let Some(peer) = peer {
            all.push(start_peer(&mut fleet, peer, (peer_port, first))?);
        }
        Ok(Self {
            all,
            traffic: artefacts.traffic.clone(),
            sidecar,
            fleet,
        })
    }

    /// Fails when a part has died.
    pub(super) fn check(&mut self) -> Outcome<()> {
        self.fleet.check()
    }

    /// Ends all.
    pub(super) fn end(&mut self) {
        self.fleet.end();
    }
}

/// `ark-traffic providers` without latency, failures or memory of requests.
pub(super) fn start_upstream(
    fleet: &mut Fleet,
    workspace: &Workspace,
    artefacts: &Artefacts,
    ports: [u16; 3],
) -> Outcome<()> {
    let providers: Vec<Value> = [("one", "openai"), ("two", "openai"), ("three", "anthropic")]
        .iter()
        .zip(ports)
        .map(|((name, kind), port)| {
            json!({"name": name, "kind": kind, "port": port, "seen": 0, "vendor_headers": false})
        })
        .collect();
    let file = workspace.ark("run/bench-upstream.json");
    write(&file, &json!({"providers": providers}).to_string())?;
    let mut command = child::command(&artefacts.traffic, LastWord::Kill)?;
    command.args(["providers", "--config"]).arg(&file);
    fleet.start("upstream", command, Logs::Keep)?;
    for port in ports {
        answers(fleet, port, "the upstream")?;
    }
    Ok(())
}

fn start_bare(
    fleet: &mut Fleet,
    workspace: &Workspace,
    envoy: &Path,
    (port, upstream): (u16, u16),
) -> Outcome<Side> {
    let file = workspace.ark("run/bench-bare.json");
    write(&file, &bare_config(port, upstream).to_string())?;
    let mut command = child::command(envoy, LastWord::Kill)?;
    command.arg("-c").arg(&file).args([
        "--concurrency",
        "1",
        "--use-dynamic-base-id",
        "--log-level",
        "error",
    ]);
    let pid = fleet.start("bare envoy", command, Logs::Keep)?;
    answers(fleet, port, "bare Envoy")?;
    Ok(side("bare", port, pid))
}

/// The sidecar, Envoy, and what becomes of Envoy's log.
type ArkCommands = (std::process::Command, std::process::Command, Logs);

/// Starts an Ark; also returns its sidecar's process.
pub(super) fn start_ark(
    fleet: &mut Fleet,
    workspace: &Workspace,
    artefacts: &Artefacts,
    envoy: &Path,
    commands: &dyn Fn(&Stack) -> Outcome<ArkCommands>,
) -> Outcome<(Side, u32)> {
    let [gateway, admin, envoy_admin] = take(ports::free(3)?)?;
    let ports = Ports::new(gateway, admin, envoy_admin);
    let stack = Stack::lay(workspace, artefacts, envoy.to_owned(), &ports)?;
    let (mut sidecar, proxy, logs) = commands(&stack)?;
    sidecar.env("BENCH_API_KEY", "bench");
    let sidecar = fleet.start("ark", sidecar, Logs::Keep)?;
    let pid = fleet.start("envoy", proxy, logs)?;
    wait_for(fleet, gateway, "/readyz", "Ark")?;
    Ok((side("ark", gateway, pid), sidecar))
}

fn start_peer(fleet: &mut Fleet, peer: &str, (port, upstream): (u16, u16)) -> Outcome<Side> {
    let mut command = child::command("sh", LastWord::Kill)?;
    command
        .args(["-c", peer])
        .env("BENCH_LISTEN", format!("127.0.0.1:{port}"))
        .env("BENCH_UPSTREAM", format!("127.0.0.1:{upstream}"));
    let pid = fleet.start("peer", command, Logs::Keep)?;
    answers(fleet, port, "the peer")?;
    Ok(side("peer", port, pid))
}

fn side(name: &'static str, port: u16, pid: u32) -> Side {
    Side {
        name,
        url: format!("http://127.0.0.1:{port}"),
        pid,
        model: "gpt-4o-mini",
    }
}

/// Waits until something answers HTTP, whatever it says.
fn answers(fleet: &mut Fleet, port: u16, what: &str) -> Outcome<()> {
    let server = SocketAddr::from(([127, 0, 0, 1], port));
    let until = Instant::now() + START_DEADLINE;
    loop {
        let Err(error) = http::get(server, "/v1/models", Duration::from_secs(2)) else {
            return Ok(());
        };
        fleet.check()?;
        stop::pause()?;
        if Instant::now() > until {
            return Err(Failure::new(format!("{what} does not answer: {error}")));
        }
    }
}

/// Writes Ark's configuration for these upstream ports.
pub(super) fn place_config(file: &Path, upstreams: [u16; 3]) -> Outcome<()> {
    let [one, two, three] = upstreams;
    let text = ARK_YAML
        .replace("127.0.0.1:1111", &format!("127.0.0.1:{one}"))
        .replace("127.0.0.1:2222", &format!("127.0.0.1:{two}"))
        .replace("127.0.0.1:3333", &format!("127.0.0.1:{three}"));
    write(file, &text)
}

fn write(file: &Path, text: &str) -> Outcome<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).doing(|| format!("making {}", folder.display()))?;
    }
    fs::write(file, text).doing(|| format!("writing {}", file.display()))
}

pub(crate) fn take<const N: usize>(ports: Vec<u16>) -> Outcome<[u16; N]> {
    ports
        .try_into()
        .map_err(|ports: Vec<u16>| Failure::new(format!("{} ports are not {N}", ports.len())))
}

/// A static route without filters, with the same buffers and protocol as Ark's.
fn bare_config(port: u16, upstream: u16) -> Value {
    let address =
        |port: u16| json!({"socket_address": {"address": "127.0.0.1", "port_value": port}});
    let buffer_bytes = 33_554_432 + 65_536;
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bare",
        "use_remote_address": true,
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
            {"match": {"prefix": "/"}, "route": {"cluster": "upstream", "timeout": "600s"}}
        ]}]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
        }}],
    });
    json!({"static_resources": {
        "listeners": [{
            "name": "bare",
            "address": address(port),
            "per_connection_buffer_limit_bytes": buffer_bytes,
            "filter_chains": [{"filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": manager,
            }]}],
        }],
        "clusters": [{
            "name": "upstream",
            "type": "STATIC",
            "connect_timeout": "1s",
            "per_connection_buffer_limit_bytes": buffer_bytes,
            "circuit_breakers": {"thresholds": [{
                "max_connections": 100_000, "max_pending_requests": 100_000, "max_requests": 100_000,
            }]},
            "load_assignment": {"cluster_name": "upstream", "endpoints": [
                {"lb_endpoints": [{"endpoint": {"address": address(upstream)}}]}
            ]},
        }],
    }})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arks_configuration_names_all_upstreams() {
        assert_eq!(ARK_YAML.matches("127.0.0.1:1111").count(), 1);
        assert_eq!(ARK_YAML.matches("127.0.0.1:2222").count(), 1);
        assert_eq!(ARK_YAML.matches("127.0.0.1:3333").count(), 1);
        assert_eq!(take::<2>(vec![1, 2]).unwrap(), [1, 2]);
        assert!(take::<2>(vec![1]).is_err());
    }
}
