//! Commands to a running sidecar: drains, canaries, keys.

use std::path::PathBuf;

use ark_sidecar::config::{CertificateFiles, ClientTlsConfig};
use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct Drain {
    /// The provider
    pub(crate) provider: String,
    /// Give it requests again
    #[arg(long)]
    pub(crate) undo: bool,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

#[derive(Debug, Args)]
pub(crate) struct OnCanary {
    /// The model
    pub(crate) model: String,
    /// What to do with its canary
    pub(crate) action: CanaryAction,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum CanaryAction {
    /// To the next step now, proved or not
    Promote,
    /// To nothing now
    Rollback,
    /// No further, until `resume`
    Hold,
    /// Further again
    Resume,
    /// From the first step again, after a rollback too
    Restart,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Print a fresh key, once, and the digest that goes into ark.yaml
    New,
    /// Print the digest of the key on standard input
    Hash,
    /// Make a key that works within two seconds, and print it, once
    Create(CreateKey),
    /// List all keys: whose, from where, in what state
    List {
        #[command(flatten)]
        admin: AdminArgs,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a new key in place of another, which goes on for a time of grace
    Rotate {
        /// The key's id
        id: String,
        /// How long both are good, e.g. 24h; 0s ends the old one at once
        #[arg(long, default_value = "24h", value_parser = seconds)]
        grace: u64,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Refuse a key from now on, for ever
    Revoke {
        /// The key's id
        id: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
}

/// Which sidecar, and who asks.
#[derive(Debug, Args)]
pub(crate) struct AdminArgs {
    /// The admin port of the sidecar
    #[arg(
        long = "admin",
        value_name = "URL",
        env = "ARK_ADMIN_URL",
        default_value = "http://127.0.0.1:8081"
    )]
    pub(crate) url: String,
    /// A file with the token of one of admin.tokens; otherwise ARK_ADMIN_TOKEN of the environment
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) tls: AdminTlsArgs,
}

/// For an `--admin` that is `https://`.
#[derive(Debug, Args)]
pub(crate) struct AdminTlsArgs {
    /// The authorities that the sidecar's certificate may be of, PEM; without it those of the system
    #[arg(long, value_name = "FILE", env = "ARK_ADMIN_CA")]
    ca: Option<PathBuf>,
    /// A certificate of your own, PEM, for a port that asks for one
    #[arg(long, value_name = "FILE", env = "ARK_ADMIN_CERT", requires = "key")]
    cert: Option<PathBuf>,
    /// The private key of that certificate, PEM
    #[arg(long, value_name = "FILE", env = "ARK_ADMIN_KEY", requires = "cert")]
    key: Option<PathBuf>,
    /// The name to find in the sidecar's certificate, where it is not the host of --admin
    #[arg(long, value_name = "NAME", env = "ARK_ADMIN_SERVER_NAME")]
    server_name: Option<String>,
}

impl AdminTlsArgs {
    /// TLS 1.3, which every sidecar speaks.
    pub(crate) fn config(&self) -> ClientTlsConfig {
        let files = self.cert.clone().zip(self.key.clone());
        ClientTlsConfig {
            ca_file: self.ca.clone(),
            certificate: files.map(|(cert_file, key_file)| CertificateFiles {
                cert_file,
                key_file,
            }),
            server_name: self.server_name.clone(),
            ..ClientTlsConfig::default()
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct CreateKey {
    /// Whose key it is; a tenant of ark.yaml
    #[arg(long)]
    pub(crate) tenant: String,
    /// Its public name, as reports show it
    #[arg(long)]
    pub(crate) id: String,
    /// Models that it may use; * for all
    #[arg(long, value_delimiter = ',', required = true)]
    pub(crate) models: Vec<String>,
    /// The priority of its requests
    #[arg(long)]
    pub(crate) priority: Option<String>,
    /// The priorities that its requests may ask for
    #[arg(long, value_delimiter = ',')]
    pub(crate) priorities: Vec<String>,
    /// Let it pin providers
    #[arg(long)]
    pub(crate) may_pin: bool,
    /// Its request limit
    #[arg(long, value_name = "N")]
    pub(crate) requests_per_minute: Option<u32>,
    /// How long it is good, e.g. 90d; for ever when absent
    #[arg(long, value_parser = seconds)]
    pub(crate) expires_in: Option<u64>,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

/// A duration of days, hours, minutes or seconds: `90d`, `24h`, `30m`, `45s`.
fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || "write it as 90d, 24h, 30m or 45s".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let unit_s = match unit {
        'd' => 86_400,
        'h' => 3_600,
        'm' => 60,
        's' => 1,
        _ => return Err(wrong()),
    };
    let digits = text.strip_suffix(unit).unwrap_or_default();
    let count: u64 = digits.parse().map_err(|_not_a_number| wrong())?;
    count.checked_mul(unit_s).ok_or_else(wrong)
}
