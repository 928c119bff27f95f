//! The ledger in the service: opened at the start, written before records are acknowledged, pruned.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use ark_gateway_core::sync::SyncRequest;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::shared::{self, Shared};
use crate::config::{LedgerConfig, LedgerStore, OnLedgerFailure};
use crate::ledger::{
    Chosen, DEFAULT_LIMIT_LINES, Database, Heard, Ledger, Line, Place, Postgres, Spool, Store,
    Writer, choose, lines_of, reserved_lines_of, state_directory,
};

/// How often a step of old lines goes.
const PRUNE_EVERY: Duration = Duration::from_secs(5);
/// How often a spool is looked at.
const TICK: Duration = Duration::from_millis(500);
/// After how long a worker that nobody hears is gone, seconds, where the operator does not say.
const LOST_AFTER_S: u32 = 60;
const SPOOL_NAME: &str = "ledger-spool.db";
const DAY_MS: i64 = 86_400_000;

/// Opens the ledger where the operator wants it, or in the state directory.
///
/// # Errors
/// In words for the operator: it was asked for, and cannot be opened.
pub(super) fn open(shared: &Shared, asked: Option<LedgerStore>) -> Result<Option<Writer>, String> {
    let config = shared.control().ledger().clone();
    let asked = asked.or(config.store.clone());
    let must = asked.is_some();
    let state = std::env::var("STATE_DIRECTORY").ok();
    let place = match choose(asked, state.as_deref()) {
        Chosen::At(place) => place,
        Chosen::Off => {
            tracing::warn!("the ledger is off: what is spent is counted, and not written down");
            return Ok(None);
        }
        Chosen::NoPlace => {
            tracing::warn!(
                "no ledger: there is no state directory; name a file with --ledger, or say \
                 `--ledger off`"
            );
            return Ok(None);
        }
    };
    match open_at(&place, &config, state.as_deref()) {
        Ok((database, spool)) => Ok(Some(keep(shared, place, (database, spool)))),
        Err(problem) if must => Err(format!("{problem}; choose another place with --ledger")),
        Err(problem) => {
            tracing::warn!(problem, "no ledger: what is spent is not written down");
            Ok(None)
        }
    }
}

/// A database elsewhere need not be there yet: lines wait for it.
fn open_at(
    place: &Place,
    config: &LedgerConfig,
    state: Option<&str>,
) -> Result<(Database, Option<Spool>), String> {
    let durability = config.durability;
    let elsewhere = match place {
        Place::File(path) => return Ok((Store::open(path, durability)?.into(), None)),
        Place::Postgres(elsewhere) => elsewhere.clone(),
    };
    let database = Postgres::to_write(elsewhere, durability)?;
    let limit_lines = config.spool.limit_lines.unwrap_or(DEFAULT_LIMIT_LINES);
    let file = match &config.spool.store {
        Some(LedgerStore::File(path)) => Some(path.clone()),
        Some(LedgerStore::Off | LedgerStore::Postgres(_)) => None,
        None => state_directory(state).map(|directory| directory.join(SPOOL_NAME)),
    };
    let spool = match &file {
        Some(file) => Some(Spool::open(file, durability, limit_lines)?),
        None => {
            tracing::warn!("no ledger.spool: workers keep what the database does not take");
            None
        }
    };
    Ok((Database::Postgres(Box::new(database)), spool))
}

fn keep(shared: &Shared, place: Place, (database, spool): (Database, Option<Spool>)) -> Writer {
    tracing::info!(ledger = %place, "what is spent is written down");
    let (ledger, writer) = Ledger::new(place, database);
    let metrics = shared.metrics().ledger();
    metrics.waiting(spool.as_ref().map_or(0, Spool::lines));
    shared.keep_in(ledger);
    writer.with_spool(spool).counting(metrics)
}

/// The lines of a worker's records; none when there is no ledger.
pub(super) fn lines(shared: &Shared, request: &SyncRequest) -> Vec<Line> {
    match shared.ledger() {
        Some(_) => request
            .records
            .iter()
            .flat_map(|record| lines_of(&request.worker, record))
            .chain(
                request
                    .opened
                    .iter()
                    .flat_map(|record| reserved_lines_of(&request.worker, record)),
            )
            .collect(),
        None => Vec::new(),
    }
}

/// Writes lines down; whether the worker must keep their records and send them again.
pub(super) async fn write_down(shared: &Shared, lines: Vec<Line>) -> bool {
    let Some(ledger) = shared.ledger().filter(|_| !lines.is_empty()) else {
        return false;
    };
    let count = lines.len() as u64;
    let failure = match ledger.put(lines).await {
        Ok(written) => {
            shared.metrics().ledger().written(written);
            return false;
        }
        Err(failure) => failure,
    };
    shared.metrics().ledger().failed(failure);
    let policy = shared.control().ledger().on_failure;
    match policy {
        OnLedgerFailure::Hold => {
            tracing::debug!(%failure, lines = count, "not written down; the worker sends them again");
            true
        }
        OnLedgerFailure::Drop => {
            shared.metrics().ledger().dropped(count);
            tracing::error!(%failure, lines = count, "not written down, and dropped as configured");
            false
        }
    }
}

/// Removes what is older than the operator wants to keep, a step at a time, for ever.
///
/// # Errors
/// Never.
pub(super) async fn retain(shared: Arc<Shared>) -> Result<Infallible, String> {
    let mut tick = interval(PRUNE_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let days = shared.control().ledger().retention_days;
        if let (Some(days), Some(ledger)) = (days, shared.ledger()) {
            let now = i64::try_from(shared::unix_ms()).unwrap_or(i64::MAX);
            ledger.prune(now.saturating_sub(i64::from(days) * DAY_MS));
        }
    }
}

/// Tells the ledger which workers are heard, so that lines of the others do not stay open, for ever.
///
/// # Errors
/// Never.
pub(super) async fn close(shared: Arc<Shared>) -> Result<Infallible, String> {
    loop {
        let seconds = shared.control().ledger().lost_after_s;
        let lost_after_ms = seconds.unwrap_or(LOST_AFTER_S).saturating_mul(1_000);
        sleep(Duration::from_millis(u64::from(lost_after_ms) / 6)).await;
        let Some(ledger) = shared.ledger() else {
            continue;
        };
        let now = i64::try_from(shared::unix_ms()).unwrap_or(i64::MAX);
        let silent = shared.control().silent_workers(shared.now());
        let seen = |(worker, ms)| (worker, now.saturating_sub(i64::try_from(ms).unwrap_or(0)));
        ledger.close(Heard {
            workers: silent.into_iter().map(seen).collect(),
            now,
            lost_after_ms,
        });
    }
}

/// Has the writer look at its spool, for ever.
///
/// # Errors
/// Never.
pub(super) async fn tick(shared: Arc<Shared>) -> Result<Infallible, String> {
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Some(ledger) = shared.ledger() {
            ledger.tick();
        }
    }
}
