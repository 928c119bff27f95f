//! `audit`, typed.

use std::path::PathBuf;

/// `audit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditConfig {
    /// Where it is.
    pub place: AuditPlace,
    /// Size at which a file is followed by the next, MiB.
    pub rotate_mb: u32,
    /// Age at which it is, hours.
    pub rotate_hours: u32,
    /// Days after which files go; `None` to keep them for ever.
    pub keep_days: Option<u32>,
    /// What becomes of records that cannot be written down.
    pub on_failure: super::OnLedgerFailure,
    /// When a line counts as written.
    pub durability: super::Durability,
}

/// Where the audit log is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AuditPlace {
    /// `audit` in the state directory, if there is one.
    #[default]
    State,
    /// This directory.
    Dir(PathBuf),
    /// Nowhere.
    Off,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self {
            place: AuditPlace::State,
            rotate_mb: 64,
            rotate_hours: 24,
            keep_days: None,
            on_failure: super::OnLedgerFailure::default(),
            durability: super::Durability::default(),
        }
    }
}

impl AuditPlace {
    /// The directory; `state` is `STATE_DIRECTORY` of the environment, as systemd sets it.
    #[must_use]
    pub fn dir(&self, state: Option<&str>) -> Option<PathBuf> {
        match self {
            Self::Off => None,
            Self::Dir(dir) => Some(dir.clone()),
            Self::State => {
                let directory = crate::ledger::state_directory(state)?;
                Some(directory.join("audit"))
            }
        }
    }
}
