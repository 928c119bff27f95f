//! The ports of the local stack: which, and whether they are free.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use crate::failure::{Failure, Outcome};
use crate::procfs;

/// Number of demo providers, on successive ports; the language model comes after them.
const DEMO_PROVIDERS: u16 = 4;

/// Where everything listens on 127.0.0.1.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Ports {
    /// The gateway
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    port: u16,
    /// The sidecar's metrics, health and scores
    #[arg(long, value_name = "PORT", default_value_t = 8081)]
    admin_port: u16,
    /// Envoy's own admin interface
    #[arg(long, value_name = "PORT", default_value_t = 9901)]
    envoy_admin_port: u16,
    /// The first demo provider; three more and the language model follow
    #[arg(long, value_name = "PORT", default_value_t = DEFAULT_PROVIDERS, value_parser = clap::value_parser!(u16).range(1..=65531))]
    provider_ports: u16,
}

/// The first port of the demo providers in the committed configurations.
pub(crate) const DEFAULT_PROVIDERS: u16 = 9101;

impl Ports {
    /// These ports.
    pub(crate) fn new(gateway: u16, admin: u16, envoy_admin: u16) -> Self {
        Self {
            port: gateway,
            admin_port: admin,
            envoy_admin_port: envoy_admin,
            provider_ports: DEFAULT_PROVIDERS,
        }
    }

    /// The gateway's.
    pub(crate) fn gateway(&self) -> u16 {
        self.port
    }

    /// The sidecar's.
    pub(crate) fn admin(&self) -> u16 {
        self.admin_port
    }

    /// Envoy's admin interface's.
    pub(crate) fn envoy_admin(&self) -> u16 {
        self.envoy_admin_port
    }

    /// The first demo provider's.
    pub(crate) fn providers(&self) -> u16 {
        self.provider_ports
    }

    /// The language model's.
    pub(crate) fn llm(&self) -> u16 {
        self.provider_ports + DEMO_PROVIDERS
    }

    /// `config` with its demo endpoints moved to where the demo providers are.
    pub(crate) fn moved(&self, config: &str) -> String {
        let mut moved = config.to_owned();
        for offset in 0..=DEMO_PROVIDERS {
            let from = endpoint(DEFAULT_PROVIDERS + offset);
            // A mark keeps a port that was moved from being moved again when the ranges overlap.
            let to = format!("127.0.0.1:\u{0}{}", self.provider_ports + offset);
            moved = moved.replace(&from, &to);
        }
        moved.replace('\u{0}', "")
    }

    /// Fails when a port that will be needed is in use: names it, its flag, and who holds it.
    pub(crate) fn check(&self, demo: bool, llm: bool) -> Outcome<()> {
        let mut needed = vec![
            (self.port, "the gateway", "--port"),
            (self.admin_port, "the sidecar", "--admin-port"),
            (self.envoy_admin_port, "Envoy's admin", "--envoy-admin-port"),
        ];
        if demo {
            let ports = (0..DEMO_PROVIDERS).map(|offset| self.provider_ports + offset);
            needed.extend(ports.map(|port| (port, "a demo provider", "--provider-ports")));
        }
        if llm {
            needed.push((self.llm(), "the language model", "--provider-ports"));
        }
        let taken: Vec<String> = needed
            .iter()
            .filter_map(|(port, whose, flag)| taken(*port, whose, flag))
            .collect();
        if taken.is_empty() {
            return Ok(());
        }
        Err(Failure::new(taken.join("\n")))
    }
}

/// A sentence when the port cannot be had.
fn taken(port: u16, whose: &str, flag: &str) -> Option<String> {
    let error = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).err()?;
    let why = if error.kind() == ErrorKind::AddrInUse {
        let holder = procfs::port_holder(port);
        let holder = holder.unwrap_or_else(|| "a process that cannot be seen".to_owned());
        format!("is in use by {holder}")
    } else {
        format!("cannot be opened ({error})")
    };
    Some(format!(
        "port {port}, for {whose}, {why}: end that, or choose another with {flag} PORT"
    ))
}

/// Whether a configuration uses a demo provider outside its comments.
pub(crate) fn uses_demo(config: &str) -> bool {
    (0..DEMO_PROVIDERS).any(|offset| uses(config, DEFAULT_PROVIDERS + offset))
}

/// Whether a configuration uses the local language model outside its comments.
pub(crate) fn uses_llm(config: &str) -> bool {
    uses(config, DEFAULT_PROVIDERS + DEMO_PROVIDERS)
}

fn uses(config: &str, port: u16) -> bool {
    config
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .any(|line| line.contains(&endpoint(port)))
}

fn endpoint(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// Ports of 127.0.0.1 that are free now, all different.
pub(crate) fn free(count: usize) -> Outcome<Vec<u16>> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    // All are held until all are known, so that none is given twice.
    let held: Result<Vec<TcpListener>, _> =
        (0..count).map(|_| TcpListener::bind(address)).collect();
    let ports: Result<Vec<u16>, _> = held.and_then(|held| {
        held.iter()
            .map(|one| one.local_addr().map(|at| at.port()))
            .collect()
    });
    ports.map_err(|error| Failure::new(format!("no free ports: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_named_with_its_flag_and_holder() {
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = held.local_addr().unwrap().port();
        let free = free(2).unwrap();
        let ports = Ports::new(port, free[0], free[1]);
        let failure = ports.check(false, false).unwrap_err().to_string();
        assert!(
            failure.contains(&format!("port {port}, for the gateway")),
            "{failure}"
        );
        assert!(failure.contains("--port PORT"), "{failure}");
        if cfg!(target_os = "linux") {
            assert!(
                failure.contains(&format!("pid {}", std::process::id())),
                "{failure}"
            );
        }
        drop(held);
        ports.check(false, false).unwrap();
    }

    #[test]
    fn demo_endpoints_move_together() {
        let config = "a: http://127.0.0.1:9101/v1\nb: http://127.0.0.1:9105/v1\nc: 127.0.0.1:8081";
        let mut ports = Ports::new(1, 2, 3);
        assert_eq!(ports.moved(config), config);
        // Overlaps the range that it is moved from.
        ports.provider_ports = 9105;
        assert_eq!(
            ports.moved(config),
            "a: http://127.0.0.1:9105/v1\nb: http://127.0.0.1:9109/v1\nc: 127.0.0.1:8081"
        );
    }

    #[test]
    fn comments_start_no_providers() {
        assert!(uses_demo("  endpoint: http://127.0.0.1:9104/v1"));
        assert!(!uses_demo("  # endpoint: http://127.0.0.1:9104/v1"));
        assert!(!uses_demo("endpoint: https://api.openai.com/v1"));
        assert!(uses_llm("endpoint: http://127.0.0.1:9105/v1"));
        assert!(!uses_llm("endpoint: http://127.0.0.1:9101/v1"));
    }
}
