//! The control plane, shared by the tasks of one thread.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::Ms;
use crate::audit::Audit;
use crate::command_file::{CommandFile, Kept};
use crate::config::Date;
use crate::control::Control;
use crate::key_file::KeyFile;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::quota::Quota;

/// The control plane with the clock that it is told.
pub struct Shared {
    control: Mutex<Control>,
    metrics: Arc<Metrics>,
    news: Arc<Notify>,
    key_file: Option<KeyFile>,
    start: Instant,
    ledger: OnceLock<Ledger>,
    audit: OnceLock<Audit>,
    quota: Quota,
    commands: OnceLock<Commands>,
}

/// Where commands are kept.
struct Commands {
    file: CommandFile,
    /// What is in the file; `None`: it could not be written last.
    written: Mutex<Option<Kept>>,
}

/// `/v1/commands`.
#[derive(Debug, Serialize)]
pub struct CommandsView {
    /// The file that keeps them; `None`: they end with this process.
    file: Option<String>,
    /// Whether all of them are in it.
    kept: bool,
    #[serde(flatten)]
    commands: Kept,
}

impl Shared {
    /// Shares a control plane; the clock starts now.
    #[must_use]
    pub fn new(control: Control, key_file: Option<KeyFile>) -> Arc<Self> {
        Self::with_quota(control, key_file, Quota::default())
    }

    /// The same with a store of limits.
    #[must_use]
    pub fn with_quota(control: Control, key_file: Option<KeyFile>, quota: Quota) -> Arc<Self> {
        let (metrics, news) = (Arc::clone(control.metrics()), Arc::clone(control.news()));
        let start = Instant::now();
        Arc::new(Self {
            control: Mutex::new(control),
            metrics,
            news,
            key_file,
            start,
            ledger: OnceLock::new(),
            audit: OnceLock::new(),
            quota,
            commands: OnceLock::new(),
        })
    }

    /// The control plane. Never held over an await.
    pub fn control(&self) -> MutexGuard<'_, Control> {
        // A panic ends the process, so nobody sees what it left behind.
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where keys are kept that are made while Ark runs.
    #[must_use]
    pub fn key_file(&self) -> Option<&KeyFile> {
        self.key_file.as_ref()
    }

    /// The store of limits.
    #[must_use]
    pub fn quota(&self) -> &Quota {
        &self.quota
    }

    /// Where to count.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The ledger, if there is one.
    #[must_use]
    pub fn ledger(&self) -> Option<&Ledger> {
        self.ledger.get()
    }

    /// Writes down in `ledger` from here on.
    pub fn keep_in(&self, ledger: Ledger) {
        self.metrics.ledger().opened();
        let _ = self.ledger.set(ledger);
    }

    /// The audit log, if there is one.
    #[must_use]
    pub fn audit(&self) -> Option<&Audit> {
        self.audit.get()
    }

    /// Has who did what written to `audit` from here on.
    pub fn audit_in(&self, audit: Audit) {
        self.metrics.audit().opened();
        let _ = self.audit.set(audit);
    }

    /// Keeps commands in `file` from here on, which has `kept`.
    pub fn keep_commands_in(&self, file: CommandFile, kept: Kept) {
        let written = Mutex::new(Some(kept));
        let _ = self.commands.set(Commands { file, written });
    }

    /// Writes down what was commanded, if that has changed; whether it is kept, as far as it is to be.
    pub fn keep_commands(&self) -> bool {
        let Some(commands) = self.commands.get() else {
            return true;
        };
        let kept = self.control().kept();
        let written = commands.written.lock();
        let mut written = written.unwrap_or_else(PoisonError::into_inner);
        if written.as_ref() == Some(&kept) {
            return true;
        }
        match commands.file.save(&kept) {
            Ok(()) => {
                *written = Some(kept);
                true
            }
            Err(reason) => {
                // Tried again at every tick, said once.
                if written.take().is_some() {
                    tracing::error!(
                        reason,
                        "commands are in force, but a restart would undo them"
                    );
                }
                self.metrics.commands_unkept();
                false
            }
        }
    }

    /// `/v1/commands`.
    #[must_use]
    pub fn commands_view(&self) -> CommandsView {
        let commands = self.control().kept();
        let keeps = self.commands.get();
        let is_kept = keeps.is_some_and(|keeps| {
            let written = keeps.written.lock();
            let written = written.unwrap_or_else(PoisonError::into_inner);
            written.as_ref() == Some(&commands)
        });
        CommandsView {
            file: keeps.map(|keeps| keeps.file.path().display().to_string()),
            kept: is_kept,
            commands,
        }
    }

    /// Told when Envoy has something new to take.
    #[must_use]
    pub fn news(&self) -> &Notify {
        &self.news
    }

    /// This moment.
    #[must_use]
    pub fn now(&self) -> Ms {
        Ms::try_from(self.start.elapsed().as_millis()).unwrap_or(Ms::MAX)
    }
}

/// This day.
#[must_use]
pub fn today() -> Date {
    Date::of(SystemTime::now())
}

/// Milliseconds since the Unix epoch.
#[must_use]
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
