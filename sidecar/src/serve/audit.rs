//! The audit log in the service: opened at the start, told of requests before they are acknowledged,
//! and of all that changes how they are served.

use ark_gateway_core::sync::SyncRequest;
use hyper::StatusCode;
use serde_json::{Value, json};

use super::access::Who;
use super::admin_api::PATHS;
use super::shared::{Shared, unix_ms};
use crate::audit::{Audit, Event, Rules, Store, Writer};
use crate::config::{AuditConfig, AuditPlace, Durability, OnLedgerFailure};

const MIB: u64 = 1 << 20;
const HOUR_MS: u64 = 3_600_000;

/// Opens the log where the operator wants it, or in the state directory.
///
/// # Errors
/// In words for the operator: it was asked for, and cannot be opened.
pub(super) fn open(shared: &Shared) -> Result<Option<Writer>, String> {
    let config = shared.control().audit().clone();
    let state = std::env::var("STATE_DIRECTORY").ok();
    let Some(dir) = config.place.dir(state.as_deref()) else {
        tracing::warn!("no audit log: name a directory with audit.dir");
        return Ok(None);
    };
    match Store::open(&dir, rules_of(&config), unix_ms()) {
        Ok(store) => {
            let head = store.link().clone();
            tracing::info!(dir = %dir.display(), sequence = head.sequence, head = head.hash, "who does what is written down");
            let (audit, writer) = Audit::new(&dir, store);
            shared.audit_in(audit);
            let version = shared.control().version();
            note(
                shared,
                Event::new(
                    "start",
                    json!({
                        "ark": env!("CARGO_PKG_VERSION"),
                        "pid": std::process::id(),
                        "snapshot": version,
                    }),
                ),
            );
            Ok(Some(writer.counting(shared.metrics().audit())))
        }
        Err(problem) => match config.place {
            AuditPlace::Dir(_) => Err(format!("{problem}; choose another place with audit.dir")),
            AuditPlace::State | AuditPlace::Off => {
                tracing::warn!(problem, "no audit log");
                Ok(None)
            }
        },
    }
}

fn rules_of(config: &AuditConfig) -> Rules {
    Rules {
        rotate_bytes: u64::from(config.rotate_mb) * MIB,
        rotate_ms: u64::from(config.rotate_hours) * HOUR_MS,
        keep_ms: config.keep_days.map(|days| u64::from(days) * 24 * HOUR_MS),
        is_durable: config.durability == Durability::Disk,
    }
}

/// What a worker's records say; nothing when there is no log.
pub(super) fn events(shared: &Shared, request: &SyncRequest) -> Vec<Event> {
    match shared.audit() {
        Some(_) => request
            .records
            .iter()
            .map(|record| Event::of_request(&request.worker, record))
            .collect(),
        None => Vec::new(),
    }
}

/// Writes them down; whether the worker must keep their records and send them again.
pub(super) async fn write_down(shared: &Shared, events: Vec<Event>) -> bool {
    let Some(audit) = shared.audit().filter(|_| !events.is_empty()) else {
        return false;
    };
    let count = events.len() as u64;
    let failure = match audit.put(events).await {
        Ok(_lines) => return false,
        Err(failure) => failure,
    };
    shared.metrics().audit().failed(failure);
    let policy = shared.control().audit().on_failure;
    match policy {
        OnLedgerFailure::Hold => {
            tracing::debug!(%failure, lines = count, "not in the audit log; the worker sends them again");
            true
        }
        OnLedgerFailure::Drop => {
            shared.metrics().audit().lost(count);
            audit.lose(count);
            tracing::error!(%failure, lines = count, "not in the audit log, and dropped as configured");
            false
        }
    }
}

/// Has something that is no request written down.
pub(super) fn note(shared: &Shared, event: Event) {
    if let Some(audit) = shared.audit()
        && !audit.note(event)
    {
        shared.metrics().audit().lost(1);
        tracing::error!("a line of the audit log is lost: too many wait");
    }
}

/// An operator's change that was made.
pub(super) fn changed(shared: &Shared, who: &Who, action: &str, details: Value) {
    let mut line = json!({ "actor": who.id, "role": who.role.as_str(), "action": action });
    if let (Value::Object(line), Value::Object(details)) = (&mut line, details) {
        line.extend(details);
    }
    note(shared, Event::new("admin", line));
}

/// A request to the admin port that was refused.
pub(super) fn refused(shared: &Shared, request: (&str, &str), status: StatusCode, reason: &str) {
    let (method, path) = request;
    // Whoever reaches the port chooses the path: only what Ark knows of it is written down.
    let path = PATHS
        .iter()
        .find(|known| path.starts_with(**known))
        .unwrap_or(&"other");
    let line =
        json!({ "method": method, "path": path, "status": status.as_u16(), "reason": reason });
    note(shared, Event::new("admin_refused", line));
}

/// A configuration that was taken, or was not. Nobody knows whose edit it was: the file's owner is not
/// who wrote it.
pub(super) fn configured(shared: &Shared, from: &str, sha256: &str, problems: usize) {
    let to = shared.control().version();
    let mut line = json!({ "from": from, "to": to, "sha256": sha256 });
    if problems > 0 {
        line = json!({ "refused": true, "problems": problems, "stays": to, "sha256": sha256 });
    }
    note(shared, Event::new("config", line));
}

/// Writes the last line, and waits for it a moment.
pub(super) async fn stop(shared: &Shared, reason: &str) {
    let Some(audit) = shared.audit() else { return };
    let end = Event::new(
        "stop",
        json!({ "reason": reason, "pid": std::process::id() }),
    );
    if audit.put(vec![end]).await.is_err() {
        tracing::error!("the audit log does not say that this process stopped");
    }
    let status = audit.status();
    tracing::info!(
        sequence = status.sequence,
        head = status.head,
        "the audit log ends here"
    );
}
