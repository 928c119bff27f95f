//! The store of all limits: what workers report comes in, what they may use goes out.

mod alerts;
mod budgets;
mod embedded;
mod redis_store;
mod redis_tls;
mod rules;
#[cfg(test)]
mod tests;
mod webhook;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ark_gateway_core::quota::{Counter, CounterGrant, CounterReport, QuotaAnswer, QuotaReport};
use serde::Serialize;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::{Instant, sleep};

use crate::config::{LimitsStoreConfig, StorePlace};
use crate::metrics::Metrics;
pub use alerts::{Alert, Alerts, run as run_alerts};
pub use budgets::{Budget, Budgets, BudgetsQuestion};
use embedded::Embedded;
use redis_store::RedisStore;
pub use rules::{Rule, Rules};
pub(crate) use webhook::is_metadata;

/// Counters that `/v1/limits` shows at most.
const MOST_SHOWN: usize = 10_000;
/// Workers' counts of dry runs that are remembered at most.
const MOST_DRY: usize = 65_536;
/// Reasons of one outage of the store that are logged at most.
const MOST_REASONS: usize = 8;
/// How long to wait for what is called back before looking again: workers speak every 100 ms.
const RECALL_PAUSE: Duration = Duration::from_millis(25);
/// The answer must be there before the worker gives up.
const RECALL_RESERVE: Duration = Duration::from_millis(40);
/// A window of a worker's clock may begin so much later than by ours, seconds.
const CLOCK_SKEW_S: u64 = 5;

/// Where counters are.
enum Store {
    Embedded(Embedded),
    Redis(Box<RedisStore>),
}

/// One counter to exchange.
struct Turn<'a> {
    name: String,
    end_s: u64,
    rule: &'a Rule,
    report: &'a CounterReport,
}

/// What came of a turn.
struct Outcome {
    grant: CounterGrant,
    used: u64,
    /// Used, without what requests in flight hold.
    settled: u64,
    alert: Option<u8>,
    /// The highest threshold that was ever alerted; 0 for none.
    alerted: u8,
    /// A request lacks what other workers were just asked to give back.
    recalls: bool,
}

/// A counter as `/v1/limits` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// Name of the limit.
    pub limit: String,
    /// Whose counter it is, where it counts per tenant.
    pub tenant: String,
    /// The same for the key.
    pub key: String,
    /// The same for the model.
    pub model: String,
    /// What is counted.
    pub of: &'static str,
    /// First second of the window, since the Unix epoch.
    pub start_s: u64,
    /// First second after it.
    pub end_s: u64,
    /// Used, and held by requests in flight.
    pub used: u64,
    /// The limit.
    pub of_limit: u64,
    /// Used, without what requests in flight hold.
    #[serde(skip)]
    pub settled: u64,
    /// The highest share that has been alerted, percent; 0 for none.
    #[serde(skip)]
    pub alerted: u8,
    /// When this was heard, milliseconds since the Unix epoch.
    #[serde(skip)]
    pub heard_ms: u64,
}

/// The store with its face to workers.
pub struct Quota {
    store: AsyncMutex<Store>,
    deadline: Duration,
    shown: Mutex<BTreeMap<String, Shown>>,
    dry: Mutex<BTreeMap<String, u64>>,
    /// Why the store fails, each reason as it was said; empty while it answers.
    failing: Mutex<BTreeSet<String>>,
    alerts: Alerts,
}

impl Default for Quota {
    fn default() -> Self {
        Self::with(Store::Embedded(Embedded::default()), Duration::from_secs(1))
    }
}

impl Quota {
    fn with(store: Store, deadline: Duration) -> Self {
        Self {
            store: AsyncMutex::new(store),
            deadline,
            shown: Mutex::default(),
            dry: Mutex::default(),
            failing: Mutex::default(),
            alerts: Alerts::default(),
        }
    }

    /// Opens the store that the operator chose.
    ///
    /// # Errors
    /// In words for the operator: its file or its credential cannot be read.
    pub fn open(config: &LimitsStoreConfig, now_ms: u64) -> Result<Self, String> {
        let deadline = Duration::from_millis(config.deadline_ms.into());
        let store = match &config.place {
            StorePlace::Embedded(file) => {
                let opened = Embedded::open(file.as_deref(), now_ms, config.lease_ms);
                Store::Embedded(opened.map_err(|error| format!("limits_store.file: {error}"))?)
            }
            StorePlace::Redis { url, password, tls } => {
                let opened = RedisStore::new(url, password.as_ref(), tls.as_ref());
                Store::Redis(Box::new(
                    opened.map_err(|error| format!("limits_store.redis: {error}"))?,
                ))
            }
        };
        Ok(Self::with(store, deadline))
    }

    /// Takes in a worker's report and answers what it may use. `now_ms` is the Unix time.
    pub async fn exchange(
        &self,
        rules: &Rules,
        report: &QuotaReport,
        (metrics, now_ms): (&Metrics, u64),
    ) -> QuotaAnswer {
        let turns: Vec<Option<Turn<'_>>> = report
            .counters
            .iter()
            .map(|counter| turn(rules, counter, now_ms))
            .collect();
        let known: Vec<&Turn<'_>> = turns.iter().flatten().collect();
        let outcomes = self
            .patiently(&report.worker, &known, (metrics, now_ms))
            .await;
        let mut outcomes = outcomes.into_iter();
        let mut answer = QuotaAnswer::default();
        for turn in &turns {
            let outcome = turn.as_ref().and_then(|_| outcomes.next().flatten());
            if let (Some(turn), Some(outcome)) = (turn, &outcome) {
                self.note(&report.worker, (turn, outcome), metrics);
            } else if turn.is_none() {
                metrics.limits().exchanged("unknown_limit");
            }
            answer.counters.push(outcome.map(|outcome| outcome.grant));
        }
        answer
    }

    /// Exchanges; where a request lacks what other workers hold and do not need, waits for them to give
    /// it back. A report holds totals, so it can be made as often as one likes.
    async fn patiently(
        &self,
        worker: &str,
        turns: &[&Turn<'_>],
        (metrics, now_ms): (&Metrics, u64),
    ) -> Vec<Option<Outcome>> {
        let began = Instant::now();
        let patience = self.deadline.saturating_sub(RECALL_RESERVE);
        let mut alerts = vec![None; turns.len()];
        loop {
            let waited = began.elapsed();
            let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
            let now_ms = now_ms.saturating_add(waited_ms);
            let mut outcomes = self.in_store(worker, turns, (metrics, now_ms)).await;
            for (kept, outcome) in alerts.iter_mut().zip(&mut outcomes) {
                // A threshold is told once, whichever round reached it.
                *kept = outcome.as_ref().and_then(|o| o.alert).max(*kept);
                if let Some(outcome) = outcome {
                    outcome.alert = *kept;
                }
            }
            let recalls = outcomes.iter().flatten().any(|outcome| outcome.recalls);
            if !recalls || began.elapsed() + RECALL_PAUSE > patience {
                return outcomes;
            }
            if waited_ms == 0 {
                metrics.limits().exchanged("recall");
            }
            sleep(RECALL_PAUSE).await;
        }
    }

    async fn in_store(
        &self,
        worker: &str,
        turns: &[&Turn<'_>],
        (metrics, now_ms): (&Metrics, u64),
    ) -> Vec<Option<Outcome>> {
        let mut store = self.store.lock().await;
        let result = match &mut *store {
            Store::Embedded(store) => store.exchange(worker, turns, now_ms),
            Store::Redis(store) => {
                let work = store.exchange(worker, turns, now_ms);
                match tokio::time::timeout(self.deadline, work).await {
                    Ok(result) => result,
                    Err(_late) => {
                        store.forget_connection();
                        Err("no answer in time".to_owned())
                    }
                }
            }
        };
        let mut failing = lock(&self.failing);
        match result {
            Ok(outcomes) => {
                if !std::mem::take(&mut *failing).is_empty() {
                    tracing::info!("the store of limits answers again");
                }
                metrics.limits().exchanged("ok");
                outcomes.into_iter().map(Some).collect()
            }
            Err(reason) => {
                // A connection breaks for one reason, and cannot be made again for another.
                if failing.len() < MOST_REASONS && failing.insert(reason.clone()) {
                    tracing::error!(reason, "the store of limits fails; on_store_down applies");
                }
                metrics.limits().exchanged("store_down");
                turns.iter().map(|_| None).collect()
            }
        }
    }

    fn note(&self, worker: &str, (turn, outcome): (&Turn<'_>, &Outcome), metrics: &Metrics) {
        let Turn { rule, report, .. } = turn;
        let name = format!("{worker}.{}", report.opened);
        if report.would_refuse > 0 {
            let mut dry = lock(&self.dry);
            if dry.len() >= MOST_DRY {
                dry.clear();
            }
            let known = dry.insert(name, report.would_refuse).unwrap_or(0);
            let new = report.would_refuse.saturating_sub(known);
            metrics.limits().would_refuse(&rule.name, new);
        }
        let shown = Shown {
            limit: report.limit.clone(),
            tenant: report.tenant.clone(),
            key: report.key.clone(),
            model: report.model.clone(),
            of: rule.of.as_str(),
            start_s: report.start_s,
            end_s: report.end_s,
            used: outcome.used,
            of_limit: rule.limit,
            settled: outcome.settled,
            alerted: outcome.alerted,
            heard_ms: crate::serve::shared::unix_ms(),
        };
        if let Some(percent) = outcome.alert {
            tracing::warn!(
                limit = shown.limit,
                tenant = shown.tenant,
                key = shown.key,
                model = shown.model,
                percent,
                "a share of a limit is used up"
            );
            self.alerts.tell(Alert::new(&shown, percent), metrics);
        }
        let mut all = lock(&self.shown);
        if all.len() < MOST_SHOWN || all.contains_key(&turn.name) {
            all.insert(turn.name.clone(), shown);
        }
    }

    /// The counters that this sidecar has heard of in windows that run, for `/v1/limits`.
    pub fn shown(&self, now_s: u64) -> Vec<Shown> {
        let mut all = lock(&self.shown);
        all.retain(|_, shown| shown.end_s > now_s);
        all.values().cloned().collect()
    }

    /// What waits for the webhook.
    pub fn alerts(&self) -> &Alerts {
        &self.alerts
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic ends the process, so nobody sees what it left behind.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn turn<'a>(rules: &'a Rules, report: &'a CounterReport, now_ms: u64) -> Option<Turn<'a>> {
    let rule = rules.get(&report.limit)?;
    // A clock that is far off opens windows that have not begun.
    if report.start_s > (now_ms / 1_000).saturating_add(CLOCK_SKEW_S) {
        return None;
    }
    let CounterReport {
        limit,
        tenant,
        key,
        model,
        start_s,
        ..
    } = report;
    Some(Turn {
        name: format!("{limit}|{tenant}|{key}|{model}|{start_s}"),
        end_s: report.end_s,
        rule,
        report,
    })
}

impl Turn<'_> {
    /// Exchanges with the counter.
    fn play(&self, counter: &mut Counter, worker: &str, now_ms: u64) -> Outcome {
        let terms = self.rule.terms(self.end_s, now_ms);
        let grant = counter.exchange(&terms, worker, self.report, now_ms);
        let is_lacking = grant.dry && self.report.need > 0;
        let alert = counter.alert(&self.rule.alerts, &terms, now_ms);
        Outcome {
            grant,
            used: counter.used(&terms, now_ms),
            settled: counter.settled(),
            alert,
            alerted: counter.alerted(),
            recalls: is_lacking && counter.is_recalling(now_ms),
        }
    }
}

/// A store that is shared by the tasks of one thread.
pub type SharedQuota = Arc<Quota>;
