//! `admin`, typed: who may use the admin API.

use super::tls::{AdminCertificateConfig, AdminTlsConfig};

/// `admin`: who may use the admin API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdminConfig {
    /// Ids and digests are unique.
    pub tokens: Vec<AdminTokenConfig>,
    /// Whose certificates say who they are.
    pub certificates: Vec<AdminCertificateConfig>,
    /// TLS of the admin port; without it is plain HTTP.
    pub tls: Option<AdminTlsConfig>,
}

/// One of `admin`'s `tokens`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminTokenConfig {
    /// Whose it is, as the audit log names it.
    pub id: String,
    /// SHA-256 of the token, 64 lower-case hex digits.
    pub sha256: String,
    /// What its holder may do.
    pub role: Role,
}

/// What a caller of the admin API may do; each may also do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Read.
    Viewer,
    /// Change how requests are routed.
    Operator,
    /// Make and revoke keys.
    Admin,
}

impl Role {
    /// Its word in `ark.yaml`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}
