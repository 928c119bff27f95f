//! The root context: which role this plugin plays, and the tick that keeps in touch.

use std::rc::Rc;

use ark_gateway_core::keys::Paged;
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;
use serde::Deserialize;

use crate::gateway::GatewayFilter;
use crate::provider::ProviderFilter;
use crate::pulse::{Pulse, TICK};
use crate::quota::Renewal;
use crate::sync::Sync;
use crate::{host, incoming, vm};

/// Of so many ticks, at one the gateway role looks whether there is something to send: every 100 ms.
const TICKS: u32 = 2;

/// The plugin's configuration, written by the sidecar or by `ark render envoy`.
#[derive(Deserialize)]
#[serde(try_from = "Members")]
enum PluginConfig {
    Gateway {
        /// Cluster of the sidecar; none in a static deployment without one.
        sidecar_cluster: Option<String>,
        /// Most milliseconds between two exchanges with the sidecar.
        sync_interval_ms: u64,
        /// The snapshot to start from.
        snapshot: Option<Box<Paged>>,
    },
    Provider {
        /// The provider whose cluster this is.
        provider: String,
    },
}

/// The members of either role.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    role: RoleName,
    sidecar_cluster: Option<String>,
    sync_interval_ms: Option<u64>,
    /// As `ark_link` has it in texts.
    snapshot: Option<String>,
    provider: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum RoleName {
    Gateway,
    Provider,
}

impl TryFrom<Members> for PluginConfig {
    type Error = &'static str;

    fn try_from(members: Members) -> Result<Self, Self::Error> {
        let Members {
            role,
            sidecar_cluster,
            sync_interval_ms,
            snapshot,
            provider,
        } = members;
        match (role, provider, sync_interval_ms) {
            (RoleName::Provider, Some(provider), None) => Ok(Self::Provider { provider }),
            (RoleName::Gateway, None, Some(sync_interval_ms)) => Ok(Self::Gateway {
                sidecar_cluster,
                sync_interval_ms,
                snapshot: match snapshot.map(|text| ark_link::snapshot_from_text(&text)) {
                    None => None,
                    Some(Ok(paged)) => Some(Box::new(paged)),
                    Some(Err(_)) => return Err("the snapshot is of another version of Ark"),
                },
            }),
            (RoleName::Provider | RoleName::Gateway, _, _) => Err("not the members of its role"),
        }
    }
}

/// Its role; none when the configuration was bad.
#[derive(Default)]
enum Role {
    #[default]
    None,
    Gateway(Option<Sync>, Renewal),
    Provider(Rc<str>),
}

/// One plugin in one VM.
#[derive(Default)]
pub(crate) struct Root {
    role: Role,
    pulse: Pulse,
    ticks: u32,
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body_size: usize, _: usize) {
        if let Role::Gateway(Some(sync), renewal) = &mut self.role
            && !renewal.on_response(token, headers, body_size)
        {
            sync.on_response(token, headers, body_size);
        }
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let config = match serde_json::from_slice(&host::plugin_configuration()) {
            Ok(config) => config,
            Err(error) => {
                host::warn(&format!("bad plugin configuration: {error}"));
                return false;
            }
        };
        self.role = match config {
            PluginConfig::Provider { provider } => Role::Provider(provider.into()),
            PluginConfig::Gateway {
                sidecar_cluster,
                sync_interval_ms,
                snapshot,
            } => {
                vm::with(|vm| vm.sidecar.clone_from(&sidecar_cluster));
                let sync = sidecar_cluster.map(|c| Sync::new(c, sync_interval_ms));
                start_serving(sync.is_some(), snapshot);
                Role::Gateway(sync, Renewal::default())
            }
        };
        true
    }

    fn on_tick(&mut self) {
        self.pulse.begins();
        self.ticks = self.ticks.wrapping_add(1);
        if let Role::Gateway(Some(sync), renewal) = &mut self.role
            && self.ticks.is_multiple_of(TICKS)
        {
            renewal.on_tick();
            sync.on_tick();
            vm::with(incoming::tidy);
        }
        self.pulse.ends();
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        match &self.role {
            Role::None => None,
            Role::Gateway(..) => Some(Box::new(GatewayFilter::default())),
            Role::Provider(name) => Some(Box::new(ProviderFilter::new(Rc::clone(name)))),
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// Starts from the newest snapshot at hand: this VM's, that of a VM that trapped, the configured one.
fn start_serving(has_sidecar: bool, configured: Option<Box<Paged>>) {
    vm::with(|vm| {
        if has_sidecar {
            vm.heard.get_or_insert(host::now());
        }
        if vm.policy.is_none()
            && !incoming::restore(vm)
            && let Some(paged) = configured
        {
            incoming::configured(vm, *paged);
        }
    });
    host::report("tick", hostcalls::set_tick_period(TICK));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_has_the_members_of_its_role() {
        for (config, fits) in [
            (r#"{"role":"provider","provider":"a"}"#, true),
            (r#"{"role":"gateway","sync_interval_ms":250}"#, true),
            (
                r#"{"role":"gateway","sync_interval_ms":250,"sidecar_cluster":"s","snapshot":null}"#,
                true,
            ),
            (r#"{"role":"gateway"}"#, false),
            (
                r#"{"role":"gateway","sync_interval_ms":250,"provider":"a"}"#,
                false,
            ),
            (r#"{"role":"provider"}"#, false),
            (
                r#"{"role":"provider","provider":"a","sync_interval_ms":250}"#,
                false,
            ),
            (r#"{"role":"provider","provider":"a","x":1}"#, false),
            (r#"{"role":"x"}"#, false),
        ] {
            let read = serde_json::from_str::<PluginConfig>(config);
            assert_eq!(read.is_ok(), fits, "{config}");
        }
    }
}
