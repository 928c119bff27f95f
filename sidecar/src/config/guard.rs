//! `guard`, typed.

use ark_gateway_core::guard::Action;
use ark_gateway_core::record::Endpoint;
use ark_redact::Kinds;

use super::access::WhoConfig;

/// One of `guard`. Of every list: `None` for any, never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardConfig {
    /// Its name, unique.
    pub name: String,
    /// What it looks for; at least one kind.
    pub find: Kinds,
    /// What becomes of it.
    pub action: Action,
    /// Whom it concerns.
    pub who: WhoConfig,
    /// Names of models, never aliases.
    pub models: Option<Vec<String>>,
    /// Endpoints.
    pub endpoints: Option<Vec<Endpoint>>,
}
