//! `ark.yaml`: read strictly, reported completely, compiled once into a snapshot.

mod access;
mod admin;
mod audit;
mod capable;
mod catalogue;
mod compile;
mod compile_access;
mod compile_guard;
mod compile_identity;
mod compile_limits;
mod date;
mod doubtful_access;
mod doubtful_guard;
mod doubtful_tls;
mod doubts;
mod endpoint;
mod guard;
mod identity;
mod key_pages;
mod ledger;
mod limits;
mod moment;
mod node;
mod postgres;
mod prices;
mod problem;
mod read;
mod rules;
mod shape;
mod tenant;
mod tls;
mod vendor;
mod words;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub use access::{AccessConfig, HoursConfig, WhoConfig};
pub use admin::{AdminConfig, AdminTokenConfig, Role};
pub use audit::{AuditConfig, AuditPlace};
pub(crate) use catalogue::file_of;
pub use catalogue::parse_at;
pub use compile::{compile, compile_paged};
pub use date::Date;
pub use doubts::{unknown_prices, warnings, warnings_without_sidecar};
pub use endpoint::{Endpoint, Host, Scheme};
pub use guard::GuardConfig;
pub use identity::{
    CertificateConfig, CertificateFiles, ClaimsConfig, ClientCertificatesConfig, IdentityConfig,
    JwksConfig, JwtConfig, ListenerTlsConfig,
};
pub use key_pages::KeyPages;
pub use ledger::{Durability, LedgerConfig, LedgerSpool, LedgerStore, OnLedgerFailure};
pub use limits::{
    DowngradeConfig, LimitAlertsConfig, LimitConfig, LimitsStoreConfig, StepConfig, StorePlace,
    Stretch, WindowConfig,
};
pub use postgres::{PostgresConfig, PostgresTls};
pub use prices::{CeilingConfig, Currency, PriceConfig, PricesConfig, UnknownPriceConfig};
pub use problem::{Problem, Problems};
pub use read::prober;
pub use rules::{CanaryConfig, DrainConfig, PromoteConfig, RulesConfig};
pub use shape::{
    AuthConfig, AwsConfig, AwsCredentialsConfig, CommandConfig, Config, CredentialConfig,
    GatewayConfig, HedgeConfig, ModelConfig, ModelTimeoutsConfig, ProbeConfig, ProviderConfig,
    ProviderLimitsConfig, ProviderTimeoutsConfig, RequiresConfig, ShadowConfig, TargetConfig,
    TlsConfig, TlsVersion,
};
pub use tenant::{KeyConfig, KeyModelsConfig, TenantConfig};
pub use tls::{AdminCertificateConfig, AdminTlsConfig, CertifiedAs, ClientTlsConfig};

/// Why a file gave no [`Config`].
#[derive(Debug)]
pub enum LoadError {
    /// It could not be read.
    Read(PathBuf, std::io::Error),
    /// It was read, and is wrong.
    Invalid(PathBuf, Problems),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            Self::Invalid(path, problems) => {
                write!(f, "{} is not valid:\n{problems}", path.display())
            }
        }
    }
}

impl std::error::Error for LoadError {}

/// Largest file that is read; the largest real ones are a hundredth of it.
const FILE_LIMIT_BYTES: u64 = 8 * 1024 * 1024;

/// Reads a configuration from its YAML text, without its price catalogue: see [`parse_at`].
///
/// # Errors
/// Everything that is wrong with it, at once; for text that is not YAML only the first error.
pub fn parse(text: &str) -> Result<Config, Problems> {
    let options = serde_saphyr::options! {
        // A snippet repeats the text around an error, and that can be a pasted key.
        with_snippet: false,
        // `no` is a word unless somebody means `false`, in YAML 1.2.
        strict_booleans: true,
    };
    let document: Value = serde_saphyr::from_str_with_options(text, options).map_err(not_yaml)?;
    let sink = node::Sink::default();
    match read::read(&document, &sink) {
        Some(config) => Ok(config),
        None => Err(sink.into_problems()),
    }
}

fn not_yaml(error: serde_saphyr::Error) -> Problems {
    let path = match error.location() {
        Some(at) => format!("line {}, column {}", at.line(), at.column()),
        None => "(file)".to_owned(),
    };
    let message = if matches!(error, serde_saphyr::Error::DuplicateMappingKey { .. }) {
        "this field is written twice".to_owned()
    } else {
        // The parser's words can repeat the file's.
        let words = error.to_string();
        let mut parts =
            words.split(|letter: char| letter.is_whitespace() || "\"'`".contains(letter));
        if parts.any(words::looks_secret) {
            "is not YAML".to_owned()
        } else {
            format!("is not YAML: {words}")
        }
    };
    Problems(vec![Problem {
        path,
        message,
        hint: None,
    }])
}

/// Reads one key as an entry of a tenant's `keys`, for a configuration that is in force.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_key(entry: &Value, config: &Config) -> Result<KeyConfig, Problems> {
    let sink = node::Sink::default();
    match read::read_key(entry, config, &sink) {
        Some(key) => Ok(key),
        None => Err(sink.into_problems()),
    }
}

/// Reads a configuration from a file.
///
/// # Errors
/// The file cannot be read, or everything that is wrong with it.
pub fn load(path: &Path) -> Result<Config, LoadError> {
    use std::io::Read as _;
    let unreadable = |error| LoadError::Read(path.to_owned(), error);
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut text = String::new();
    let read = file.take(FILE_LIMIT_BYTES + 1).read_to_string(&mut text);
    if read.map_err(unreadable)? as u64 > FILE_LIMIT_BYTES {
        let message = format!("larger than {FILE_LIMIT_BYTES} bytes");
        return Err(unreadable(std::io::Error::other(message)));
    }
    parse_at(&text, path).map_err(|problems| LoadError::Invalid(path.to_owned(), problems))
}
